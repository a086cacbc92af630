//! What people see of alerts before and after the page with everything, in every language of a site: the sign-up form, where a code is entered, a
//! move, one alert stopped and kept; and the messages that lead there, copies and reminders too, out of a real mailbox and a real phone.

use crate::alerts_in_every_language::{LANGUAGES, WANTED, is_in, is_message_in};
use crate::harness::{Api, Kannel, Mail, MailServer, Page, Stack, key, until};
use crate::languages::also_in;
use crate::reminders::{at_night, ends};
use crate::s13_confirmed::presses;
use crate::texts::{self, code};
use assent_core::decision::Choice;
use assent_core::ids::PurposeId;
use assent_core::notice::{Channel, Notice};
use assent_core::wire::MayReason;
use assent_core::words::Words;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const TOPIC: &str = "clinic-changes";

/// The clinic's site in every language; one of its alerts ends after 30 days and is reminded of 10 days before.
async fn clinic(stack: &Stack) -> (Api, Notice) {
    let more: Vec<&str> = LANGUAGES.into_iter().filter(|tag| !["en", "cy"].contains(tag)).collect();
    let api = ends(stack, |file| also_in(&file, &more)).await;
    let (notice, _) = api.notice().await;
    assert_eq!(notice.languages.len(), LANGUAGES.len());
    (api, notice)
}

fn words(notice: &Notice, tag: &str) -> Words {
    notice.languages[tag].words.clone().filled(tag)
}

fn fill(sentence: &str, with: &str) -> String {
    sentence.replacen("{}", with, 1)
}

/// Staff write down what somebody signed 25 days ago, in this language.
async fn told(api: &Api, field: &str, address: &str, tag: &str) {
    let said = jiff::Timestamp::now() - Duration::from_secs(25 * 24 * 60 * 60);
    let channel = if field == "email" { "email" } else { "text" };
    let mut body = json!({
        "by": "paper", "script": "Form 7", "staff": "M. Rees", "said": said.round(jiff::Unit::Millisecond).unwrap().to_string(),
        "evidence": { "kind": "signed-form", "reference": "file B-12" }, "language": tag,
        "choices": { format!("{channel}-{TOPIC}"): "yes" },
    });
    body[field] = address.into();
    let request = api.as_staff(api.post("told")).header("idempotency-key", key());
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{tag}: {}", answer.text().await.unwrap());
}

/// The message to an address with a link to this part of Assent.
async fn mail_to(server: &MailServer, to: &str, part: &str) -> Mail {
    let (what, part) = (format!("a message to {to} with a link to {part}"), format!("/{part}/"));
    until(&what, async || {
        server.mails().into_iter().find(|mail| mail.header("to") == to && mail.text.contains(&part))
    })
    .await
}

async fn reason(api: &Api, channel: Channel, address: &str) -> (Choice, MayReason) {
    let may = api.may(channel, address, TOPIC).await;
    (may.may, may.reason)
}

const GRANTED: (Choice, MayReason) = (Choice::Yes, MayReason::Granted);
const WITHDRAWN: (Choice, MayReason) = (Choice::No, MayReason::Withdrawn);

