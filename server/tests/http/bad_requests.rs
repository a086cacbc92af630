//! A bad request is a problem document with a stable code, and nothing is stored.

use crate::app::{HOLDER, ORIGIN, OTHER, TestApp, decision, key, to};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

#[tokio::test]
async fn bad_bodies() {
    let app = TestApp::new().await;
    let good = app.decision(json!({ "analytics": "yes" }));
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let before = app.entries();
    let yes_and_no = good.to_string().replace("\"analytics\":", "\"analytics\":\"no\",\"analytics\":");
    for (body, status, code) in [
        (yes_and_no, 422, "bad-body"),
        ("{".to_string(), 400, "bad-json"),
        (String::new(), 400, "bad-json"),
        ("[]".to_string(), 422, "bad-body"),
        (json!({}).to_string(), 422, "bad-body"),
        (with("extra", json!("07700 900123")), 422, "unknown-field"),
        (with("signals", json!({ "gpc": false, "mood": 1 })), 422, "unknown-field"),
        (with("notice", json!("0".repeat(64))), 422, "unknown-notice"),
        (with("notice", json!("abc")), 422, "bad-body"),
        (with("language", json!("tlh")), 422, "unknown-language"),
        (with("choices", json!({})), 422, "no-choices"),
        (with("choices", json!({ "teleport": "yes" })), 422, "unknown-purpose"),
        (with("choices", json!({ "session": "no" })), 422, "not-a-choice"),
        (with("choices", json!({ "email-news": "yes" })), 422, "unknown-purpose"),
        (with("choices", json!({ "analytics": "perhaps" })), 422, "bad-body"),
        (with("act", json!("accept-all")), 422, "act-differs"),
        (with("act", json!("paper")), 422, "act-not-visitors"),
        (with("acted", json!("yesterday")), 422, "bad-time"),
        (with("acted", json!("2026-11-22T10:00:00+01:00")), 422, "bad-time"),
        (with("language", json!("x".repeat(1 << 20))), 413, "body-too-large"),
    ] {
        let request =
            decision(&good).header("idempotency-key", key()).body(Body::from(body.clone())).unwrap();
        let answer = app.ask(request).await;
        answer.is_problem(status, code);
        assert!(!answer.text().contains("07700"), "nothing that was sent comes back");
    }
    assert_eq!(app.entries(), before);
}

#[tokio::test]
async fn bad_heads() {
    let app = TestApp::new().await;
    let body = app.decision(json!({ "analytics": "yes" })).to_string();
    let before = app.entries();
    let good: [(&str, &str); 4] = [
        ("content-type", "application/json"),
        ("origin", ORIGIN),
        ("assent-subject", HOLDER),
        ("idempotency-key", "\"k\""),
    ];
    for (name, value, status, code) in [
        ("content-type", "", 415, "wrong-content-type"),
        ("content-type", "text/plain", 415, "wrong-content-type"),
        ("origin", "", 403, "origin-missing"),
        ("origin", "null", 403, "origin-not-declared"),
        ("origin", "https://www.example.org.evil.example", 403, "origin-not-declared"),
        ("assent-subject", "", 400, "subject-missing"),
        ("assent-subject", "me", 400, "subject-malformed"),
        ("idempotency-key", "", 400, "idempotency-key-missing"),
        ("idempotency-key", "a b", 400, "idempotency-key-malformed"),
    ] {
        let mut request = to(Method::POST, "/v1/clinic/decisions");
        for (known, usual) in good {
            let value = if known == name { value } else { usual };
            if !value.is_empty() {
                request = request.header(known, value);
            }
        }
        app.ask(request.body(Body::from(body.clone())).unwrap()).await.is_problem(status, code);
    }
    for (name, second, status, code) in [
        ("content-type", "text/plain", 415, "wrong-content-type"),
        ("origin", "https://evil.example", 403, "origin-not-declared"),
        ("assent-subject", OTHER, 400, "subject-malformed"),
        ("idempotency-key", "\"l\"", 400, "idempotency-key-malformed"),
    ] {
        let mut request = to(Method::POST, "/v1/clinic/decisions");
        for (known, usual) in good {
            request = request.header(known, usual);
        }
        let request = request.header(name, second).body(Body::from(body.clone())).unwrap();
        app.ask(request).await.is_problem(status, code);
    }
    assert_eq!(app.entries(), before);
}

#[tokio::test]
async fn bad_addresses() {
    let app = TestApp::new().await;
    let ask = |method: Method, path: &str| to(method, path).body(Body::empty()).unwrap();
    let hash = "0".repeat(64);
    for (request, status, code) in [
        (ask(Method::PUT, "/v1/clinic/decisions"), 405, "wrong-method"),
        (ask(Method::GET, "/v1/clinic/nothing"), 404, "not-found"),
        (ask(Method::GET, "/nothing"), 404, "not-found"),
        (ask(Method::GET, "/v1/nobody/state"), 404, "unknown-site"),
        (ask(Method::GET, "/v1/NO%20BODY/state"), 404, "unknown-site"),
        (ask(Method::GET, "/v1/clinic/state"), 400, "subject-missing"),
        (ask(Method::GET, &format!("/v1/clinic/notices/{hash}")), 404, "not-found"),
        (ask(Method::GET, "/v1/clinic/log/tile/0/999"), 404, "not-found"),
        (ask(Method::GET, "/v1/clinic/log/tile/x"), 404, "not-found"),
        (ask(Method::GET, "/v1/assets/0000/assent.js"), 404, "not-found"),
        (ask(Method::GET, "/problems/nothing"), 404, "not-found"),
        (ask(Method::GET, "/problems/%ff"), 404, "not-found"),
        (ask(Method::GET, "/v1/assets/%ff/assent.js"), 404, "not-found"),
        (ask(Method::GET, "/v1/%ff/choices"), 404, "unknown-site"),
    ] {
        app.ask(request).await.is_problem(status, code);
    }
}

#[tokio::test]
async fn plain_http_is_sent_away() {
    let app = TestApp::new().await;
    let from = |method: Method| {
        let host = [(header::HOST, "privacy.example.org")];
        let mut request = Request::builder().method(method).uri("/v1/clinic/choices?lang=en");
        for (name, value) in host {
            request = request.header(name, value);
        }
        request.body(Body::empty()).unwrap()
    };
    let answer = app.ask(from(Method::GET)).await;
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.header(header::LOCATION), "https://privacy.example.org/v1/clinic/choices?lang=en");
    app.ask(from(Method::POST)).await.is_problem(403, "insecure-transport");
}
