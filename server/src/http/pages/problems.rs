//! The page behind every problem code.

use super::frame;
use crate::app::App;
use crate::http::error::{Code, Problem};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::problem::{ProblemProps, render};

/// What a problem code means and what to do.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "Operations", params(("code" = String, Path, description = "The code.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "`not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    code: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(code) = code.map_err(|_| Code::NotFound)?;
    let code = Code::ALL.iter().find(|known| known.as_str() == code).ok_or(Code::NotFound)?;
    // The status stands in the page's head already.
    let meaning = code.explanation().split_once(": ").map_or(code.explanation(), |(_, meaning)| meaning);
    let html = render(&ProblemProps {
        stylesheet: frame::stylesheet(&app),
        code: code.as_str().to_string(),
        status: code.status().as_u16(),
        title: code.title().to_string(),
        meaning: vec![meaning.to_string()],
        to_do: Vec::new(),
        reference: "/reference".to_string(),
    });
    Ok(frame::plain(StatusCode::OK, html))
}
