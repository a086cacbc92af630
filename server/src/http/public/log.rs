//! The log's files for auditors, as C2SP tlog-tiles, and its key.

use crate::app;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use assent_core::tile::TilePath;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The log's verifier key (C2SP signed-note vkey), for `assent verify --key`.
#[utoipa::path(
    get, path = "/v1/{site}/log/key", tag = "Log", params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The key, one line.", body = String, content_type = "text/plain"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn key(InSite(site): InSite) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], format!("{}\n", site.ledger.vkey())).into_response()
}

/// The public checkpoint (C2SP tlog-checkpoint): the newest, at most the site's interval old, with the cosignatures its witnesses
/// gave.
#[utoipa::path(
    get, path = "/v1/{site}/log/checkpoint", tag = "Log", params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The signed note.", body = String, content_type = "text/plain"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn checkpoint(InSite(site): InSite) -> Response {
    let about = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (about, site.publication.note(&site.ledger).to_string()).into_response()
}

/// A tile of the tree or a bundle of entries (C2SP tlog-tiles).
#[utoipa::path(
    get, path = "/v1/{site}/log/tile/{path}", tag = "Log",
    params(("site" = String, Path, description = "The site."),
        ("path" = String, Path, description = "`<level>/<number>[.p/<width>]` or `entries/<number>[.p/<width>]`.")),
    responses((status = 200, description = "The bytes; they never change.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn tile(
    InSite(site): InSite,
    Path((_, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let path = TilePath::parse(&format!("tile/{path}")).map_err(|_| Code::NotFound)?;
    let reader = Arc::clone(&site);
    let read = move || match path {
        TilePath::Hashes(tile) => reader.ledger.tile(tile.level, tile.index, tile.width),
        TilePath::Entries(bundle) => reader.ledger.entries(bundle.index, bundle.width),
    };
    let bytes = app::reading(read).await??.ok_or(Code::NotFound)?;
    let about = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((about, bytes).into_response())
}
