//! The witness protocol over HTTP: which refusal is which status. Everything else is [`crate::witness`]'s.
//!
//! Answers are plain text, as the protocol has them, not the problem documents of the rest of this package.

use super::error::Code;
use super::extract::read_body;
use crate::app;
use crate::witness::{AddError, Witness};
use assent_core::witness::{MAX_REQUEST_LEN, Refusal};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower_http::catch_panic::CatchPanicLayer;

/// How long a request's body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
const TEXT: &str = "text/plain; charset=utf-8";
/// The content type of a size, in the answer to a conflict.
const SIZE: &str = "text/x.tlog.size";

/// The witness's addresses: `POST <prefix>/add-checkpoint`, `GET <prefix>/<hex SHA-256 of an origin>/checkpoint`, and
/// `/healthz` and `/readyz` for probes. `prefix` is empty, or begins with a slash and does not end with one.
pub fn witness_router(prefix: &str, witness: Arc<Witness>) -> Router {
    Router::new()
        .route(&format!("{prefix}/add-checkpoint"), post(add_checkpoint))
        .route(&format!("{prefix}/{{log}}/checkpoint"), get(checkpoint))
        .route("/healthz", get(async || text(StatusCode::OK, "ok")))
        .route("/readyz", get(readyz))
        .method_not_allowed_fallback(async || text(StatusCode::METHOD_NOT_ALLOWED, "wrong method"))
        .fallback(async || text(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(CatchPanicLayer::custom(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "something failed")))
        .with_state(witness)
}

/// Every log that is watched can be cosigned.
async fn readyz(State(witness): State<Arc<Witness>>) -> Response {
    if witness.is_ready() {
        text(StatusCode::OK, "ready")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

/// The newest cosigned checkpoint of one log, for monitors.
async fn checkpoint(State(witness): State<Arc<Witness>>, Path(log): Path<String>) -> Response {
    match witness.latest(&log) {
        Some(note) => answer(StatusCode::OK, TEXT, note),
        None => text(StatusCode::NOT_FOUND, "this witness never cosigned that log"),
    }
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Response {
    let began = Instant::now();
    let body = match tokio::time::timeout(BODY_TIME, read_body(body, MAX_REQUEST_LEN)).await {
        Ok(Ok(body)) => body,
        Ok(Err(problem)) if problem.code == Code::BodyTooLarge => {
            return text(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("at most {MAX_REQUEST_LEN} bytes are taken"),
            );
        }
        Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "the body ended before it was complete"),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    let now = app::now() / 1000;
    // A client that goes away does not stop this: what was judged is also kept.
    let judged = app::blocking(move || witness.add_checkpoint(&body, now)).await;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match judged {
        Ok(Ok(cosigned)) => {
            tracing::info!(origin = cosigned.origin, size = cosigned.size, duration_ms, "cosigned");
            answer(StatusCode::OK, TEXT, cosigned.line)
        }
        Ok(Err(error)) => refuse(error, duration_ms),
        Err(error) => {
            tracing::error!(cause = format!("{error:#}"), duration_ms, "a request failed");
            text(StatusCode::INTERNAL_SERVER_ERROR, "something failed")
        }
    }
}

fn refuse(error: AddError, duration_ms: u64) -> Response {
    let status = status(&error);
    let size = match &error {
        AddError::Refused(Refusal::Conflict { seen, .. }) => Some(*seen),
        _ => None,
    };
    let retry = matches!(error, AddError::ClockBehind { .. });
    let sentence = error.to_string();
    let cause = format!("{:#}", anyhow::Error::from(error));
    if status.is_server_error() {
        tracing::error!(status = status.as_u16(), cause, duration_ms, "could not cosign");
    } else {
        tracing::info!(status = status.as_u16(), cause, duration_ms, "refused");
    }
    match size {
        Some(size) => answer(status, SIZE, format!("{size}\n")),
        None => {
            let mut response = text(status, &sentence);
            if retry {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            response
        }
    }
}

/// The one place where a refusal becomes a status.
fn status(error: &AddError) -> StatusCode {
    match error {
        AddError::Request(_) => StatusCode::BAD_REQUEST,
        AddError::Refused(refusal) => match refusal {
            Refusal::UnknownLog => StatusCode::NOT_FOUND,
            Refusal::NotSigned(_) => StatusCode::FORBIDDEN,
            Refusal::Malformed(_) | Refusal::OldAboveNew { .. } => StatusCode::BAD_REQUEST,
            Refusal::Conflict { .. } => StatusCode::CONFLICT,
            Refusal::EmptyTreeRoot | Refusal::Inconsistent(_) => StatusCode::UNPROCESSABLE_ENTITY,
        },
        AddError::ClockBehind { .. } | AddError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        AddError::Write(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn text(status: StatusCode, sentence: &str) -> Response {
    answer(status, TEXT, format!("{sentence}\n"))
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
