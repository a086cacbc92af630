//! Addresses whose messages come back: the mail server's bounce handler says so, and they are not written to until somebody reads there
//! again.

use crate::harness::{Api, CLINIC, Stack, project};
use crate::s13_confirmed::{presses, signs_up, signs_up_and_confirms, stack_entries};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::wire::{MayReason, Problem};
use reqwest::StatusCode;
use reqwest::header::ORIGIN;
use serde_json::json;
use std::io::Write as _;
use std::process::{Command, Stdio};

const ADDRESS: &str = "gwenllian@post.example.org";
const TOKEN: &str = "a-bounce-token-for-tests-only";

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_bounces_is_not_written_to_until_it_is_confirmed_anew() {
    let mut stack = Stack::starts().await;
    stack.configures("mail", [("bounce_token", TOKEN.into())]);
    stack.assent_is_killed();
    stack.assent_starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let entries = stack_entries(&api).await;

    let body = json!({ "channel": "email", "address": "Gwenllian@post.example.org" });
    for request in [api.post("bounced"), api.post("bounced").bearer_auth("another-token-for-tests-only")] {
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json::<Problem>().await.unwrap().code, "not-the-mail-server");
    }
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.may, Choice::Yes);
    let staff_only = api.get("texts").bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(staff_only.status(), StatusCode::UNAUTHORIZED, "the token is good for nothing else");

    bounces(&api, &body).await;
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Bounced));
    assert!(may.receipt.is_some(), "they did agree");
    let list = api.list_of("may/list?topic=clinic-changes&channel=email&format=csv");
    assert!(!list.send().await.unwrap().text().await.unwrap().contains(ADDRESS), "nor is it on the list");
    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Bounced);
    assert_eq!(stack_entries(&api).await, entries, "nobody said anything, so there is no record");

    // A link is not sent there either; a sign-up of today is one message, because the mailbox may be back.
    let asks = [("email", ADDRESS), ("language", "en")];
    let answer = api.post("your-alerts").header(ORIGIN, api.site.assent()).form(&asks).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "and the answer does not tell");
    signs_up(&api, ADDRESS, &["email-health-campaigns"], "en").await;
    let mail = mail_server.mail(2).await;
    let link = mail.link("confirm");
    assert_eq!(api.may(Channel::Email, ADDRESS, "health-campaigns").await.reason, MayReason::Unconfirmed);
    presses(&api, &link).await;
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(
            api.may(Channel::Email, ADDRESS, topic).await.may,
            Choice::Yes,
            "somebody reads there again"
        );
    }

    // Or the mail server's people say that it was mended.
    bounces(&api, &body).await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Bounced);
    bounces(&api, &json!({ "channel": "email", "address": ADDRESS, "bounces": false })).await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.may, Choice::Yes);
    bounces(&api, &json!({ "channel": "email", "address": "nobody@example.org" })).await;
    for (bad, code) in [
        (json!({ "channel": "email", "address": "no address" }), "bad-email"),
        (json!({ "channel": "text", "address": "12" }), "bad-phone"),
        (json!({ "address": ADDRESS }), "bad-body"),
    ] {
        let answer = api.post("bounced").bearer_auth(TOKEN).json(&bad).send().await.unwrap();
        assert_eq!(answer.json::<Problem>().await.unwrap().code, code);
    }
    assert!(!stack.said().contains("gwenllian"), "no address in the server's log");
}

/// A delivery report as Postfix writes it.
const REPORT: &str = "From: MAILER-DAEMON@mail.example.org\r\nTo: alerts@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you\r\n\
--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n\
Final-Recipient: rfc822; gwenllian@post.example.org\r\nAction: ACTION\r\nStatus: STATUS\r\n\
Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--b--\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_servers_delivery_report_is_passed_on_by_the_example() {
    let mut stack = Stack::starts().await;
    std::fs::write(stack.path("bounce.token"), TOKEN).unwrap();
    stack.configures("mail", [("bounce_token_file", "bounce.token".into())]);
    stack.assent_is_killed();
    stack.assent_starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let site = stack.address(&format!("/v1/{CLINIC}"));
    let token = stack.path("bounce.token");
    let reports = |action: &str, status: &str| {
        let mut script = Command::new("python3");
        script.arg(project().join("examples/bounces/report.py")).args([&site, token.to_str().unwrap()]);
        let mut script = script.stdin(Stdio::piped()).spawn().unwrap();
        let report = REPORT.replace("ACTION", action).replace("STATUS", status);
        script.stdin.take().unwrap().write_all(report.as_bytes()).unwrap();
        script.wait().unwrap().code()
    };
    for (action, status) in [("delayed", "4.4.1"), ("failed", "4.7.0"), ("delivered", "2.1.5")] {
        assert_eq!(reports(action, status), Some(0));
        assert_eq!(
            api.may(Channel::Email, ADDRESS, "clinic-changes").await.may,
            Choice::Yes,
            "{action} {status}"
        );
    }
    assert_eq!(reports("failed", "5.1.1"), Some(0));
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Bounced);
    stack.assent_is_killed();
    assert_eq!(reports("failed", "5.1.1"), Some(75), "the mail server keeps it for later");
}

async fn bounces(api: &Api, body: &serde_json::Value) {
    let answer = api.post("bounced").bearer_auth(TOKEN).json(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}
