//! The script behind the one tag, and the texts of the layers behind the first.

use super::assets::send;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use crate::http::language;
use crate::http::pages::frame::PageQuery;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderValue, header};
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

/// What the widget draws the later layers from: every text of the banner in one language. The embed carries the address.
#[utoipa::path(
    get, path = "/v1/{site}/layers/{file}", tag = "Embed",
    params(("site" = String, Path, description = "The site."),
        ("file" = String, Path, description = "Names the content; of the notice in force or the one before it.")),
    responses((status = 200, description = "The texts as JSON; immutable.", content_type = "application/json"),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn layers(
    InSite(site): InSite,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((_, file)) = path.map_err(|_| Code::NotFound)?;
    let name = file.strip_suffix(".json").ok_or(Code::NotFound)?;
    let packed = site.embeds.as_ref().and_then(|embeds| embeds.layers(name)).ok_or(Code::NotFound)?;
    let mut response = send(packed, &headers, "public, max-age=31536000, immutable");
    // Nothing in it is anyone's, and a fetch with integrity needs it.
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}
