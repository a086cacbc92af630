//! Whether the process runs, and whether it can take decisions.

use crate::app::App;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;

/// The process answers, and no check found a log damaged.
#[utoipa::path(get, path = "/healthz", tag = "Operations",
    responses((status = 200, description = "`ok`.", body = String, content_type = "text/plain"),
        (status = 503, description = "`damaged`, with the first damage that the last check found.", body = String, content_type = "text/plain")))]
pub(in crate::http) async fn healthz(State(app): State<Arc<App>>) -> (StatusCode, String) {
    match app.checks.damage() {
        None => (StatusCode::OK, "ok\n".into()),
        Some(damage) => (StatusCode::SERVICE_UNAVAILABLE, format!("damaged: {damage}\n")),
    }
}

/// Every site's log takes decisions or was taken over, and the server is not stopping.
#[utoipa::path(get, path = "/readyz", tag = "Operations",
    responses((status = 200, description = "`ready`.", body = String, content_type = "text/plain"),
        (status = 503, description = "`not ready`.", body = String, content_type = "text/plain")))]
pub(in crate::http) async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
