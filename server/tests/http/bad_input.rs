//! What hostile people and bad days do to alerts: nothing is lost, nobody is sent what they did not ask for.

use crate::alerts::{signs_up, token};
use crate::app::{Answer, ORIGIN, SITE, STAFF, TestApp, key, to};
use crate::post::{Place, header};
use crate::told::{may, publishes, staff};
use assent_core::notice::Channel;
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::{SubjectId, SubjectToken};
use axum::body::Body;
use axum::http::{Method, StatusCode, header as names};
use serde_json::{Value, json};
use server::app::alerts::confirm::confirm;
use server::app::alerts::link::ContactKey;
use server::app::alerts::message;
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;
use server::app::sites::Site;
use std::sync::Arc;

const OURS: &str = "https://privacy.example.org";
const ANN: &str = "ann@example.org";
const HOUR: u64 = 60 * 60 * 1000;
/// Most tries of one message in a day without an answer: eight in the first two hours, then one each two hours.
const TRIES_A_DAY: usize = 20;

fn site_of(app: &TestApp) -> Arc<Site> {
    app.app.sites.all()[0].clone()
}

async fn with_mail() -> (TestApp, Place) {
    let place = Place::empty();
    (TestApp::new().await.configured(&place.configuration()), place)
}

/// Does what is due from one time to another, whenever something is. Answers how often.
async fn works(app: &TestApp, from: u64, to: u64) -> usize {
    let (site, mut at, mut times) = (site_of(app), from, 0);
    while at < to {
        let due = do_what_is_due(&app.app, &site, at).await.unwrap();
        times += 1;
        at = due.unwrap_or(to).max(at + 1);
    }
    times
}

fn id(token: &str) -> SubjectId {
    SubjectToken::parse(token).unwrap().id()
}

fn contact(site: &Site, address: &str) -> ContactKey {
    ContactKey { channel: Channel::Email, hash: site.ledger.contact_hash(Channel::Email, address) }
}

