//! Receipts, for whoever holds the token they were made with.

use crate::app;
use crate::http::cookies;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use assent_ledger::ReceiptId;
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// A receipt, byte for byte as it was first handed out.
///
/// Anyone else's receipt, and one that never was, are the same 404.
#[utoipa::path(
    get, path = "/v1/{site}/receipts/{id}", tag = "Decisions",
    params(("site" = String, Path, description = "The site."), ("id" = String, Path, description = "The receipt's id."),
        ("Assent-Subject" = Option<String>, Header, description = "The holder's token; the choice cookie will do.")),
    responses((status = 200, description = "The receipt.", body = crate::http::schema::Receipt),
        (status = 400, description = "`subject-malformed`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn receipt(
    InSite(site): InSite,
    Path((_, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = cookies::holder(&headers)?.ok_or(Code::NotFound)?;
    let id = ReceiptId::parse(&id).map_err(|_| Code::NotFound)?;
    let reader = Arc::clone(&site);
    let found = app::blocking(move || reader.ledger.receipt(&token.id(), id)).await??;
    let appended = found.ok_or(Code::NotFound)?;
    let about = [
        (header::CONTENT_TYPE, "application/json".to_string()),
        (header::CACHE_CONTROL, "private, no-store".to_string()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"receipt-{id}.json\"")),
    ];
    Ok((about, appended.receipt.to_json()).into_response())
}
