//! Scenario 13: an email address is confirmed by whoever reads it, by pressing a button, and by nothing else. The mail server
//! is a real one; what it delivered is read by a mail package.

use crate::axe;
use crate::harness::{
    Api, Browser, CHARITY, CLINIC, Holder, Mail, MailServer, Part, Stack, Visitor, until_so,
};
use assent_core::decision::{Act, Choice, Decision};
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_core::wire::{MayReason, SignUpRequest};
use reqwest::StatusCode;

pub(crate) const ADDRESS: &str = "gwenllian@post.example.org";

#[tokio::test(flavor = "multi_thread")]
async fn signed_up_on_the_page_and_confirmed_from_the_mailbox() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(Browser::Chromium).await;
    visitor.allows_script(false).await;

    visitor.opens(&format!("{}/alerts", site.api)).await;
    visitor.presses_on_page("#wanted-email-clinic-changes").await;
    visitor.writes("#email", ADDRESS).await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say what happens next", async || visitor.counts("[role=status]").await == 1).await;
    let mail = mail_server.mail(1).await;
    is_plain_and_honest(&mail, &stack, "Glanmôr");

    let link = mail.link("confirm");
    // A scanner opens every link, with whatever method changes nothing.
    for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
        let path = link.strip_prefix(&format!("{}/", site.api)).unwrap();
        let answer = api.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let before = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((before.may, before.reason), (Choice::No, MayReason::Unconfirmed), "opening confirms nothing");
    assert!(before.message.is_none());

    visitor.opens(&link).await;
    assert!(visitor.reads("main").await.contains(ADDRESS));
    visitor.allows_script(true).await;
    axe::finds_nothing(&visitor, "the page that confirms").await;
    visitor.allows_script(false).await;
    visitor.opens(&link).await;
    visitor.photographs("confirm").await;
    visitor.presses_on_page("main form button").await;
    until_so("the page to say that it is confirmed", async || visitor.counts("[role=status]").await == 1)
        .await;
    visitor.photographs("confirmed").await;

    let after = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((after.may, after.reason), (Choice::Yes, MayReason::Granted), "the very next answer is yes");
    let other = api.may(Channel::Email, ADDRESS, "health-campaigns").await;
    assert_eq!((other.may, other.reason), (Choice::No, MayReason::NotAsked), "for nothing else");

    // The request and the confirmation are two records, each with its time.
    let export = api.export("ndjson", "&purpose=email-clinic-changes").await;
    let records: Vec<serde_json::Value> = export
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|line| Some(serde_json::from_str(line["record"].as_str()?).unwrap()))
        .collect();
    let said: Vec<_> = records
        .iter()
        .map(|record| {
            (record["act"].as_str().unwrap(), record["surface"].as_str().unwrap(), &record["decisions"])
        })
        .collect();
    let given = serde_json::json!({ "email-clinic-changes": Decision::Given });
    let confirmed = serde_json::json!({ "email-clinic-changes": Decision::Confirmed });
    assert_eq!(
        said,
        [
            (Act::Save.as_str(), Surface::AlertForm.as_str(), &given),
            (Act::Link.as_str(), Surface::Message.as_str(), &confirmed)
        ]
    );
    assert!(records[0]["time"].as_str() < records[1]["time"].as_str());
    assert_eq!(
        after.receipt.as_deref(),
        records[1]["id"].as_str(),
        "the receipt behind the yes is the confirmation's"
    );

    // Pressing twice is one confirmation, and nothing more is sent.
    let entries = stack_entries(&api).await;
    assert!(presses(&api, &link).await.contains("role=\"status\""));
    assert_eq!(stack_entries(&api).await, entries);
    assert_eq!(mail_server.mails().len(), 1);
    assert!(!stack.said().contains("gwenllian"), "no address in the server's log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_loses_nothing_across_a_crash() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    signs_up(&api, ADDRESS, &["email-clinic-changes"], "cy").await;
    until_so("Assent to have tried in vain", async || stack.said().contains("a message waits")).await;
    stack.assent_is_killed();
    let mail_server = stack.mail_server_starts().await;
    stack.assent_starts().await;
    let mail = mail_server.mail(1).await;
    assert_eq!(mail.header("content-language"), "cy", "in the language it was asked for in");
    assert!(mail.text.contains("72 awr"), "{}", mail.text);
    presses(&api, &mail.link("confirm")).await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.may, Choice::Yes);
    stack.assent_is_killed();
    stack.assent_starts().await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.may, Choice::Yes);
    assert_eq!(mail_server.mails().len(), 1, "and it is sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_wants_encryption_and_a_login_gets_both() {
    if !Part::Python.is_wanted("a mail server that wants a login") {
        return;
    }
    let mut stack = Stack::starts().await;
    let mail_server = stack.strict_mail_server_starts("assent", "correct horse").await;
    stack.assent_is_killed();
    stack.assent_starts().await;
    signs_up(&stack.api(CLINIC), ADDRESS, &["email-clinic-changes"], "en").await;
    assert_eq!(mail_server.mail(1).await.header("to"), ADDRESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_forged_replayed_or_of_another_site_do_nothing() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let (api, other) = (stack.api(CLINIC), stack.api(CHARITY));
    signs_up(&api, ADDRESS, &["email-clinic-changes"], "en").await;
    let link = mail_server.mail(1).await.link("confirm");
    let token = token(&link, "confirm");
    let entries = stack_entries(&api).await;
    let mut forged = token.clone().into_bytes();
    let place = forged.len() / 2;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let centre = token_of_centre(&mail_server.mail(1).await);
    for bad in [forged.as_str(), &token[..token.len() - 4], "x", &"A".repeat(5000), &centre] {
        let answer = api.post(&format!("confirm/{bad}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{bad}");
        let answer = api.post(&format!("stop/{bad}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{bad}");
    }
    for (of, path) in [(&other, format!("confirm/{token}")), (&other, format!("your-alerts/{centre}"))] {
        assert_eq!(of.get(&path).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            of.post(&path).form(&[("language", "en")]).send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(stack_entries(&api).await, entries, "nothing was recorded");
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Unconfirmed);

    // Confirmation after erasure: there is nothing left to confirm.
    let erase = serde_json::json!({ "whose": { "contact": { "channel": "email", "address": ADDRESS } }, "reason": "asked" });
    let answer = api.as_staff(api.post("people/erase")).json(&erase).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(api.post(&format!("confirm/{token}")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!(
        (may.may, may.reason),
        (Choice::No, MayReason::Suppressed),
        "and the suppression outlives the records"
    );
}

/// Signs up as a program of the site's would.
pub(crate) async fn signs_up(api: &Api, address: &str, wanted: &[&str], language: &str) {
    let (_, notice) = api.notice().await;
    let wanted = wanted.iter().map(|id| PurposeId::new(id).unwrap()).collect();
    let email = Some(address.to_string());
    let body = SignUpRequest {
        notice,
        language: language.into(),
        wanted,
        told: Vec::new(),
        objected: Vec::new(),
        email,
        phone: None,
        age: None,
    };
    let answer = api.signs_up(&Holder::new(), &body).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}

/// Signs up and presses the button behind the link in the message that comes.
pub(crate) async fn signs_up_and_confirms(
    api: &Api,
    server: &MailServer,
    address: &str,
    wanted: &[&str],
) -> Mail {
    let before = server.mails().len();
    signs_up(api, address, wanted, "en").await;
    let mail = server.mail(before + 1).await;
    presses(api, &mail.link("confirm")).await;
    mail
}

/// Presses the one button of a page that a link leads to. Gives the page that answers.
pub(crate) async fn presses(api: &Api, link: &str) -> String {
    let address = link.split('?').next().unwrap();
    let path = address.strip_prefix(&format!("{}/", api.site.api)).unwrap();
    let answer = api.post(path).form(&[("language", "en")]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{link}");
    answer.text().await.unwrap()
}

/// The sealed part of a link.
pub(crate) fn token(link: &str, part: &str) -> String {
    let (_, rest) = link.split_once(&format!("/{part}/")).unwrap();
    rest.split(['?', '>']).next().unwrap().to_string()
}

/// The sealed part of the link to everything about the address.
pub(crate) fn token_of_centre(mail: &Mail) -> String {
    token(&mail.link("your-alerts"), "your-alerts")
}

/// Entries in the site's log.
pub(crate) async fn stack_entries(api: &Api) -> u64 {
    let checkpoint = api.get("log/checkpoint").send().await.unwrap().text().await.unwrap();
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

/// The message says who sends it, what to do, how to do nothing, and how to get out; it loads nothing, and both bodies say the same.
#[track_caller]
fn is_plain_and_honest(mail: &Mail, stack: &Stack, controller: &str) {
    assert_eq!(mail.defects, [""; 0], "it is written as mail should be");
    assert_eq!(mail.types, ["multipart/alternative", "text/plain", "text/html"]);
    assert_eq!(mail.header("to"), ADDRESS);
    assert!(mail.header("from").contains(controller), "{}", mail.header("from"));
    assert!(mail.header("subject").contains(controller));
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert!(mail.header("message-id").ends_with('>') && !mail.header("date").is_empty());
    for body in [&mail.text, &mail.html] {
        assert!(body.contains(controller) && body.contains("72 hours"), "{body}");
    }
    let api = stack.site(CLINIC).api;
    for (part, path) in [("confirm", "/confirm/"), ("your-alerts", "/your-alerts/")] {
        let link = mail.link(part);
        assert!(link.starts_with(&format!("{api}{path}")), "{link}");
        assert!(mail.html.contains(&format!("href=\"{link}\"")), "both bodies lead to the same place");
        assert!(!link.contains("gwenllian") && !link.contains('@'), "no address in an address");
    }
    for loads in ["<img", "src=", "url(", "<link", "<script", "<iframe", "background"] {
        assert!(!mail.html.to_lowercase().contains(loads), "{loads} in {}", mail.html);
    }
}
