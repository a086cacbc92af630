//! A no that somebody said holds, whatever comes to light later and however it is written; and only its owner's no ends a yes.

use crate::app::{Answer, ORIGIN, SITE, TestApp, key, to};
use crate::told::publishes;
use assent_core::decision::Act;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::subject::SubjectToken;
use assent_core::wire::{EraseReason, EraseRequest, Whose};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::centre::change;
use server::app::alerts::confirm::{Waiting, confirm};
use server::app::alerts::link::ContactKey;
use server::app::alerts::stop::{Which, stop};
use server::app::now;
use server::app::people;
use server::app::sites::Site;
use std::sync::Arc;

/// The test site with a second alert, on another route.
fn two_alerts(route: &str) -> String {
    let alert =
        format!("[[alerts]]\ntopic = \"visits\"\nchannels = [\"email\"]\nroute = \"{route}\"\n\n[text.en]\n");
    let text = "\n[text.en.alerts.visits]\nname = \"Visits\"\ndescription = \"Tells you more.\"\n\
        data = [\"your address\"]\nretention = \"until you stop it\"\n";
    SITE.replace("[text.en]\n", &alert) + text
}

async fn staff(app: &TestApp, path: &str, body: &Value) -> Answer {
    crate::told::staff(app, path, &key(), body).await
}

async fn may(app: &TestApp, address: &str, topic: &str) -> Value {
    crate::told::may(app, address, topic).await.1
}

/// What staff were told on the telephone in March, with a recording.
async fn told(app: &TestApp, address: &str, choices: Value) -> Answer {
    let body = json!({
        "by": "phone", "script": "Alerts by phone, 3", "staff": "M. Rees", "said": "2026-03-02T09:30:00Z",
        "recording": "told", "evidence": { "kind": "recording", "reference": "call 2026/118" },
        "language": "en", "email": address, "choices": choices,
    });
    staff(app, "told", &body).await
}

/// Somebody signs up for news with a token of their own.
async fn signs_up(app: &TestApp, site: &Site, address: &str) -> (SubjectToken, ContactKey) {
    let token = crate::alerts::token();
    crate::alerts::signs_up(app, &token, &key(), address).await;
    (SubjectToken::parse(&token).unwrap(), contact(site, address))
}

fn contact(site: &Site, address: &str) -> ContactKey {
    let hash: Hash = site.ledger.contact_hash(Channel::Email, address);
    ContactKey { channel: Channel::Email, hash }
}

async fn confirms(site: &Arc<Site>, (token, to): &(SubjectToken, ContactKey)) -> Waiting {
    confirm(site, (token.id(), *to, None), now()).await.unwrap()
}

#[tokio::test]
async fn a_no_of_a_list_is_not_shadowed_by_a_yes_nearby_nor_a_good_row_by_a_refused_one() {
    let app = TestApp::new().await;
    let row = |said: &str, choice: &str, evidence: &str| {
        json!({ "channel": "email", "address": "ann@example.org", "topic": "news", "said": said, "how": "paper",
            "script": "form 3", "staff": "M. Rees", "evidence": evidence, "reference": "box 4", "choice": choice })
    };
    let rows = json!({ "list": "spring", "rows": [
        row("2026-03-01", "yes", ""), row("2026-03-02", "yes", "signed-form"), row("2026-03-02", "yes", "signed-form"),
        row("2026-03-03", "no", "signed-form")] });
    let answer = staff(&app, "told/rows", &rows).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = answer.json();
    let results: Vec<_> = answer["rows"].as_array().unwrap().iter().map(|row| &row["result"]).collect();
    assert_eq!(results, ["refused", "recorded", "refused", "recorded"], "{answer}");
    assert_eq!(answer["rows"][2]["reason"], "duplicate");
    assert_ne!(may(&app, "ann@example.org", "news").await, "granted");
}

