//! Reading changes nothing, and pages and documents are there for who asks.

use crate::app::{SITE, TestApp, to};
use assent_core::hash::sha256;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use server::app::sites::LogIs;

#[tokio::test]
async fn reading_changes_nothing() {
    let app = TestApp::new().await;
    let before = app.entries();
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/reference",
        "/problems/stale-notice",
        "/v1/clinic/choices",
        "/v1/clinic/alerts",
        "/v1/clinic/log",
        "/v1/clinic/log/key",
        "/v1/clinic/log/checkpoint",
        "/v1/clinic/log/tile/0/000.p/1",
        "/v1/clinic/log/tile/entries/000.p/1",
        "/v1/clinic/notices/current",
        // As links that were put together by several programs have it.
        "/v1/clinic/choices?lang=cy&lang=en&utm_source=x",
        "/v1/clinic/choices?lang=%ff&done=%ff",
        "/v1/clinic/alerts?lang=cy&lang=en",
        "/v1/clinic/log?lang=cy&lang=en",
        "/v1/clinic/notices/current?lang=cy&lang=en",
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_eq!(answer.header(header::SET_COOKIE), "", "{path}");
    }
    assert_eq!(app.entries(), before);
}

#[tokio::test]
async fn a_notice_is_bytes_for_programs_and_a_page_for_people() {
    let app = TestApp::new().await;
    let path = format!("/v1/clinic/notices/{}", app.notice());
    assert_eq!(sha256(&app.get(&path).await.body), app.notice());
    let page =
        to(Method::GET, &path).header(header::ACCEPT, "text/html,*/*;q=0.8").body(Body::empty()).unwrap();
    assert!(app.ask(page).await.text().to_lowercase().starts_with("<!doctype html>"));
}

/// It said "not found". Who is served from here is told only at their own address.
#[tokio::test]
async fn the_bare_address_says_what_it_is() {
    let app = TestApp::empty();
    let local = SITE.replace("https://privacy.example.org", "http://clinic.localhost:8700");
    let local: String =
        local.lines().filter(|line| !line.starts_with("cookie_domain")).collect::<Vec<_>>().join("\n");
    app.app.sites.apply(&local, None, LogIs::New).await.unwrap();
    let choices = "<a href=\"http://clinic.localhost:8700/v1/clinic/choices\"";
    for (host, shown) in
        [("clinic.localhost:8700", true), ("Clinic.localhost:8700", true), ("localhost:8700", false)]
    {
        let request = axum::http::Request::builder().uri("/").header(header::HOST, host);
        let page = app.ask(request.body(Body::empty()).unwrap()).await.text();
        assert!(page.contains("<a href=\"/reference\">"), "{page}");
        assert_eq!(page.contains(choices), shown, "{host}: {page}");
    }
}

#[tokio::test]
async fn every_problem_has_its_page() {
    let app = TestApp::empty();
    for code in server::http::error::Code::ALL {
        let page = app.get(&format!("/problems/{}", code.as_str())).await;
        assert!(page.status == StatusCode::OK && page.text().contains(code.title()), "{code:?}");
        assert!(page.text().contains("<a href=\"/reference\">"), "{code:?}");
    }
    // The reference leads to them and to the document it shows: all three stood there as mere text.
    let reference = app.get("/reference").await.text();
    for address in ["/openapi.json", "/problems/stale-notice"] {
        assert!(reference.contains(&format!("<a href=\"{address}\">")), "{address}");
    }
}

#[tokio::test]
async fn people_who_find_nothing_get_a_page_and_programs_a_problem() {
    let app = TestApp::new().await;
    for (path, code, says) in [
        ("/v1/clinic/nothing", "not-found", "href=\"https://privacy.example.org/v1/clinic/choices"),
        ("/v1/clinic/receipts/lost", "not-found", "href=\"https://privacy.example.org/v1/clinic/choices"),
        ("/v1/nobody/choices", "unknown-site", "Nothing is published here"),
        ("/nothing", "not-found", "There is nothing here"),
    ] {
        let wants = |accept: &'static str| {
            to(Method::GET, path).header(header::ACCEPT, accept).body(Body::empty()).unwrap()
        };
        let page = app.ask(wants("text/html,application/xhtml+xml,*/*;q=0.8")).await;
        assert_eq!(page.header(header::CONTENT_TYPE), "text/html; charset=utf-8", "{path}");
        assert!(
            page.status == StatusCode::NOT_FOUND && page.text().contains(says),
            "{path}: {}",
            page.text()
        );
        assert!(page.header(header::CACHE_CONTROL).contains("no-store"), "{path}");
        app.ask(wants("*/*")).await.is_problem(404, code);
    }
}

#[tokio::test]
async fn the_retention_schedule_is_told_as_a_page_and_as_a_table() {
    let app = TestApp::new().await;
    let page = app.get("/v1/clinic/schedule?lang=en").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("<td>2922 days</td>"), "{}", page.text());
    let table = app.get("/v1/clinic/schedule.csv").await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8; header=present");
    let rules = app.app.sites.all()[0].file.retention_rules();
    let linked = rules.days(assent_core::retention::RetentionClass::Linked);
    let text = table.text();
    let rows: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert_eq!(rows[0], r#""Records","Kept for","Counted from","days","action","authority""#);
    assert!(rows[2].ends_with(&format!(r#","{linked}","purged","UK GDPR Art 5(1)(e)""#)), "{text}");
    app.get("/v1/nobody/schedule").await.is_problem(404, "unknown-site");
}
