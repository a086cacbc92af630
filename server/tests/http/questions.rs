//! How many a site asks in an hour whether sign-ups were theirs: a cap over all addresses, told alike to everybody.

use crate::alerts::{signs_up, token};
use crate::app::{Answer, ORIGIN, STAFF, TestApp, key, to};
use crate::told::staff;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;

async fn asks(app: &TestApp, (token, key): (&str, &str), field: &str, value: &str) -> Answer {
    let wanted = if field == "email" { "email-news" } else { "text-news" };
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": [wanted], field: value });
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