#[tokio::test]
async fn a_mail_server_that_is_away_for_a_day_costs_nobody_their_sign_up() {
    let (app, place) = with_mail().await;
    let began = now();
    let ann = token();
    signs_up(&app, &ann, &key(), ANN).await;
    let tries = works(&app, began, began + 12 * HOUR).await;
    let app = app.restarted();
    let tries = tries + works(&app, began + 12 * HOUR, began + 24 * HOUR).await;
    assert!((8..=TRIES_A_DAY).contains(&tries), "it is tried again, and later each time: {tries}");
    // Beside them, that this address was asked about today.
    assert_eq!(site_of(&app).ledger.jobs().unwrap().len(), 3, "the message waits, and the time to forget it");

    let post = place.opens();
    let app = app.restarted();
    works(&app, began + 24 * HOUR, began + 27 * HOUR).await;
    let messages = post.messages();
    assert_eq!(messages.len(), 1);
    assert!(header(&messages[0], "To").contains(ANN));
    works(&app, began + 27 * HOUR, began + 40 * HOUR).await;
    let app = app.restarted();
    works(&app, began + 40 * HOUR, began + 48 * HOUR).await;
    assert_eq!(post.messages().len(), 1, "nothing is sent twice");

    let site = site_of(&app);
    confirm(&site, (id(&ann), contact(&site, ANN), None), now()).await.unwrap();
    works(&app, began + 48 * HOUR, began + 80 * HOUR).await;
    assert_eq!(may(&app, ANN, "news").await.1, "granted", "and what was confirmed stays");
    assert!(site.ledger.jobs().unwrap().is_empty());
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_costs_one_timeout_and_no_message() {
    let place = Place::empty();
    let lines = place.configuration() + "timeout_seconds = 1\n";
    let app = TestApp::new().await.configured(&lines);
    let silent = place.is_silent();
    let began = now();
    for address in [ANN, "bob@example.org", "cat@example.org"] {
        signs_up(&app, &token(), &key(), address).await;
    }
    do_what_is_due(&app.app, &site_of(&app), began + 1000).await.unwrap();
    let mut calls = 0;
    while silent.accept().is_ok() {
        calls += 1;
    }
    assert_eq!(calls, 1, "who just did not answer is not asked for the next one");
    drop(silent);
    let post = place.opens();
    works(&app, began + 1000, began + HOUR).await;
    let mut to: Vec<String> = post.messages().iter().map(|message| header(message, "To")).collect();
    to.sort();
    assert_eq!(to, [ANN, "bob@example.org", "cat@example.org"]);
}

#[tokio::test]
async fn what_a_mail_server_refuses_for_good_is_not_sent_again_and_what_it_puts_off_is() {
    let (app, place) = with_mail().await;
    let post = place.opens();
    let began = now();
    for address in ["gone@example.org", "later@example.org", ANN] {
        signs_up(&app, &token(), &key(), address).await;
    }
    works(&app, began, began + 10 * HOUR).await;
    let asked = |name: &str| post.asked().iter().filter(|asked| *asked == name).count();
    assert_eq!((asked("gone"), asked("later"), asked("ann")), (1, 2, 1));
    assert_eq!(post.messages().len(), 2, "the others are not held up");
    assert_eq!(may(&app, "gone@example.org", "news").await.1, "unconfirmed");
}

#[tokio::test]
async fn what_nobody_could_confirm_any_more_is_not_sent() {
    let (app, place) = with_mail().await;
    let began = now();
    let ann = token();
    signs_up(&app, &ann, &key(), ANN).await;
    works(&app, began, began + CONFIRM_MS - 1000).await;
    let post = place.opens();
    let app = app.restarted();
    works(&app, began + CONFIRM_MS + 1000, began + CONFIRM_MS + 3 * HOUR).await;
    assert!(post.messages().is_empty(), "its time is over");
    let site = site_of(&app);
    assert!(site.ledger.jobs().unwrap().is_empty());
    assert!(site.ledger.history(&id(&ann)).unwrap().is_empty(), "and the request is erased");
    assert_eq!(may(&app, ANN, "news").await.1, "not-asked");
}

#[tokio::test]
async fn names_and_addresses_put_nothing_into_a_message() {
    let app = TestApp::new().await;
    let entries = app.entries();
    for hostile in [
        "ann@example.org\r\nBcc: eve@example.org",
        "ann@example.org\nBcc: eve@example.org",
        "ann@example.org%0aBcc: eve@example.org",
        "ann@example.org, eve@example.org",
        "Ann <ann@example.org>",
        "\"ann\r\nBcc: eve@example.org\"@example.org",
        "ann@example.org\0",
        "ann@[127.0.0.1]",
        &format!("{}@example.org", "a".repeat(65)),
        &format!("ann@{}.example.org", "a.".repeat(130)),
        &format!("{}@example.org", "a".repeat(20_000)),
    ] {
        let wish =
            json!({ "notice": app.notice(), "language": "en", "wanted": ["email-news"], "email": hostile });
        let request = to(Method::POST, "/v1/clinic/alerts")
            .header(names::CONTENT_TYPE, "application/json")
            .header(names::ORIGIN, ORIGIN)
            .header("assent-subject", token())
            .header("idempotency-key", key());
        app.ask(request.body(Body::from(wish.to_string())).unwrap()).await.is_problem(422, "bad-email");
    }
    assert_eq!(app.entries(), entries, "nothing was recorded");
    let broken =
        SITE.replace("name = \"Example Health\"", "name = \"Example Health\\r\\nBcc: eve@example.org\"");
    publishes(&app, &broken).await.is_problem(422, "notice-refused");

    // What may stand in a name stays in it.
    let place = Place::empty();
    let named = SITE.replace("name = \"Example Health\"", "name = 'Health, \"Wales\" <eve@example.org>'");
    assert_eq!(publishes(&app, &named).await.status, StatusCode::OK);
    let app = app.configured(&place.configuration());
    let post = place.opens();
    signs_up(&app, &token(), &key(), "\"ann; bob\"@example.org").await;
    do_what_is_due(&app.app, &site_of(&app), now()).await.unwrap();
    let message = post.messages().pop().unwrap();
    let from = header(&message, "From");
    assert!(
        from.ends_with("<data@example.org>") && from.matches(['<', '@']).count() == 2,
        "one sender: {from}"
    );
    assert_eq!(header(&message, "To"), "\"ann; bob\"@example.org", "one recipient");
    assert!(!message.to_lowercase().contains("\nbcc:"));
}

#[tokio::test]
async fn an_address_that_only_looks_like_another_is_another() {
    let (app, place) = with_mail().await;
    let post = place.opens();
    // The a of the domain is Cyrillic.
    let lookalike = "ann@ex\u{430}mple.org";
    let eve = token();
    signs_up(&app, &eve, &key(), lookalike).await;
    let site = site_of(&app);
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let message = post.messages().pop().unwrap();
    assert_eq!(header(&message, "To"), "ann@xn--exmple-4nf.org", "it is written to as what it is");
    confirm(&site, (id(&eve), contact(&site, "ann@xn--exmple-4nf.org"), None), now()).await.unwrap();
    assert_eq!(may(&app, lookalike, "news").await.1, "granted");
    assert_eq!(may(&app, ANN, "news").await.1, "not-asked", "and nobody else agreed");
    let link = message::centre(&site, contact(&site, "ann@xn--exmple-4nf.org"), "en");
    let page = app.get(link.strip_prefix(OURS).unwrap()).await.text();
    assert!(page.contains("ann@xn--exmple-4nf.org"), "people see that it is not theirs: {page}");
}

async fn form(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("language", "en").extend_pairs(fields);
    let request = to(Method::POST, path)
        .header(names::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(names::ORIGIN, OURS);
    app.ask(request.body(Body::from(body.finish())).unwrap()).await
}

async fn signs_up_on_the_form(app: &TestApp, key: &str, address: &str, more: &[(&str, &str)]) -> Answer {
    let notice = app.notice().to_hex();
    let fields = [("notice", notice.as_str()), ("key", key), ("wanted", "email-news"), ("email", address)];
    form(app, "/v1/clinic/alerts", &[&fields[..], more].concat()).await
}

#[tokio::test]
async fn a_machine_that_fills_in_everything_is_answered_like_a_person_and_not_heard() {
    let app = TestApp::new().await;
    let person = signs_up_on_the_form(&app, "one", ANN, &[("website", "")]).await;
    let (entries, jobs) = (app.entries(), site_of(&app).ledger.jobs().unwrap().len());
    let machine =
        signs_up_on_the_form(&app, "two", "bob@example.org", &[("website", "https://spam.example")]).await;
    assert_eq!((machine.status, machine.status), (person.status, StatusCode::SEE_OTHER));
    let shape = |answer: &Answer| -> Vec<(String, String)> {
        let plain = |text: &str| {
            text.chars().map(|letter| if letter.is_ascii_alphanumeric() { 'x' } else { letter }).collect()
        };
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap())))
            .collect();
        headers.sort();
        headers
    };
    // Tokens have `-` and `_` where chance puts them.
    let same = |answer: &Answer| {
        shape(answer)
            .into_iter()
            .map(|(name, value)| (name, value.replace(['_', '-'], "x")))
            .collect::<Vec<_>>()
    };
    assert_eq!(same(&machine), same(&person), "nothing in the answer tells them apart");
    assert_eq!(
        (app.entries(), site_of(&app).ledger.jobs().unwrap().len()),
        (entries, jobs),
        "nothing is stored or sent"
    );
    assert_eq!(may(&app, "bob@example.org", "news").await.1, "not-asked");
    let wrong = signs_up_on_the_form(&app, "", ANN, &[("website", "x")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "a form that is not understood is not, from whomever");
}

