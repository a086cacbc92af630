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
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

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

/// Every address that may be written to about a topic, now, with its receipt and what the message must carry.
#[utoipa::path(
    get, path = "/v1/{site}/may/list", tag = "Staff", params(("site" = String, Path, description = "The site."), ListQuery),
    security(("staff" = [])),
    responses((status = 200, description = "The list, streamed: `address`, `language`, `confirmed`, `receipt`, `list_unsubscribe`, `your_alerts`."),
        (status = 400, description = "`bad-query`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown-purpose`: no such topic on this channel, so there is nobody to send it to.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn of_topic(
    _: IsStaff,
    InSite(site): InSite,
    StrictQuery(query): StrictQuery<ListQuery>,
) -> Result<Response, Problem> {
    let alert = alert(&site, query.channel, &query.topic).ok_or(Code::UnknownPurpose)?.clone();
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
