//! Publishing a site file through the running server, which owns the store.

use super::IsStaff;
use crate::app::sites::{Applied, LogIs};
use crate::app::{self, App};
use crate::http::error::{Code, Problem};
use crate::http::extract::{StrictQuery, expect_content_type, read_body};
use assent_core::ids::SiteId;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many times longer than other bodies a site file may be.
const TIMES_LONGER: usize = 16;

/// A site file is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SiteFileApplied {
    /// The site.
    pub site: String,
    /// Hash of the notice in force.
    pub notice: String,
    /// Whether the notice changed with it.
    pub changed: bool,
    /// Number of the notice's entry in the log.
    pub index: u64,
    /// Whether the site's log was begun.
    pub begun: bool,
}

impl SiteFileApplied {
    /// What came of publishing the site's file.
    #[must_use]
    pub fn new(site: &SiteId, applied: &Applied) -> Self {
        Self {
            site: site.to_string(),
            notice: applied.notice.hash.to_hex(),
            changed: applied.notice.changed,
            index: applied.notice.index,
            begun: applied.begun,
        }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SiteFileQuery {
    /// `create` to begin the site's log with it: once, on purpose.
    #[param(value_type = Option<String>)]
    log: Option<Begin>,
}

/// The only thing that can be done with a log here.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Begin {
    Create,
}

/// Publish a site file; with `log=create`, begin the site's log.
///
/// A notice that asks unfairly is refused; the detail lists each finding with its rule.
#[utoipa::path(
    put, path = "/v1/{site}/site-file", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site; the file must name the same."), SiteFileQuery),
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, description = "In force.", body = SiteFileApplied),
        (status = 201, description = "In force, and the site's log was begun.", body = SiteFileApplied),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no-log`, `log-exists`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 415, description = "`wrong-content-type`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-site-file`, `notice-refused`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn put(
    _: IsStaff,
    State(app): State<Arc<App>>,
    site: Result<Path<String>, PathRejection>,
    StrictQuery(query): StrictQuery<SiteFileQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(site) = site.map_err(|_| Code::UnknownSite)?;
    let id = SiteId::new(&site).map_err(|_| Code::UnknownSite)?;
    expect_content_type(request.headers(), "application/toml")?;
    let bytes =
        read_body(request.into_body(), app.config.limits.body_bytes.saturating_mul(TIMES_LONGER)).await?;
    let text =
        String::from_utf8(bytes).map_err(|_| Problem::with(Code::BadSiteFile, "The file is not UTF-8."))?;
    let log = if query.log.is_some() { LogIs::New } else { LogIs::There };
    let applied = app.sites.apply(&text, Some(&id), log).await?;
    if let Some(site) = app.sites.get(&id) {
        // A log that was just begun is told from its beginning. If this fails, the followers try it again.
        if let Err(error) = app.webhooks.begin(&site, 0, app::now()).await {
            tracing::error!(site = %id, cause = format!("{error:#}"), "its endpoints did not begin");
        }
    }
    let body = SiteFileApplied::new(&id, &applied);
    let status = if applied.begun { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(body)).into_response())
}