#[tokio::test(flavor = "multi_thread")]
async fn forms_moves_stops_copies_and_reminders_are_in_every_language() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let (api, notice) = clinic(&stack).await;
    for tag in LANGUAGES {
        signed_up_moved_and_stopped(&api, &mail_server, tag, &words(&notice, tag), &notice).await;
        let (address, words) = (format!("{tag}-told@post.example.org"), words(&notice, tag));
        told(&api, "email", &address, tag).await;
        let copy = mail_to(&mail_server, &address, "your-alerts").await;
        is_message_in(&copy, tag, (&address, &notice.controller.name), &words);
        assert_eq!(copy.header("subject"), fill(&words.mail_told_subject, &notice.controller.name), "{tag}");
        let name =
            &notice.languages[tag].purposes.iter().find(|(id, _)| id.as_str() == WANTED).unwrap().1.name;
        for says in [&fill(&words.mail_told_why, &notice.controller.name), name, &words.mail_told_not_you] {
            assert!(copy.text.contains(says), "{tag}: {says} in {}", copy.text);
        }
    }
    assert_eq!(at_night(&api).await, (json!(0), json!(LANGUAGES.len())));
    for tag in LANGUAGES {
        let (address, words) = (format!("{tag}-told@post.example.org"), words(&notice, tag));
        let reminder = mail_to(&mail_server, &address, "keep").await;
        is_message_in(&reminder, tag, (&address, &notice.controller.name), &words);
        assert!(reminder.header("subject").contains(&words.keep_title), "{tag}");
        for says in [&words.mail_keep_how, &words.mail_keep_else, &words.mail_way_out] {
            assert!(reminder.text.contains(says), "{tag}: {says} in {}", reminder.text);
        }
        kept(&api, &reminder.link("keep"), tag, &words).await;
        assert_eq!(reason(&api, Channel::Email, &address).await, GRANTED, "{tag}");
    }
    assert_eq!(at_night(&api).await, (json!(0), json!(0)), "each begins anew");
}

/// From the form to the last press, on one address and then on another.
async fn signed_up_moved_and_stopped(
    api: &Api,
    mail_server: &MailServer,
    tag: &str,
    words: &Words,
    notice: &Notice,
) {
    let [address, next] = ["form", "next"].map(|name| format!("{tag}-{name}@post.example.org"));
    let form = Page::opens(api, &format!("{}/alerts?lang={tag}", api.site.api)).await;
    is_in(&form, tag, form.headings.first().unwrap());
    assert_eq!(form.form("").buttons[0].text, words.sign_up, "{tag}");
    assert!(form.text.contains(&fill(&words.asked_by, &notice.controller.name)), "{tag}: {}", form.text);
    let (signed_up, _) = form.presses(api, ("", ""), &[("wanted", WANTED), ("email", &address)]).await;
    assert_eq!(signed_up.lang.as_deref(), Some(tag));
    assert!(signed_up.status.contains(&words.signed_up), "{tag}: {}", signed_up.status);
    let confirmation = mail_to(mail_server, &address, "confirm").await;
    presses(api, &confirmation.link("confirm")).await;
    assert_eq!(reason(api, Channel::Email, &address).await, GRANTED, "{tag}");

    let centre = confirmation.link("your-alerts");
    let page = Page::opens(api, &centre).await;
    let (asked, _) = page.presses(api, (&centre, "move"), &[("address", &next)]).await;
    is_in(&asked, tag, &words.your_alerts);
    assert!(asked.status.contains(&words.move_sent), "{tag}: {}", asked.status);
    let moved = mail_to(mail_server, &next, "confirm").await;
    is_message_in(&moved, tag, (&next, &notice.controller.name), words);
    assert!(
        moved.text.contains(&fill(&words.mail_move_why, &notice.controller.name)),
        "{tag}: {}",
        moved.text
    );
    presses(api, &moved.link("confirm")).await;
    let told = fill(&words.mail_moved_why, &notice.controller.name);
    let old = until("the old address to be told", async || {
        mail_server.mails().into_iter().find(|mail| mail.header("to") == address && mail.text.contains(&told))
    })
    .await;
    is_message_in(&old, tag, (&address, &notice.controller.name), words);
    assert_eq!(reason(api, Channel::Email, &next).await, GRANTED, "{tag}");
    assert_eq!(reason(api, Channel::Email, &address).await, WITHDRAWN, "{tag}");

    let links = api.may(Channel::Email, &next, TOPIC).await.message.unwrap();
    let stop = format!("{}?lang={tag}", links.list_unsubscribe.unwrap().trim_matches(['<', '>']));
    let page = Page::opens(api, &stop).await;
    is_in(&page, tag, &words.stop_title);
    assert_eq!(page.form("").buttons[0].text, words.stop_press, "{tag}");
    let (stopped, _) = page.presses(api, (&stop, ""), &[]).await;
    assert_eq!(stopped.lang.as_deref(), Some(tag));
    assert!(stopped.status.contains(&words.stop_done), "{tag}: {}", stopped.status);
    assert_eq!(reason(api, Channel::Email, &next).await, WITHDRAWN, "{tag}");
}

