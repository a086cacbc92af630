//! Erasure, restriction and holds. POSTs with the address in the body: it must not stand in a URL.

use super::IsStaff;
use crate::app::people;
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson};
use assent_core::wire::{EraseRequest, HoldRequest, PeopleResponse, RestrictRequest, WhoseRequest};
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};

fn answer(done: PeopleResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(done)).into_response()
}

/// Erase a person: their records can never be opened again, and tombstones take their place.
///
/// Entries in the log, proofs and everybody else's receipts stay as they were. Held records stay: `held` names whose, and where there
/// is nobody else, the answer is `held`.
#[utoipa::path(
    post, path = "/v1/{site}/people/erase", tag = "Staff", request_body = crate::http::schema::EraseRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = crate::http::schema::PeopleResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`held`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn erase(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<EraseRequest>,
) -> Result<Response, Problem> {
    Ok(answer(people::erase(site, request).await?))
}

/// Freeze a person's records (UK GDPR Art 18): nobody looks at them until they are released.
#[utoipa::path(
    post, path = "/v1/{site}/people/restrict", tag = "Staff", request_body = crate::http::schema::RestrictRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = crate::http::schema::PeopleResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `unknown-subject`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn restrict(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<RestrictRequest>,
) -> Result<Response, Problem> {
    Ok(answer(people::restrict(site, request).await?))
}

/// End a restriction.
#[utoipa::path(
    post, path = "/v1/{site}/people/release", tag = "Staff", request_body = crate::http::schema::WhoseRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = crate::http::schema::PeopleResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `unknown-subject`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn release(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<WhoseRequest>,
) -> Result<Response, Problem> {
    Ok(answer(people::release(site, request.whose).await?))
}

/// Keep a person's records from erasure and purge, with a reason and a day on which somebody looks again.
#[utoipa::path(
    post, path = "/v1/{site}/people/hold", tag = "Staff", request_body = crate::http::schema::HoldRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = crate::http::schema::PeopleResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `unknown-subject`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn hold(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<HoldRequest>,
) -> Result<Response, Problem> {
    Ok(answer(people::hold(site, request).await?))
}

/// End a hold.
#[utoipa::path(
    post, path = "/v1/{site}/people/let-go", tag = "Staff", request_body = crate::http::schema::WhoseRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = crate::http::schema::PeopleResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `unknown-subject`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn let_go(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<WhoseRequest>,
) -> Result<Response, Problem> {
    Ok(answer(people::let_go(site, request.whose).await?))
}

/// Whose records are held, why, and when somebody looks at it again.
#[utoipa::path(
    get, path = "/v1/{site}/people/holds", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "All of them, by subject.", body = crate::http::schema::HoldsResponse),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn holds(_: IsStaff, InSite(site): InSite) -> Result<Response, Problem> {
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(people::holds(site).await?)).into_response())
}
