//! The script behind the one tag.

use super::assets::send;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use crate::http::language;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EmbedQuery {
    /// Language wanted; otherwise `Accept-Language` decides, then the site's default.
    lang: Option<String>,
}

/// The script for the site's pages: `<script async src="…/embed.js"></script>`.
#[utoipa::path(
    get, path = "/v1/{site}/embed.js", tag = "Embed", params(("site" = String, Path, description = "The site."), EmbedQuery),
    responses((status = 200, description = "The script; cached for five minutes.", content_type = "text/javascript"),
        (status = 304, description = "The browser has it."),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`web-files-missing`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn embed(
    InSite(site): InSite,
    Query(query): Query<EmbedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (language, _) = site.notice.text(language::wanted(query.lang.as_deref(), &headers));
    let embeds = site.embeds.as_ref().ok_or(Code::WebFilesMissing)?;
    let packed = embeds.get(language).ok_or(Code::WebFilesMissing)?;
    // Weak, because the tag is the same for both encodings.
    let etag = format!("W/{}", packed.etag);
    Ok(send(packed, &etag, &headers, "public, max-age=300"))
}
