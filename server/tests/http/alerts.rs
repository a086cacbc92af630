//! Alerts through the whole service, without a mail server: time, frozen and erased people, and what is forgotten.

use crate::app::{ORIGIN, STAFF, TestApp, key, to};
use assent_core::decision::{Act, Decision};
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::confirm::confirm;
use server::app::alerts::link::{ContactKey, day};
use server::app::alerts::message;
use server::app::alerts::outbox::do_what_is_due;
use server::app::alerts::renewal::{Looked, ends, keep, look};
use server::app::now;

pub(crate) async fn signs_up(app: &TestApp, token: &str, key: &str, address: &str) -> crate::app::Answer {
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

pub(crate) fn token() -> String {
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
async fn a_sign_up_that_was_asked_for_twice_is_erased_after_three_days_too() {
    let app = TestApp::new().await;
    let twice = token();
    signs_up(&app, &twice, &key(), "ann@example.org").await;
    signs_up(&app, &twice, &key(), "ann@example.org").await;
    let site = app.app.sites.all()[0].clone();
    let subject = SubjectToken::parse(&twice).unwrap().id();
    assert_eq!(site.ledger.history(&subject).unwrap().len(), 2);
    do_what_is_due(&app.app, &site, now() + CONFIRM_MS + 120_000).await.unwrap();
    assert!(site.ledger.history(&subject).unwrap().is_empty());
    assert!(site.ledger.jobs().unwrap().is_empty());
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

/// A site whose one alert ends after 100 days and is reminded of 10 days before.
async fn ending() -> TestApp {
    let app = TestApp::new().await;
    let text = crate::app::SITE.replace(
        "channels = [\"email\", \"text\"]",
        "channels = [\"email\", \"text\"]\nends_after_days = 100\nremind_days_before = 10",
    );
    let answer = crate::told::publishes(&app, &text).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    app
}

#[tokio::test]
async fn an_alert_ends_by_itself_in_the_log_is_reminded_of_once_and_kept_by_a_press() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let app = ending().await;
    let site = app.app.sites.all()[0].clone();
    let began = now();
    let mut people = Vec::new();
    for address in ["ann@example.org", "bob@example.org"] {
        let token = token();
        signs_up(&app, &token, &key(), address).await;
        let hash = site.ledger.contact_hash(Channel::Email, address);
        let contact = ContactKey { channel: Channel::Email, hash };
        let subject = SubjectToken::parse(&token).unwrap().id();
        confirm(&site, (subject, contact, None), now()).await.unwrap();
        people.push((subject, contact));
    }
    let news = PurposeId::new("email-news").unwrap();
    let decisions = |subject| -> Vec<Decision> {
        let history = site.ledger.history(subject).unwrap();
        history.iter().map(|opened| opened.record.decisions[&news]).collect()
    };
    let looks = async |day: u64| look(&site, began + day * DAY).await.unwrap();
    let (nothing, two) = (Looked::default(), |ended, reminded| Looked { ended, reminded });
    assert_eq!(looks(89).await, nothing, "it is too early to remind");
    assert_eq!(looks(91).await, two(0, 2));
    assert_eq!(looks(92).await, nothing, "once");

    // Ann keeps it; twice on one day is once.
    let (ann, bob) = (people[0], people[1]);
    let before = day(ends(&site, ann.1, &news, now()).unwrap().unwrap());
    for later in [2 * DAY, 0] {
        assert!(keep(&site, ann.1, (news.clone(), before), now() + later).await.unwrap());
    }
    assert_eq!(decisions(&ann.0), [Decision::Given, Decision::Confirmed, Decision::Confirmed]);
    // Hers is dated by the clock, which stands at the beginning: both are over on day 101.
    assert_eq!(
        ends(&site, ann.1, &news, began + 99 * DAY).unwrap().map(|end| end / DAY),
        Some((began + 100 * DAY) / DAY)
    );
    assert!(
        !keep(&site, bob.1, (news.clone(), u32::MAX), began + 101 * DAY).await.unwrap(),
        "what is over is not kept"
    );
    assert_eq!(looks(101).await, two(2, 0));
    assert_eq!(looks(102).await, nothing, "the log tells an end once");
    assert_eq!(decisions(&bob.0), [Decision::Given, Decision::Confirmed, Decision::Expired]);
    let last = site.ledger.history(&bob.0).unwrap().pop().unwrap();
    assert_eq!((last.record.act, last.record.surface), (Act::Expiry, Surface::Server));
    assert_eq!(may(&app, "bob@example.org").await, "expired");
    assert!(!keep(&site, bob.1, (news, u32::MAX), now()).await.unwrap());
    assert!(site.ledger.check(&mut |_| ()).is_ok());
}

#[tokio::test]
async fn a_reminder_says_what_ends_when_and_its_page_keeps_it_only_by_the_button() {
    let app = ending().await;
    let site = app.app.sites.all()[0].clone();
    let token = token();
    signs_up(&app, &token, &key(), "ann@example.org").await;
    let hash = site.ledger.contact_hash(Channel::Email, "ann@example.org");
    let contact = ContactKey { channel: Channel::Email, hash };
    let subject = SubjectToken::parse(&token).unwrap().id();
    confirm(&site, (subject, contact, None), now()).await.unwrap();
    let news = PurposeId::new("email-news").unwrap();
    let end = 4_962_211_200_000; // 1 April 2127
    let to = ("ann@example.org".to_string(), "id".to_string());
    let mail = message::reminder(&site, "en", contact, (&news, end), to.clone());
    for body in [&mail.text, &mail.html] {
        assert!(body.contains("“News”") && body.contains("1 April 2127"), "{body}");
        assert!(body.contains("/your-alerts/") && body.contains("If you do nothing, it stops by itself."));
    }
    assert!(mail.subject.ends_with("Do you still want this?"), "{}", mail.subject);
    let text = message::reminder_text(&site, "en", contact, (&news, end), to).text;
    assert!(text.contains("1 April 2127") && text.contains("/keep/"), "{text}");

    let link = mail.text.split_whitespace().find(|word| word.contains("/keep/")).unwrap();
    let path = link.split_once("/v1/").map(|(_, rest)| format!("/v1/{rest}")).unwrap();
    let records = || site.ledger.history(&subject).unwrap().len();
    let page = app.ask(to_page(Method::GET, &path)).await;
    assert_eq!((page.status, records()), (StatusCode::OK, 2), "looking changes nothing");
    assert!(page.text().contains("Keep getting it"), "{}", page.text());
    let kept = app.ask(to_page(Method::POST, &path)).await;
    assert_eq!(kept.status, StatusCode::OK);
    assert!(kept.text().contains("You will go on getting this"), "{}", kept.text());
    let forged = app.ask(to_page(Method::POST, &path.replace("/keep/", "/keep/A"))).await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reminder_keeps_its_alert_once_and_an_old_one_says_no_yes() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let app = ending().await;
    let site = app.app.sites.all()[0].clone();
    let said = jiff::Timestamp::from_millisecond(i64::try_from(now()).unwrap() - 95 * DAY_MS).unwrap();
    let call = json!({ "by": "paper", "script": "form 3", "staff": "M. Rees", "said": said.to_string()[..10],
        "language": "en", "evidence": { "kind": "signed-form", "reference": "box 4" },
        "email": "ann@example.org", "choices": { "email-news": "yes" } });
    assert_eq!(crate::told::staff(&app, "told", "k", &call).await.status, StatusCode::CREATED);
    let hash = site.ledger.contact_hash(Channel::Email, "ann@example.org");
    let (contact, news) =
        (ContactKey { channel: Channel::Email, hash }, PurposeId::new("email-news").unwrap());
    let subject = site.ledger.subjects_of(&hash).unwrap()[0];
    let records = || site.ledger.history(&subject).unwrap().len();
    let path = |end: u64| {
        let to = ("ann@example.org".to_string(), "id".to_string());
        let mail = message::reminder(&site, "en", contact, (&news, end), to);
        let link = mail.text.split_whitespace().find(|word| word.contains("/keep/")).unwrap();
        link.split_once("/v1/").map(|(_, rest)| format!("/v1/{rest}")).unwrap()
    };
    let end = ends(&site, contact, &news, now()).unwrap().unwrap();
    // The first is from a year before, about an end that did not come.
    for (path, button, then) in
        [(path(end - 365 * 24 * 60 * 60 * 1000), false, 1), (path(end), true, 2), (path(end), false, 2)]
    {
        let page = app.ask(to_page(Method::GET, &path)).await.text();
        assert_eq!(page.contains("Keep getting it"), button, "{page}");
        let kept = app.ask(to_page(Method::POST, &path)).await;
        assert!(kept.text().contains("You will go on getting this"), "{}", kept.text());
        assert_eq!(records(), then);
    }
}

fn to_page(method: Method, path: &str) -> axum::http::Request<Body> {
    to(method, path).body(Body::empty()).unwrap()
}
