//! The page of an address: what a link that is old is still good for, and who learns that an address was changed.

use crate::alerts::{signs_up, token};
use crate::app::{Answer, ORIGIN, SITE, TestApp, key, to};
use crate::post::{Place, header};
use crate::told::{may, publishes, staff};
use assent_core::decision::Act;
use assent_core::notice::Channel;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header as names};
use serde_json::json;
use server::app::alerts::code::of;
use server::app::alerts::confirm::confirm;
use server::app::alerts::link::{ContactKey, Link, day};
use server::app::alerts::outbox::do_what_is_due;
use server::app::alerts::stop::{Which, stop};
use server::app::now;
use server::app::sites::Site;
use std::sync::Arc;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const OLD_NUMBER: &str = "+447700900123";
const NEW_NUMBER: &str = "+447700900125";

fn contact(site: &Site, channel: Channel, address: &str) -> ContactKey {
    ContactKey { channel, hash: site.ledger.contact_hash(channel, address) }
}

/// The path of the page of an address, by a link that was made this many days ago.
fn page(site: &Site, contact: ContactKey, days_ago: u32) -> String {
    let link = Link::Centre { contact, day: day(now()) - days_ago };
    format!("/v1/clinic/your-alerts/{}", link.seal(&site.links))
}

async fn posts(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let own = [("language", "en"), ("key", &key())];
    let body =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(fields).finish();
    let request = to(Method::POST, path)
        .header(names::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(names::ORIGIN, ORIGIN);
    app.ask(request.body(Body::from(body)).unwrap()).await
}

/// A mail server, and Ann, who confirmed that she wants the news; there are visits too, on this route.
async fn with_ann(route: &str) -> (TestApp, Arc<Site>, Place) {
    let place = Place::empty();
    let alert =
        format!("[[alerts]]\ntopic = \"visits\"\nchannels = [\"email\"]\nroute = \"{route}\"\n\n[text.en]\n");
    let text = "\n[text.en.alerts.visits]\nname = \"Visits\"\ndescription = \"Tells you more.\"\n\
        data = [\"your address\"]\nretention = \"until you stop it\"\n";
    let app = TestApp::new().await;
    let file = SITE.replace("[text.en]\n", &alert) + text;
    assert_eq!(publishes(&app, &file).await.status, StatusCode::OK);
    let app = app.configured(&place.configuration());
    let site = app.app.sites.all()[0].clone();
    let ann = token();
    signs_up(&app, &ann, &key(), ANN).await;
    let subject = SubjectToken::parse(&ann).unwrap().id();
    confirm(&site, (subject, contact(&site, Channel::Email, ANN), None), now()).await.unwrap();
    (app, site, place)
}

#[tokio::test]
async fn a_link_that_is_old_stops_everything_and_does_nothing_else() {
    let (app, site, place) = with_ann("consent").await;
    let ann = contact(&site, Channel::Email, ANN);
    let young = app.get(&page(&site, ann, 30)).await.text();
    assert!(young.contains(ANN) && young.contains("wanted-email-visits"), "{young}");
    let path = page(&site, ann, 31);
    let shown = app.get(&path).await;
    assert_eq!(shown.status, StatusCode::OK);
    let text = shown.text();
    assert!(text.contains("older than 30 days") && text.contains("wanted-email-news"), "{text}");
    for hidden in [ANN, "wanted-email-visits", "receipt", "value=\"move\""] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    let entries = app.entries();
    app.get(&format!("{path}/receipts.zip")).await.is_problem(403, "link-old");
    let receipt = site.ledger.newest(&site.ledger.subjects_of(&ann.hash).unwrap()[0]).unwrap().unwrap();
    app.get(&format!("{path}/receipts/{receipt}")).await.is_problem(403, "link-old");
    let jobs = site.ledger.jobs().unwrap();
    let moved = posts(&app, &path, &[("press", "move"), ("address", BOB)]).await;
    assert_eq!(moved.status, StatusCode::FORBIDDEN, "{}", moved.text());
    let more = [("press", "save"), ("wanted", "email-news"), ("wanted", "email-visits")];
    assert_eq!(posts(&app, &path, &more).await.status, StatusCode::FORBIDDEN);
    assert_eq!((app.entries(), site.ledger.jobs().unwrap()), (entries, jobs), "nothing came of any of it");
    assert_eq!(may(&app, ANN, "news").await.1, "granted");

    // A fresh one goes to the address, and to nobody who holds the old one.
    let sent = posts(&app, &path, &[("press", "link")]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
    let post = place.opens();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let message = post.messages().into_iter().find(|mail| header(mail, "Subject").starts_with("Your link"));
    assert_eq!(header(&message.expect("a message with a link"), "To"), ANN);

    // A no among it counts.
    assert_eq!(
        posts(&app, &path, &[("press", "save"), ("wanted", "email-visits")]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(may(&app, ANN, "news").await.1, "withdrawn");
    assert_eq!(may(&app, ANN, "visits").await.1, "not-asked");
    let young = page(&site, ann, 0);
    let all = [("press", "save"), ("wanted", "email-news"), ("wanted", "email-visits")];
    assert_eq!(posts(&app, &young, &all).await.status, StatusCode::SEE_OTHER);
    // From before links had a day.
    let ancient = page(&site, ann, day(now()));
    assert_eq!(posts(&app, &ancient, &[("press", "stop-all")]).await.status, StatusCode::SEE_OTHER);
    for topic in ["news", "visits"] {
        assert_eq!(may(&app, ANN, topic).await.1, "withdrawn");
    }
    drop(site);
    let app = app.configured("[limits]\nlink_days = 31\n");
    let site = app.app.sites.all()[0].clone();
    assert!(app.get(&page(&site, ann, 31)).await.text().contains(ANN), "how long is the operator's to say");
}

#[tokio::test]
async fn a_page_that_does_not_show_what_waits_takes_it_back_no_more_than_it_gives_it() {
    let (app, site, _place) = with_ann("consent").await;
    let ann = contact(&site, Channel::Email, ANN);
    stop(&site, ann, Which::All, Act::Link, now()).await.unwrap();
    signs_up(&app, &token(), &key(), ANN).await;
    let path = page(&site, ann, 31);
    assert!(!app.get(&path).await.text().contains("wanted-email-news"), "it is not shown");
    assert_eq!(posts(&app, &path, &[("press", "save")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(may(&app, ANN, "news").await.1, "unconfirmed");
    // One that shows it does.
    let shown = app.get(&page(&site, ann, 0)).await.text();
    assert!(shown.contains("wanted-email-news"), "{shown}");
    assert_eq!(posts(&app, &page(&site, ann, 0), &[("press", "save")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(may(&app, ANN, "news").await.1, "withdrawn");
}

/// A server that dies in a move leaves the job that was kept before it, and perhaps the confirmation.
#[tokio::test]
async fn a_move_that_was_confirmed_is_done_whole_and_one_that_was_not_ends_nothing() {
    let (app, site, place) = with_ann("consent").await;
    let post = place.opens();
    let (ann, bob) = (contact(&site, Channel::Email, ANN), contact(&site, Channel::Email, BOB));
    let moved = posts(&app, &page(&site, ann, 0), &[("press", "move"), ("address", BOB)]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text());
    let told = || post.messages().iter().filter(|mail| header(mail, "Subject").starts_with("Moved")).count();
    let subject = site.ledger.subjects_of(&bob.hash).unwrap()[0];
    let key = format!("moved/{}/{subject}", ann.hash).into_bytes();
    let job = json!({
        "do": "moved", "contact": ann.hash, "channel": "email", "subject": subject,
        "due": now(), "until": now() + 60_000, "failed": 0,
    });
    let job = serde_json::to_vec(&job).unwrap();
    site.ledger.set_jobs(vec![(key.clone(), Some(job))]).await.unwrap();

    do_what_is_due(&app.app, &site, now()).await.unwrap();
    assert_eq!((told(), may(&app, ANN, "news").await.1), (0, "granted".into()), "it is not confirmed");

    // As it stands between the confirmation and what it ends.
    confirm(&site, (subject, bob, None), now()).await.unwrap();
    assert_eq!(may(&app, ANN, "news").await.1, "granted");
    do_what_is_due(&app.app, &site, now() + 10_000).await.unwrap();
    assert_eq!((told(), may(&app, ANN, "news").await.1), (1, "withdrawn".into()));
    assert_eq!(may(&app, BOB, "news").await.1, "granted");
    assert_eq!(site.ledger.job(&key).unwrap(), None);
}

#[tokio::test]
async fn an_address_that_stopped_everything_is_not_told_of_a_move() {
    let (app, site, place) = with_ann("consent").await;
    let ann = contact(&site, Channel::Email, ANN);
    let path = page(&site, ann, 0);
    let moved = posts(&app, &path, &[("press", "move"), ("address", BOB)]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text());
    assert_eq!(posts(&app, &path, &[("press", "stop-all")]).await.status, StatusCode::SEE_OTHER);
    let bob = contact(&site, Channel::Email, BOB);
    let subject = site.ledger.subjects_of(&bob.hash).unwrap()[0];
    confirm(&site, (subject, bob, Some(ann.hash)), now()).await.unwrap();
    assert_eq!(may(&app, BOB, "news").await.1, "granted");
    let post = place.opens();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let to_ann = post.messages().into_iter().find(|mail| header(mail, "To") == ANN);
    assert_eq!(to_ann, None, "nothing of theirs goes elsewhere");
}

#[tokio::test]
async fn an_address_is_told_once_that_another_took_its_place() {
    let (app, site, place) = with_ann("service").await;
    let post = place.opens();
    let ann = contact(&site, Channel::Email, ANN);
    let moved = posts(&app, &page(&site, ann, 0), &[("press", "move"), ("address", BOB)]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text());
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let told = || -> Vec<String> {
        post.messages().into_iter().filter(|mail| header(mail, "Subject").starts_with("Moved")).collect()
    };
    assert!(told().is_empty(), "nothing has changed yet");
    let asked =
        post.messages().into_iter().find(|mail| header(mail, "To") == BOB).unwrap().replace("=\n", "");
    let link = asked.split("/confirm/").nth(1).unwrap().split(['?', '"']).next().unwrap();
    for _ in 0..2 {
        let pressed = posts(&app, &format!("/v1/clinic/confirm/{link}"), &[]).await;
        assert_eq!(pressed.status, StatusCode::OK, "{}", pressed.text());
        do_what_is_due(&app.app, &site, now()).await.unwrap();
    }
    assert_eq!(may(&app, BOB, "news").await.1, "granted");
    // Letting go of it ends what belongs to a service, too; that it is told of.
    assert_eq!(may(&app, ANN, "news").await.1, "suppressed");
    let told = told();
    assert_eq!(told.len(), 1, "once, however often it is pressed");
    assert_eq!(header(&told[0], "To"), ANN);
    let says = told[0].replace("=\n", "");
    for part in ["goes to another one", "write to us", "data@example.org", "/v1/clinic/your-alerts/"] {
        assert!(says.contains(part), "{part} in {says}");
    }
    assert!(!says.contains("bob"), "and not which one");
}

#[tokio::test]
async fn a_number_is_changed_by_a_code_and_the_old_one_is_told() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let (old, new) = (contact(&site, Channel::Text, OLD_NUMBER), contact(&site, Channel::Text, NEW_NUMBER));
    let may = async |number: &str| {
        let question = json!({ "channel": "text", "address": number, "topic": "news" });
        staff(&app, "may", "k", &question).await.json()["reason"].clone()
    };
    let call = json!({ "by": "paper", "script": "form 3", "staff": "M. Rees", "said": "2026-03-02", "language": "en",
        "evidence": { "kind": "signed-form", "reference": "box 4" }, "phone": OLD_NUMBER, "choices": { "text-news": "yes" } });
    assert_eq!(staff(&app, "told", "k", &call).await.status, StatusCode::CREATED);
    let path = page(&site, old, 0);
    let shown = app.get(&path).await.text();
    assert!(shown.contains("Change your mobile number") && shown.contains("type=\"tel\""), "{shown}");
    for (number, code) in [("+33 6 12 34 56 78", "country"), ("07700", "number")] {
        let refused = posts(&app, &path, &[("press", "move"), ("address", number)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains(code), "{number}: {}", refused.text());
    }
    let asked = posts(&app, &path, &[("press", "move"), ("address", "+44 7700 900125")]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.text());
    let done = app.get(&format!("{path}?done=asked")).await.text();
    assert!(done.contains("A code is on its way") && done.contains("/v1/clinic/code"), "{done}");
    assert_eq!((may(OLD_NUMBER).await, may(NEW_NUMBER).await), (json!("granted"), json!("unconfirmed")));

    let subject = site.ledger.subjects_of(&new.hash).unwrap()[0];
    let fields = [("phone", NEW_NUMBER), ("code", &of(&site, subject, &new.hash))];
    let entered = posts(&app, "/v1/clinic/code", &fields).await.text();
    assert_eq!(may(OLD_NUMBER).await, "granted", "a code alone changes nothing");
    let link = entered.split("/confirm/").nth(1).unwrap().split(['?', '"']).next().unwrap();
    assert_eq!(posts(&app, &format!("/v1/clinic/confirm/{link}"), &[]).await.status, StatusCode::OK);
    assert_eq!((may(OLD_NUMBER).await, may(NEW_NUMBER).await), (json!("withdrawn"), json!("granted")));
    let jobs = site.ledger.jobs().unwrap();
    let told = format!("moved/{}/", old.hash);
    assert!(jobs.iter().any(|(key, _)| key.starts_with(told.as_bytes())), "the old number is to be told");
}