// Each way in makes its records' subject from the key it was given: the same key on another way is somebody else.
#[tokio::test]
async fn the_same_key_on_another_way_in_is_another_request() {
    let app = TestApp::new().await;
    let site = site_of(&app);
    let call = |address: &str| {
        json!({ "by": "paper", "script": "form 3", "staff": "M. Rees", "said": "2026-03-02", "language": "en",
            "evidence": { "kind": "signed-form", "reference": "box 4" }, "email": address, "choices": { "email-news": "yes" } })
    };
    let subjects =
        |address: &str| -> Vec<SubjectId> { site.ledger.subjects_of(&contact(&site, address).hash).unwrap() };
    for key in ["same", "told/same", "form/same", "move/same"] {
        assert_eq!(
            signs_up_on_the_form(&app, key, &format!("{}@example.org", key.replace('/', "-")), &[])
                .await
                .status,
            StatusCode::SEE_OTHER
        );
    }
    assert_eq!(staff(&app, "told", "same", &call("told@example.org")).await.status, StatusCode::CREATED);
    let link = message::centre(&site, contact(&site, "told@example.org"), "en");
    let path = link.strip_prefix(OURS).unwrap().split('?').next().unwrap().to_string();
    let moved =
        form(&app, &path, &[("press", "move"), ("key", "same"), ("address", "moved@example.org")]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text());
    let row = json!({ "list": "spring", "rows": [{ "channel": "email", "address": "row@example.org", "topic": "news",
        "said": "2026-03-02", "how": "paper", "script": "form 3", "staff": "M. Rees", "evidence": "signed-form", "reference": "box 4" }] });
    assert_eq!(staff(&app, "told/rows", "same", &row).await.json()["rows"][0]["result"], "recorded");
    let addresses = ["same", "told-same", "form-same", "move-same", "told", "moved", "row"];
    let mut all: Vec<SubjectId> = addresses
        .iter()
        .flat_map(|name| {
            let of_one = subjects(&format!("{name}@example.org"));
            assert_eq!(of_one.len(), 1, "{name}");
            of_one
        })
        .collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), addresses.len(), "seven people");
}

