//! Sites that ask how old people are: who is too young says no only, who is young waits until staff talked with them.

use crate::app::{Answer, HOLDER, ORIGIN, SITE, STAFF, TestApp, key, to};
use crate::told::{may, publishes, staff};
use assent_core::age::AgeBand;
use assent_core::decision::Decision;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Record;
use assent_core::subject::{SubjectId, SubjectToken};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::confirm::{Waiting, confirm};
use server::app::alerts::link::ContactKey;
use server::app::alerts::message;
use server::app::alerts::outbox::do_what_is_due;
use server::app::alerts::stop::{Which, stop};
use server::app::now;
use server::app::sites::Site;
use std::sync::Arc;

const OURS: &str = "https://privacy.example.org";
const ANN: &str = "ann@example.org";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The test site, asking there, with a second alert.
fn asking(at: &str) -> String {
    let alert =
        "[[alerts]]\ntopic = \"visits\"\nchannels = [\"email\"]\nsubstantial_data = true\n\n[text.en]\n";
    let text = "\n[text.en.alerts.visits]\nname = \"Visits\"\ndescription = \"Tells you when.\"\n\
        data = [\"your address\"]\nretention = \"until you stop it\"\n";
    let age = format!("[age]\nasked = [{at}]\n\n[controller]");
    SITE.replace("[text.en]\n", alert).replace("[controller]", &age) + text
}

