//! The page of a confirmation link, to which a right code leads too. Only its button confirms: link scanners open links and press nothing.

use super::form::{FORM, Fields};
use super::frame::{self, PageQuery};
use crate::app::alerts::confirm::{Waiting, confirm, parts, waiting};
use crate::app::alerts::link::Link;
use crate::app::sites::Site;
use crate::app::{self, App};
use crate::http::error::Problem;
use crate::http::extract::{InSite, has_content_type};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use std::sync::Arc;
use ui::pages::link::{About, LinkProps, render};

/// What a confirmation link leads to. Changes nothing.
#[utoipa::path(
    get, path = "/v1/{site}/confirm/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From the message."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page with the button.", body = String, content_type = "text/html"),
        (status = 404, description = "The link is over, or none of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let about = match Link::open(&text, &site.links).and_then(parts) {
        Some((subject, contact, _)) => {
            let reader = Arc::clone(&site);
            about(app::blocking(move || waiting(&reader, subject, contact, app::now())).await??)
        }
        None => About::Over,
    };
    Ok(answer(&app, &site, &headers, query.lang.as_deref(), format!("confirm/{text}"), about))
}

/// Confirm. Safe to repeat.
#[utoipa::path(
    post, path = "/v1/{site}/confirm/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From the message.")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`language`, or nothing."),
    responses((status = 200, description = "Confirmed, now or before: the page that says so.", body = String, content_type = "text/html"),
        (status = 404, description = "The link is over, or none of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn post(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let language = language(&app, request).await?;
    let about = match Link::open(&text, &site.links).and_then(parts) {
        Some(parts) => {
            let confirmed = confirm(&site, parts, app::now()).await?;
            // An address that this one took the place of is told.
            app.outbox.wake();
            match confirmed {
                Waiting::For(wanted, _) => About::Confirmed(wanted),
                other => about(other),
            }
        }
        None => About::Over,
    };
    Ok(answer(&app, &site, &headers, language.as_deref(), format!("confirm/{text}"), about))
}

/// What the page says of it.
pub(super) fn about(waiting: Waiting) -> About {
    match waiting {
        Waiting::For(wanted, contact) => About::Confirm(wanted, contact.address),
        Waiting::Already(wanted) => About::Confirmed(wanted),
        Waiting::Talk(wanted) => About::ToTalk(wanted),
        Waiting::Over => About::Over,
    }
}

/// The language of the page that posted; a post without a form has none.
pub(super) async fn language(app: &App, request: Request) -> Result<Option<String>, Problem> {
    if !has_content_type(request.headers(), FORM) {
        return Ok(None);
    }
    Fields::read(app, request).await?.optional("language")
}

/// The page, and 404 for what is over.
pub(super) fn answer(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    lang: Option<&str>,
    path: String,
    about: About,
) -> Response {
    let over = about == About::Over;
    let html = render(&LinkProps { frame: frame::of(app, site, lang, headers), path, about });
    if over {
        // Without a code, for which the general page would be shown in its place.
        return frame::page_with(StatusCode::NOT_FOUND, site, html);
    }
    frame::page(site, html)
}
