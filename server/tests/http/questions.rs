//! How many a site asks in an hour whether sign-ups were theirs: a cap over all addresses, told alike to everybody.

use crate::alerts::{signs_up, token};
use crate::app::{Answer, ORIGIN, STAFF, TestApp, key, to};
use crate::told::{charity, may, publishes, staff};
use assent_core::notice::Channel;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

async fn asks(app: &TestApp, (token, key): (&str, &str), field: &str, value: &str) -> Answer {
    let wanted = if field == "email" { "email-news" } else { "text-news" };
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": [wanted], field: value });
    wishes(app, (token, key), &wish).await
}

async fn wishes(app: &TestApp, (token, key): (&str, &str), wish: &Value) -> Answer {
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", token)
        .header("idempotency-key", key);
    app.ask(request.body(Body::from(wish.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_site_asks_so_many_in_an_hour_and_no_more_whoever_they_are() {
    let limits = "[limits]\nemail_questions_per_hour = 2\ntext_questions_per_hour = 1\n";
    let app = TestApp::new().await.configured(limits);
    let site = app.app.sites.all()[0].clone();
    let (ann, first) = (token(), key());
    signs_up(&app, &ann, &first, "ann@example.org").await;
    signs_up(&app, &token(), &key(), "bob@example.org").await;
    let (entries, jobs) = (app.entries(), site.ledger.jobs().unwrap());
    // Who is known is told the same as who is not.
    let mut told = Vec::new();
    for address in ["ann@example.org", "cat@example.org"] {
        let answer = asks(&app, (&token(), &key()), "email", address).await;
        answer.is_problem(429, "too-many-questions");
        assert_eq!(answer.header(header::RETRY_AFTER), "3600");
        told.push(answer.body);
    }
    assert_eq!(told[0], told[1]);
    let notice = app.notice().to_hex();
    let fields = [
        ("notice", notice.as_str()),
        ("language", "en"),
        ("key", "k"),
        ("wanted", "email-news"),
        ("email", "cat@example.org"),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, ORIGIN);
    let page = app.ask(request.body(Body::from(body)).unwrap()).await;
    assert_eq!((page.status, page.header(header::RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, "3600"));
    assert!(page.text().contains("cat@example.org") && page.text().contains("try again"), "{}", page.text());
    assert_eq!((app.entries(), site.ledger.jobs().unwrap()), (entries, jobs), "nothing is stored");

    // What was taken is answered again; another channel has room of its own; a no and staff need none.
    signs_up(&app, &ann, &first, "ann@example.org").await;
    let number = "+447700900123";
    assert_eq!(asks(&app, (&token(), &key()), "phone", number).await.status, StatusCode::CREATED);
    asks(&app, (&token(), &key()), "phone", "+447700900124").await.is_problem(429, "too-many-questions");
    let call = json!({ "by": "paper", "script": "form 3", "staff": "M. Rees", "said": "2026-03-02", "language": "en",
        "email": "dan@example.org", "choices": { "email-news": "yes" } });
    assert_eq!(staff(&app, "told", &key(), &call).await.status, StatusCode::CREATED);
    let metrics = app.get("/metrics").await.text();
    for (channel, refused) in [("email", 3), ("text", 1)] {
        let line =
            format!("assent_questions_refused_total{{site=\"clinic\",channel=\"{channel}\"}} {refused}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("example.org") && !metrics.contains(STAFF));
}

#[tokio::test]
async fn one_address_and_what_cannot_be_recorded_leave_room_for_others() {
    let app = TestApp::new().await.configured("[limits]\nemail_questions_per_hour = 5\n");
    let strange = json!({ "notice": app.notice(), "language": "xx", "wanted": ["email-news"], "email": "eve@example.org" });
    for _ in 0..6 {
        wishes(&app, (&token(), &key()), &strange).await.is_problem(422, "unknown-language");
    }
    let asks = async |address: &str| asks(&app, (&token(), &key()), "email", address).await;
    for address in ["ann@example.org"; 10].into_iter().chain(["bob@example.org", "cat@example.org"]) {
        let answer = asks(address).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{address}: {}", answer.text());
    }
    for address in ["ann@example.org", "dan@example.org"] {
        asks(address).await.is_problem(429, "too-many-questions");
    }
}

#[tokio::test]
async fn a_no_is_heard_where_there_is_no_more_room() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);
    let app = app.configured("[limits]\ntext_questions_per_hour = 1\n");
    assert_eq!(asks(&app, (&token(), &key()), "phone", "+447700900123").await.status, StatusCode::CREATED);
    let before = app.entries();
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": ["text-news"], "phone": "+447700900124",
        "told": ["email-appeals", "email-offers"], "objected": ["email-appeals"], "email": "bob@example.org" });
    let (token, key) = (token(), key());
    for _ in 0..2 {
        wishes(&app, (&token, &key), &wish).await.is_problem(429, "too-many-questions");
        assert_eq!(app.entries(), before + 1, "once");
        assert_eq!(may(&app, "bob@example.org", "appeals").await, (json!("no"), json!("objected")));
        assert_eq!(may(&app, "bob@example.org", "offers").await.1, "not-asked");
    }
    let history = app.app.sites.all()[0].ledger.history(&SubjectToken::parse(&token).unwrap().id()).unwrap();
    assert!(history[0].record.contacts.iter().all(|contact| contact.channel == Channel::Email));
    // The whole of it can be sent again under the same key.
    let app = app.restarted();
    assert_eq!(wishes(&app, (&token, &key), &wish).await.status, StatusCode::CREATED);
    assert_eq!(may(&app, "bob@example.org", "appeals").await.1, "objected");
    assert_eq!(may(&app, "bob@example.org", "offers").await.1, "unconfirmed");
}
