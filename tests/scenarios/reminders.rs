//! Alerts that end by themselves, in the mailbox: a reminder comes before the end and keeps the alert by one press; who does nothing is
//! not written to any more, and a message's own header stops it at once. The mail server is a real one.

use crate::axe;
use crate::harness::{Api, Browser, CLINIC, Stack, Visitor, key, until_so};
use crate::s13_confirmed::{ADDRESS, signs_up_and_confirms, stack_entries};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::wire::MayReason;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The clinic's alerts end after 30 days and are reminded of 10 days before; its site file with this change besides.
pub(crate) async fn ends(stack: &Stack, more: impl FnOnce(String) -> String) -> Api {
    let api = stack.api(CLINIC);
    let ends = "topic = \"clinic-changes\"\nends_after_days = 30\nremind_days_before = 10\n";
    let file = more(stack.site_file(CLINIC).replacen("topic = \"clinic-changes\"\n", ends, 1))
        + "\n[log]\ncheckpoint_seconds = 0\n";
    let request = api.as_staff(api.request(reqwest::Method::PUT, "site-file"));
    let answer = request.header("content-type", "application/toml").body(file).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    api
}

/// Staff write down what somebody signed so many days ago.
pub(crate) async fn told(api: &Api, address: &str, days: u32) {
    let said = jiff::Timestamp::now() - DAY * days;
    let body = json!({
        "by": "paper", "script": "Form 7", "staff": "M. Rees", "said": said.round(jiff::Unit::Millisecond).unwrap().to_string(),
        "evidence": { "kind": "signed-form", "reference": "file B-12" }, "language": "en", "email": address,
        "choices": { "email-clinic-changes": "yes" },
    });
    let request = api.as_staff(api.post("told")).header("idempotency-key", key());
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap());
}

/// The night's work: ends that were recorded, and reminders.
pub(crate) async fn at_night(api: &Api) -> (Value, Value) {
    let answer = api.as_staff(api.post("end-alerts")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.unwrap();
    (answer["ended"].clone(), answer["reminded"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_comes_once_and_one_press_keeps_the_alert() {
    let mut stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = ends(&stack, |file| file).await;
    told(&api, "over@post.example.org", 31).await;
    assert_eq!(
        api.may(Channel::Email, "over@post.example.org", "clinic-changes").await.reason,
        MayReason::Expired
    );
    told(&api, ADDRESS, 25).await;
    let copy = mail_server.mail(1).await;
    assert!(copy.header("subject").starts_with("Your copy"), "{}", copy.header("subject"));
    assert_eq!(
        (copy.header("to"), &copy.defects[..]),
        (ADDRESS, &[] as &[String]),
        "and none about what is over"
    );

    assert_eq!(at_night(&api).await, (json!(1), json!(1)));
    let reminder = mail_server.mail(2).await;
    assert_eq!((reminder.header("to"), &reminder.defects[..]), (ADDRESS, &[] as &[String]));
    assert!(reminder.header("subject").contains("Do you still want this?"), "{}", reminder.header("subject"));
    for body in [&reminder.text, &reminder.html] {
        assert!(
            body.contains("If you do nothing, it stops by itself.") && body.contains("/your-alerts/"),
            "{body}"
        );
        assert!(!body.contains("<img") && !body.contains("src="), "nothing is loaded");
    }
    // Killed before the store has that it was handed over, the server would send it again. What is told now is stored behind that.
    let handed_over = || stack.said().matches("a message was handed over").count();
    until_so("the server to know that both were handed over", async || handed_over() == 2).await;
    told(&api, "later@post.example.org", 31).await;
    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    assert_eq!(at_night(&api).await, (json!(1), json!(0)), "reminded once");

    let entries = stack_entries(&api).await;
    let visitor = Visitor::arrives(Browser::Firefox).await;
    visitor.opens(&reminder.link("keep")).await;
    axe::finds_nothing(&visitor, "the page that keeps an alert").await;
    visitor.photographs("keep").await;
    assert_eq!(stack_entries(&api).await, entries, "opening keeps nothing");
    visitor.presses_on_page("main form button").await;
    until_so("the page to say that it is kept", async || visitor.counts("[role=status]").await == 1).await;
    assert_eq!(stack_entries(&api).await, entries + 1);
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.may, Choice::Yes);
    assert_eq!(at_night(&api).await, (json!(0), json!(0)), "it begins anew");
    assert_eq!(mail_server.mails().len(), 2);
    assert!(!stack.said().contains("gwenllian"), "no address in the server's log");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_a_delivered_message_stops_it() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let links = api.may(Channel::Email, ADDRESS, "clinic-changes").await.message.unwrap();
    // The comms officer's own program sends, with the headers it was handed.
    let headers = json!({ "List-Unsubscribe": links.list_unsubscribe, "List-Unsubscribe-Post": links.list_unsubscribe_post });
    mail_server.sends(ADDRESS, &headers, &format!("The clinic moves. To stop: {}", links.your_alerts));
    let newsletter = mail_server.mail(2).await;
    assert_eq!(newsletter.header("list-unsubscribe-post"), "List-Unsubscribe=One-Click");
    // As a mail program does when its button is pressed.
    let address = newsletter.header("list-unsubscribe").trim_matches(['<', '>']).to_string();
    let path = address.strip_prefix(&format!("{}/", api.site.api)).unwrap();
    let answer = api.post(path).form(&[("List-Unsubscribe", "One-Click")]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Withdrawn), "the very next answer");
}
