//! Choices that people take on to another site of the same controller: only by a press there, only what is asked in the same words,
//! and once.

use crate::app::{Answer, HOLDER, SITE, TestApp, to};
use assent_core::ids::SiteId;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;
use server::app::hand_over::TicketError;
use server::app::sites::LogIs;

const OURS: &str = "https://privacy.example.org";
const THEIRS: &str = "https://privacy.example.net";

/// The other site: the same questions, of which one has another word in it.
fn shop() -> String {
    SITE.replace("id = \"clinic\"", "id = \"shop\"")
        .replace("example.org\"", "example.net\"")
        .replace("data@example.net", "data@example.org")
        .replace("https://www.example.net/privacy", "https://www.example.org/privacy")
        .replace("Asks one question.", "Asks a few questions.")
}

fn clinic() -> String {
    SITE.replacen("default_language", "hands_over_to = [\"shop\"]\ndefault_language", 1)
}

async fn both() -> TestApp {
    let app = TestApp::new().await;
    assert_ne!(shop(), SITE.replace("clinic", "shop"), "the other site differs");
    app.app.sites.apply(&shop(), None, LogIs::New).await.unwrap();
    app.app.sites.apply(&clinic(), None, LogIs::There).await.unwrap();
    app
}

fn entries(app: &TestApp, site: &str) -> u64 {
    app.app.sites.get(&SiteId::new(site).unwrap()).unwrap().ledger.size()
}

/// The choices page of the first site, as its holder sees it.
async fn choices(app: &TestApp) -> Answer {
    let cookie = format!("assent=v1.{HOLDER}.{}.1.", &app.notice().to_hex()[..16]);
    let page = to(Method::GET, "/v1/clinic/choices").header(header::COOKIE, cookie);
    app.ask(page.body(Body::empty()).unwrap()).await
}

/// The ticket on a page.
fn ticket(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"ticket\" value=\"").unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().unwrap().to_string()
}

async fn post(app: &TestApp, path: &str, origin: &str, ticket: &str) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("ticket", ticket).finish();
    let request = to(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, origin);
    app.ask(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn one_press_there_takes_over_what_is_asked_in_the_same_words() {
    let app = both().await;
    assert!(!choices(&app).await.text().contains("ticket"), "whoever said nothing is offered nothing");
    app.records(json!({ "analytics": "yes", "surveys": "yes" })).await;
    let before = (entries(&app, "clinic"), entries(&app, "shop"));

    let page = choices(&app).await;
    assert!(page.text().contains("Use these choices on www.example.net too"), "{}", page.text());
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains(THEIRS), "a form may lead there");
    assert_eq!(page.header(header::REFERRER_POLICY), "strict-origin-when-cross-origin");
    let ticket = ticket(&page);

    let shown = post(&app, "/v1/shop/hand-over", OURS, &ticket).await;
    let text = shown.text();
    assert_eq!(shown.status, StatusCode::OK, "{text}");
    assert!(text.contains("Your choices from www.example.org") && text.contains("Analytics"), "{text}");
    assert!(!text.contains("Surveys"), "what is asked in other words is asked there");
    assert_eq!(shown.header(header::CACHE_CONTROL), "private, no-store");
    assert_eq!(before, (entries(&app, "clinic"), entries(&app, "shop")), "looking changes nothing");

    let taken = post(&app, "/v1/shop/hand-over/take", THEIRS, &ticket).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text());
    assert!(
        taken
            .header(header::LOCATION)
            .starts_with("https://privacy.example.net/v1/shop/choices?lang=en&done=")
    );
    let cookie = taken.header(header::SET_COOKIE).to_string();
    assert!(cookie.contains(".analytics:y; Path=/") && cookie.contains("Domain=example.net"), "{cookie}");
    assert!(!cookie.contains(HOLDER), "the two sites know the person by different names");
    assert_eq!((before.0, before.1 + 1), (entries(&app, "clinic"), entries(&app, "shop")));

    let path = taken.header(header::LOCATION).strip_prefix(THEIRS).unwrap();
    let page = to(Method::GET, path).header(header::COOKIE, cookie.split(';').next().unwrap());
    let page = app.ask(page.body(Body::empty()).unwrap()).await;
    assert!(page.text().contains("taken over from another of our sites"), "{}", page.text());
    assert!(page.text().contains("you have not said yet"), "the survey is still a question");

    for path in ["/v1/shop/hand-over/take", "/v1/shop/hand-over"] {
        let origin = if path.ends_with("take") { THEIRS } else { OURS };
        let again = post(&app, path, origin, &ticket).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{path}");
        assert!(again.text().contains("were taken over before"), "{}", again.text());
        assert_eq!(again.header(header::SET_COOKIE), "");
    }
    assert_eq!(entries(&app, "shop"), before.1 + 1, "once");
}

#[tokio::test]
async fn a_no_is_taken_over_too_and_two_presses_at_once_record_once() {
    let app = both().await;
    app.records(json!({ "analytics": "no" })).await;
    let before = entries(&app, "shop");
    let ticket = ticket(&choices(&app).await);
    let press = || post(&app, "/v1/shop/hand-over/take", THEIRS, &ticket);
    let both = tokio::join!(press(), press());
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, entries(&app, "shop")), ([303, 409], before + 1));
    let cookie = [both.0.header(header::SET_COOKIE), both.1.header(header::SET_COOKIE)].concat();
    assert!(cookie.contains(".analytics:n;"), "{cookie}");
}

