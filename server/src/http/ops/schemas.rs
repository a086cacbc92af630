//! JSON Schemas and the JSON-LD context of what is handed out: the same files that an audit bundle carries.

use crate::http::error::{Code, Problem};
use assent_core::schemas::FILES;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A JSON Schema (2020-12), or the JSON-LD context. A schema refers to another by its file name alone.
#[utoipa::path(get, path = "/schemas/{file}", tag = "Operations",
    params(("file" = String, Path, description = "`record.schema.json`, `notice.schema.json`, `receipt.schema.json`, \
        `export-line.schema.json`, `bundle-manifest.schema.json`, `dpv-record.schema.json`, `dpv-receipt.schema.json`, `kantara.schema.json` or `context.jsonld`.")),
    responses((status = 200, description = "The file.", body = Object, content_type = "application/schema+json"),
        (status = 404, description = "`not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn file(name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| Code::NotFound)?;
    let (_, text) = FILES.iter().find(|(have, _)| *have == name).ok_or(Code::NotFound)?;
    let kind = if name.ends_with(".jsonld") { "application/ld+json" } else { "application/schema+json" };
    let about = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")];
    Ok((about, *text).into_response())
}
