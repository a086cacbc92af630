//! Codes and time, without a gateway: what is tried too often, what was never sent, what is over.

use crate::app::{ORIGIN, TestApp, key, to};
use assent_core::hash::Hash;
use assent_core::notice::Channel;
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::{SubjectId, SubjectToken};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;
use server::app::alerts::code::{enter, of};
use server::app::alerts::confirm::Waiting;
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;
use server::app::sites::Site;
use std::sync::Arc;

const NUMBER: &str = "+447700900123";
const DAY: u64 = 24 * 60 * 60 * 1000;

async fn signs_up(app: &TestApp) -> SubjectId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    let token = SubjectToken::from_random(bytes);
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": ["text-news"], "phone": NUMBER });
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", token.reveal())
        .header("idempotency-key", key());
    let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    token.id()
}

fn number(site: &Site) -> Hash {
    site.ledger.contact_hash(Channel::Text, NUMBER)
}

fn wrong(site: &Site, subject: SubjectId, by: u32) -> String {
    let right: u32 = of(site, subject, &number(site)).parse().unwrap();
    format!("{:06}", (right + by) % 1_000_000)
}

#[tokio::test]
async fn only_sign_ups_that_a_text_went_out_for_have_a_code() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let number = number(&site);
    let mut subjects = Vec::new();
    for _ in 0..4 {
        subjects.push(signs_up(&app).await);
    }
    let tries = async |subject, code: &str| {
        enter(&app.app.outbox, &site, number, code, now()).await.unwrap().map(|confirmed| {
            (
                subject,
                matches!(confirmed, Waiting::For(wanted, _) | Waiting::Already(wanted) if wanted.len() == 1),
            )
        })
    };
    let fourth = subjects[3];
    assert_eq!(tries(fourth, &of(&site, fourth, &number)).await, None, "no text went out for it");
    for subject in &subjects[..3] {
        assert_eq!(tries(*subject, &of(&site, *subject, &number)).await, Some((*subject, true)));
    }
}

#[tokio::test]
async fn wrong_codes_are_counted_for_a_day_and_a_code_ends_with_its_sign_up() {
    let app = TestApp::new().await;
    let site: Arc<Site> = app.app.sites.all()[0].clone();
    let (subject, number, began) = (signs_up(&app).await, number(&site), now());
    let right = of(&site, subject, &number);
    let enters =
        async |code: &str, at: u64| enter(&app.app.outbox, &site, number, code, at).await.unwrap().is_some();
    for by in 1..=5 {
        assert!(!enters(&wrong(&site, subject, by), began).await);
    }
    assert!(!enters(&right, began + DAY - 60_000).await, "five were wrong");
    do_what_is_due(&app.app, &site, began + DAY + 60_000).await.unwrap();
    assert!(enters(&right, began + DAY + 60_000).await, "and that is forgotten after a day");
    let jobs = site.ledger.jobs().unwrap();
    assert!(jobs.iter().all(|(key, _)| !key.starts_with(b"tries/")), "a right code clears the count");

    // Of a number that confirmed nothing yet.
    let app = TestApp::new().await;
    let site: Arc<Site> = app.app.sites.all()[0].clone();
    let late = signs_up(&app).await;
    let right = of(&site, late, &self::number(&site));
    let over = now() + CONFIRM_MS + 60_000;
    let entered = enter(&app.app.outbox, &site, self::number(&site), &right, over).await.unwrap();
    assert!(entered.is_none(), "its time is over");
    let kept = format!("{:?}", site.ledger.jobs().unwrap());
    assert!(!kept.contains(&right) && !kept.contains("900123"), "no code and no number is kept in clear");
}
