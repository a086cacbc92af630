//! The widget's files and the stylesheets of pages and of the form in sites' pages, immutable below the hash of their content.

use crate::app::App;
use crate::assets::Packed;
use crate::http::error::{Code, Problem};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// One of the files browsers load: `assent.js`, `assent_bg.wasm`, `pages.css` or `part.css`.
#[utoipa::path(
    get, path = "/v1/assets/{hash}/{file}", tag = "Embed",
    params(("hash" = String, Path, description = "Names the content of all files; the embed carries it."),
        ("file" = String, Path, description = "`assent.js`, `assent_bg.wasm`, `pages.css` or `part.css`.")),
    responses((status = 200, description = "The file; brotli when accepted; immutable."),
        (status = 404, description = "`not-found`: not a file of this version.", body = crate::http::schema::Problem,
            content_type = "application/problem+json"))
)]
pub(in crate::http) async fn asset(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((hash, file)) = path.map_err(|_| Code::NotFound)?;
    let packed = app.assets.get(&hash, &file).ok_or(Code::NotFound)?;
    let mut response = send(packed, &headers, "public, max-age=31536000, immutable");
    // Nothing in these files is anyone's, and module scripts and fetches with integrity need it.
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// The file, in brotli when accepted, or 304 when the browser has it.
pub(super) fn send(packed: &Packed, headers: &HeaderMap, cache: &'static str) -> Response {
    let vary = "Accept-Encoding, Accept-Language, Origin";
    let embedded =
        [("cross-origin-resource-policy", "cross-origin"), ("vary", vary), ("cache-control", cache)];
    // Weak, because the tag is the same for both encodings.
    let etag = format!("W/{}", packed.etag);
    let tag = [(header::ETAG, etag.clone())];
    let held = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_string();
    if held.split(',').any(|held| weak(held) == weak(&etag)) {
        return (StatusCode::NOT_MODIFIED, embedded, tag).into_response();
    }
    let kind = [(header::CONTENT_TYPE, packed.kind)];
    if accepts_brotli(headers) {
        let encoding = [(header::CONTENT_ENCODING, "br")];
        return (embedded, tag, kind, encoding, packed.brotli.clone()).into_response();
    }
    (embedded, tag, kind, packed.plain.clone()).into_response()
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|part| {
        let (coding, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        coding.trim().eq_ignore_ascii_case("br") && weight > 0.0
    })
}

/// `window.assent` for TypeScript: the types of what the embed puts on a page.
#[utoipa::path(
    get, path = "/v1/assent.d.ts", tag = "Embed",
    responses((status = 200, description = "The types.", content_type = "text/plain"))
)]
pub(in crate::http) async fn types() -> Response {
    let about = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (about, include_str!("../../../../frontend/loader/assent.d.ts")).into_response()
}
