//! Stopping one alert: the address in `List-Unsubscribe` (RFC 8058). A mail program posts to it, and is never redirected; a person
//! who opens it gets a page with a button.

use super::confirm::answer;
use super::form::{FORM, Fields};
use super::frame::PageQuery;
use crate::app::alerts::link::Link;
use crate::app::alerts::stop::{Which, stop};
use crate::app::{self, App};
use crate::http::error::Problem;
use crate::http::extract::{InSite, has_content_type, read_body};
use assent_core::decision::Act;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::link::About;

/// What pressing the button will stop. Changes nothing.
#[utoipa::path(
    get, path = "/v1/{site}/stop/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From \"may we?\"."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page with the button.", body = String, content_type = "text/html"),
        (status = 404, description = "None of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    query: PageQuery,
    headers: HeaderMap,
) -> Response {
    let about = match Link::open(&text, &site.links) {
        Some(Link::Stop { purpose, .. }) => About::Stop(purpose),
        _ => About::Over,
    };
    answer(&app, &site, &headers, query.lang.as_deref(), format!("stop/{text}"), about)
}

/// Stop this alert for this address, at once. Safe to repeat.
///
/// Takes what RFC 8058 sends, an empty body as GOV.UK Notify sends, and the page's own form. The next "may we?" says no.
#[utoipa::path(
    post, path = "/v1/{site}/stop/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From \"may we?\".")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`List-Unsubscribe=One-Click`, or nothing. Also as multipart/form-data."),
    responses((status = 200, description = "Stopped, now or before: a page that says so.", body = String, content_type = "text/html"),
        (status = 404, description = "None of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn post(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let (act, language) = if has_content_type(&headers, FORM) {
        let mut fields = Fields::read(&app, request).await?;
        // Whatever else is posted here means the same: stop.
        let from_page = fields.optional("from")?.as_deref() == Some("page");
        (if from_page { Act::Link } else { Act::OneClick }, fields.optional("language")?)
    } else {
        read_body(request.into_body(), app.config.limits.body_bytes).await?;
        (Act::OneClick, None)
    };
    let about = match Link::open(&text, &site.links) {
        Some(Link::Stop { contact, purpose }) => {
            stop(&site, contact, Which::One(purpose.clone()), act, app::now()).await?;
            About::Stopped(purpose)
        }
        _ => About::Over,
    };
    Ok(answer(&app, &site, &headers, language.as_deref(), format!("stop/{text}"), about))
}
