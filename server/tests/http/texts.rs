//! Codes and time, without a gateway: what is tried too often, what was never sent, what is over.

use crate::app::{Answer, ORIGIN, TestApp, key, to};
use crate::post::Place;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::{SubjectId, SubjectToken};
use assent_core::wire::{EraseReason, EraseRequest, Whose};
use assent_ledger::Owed;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::code::{enter, of};
use server::app::alerts::confirm::{Waiting, confirm, parts};
use server::app::alerts::incoming::{Incoming, done, hear, to_read};
use server::app::alerts::message;
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;
use server::app::people::erase;
use server::app::sites::Site;
use server::deliver::segments::segments;
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
        let entered = enter(&app.app.outbox, &site, number, code, now()).await.unwrap()?;
        let pressed = confirm(&site, parts(entered.link).unwrap(), now()).await.unwrap();
        let is_one =
            matches!(pressed, Waiting::For(wanted, _) | Waiting::Already(wanted) if wanted.len() == 1);
        Some((subject, is_one))
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
    let tomorrow = began + DAY + 60_000;
    let counted = || site.ledger.jobs().unwrap().iter().any(|(key, _)| key.starts_with(b"tries/"));
    assert!(enters(&right, tomorrow).await && !counted(), "and that is forgotten after a day");
    // A right code is no wrong one, and lets nobody try again what was wrong before it.
    for by in 1..=4 {
        assert!(!enters(&wrong(&site, subject, by), tomorrow).await);
        assert!(enters(&right, tomorrow).await);
    }
    assert!(counted());
    let link = enter(&app.app.outbox, &site, number, &right, tomorrow).await.unwrap().unwrap().link;
    confirm(&site, parts(link).unwrap(), now()).await.unwrap();
    assert!(!counted(), "a confirmation ends the count");

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

#[tokio::test]
async fn a_number_cannot_be_locked_before_its_owner_signs_up() {
    let app = TestApp::new().await;
    let site: Arc<Site> = app.app.sites.all()[0].clone();
    let number = number(&site);
    for try_ in 0..10 {
        let strange = site.ledger.contact_hash(Channel::Text, &format!("+44770090020{try_}"));
        for hash in [number, strange] {
            assert!(enter(&app.app.outbox, &site, hash, "123456", now()).await.unwrap().is_none());
        }
    }
    assert_eq!(site.ledger.jobs().unwrap().len(), 1, "whatever numbers are tried, one job is kept");
    let right = of(&site, signs_up(&app).await, &number);
    assert!(enter(&app.app.outbox, &site, number, &right, now()).await.unwrap().is_some());
    do_what_is_due(&app.app, &site, now() + DAY + 60_000).await.unwrap();
    let counted = site.ledger.jobs().unwrap().iter().any(|(key, _)| key.ends_with(b"tries"));
    assert!(!counted, "and none the day after");
}

