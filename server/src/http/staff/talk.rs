//! Young people whose yes waits until staff talked with them, and what came of it.

use super::IsStaff;
use crate::app;
use crate::app::alerts::talk::{contacted, to_contact};
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson};
use crate::http::public::decisions::recorded;
use assent_core::wire::ContactedRequest;
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Young people whose yes to alerts waits until somebody talked with them, or with who looks after them.
#[utoipa::path(
    get, path = "/v1/{site}/to-contact", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The people.", body = crate::http::schema::ToContactResponse),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn list(_: IsStaff, InSite(site): InSite) -> Result<Response, Problem> {
    let people = app::blocking(move || to_contact(&site, app::now())).await??;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(people)).into_response())
}

/// Somebody talked with one of them: with a yes the alert may be sent from now on, a no ends it.
#[utoipa::path(
    post, path = "/v1/{site}/contacted", tag = "Staff", request_body = crate::http::schema::ContactedRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 201, description = "Recorded.", body = crate::http::schema::Receipt),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: nobody of this id waits, or not for this alert. Or `unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`restricted`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `recording-unanswered`, `told-incomplete`, `bad-time`, `said-in-future`, `no-choices`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn done(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<ContactedRequest>,
) -> Result<Response, Problem> {
    let appended = contacted(&site, request, app::now()).await?;
    Ok(recorded(&site, &appended, None))
}