pub(crate) async fn app(at: &str) -> (TestApp, Arc<Site>) {
    let app = TestApp::new().await;
    let answer = publishes(&app, &asking(at)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let site = app.app.sites.all()[0].clone();
    (app, site)
}

const FORM: &str = "\"alert-form\"";

/// Signs up for news; with a token of its own.
async fn signs_up(app: &TestApp, age: Option<&str>) -> (SubjectId, Answer) {
    let token = crate::alerts::token();
    let mut wish =
        json!({ "notice": app.notice(), "language": "en", "wanted": ["email-news"], "email": ANN });
    if let Some(age) = age {
        wish["age"] = age.into();
    }
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", &token)
        .header("idempotency-key", key());
    let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
    (SubjectToken::parse(&token).unwrap().id(), answer)
}

fn contact(site: &Site) -> ContactKey {
    ContactKey { channel: Channel::Email, hash: site.ledger.contact_hash(Channel::Email, ANN) }
}

fn news() -> Vec<PurposeId> {
    vec![PurposeId::new("email-news").unwrap()]
}

/// Somebody of 14 signs up for news, and confirms.
async fn young(app: &TestApp, site: &Arc<Site>) -> SubjectId {
    let (subject, answer) = signs_up(app, Some("13-15")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let confirmed = confirm(site, (subject, contact(site), None), now()).await.unwrap();
    assert_eq!(confirmed, Waiting::Talk(news()));
    subject
}

async fn to_contact(app: &TestApp) -> Vec<Value> {
    let request =
        to(Method::GET, "/v1/clinic/to-contact").header(header::AUTHORIZATION, format!("Bearer {STAFF}"));
    let answer = app.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["people"].as_array().unwrap().clone()
}

fn talk(id: &Value, choice: &str) -> Value {
    json!({ "id": id, "by": "phone", "recording": "not-recorded", "script": "Young people, 2", "staff": "M. Rees",
        "said": "2026-11-20T09:30:00Z", "choices": { "email-news": choice } })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub(crate) fn records(site: &Site, subject: SubjectId) -> Vec<Record> {
    site.ledger.history(&subject).unwrap().into_iter().map(|opened| opened.record).collect()
}

async fn page(app: &TestApp, path: &str) -> String {
    app.get(path).await.text()
}

async fn form(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("language", "en").append_pair("key", &key()).extend_pairs(fields);
    let request = to(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, OURS);
    app.ask(request.body(Body::from(body.finish())).unwrap()).await
}

/// The address's page about its alerts.
fn centre(site: &Site) -> String {
    let link = message::centre(site, contact(site), "en");
    let path = link.strip_prefix(OURS).unwrap();
    path.split('?').next().unwrap().to_string()
}

// SEED-A-31.
#[tokio::test]
async fn somebody_of_14_waits_until_staff_talked_with_them() {
    let (app, site) = app(FORM).await;
    let (subject, answer) = signs_up(&app, Some("13-15")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(may(&app, ANN, "news").await.1, "unconfirmed");
    assert_eq!(
        to_contact(&app).await,
        [] as [Value; 0],
        "anybody can type an address: nobody is talked with yet"
    );
    let confirmed = confirm(&site, (subject, contact(&site), None), now()).await.unwrap();
    assert_eq!(confirmed, Waiting::Talk(news()));
    assert_eq!(may(&app, ANN, "news").await, (json!("no"), json!("pending-contact")));
    // Neither the link again nor another age goes round it.
    let again = confirm(&site, (subject, contact(&site), None), now()).await.unwrap();
    assert_eq!(again, Waiting::Talk(news()));
    let (older, _) = signs_up(&app, Some("16-plus")).await;
    assert_eq!(confirm(&site, (older, contact(&site), None), now()).await.unwrap(), Waiting::Talk(news()));
    assert_eq!(may(&app, ANN, "news").await.1, "pending-contact");
    let list = to(Method::GET, "/v1/clinic/may/list?topic=news&channel=email&format=ndjson")
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"))
        .header("assent-reason", "November's newsletter");
    assert_eq!(app.ask(list.body(Body::empty()).unwrap()).await.text(), "", "they are on no list");

    drop(site);
    let app = app.restarted();
    let site = app.app.sites.all()[0].clone();
    let people = to_contact(&app).await;
    assert_eq!(people.len(), 1);
    assert_eq!((&people[0]["address"], &people[0]["channel"]), (&json!(ANN), &json!("email")));
    assert_eq!((&people[0]["language"], &people[0]["substantial_data"]), (&json!("en"), &json!(false)));
    assert!(people[0]["waiting"]["email-news"].is_string(), "{people:?}");
    let kept = format!("{:?}", site.ledger.jobs().unwrap());
    assert!(!kept.contains("ann"), "no address stands in a job");

    let id = &people[0]["id"];
    let good = talk(id, "yes");
    let entries = app.entries();
    for (body, status, code) in [
        (with(good.clone(), "script", json!(" ")), 422, "told-incomplete"),
        (with(good.clone(), "staff", json!("")), 422, "told-incomplete"),
        (with(good.clone(), "recording", json!(null)), 422, "recording-unanswered"),
        (with(good.clone(), "said", json!("2099-01-01")), 422, "said-in-future"),
        (with(good.clone(), "said", json!("yesterday")), 422, "bad-time"),
        (with(good.clone(), "choices", json!({})), 422, "no-choices"),
        (with(good.clone(), "choices", json!({ "email-visits": "yes" })), 404, "not-found"),
        (with(good.clone(), "id", json!("email-00")), 404, "not-found"),
        (with(good.clone(), "address", json!(ANN)), 422, "unknown-field"),
    ] {
        staff(&app, "contacted", "k", &body).await.is_problem(status, code);
    }
    assert_eq!((app.entries(), may(&app, ANN, "news").await.1), (entries, json!("pending-contact")));

    let answer = staff(&app, "contacted", "k", &good).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(may(&app, ANN, "news").await, (json!("yes"), json!("granted")));
    assert_eq!(to_contact(&app).await, [] as [Value; 0]);
    let last = records(&site, subject).pop().unwrap();
    let told = last.told.unwrap();
    assert_eq!((last.acted.as_deref(), told.staff.as_str()), (Some("2026-11-20T09:30:00.000Z"), "M. Rees"));
    assert!(told.talked && last.age.is_none());
    assert_eq!(last.decisions[&news()[0]], Decision::Confirmed);
    let ages: Vec<_> = records(&site, subject).iter().map(|record| record.age).collect();
    let band = Some(AgeBand::Between(13, 15));
    assert_eq!(ages, [band, band, None], "only the band is kept, with the yes and its confirmation");
    staff(&app, "contacted", "k", &good).await.is_problem(404, "not-found");
    assert!(site.ledger.check(&mut |_| ()).is_ok());
}

#[tokio::test]
async fn a_no_in_the_talk_ends_it_and_so_does_stopping_by_oneself() {
    let (app, site) = app(FORM).await;
    young(&app, &site).await;
    let people = to_contact(&app).await;
    let answer = staff(&app, "contacted", "k", &talk(&people[0]["id"], "no")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(may(&app, ANN, "news").await.1, "withdrawn");
    assert_eq!(to_contact(&app).await, [] as [Value; 0]);

    // Older by now.
    let (subject, _) = signs_up(&app, Some("16-plus")).await;
    let confirmed = confirm(&site, (subject, contact(&site), None), now()).await.unwrap();
    assert!(matches!(confirmed, Waiting::For(..)));
    assert_eq!(may(&app, ANN, "news").await.1, "granted");

    let (app, site) = self::app(FORM).await;
    young(&app, &site).await;
    stop(&site, contact(&site), Which::All, assent_core::decision::Act::Link, now()).await.unwrap();
    assert_eq!(may(&app, ANN, "news").await.1, "withdrawn");
    assert_eq!(to_contact(&app).await, [] as [Value; 0], "who stopped it is not called");
    do_what_is_due(&app.app, &site, now() + 4 * DAY).await.unwrap();
    let left = site.ledger.jobs().unwrap();
    assert!(left.iter().all(|(key, _)| !key.starts_with(b"to-contact/")), "and the entry goes");
}

#[tokio::test]
async fn who_waits_is_looked_after_every_day_and_not_forgotten() {
    let (app, site) = app(FORM).await;
    young(&app, &site).await;
    for days in [2, 4, 40] {
        do_what_is_due(&app.app, &site, now() + days * DAY).await.unwrap();
    }
    assert_eq!(to_contact(&app).await.len(), 1);
    assert_eq!(may(&app, ANN, "news").await.1, "pending-contact");
}

#[tokio::test]
async fn who_is_too_young_or_says_nothing_signs_up_for_nothing() {
    let (app, _) = app(FORM).await;
    let entries = app.entries();
    for (age, code) in [
        (None, "age-missing"),
        (Some("under-13"), "too-young"),
        (Some("14-plus"), "bad-age"),
        (Some("14"), "bad-body"),
        (Some("2012-03-01"), "bad-body"),
    ] {
        signs_up(&app, age).await.1.is_problem(422, code);
    }
    let notice = app.notice().to_hex();
    let fields = [("notice", notice.as_str()), ("wanted", "email-news"), ("email", ANN)];
    for (age, says) in [
        (None, "Choose how old you are"),
        (
            Some("under-13"),
            "To say yes here you need to be 13 or over. Somebody who looks after you can write to us.",
        ),
    ] {
        let answer = form(
            &app,
            "/v1/clinic/alerts",
            &[&fields[..], &age.map(|age| ("age", age)).into_iter().collect::<Vec<_>>()].concat(),
        )
        .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(says) && answer.text().contains(ANN), "{}", answer.text());
    }
    assert_eq!(app.entries(), entries, "nothing was stored");
    let page = page(&app, "/v1/clinic/alerts").await;
    for band in ["under-13", "13-15", "16-plus"] {
        assert!(page.contains(&format!("value=\"{band}\"")), "{page}");
    }
    assert!(!page.contains("checked"), "nothing is chosen beforehand");

    let answer = form(&app, "/v1/clinic/alerts", &[&fields[..], &[("age", "13-15")]].concat()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let cookie = answer.header(header::SET_COOKIE).split(';').next().unwrap().to_string();
    let done = answer.header(header::LOCATION).strip_prefix(OURS).unwrap().to_string();
    let request = to(Method::GET, &done).header(header::COOKIE, cookie);
    let done = app.ask(request.body(Body::empty()).unwrap()).await.text();
    assert!(done.contains("Nothing will be sent until we have talked with you"), "{done}");

    // Where nobody asks, nothing is kept about it.
    let plain = TestApp::new().await;
    signs_up(&plain, Some("16-plus")).await.1.is_problem(422, "bad-age");
    assert!(!self::page(&plain, "/v1/clinic/alerts").await.contains("How old are you?"));
}

#[tokio::test]
async fn the_page_of_an_address_says_what_waits_and_asks_an_age_that_is_not_known() {
    let (app, site) = app(FORM).await;
    young(&app, &site).await;
    let path = centre(&site);
    let shown = page(&app, &path).await;
    assert!(shown.contains("Nothing will be sent until we have talked with you"), "{shown}");
    assert!(!shown.contains("<legend>How old are you?"), "it is known");
    assert!(shown.contains("How old are you? <strong>13 to 15</strong>"), "and shown: {shown}");
    // Ticked as it is, and another alert with it: both wait, and staff see that the other one takes much.
    let save = [("press", "save"), ("wanted", "email-news"), ("wanted", "email-visits")];
    assert_eq!(form(&app, &path, &save).await.status, StatusCode::SEE_OTHER);
    for topic in ["news", "visits"] {
        assert_eq!(may(&app, ANN, topic).await.1, "pending-contact", "{topic}");
    }
    let people = to_contact(&app).await;
    assert_eq!(people[0]["substantial_data"], true, "SEED-A-32");
    let part = staff(&app, "contacted", "k", &talk(&people[0]["id"], "yes")).await;
    assert_eq!(part.status, StatusCode::CREATED);
    assert_eq!(may(&app, ANN, "news").await.1, "granted");
    assert_eq!(
        may(&app, ANN, "visits").await.1,
        "pending-contact",
        "what was not talked about goes on waiting"
    );
    assert_eq!(to_contact(&app).await.len(), 1);

    // Who signed up before anybody asked says it with the next yes.
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let (subject, _) = signs_up(&app, None).await;
    confirm(&site, (subject, contact(&site), None), now()).await.unwrap();
    drop(site);
    assert_eq!(publishes(&app, &asking(FORM)).await.status, StatusCode::OK);
    let site = app.app.sites.all()[0].clone();
    assert_eq!(may(&app, ANN, "news").await.1, "granted");
    assert!(page(&app, &path_of(&site)).await.contains("<legend>How old are you?"));
    for (age, says) in [(None, "Choose how old you are"), (Some("under-13"), "you need to be 13 or over")] {
        let age: Vec<_> = age.map(|age| ("age", age)).into_iter().collect();
        let answer = form(&app, &path_of(&site), &[&save[..], &age].concat()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    assert_eq!(may(&app, ANN, "visits").await.1, "not-asked");
    let answer = form(&app, &path_of(&site), &[&save[..], &[("age", "16-plus")]].concat()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(may(&app, ANN, "visits").await.1, "granted");
}

fn path_of(site: &Site) -> String {
    centre(site)
}

#[tokio::test]
async fn what_staff_are_told_needs_an_age_too() {
    let (app, _) = app(FORM).await;
    let call = json!({
        "by": "paper", "script": "form 3", "staff": "M. Rees", "said": "2026-03-02",
        "evidence": { "kind": "signed-form", "reference": "box 4" },
        "language": "en", "email": ANN, "choices": { "email-news": "yes" },
    });
    for (age, code) in
        [(json!(null), "age-missing"), (json!("under-13"), "too-young"), (json!("9-10"), "bad-age")]
    {
        staff(&app, "told", &key(), &with(call.clone(), "age", age)).await.is_problem(422, code);
    }
    let answer = staff(&app, "told", &key(), &with(call, "age", json!("13-15"))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(
        may(&app, ANN, "news").await.1,
        "pending-contact",
        "evidence shows what was said, not that it was understood"
    );
    assert_eq!(to_contact(&app).await.len(), 1);

    let row = |address: &str, age: &str, choice: &str| {
        json!({ "channel": "email", "address": address, "topic": "news", "said": "2026-03-02", "how": "paper",
            "script": "form 3", "staff": "M. Rees", "evidence": "signed-form", "reference": "box 4", "age": age, "choice": choice })
    };
    let rows = json!({ "list": "spring", "rows": [
        row("a@example.org", "", "yes"), row("b@example.org", "under-13", "yes"), row("c@example.org", "old", "yes"),
        row("d@example.org", "16-plus", "yes"), row("e@example.org", "13-15", "yes"), row("f@example.org", "", "no")] });
    let answer = staff(&app, "told/rows", "k", &rows).await.json();
    let outcomes: Vec<_> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["result"].as_str().unwrap(),
                row["reason"].as_str().unwrap_or_default(),
                row["column"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("refused", "age-missing", ""),
            ("refused", "too-young", ""),
            ("refused", "bad-value", "age"),
            ("recorded", "", ""),
            ("recorded", "", ""),
            ("recorded", "", "")
        ]
    );
    assert_eq!(may(&app, "d@example.org", "news").await.1, "granted");
    assert_eq!(may(&app, "e@example.org", "news").await.1, "pending-contact");
    assert_eq!(to_contact(&app).await.len(), 2);
    assert_eq!(may(&app, "f@example.org", "news").await.1, "refused", "a no needs no age");
}

#[tokio::test]
async fn on_the_banner_only_a_no_goes_without_an_age() {
    let (app, site) = app("\"banner\", \"alert-form\"").await;
    let decides = async |choices: Value, act: &str, age: Option<&str>| {
        let mut body = with(app.decision(choices), "act", act.into());
        if let Some(age) = age {
            body["age"] = age.into();
        }
        app.decides(&body, &key()).await
    };
    let (all, none) =
        (json!({ "analytics": "yes", "surveys": "yes" }), json!({ "analytics": "no", "surveys": "no" }));
    let entries = app.entries();
    for (choices, act, age, code) in [
        (&all, "accept-all", None, "age-missing"),
        (&all, "accept-all", Some("under-13"), "too-young"),
        (&all, "accept-all", Some("15-plus"), "bad-age"),
        (&none, "reject-all", Some("15-plus"), "bad-age"),
        (&json!({ "analytics": "yes", "surveys": "no" }), "save", Some("under-13"), "too-young"),
    ] {
        decides(choices.clone(), act, age).await.is_problem(422, code);
    }
    assert_eq!(app.entries(), entries, "nothing was stored");
    for age in [None, Some("under-13")] {
        assert_eq!(decides(none.clone(), "reject-all", age).await.status, StatusCode::CREATED, "{age:?}");
    }
    let answer = decides(all.clone(), "accept-all", Some("13-15")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let subject = SubjectToken::parse(HOLDER).unwrap().id();
    let ages: Vec<_> = records(&site, subject).iter().map(|record| record.age).collect();
    assert_eq!(ages, [None, Some(AgeBand::Under(13)), Some(AgeBand::Between(13, 15))], "flagged");

    // The loader is told, so that it says no yes by itself; where nobody asks it is told nothing.
    assert!(page(&app, "/v1/clinic/embed.js").await.contains("\"age\":true"));
    assert!(!TestApp::new().await.get("/v1/clinic/embed.js").await.text().contains("\"age\""));
    // Without script: the question, and only what may be answered.
    let path = "/v1/clinic/choices?lang=en";
    let first = page(&app, path).await;
    assert!(first.contains("How old are you?") && first.contains("Choose how old you are"), "{first}");
    assert!(first.contains("value=\"reject-all\"") && !first.contains("value=\"yes\""), "{first}");
    let young = page(&app, &format!("{path}&age=under-13")).await;
    assert!(young.contains("you need to be 13 or over") && !young.contains("value=\"yes\""), "{young}");
    let old = page(&app, &format!("{path}&age=16-plus")).await;
    assert!(old.contains("value=\"accept-all\"") && old.contains("name=\"age\" value=\"16-plus\""), "{old}");
    let notice = app.notice().to_hex();
    let fields = [
        ("notice", notice.as_str()),
        ("act", "save"),
        ("surface", "choices-page"),
        ("choice.analytics", "yes"),
    ];
    let refused = form(&app, "/v1/clinic/choices", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let taken = form(&app, "/v1/clinic/choices", &[&fields[..], &[("age", "16-plus")]].concat()).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text());
    assert!(taken.header(header::SET_COOKIE).contains("analytics:y"));
}

// SEED-A-32.
#[tokio::test]
async fn nobody_young_agrees_on_the_banner_to_what_takes_much_about_them() {
    let app = TestApp::new().await;
    let file = asking("\"banner\", \"alert-form\"")
        .replace("id = \"surveys\"\n", "id = \"surveys\"\nsubstantial_data = true\n");
    assert_eq!(publishes(&app, &file).await.status, StatusCode::OK);
    let decides = async |choices: Value, age: &str| {
        app.decides(&with(app.decision(choices), "age", age.into()), &key()).await
    };
    decides(json!({ "surveys": "yes" }), "13-15").await.is_problem(422, "too-young");
    assert_eq!(decides(json!({ "surveys": "yes" }), "16-plus").await.status, StatusCode::CREATED);
    assert_eq!(decides(json!({ "analytics": "yes" }), "13-15").await.status, StatusCode::CREATED);
    let shown = page(&app, "/v1/clinic/choices?age=13-15").await;
    assert!(shown.contains("you need to be 16 or over"), "{shown}");
    assert!(!shown.contains("value=\"accept-all\""), "not everything may be agreed to");
    assert!(shown.contains("name=\"choice.analytics\" value=\"yes\""), "{shown}");
}

#[tokio::test]
async fn a_number_waits_as_an_address_does_and_who_is_erased_is_not_called() {
    use assent_core::wire::{EraseReason, EraseRequest, Whose};
    use server::app::alerts::code::{enter, of};
    use server::app::alerts::confirm::parts;
    const NUMBER: &str = "+447700900123";
    let (app, site) = app(FORM).await;
    let token = crate::alerts::token();
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": ["text-news"], "phone": NUMBER, "age": "13-15" });
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", &token)
        .header("idempotency-key", key());
    assert_eq!(
        app.ask(request.body(Body::from(wish.to_string())).unwrap()).await.status,
        StatusCode::CREATED
    );
    let (subject, hash) =
        (SubjectToken::parse(&token).unwrap().id(), site.ledger.contact_hash(Channel::Text, NUMBER));
    let code = of(&site, subject, &hash);
    let texts = vec![PurposeId::new("text-news").unwrap()];
    for _ in 0..2 {
        let entered = enter(&app.app.outbox, &site, hash, &code, now()).await.unwrap();
        let pressed = confirm(&site, parts(entered.unwrap().link).unwrap(), now()).await.unwrap();
        assert_eq!(pressed, Waiting::Talk(texts.clone()), "also when it is entered twice");
    }
    let question = json!({ "channel": "text", "address": NUMBER, "topic": "news" });
    assert_eq!(staff(&app, "may", "k", &question).await.json()["reason"], "pending-contact");
    let people = to_contact(&app).await;
    assert_eq!((&people[0]["channel"], &people[0]["address"]), (&json!("text"), &json!(NUMBER)));
    let body = with(talk(&people[0]["id"], "yes"), "choices", json!({ "text-news": "yes" }));
    assert_eq!(staff(&app, "contacted", "k", &body).await.status, StatusCode::CREATED);
    assert_eq!(staff(&app, "may", "k", &question).await.json()["reason"], "granted");

    young(&app, &site).await;
    assert_eq!(to_contact(&app).await.len(), 1);
    let whose = Whose::Contact { channel: Channel::Email, address: ANN.into() };
    let erase = EraseRequest { whose, reason: EraseReason::Asked, suppress: true };
    server::app::people::erase(Arc::clone(&site), erase).await.unwrap();
    assert_eq!(to_contact(&app).await, [] as [Value; 0]);
}
