//! Pages and their forms: complete without script, safe to show, recorded once.

use crate::app::{Answer, HOLDER, ORIGIN, TestApp, to};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};

const OURS: &str = "https://privacy.example.org";

async fn post(app: &TestApp, path: &str, origin: &str, fields: &[(&str, &str)]) -> Answer {
    post_holding(app, "1.", path, origin, fields).await
}

/// The same from a browser whose cookie ends in `held`: when it was decided, and what.
async fn post_holding(
    app: &TestApp,
    held: &str,
    path: &str,
    origin: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let mut body = form_urlencoded::Serializer::new(String::new());
    let notice = app.notice().to_hex();
    body.append_pair("notice", &notice).append_pair("language", "en").extend_pairs(fields);
    let cookie = format!("assent=v1.{HOLDER}.{}.{held}", &notice[..16]);
    let request = to(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .header(header::ORIGIN, origin);
    app.ask(request.body(Body::from(body.finish())).unwrap()).await
}

const SAVE: [(&str, &str); 3] = [("act", "save"), ("surface", "choices-page"), ("key", "abc-on")];

#[tokio::test]
async fn a_press_is_recorded_once_and_leads_back() {
    let app = TestApp::new().await;
    let fields = [&SAVE[..], &[("choice.analytics", "yes")]].concat();
    let answer = post(&app, "/v1/clinic/choices", OURS, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert!(
        answer
            .header(header::LOCATION)
            .starts_with("https://privacy.example.org/v1/clinic/choices?lang=en&done=")
    );
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.contains(".analytics:y; Path=/"), "{cookie}");
    let entries = app.entries();
    post(&app, "/v1/clinic/choices", OURS, &fields).await;
    assert_eq!(app.entries(), entries, "pressed twice, recorded once");

    let path = answer.header(header::LOCATION).strip_prefix(OURS).unwrap();
    let page = to(Method::GET, path).header(header::COOKIE, cookie.split(';').next().unwrap());
    let page = app.ask(page.body(Body::empty()).unwrap()).await;
    assert!(page.text().contains("role=\"status\""), "it says that it was recorded");
    assert_eq!(
        page.header(header::CONTENT_SECURITY_POLICY),
        "default-src 'none'; style-src 'self'; form-action 'self' https://privacy.example.org https://www.example.org; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(page.header(header::CACHE_CONTROL), "private, no-store");
    assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
}

#[tokio::test]
async fn a_sign_up_in_the_sites_own_page_is_told_there() {
    let app = TestApp::new().await;
    let fields = [("wanted", "email-news"), ("email", "ann@example.org"), ("phone", ""), ("key", "in-page")];
    let sends = |fields: &[(&str, &str)]| {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let notice = app.notice().to_hex();
        body.append_pair("notice", &notice).append_pair("language", "en").extend_pairs(fields);
        let request = to(Method::POST, "/v1/clinic/alerts?lang=en&in=page")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, ORIGIN);
        app.ask(request.body(Body::from(body.finish())).unwrap())
    };
    let (before, answer) = (app.entries(), sends(&fields).await);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert!(answer.header(header::SET_COOKIE).starts_with("assent-sign-up="));
    let text = answer.text();
    let receipt = text.split_once("data:application/json;base64,").unwrap().1.split('"').next().unwrap();
    let receipt = String::from_utf8(assent_core::hash::base64_decode(receipt).unwrap()).unwrap();
    let receipt = assent_core::receipt::Receipt::parse(&receipt).unwrap().verify(None).unwrap();
    assert!(receipt.record().contains("email-news"), "{}", receipt.record());
    assert!(sends(&fields).await.text().contains("role=\"status\""));
    // Who fills in what nobody sees is told the same, without a receipt: there is none.
    let answer = sends(&[&fields[..], &[("website", "https://example.com")]].concat()).await;
    assert!(answer.text().contains("role=\"status\"") && !answer.text().contains("base64"));
    assert_eq!(app.entries(), before + 1, "sent twice, recorded once");

    let script = app.ask(to(Method::GET, "/v1/clinic/alerts.js").body(Body::empty()).unwrap()).await;
    assert_eq!(script.status, StatusCode::OK, "{}", script.text());
    assert!(
        script.text().starts_with(
            "((DATA)=>{})({\"api\":\"https://privacy.example.org/v1/clinic\",\"language\":\"en\""
        )
    );
    let text = script.text();
    let css = text.split_once("\"css\":\"https://privacy.example.org").unwrap().1.split('"').next().unwrap();
    let css = app.ask(to(Method::GET, css).body(Body::empty()).unwrap()).await;
    assert_eq!((css.status, css.header(header::ACCESS_CONTROL_ALLOW_ORIGIN)), (StatusCode::OK, "*"));
    assert!(css.text().contains(":host") && !css.text().contains(":root"), "styles for a shadow root");
}

#[tokio::test]
async fn too_many_decisions_are_said_on_the_page_and_a_no_is_taken() {
    let app = TestApp::new().await.configured("[limits]\ndecisions_per_person = 1\n");
    let before = app.entries();
    for (key, choice, status) in
        [("first", "yes", 303), ("second", "yes", 429), ("third", "no", 303), ("fourth", "no", 303)]
    {
        let fields =
            [("act", "save"), ("surface", "choices-page"), ("key", key), ("choice.analytics", choice)];
        let answer = post(&app, "/v1/clinic/choices", OURS, &fields).await;
        assert_eq!(answer.status.as_u16(), status, "{key}: {}", answer.text());
        if status == 429 {
            assert!(answer.text().contains("could not be recorded just now"), "{}", answer.text());
            assert_eq!(answer.header(header::RETRY_AFTER), "86400");
        }
    }
    assert_eq!(app.entries(), before + 2, "a yes and a no");
}

// A device whose clock was years ahead had its yes dated years ahead, and the withdrawal came back without a cookie: the
// pages went on as before.
#[tokio::test]
async fn a_withdrawal_reaches_a_browser_whose_clock_is_ahead() {
    let app = TestApp::new().await;
    let fields = [&SAVE[..], &[("choice.analytics", "no")]].concat();
    for decided in [1, 4_102_444_800_u64] {
        let held = format!("{decided}.analytics:y");
        let answer = post_holding(&app, &held, "/v1/clinic/choices", OURS, &fields).await;
        let cookie = answer.header(header::SET_COOKIE);
        assert!(cookie.contains(".analytics:n; Path=/"), "{decided}: {cookie}");
        let now: u64 = cookie.split('.').nth(3).unwrap().parse().unwrap();
        assert!(now > decided, "{cookie}");
    }
}

#[tokio::test]
async fn back_leads_to_declared_origins_only() {
    let app = TestApp::new().await;
    let with = |back| [&SAVE[..], &[("choice.analytics", "yes"), ("back", back)]].concat();
    let answer = post(&app, "/v1/clinic/choices", ORIGIN, &with("https://www.example.org/page")).await;
    assert_eq!(answer.header(header::LOCATION), "https://www.example.org/page");
    let before = app.entries();
    for back in
        ["https://evil.example/", "https://www.example.org.evil.example/", "//evil.example", "javascript:0"]
    {
        let answer = post(&app, "/v1/clinic/choices", ORIGIN, &with(back)).await;
        assert_eq!((answer.status, app.entries()), (StatusCode::FORBIDDEN, before), "{back}");
    }
}

#[tokio::test]
async fn forms_that_are_not_ours_record_nothing() {
    let app = TestApp::new().await;
    let before = app.entries();
    let good = [&SAVE[..], &[("choice.analytics", "yes")]].concat();
    post(&app, "/v1/clinic/choices", "https://evil.example", &good)
        .await
        .is_problem(403, "origin-not-declared");
    for extra in [("choice.analytics", "no"), ("colour", "red"), ("key", "two"), ("choice.teleport", "yes")] {
        let answer = post(&app, "/v1/clinic/choices", OURS, &[&good[..], &[extra]].concat()).await;
        assert!(answer.status.is_client_error() && answer.text().contains("role=\"alert\""), "{extra:?}");
    }
    assert_eq!(app.entries(), before);
}

#[tokio::test]
async fn signing_up_keeps_what_was_typed_when_it_is_wrong() {
    let app = TestApp::new().await;
    let fields = [("key", "k1"), ("wanted", "email-news"), ("email", "ann at home"), ("phone", "")];
    let answer = post(&app, "/v1/clinic/alerts", OURS, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let html = answer.text();
    assert!(
        html.contains("value=\"ann at home\"") && html.contains("checked"),
        "what was typed is still there"
    );
    let fields = [("key", "k1"), ("wanted", "email-news"), ("email", "ann@example.org"), ("phone", "")];
    let answer = post(&app, "/v1/clinic/alerts", OURS, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let path = answer.header(header::LOCATION).strip_prefix(OURS).unwrap();
    let cookie = answer.header(header::SET_COOKIE).split(';').next().unwrap();
    let done =
        app.ask(to(Method::GET, path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await;
    assert!(done.text().contains("role=\"status\"") && !done.text().contains("ann@example.org"));
}