/// The test site with three alerts more.
fn four_alerts() -> String {
    let topics = ["a", "b", "c"];
    let alerts: String =
        topics.map(|topic| format!("[[alerts]]\ntopic = \"{topic}\"\nchannels = [\"email\"]\n\n")).concat();
    let texts: String = topics.map(|topic| format!("\n[text.en.alerts.{topic}]\nname = \"{topic}\"\ndescription = \"Tells you more.\"\ndata = [\"your address\"]\nretention = \"until you stop it\"\n")).concat();
    SITE.replace("[text.en]\n", &(alerts + "[text.en]\n")) + &texts
}

#[tokio::test]
async fn a_list_uses_up_nobodys_messages_of_the_day() {
    let (app, place) = with_mail().await;
    assert_eq!(publishes(&app, &four_alerts()).await.status, StatusCode::OK);
    let row = |topic: &str| {
        json!({ "channel": "email", "address": ANN, "topic": topic, "said": "2026-03-02", "how": "paper",
        "script": "form 3", "staff": "M. Rees", "evidence": "signed-form", "reference": "box 4" })
    };
    let rows = json!({ "list": "spring", "rows": [row("a"), row("b"), row("c")] });
    let answer = staff(&app, "told/rows", "k", &rows).await.json();
    assert!(answer["rows"].as_array().unwrap().iter().all(|row| row["result"] == "recorded"), "{answer}");
    let post = place.opens();
    do_what_is_due(&app.app, &site_of(&app), now()).await.unwrap();
    assert!(post.messages().is_empty(), "nobody is written to about a list");
    signs_up(&app, &token(), &key(), ANN).await;
    do_what_is_due(&app.app, &site_of(&app), now()).await.unwrap();
    assert_eq!(post.messages().len(), 1, "they asked themselves, and are asked back");
    for _ in 0..4 {
        signs_up(&app, &token(), &key(), ANN).await;
    }
    do_what_is_due(&app.app, &site_of(&app), now()).await.unwrap();
    assert_eq!(post.messages().len(), 3, "three a day, whoever types the address");
}

