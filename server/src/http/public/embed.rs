//! The script behind the one tag.

use super::assets::send;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use crate::http::language;
use crate::http::pages::frame::PageQuery;
use axum::http::HeaderMap;
use axum::response::Response;

/// The script for the site's pages: `<script async src="…/embed.js"></script>`.
#[utoipa::path(
    get, path = "/v1/{site}/embed.js", tag = "Embed",
    params(("site" = String, Path, description = "The site."),
        ("lang" = Option<String>, Query,
            description = "Language wanted; otherwise `Accept-Language` decides, then the site's default.")),
    responses((status = 200, description = "The script; cached for five minutes.", content_type = "text/javascript"),
        (status = 304, description = "The browser has it."),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`web-files-missing`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn embed(
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (language, _) = site.notice.text(language::wanted(query.lang.as_deref(), &headers));
    let embeds = site.embeds.as_ref().ok_or(Code::WebFilesMissing)?;
    let packed = embeds.get(language).ok_or(Code::WebFilesMissing)?;
    Ok(send(packed, &headers, "public, max-age=300"))
}
