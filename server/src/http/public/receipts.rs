//! Receipts, for whoever holds the token they were made with.

use crate::app;
use crate::http::cookies;
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, StrictQuery};
use assent_core::receipt::Receipt;
use assent_ledger::{ReadError, ReceiptId};
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ReceiptQuery {
    /// `first` (the default): byte for byte as it was first handed out. `cosigned`: with a proof that leads to the newest public
    /// checkpoint that witnesses cosigned, if there is one that covers it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    proof: Proof,
}

/// Which checkpoint the proof leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Proof {
    #[default]
    First,
    Cosigned,
}

/// A receipt.
///
/// Anyone else's receipt, and one that never was, are the same 404.
#[utoipa::path(
    get, path = "/v1/{site}/receipts/{id}", tag = "Decisions",
    params(("site" = String, Path, description = "The site."), ("id" = String, Path, description = "The receipt's id."),
        ("Assent-Subject" = Option<String>, Header, description = "The holder's token; the choice cookie, or the one a sign-up left, will do."), ReceiptQuery),
    responses((status = 200, description = "The receipt.", body = crate::http::schema::Receipt),
        (status = 400, description = "`subject-malformed`, `bad-query`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`restricted`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn receipt(
    InSite(site): InSite,
    Path((_, id)): Path<(String, String)>,
    StrictQuery(query): StrictQuery<ReceiptQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let by_header = headers.contains_key(assent_core::wire::SUBJECT_HEADER);
    let sign_up = cookies::sign_up(&headers).filter(|_| !by_header);
    let tokens: Vec<_> = cookies::holder(&headers)?.into_iter().chain(sign_up).collect();
    let id = ReceiptId::parse(&id).map_err(|_| Code::NotFound)?;
    let reader = Arc::clone(&site);
    let read = move || -> Result<Option<Receipt>, ReadError> {
        let mut found = None;
        for token in &tokens {
            if let Some(first) = reader.ledger.receipt(&token.id(), id)? {
                found = Some((token, first));
                break;
            }
        }
        let Some((token, first)) = found else { return Ok(None) };
        let cosigned = reader.publication.cosigned_over(first.index);
        if query.proof == Proof::Cosigned
            && let Some(note) = cosigned
            && let Some(receipt) = reader.ledger.receipt_under(&token.id(), id, &note)?
        {
            return Ok(Some(receipt));
        }
        Ok(Some(first.receipt))
    };
    let receipt = app::reading(read).await??.ok_or(Code::NotFound)?;
    let about = [
        (header::CONTENT_TYPE, "application/json".to_string()),
        (header::CACHE_CONTROL, "private, no-store".to_string()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"receipt-{id}.json\"")),
    ];
    Ok((about, receipt.to_json()).into_response())
}
