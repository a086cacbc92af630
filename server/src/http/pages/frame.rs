//! What every page shares: language, way back, stylesheet, and the headers that keep it safe.

use crate::app::App;
use crate::app::sites::Site;
use crate::http::language;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::convert::Infallible;
use std::sync::Arc;
use ui::pages::layout::SiteFrame;

/// What any page takes after `?`. Other keys are ignored, and of a repeated one the first counts: people follow links with
/// all sorts of them.
#[derive(Debug)]
pub(in crate::http) struct PageQuery {
    /// Language wanted.
    pub(in crate::http) lang: Option<String>,
    /// Receipt id of what was just recorded.
    pub(in crate::http) done: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let first = |wanted: &str| {
            let found = form_urlencoded::parse(query).find(|(key, _)| key == wanted);
            found.map(|(_, value)| value.into_owned())
        };
        Ok(Self { lang: first("lang"), done: first("done") })
    }
}

/// Whether the client asks for a page rather than data.
pub(in crate::http) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|part| part.trim().starts_with("text/html"))
}

/// Address of the pages' stylesheet.
pub(in crate::http) fn stylesheet(app: &App) -> String {
    format!("/v1/assets/{}/pages.css", app.assets.hash)
}

/// What the site's pages share, in the best language.
pub(in crate::http) fn of(app: &App, site: &Site, lang: Option<&str>, headers: &HeaderMap) -> SiteFrame {
    let (language, _) = site.notice.text(language::wanted(lang, headers));
    let from = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let from = from.and_then(|address| declared(site, address));
    SiteFrame {
        notice: Arc::clone(&site.notice),
        hash: site.hash,
        language: language.to_string(),
        api: site.api(),
        stylesheet: stylesheet(app),
        back: from.or(site.file.origins.first()).map(|origin| format!("{origin}/")),
    }
}

/// The declared origin that an address is on.
pub(in crate::http) fn declared<'a>(site: &'a Site, address: &str) -> Option<&'a String> {
    site.file.origins.iter().find(|origin| {
        let rest = address.strip_prefix(origin.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    })
}

/// A page of a site: never cached, framed or scripted; forms go to Assent and may lead back to the site.
pub(in crate::http) fn page(site: &Site, html: String) -> Response {
    page_with(StatusCode::OK, site, html)
}

/// The same with another status.
pub(in crate::http) fn page_with(status: StatusCode, site: &Site, html: String) -> Response {
    page_leading_to(status, site, html, &[])
}

/// The same, with forms that also go to Assent's addresses for `others`. Those are told, and nobody else, which site's page posted.
pub(in crate::http) fn page_leading_to(
    status: StatusCode,
    site: &Site,
    html: String,
    others: &[String],
) -> Response {
    let own = [site.file.public_url.clone()];
    let leads_to = [&own[..], &site.file.origins, others].concat().join(" ");
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {leads_to}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, [(header::CACHE_CONTROL, "private, no-store")], Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if !others.is_empty() {
        // With `same-origin`, which is used elsewhere, a post to another origin would say that it came from nowhere. Links say
        // `noreferrer` themselves.
        let policy = HeaderValue::from_static("strict-origin-when-cross-origin");
        response.headers_mut().insert(header::REFERRER_POLICY, policy);
    }
    response
}

/// A page that belongs to no site.
pub(in crate::http) fn plain(status: StatusCode, html: String) -> Response {
    let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let about = [(header::CACHE_CONTROL, "public, max-age=300"), (header::CONTENT_SECURITY_POLICY, policy)];
    (status, about, Html(html)).into_response()
}
