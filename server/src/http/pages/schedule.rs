//! The retention schedule, as a page and as a table.

use super::frame::{self, PageQuery};
use crate::app::{App, retention};
use crate::http::error::Problem;
use crate::http::extract::InSite;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use csv::{QuoteStyle, Terminator, WriterBuilder};
use std::sync::Arc;
use ui::pages::schedule::{ScheduleProps, head, render, row};

/// How long which records are kept, from when that counts, and how they go.
#[utoipa::path(
    get, path = "/v1/{site}/schedule", tag = "Pages",
    params(("site" = String, Path, description = "The site."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Response {
    let frame = frame::of(&app, &site, query.lang.as_deref(), &headers);
    frame::page(
        &site,
        render(&ScheduleProps { frame, rows: retention::schedule(&site.file.retention_rules()) }),
    )
}

/// The same rows as RFC 4180 CSV, in the page's language: which records, kept for, counted from; then for
/// programs the days as a number, what becomes of them, and by what rule.
#[utoipa::path(
    get, path = "/v1/{site}/schedule.csv", tag = "Pages",
    params(("site" = String, Path, description = "The site."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The table.", body = String, content_type = "text/csv"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn table(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let words = frame::of(&app, &site, query.lang.as_deref(), &headers).words();
    let mut table =
        WriterBuilder::new().quote_style(QuoteStyle::Always).terminator(Terminator::CRLF).from_writer(vec![]);
    let columns = head(&words).into_iter().chain(["days", "action", "authority"].map(String::from));
    table.write_record(columns).map_err(Problem::internal)?;
    for (class, days) in retention::schedule(&site.file.retention_rules()) {
        let about = [days.to_string(), "purged".into(), "UK GDPR Art 5(1)(e)".into()];
        let fields = row(&words, class, days).into_iter().chain(about);
        table.write_record(fields).map_err(Problem::internal)?;
    }
    let bytes = table.into_inner().map_err(|error| Problem::internal(error.into_error()))?;
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
    let name = format!("attachment; filename=\"retention-{}.csv\"", site.file.id);
    Ok(([kind], [(header::CONTENT_DISPOSITION, name)], bytes).into_response())
}
