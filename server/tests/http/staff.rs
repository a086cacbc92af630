//! Staff addresses: the token, "may we?", exports, publishing.

use crate::app::{Answer, SITE, STAFF, TestApp, to};
use assent_core::export_format::ExportVerifier;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;
use server::app::sites::LogIs;

pub(crate) async fn staff(app: &TestApp, method: Method, path: &str, kind: &str, body: String) -> Answer {
    let request = to(method, path).header(header::AUTHORIZATION, format!("Bearer {STAFF}"));
    app.ask(request.header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn without_the_token_nothing() {
    let app = TestApp::new().await;
    for (method, path) in [
        (Method::GET, "/v1/clinic/export"),
        (Method::GET, "/v1/clinic/people/holds"),
        (Method::POST, "/v1/clinic/may"),
        (Method::PUT, "/v1/clinic/site-file"),
        (Method::POST, "/v1/clinic/people/export"),
        (Method::POST, "/v1/clinic/people/erase"),
        (Method::POST, "/v1/clinic/people/restrict"),
        (Method::POST, "/v1/clinic/people/release"),
        (Method::POST, "/v1/clinic/people/hold"),
        (Method::POST, "/v1/clinic/people/let-go"),
        (Method::POST, "/v1/clinic/purge"),
        (Method::POST, "/v1/clinic/tell-erasures"),
        (Method::POST, "/v1/clinic/fsck"),
        (Method::POST, "/v1/reclaim"),
    ] {
        let answer = app.ask(to(method.clone(), path).body(Body::empty()).unwrap()).await;
        answer.is_problem(401, "unauthorised");
        let wrong = to(method, path).header(header::AUTHORIZATION, "Bearer guess-guess-guess-guess-guess");
        app.ask(wrong.body(Body::empty()).unwrap()).await.is_problem(401, "unauthorised");
    }
}

#[tokio::test]
async fn may_we_is_no_until_confirmed() {
    let app = TestApp::new().await;
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": ["email-news"], "email": "Ann@Example.org" });
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, crate::app::ORIGIN)
        .header("assent-subject", crate::app::HOLDER)
        .header("idempotency-key", "k");
    let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert!(!answer.text().to_lowercase().contains("ann@"), "the record names it by hash only");
    for (channel, address, reason) in [
        ("email", "ann@example.org", "unconfirmed"),
        ("email", "bob@example.org", "not-asked"),
        ("text", "+44 7700 900123", "not-asked"),
    ] {
        let question = json!({ "channel": channel, "address": address, "topic": "news" }).to_string();
        let answer = staff(&app, Method::POST, "/v1/clinic/may", "application/json", question).await.json();
        assert_eq!((&answer["may"], &answer["reason"]), (&json!("no"), &json!(reason)), "{address}");
    }
}

#[tokio::test]
async fn exports_hold_and_filters_are_strict() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    app.records(json!({ "surveys": "no" })).await;
    let export = |query: &'static str| staff(&app, Method::GET, query, "text/plain", String::new());
    let mut verifier = ExportVerifier::new(None);
    let answer = export("/v1/clinic/export").await;
    for line in answer.text().lines() {
        verifier.line(line).unwrap();
    }
    assert_eq!(verifier.finish().unwrap().records, 2);
    let csv = export("/v1/clinic/export?format=csv&purpose=surveys&from=2026-01-01").await;
    assert_eq!(csv.text().lines().count(), 2, "{}", csv.text());
    assert_eq!(export("/v1/clinic/export?format=csv&to=2026-01-01").await.text().lines().count(), 1);
    for bad in [
        "format=pdf",
        "from=yesterday",
        "colour=red",
        "purpose=A",
        // Both were an export of nothing, which looks like "nobody said anything".
        "purpose=nope",
        "from=2026-02-01&to=2026-01-01",
        "from=2026-02-01&to=2026-02-01",
    ] {
        let path: &'static str = Box::leak(format!("/v1/clinic/export?{bad}").into_boxed_str());
        export(path).await.is_problem(400, "bad-query");
    }
    // A purpose that is asked no longer was asked once.
    let without =
        SITE.replace("id = \"surveys\"", "id = \"other\"").replace("purposes.surveys", "purposes.other");
    app.app.sites.apply(&without, None, LogIs::There).await.unwrap();
    let csv = export("/v1/clinic/export?format=csv&purpose=surveys").await;
    assert_eq!(csv.text().lines().count(), 2, "{}", csv.text());
}

