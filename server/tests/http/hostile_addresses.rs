//! What only looks like an address or number, through every door that takes one: it gets a reason, nothing is stored or sent, and what
//! was written comes back in no problem.

use crate::app::{Answer, ORIGIN, TestApp, key, to};
use crate::post::{self, Place};
use crate::told::{may, publishes, staff};
use assent_core::notice::Channel;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;
use server::app::alerts::link::ContactKey;
use server::app::alerts::message;
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;

const OURS: &str = "https://privacy.example.org";
const ANN: &str = "ann@example.org";

/// Header injection, two in one, a name beside it, what no server can carry, and no address at all.
fn no_emails() -> Vec<String> {
    let mut all: Vec<String> = [
        "ann@example.org\r\nBcc: eve@evil.example",
        "ann@example.org\nBcc: eve@evil.example",
        "ann@example.org\rBcc: eve@evil.example",
        "ann@example.org\u{2028}Bcc: eve@evil.example",
        "ann@example.org\u{85}Bcc: eve@evil.example",
        "ann@example.org\0",
        "ann@example.org,eve@evil.example",
        "ann@example.org;eve@evil.example",
        "Ann <eve@evil.example>",
        "ann@example.org eve@evil.example",
        "ann\u{202e}gro.live@example.org\u{202c}@",
        "ann@ex\u{200d}ample..org",
        "ann@[IPv6:::1]",
        "eve@evil",
        "@evil.example",
        "",
    ]
    .map(String::from)
    .into();
    all.push(format!("{}@evil.example", "a".repeat(65)));
    all.push(format!("eve@{}.example", "a".repeat(64)));
    all.push(format!("{}@{}example", "a".repeat(64), "evil.".repeat(40)));
    all
}

const NO_NUMBERS: [&str; 10] = [
    "+44 7700 900123\r\nX: 1",
    "+44 7700 900123, +44 7700 900124",
    "+44 7700 900123;ext=5",
    "+44 77OO 9OO123",
    "07700 900123",
    "+44 7700",
    "+44 7700 900123 900123 900123",
    "+999 7700 900123",
    "tel:",
    "+",
];

async fn form(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = to(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, OURS);
    app.ask(request.body(Body::from(body)).unwrap()).await
}

async fn signs_up(app: &TestApp, wanted: &str, field: &str, text: &str) -> Answer {
    let mut wish = json!({ "notice": app.notice(), "language": "en", "wanted": [wanted] });
    wish[field] = text.into();
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", crate::alerts::token())
        .header("idempotency-key", key());
    app.ask(request.body(Body::from(wish.to_string())).unwrap()).await
}