#[tokio::test]
async fn stopping_everything_holds_against_a_yes_from_before_to_what_was_never_taken() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &two_alerts("consent")).await.status, StatusCode::OK);
    let site = app.app.sites.all()[0].clone();
    let ann = signs_up(&app, &site, "ann@example.org").await;
    confirms(&site, &ann).await;
    let stops = async |which: Which, at: u64| stop(&site, ann.1, which, Act::Link, at).await.unwrap();
    assert_eq!(stops(Which::All, now()).await, 1);
    assert_eq!(stops(Which::All, now()).await, 0, "one press is sometimes two");
    told(&app, "ann@example.org", json!({ "email-visits": "yes" })).await.is_problem(409, "said-no-since");
    assert_eq!(stops(Which::All, now() + 61_000).await, 1, "a later press is one more no");

    // With nobody there to say it for.
    let nobody = contact(&site, "bob@example.org");
    stop(&site, nobody, Which::All, Act::OneClick, now()).await.unwrap();
    told(&app, "bob@example.org", json!({ "email-news": "yes" })).await.is_problem(409, "suppressed");
}

#[tokio::test]
async fn stopping_everything_stops_what_belongs_to_a_service() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &two_alerts("service")).await.status, StatusCode::OK);
    let site = app.app.sites.all()[0].clone();
    let ann = signs_up(&app, &site, "ann@example.org").await;
    confirms(&site, &ann).await;
    assert_eq!(may(&app, "ann@example.org", "visits").await, "service");
    stop(&site, ann.1, Which::All, Act::Link, now()).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "visits").await, "suppressed");
}

#[tokio::test]
async fn whoever_stopped_everything_and_takes_an_alert_up_again_is_written_to_again() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &two_alerts("service")).await.status, StatusCode::OK);
    let site = app.app.sites.all()[0].clone();
    let ann = signs_up(&app, &site, "ann@example.org").await;
    confirms(&site, &ann).await;
    stop(&site, ann.1, Which::All, Act::Link, now()).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "news").await, "suppressed");
    let takes_up = |ids: &[&str]| {
        let wanted = ids.iter().map(|id| PurposeId::new(id).unwrap()).collect();
        change(&site, ann.1, (wanted, None), "en".into(), now())
    };
    takes_up(&[]).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "news").await, "suppressed", "nothing was taken up");
    takes_up(&["email-news"]).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "news").await, "granted");
}

#[tokio::test]
async fn what_was_said_about_a_route_does_not_change_with_it() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &two_alerts("consent")).await.status, StatusCode::OK);
    publishes(&app, &two_alerts("service")).await.is_problem(422, "bad-site-file");
    assert_eq!(publishes(&app, SITE).await.status, StatusCode::OK);
    publishes(&app, &two_alerts("service")).await.is_problem(422, "bad-site-file");
    assert_eq!(publishes(&app, &two_alerts("consent")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_old_link_confirms_nothing_after_a_no_that_staff_were_told() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let ann = signs_up(&app, &site, "ann@example.org").await;
    assert_eq!(
        told(&app, "ann@example.org", json!({ "email-news": "no" })).await.status,
        StatusCode::CREATED
    );
    assert_eq!(confirms(&site, &ann).await, Waiting::Over);
    assert_eq!(site.ledger.history(&ann.0.id()).unwrap().len(), 1, "and says that it did to nobody");
    assert_ne!(may(&app, "ann@example.org", "news").await, "granted");
}

#[tokio::test]
async fn a_stranger_who_types_an_address_stops_nothing() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let ann = signs_up(&app, &site, "ann@example.org").await;
    confirms(&site, &ann).await;
    let says_no = async |token: &SubjectToken| {
        let body = json!({ "notice": site.hash, "language": "en", "act": "save", "surface": "choices-page",
            "choices": { "email-news": "no" }, "signals": { "gpc": false } });
        let request = to(Method::POST, "/v1/clinic/decisions")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ORIGIN, ORIGIN)
            .header("assent-subject", token.reveal())
            .header("idempotency-key", key());
        app.ask(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let stranger = signs_up(&app, &site, "ann@example.org").await;
    let answer = says_no(&stranger.0).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(may(&app, "ann@example.org", "news").await, "granted");
    // Nor one who confirmed an address of their own, with the same token.
    let own = contact(&site, "eve@example.org");
    crate::alerts::signs_up(&app, &stranger.0.reveal(), &key(), "eve@example.org").await;
    confirm(&site, (stranger.0.id(), own, None), now()).await.unwrap();
    assert_eq!(says_no(&stranger.0).await.status, StatusCode::CREATED);
    stop(&site, own, Which::All, Act::OneClick, now()).await.unwrap();
    assert_eq!(may(&app, "eve@example.org", "news").await, "withdrawn");
    assert_eq!(may(&app, "ann@example.org", "news").await, "granted");
    assert_eq!(says_no(&ann.0).await.status, StatusCode::CREATED);
    assert_eq!(may(&app, "ann@example.org", "news").await, "withdrawn", "its owner does");
}

#[tokio::test]
async fn suppression_ends_for_what_is_agreed_to_anew_and_nothing_else() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &two_alerts("consent")).await.status, StatusCode::OK);
    let site = app.app.sites.all()[0].clone();
    assert_eq!(
        told(&app, "ann@example.org", json!({ "email-visits": "yes" })).await.status,
        StatusCode::CREATED
    );
    let other = signs_up(&app, &site, "ann@example.org").await;
    let erase = |whose, suppress| {
        let request = EraseRequest { whose, reason: EraseReason::Asked, suppress };
        people::erase(Arc::clone(&site), request)
    };
    erase(Whose::Subject(other.0.id()), true).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "visits").await, "suppressed");
    let anew = signs_up(&app, &site, "ann@example.org").await;
    assert!(matches!(confirms(&site, &anew).await, Waiting::For(..)));
    assert_eq!(may(&app, "ann@example.org", "news").await, "granted");
    assert_eq!(may(&app, "ann@example.org", "visits").await, "withdrawn");

    // Somebody of whom nothing is known does not want to be written to.
    let whose = Whose::Contact { channel: Channel::Email, address: "bob@example.org".into() };
    erase(whose, true).await.unwrap();
    assert_eq!(may(&app, "bob@example.org", "news").await, "suppressed");
    told(&app, "bob@example.org", json!({ "email-news": "yes" })).await.is_problem(409, "suppressed");
}

