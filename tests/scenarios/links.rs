//! Links in messages, and codes, where and when they are good for nothing: at other doors than their own, on other sites, pressed again
//! when something else was said since, and after an erasure. The mail server is a real one.

use crate::harness::{Api, CHARITY, CLINIC, Contract, Mail, Stack};
use crate::reminders::{at_night, ends, told};
use crate::s13_confirmed::{ADDRESS, presses, signs_up, signs_up_and_confirms, stack_entries, token};
use crate::texts::{NUMBER, code, enters};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::wire::MayReason;
use reqwest::StatusCode;
use serde_json::json;

const NEW_ADDRESS: &str = "gwenllian@elsewhere.example.org";
const WANTED: &str = "email-clinic-changes";
const DOORS: [&str; 4] = ["confirm", "stop", "keep", "your-alerts"];

/// Opens and presses; whatever can be done behind a door is tried.
async fn leads_nowhere(api: &Api, door: &str, sealed: &str) {
    let path = format!("{door}/{sealed}");
    let mut paths = vec![path.clone()];
    if door == "your-alerts" {
        let some = "0192d000-0000-7000-8000-000000000000";
        paths.extend([format!("{path}/receipts.zip"), format!("{path}/receipts/{some}")]);
    }
    for path in paths {
        let answer = api.get(&path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.text().await.unwrap().contains(ADDRESS), "{path}");
    }
    for press in ["save", "stop-all", "move"] {
        let answer = api.post(&path).form(&pressed(press)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path} {press}");
    }
}