/// One sign-up, and then the same token again and again, by requests that are recorded and by such as are refused.
#[tokio::test]
async fn a_mailbox_cannot_be_filled_by_asking_again() {
    let (app, place) = with_mail().await;
    let post = place.opens();
    let again = token();
    for _ in 0..6 {
        signs_up(&app, &again, &key(), ANN).await;
        do_what_is_due(&app.app, &site_of(&app), now()).await.unwrap();
    }
    for _ in 0..6 {
        let wish =
            json!({ "notice": app.notice(), "language": "xx", "wanted": ["email-news"], "email": ANN });
        let request = to(Method::POST, "/v1/clinic/alerts")
            .header(names::CONTENT_TYPE, "application/json")
            .header(names::ORIGIN, crate::app::ORIGIN)
            .header("assent-subject", &again)
            .header("idempotency-key", key());
        let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
        assert!(answer.status.is_client_error(), "{}", answer.text());
        do_what_is_due(&app.app, &site_of(&app), now()).await.unwrap();
    }
    assert_eq!(post.messages().len(), 3, "three a day, however it is asked");
    signs_up(&app, &token(), &key(), ANN).await;
    do_what_is_due(&app.app, &site_of(&app), now() + 25 * 60 * 60 * 1000).await.unwrap();
    assert_eq!(post.messages().len(), 4, "and the next day again");
}

#[tokio::test]
async fn an_address_that_looks_like_a_formula_is_a_text_in_a_spreadsheet() {
    let app = TestApp::new().await;
    let site = site_of(&app);
    let formula = "=1+1@example.org";
    let eve = token();
    signs_up(&app, &eve, &key(), formula).await;
    confirm(&site, (id(&eve), contact(&site, formula), None), now()).await.unwrap();
    let list = async |form: &str| {
        let path = format!("/v1/clinic/may/list?topic=news&channel=email&format={form}");
        let request = to(Method::GET, &path).header(names::AUTHORIZATION, format!("Bearer {STAFF}"));
        let request = request.header("assent-reason", "November's newsletter");
        app.ask(request.body(Body::empty()).unwrap()).await.text()
    };
    let csv = list("csv").await;
    assert!(csv.lines().nth(1).unwrap().starts_with("'=1+1@example.org,"), "{csv}");
    let line: Value = serde_json::from_str(list("ndjson").await.trim()).unwrap();
    assert_eq!(line["address"], formula);
}

#[tokio::test]
async fn addresses_are_given_out_for_a_reason() {
    let app = TestApp::new().await;
    let long = "x".repeat(201);
    for (reason, status) in
        [(None, 400), (Some(" "), 400), (Some(&*long), 400), (Some("Llythyr Rhagfyr ŵ"), 200)]
    {
        let mut request = to(Method::GET, "/v1/clinic/may/list?topic=news&channel=email")
            .header(names::AUTHORIZATION, format!("Bearer {STAFF}"));
        if let Some(reason) = reason {
            request = request.header("assent-reason", reason.as_bytes());
        }
        let answer = app.ask(request.body(Body::empty()).unwrap()).await;
        if status == 200 {
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        } else {
            answer.is_problem(status, "reason-missing");
        }
    }
}

#[tokio::test]
async fn a_calling_code_that_is_none_is_not_published() {
    let app = TestApp::new().await;
    for bad in ["44", "+", "+44 7", "GB", "+12345678", ""] {
        let file =
            SITE.replacen("default_language", &format!("text_countries = [\"{bad}\"]\ndefault_language"), 1);
        let answer = publishes(&app, &file).await;
        answer.is_problem(422, "bad-site-file");
        assert!(answer.text().contains("calling codes"), "{}", answer.text());
    }
    let none = SITE.replacen("default_language", "text_countries = []\ndefault_language", 1);
    assert_eq!(publishes(&app, &none).await.status, StatusCode::OK);
    let notice = app.notice().to_hex();
    let fields =
        [("notice", notice.as_str()), ("key", "k"), ("wanted", "text-news"), ("phone", "+447700900123")];
    let answer = form(&app, "/v1/clinic/alerts", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a site that texts nowhere");
    assert!(answer.text().contains("We cannot send texts to this country"), "{}", answer.text());
}