// Whoever was answered that they are stopped is on no list and in no answer from then on, whatever else goes on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn under_load_and_over_a_restart_no_later_answer_says_yes() {
    use std::sync::atomic::{AtomicBool, Ordering};
    const PEOPLE: usize = 12;
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let address = |person: usize| format!("p{person}@example.org");
    let mut contacts = Vec::new();
    for person in 0..PEOPLE {
        let signed_up = signs_up(&app, &site, &address(person)).await;
        confirms(&site, &signed_up).await;
        contacts.push(signed_up.1);
    }
    let stopped: Vec<AtomicBool> = (0..PEOPLE).map(|_| AtomicBool::new(false)).collect();
    let done = AtomicBool::new(false);
    let one_by_one = async {
        let (mut yes, mut person) = (0, 0);
        while !done.load(Ordering::SeqCst) || person % PEOPLE != 0 {
            let before = stopped[person % PEOPLE].load(Ordering::SeqCst);
            let reason = may(&app, &address(person % PEOPLE), "news").await;
            assert!(!before || reason == "withdrawn", "{reason} after the withdrawal was acknowledged");
            yes += usize::from(reason == "granted");
            person += 1;
            // What is remembered is answered without waiting for anything, and the others have to come to their turn.
            tokio::task::yield_now().await;
        }
        yes
    };
    let in_bulk = async {
        let addresses: Vec<_> = (0..PEOPLE).map(address).collect();
        let question = json!({ "channel": "email", "topic": "news", "addresses": addresses });
        while !done.load(Ordering::SeqCst) {
            let before: Vec<bool> = stopped.iter().map(|it| it.load(Ordering::SeqCst)).collect();
            let answer = staff(&app, "may/bulk", &question).await.json();
            for (before, answer) in before.iter().zip(answer["answers"].as_array().unwrap()) {
                assert!(!before || answer["may"] == "no", "{answer} after the withdrawal was acknowledged");
            }
        }
    };
    let others = async {
        let mut other = 0;
        while !done.load(Ordering::SeqCst) {
            signs_up(&app, &site, &format!("other{other}@example.org")).await;
            other += 1;
        }
    };
    let stops = async {
        for (person, contact) in contacts.iter().enumerate() {
            stop(&site, *contact, Which::All, Act::OneClick, now()).await.unwrap();
            stopped[person].store(true, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    };
    let (yes, (), (), ()) = tokio::join!(one_by_one, in_bulk, others, stops);
    assert!(yes > 0, "it was asked before, too");
    drop(site);
    let app = app.restarted();
    for person in 0..PEOPLE {
        assert_eq!(may(&app, &address(person), "news").await, "withdrawn");
    }
}
