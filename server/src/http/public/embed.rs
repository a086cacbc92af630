//! The script behind the one tag, the texts of the layers behind the first, and the script that carries the sign-up form for alerts.

use super::assets::send;
use crate::app::embed::Embeds;
use crate::app::sites::Site;
use crate::assets::Packed;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use crate::http::language;
use crate::http::pages::frame::PageQuery;
use assent_core::notice::Asked;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

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
    in_language(&site, &query, &headers, Embeds::get)
}

/// The script that puts the sign-up form for alerts into the site's pages, at each element with `data-assent="alerts"`:
/// `<script async src="…/alerts.js"></script>`.
#[utoipa::path(
    get, path = "/v1/{site}/alerts.js", tag = "Embed",
    params(("site" = String, Path, description = "The site."),
        ("lang" = Option<String>, Query,
            description = "Language wanted; otherwise `Accept-Language` decides, then the site's default.")),
    responses((status = 200, description = "The script; cached for five minutes.", content_type = "text/javascript"),
        (status = 304, description = "The browser has it."),
        (status = 404, description = "`unknown-site`; `not-found`: the site has no alerts to sign up for.",
            body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`web-files-missing`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn alerts(
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if site.notice.asked_at(Asked::AlertForm).next().is_none() {
        return Err(Code::NotFound.into());
    }
    in_language(&site, &query, &headers, Embeds::alerts)
}

/// The script of the one tag at an address that never answers anything else, for pages that state its `integrity`. `assent site tags --pinned`
/// prints the tag. With another notice or release the script is another one: this address then ends, and the tag must be changed.
#[utoipa::path(
    get, path = "/v1/{site}/embed/{file}", tag = "Embed",
    params(("site" = String, Path, description = "The site."),
        ("file" = String, Path, description = "Names the content; of what is in force or was before it.")),
    responses((status = 200, description = "The script; immutable.", content_type = "text/javascript"),
        (status = 404, description = "`unknown-site`, `not-found`: replaced. Nothing runs, and nobody is asked.",
            body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn pinned(
    site: InSite,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    named(&site, path, ".js", &headers)
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
    site: InSite,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    named(&site, path, ".json", &headers)
}

/// A script in the best language.
fn in_language(
    site: &Site,
    query: &PageQuery,
    headers: &HeaderMap,
    script: for<'a> fn(&'a Embeds, &str) -> Option<&'a Packed>,
) -> Result<Response, Problem> {
    let (language, _) = site.notice.text(language::wanted(query.lang.as_deref(), headers));
    let packed = site.embeds.as_ref().and_then(|embeds| script(embeds, language));
    let missing = if site.ledger.is_imported() { Code::TakenOver } else { Code::WebFilesMissing };
    Ok(send(packed.ok_or(missing)?, headers, "public, max-age=300"))
}

/// A file that is named after its content.
fn named(
    InSite(site): &InSite,
    path: Result<Path<(String, String)>, PathRejection>,
    ending: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Path((_, file)) = path.map_err(|_| Code::NotFound)?;
    let packed =
        site.embeds.as_ref().filter(|_| file.ends_with(ending)).and_then(|embeds| embeds.named(&file));
    let mut response = send(packed.ok_or(Code::NotFound)?, headers, FOR_EVER);
    // Nothing in it is anyone's, and a fetch with integrity needs it.
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}
