//! Notices: the current one, and every one that ever was at its hash, as data and as pages.

use crate::app;
use crate::app::App;
use crate::app::sites::Site;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use crate::http::pages::frame::{self, PageQuery};
use assent_core::hash::Hash;
use assent_core::notice::Notice;
use assent_ledger::{NoticeVersion, rfc3339};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use ui::pages::notice::{NoticeProps, render};

/// The notice in force.
#[utoipa::path(
    get, path = "/v1/{site}/notices/current", tag = "Notices", params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The document: exactly the bytes that were published. A page when HTML is accepted."),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn current(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash = site.hash;
    answer(app, site, hash, &query, &headers, "public, max-age=60").await
}

/// A notice that was published once, for ever.
#[utoipa::path(
    get, path = "/v1/{site}/notices/{hash}", tag = "Notices",
    params(("site" = String, Path, description = "The site."), ("hash" = String, Path, description = "SHA-256 of the document, in hex.")),
    responses((status = 200, description = "The document: exactly the bytes that were published. A page when HTML is accepted."),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn by_hash(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, hash)): Path<(String, String)>,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash = Hash::from_hex(&hash).map_err(|_| Code::NotFound)?;
    answer(app, site, hash, &query, &headers, "public, max-age=31536000, immutable").await
}

async fn answer(
    app: Arc<App>,
    site: Arc<Site>,
    hash: Hash,
    query: &PageQuery,
    headers: &HeaderMap,
    cache: &'static str,
) -> Result<Response, Problem> {
    let reader = Arc::clone(&site);
    let (document, version) = app::reading(move || find(&reader, hash)).await??.ok_or(Code::NotFound)?;
    if frame::wants_page(headers) {
        let shown: Notice = serde_json::from_slice(&document).map_err(Problem::internal)?;
        let props = NoticeProps {
            frame: frame::of(&app, &site, query.lang.as_deref(), headers),
            shown: Arc::new(shown),
            shown_hash: hash,
            published: version.map(|version| rfc3339(version.published)),
            replaced: version.and_then(|version| version.replaced).map(rfc3339),
        };
        return Ok(frame::page(&site, render(&props)));
    }
    let etag = format!("\"{hash}\"");
    let about = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "Accept, Origin"),
    ];
    Ok((about, [(header::ETAG, etag)], document).into_response())
}

type Found = Option<(Vec<u8>, Option<NoticeVersion>)>;

fn find(site: &Site, hash: Hash) -> Result<Found, assent_ledger::ReadError> {
    let Some(document) = site.ledger.notice(&hash)? else { return Ok(None) };
    let version = site.ledger.notices()?.into_iter().rev().find(|version| version.hash == hash);
    Ok(Some((document, version)))
}
