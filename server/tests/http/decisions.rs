//! Decisions: recorded once, answered with a good receipt, kept for their holder.

use crate::app::{HOLDER, OTHER, SITE, TestApp, key, to};
use assent_core::receipt::Receipt;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;
use server::app::sites::LogIs;
use std::sync::Arc;

#[tokio::test]
async fn a_receipt_that_verifies_and_a_cookie() {
    let app = TestApp::new().await;
    let answer = app.records(json!({ "analytics": "yes", "surveys": "no" })).await;
    let key = app.get("/v1/clinic/log/key").await.text();
    let key = assent_core::note::VerifierKey::parse(key.trim()).unwrap();
    let receipt = Receipt::parse(&answer.text()).unwrap().verify(Some(&key)).unwrap();
    assert!(receipt.record().contains("\"analytics\":\"given\""));
    let cookie = answer.header(header::SET_COOKIE);
    let decided = cookie.split('.').nth(3).unwrap().to_string();
    let begin = &app.notice().to_hex()[..16];
    insta::assert_snapshot!(
        cookie.replace(&decided, "DECIDED").replace(begin, "NOTICE"),
        @"assent=v1.BwcHBwcHBwcHBwcHBwcHBw.NOTICE.DECIDED.analytics:y~surveys:n; Path=/; Max-Age=31536000; SameSite=Lax; Domain=example.org; Secure"
    );
    let location = answer.header(header::LOCATION);
    let path = location.strip_prefix("https://privacy.example.org").unwrap();
    let held =
        |token: &str| to(Method::GET, path).header("assent-subject", token).body(Body::empty()).unwrap();
    assert_eq!(app.ask(held(HOLDER)).await.body, answer.body);
    app.ask(held(OTHER)).await.is_problem(404, "not-found");
    app.get(path).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn the_same_key_records_once() {
    let app = TestApp::new().await;
    let body = app.decision(json!({ "analytics": "yes" }));
    let first = app.decides(&body, "\"once\"").await;
    let entries = app.entries();
    let again = app.decides(&body, "once").await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
    app.decides(&app.decision(json!({ "analytics": "no" })), "once")
        .await
        .is_problem(422, "idempotency-key-reused");
    assert_eq!(app.entries(), entries);
}

#[tokio::test]
async fn decisions_follow_each_other() {
    let app = TestApp::new().await;
    for (choice, meaning) in [("no", "refused"), ("yes", "given"), ("yes", "renewed"), ("no", "withdrawn")] {
        let answer = app.records(json!({ "analytics": choice })).await;
        assert!(answer.text().contains(&format!("\\\"analytics\\\":\\\"{meaning}\\\"")), "{}", answer.text());
    }
    let state =
        to(Method::GET, "/v1/clinic/state").header("assent-subject", HOLDER).body(Body::empty()).unwrap();
    let state = app.ask(state).await.json();
    assert_eq!(state["purposes"]["analytics"], "withdrawn");
    assert_eq!(state["purposes"]["surveys"], "not-asked");
    assert_eq!(state["receipts"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_cookie_says_what_holds_after_everything_that_was_said() {
    let app = TestApp::new().await;
    app.records(json!({ "surveys": "no" })).await;
    let cookie = |answer: &crate::app::Answer| {
        answer.header(header::SET_COOKIE).split('.').nth(4).unwrap().split(';').next().unwrap().to_string()
    };
    assert_eq!(cookie(&app.records(json!({ "analytics": "yes" })).await), "analytics:y~surveys:n");
    assert_eq!(cookie(&app.records(json!({ "analytics": "no" })).await), "analytics:n~surveys:n");
    // Pressed before that no, and heard after it; then heard once more.
    let mut late = app.decision(json!({ "analytics": "yes" }));
    late["acted"] = json!("2026-01-01T00:00:00.000Z");
    let key = key();
    for _ in 0..2 {
        assert_eq!(cookie(&app.decides(&late, &key).await), "analytics:n~surveys:n");
    }
}

#[tokio::test]
async fn many_at_once_of_one_person_are_all_kept() {
    let app = TestApp::new().await;
    let body = app.decision(json!({ "analytics": "yes" }));
    let keys: Vec<String> = (0..6).map(|_| key()).collect();
    let (one, two, three) = tokio::join!(
        app.decides(&body, &keys[0]),
        app.decides(&body, &keys[1]),
        app.decides(&body, &keys[2]),
    );
    for answer in [one, two, three] {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
}

/// A full queue says when to come again; whoever then does is recorded, and once.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_wait_are_told_to_come_again() {
    let app = Arc::new(TestApp::new().await.configured("[limits]\nqueue = 1\n"));
    let body = app.decision(json!({ "analytics": "yes" })).to_string();
    let before = app.entries();
    let mut waiting: Vec<u8> = (0..64).collect();
    let mut refused = 0;
    while !waiting.is_empty() {
        let mut asked = tokio::task::JoinSet::new();
        for who in waiting.drain(..) {
            let request = to(Method::POST, "/v1/clinic/decisions")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::ORIGIN, crate::app::ORIGIN)
                .header("assent-subject", SubjectToken::from_random([who; 16]).reveal())
                .header("idempotency-key", format!("once-{who}"))
                .body(Body::from(body.clone()))
                .unwrap();
            let app = Arc::clone(&app);
            asked.spawn(async move { (who, app.ask(request).await) });
        }
        for (who, answer) in asked.join_all().await {
            if answer.status != StatusCode::CREATED {
                answer.is_problem(503, "busy");
                assert_eq!(answer.header(header::RETRY_AFTER), "2");
                refused += 1;
                waiting.push(who);
            }
        }
    }
    assert!(refused > 0, "64 at once fit into a queue of one");
    assert_eq!(app.entries(), before + 64);
}

/// One person could post without end, and each of their requests reads all they said before.
#[tokio::test]
async fn nobody_decides_without_end_but_a_no_is_always_heard() {
    let app = TestApp::new().await;
    let first = app.decision(json!({ "analytics": "yes" }));
    let answered = app.decides(&first, "first").await;
    app.records(json!({ "surveys": "no" })).await;
    let app = app.configured("[limits]\ndecisions_per_person = 2\n");
    let entries = app.entries();
    for choices in [
        json!({ "analytics": "yes" }),
        json!({ "surveys": "yes" }),
        // What is new in it is a yes, whatever stands beside it.
        json!({ "analytics": "no", "surveys": "yes" }),
        json!({ "analytics": "yes", "surveys": "no" }),
    ] {
        let answer = app.decides(&app.decision(choices), &key()).await;
        answer.is_problem(429, "too-many-decisions");
        assert_eq!(answer.header(header::RETRY_AFTER), "86400");
    }
    assert_eq!(app.decides(&first, "first").await.body, answered.body, "it was recorded before");
    assert_eq!(app.entries(), entries);
    let withdrawn = app.records(json!({ "analytics": "no", "surveys": "no" })).await;
    assert!(withdrawn.text().contains("withdrawn") && app.entries() == entries + 1);
    // It holds already: the receipt that says so.
    let again = app.records(json!({ "analytics": "no" })).await;
    assert_eq!((&again.body, app.entries()), (&withdrawn.body, entries + 1));
    app.decides(&app.decision(json!({ "analytics": "yes" })), &key())
        .await
        .is_problem(429, "too-many-decisions");
    // Somebody else is not held up.
    let other = to(Method::POST, "/v1/clinic/decisions").header(header::CONTENT_TYPE, "application/json");
    let other = other.header(header::ORIGIN, crate::app::ORIGIN).header("assent-subject", OTHER);
    let other = other.header("idempotency-key", "k").body(Body::from(first.to_string())).unwrap();
    assert_eq!(app.ask(other).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn replaced_words_are_answered_only_by_who_saw_them() {
    let app = TestApp::new().await;
    let mut old = app.decision(json!({ "analytics": "yes" }));
    let changed = SITE.replace("We would like", "Please read: we would like");
    app.app.sites.apply(&changed, None, LogIs::There).await.unwrap();
    app.decides(&old, &key()).await.is_problem(409, "stale-notice");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(11);
    old["acted"] = json!(later.to_string());
    app.decides(&old, &key()).await.is_problem(409, "stale-notice");
    old["acted"] = json!(jiff::Timestamp::now().to_string());
    assert_eq!(app.decides(&old, &key()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_late_record_does_not_undo_a_later_choice() {
    let app = TestApp::new().await;
    let mut body = app.decision(json!({ "analytics": "yes" }));
    body["acted"] = json!("2026-01-01T00:00:00.000Z");
    // The second: declined in a window beside the one whose yes was still on its way, and so under another token.
    for token in [HOLDER, OTHER] {
        let newer = format!("assent=v1.{token}.{}.9000000000.analytics:n", &app.notice().to_hex()[..16]);
        let request =
            crate::app::decision(&body).header("idempotency-key", key()).header(header::COOKIE, newer);
        let answer = app.ask(request.body(Body::from(body.to_string())).unwrap()).await;
        assert_eq!((answer.status, answer.header(header::SET_COOKIE)), (StatusCode::CREATED, ""));
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let app = TestApp::new().await;
    let receipt = app.records(json!({ "analytics": "yes" })).await;
    let path =
        receipt.header(header::LOCATION).strip_prefix("https://privacy.example.org").unwrap().to_string();
    let app = app.restarted();
    let held = to(Method::GET, &path).header("assent-subject", HOLDER).body(Body::empty()).unwrap();
    assert_eq!(app.ask(held).await.body, receipt.body);
}

/// The answer may be lost; the decision is recorded once.
#[tokio::test(start_paused = true)]
async fn what_takes_too_long_says_so_and_is_recorded_once() {
    let app = TestApp::new().await;
    let body = app.decision(json!({ "analytics": "yes" })).to_string();
    let before = app.entries();
    let asks = |who: u8| {
        let request = to(Method::POST, "/v1/clinic/decisions")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ORIGIN, crate::app::ORIGIN)
            .header("assent-subject", SubjectToken::from_random([who; 16]).reveal())
            .header("idempotency-key", format!("slow-{who}"))
            .body(Body::from(body.clone()))
            .unwrap();
        app.ask(request)
    };
    // The clock stands still until nothing is left to do but wait for the log: then the time is up at once, unless the log was faster.
    let mut who = 0;
    let late = loop {
        who += 1;
        let answer = asks(who).await;
        if answer.status != StatusCode::CREATED {
            break answer;
        }
        assert!(who < 100, "the log is always faster");
    };
    late.is_problem(503, "timeout");
    assert_eq!(late.header(header::RETRY_AFTER), "2");
    tokio::time::resume();
    let again = asks(who).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    assert_eq!(asks(who).await.body, again.body);
    assert_eq!(app.entries(), before + u64::from(who), "once each");
}

/// Where somebody was and with what is nobody's business: it is in no answer, no export and no file.
#[tokio::test]
async fn addresses_of_machines_and_names_of_browsers_are_kept_nowhere() {
    let app = TestApp::new().await;
    let body = app.decision(json!({ "analytics": "yes" }));
    let request = crate::app::decision(&body)
        .header("idempotency-key", key())
        .header("x-forwarded-for", "203.0.113.7")
        .header("forwarded", "for=203.0.113.7")
        .header(header::USER_AGENT, "needle-agent/1");
    let receipt = app.ask(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(receipt.status, StatusCode::CREATED, "{}", receipt.text());
    let state =
        to(Method::GET, "/v1/clinic/state").header("assent-subject", HOLDER).body(Body::empty()).unwrap();
    let state = app.ask(state).await.text();
    let path = "/v1/clinic/export";
    let export = crate::staff::staff(&app, Method::GET, path, "text/plain", String::new()).await.text();
    assert!(export.contains("analytics"), "{export}");
    let metrics = app.get("/metrics").await.text();
    let mut seen: Vec<Vec<u8>> = [receipt.text(), state, export, metrics].map(String::into_bytes).into();
    let folder = app.stopped();
    seen.extend(
        crate::backups::files(&folder.path().join("data")).iter().map(|file| std::fs::read(file).unwrap()),
    );
    for needle in ["203.0.113.7", "needle-agent"] {
        let is_in = |bytes: &Vec<u8>| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
        assert!(!seen.iter().any(is_in), "{needle}");
    }
}
