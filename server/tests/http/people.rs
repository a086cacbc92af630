//! Letting people leave, as staff ask for it: erasure, restriction, holds, and what everybody sees afterwards.

use crate::app::{HOLDER, ORIGIN, OTHER, SITE, STAFF, TestApp, key, to};
use crate::staff::staff;
use assent_core::decision::Act;
use assent_core::notice::Channel;
use assent_core::subject::SubjectToken;
use assent_ledger::PurgePlan;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::link::ContactKey;
use server::app::alerts::stop::{Which, stop};
use server::app::now;
use server::app::retention::purge;
use server::app::sites::LogIs;

pub(crate) async fn asks(app: &TestApp, verb: &str, body: Value) -> crate::app::Answer {
    let path: &'static str = Box::leak(format!("/v1/clinic/{verb}").into_boxed_str());
    staff(app, Method::POST, path, "application/json", body.to_string()).await
}

/// Whose records are held.
async fn holds(app: &TestApp) -> Value {
    staff(app, Method::GET, "/v1/clinic/people/holds", "application/json", String::new()).await.json()
}

pub(crate) async fn signs_up(app: &TestApp, token: &str, email: &str) -> String {
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": ["email-news"], "email": email });
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", token)
        .header("idempotency-key", key());
    let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.header(header::LOCATION).strip_prefix("https://privacy.example.org").unwrap().to_string()
}

pub(crate) async fn receipt(app: &TestApp, token: &str, path: &str) -> crate::app::Answer {
    let request = to(Method::GET, path).header("assent-subject", token);
    app.ask(request.body(Body::empty()).unwrap()).await
}

/// A token of somebody else.
const NOBODY: &str = "CQkJCQkJCQkJCQkJCQkJCQ";

fn subject(token: &str) -> String {
    SubjectToken::parse(token).unwrap().id().to_string()
}

pub(crate) fn by_email(address: &str) -> Value {
    json!({ "contact": { "channel": "email", "address": address } })
}

#[tokio::test]
async fn an_erased_address_leaves_nothing_to_read() {
    let app = TestApp::new().await;
    let hers = signs_up(&app, HOLDER, "ann@example.org").await;
    let other = signs_up(&app, OTHER, "bob@example.org").await;
    let erased =
        asks(&app, "people/erase", json!({ "whose": by_email("Ann@Example.org "), "reason": "asked" })).await;
    assert_eq!(erased.json(), json!({ "subjects": [subject(HOLDER)], "records": 1 }), "{}", erased.text());
    receipt(&app, HOLDER, &hers).await.is_problem(404, "not-found");
    assert_eq!(receipt(&app, OTHER, &other).await.status, StatusCode::OK);
    let again =
        asks(&app, "people/erase", json!({ "whose": by_email("ann@example.org"), "reason": "asked" })).await;
    assert_eq!(again.json()["records"], 0);
    assert_eq!(asks(&app, "tell-erasures", json!({})).await.text(), "1");
    let checked = asks(&app, "fsck", json!({})).await.json();
    assert_eq!((&checked["wrong"], &checked["gone"]), (&Value::Null, &json!(1)));
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(asks(&app, "purge", json!({ "dry_run": true })).await.json()["purged"], json!({}));
}

#[tokio::test]
async fn a_restricted_person_is_shown_to_nobody() {
    let app = TestApp::new().await;
    let hers = signs_up(&app, HOLDER, "ann@example.org").await;
    let whose = json!({ "subject": subject(HOLDER) });
    let restricted = json!({ "whose": whose, "reason": "dispute-7" });
    assert_eq!(asks(&app, "people/restrict", restricted).await.json()["records"], 1);
    receipt(&app, HOLDER, &hers).await.is_problem(409, "restricted");
    let export = staff(&app, Method::GET, "/v1/clinic/export", "text/plain", String::new()).await.text();
    assert!(export.contains("\"restricted\"") && !export.contains("email-news\\\":\\\"given"), "{export}");
    assert_eq!(asks(&app, "people/release", json!({ "whose": whose })).await.json()["records"], 1);
    assert_eq!(receipt(&app, HOLDER, &hers).await.status, StatusCode::OK);
}

