//! Lists of addresses, streamed: who may be written to about a topic, and who must not be at all.

use super::IsStaff;
use super::export::Parts;
use crate::app;
use crate::app::alerts::list::{Form, allowed, suppressed};
use crate::app::export::stream_with;
use crate::app::may::alert;
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, StrictQuery};
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts as RequestParts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Name of the header that says why addresses are wanted.
const REASON: &str = "assent-reason";
/// Longest reason, in characters.
const REASON_MAX: usize = 200;

/// Why somebody wants addresses in clear: for the server's log, where whoever looks after the data finds it.
pub(in crate::http) struct Reason(String);

impl<S: Sync> FromRequestParts<S> for Reason {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut RequestParts, _: &S) -> Result<Self, Problem> {
        let said = parts.headers.get(REASON).and_then(|value| str::from_utf8(value.as_bytes()).ok());
        let said = said.map(str::trim).filter(|said| (1..=REASON_MAX).contains(&said.chars().count()));
        said.map(|said| Reason(said.to_string())).ok_or_else(|| Code::ReasonMissing.into())
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListQuery {
    /// The alert topic.
    #[param(value_type = String)]
    topic: PurposeId,
    /// `email` or `text`.
    #[param(value_type = String)]
    channel: Channel,
    /// `csv` (the default) or `ndjson`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SuppressedQuery {
    /// `csv` (the default) or `ndjson`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
}

/// Every address that may be written to about a topic, now, with its receipt and what the message must carry. The only export with
/// addresses in clear: the header `Assent-Reason` says what it is for, and the server's log keeps it.
#[utoipa::path(
    get, path = "/v1/{site}/may/list", tag = "Staff", params(("site" = String, Path, description = "The site."), ListQuery,
        ("Assent-Reason" = String, Header, description = "What the addresses are for, in 1 to 200 characters.")),
    security(("staff" = [])),
    responses((status = 200, description = "The list, streamed: `address`, `language`, `confirmed`, `receipt`, `list_unsubscribe`, `your_alerts`."),
        (status = 400, description = "`bad-query`, `reason-missing`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown-purpose`: no such topic on this channel, so there is nobody to send it to.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn of_topic(
    _: IsStaff,
    Reason(reason): Reason,
    InSite(site): InSite,
    StrictQuery(query): StrictQuery<ListQuery>,
) -> Result<Response, Problem> {
    let alert = alert(&site, query.channel, &query.topic).ok_or(Code::UnknownPurpose)?.clone();
    let (topic, channel) = (&query.topic, query.channel.as_str());
    tracing::info!(site = %site.file.id, %topic, channel, reason, "addresses are given out");
    let (name, now) = (format!("{}-{}", query.channel.as_str(), query.topic), app::now());
    let parts = stream_with(site, move |site, out| allowed(site, &alert, query.format, now, out));
    Ok(answer(&name, query.format, Parts(parts)))
}

/// Every address that must not be written to, as a keyed hash: nothing else is kept of them.
#[utoipa::path(
    get, path = "/v1/{site}/suppressed", tag = "Staff", params(("site" = String, Path, description = "The site."), SuppressedQuery),
    security(("staff" = [])),
    responses((status = 200, description = "The list, streamed: `hash`, `since`."),
        (status = 400, description = "`bad-query`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn of_suppressed(
    _: IsStaff,
    InSite(site): InSite,
    StrictQuery(query): StrictQuery<SuppressedQuery>,
) -> Response {
    let parts = stream_with(site, move |site, out| suppressed(site, query.format, out));
    answer("suppressed", query.format, Parts(parts))
}

fn answer(name: &str, form: Form, parts: Parts) -> Response {
    let (kind, ending) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "csv"),
        Form::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let about = [
        (header::CONTENT_TYPE, kind.to_string()),
        (header::CACHE_CONTROL, "private, no-store".to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{ending}\"")),
    ];
    (about, Body::from_stream(parts)).into_response()
}
