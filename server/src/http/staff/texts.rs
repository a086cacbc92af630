//! Texts that staff have to read, and addresses whose messages come back.

use super::IsStaff;
use crate::app::alerts::bounce::bounced;
use crate::app::alerts::incoming::{done, to_read};
use crate::app::{self, App};
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, StrictJson};
use assent_core::wire::{BouncedRequest, TextDoneRequest};
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Texts that came in and are neither STOP, START nor HELP, oldest first. Each stays until it is marked done.
#[utoipa::path(
    get, path = "/v1/{site}/texts", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The texts.", body = crate::http::schema::TextsResponse),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn list(_: IsStaff, InSite(site): InSite) -> Result<Response, Problem> {
    let texts = app::blocking(move || to_read(&site)).await??;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(texts)).into_response())
}

/// Somebody did what a text asked for: it is forgotten.
#[utoipa::path(
    post, path = "/v1/{site}/texts/done", tag = "Staff", request_body = crate::http::schema::TextDoneRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 204, description = "Forgotten."),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: none of this id waits. Or `unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn is_done(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<TextDoneRequest>,
) -> Result<Response, Problem> {
    let there = done(&site, &request.id).await?;
    if there { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Code::NotFound.into()) }
}

/// Whoever asks has shown the mail server's token, or the staff token.
pub(in crate::http) struct IsMailServer;

impl FromRequestParts<Arc<App>> for IsMailServer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let shown = super::bearer(parts);
        let known = [&app.bounces, &app.staff].into_iter().flatten().any(|token| token.is(shown));
        if known { Ok(Self) } else { Err(Code::NotTheMailServer.into()) }
    }
}

/// Messages to this address come back for good: it is not written to until it is confirmed anew. Or, with `"bounces": false`, no longer.
///
/// For the mail server's bounce handler, with `mail.bounce_token`, which is good for nothing else; or with the staff token.
#[utoipa::path(
    post, path = "/v1/{site}/bounced", tag = "Staff", request_body = crate::http::schema::BouncedRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 204, description = "Taken down, whether the address is known or not."),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`not-the-mail-server`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn bounce(
    _: IsMailServer,
    InSite(site): InSite,
    StrictJson(request): StrictJson<BouncedRequest>,
) -> Result<Response, Problem> {
    bounced(&site, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