/// Whose records were frozen stops alerts in a record that names no address: it counted as one about nobody's, and went years before the
/// yes that it ends.
#[tokio::test]
async fn a_no_lives_as_long_as_the_yes_that_it_ends() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let app = TestApp::new().await;
    signs_up(&app, HOLDER, "ann@example.org").await;
    let site = app.app.sites.all()[0].clone();
    let (holder, channel) = (SubjectToken::parse(HOLDER).unwrap().id(), Channel::Email);
    let hash = site.ledger.contact_hash(channel, "ann@example.org");
    site.ledger.restrict(holder, "dispute-7".into()).await.unwrap();
    let stopped = stop(&site, ContactKey { channel, hash }, Which::All, Act::OneClick, now()).await;
    assert_eq!(stopped.unwrap(), 1);
    let plan = |days: u64| purge(&app.app.sites, &site, true, now() + days * DAY, &mut |_| ()).unwrap();
    assert_eq!(plan(1).purged.len(), 0);
    site.ledger.release(holder).await.unwrap();
    let history = site.ledger.history(&holder).unwrap();
    assert_eq!(history.iter().map(|said| said.record.contacts.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(plan(1000), PurgePlan::default());
    assert_eq!(plan(4000).purged.values().sum::<u64>(), 2);
}

#[tokio::test]
async fn what_is_held_stays_until_it_is_let_go() {
    let app = TestApp::new().await;
    signs_up(&app, HOLDER, "ann@example.org").await;
    let whose = json!({ "subject": subject(HOLDER) });
    let hold = json!({ "whose": whose, "reason": "claim-2026-17", "review": "2097-03-01" });
    assert_eq!(asks(&app, "people/let-go", json!({ "whose": whose })).await.json()["subjects"], json!([]));
    assert_eq!(asks(&app, "people/hold", hold).await.json()["records"], 1);
    let told = json!({ "held": [{ "subject": subject(HOLDER), "reason": "claim-2026-17", "review": "2097-03-01" }] });
    assert_eq!(holds(&app).await, told);
    let erase = json!({ "whose": whose, "reason": "controller", "suppress": false });
    let held = asks(&app, "people/erase", erase.clone()).await;
    held.is_problem(409, "held");
    assert!(
        held.text().contains("claim-2026-17") && held.text().contains("2097-03-01"),
        "it says until when"
    );
    assert_eq!(asks(&app, "people/let-go", json!({ "whose": whose })).await.status, StatusCode::OK);
    assert_eq!(holds(&app).await, json!({ "held": [] }));
    assert_eq!(asks(&app, "people/erase", erase).await.json()["records"], 1);
}

#[tokio::test]
async fn one_hold_keeps_only_whose_it_is() {
    let app = TestApp::new().await;
    for token in [HOLDER, OTHER, NOBODY] {
        signs_up(&app, token, "ann@example.org").await;
    }
    let hold = json!({ "whose": { "subject": subject(OTHER) }, "reason": "claim-9", "review": "2097-03-01" });
    assert_eq!(asks(&app, "people/hold", hold).await.status, StatusCode::OK);
    let erase = json!({ "whose": by_email("ann@example.org"), "reason": "asked" });
    let done = asks(&app, "people/erase", erase.clone()).await.json();
    let held = json!([{ "subject": subject(OTHER), "reason": "claim-9", "review": "2097-03-01" }]);
    assert_eq!((&done["records"], &done["held"]), (&json!(2), &held), "{done}");
    asks(&app, "people/erase", erase).await.is_problem(409, "held");
    let folder = app.stopped();
    let erase = ["people", "erase", "--site", "clinic", "--subject", &subject(OTHER)];
    assert!(crate::backups::runs(folder.path(), &erase, 1).contains("claim-9"));
}

#[tokio::test]
async fn what_staff_write_wrongly_is_refused_and_changes_nothing() {
    let app = TestApp::new().await;
    let hers = signs_up(&app, HOLDER, "ann@example.org").await;
    let (whose, unknown) = (json!({ "subject": subject(HOLDER) }), json!({ "subject": subject(NOBODY) }));
    for (verb, body, status, code) in [
        ("people/erase", json!({ "whose": whose }), 422, "bad-body"),
        ("people/erase", json!({ "whose": whose, "reason": "bored" }), 422, "bad-body"),
        ("people/erase", json!({ "whose": whose, "reason": "asked", "more": 1 }), 422, "unknown-field"),
        ("people/erase", json!({ "whose": { "subject": "x" }, "reason": "asked" }), 422, "bad-body"),
        ("people/erase", json!({ "whose": by_email("ann"), "reason": "asked" }), 422, "bad-email"),
        ("people/restrict", json!({ "whose": whose, "reason": "" }), 422, "bad-body"),
        ("people/restrict", json!({ "whose": whose, "reason": "x".repeat(81) }), 422, "bad-body"),
        ("people/hold", json!({ "whose": whose, "reason": "x", "review": "soon" }), 422, "bad-body"),
        ("people/hold", json!({ "whose": whose, "reason": "x", "review": "1999-01-01" }), 422, "bad-body"),
        (
            "people/hold",
            json!({ "whose": unknown, "reason": "x", "review": "2097-03-01" }),
            404,
            "unknown-subject",
        ),
        ("people/let-go", json!({ "whose": unknown }), 404, "unknown-subject"),
        ("purge", json!({}), 422, "bad-body"),
    ] {
        asks(&app, verb, body.clone()).await.is_problem(status, code);
    }
    assert_eq!(receipt(&app, HOLDER, &hers).await.status, StatusCode::OK);
    assert!(STAFF.len() > 24);
}

/// A row of the schedule changes: the page, the table and the next night follow, and the log keeps what was promised before.
#[tokio::test]
async fn other_rules_are_told_followed_and_kept_beside_the_old_ones() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let app = TestApp::new().await;
    signs_up(&app, HOLDER, "ann@example.org").await;
    let plan = |days: u64| {
        let site = app.app.sites.all().remove(0);
        let plan = purge(&app.app.sites, &site, true, now() + days * DAY, &mut |_| ()).unwrap();
        plan.purged.values().sum::<u64>()
    };
    assert_eq!((plan(300), plan(4000)), (0, 1));
    let shorter = format!("{SITE}\n[retention]\nlinked_days = 200\n");
    app.app.sites.apply(&shorter, None, LogIs::There).await.unwrap();
    let page = app.get("/v1/clinic/schedule?lang=en").await.text();
    assert!(page.contains("<td>200 days</td>") && !page.contains("2922"), "{page}");
    let table = app.get("/v1/clinic/schedule.csv").await.text();
    assert!(table.contains(",\"200\",\"purged\",") && !table.contains("2922"), "{table}");
    // The next night looks at what was sealed under the longer rule. It waits for the log, which no task may.
    let night = || {
        let site = app.app.sites.all().remove(0);
        purge(&app.app.sites, &site, false, now() + 300 * DAY, &mut |_| ()).unwrap()
    };
    let done = std::thread::scope(|scope| scope.spawn(night).join().unwrap());
    assert_eq!((done.carried, done.purged.len()), (1, 0), "it goes as soon as that month is over");
    assert_eq!(plan(340), 1);
    let export = staff(&app, Method::GET, "/v1/clinic/export", "text/plain", String::new()).await.text();
    for rules in ["\\\"linked_days\\\":2922}", "\\\"linked_days\\\":200}"] {
        assert!(export.contains(rules), "{rules}: {export}");
    }
}
