//! Keeping an alert that would soon end by itself: the page that a reminder leads to. Only its button keeps it.

use super::confirm::{answer, language};
use super::frame::PageQuery;
use crate::app::alerts::link::{Link, day};
use crate::app::alerts::renewal::{ends, keep};
use crate::app::{self, App};
use crate::http::error::Problem;
use crate::http::extract::InSite;
use assent_ledger::rfc3339;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::link::About;

/// What a reminder leads to. Changes nothing.
#[utoipa::path(
    get, path = "/v1/{site}/keep/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From the reminder."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page with the button.", body = String, content_type = "text/html"),
        (status = 404, description = "The alert is over, or the link none of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let about = match Link::open(&text, &site.links) {
        Some(Link::Keep { contact, purpose, end: about_end }) => {
            let (reader, alert) = (Arc::clone(&site), purpose.clone());
            let end = app::blocking(move || ends(&reader, contact, &alert, app::now())).await??;
            match end {
                None => About::Over,
                // Kept since: there is nothing to press.
                Some(end) if day(end) > about_end => About::Kept(purpose),
                Some(end) => About::Keep(purpose, rfc3339(end)),
            }
        }
        _ => About::Over,
    };
    Ok(answer(&app, &site, &headers, query.lang.as_deref(), format!("keep/{text}"), about))
}

/// Keep this alert for as long again. Safe to repeat.
#[utoipa::path(
    post, path = "/v1/{site}/keep/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From the reminder.")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`language`, or nothing."),
    responses((status = 200, description = "Kept: the page that says so.", body = String, content_type = "text/html"),
        (status = 404, description = "The alert is over, or the link none of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"),
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
    let about = match Link::open(&text, &site.links) {
        Some(Link::Keep { contact, purpose, end })
            if keep(&site, contact, (purpose.clone(), end), app::now()).await? =>
        {
            About::Kept(purpose)
        }
        _ => About::Over,
    };
    Ok(answer(&app, &site, &headers, language.as_deref(), format!("keep/{text}"), about))
}
