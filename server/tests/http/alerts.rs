//! Alerts through the whole service, without a mail server: time, frozen and erased people, and what is forgotten.

use crate::app::{ORIGIN, STAFF, TestApp, key, to};
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;

async fn signs_up(app: &TestApp, token: &str, key: &str, address: &str) -> crate::app::Answer {
    let wish =
        json!({ "notice": app.notice(), "language": "en", "wanted": ["email-news"], "email": address });
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", token)
        .header("idempotency-key", key);
    let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer
}

async fn may(app: &TestApp, address: &str) -> Value {
    let question = json!({ "channel": "email", "address": address, "topic": "news" });
    let request = to(Method::POST, "/v1/clinic/may")
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"))
        .header(header::CONTENT_TYPE, "application/json");
    let answer = app.ask(request.body(Body::from(question.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["reason"].clone()
}

fn token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    SubjectToken::from_random(bytes).reveal()
}

#[tokio::test]
async fn a_sign_up_that_nobody_confirms_is_erased_after_three_days() {
    let app = TestApp::new().await;
    let (alone, chooser) = (token(), crate::app::HOLDER);
    signs_up(&app, &alone, &key(), "ann@example.org").await;
    // Whoever told us something else with the same token keeps it.
    app.records(json!({ "analytics": "yes" })).await;
    signs_up(&app, chooser, &key(), "bob@example.org").await;
    let site = app.app.sites.all()[0].clone();
    let jobs = || site.ledger.jobs().unwrap().len();
    assert_eq!(jobs(), 4, "for each a message to send and a time to forget");

    let before = now() + CONFIRM_MS - 60_000;
    do_what_is_due(&app.app, &site, before).await.unwrap();
    assert_eq!(may(&app, "ann@example.org").await, "unconfirmed");
    assert_eq!(jobs(), 4, "without a mail server the messages wait");

    do_what_is_due(&app.app, &site, now() + CONFIRM_MS + 120_000).await.unwrap();
    assert_eq!(jobs(), 0, "and are given up when nobody could confirm any more");
    assert_eq!(may(&app, "ann@example.org").await, "not-asked");
    let subject = SubjectToken::parse(&alone).unwrap().id();
    assert!(site.ledger.history(&subject).unwrap().is_empty(), "it is erased");
    let chooser = SubjectToken::parse(chooser).unwrap().id();
    assert_eq!(site.ledger.history(&chooser).unwrap().len(), 2);
    assert!(site.ledger.check(&mut |_| ()).is_ok(), "and the log is whole");
    let jobs = format!("{:?}", site.ledger.jobs().unwrap());
    assert!(!jobs.contains("ann") && !jobs.contains("bob"));
}

#[tokio::test]
async fn a_sign_up_that_is_sent_twice_is_one_message() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let (token, key) = (token(), key());
    let first = signs_up(&app, &token, &key, "ann@example.org").await;
    let again = signs_up(&app, &token, &key, "ann@example.org").await;
    assert_eq!(first.body, again.body);
    assert_eq!(site.ledger.jobs().unwrap().len(), 2);
    drop(site);
    let app = app.restarted();
    assert_eq!(app.app.sites.all()[0].ledger.jobs().unwrap().len(), 2, "jobs survive a restart");
}
