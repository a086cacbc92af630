//! Scenario 9: a repeated request is recorded once, and a bad one not at all, with a problem that has a stable code.

use crate::harness::{Api, CLINIC, Holder, Log, Stack, key};
use assent_core::decision::{Act, Choice};
use assent_core::hash::sha256;
use assent_core::ids::PurposeId;
use assent_core::wire::{Problem, SUBJECT_HEADER};
use reqwest::header::{CONTENT_TYPE, ORIGIN};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_is_one_record_and_one_answer() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let (holder, key) = (Holder::new(), key());
    let body = api.says(Act::AcceptAll).await;
    let before = Log(&api).size().await;

    let first = api.decides(&holder, &key, &body).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let location = first.headers()["location"].to_str().unwrap().to_string();
    let first = first.bytes().await.unwrap();
    let again = api.decides(&holder, &key, &body).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(again.headers()["location"], location.as_str());
    assert_eq!(again.bytes().await.unwrap(), first, "the same answer");
    assert_eq!(Log(&api).size().await, before + 1, "one record");

    // At the same time, too.
    let key = crate::harness::key();
    let both =
        tokio::join!(api.decides(&holder, &key, &body).send(), api.decides(&holder, &key, &body).send());
    let (one, other) =
        (crate::harness::receipt(both.0.unwrap()).await, crate::harness::receipt(both.1.unwrap()).await);
    assert_eq!(one.unverified_record(), other.unverified_record());
    assert_eq!(Log(&api).size().await, before + 2);

    let other = api.says(Act::RejectAll).await;
    refuses(api.decides(&holder, &key, &other), 422, "idempotency-key-reused").await;
    assert_eq!(Log(&api).size().await, before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_a_problem_and_stores_nothing() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let good = api.says(Act::AcceptAll).await;
    let as_json = serde_json::to_value(&good).unwrap();
    let with = |name: &str, value: Value| {
        let mut body = as_json.clone();
        body[name] = value;
        body
    };
    let purpose = |id: &str, choice: Choice| {
        let mut body = good.clone();
        body.act = Act::Save;
        body.choices.insert(PurposeId::new(id).unwrap(), choice);
        serde_json::to_value(body).unwrap()
    };
    let mut without = as_json.clone();
    without.as_object_mut().unwrap().remove("notice");
    let large = with("language", json!("x".repeat(1 << 20)));
    let from = |origin: &'static str| raw(&api, &as_json.to_string()).header(ORIGIN, origin);
    let site = api.site.origin.clone();
    let send = |body: Value| raw(&api, &body.to_string()).header(ORIGIN, &site);
    let bare = || {
        let body = as_json.to_string();
        api.post("decisions").header(CONTENT_TYPE, "application/json").header(ORIGIN, &site).body(body)
    };
    let (token, key) = (Holder::new().0.reveal(), key());

    let before = Log(&api).size().await;
    let table = [
        ("another site's origin", from("https://evil.example"), 403, "origin-not-declared"),
        ("the other example's origin", from("http://charity.localhost:1"), 403, "origin-not-declared"),
        (
            "an origin that only begins alike",
            from("http://clinic.localhost.evil.example"),
            403,
            "origin-not-declared",
        ),
        ("no origin of its own", from("null"), 403, "origin-not-declared"),
        ("no origin at all", raw(&api, &as_json.to_string()), 403, "origin-missing"),
        ("an unknown purpose", send(purpose("teleport", Choice::Yes)), 422, "unknown-purpose"),
        ("a purpose that is only told", send(purpose("necessary", Choice::No)), 422, "not-a-choice"),
        (
            "an alert, which has its own form",
            send(purpose("email-clinic-changes", Choice::Yes)),
            422,
            "unknown-purpose",
        ),
        ("an unknown notice", send(with("notice", json!(sha256(b"another")))), 422, "unknown-notice"),
        ("something that is no hash", send(with("notice", json!("abc"))), 422, "bad-body"),
        ("an unknown language", send(with("language", json!("tlh"))), 422, "unknown-language"),
        ("an extra field", send(with("phone", json!("07700 900123"))), 422, "unknown-field"),
        (
            "an extra field inside",
            send(with("signals", json!({ "gpc": false, "mood": 1 }))),
            422,
            "unknown-field",
        ),
        ("a missing field", send(without), 422, "bad-body"),
        ("nothing chosen", send(with("choices", json!({}))), 422, "no-choices"),
        (
            "accept all with a no in it",
            send(with("choices", json!({ "analytics": "no" }))),
            422,
            "act-differs",
        ),
        ("an act of staff", send(with("act", json!("paper"))), 422, "act-not-visitors"),
        ("an act that does not exist", send(with("act", json!("wish"))), 422, "bad-body"),
        ("a time that is none", send(with("acted", json!("yesterday"))), 422, "bad-time"),
        ("a megabyte", send(large), 413, "body-too-large"),
        ("not JSON", raw(&api, "{\"notice\":").header(ORIGIN, &site), 400, "bad-json"),
        ("an empty body", raw(&api, "").header(ORIGIN, &site), 400, "bad-json"),
        ("a list", raw(&api, "[]").header(ORIGIN, &site), 422, "bad-body"),
        (
            "another content type",
            bare()
                .header(SUBJECT_HEADER, &token)
                .header("idempotency-key", &key)
                .header(CONTENT_TYPE, "text/plain"),
            415,
            "wrong-content-type",
        ),
        ("no subject", bare().header("idempotency-key", &key), 400, "subject-missing"),
        (
            "a malformed subject",
            bare().header("idempotency-key", &key).header(SUBJECT_HEADER, "me"),
            400,
            "subject-malformed",
        ),
        ("no idempotency key", bare().header(SUBJECT_HEADER, &token), 400, "idempotency-key-missing"),
        (
            "a malformed idempotency key",
            bare().header(SUBJECT_HEADER, &token).header("idempotency-key", "a b"),
            400,
            "idempotency-key-malformed",
        ),
        (
            "another method",
            api.request(Method::PUT, "decisions").header(ORIGIN, &site).json(&good),
            405,
            "wrong-method",
        ),
        ("deleting", api.request(Method::DELETE, "decisions").header(ORIGIN, &site), 405, "wrong-method"),
        ("an address that is not there", api.get("nothing-here"), 404, "not-found"),
        (
            "a site that is not there",
            api.get_address(&format!("{}/v1/nobody/state", api.site.assent())),
            404,
            "unknown-site",
        ),
        ("no staff token", api.get("export?format=csv"), 401, "unauthorised"),
        (
            "a wrong staff token",
            api.get("export?format=csv").bearer_auth("guess-guess-guess-guess-guess"),
            401,
            "unauthorised",
        ),
        ("an unknown export format", api.as_staff(api.get("export?format=pdf")), 400, "bad-query"),
    ];
    for (what, request, status, code) in table {
        eprintln!("{what}");
        refuses(request, status, code).await;
    }
    assert_eq!(Log(&api).size().await, before, "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_were_replaced_are_not_agreed_to() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let old = api.says(Act::AcceptAll).await;
    let file = stack.path("changed.toml");
    let changed = stack.site_file(CLINIC).replacen("title = \"", "title = \"Please read: ", 1);
    std::fs::write(&file, changed).unwrap();
    stack.runs_well(&["site", "apply", file.to_str().unwrap()]);
    let new = api.says(Act::AcceptAll).await;
    assert_ne!(old.notice, new.notice);

    let before = Log(&api).size().await;
    let pressed_at = |hours: i64| {
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        assent_core::wire::DecisionRequest { acted: Some(time.to_string()), ..old.clone() }
    };
    refuses(api.decides(&Holder::new(), &key(), &old), 409, "stale-notice").await;
    refuses(api.decides(&Holder::new(), &key(), &pressed_at(1)), 409, "stale-notice").await;
    assert_eq!(Log(&api).size().await, before, "nothing was stored");
    // But what was pressed while they were on the screen, and had to wait in the browser, still counts.
    api.records(&Holder::new(), &pressed_at(-1)).await;

    let kept = api.get(&format!("notices/{}", old.notice)).send().await.unwrap();
    assert_eq!(kept.status(), StatusCode::OK, "the old words stay readable at their hash");
    assert_eq!(sha256(&kept.bytes().await.unwrap()), old.notice);
    api.records(&Holder::new(), &new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_for_its_holder_only() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let (holder, other) = (Holder::new(), Holder::new());
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    let id = api.state(&holder).await.receipts.remove(0);
    assert_eq!(api.receipt(&holder, &id).await.status(), StatusCode::OK);
    is_problem(api.receipt(&other, &id).await, 404, "not-found").await;
    let nobody = api.get(&format!("receipts/{id}")).send().await.unwrap();
    assert!(nobody.status().is_client_error());
    assert_eq!(api.state(&other).await.receipts, [] as [String; 0]);
}

/// A decision's body as it is, with everything in order but the origin.
fn raw(api: &Api, body: &str) -> RequestBuilder {
    api.post("decisions")
        .header(CONTENT_TYPE, "application/json")
        .header(SUBJECT_HEADER, Holder::new().0.reveal())
        .header("idempotency-key", key())
        .body(body.to_string())
}

async fn refuses(request: RequestBuilder, status: u16, code: &str) {
    is_problem(request.send().await.unwrap(), status, code).await;
}

async fn is_problem(answer: Response, status: u16, code: &str) {
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_string();
    let found = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!(kind, "application/problem+json", "{text}");
    let problem: Problem = serde_json::from_str(&text).unwrap();
    assert_eq!((found, problem.code.as_str()), (status, code), "{text}");
    assert_eq!(problem.status, status);
    assert!(problem.r#type.ends_with(&format!("/problems/{code}")), "{text}");
    assert!(!problem.title.is_empty());
}
