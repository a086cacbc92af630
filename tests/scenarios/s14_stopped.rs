//! Scenario 14: an alert is stopped by one press in the mail program (RFC 8058), and the next "may we?" says no.

use crate::harness::{Browser, CLINIC, Stack, Visitor, until_so};
use crate::s13_confirmed::{ADDRESS, presses, signs_up_and_confirms, stack_entries, token};
use assent_core::decision::Choice;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::wire::{MayBulkRequest, MayBulkResponse, MayReason};
use reqwest::StatusCode;

#[tokio::test(flavor = "multi_thread")]
async fn one_press_in_the_mail_program_stops_an_alert_at_once() {
    let mut stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    let both = ["email-clinic-changes", "email-health-campaigns"];
    let mail = signs_up_and_confirms(&api, &mail_server, ADDRESS, &both).await;

    let yes =
        api.may(Channel::Email, ADDRESS, "clinic-changes").await.message.expect("with a yes comes a way out");
    assert_eq!(yes.list_unsubscribe_post.as_deref(), Some("List-Unsubscribe=One-Click"));
    let value = yes.list_unsubscribe.unwrap();
    let address = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap();
    let path = format!("stop/{}", token(address, "stop"));
    assert_eq!(address, format!("{}/{path}", api.site.api));

    let entries = stack_entries(&api).await;
    let page = api.get(&path).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("<form method=\"post\""));
    assert_eq!(stack_entries(&api).await, entries, "opening stops nothing: programs open links");

    // As RFC 8058 says, without a cookie, an origin or anything else.
    let body = [("List-Unsubscribe", "One-Click")];
    let answer = api.post(&path).form(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "never a redirect");
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Withdrawn), "the very next answer");
    assert!(may.receipt.is_some() && may.message.is_none());
    let other = api.may(Channel::Email, ADDRESS, "health-campaigns").await;
    assert_eq!(other.may, Choice::Yes, "the other alert was not stopped");
    let entries = stack_entries(&api).await;
    assert_eq!(
        api.post(&path).form(&body).send().await.unwrap().status(),
        StatusCode::OK,
        "again is no error"
    );
    assert_eq!(stack_entries(&api).await, entries, "and no second record");

    // As GOV.UK Notify does: an empty body, without a content type; and as multipart.
    let other = other.message.unwrap().list_unsubscribe.unwrap();
    let path = format!("stop/{}", token(&other, "stop"));
    assert_eq!(api.post(&path).send().await.unwrap().status(), StatusCode::OK);
    let may = api.may(Channel::Email, ADDRESS, "health-campaigns").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Withdrawn));
    let multipart = api.post(&path).header("content-type", "multipart/form-data; boundary=x");
    let multipart = multipart.body(
        "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n",
    );
    assert_eq!(multipart.send().await.unwrap().status(), StatusCode::OK);

    let csv = api.export("csv", "&purpose=email-clinic-changes").await;
    assert!(csv.contains("one-click"), "the log says how: {csv}");

    // What was stopped is not confirmed back into a yes by the old link, now or after a crash.
    let confirm = format!("confirm/{}", token(&mail.link("confirm"), "confirm"));
    assert_eq!(api.post(&confirm).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    stack.assent_is_killed();
    stack.assent_starts().await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Withdrawn);
    // Signing up again is a new request with a confirmation of its own.
    let again = signs_up_and_confirms(&api, &mail_server, ADDRESS, &both[..1]).await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.may, Choice::Yes);
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_opens_the_link_gets_a_button() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let links = api.may(Channel::Email, ADDRESS, "clinic-changes").await.message.unwrap();
    let visitor = Visitor::arrives(Browser::Firefox).await;
    visitor.opens(links.list_unsubscribe.unwrap().trim_matches(['<', '>'])).await;
    visitor.photographs("stop").await;
    visitor.presses_on_page("main form button").await;
    until_so("the page to say that it is stopped", async || visitor.counts("[role=status]").await == 1).await;
    visitor.photographs("stopped").await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Withdrawn);
    let csv = api.export("csv", "").await;
    assert!(csv.contains("withdrawn") && !csv.contains("one-click"), "by a link, not by one click: {csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_addresses_are_answered_in_order_each_with_its_reason() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    let wanted = ["email-clinic-changes"];
    for address in ["yes@example.org", "stopped@example.org", "frozen@example.org", "gone@example.org"] {
        signs_up_and_confirms(&api, &mail_server, address, &wanted).await;
    }
    crate::s13_confirmed::signs_up(&api, "waits@example.org", &wanted, "en").await;
    let links = api.may(Channel::Email, "stopped@example.org", "clinic-changes").await.message.unwrap();
    presses(&api, links.list_unsubscribe.unwrap().trim_matches(['<', '>'])).await;
    for (door, address, more) in [
        ("people/restrict", "frozen@example.org", serde_json::json!({ "reason": "dispute-1" })),
        ("people/erase", "gone@example.org", serde_json::json!({ "reason": "asked" })),
    ] {
        let mut body = more;
        body["whose"] = serde_json::json!({ "contact": { "channel": "email", "address": address } });
        let answer = api.as_staff(api.post(door)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{door}");
    }
    let known = [
        ("YES@example.org", MayReason::Granted),
        ("stopped@example.org", MayReason::Withdrawn),
        ("waits@example.org", MayReason::Unconfirmed),
        ("frozen@example.org", MayReason::Restricted),
        ("gone@example.org", MayReason::Suppressed),
        ("nobody@example.org", MayReason::NotAsked),
        ("no address", MayReason::BadAddress),
    ];
    let ask = async |topic: &str, count: usize| {
        let addresses = known.iter().cycle().take(count).map(|(address, _)| address.to_string()).collect();
        let topic = PurposeId::new(topic).unwrap();
        let body = MayBulkRequest { channel: Channel::Email, topic, addresses };
        api.as_staff(api.post("may/bulk")).json(&body).send().await.unwrap()
    };
    let answers: MayBulkResponse = ask("clinic-changes", 10_000).await.json().await.unwrap();
    assert_eq!(answers.answers.len(), 10_000);
    for (answer, (address, reason)) in answers.answers.iter().zip(known.iter().cycle()) {
        assert_eq!(answer.reason, *reason, "{address}");
        assert_eq!(answer.may == Choice::Yes, *reason == MayReason::Granted);
        assert_eq!(answer.message.is_some(), answer.may == Choice::Yes);
    }
    let answers: MayBulkResponse = ask("no-such-topic", 1).await.json().await.unwrap();
    assert_eq!(answers.answers[0].reason, MayReason::NoRoute, "a stream without a route cannot be sent");
    let list = async |path: &str| {
        let answer = api.list_of(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    };
    let csv = list("may/list?topic=clinic-changes&channel=email").await;
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1, "only the one that may be written to: {csv}");
    let yes = api.may(Channel::Email, "yes@example.org", "clinic-changes").await;
    let links = yes.message.unwrap();
    assert_eq!((&rows[0][0], Some(&rows[0][3])), ("yes@example.org", yes.receipt.as_deref()));
    assert_eq!(
        (&rows[0][4], &rows[0][5]),
        (links.list_unsubscribe.as_deref().unwrap(), links.your_alerts.as_str())
    );
    let ndjson = list("may/list?topic=clinic-changes&channel=email&format=ndjson").await;
    let row: serde_json::Value = serde_json::from_str(ndjson.trim_end()).unwrap();
    assert_eq!(row["address"], "yes@example.org");
    let hashes = list("suppressed?format=ndjson").await;
    let row: serde_json::Value = serde_json::from_str(hashes.trim_end()).unwrap();
    assert_eq!(row["hash"].as_str().map(str::len), Some(64), "a keyed hash and nothing else: {hashes}");
    assert!(!hashes.contains("gone") && list("suppressed").await.starts_with("hash,since\n"));
    let answer = api.list_of("may/list?topic=nothing&channel=email").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer = api.as_staff(api.get("may/list?topic=clinic-changes&channel=email")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "without a reason nobody gets addresses");
    assert!(stack.said().contains("November's newsletter"), "and the reason is in the log");
    let answer = ask("clinic-changes", 10_001).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for (address, reason) in [known[3], known[4]] {
        assert_eq!(
            api.may(Channel::Email, address, "clinic-changes").await.reason,
            reason,
            "no problem document"
        );
    }
}
