//! What people told staff: one account at a time, or rows of a list.

use super::IsStaff;
use crate::app::alerts::rows::take;
use crate::app::alerts::told::tell;
use crate::app::{self, App};
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson, strict_json};
use crate::http::idempotency;
use crate::http::public::decisions::recorded;
use assent_core::wire::{ToldRequest, ToldRowsRequest};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Write down what somebody said by telephone, on paper or in person. They are sent a copy.
///
/// A yes with `evidence` counts at once. Without it the message asks whether it was theirs, and until they confirm, within 72 hours, "may
/// we?" is a no. A no counts at once.
#[utoipa::path(
    post, path = "/v1/{site}/told", tag = "Staff", request_body = crate::http::schema::ToldRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site."),
        ("Idempotency-Key" = String, Header, description = "1–128 visible ASCII characters, new for each account.")),
    responses((status = 201, description = "Recorded.", body = crate::http::schema::Receipt),
        (status = 400, description = "`bad-json`, `idempotency-key-missing`, `idempotency-key-malformed`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`suppressed`, `restricted`, `said-no-since`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `idempotency-key-reused`, `recording-unanswered`, `told-incomplete`, `bad-time`, `said-in-future`, `unknown-language`, `unknown-purpose`, `not-a-choice`, `no-route`, `no-choices`, `contact-missing`, `bad-email`, `bad-phone`, `phone-elsewhere`, `age-missing`, `bad-age`, `too-young`, `soft-opt-in-too-early`, `soft-opt-in-not-offered`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn one(
    _: IsStaff,
    InSite(site): InSite,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    StrictJson(request): StrictJson<ToldRequest>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers)?;
    let appended = tell(&site, request, key, app::now()).await?;
    app.outbox.wake();
    Ok(recorded(&site, &appended, None))
}

/// How much longer than another body one with many rows may be.
const BULK: usize = 64;

/// Take rows of a list of what people said elsewhere, at most 500: each with its evidence, or refused with its reason.
///
/// The same row is recorded once, however often it is sent. Whoever said yes is sent a copy of what was recorded: one message for each
/// address, and none for a row that was recorded before; none at all with `copies: false`.
#[utoipa::path(
    post, path = "/v1/{site}/told/rows", tag = "Staff", request_body = crate::http::schema::ToldRowsRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "What became of each.", body = crate::http::schema::ToldRowsResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`: more than 64 times limits.body_bytes.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`: rows may have been recorded; send them again.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn rows(
    _: IsStaff,
    InSite(site): InSite,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let limit = app.config.limits.body_bytes.saturating_mul(BULK);
    let request: ToldRowsRequest = strict_json(request, limit).await?;
    let answer = take(site, request, app::now()).await?;
    app.outbox.wake();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