async fn posts(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = to(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, ORIGIN);
    app.ask(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_right_code_shows_what_it_says_yes_to_and_only_the_press_confirms() {
    let app = TestApp::new().await;
    let site: Arc<Site> = app.app.sites.all()[0].clone();
    let subject = signs_up(&app).await;
    let code = of(&site, subject, &number(&site));
    let enters = async |code: &str| {
        posts(&app, "/v1/clinic/code", &[("phone", NUMBER), ("code", code), ("language", "en")]).await
    };
    let records = || site.ledger.history(&subject).unwrap().len();

    let wanted = [PurposeId::new("text-news").unwrap()];
    let text = message::code(&site, "en", (&code, &wanted, true), NUMBER.into(), "id".into()).text;
    assert!(text.contains(&code) && text.contains("yes to: News."), "{text}");
    let many: Vec<_> =
        (0..40).map(|number| PurposeId::new(&format!("text-alert-{number}")).unwrap()).collect();
    let text = message::code(&site, "en", (&code, &many, true), NUMBER.into(), "id".into()).text;
    assert!(text.contains("text-alert-1,") && text.contains(" +"), "the first, and how many more: {text}");
    assert_eq!(segments(&text), 2, "{text}");

    let wrong = enters(&wrong(&site, subject, 1)).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!wrong.text().contains("News"), "who guesses is told of no alert");
    let page = enters(&code).await;
    assert_eq!((page.status, records()), (StatusCode::OK, 1), "entering it confirms nothing");
    let page = page.text();
    assert!(page.contains("<strong>News</strong>") && page.contains(NUMBER), "{page}");
    let link = page.split("/confirm/").nth(1).unwrap().split(['"', '?']).next().unwrap();
    let path = format!("/v1/clinic/confirm/{link}");
    assert_eq!(app.get(&path).await.status, StatusCode::OK);
    assert_eq!(records(), 1, "nor does looking");
    let pressed = posts(&app, &path, &[("language", "en")]).await;
    assert_eq!((pressed.status, records()), (StatusCode::OK, 2));
    assert!(pressed.text().contains("it is confirmed"), "{}", pressed.text());
    assert!(enters(&code).await.text().contains("it is confirmed"), "and says so when it is entered again");
    assert_eq!(records(), 2);
}

/// What somebody outside sees, and what is kept about it, without what stands for the number or address itself.
#[tokio::test]
async fn who_is_known_is_answered_as_who_is_not() {
    const STRANGER: &str = "+447700900124";
    let place = Place::empty();
    let app = TestApp::new().await.configured(&place.configuration());
    let post = place.opens();
    let site: Arc<Site> = app.app.sites.all()[0].clone();
    let subject = signs_up(&app).await;
    crate::alerts::signs_up(&app, &crate::alerts::token(), &key(), "ann@example.org").await;
    // Six times none of the codes: the next five, and one that comes too late.
    let codes: Vec<_> = (1..=6).map(|by| wrong(&site, subject, by)).collect();
    let right = of(&site, subject, &number(&site));
    let mut seen = Vec::new();
    for (phone, email) in [(NUMBER, "ann@example.org"), (STRANGER, "bob@example.org")] {
        let began = now();
        let hash = |channel, value| site.ledger.contact_hash(channel, value).to_string();
        let hashes = [hash(Channel::Text, phone), hash(Channel::Email, email)];
        let anonymous = |text: String| {
            let text = text.replace(phone, "PHONE").replace(&phone[1..], "PHONE").replace(email, "EMAIL");
            hashes.iter().fold(text, |text, hash| text.replace(hash, "HASH"))
        };
        let mut answers = Vec::new();
        for code in codes.iter().chain([&right]) {
            let fields = [("phone", phone), ("code", code.as_str()), ("language", "en")];
            answers.push(posts(&app, "/v1/clinic/code", &fields).await);
        }
        for _ in 0..2 {
            for field in [("phone", phone), ("email", email)] {
                answers.push(posts(&app, "/v1/clinic/your-alerts", &[field, ("language", "en")]).await);
            }
        }
        do_what_is_due(&app.app, &site, now()).await.unwrap();
        let answers = answers.into_iter().map(|answer| {
            let headers = format!("{:?}", answer.headers);
            (answer.status, anonymous(headers), anonymous(answer.text()))
        });
        let answers: Vec<_> = answers.collect();
        let kept = site.ledger.jobs().unwrap().into_iter().filter_map(|(key, job)| {
            let key = String::from_utf8(key).unwrap();
            let mut job: Value = serde_json::from_slice(&job).unwrap();
            // Wrong codes are counted where there is one to guess; nobody outside sees that.
            let counts = ["asked/", "tries/"].iter().any(|kind| key.starts_with(kind));
            let about = hashes.iter().any(|hash| key.contains(hash)) && !counts;
            // To the minute, for the clock goes on; and what a gateway that is not there has failed is nobody's business outside.
            let left = (job["due"].as_u64()? - began + 30_000) / 60_000;
            job["due"] = json!(left);
            about.then(|| (anonymous(key), anonymous(job.to_string())))
        });
        seen.push((answers, kept.collect::<Vec<_>>()));
    }
    assert_eq!(seen[0].0, seen[1].0, "the same statuses, headers and words, one after the other");
    let pauses = |kept: &[(String, String)]| -> Vec<_> {
        // The text to the number that is known waits for a gateway; by mail both were dealt with.
        let texts =
            |kept: &&(String, String)| !kept.1.contains("\"channel\":\"text\"") && !kept.1.contains(":60,");
        kept.iter().filter(texts).cloned().collect()
    };
    assert_eq!(pauses(&seen[0].1), pauses(&seen[1].1), "the same pause");
    assert!(
        seen[1].1.iter().any(|(_, job)| job.contains("pause") && job.contains(":60,")),
        "an hour by text"
    );
    let told = post.messages().iter().filter(|mail| mail.contains("Your link")).count();
    assert_eq!(told, 1, "and only who is known is written to");
}

#[tokio::test]
async fn what_somebody_wrote_is_forgotten_with_them_and_owed_a_reclaim() {
    let app = TestApp::new().await;
    let site: Arc<Site> = app.app.sites.all()[0].clone();
    let reclaims = async |done: bool| {
        let site = Arc::clone(&site);
        tokio::task::spawn_blocking(move || site.ledger.note_reclaim(done).unwrap()).await.unwrap();
    };
    let writes = async |number: &str, text: &str| {
        let incoming = Incoming { id: key(), number: number.into(), text: text.into() };
        hear(&app.app, &site, incoming, now()).await.unwrap();
    };
    let erases = async |subject: SubjectId| {
        let whose = Whose::Subject(subject);
        let request = EraseRequest { whose, reason: EraseReason::Asked, suppress: false };
        assert_eq!(erase(Arc::clone(&site), request).await.unwrap().subjects, [subject]);
    };
    let waiting = || to_read(&site).unwrap().texts.into_iter().map(|text| text.text).collect::<Vec<_>>();
    writes("+447700900999", "Who are you?").await;
    writes(NUMBER, "Cancel my appointment").await;

    // Whoever only typed a number in is not the one who writes from it.
    erases(signs_up(&app).await).await;
    assert_eq!(waiting(), ["Who are you?", "Cancel my appointment"]);
    let subject = signs_up(&app).await;
    let code = of(&site, subject, &number(&site));
    let link = enter(&app.app.outbox, &site, number(&site), &code, now()).await.unwrap().unwrap().link;
    confirm(&site, parts(link).unwrap(), now()).await.unwrap();
    erases(subject).await;
    assert_eq!(waiting(), ["Who are you?"]);

    reclaims(false).await;
    reclaims(true).await;
    assert_eq!(site.ledger.owed().unwrap(), Owed::Nothing);
    let id = to_read(&site).unwrap().texts.remove(0).id;
    assert!(done(&site, &id).await.unwrap());
    assert!(waiting().is_empty() && matches!(site.ledger.owed().unwrap(), Owed::Since(_)));
}