/// The page that keeps an alert, and its button.
async fn kept(api: &Api, link: &str, tag: &str, words: &Words) {
    let page = Page::opens(api, link).await;
    is_in(&page, tag, &words.keep_title);
    assert_eq!(page.form("").buttons[0].text, words.keep_press, "{tag}");
    let (kept, _) = page.presses(api, (link, ""), &[]).await;
    assert_eq!(kept.lang.as_deref(), Some(tag));
    assert!(kept.status.contains(&words.keep_done), "{tag}: {}", kept.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_copies_and_reminders_by_text_are_in_every_language() {
    if !Kannel::is_wanted() {
        return;
    }
    let mut stack = Stack::starts().await;
    let kannel = stack.kannel_starts().await;
    let (api, notice) = clinic(&stack).await;
    let number = |what: u8, place: usize| format!("+44770090{what}{place:03}");
    let sender = format!("{}: ", notice.controller.name);
    for (place, tag) in LANGUAGES.into_iter().enumerate() {
        let (asks, told_by, words) = (number(0, place), number(1, place), words(&notice, tag));
        texts::signs_up(&api, None, Some(&asks), &["text-clinic-changes"], tag).await;
        let text = kannel.text(&asks, 1, &words.text_reply_stop).await;
        assert!(text.starts_with(&sender) && text.contains(&words.text_not_you), "{tag}: {text}");
        let page = Page::opens(&api, &format!("{}/code?lang={tag}", api.site.api)).await;
        is_in(&page, tag, &words.code_title);
        assert_eq!(page.form("").buttons[0].text, words.code_press, "{tag}");
        let (shown, _) = page.presses(&api, ("", ""), &[("phone", &asks), ("code", &code(&text))]).await;
        let name = &notice.languages[tag].purposes[&PurposeId::new("text-clinic-changes").unwrap()].name;
        assert!(shown.lang.as_deref() == Some(tag) && shown.text.contains(name), "{tag}: {}", shown.text);
        assert_eq!(shown.form("").buttons[0].text, words.confirm_press, "{tag}");
        let (confirmed, _) = shown.presses(&api, ("", ""), &[]).await;
        assert_eq!(confirmed.lang.as_deref(), Some(tag));
        assert!(confirmed.status.contains(&words.confirm_done), "{tag}: {}", confirmed.status);
        assert_eq!(reason(&api, Channel::Text, &asks).await, GRANTED, "{tag}");

        told(&api, "phone", &told_by, tag).await;
        let copy = kannel.text(&told_by, 1, &format!("lang={tag}")).await;
        let says = words.text_told.split("{}").next().unwrap();
        assert!(copy.starts_with(&format!("{sender}{says}")), "{tag}: {copy}");
        is_in(&Page::opens(&api, link(&copy)).await, tag, &words.your_alerts);
    }
    assert_eq!(at_night(&api).await, (Value::from(0), Value::from(LANGUAGES.len())));
    for (place, tag) in LANGUAGES.into_iter().enumerate() {
        let (told_by, words) = (number(1, place), words(&notice, tag));
        let reminder = kannel.text(&told_by, 2, &format!("lang={tag}")).await;
        let name = &notice.languages[tag]
            .purposes
            .iter()
            .find(|(id, _)| id.as_str() == "text-clinic-changes")
            .unwrap()
            .1
            .name;
        assert!(reminder.starts_with(&sender) && reminder.contains(name), "{tag}: {reminder}");
        kept(&api, link(&reminder), tag, &words).await;
        assert_eq!(reason(&api, Channel::Text, &told_by).await, GRANTED, "{tag}");
    }
    assert!(!stack.said().contains("770090"), "no number in the server's log");
}

/// The link in a text.
fn link(text: &str) -> &str {
    let from = text.find("http").unwrap_or_else(|| panic!("no link in {text}"));
    text[from..].split_whitespace().next().unwrap()
}
