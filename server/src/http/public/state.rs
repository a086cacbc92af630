//! What holds now, for the holder of a token.

use crate::app;
use crate::app::state::State;
use crate::http::cookies;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What holds for each choice of the current notice, and which receipts there are.
#[utoipa::path(
    get, path = "/v1/{site}/state", tag = "Decisions",
    params(("site" = String, Path, description = "The site."),
        ("Assent-Subject" = Option<String>, Header, description = "The holder's token; the choice cookie will do.")),
    responses((status = 200, description = "The state.", body = crate::http::schema::StateResponse),
        (status = 400, description = "`subject-missing`, `subject-malformed`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn state(InSite(site): InSite, headers: HeaderMap) -> Result<Response, Problem> {
    let token = cookies::holder(&headers)?.ok_or(Code::SubjectMissing)?;
    let reader = Arc::clone(&site);
    let state = app::reading(move || State::read(&reader, &token.id(), app::now())).await??;
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(state.response(&site))).into_response())
}