#[tokio::test]
async fn a_ticket_that_is_not_good_records_nothing() {
    let app = both().await;
    app.records(json!({ "analytics": "yes" })).await;
    let before = (entries(&app, "clinic"), entries(&app, "shop"));
    let good = ticket(&choices(&app).await);

    let mut forged = good.clone().into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let long = "A".repeat(40_000);
    for (what, site, bad) in [
        ("forged", "shop", forged.as_str()),
        ("cut", "shop", &good[..good.len() - 4]),
        ("empty", "shop", ""),
        ("no base64", "shop", "%%%"),
        ("too long", "shop", long.as_str()),
        ("another site's", "clinic", good.as_str()),
    ] {
        let (own, from) = if site == "shop" { (THEIRS, OURS) } else { (OURS, OURS) };
        for (path, origin) in [("hand-over", from), ("hand-over/take", own)] {
            let answer = post(&app, &format!("/v1/{site}/{path}"), origin, bad).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{what} {path}: {}", answer.text());
            assert!(answer.text().contains("Nothing was changed"), "{what}: {}", answer.text());
        }
    }
    for (path, origin) in [
        ("hand-over", "https://evil.example"),
        ("hand-over", "null"),
        ("hand-over", "https://www.example.org"),
        ("hand-over/take", "https://evil.example"),
        ("hand-over/take", OURS),
        ("hand-over/take", "https://www.example.net"),
        ("hand-over/take", "null"),
    ] {
        let answer = post(&app, &format!("/v1/shop/{path}"), origin, &good).await;
        answer.is_problem(403, "origin-not-declared");
    }
    let bare = to(Method::POST, "/v1/shop/hand-over/take")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("ticket={good}")))
        .unwrap();
    app.ask(bare).await.is_problem(403, "origin-missing");
    for body in ["", "ticket=a&ticket=b", "ticket=a&choice.analytics=yes"] {
        let request = to(Method::POST, "/v1/shop/hand-over/take")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, THEIRS);
        app.ask(request.body(Body::from(body)).unwrap()).await.is_problem(400, "bad-form");
    }
    let asked = app.get("/v1/shop/hand-over").await;
    asked.is_problem(405, "wrong-method");
    assert_eq!(before, (entries(&app, "clinic"), entries(&app, "shop")));
    assert_eq!(post(&app, "/v1/shop/hand-over/take", THEIRS, &good).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_ticket_does_not_outlive_what_it_was_made_on() {
    let app = both().await;
    app.records(json!({ "analytics": "yes" })).await;
    let before = entries(&app, "shop");
    let is_over = async |app: &TestApp, ticket: &str| {
        let answer = post(app, "/v1/shop/hand-over/take", THEIRS, ticket).await;
        assert_eq!(answer.status, StatusCode::GONE, "{}", answer.text());
        assert!(answer.text().contains("can no longer be taken over"), "{}", answer.text());
    };
    // Other words there.
    let made = ticket(&choices(&app).await);
    let changed = shop().replace("Counts which pages are read.", "Counts who reads which pages.");
    app.app.sites.apply(&changed, None, LogIs::There).await.unwrap();
    is_over(&app, &made).await;
    let page = choices(&app).await;
    assert!(!page.text().contains("ticket"), "and nothing is offered any more");
    app.app.sites.apply(&shop(), None, LogIs::There).await.unwrap();
    // Other words here, even in what is not taken over.
    let made = ticket(&choices(&app).await);
    let changed = clinic().replace("We would like to count visits.", "We want to count visits.");
    app.app.sites.apply(&changed, None, LogIs::There).await.unwrap();
    is_over(&app, &made).await;
    // No longer declared.
    app.app.sites.apply(&clinic(), None, LogIs::There).await.unwrap();
    let made = ticket(&choices(&app).await);
    app.app.sites.apply(SITE, None, LogIs::There).await.unwrap();
    is_over(&app, &made).await;
    // The server was started again: what was used before is not known to it, so nothing from before is good.
    app.app.sites.apply(&clinic(), None, LogIs::There).await.unwrap();
    let made = ticket(&choices(&app).await);
    let app = app.restarted();
    let answer = post(&app, "/v1/shop/hand-over/take", THEIRS, &made).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(entries(&app, "shop"), before + 2, "two publications, no decision");
}

#[tokio::test]
async fn a_ticket_is_good_for_a_quarter_of_an_hour() {
    let app = both().await;
    app.records(json!({ "analytics": "yes" })).await;
    let made = ticket(&choices(&app).await);
    let now = server::app::now();
    let shop = app.app.sites.get(&SiteId::new("shop").unwrap()).unwrap();
    let read =
        |now: u64| app.app.hand_overs.read(&app.app.sites, &shop, &made, now).map(|(ticket, _)| ticket.once);
    let minute = 60_000;
    assert!(read(now).is_ok() && read(now + 14 * minute).is_ok());
    for late in [15 * minute, 16 * minute, 24 * 60 * minute] {
        assert_eq!(read(now + late), Err(TicketError::Over), "after {late} ms");
    }
    // Nor one from a time that has not come: the clock was set back.
    assert_eq!(read(now - 2 * minute), Err(TicketError::Over));
    let answer = post(&app, "/v1/shop/hand-over/take", THEIRS, &made).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "in time it is good: {}", answer.text());
}

#[tokio::test]
async fn only_sites_of_the_same_controller_that_are_here_can_be_named() {
    let app = TestApp::new().await;
    for (file, why) in [
        (clinic(), "not published here"),
        (clinic().replace("[\"shop\"]", "[\"clinic\"]"), "name each other site once"),
        (clinic().replace("[\"shop\"]", "[\"shop\", \"shop\"]"), "name each other site once"),
    ] {
        let error = app.app.sites.apply(&file, None, LogIs::There).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let others = shop().replace("Example Health", "Example Shops");
    app.app.sites.apply(&others, None, LogIs::New).await.unwrap();
    let error = app.app.sites.apply(&clinic(), None, LogIs::There).await.unwrap_err();
    assert!(error.to_string().contains("of the same controller"), "{error}");
}
