//! The API's description, for programs and for people.

use crate::app::App;
use crate::http::error::Problem;
use crate::http::openapi;
use crate::http::pages::frame;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use ui::pages::reference::{ReferenceProps, render};

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "Operations",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(in crate::http) async fn document() -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(openapi::document())).into_response()
}

/// The same as a page.
#[utoipa::path(get, path = "/reference", tag = "Operations",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
pub(in crate::http) async fn page(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let html = render(&ReferenceProps {
        stylesheet: frame::stylesheet(&app),
        openapi: serde_json::to_value(openapi::document()).map_err(Problem::internal)?,
        openapi_url: "/openapi.json".to_string(),
        problems_url: "/problems".to_string(),
    });
    Ok(frame::plain(StatusCode::OK, html))
}
