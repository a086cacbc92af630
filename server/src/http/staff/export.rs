//! Exports, streamed: of everybody, or of one person.

use super::IsStaff;
use crate::app;
use crate::app::export::{Format, Period, known, stream};
use crate::app::people;
use crate::app::sites::Site;
use crate::http::error::Problem;
use crate::http::extract::{InSite, StrictJson, StrictQuery};
use assent_core::ids::PurposeId;
use assent_core::subject::SubjectId;
use assent_core::wire::WhoseRequest;
use assent_ledger::ExportFilter;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportQuery {
    /// `ndjson` (lossless, with proofs; the default), `csv` (for spreadsheets), `dpv` or `dpv-receipt` (ISO/IEC TS 27560 as
    /// JSON-LD, one a line) `kantara` (Consent Receipt 1.1 for what was
    /// given, one a line) or `bundle` (everything for an auditor, one zip archive).
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Format,
    /// Only records that decide about this purpose, which a notice of the site must have or have had.
    #[param(value_type = Option<String>)]
    purpose: Option<PurposeId>,
    /// From this time on: RFC 3339 with `Z`, or a date (UTC).
    from: Option<String>,
    /// Before this time: RFC 3339 with `Z`, or a date (UTC). Later than `from`.
    to: Option<String>,
}

/// The site's records with their proofs, or as a table.
#[utoipa::path(
    get, path = "/v1/{site}/export", tag = "Staff", params(("site" = String, Path, description = "The site."), ExportQuery),
    security(("staff" = [])),
    responses((status = 200, description = "The export, streamed. NDJSON ends with a footer line; without it, it is not whole."),
        (status = 400, description = "`bad-query`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn export(
    _: IsStaff,
    InSite(site): InSite,
    StrictQuery(query): StrictQuery<ExportQuery>,
) -> Result<Response, Problem> {
    answer(site, query, None).await
}

/// A person's records, in the same forms: for access and portability (UK GDPR Art 15, 20). Everybody else's are accounted for
/// and not opened.
#[utoipa::path(
    post, path = "/v1/{site}/people/export", tag = "Staff", request_body = crate::http::schema::WhoseRequest,
    params(("site" = String, Path, description = "The site."), ExportQuery), security(("staff" = [])),
    responses((status = 200, description = "The export, streamed, as from `GET /v1/{site}/export`."),
        (status = 400, description = "`bad-query`, `bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `bad-email`, `bad-phone`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn of_person(
    _: IsStaff,
    InSite(site): InSite,
    StrictQuery(query): StrictQuery<ExportQuery>,
    StrictJson(request): StrictJson<WhoseRequest>,
) -> Result<Response, Problem> {
    let subjects = people::subjects(&site, &request.whose).await?;
    answer(site, query, Some(subjects.into_iter().collect())).await
}

async fn answer(
    site: Arc<Site>,
    query: ExportQuery,
    subjects: Option<BTreeSet<SubjectId>>,
) -> Result<Response, Problem> {
    let Period { from, to } = Period::parse(query.from.as_deref(), query.to.as_deref())?;
    let (reader, purpose) = (Arc::clone(&site), query.purpose.clone());
    app::blocking(move || known(&reader, purpose.as_ref())).await??;
    let filter = ExportFilter { from, to, purpose: query.purpose, subjects, ..ExportFilter::default() };
    let (kind, ending) = query.format.file();
    let about = [
        (header::CONTENT_TYPE, kind.to_string()),
        (header::CACHE_CONTROL, "private, no-store".to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.{ending}\"", site.file.id)),
    ];
    let parts = Parts(stream(site, query.format, filter));
    Ok((about, Body::from_stream(parts)).into_response())
}

/// The channel's receiver as a stream.
pub(super) struct Parts(pub(super) mpsc::Receiver<std::io::Result<Vec<u8>>>);

impl futures_core::Stream for Parts {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