/// The schema of this name as it is served, with the one it refers to.
async fn schema(app: &TestApp, name: &str) -> jsonschema::Validator {
    let served = async |name: &str| {
        let answer = app.get(&format!("/schemas/{name}")).await;
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/schema+json");
        answer.json()
    };
    let record = served("dpv-record.schema.json").await;
    let registry = jsonschema::Registry::new().add("json-schema:///dpv-record.schema.json", &record).unwrap();
    let registry = registry.prepare().unwrap();
    jsonschema::options().with_registry(&registry).build(&served(name).await).unwrap()
}

#[tokio::test]
async fn an_export_in_every_form_fits_its_schema() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes", "surveys": "no" })).await;
    app.records(json!({ "analytics": "no" })).await;
    for (form, name, lines) in [
        ("ndjson", "export-line.schema.json", 7),
        ("dpv", "dpv-record.schema.json", 2),
        ("dpv-receipt", "dpv-receipt.schema.json", 2),
        ("kantara", "kantara.schema.json", 1),
    ] {
        let path = format!("/v1/clinic/export?format={form}");
        let answer = staff(&app, Method::GET, &path, "text/plain", String::new()).await;
        let schema = schema(&app, name).await;
        let mut count = 0;
        for line in answer.text().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let errors: Vec<String> = schema.iter_errors(&line).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{form}: {errors:#?}\n{line:#}");
            count += 1;
        }
        assert_eq!(count, lines, "{form}: {}", answer.text());
    }
    let context = app.get("/schemas/context.jsonld").await;
    assert_eq!(context.headers[header::CONTENT_TYPE], "application/ld+json");
    app.get("/schemas/other.schema.json").await.is_problem(404, "not-found");
}

#[tokio::test]
async fn one_person_is_exported_and_nobody_elses_record_is_opened() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    let id = |token| assent_core::subject::SubjectToken::parse(token).unwrap().id();
    let (mine, other) = (id(crate::app::HOLDER), id(crate::app::OTHER));
    let body = json!({ "notice": app.notice(), "language": "en", "act": "save", "surface": "preferences",
        "choices": { "surveys": "yes" } });
    let request = to(Method::POST, "/v1/clinic/decisions")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, crate::app::ORIGIN)
        .header("assent-subject", crate::app::OTHER)
        .header("idempotency-key", "k-other");
    let answer = app.ask(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());

    let of = async |query: &str, whose: serde_json::Value| {
        let path = format!("/v1/clinic/people/export{query}");
        staff(&app, Method::POST, &path, "application/json", json!({ "whose": whose }).to_string()).await
    };
    let answer = of("", json!({ "subject": mine.to_string() })).await;
    let mut verifier = ExportVerifier::new(None);
    for line in answer.text().lines() {
        verifier.line(line).unwrap();
    }
    let summary = verifier.finish().unwrap();
    assert_eq!((summary.records, summary.withheld), (1, 1), "{}", answer.text());
    assert_eq!(summary.filter["subjects"], json!([mine.to_string()]));
    assert!(!answer.text().contains(&other.to_string()), "nothing of the other person");
    let csv = of("?format=csv", json!({ "subject": other.to_string() })).await;
    assert_eq!(csv.text().lines().count(), 2, "{}", csv.text());
    let stranger = json!({ "contact": { "channel": "email", "address": "nobody@example.org" } });
    assert_eq!(of("?format=csv", stranger).await.text().lines().count(), 1);
    of("?format=pdf", json!({ "subject": mine.to_string() })).await.is_problem(400, "bad-query");
}

#[tokio::test]
async fn a_site_is_published_while_it_runs() {
    let app = TestApp::empty();
    let put = |body: String| staff(&app, Method::PUT, "/v1/clinic/site-file", "application/toml", body);
    app.get("/v1/clinic/choices").await.is_problem(404, "unknown-site");
    put("id = 1".to_string()).await.is_problem(422, "bad-site-file");
    put(SITE.replace("id = \"clinic\"", "id = \"other\"")).await.is_problem(422, "bad-site-file");
    let unfair = put(SITE.replace("Counts which pages", "To improve your experience: pages")).await;
    unfair.is_problem(422, "notice-refused");
    assert!(unfair.text().contains("vague-purpose"), "each finding is named");
    // A history is begun once, and on purpose.
    put(SITE.to_string()).await.is_problem(409, "no-log");
    let begin = || {
        let path = "/v1/clinic/site-file?log=create";
        staff(&app, Method::PUT, path, "application/toml", SITE.to_string())
    };
    assert_eq!(begin().await.status, StatusCode::CREATED);
    begin().await.is_problem(409, "log-exists");
    assert_eq!(put(SITE.to_string()).await.json()["changed"], false);
    assert_eq!(app.get("/v1/clinic/choices").await.status, StatusCode::OK);
    put(SITE.replace("https://privacy.", "https://consent.")).await.is_problem(422, "bad-site-file");
}