/// Sends the text through every door, as an address of this channel.
async fn through_every_door(app: &TestApp, centre: &str, channel: Channel, text: &str) {
    let (name, field, code) = match channel {
        Channel::Email => ("email", "email", "bad-email"),
        Channel::Text => ("text", "phone", "bad-phone"),
    };
    let about = format!("{text:?} as {name}");
    let is_refused = |answer: &Answer, code: &str| {
        answer.is_problem(422, code);
        let said = answer.text();
        assert!(!said.contains("evil") && !said.contains("7700"), "{about}: nothing sent comes back: {said}");
    };
    // A field that is left empty is no address, not a bad one.
    let of_sign_up = if text.is_empty() { "contact-missing" } else { code };
    is_refused(&signs_up(app, &format!("{name}-news"), field, text).await, of_sign_up);
    let notice = app.notice().to_hex();
    let wanted = format!("{name}-news");
    let own = [("notice", notice.as_str()), ("language", "en"), ("key", "k"), ("wanted", &wanted)];
    let answer = form(app, "/v1/clinic/alerts", &[&own[..], &[(field, text)]].concat()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{about}: the form");
    let answer = form(app, "/v1/clinic/your-alerts", &[("language", "en"), (field, text)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{about}: asking for a link");
    if channel == Channel::Email {
        let own = [("press", "move"), ("language", "en"), ("key", "k"), ("address", text)];
        let answer = form(app, centre, &own).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{about}: another address");
    }

    let mut told = json!({ "by": "paper", "script": "form 3", "staff": "M. Rees", "said": "2026-03-02", "language": "en",
        "evidence": { "kind": "signed-form", "reference": "box 4" }, "choices": { wanted.clone(): "yes" } });
    told[field] = text.into();
    is_refused(&staff(app, "told", &key(), &told).await, of_sign_up);
    let row = json!({ "channel": name, "address": text, "topic": "news", "said": "2026-03-02", "how": "paper",
        "script": "form 3", "staff": "M. Rees", "evidence": "signed-form", "reference": "box 4" });
    let rows = json!({ "list": "spring", "rows": [row] });
    let answer = staff(app, "told/rows", &key(), &rows).await.json();
    assert_eq!(
        (&answer["rows"][0]["result"], &answer["rows"][0]["reason"]),
        (&json!("refused"), &json!(code))
    );
    let contact = json!({ "channel": name, "address": text });
    is_refused(&staff(app, "bounced", &key(), &contact).await, code);
    let whose = json!({ "contact": contact });
    for (door, body) in [
        ("people/export", json!({ "whose": whose })),
        ("people/erase", json!({ "whose": whose, "reason": "asked" })),
        ("people/restrict", json!({ "whose": whose, "reason": "dispute" })),
    ] {
        is_refused(&staff(app, door, &key(), &body).await, code);
    }
    let question = json!({ "channel": name, "address": text, "topic": "news" });
    is_refused(&staff(app, "may", &key(), &question).await, code);
    let question = json!({ "channel": name, "addresses": [text, ANN], "topic": "news" });
    let bulk = staff(app, "may/bulk", &key(), &question).await.json();
    // One of many is answered among them.
    let answer = &bulk["answers"][0];
    assert_eq!((&answer["may"], &answer["reason"]), (&json!("no"), &json!("bad-address")), "{about}");
}

#[tokio::test]
async fn no_door_takes_what_only_looks_like_an_address() {
    let app = TestApp::new().await;
    assert_eq!(signs_up(&app, "email-news", "email", ANN).await.status, StatusCode::CREATED);
    let site = app.app.sites.all()[0].clone();
    let contact = ContactKey { channel: Channel::Email, hash: site.ledger.contact_hash(Channel::Email, ANN) };
    let link = message::centre(&site, contact, "en");
    let centre = link.strip_prefix(OURS).unwrap().split('?').next().unwrap().to_string();
    let (entries, jobs) = (app.entries(), site.ledger.jobs().unwrap());
    for text in no_emails() {
        through_every_door(&app, &centre, Channel::Email, &text).await;
    }
    for text in NO_NUMBERS {
        through_every_door(&app, &centre, Channel::Text, text).await;
    }
    assert_eq!(app.entries(), entries, "nothing was recorded");
    assert_eq!(site.ledger.jobs().unwrap(), jobs, "and nothing is to be sent");
    assert_eq!(may(&app, ANN, "news").await.1, "unconfirmed", "nobody else's is touched");
}

/// What is drawn into headers beside addresses: the site's own texts, which staff write.
#[tokio::test]
async fn no_text_of_a_site_file_puts_a_line_into_a_header() {
    let app = TestApp::new().await;
    let entries = app.entries();
    for (place, hostile) in [
        ("name = \"Example Health\"", "name = \"Example Health\\nBcc: eve@evil.example\""),
        ("email = \"data@example.org\"", "email = \"data@example.org\\r\\nBcc: eve@evil.example\""),
        ("default_language", "mail_from = \"a@example.org\\r\\nBcc: eve@evil.example\"\ndefault_language"),
        ("default_language", "mail_from = \"Health <a@example.org>\"\ndefault_language"),
        ("default_language", "mail_from = \"a@example.org, eve@evil.example\"\ndefault_language"),
        ("default_language", "text_from = \"Health\\r\\nX: 1\"\ndefault_language"),
    ] {
        let file = crate::app::SITE.replacen(place, hostile, 1);
        assert_ne!(file, crate::app::SITE);
        let answer = publishes(&app, &file).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{hostile}: {}", answer.text());
    }
    let words = "\n[text.en.words]\nmail_confirm_subject = \"{} asks\\r\\nBcc: eve@evil.example\"\n";
    let answer = publishes(&app, &format!("{}{words}", crate::app::SITE)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text());
    assert_eq!(app.entries(), entries);
}

// A mail server that cannot write to such an address (RFC 6531) was taken for one that is away: whoever signed it up held up everybody.
#[tokio::test]
async fn an_address_that_the_mail_server_cannot_write_to_holds_up_nobody() {
    let place = Place::empty();
    let app = TestApp::new().await.configured(&place.configuration());
    let post = place.opens();
    // The a before the @ is Cyrillic: in front of it nothing says so in ASCII, as it does in a domain.
    let lookalike = "\u{430}nn@example.org";
    for address in [lookalike, ANN, "bob@example.org"] {
        assert_eq!(signs_up(&app, "email-news", "email", address).await.status, StatusCode::CREATED);
    }
    let site = app.app.sites.all()[0].clone();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let mut to: Vec<String> = post.messages().iter().map(|message| post::header(message, "To")).collect();
    to.sort();
    assert_eq!(to, [ANN, "bob@example.org"], "at once");
    let waits = site.ledger.jobs().unwrap().len();
    assert_eq!(waits, 6, "only the times to forget them, and that they were asked: it is not tried again");
    assert_eq!(may(&app, lookalike, "news").await.1, "unconfirmed", "and it is somebody else's address");
    assert_eq!(may(&app, ANN, "news").await.1, "unconfirmed");
}
