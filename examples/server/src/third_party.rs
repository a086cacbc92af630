//! Everybody else, on one host of their own: an analytics company, a video company, and a stand-in for Google.
//!
//! They behave as such companies do: they serve a program, set cookies across sites, count a pixel, fill a frame.
//! The analytics client is real (Snowplow's browser tracker, as npm delivers it) and talks to a real Snowplow path;
//! Google's program is a stand-in, because nothing here reaches the internet. `GET /heard` lists what arrived.

use crate::addresses::Addresses;
use crate::heard::{Heard, Kind, Log};
use axum::extract::{Query, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, SET_COOKIE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The analytics client inside `node_modules`.
pub(crate) const CLIENT_BUNDLE: &str = "@snowplow/browser-tracker/dist/index.umd.min.js";

const WAYFINDER_START: &str = include_str!("../third-party/wayfinder-start.js");
const GTAG_STAND_IN: &str = include_str!("../third-party/gtag-stand-in.js");
const PLAYER: &str = include_str!("../third-party/player.html");
const PLAYER_CSS: &str = include_str!("../third-party/player.css");
const PLAYER_JS: &str = include_str!("../third-party/player.js");
const PRIVACY: &str = include_str!("../third-party/privacy.html");

/// A 1 × 1 transparent GIF.
const PIXEL: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

type Params = Query<HashMap<String, String>>;
type Shared = State<Arc<ThirdPartyState>>;

/// What the third parties' listener needs.
#[derive(Debug)]
pub(crate) struct ThirdPartyState {
    addresses: Addresses,
    /// The analytics tag: the client and the lines that start it.
    tag: String,
    log: Log,
}

impl ThirdPartyState {
    /// With the analytics client as npm delivered it.
    pub(crate) fn new(addresses: Addresses, client: &str, log: Log) -> Self {
        // Its source map is not served.
        let client = client
            .lines()
            .filter(|line| !line.starts_with("//# sourceMappingURL"))
            .collect::<Vec<_>>()
            .join("\n");
        Self { addresses, tag: format!("{client}\n{WAYFINDER_START}"), log }
    }
}

/// The third parties' routes.
pub(crate) fn router(state: ThirdPartyState) -> Router {
    Router::new()
        .route("/wayfinder/tag.js", get(wayfinder_tag))
        .route(
            "/com.snowplowanalytics.snowplow/tp2",
            get(snowplow_get).post(snowplow_post).options(preflight),
        )
        .route("/pixel.gif", get(pixel))
        .route("/gtag/js", get(gtag))
        .route("/g/collect", get(google_hit).post(google_hit))
        .route("/playhouse/embed/{film}", get(frame))
        .route("/playhouse/player.css", get(|| async { text("text/css; charset=utf-8", PLAYER_CSS) }))
        .route("/playhouse/player.js", get(|| async { text("text/javascript; charset=utf-8", PLAYER_JS) }))
        .route("/{party}/privacy", get(privacy))
        .route("/heard", get(heard).delete(forget))
        .with_state(Arc::new(state))
}

fn text(media_type: &'static str, body: impl Into<String>) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-cache")], body.into()).into_response()
}

/// Sets a cookie as companies do that want it back from every site. Browsers take `Secure` on localhost.
fn across_sites(response: &mut Response, headers: &HeaderMap, name: &str) {
    let heard = Heard::new(Kind::Hit, headers);
    if heard.cookies.iter().any(|have| have == name) {
        return;
    }
    let number = jiff::Timestamp::now().as_nanosecond();
    let cookie = format!("{name}={number}; Path=/; Max-Age=15552000; Secure; HttpOnly; SameSite=None");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// Lets the page that asked read the answer, cookies included.
fn allow_origin(response: &mut Response, headers: &HeaderMap) {
    if let Some(origin) = headers.get(ORIGIN) {
        let out = response.headers_mut();
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        out.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        out.append(VARY, HeaderValue::from_static("Origin"));
    }
}

async fn wayfinder_tag(State(state): Shared, headers: HeaderMap) -> Response {
    state.log.add(Heard::new(Kind::Script, &headers).detail("wayfinder"));
    text("text/javascript; charset=utf-8", state.tag.clone())
}

async fn preflight(headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    allow_origin(&mut response, &headers);
    let out = response.headers_mut();
    out.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    out.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type, SP-Anonymous"));
    response
}

fn snowplow_event(headers: &HeaderMap, field: impl Fn(&str) -> Option<String>) -> Heard {
    let mut heard = Heard::new(Kind::Hit, headers)
        .page(&field("url").unwrap_or_default())
        .detail(field("e").unwrap_or_default());
    if field("duid").is_some() {
        heard = heard.carries("_sp_id");
    }
    heard
}

fn snowplow_answer(headers: &HeaderMap) -> Response {
    let mut response = "ok".into_response();
    allow_origin(&mut response, headers);
    across_sites(&mut response, headers, "wf_network");
    response
}

async fn snowplow_get(State(state): Shared, headers: HeaderMap, Query(query): Params) -> Response {
    state.log.add(snowplow_event(&headers, |name| query.get(name).cloned()));
    snowplow_answer(&headers)
}

/// Snowplow's payload_data: `{"schema": …, "data": [{"e": "pv", "url": …}, …]}`.
async fn snowplow_post(State(state): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    for event in body["data"].as_array().into_iter().flatten() {
        state.log.add(snowplow_event(&headers, |name| Some(event.get(name)?.as_str()?.to_string())));
    }
    snowplow_answer(&headers)
}

async fn pixel(State(state): Shared, headers: HeaderMap, Query(query): Params) -> Response {
    let page = query.get("page").map(String::as_str).unwrap_or_default();
    state.log.add(Heard::new(Kind::Pixel, &headers).page(page));
    let mut response = ([(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL, "no-store")], PIXEL).into_response();
    across_sites(&mut response, &headers, "wf_network");
    response
}

async fn gtag(State(state): Shared, headers: HeaderMap) -> Response {
    state.log.add(Heard::new(Kind::Script, &headers).detail("gtag stand-in"));
    text("text/javascript; charset=utf-8", GTAG_STAND_IN)
}

/// A hit in the form of Google Analytics 4: `tid`, `cid`, `dl`, `en`, and `gcs` for the consent signals.
async fn google_hit(State(state): Shared, headers: HeaderMap, Query(query): Params) -> StatusCode {
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let mut heard = Heard::new(Kind::Hit, &headers).page(field("dl")).detail(format!(
        "{} gcs={}",
        field("en"),
        field("gcs")
    ));
    if !field("cid").is_empty() {
        heard = heard.carries("_ga");
    }
    state.log.add(heard);
    StatusCode::NO_CONTENT
}

async fn frame(
    State(state): Shared,
    axum::extract::Path(film): axum::extract::Path<String>,
    headers: HeaderMap,
    Query(query): Params,
) -> Response {
    let page = query.get("page").map(String::as_str).unwrap_or_default();
    state.log.add(Heard::new(Kind::Frame, &headers).page(page).detail(film));
    let mut response = text("text/html; charset=utf-8", PLAYER);
    across_sites(&mut response, &headers, "ph_viewer");
    response
}

async fn privacy(State(state): Shared, axum::extract::Path(party): axum::extract::Path<String>) -> Response {
    let (name, does) = match party.as_str() {
        "wayfinder" => ("Wayfinder Analytics Ltd", "counts visits to the example health provider’s website"),
        "playhouse" => ("Playhouse Video Ltd", "shows films inside the example health provider’s pages"),
        "signalpost" => ("Signalpost Messaging Ltd", "sends emails and text messages for both example sites"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let page = PRIVACY.replace("{name}", name).replace("{does}", does);
    text("text/html; charset=utf-8", state.addresses.rewrite(&page))
}

async fn heard(State(state): Shared) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(state.log.list())).into_response()
}

async fn forget(State(state): Shared) -> StatusCode {
    state.log.clear();
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::DEFAULT;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    fn start() -> (Router, Log) {
        let log = Log::default();
        (router(ThirdPartyState::new(DEFAULT, "client();\n//# sourceMappingURL=x", log.clone())), log)
    }

    async fn send(router: &Router, request: Request<Body>) -> Response {
        router.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_snowplow_post_is_heard_and_sets_a_cookie_across_sites() {
        let (router, log) = start();
        let body =
            r#"{"schema":"x","data":[{"e":"pv","url":"http://clinic.localhost:8701/news/?a=b","duid":"1"}]}"#;
        let request = Request::post("/com.snowplowanalytics.snowplow/tp2")
            .header(ORIGIN, "http://clinic.localhost:8701")
            .header(CONTENT_TYPE, "application/json; charset=UTF-8")
            .body(Body::from(body))
            .unwrap();
        let response = send(&router, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "http://clinic.localhost:8701");
        assert!(response.headers()[SET_COOKIE].to_str().unwrap().starts_with("wf_network="));
        let heard = &log.list()[0];
        let found = (heard.kind, heard.site.as_str(), heard.path.as_str(), heard.detail.as_str());
        assert_eq!(found, (Kind::Hit, "clinic", "/news/", "pv"));
        assert_eq!(heard.cookies, ["_sp_id"]);
    }

    #[tokio::test]
    async fn a_google_hit_is_heard_with_its_consent_signal() {
        let (router, log) = start();
        let url = "/g/collect?tid=G-X&cid=1.2&en=page_view&gcs=G101&dl=http%3A%2F%2Fcharity.localhost%3A8702%2Fcy%2F";
        let response = send(&router, Request::post(url).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let heard = &log.list()[0];
        let found = (heard.site.as_str(), heard.path.as_str(), heard.detail.as_str());
        assert_eq!(found, ("charity", "/cy/", "page_view gcs=G101"));
    }

    #[tokio::test]
    async fn the_list_can_be_read_and_forgotten() {
        let (router, log) = start();
        for path in
            ["/wayfinder/tag.js", "/pixel.gif?page=/x/", "/playhouse/embed/first-visit", "/gtag/js?id=G-X"]
        {
            assert_eq!(
                send(&router, Request::get(path).body(Body::empty()).unwrap()).await.status(),
                StatusCode::OK
            );
        }
        let kinds: Vec<Kind> = log.list().iter().map(|heard| heard.kind).collect();
        assert_eq!(kinds, [Kind::Script, Kind::Pixel, Kind::Frame, Kind::Script]);
        send(&router, Request::delete("/heard").body(Body::empty()).unwrap()).await;
        assert!(log.list().is_empty());
    }
}
