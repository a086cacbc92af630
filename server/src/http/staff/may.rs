//! "May we?": asked before sending. A POST, because an address must not stand in a URL; it changes nothing.

use super::IsStaff;
use crate::app;
use crate::app::App;
use crate::app::may::{may, may_at_once, may_bulk};
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson, strict_json};
use assent_core::wire::{MayBulkRequest, MayBulkResponse, MayRequest};
use axum::Json;
use axum::extract::{Request, State};
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
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn ask(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(request): StrictJson<MayRequest>,
) -> Result<Response, Problem> {
    let answer = match may_at_once(&site, &request, app::now())? {
        Some(answer) => answer,
        None => {
            let reader = Arc::clone(&site);
            app::blocking(move || may(&reader, &request, app::now())).await??
        }
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// What a server without storage could do at best, for measuring: the question is read and checked, and always answered with the
/// same yes.
#[cfg(feature = "no-storage")]
pub(in crate::http) async fn constant(
    _: IsStaff,
    InSite(site): InSite,
    StrictJson(_): StrictJson<MayRequest>,
) -> Result<Response, Problem> {
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(constant_answer(&site))).into_response())
}

/// The same in bulk: each address is looked at as far as to say whether it is one.
#[cfg(feature = "no-storage")]
pub(in crate::http) async fn constant_bulk(
    _: IsStaff,
    InSite(site): InSite,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let limit = app.config.limits.body_bytes.saturating_mul(BULK);
    let request: MayBulkRequest = strict_json(request, limit).await?;
    let work = move || {
        let answer = constant_answer(&site);
        let answers = request.addresses.iter().map(|address| {
            std::hint::black_box(app::contact::normalise(request.channel, address).is_ok());
            answer.clone()
        });
        written(&MayBulkResponse { answers: answers.collect() })
    };
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    Ok((headers, app::blocking(work).await??).into_response())
}

#[cfg(feature = "no-storage")]
fn constant_answer(site: &app::sites::Site) -> assent_core::wire::MayResponse {
    use assent_core::decision::Choice;
    use assent_core::wire::{MayReason, MayResponse, MessageLinks};
    // As long as what they stand for.
    let link = |page: &str| format!("{}/{page}/{}", site.api(), "A".repeat(96));
    let message = MessageLinks {
        list_unsubscribe: Some(format!("<{}>", link("stop"))),
        list_unsubscribe_post: Some("List-Unsubscribe=One-Click".into()),
        your_alerts: link("your-alerts"),
    };
    let receipt = Some("01976e2c-7d3a-7000-8000-000000000000".into());
    MayResponse { may: Choice::Yes, reason: MayReason::Granted, receipt, message: Some(message) }
}

/// How much longer than another body one with many addresses may be.
const BULK: usize = 64;

/// Bytes of one answer, about.
const ANSWER: usize = 640;

/// The same for up to 10,000 addresses at once, answered in the order they were sent.
///
/// A text that is no address is answered `no`, `bad-address`; the others are answered all the same.
#[utoipa::path(
    post, path = "/v1/{site}/may/bulk", tag = "Staff", request_body = crate::http::schema::MayBulkRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "The answers.", body = crate::http::schema::MayBulkResponse),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`: more than 64 times limits.body_bytes.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn ask_bulk(
    _: IsStaff,
    InSite(site): InSite,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let limit = app.config.limits.body_bytes.saturating_mul(BULK);
    let request: MayBulkRequest = strict_json(request, limit).await?;
    let work = move || written(&may_bulk(&site, &request, app::now())?);
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    Ok((headers, app::blocking(work).await??).into_response())
}

fn written(answers: &MayBulkResponse) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::with_capacity(answers.answers.len() * ANSWER);
    serde_json::to_writer(&mut body, answers).map_err(Problem::internal)?;
    Ok(body)
}