async fn erases(api: &Api, channel: &str, address: &str) {
    let erase =
        json!({ "whose": { "contact": { "channel": channel, "address": address } }, "reason": "asked" });
    let answer = api.as_staff(api.post("people/erase")).json(&erase).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// What the page of an address sends with a press.
fn pressed(press: &str) -> [(&str, &str); 5] {
    [("language", "en"), ("key", "k"), ("press", press), ("wanted", WANTED), ("address", NEW_ADDRESS)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_one_thing_on_one_site_until_the_person_is_erased() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let (api, other) = (ends(&stack, |file| file).await, stack.api(CHARITY));
    told(&api, ADDRESS, 25).await;
    mail_server.mail(1).await;
    at_night(&api).await;
    let reminder = mail_server.mail(2).await;
    signs_up(&api, ADDRESS, &["email-health-campaigns"], "en").await;
    let request = mail_server.mail(3).await;
    // The charity knows the address, too.
    signs_up(&other, ADDRESS, &["email-news"], "en").await;
    mail_server.mail(4).await;
    let message = api.may(Channel::Email, ADDRESS, "clinic-changes").await.message.unwrap();
    let sealed = [
        ("confirm", token(&request.link("confirm"), "confirm")),
        ("stop", token(&message.list_unsubscribe.unwrap(), "stop")),
        ("keep", token(&reminder.link("keep"), "keep")),
        ("your-alerts", token(&message.your_alerts, "your-alerts")),
    ];
    let entries = (stack_entries(&api).await, stack_entries(&other).await);
    for (own, link) in &sealed {
        let page = api.get(&format!("{own}/{link}")).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{own}: it is a good one");
        for door in DOORS {
            leads_nowhere(&other, door, link).await;
            if door != *own {
                leads_nowhere(&api, door, link).await;
            }
        }
    }
    assert_eq!((stack_entries(&api).await, stack_entries(&other).await), entries, "nothing was recorded");
    let may = async |topic: &str| api.may(Channel::Email, ADDRESS, topic).await;
    assert_eq!(may("clinic-changes").await.may, Choice::Yes);
    assert_eq!(may("health-campaigns").await.reason, MayReason::Unconfirmed);

    let mails = mail_server.mails().len();
    erases(&api, "email", ADDRESS).await;
    let entries = stack_entries(&api).await;
    for (own, link) in &sealed {
        if ["confirm", "keep"].contains(own) {
            leads_nowhere(&api, own, link).await;
        }
    }
    let centre = format!("your-alerts/{}", sealed[3].1);
    let page = api.get(&centre).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(!page.text().await.unwrap().contains(ADDRESS));
    let zip = api.get(&format!("{centre}/receipts.zip")).send().await.unwrap().bytes().await.unwrap();
    assert!(zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap().is_empty(), "no receipt is left");
    for press in ["save", "stop-all", "move"] {
        let answer = api.post(&centre).form(&pressed(press)).send().await.unwrap();
        assert!(!answer.status().is_server_error(), "{press}: {}", answer.status());
    }
    // Whoever stops is never told that there is nothing to stop; nothing is known that could be recorded.
    let stop = api.post(&format!("stop/{}", sealed[1].1)).send().await.unwrap();
    assert_eq!(stop.status(), StatusCode::OK);
    assert!(!stop.text().await.unwrap().contains(ADDRESS));
    assert_eq!(stack_entries(&api).await, entries);
    for topic in ["clinic-changes", "health-campaigns"] {
        let may = may(topic).await;
        assert_eq!((may.may, may.reason), (Choice::No, MayReason::Suppressed), "{topic}");
    }
    assert_eq!(mail_server.mails().len(), mails, "and nobody is written to");
    assert_eq!(other.may(Channel::Email, ADDRESS, "news").await.reason, MayReason::Unconfirmed, "not theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_nothing_after_an_erasure_and_on_no_other_site() {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(Contract::Webhook, []).await;
    let (api, other) = (stack.api(CLINIC), stack.api(CHARITY));
    crate::texts::signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    let code = code(&fake.text(1).await.text);
    assert_eq!(enters(&other, NUMBER, &code).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Unconfirmed);
    erases(&api, "text", NUMBER).await;
    let entries = stack_entries(&api).await;
    assert_eq!(enters(&api, NUMBER, &code).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(stack_entries(&api).await, entries);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Suppressed);
}

/// Asks on the address's page for its alerts to go elsewhere. Gives the message that goes there.
async fn moves(api: &Api, mail: &Mail, to: &str, sent: impl AsyncFnOnce() -> Mail) -> Mail {
    let path = format!("your-alerts/{}", token(&mail.link("your-alerts"), "your-alerts"));
    let fields = [("press", "move"), ("language", "en"), ("key", to), ("address", to)];
    let answer = api.post(&path).form(&fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    sent().await
}

// The link of a move was good again and again: pressed once more, it ended what the old address had agreed to since.
#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_move_that_is_pressed_again_ends_and_begins_nothing() {
    let mut stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    let mail = signs_up_and_confirms(&api, &mail_server, ADDRESS, &[WANTED]).await;
    let moved = moves(&api, &mail, NEW_ADDRESS, async || mail_server.mail(2).await).await;
    let link = moved.link("confirm");
    presses(&api, &link).await;
    let reason =
        async |api: &Api, address: &str| api.may(Channel::Email, address, "clinic-changes").await.reason;
    assert_eq!(reason(&api, ADDRESS).await, MayReason::Withdrawn, "let go of");
    assert_eq!(reason(&api, NEW_ADDRESS).await, MayReason::Granted);
    let told = mail_server.mail(3).await;
    assert_eq!(told.header("to"), ADDRESS, "the old one is told");
    assert!(told.header("subject").starts_with("Moved to another address"));

    signs_up_and_confirms(&api, &mail_server, ADDRESS, &[WANTED]).await;
    let entries = stack_entries(&api).await;
    presses(&api, &link).await;
    assert_eq!(reason(&api, ADDRESS).await, MayReason::Granted, "it was agreed to after the move");
    assert_eq!((stack_entries(&api).await, reason(&api, NEW_ADDRESS).await), (entries, MayReason::Granted));

    let path = format!("your-alerts/{}", token(&moved.link("your-alerts"), "your-alerts"));
    let fields = [("press", "stop-all"), ("language", "en"), ("key", "k")];
    assert_eq!(api.post(&path).form(&fields).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    let entries = stack_entries(&api).await;
    let again = api.post(&format!("confirm/{}", token(&link, "confirm"))).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_FOUND, "nor does it bring back what was stopped");
    assert_eq!((stack_entries(&api).await, reason(&api, NEW_ADDRESS).await), (entries, MayReason::Withdrawn));
    assert_eq!(reason(&api, ADDRESS).await, MayReason::Granted);
    assert_eq!(mail_server.mails().len(), 4, "two questions, a move, and one word of it to the old address");
}
