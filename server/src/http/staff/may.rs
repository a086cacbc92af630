//! "May we?": asked before sending. A POST, because an address must not stand in a URL; it changes nothing.

use super::IsStaff;
use crate::app;
use crate::app::may::may;
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson};
use assent_core::wire::MayRequest;
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// May this address be written to, about this topic, now? Anything but a confirmed, unbroken yes is a no.
#[utoipa::path(
    post, path = "/v1/{site}/may", tag = "Staff", request_body = crate::http::schema::MayRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The answer.", body = crate::http::schema::MayResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `unknown-purpose`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn ask(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<MayRequest>,
) -> Result<Response, Problem> {
    let reader = Arc::clone(&site);
    let answer = app::blocking(move || may(&reader, &request, app::now())).await??;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
