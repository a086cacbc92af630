//! What endpoints were not told, telling them again, and enabling one that had enough.

use super::IsStaff;
use crate::app::webhooks::staff;
use crate::app::{self, App};
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson};
use assent_core::event::{EndpointRequest, RedeliverRequest};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The site's endpoints, and the events that they did not take: those that are tried again, and those that were given up.
#[utoipa::path(
    get, path = "/v1/{site}/webhooks", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The endpoints.", body = crate::http::schema::WebhooksResponse),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn list(
    _: IsStaff,
    State(app): State<Arc<App>>,
    InSite(site): InSite,
) -> Result<Response, Problem> {
    let endpoints = app::blocking(move || staff::list(&app, &site)).await??;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(endpoints)).into_response())
}

/// Tell an endpoint one event again, or everything since a time. Events keep their ids. One that is disabled is told when it is enabled.
#[utoipa::path(
    post, path = "/v1/{site}/webhooks/redeliver", tag = "Staff", request_body = crate::http::schema::RedeliverRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 204, description = "They are due now."),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: no such endpoint or event. Or `unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-time`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn redeliver(
    _: IsStaff,
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    StrictJson(request): StrictJson<RedeliverRequest>,
) -> Result<Response, Problem> {
    staff::redeliver(&app, &site, request, app::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Tell an endpoint again that answered 410, from where it stopped.
#[utoipa::path(
    post, path = "/v1/{site}/webhooks/enable", tag = "Staff", request_body = crate::http::schema::EndpointRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 204, description = "It is told."),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: no such endpoint. Or `unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn enable(
    _: IsStaff,
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    StrictJson(request): StrictJson<EndpointRequest>,
) -> Result<Response, Problem> {
    staff::enable(&app, &site, &request.endpoint, app::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
