//! Reading requests strictly: everything that does not fit is a problem document, and nothing is stored.
//!
//! Messages never repeat what was sent, because it may be personal.

use super::error::{Code, Problem};
use crate::app::App;
use crate::app::sites::Site;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// How much of a body that is too long is read and dropped, in bytes.
const DRAINED: usize = 4 << 20;

/// The body as JSON of exactly this shape.
pub(super) struct StrictJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        strict_json(request, app.config.limits.body_bytes).await.map(Self)
    }
}

/// The body as JSON of exactly this shape, if it has at most `limit` bytes.
pub(super) async fn strict_json<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, Problem> {
    expect_content_type(request.headers(), "application/json")?;
    let bytes = read_body(request.into_body(), limit).await?;
    // serde would take a list of the fields' values for an object.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::with(Code::BadBody, "The body must be an object."));
    }
    serde_json::from_slice(&bytes).map_err(|error| refuse_json(&error))
}

fn refuse_json(error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let place = format!("line {}, column {}", error.line(), error.column());
    if error.classify() != Category::Data {
        return Problem::with(Code::BadJson, format!("The JSON breaks off or goes wrong at {place}."));
    }
    let text = error.to_string();
    if text.starts_with("unknown field") {
        // serde's words after "expected" are the known fields; what stands before them was sent.
        let known = text.split_once(", expected ").and_then(|(_, rest)| rest.split_once(" at line"));
        let known = known.map(|(list, _)| format!(" Known here: {list}.")).unwrap_or_default();
        return Problem::with(Code::UnknownField, format!("There is an unknown field at {place}.{known}"));
    }
    if let Some(field) = text.strip_prefix("missing field ").and_then(|rest| rest.split_once(" at line")) {
        return Problem::with(Code::BadBody, format!("The field {} is missing.", field.0));
    }
    Problem::with(Code::BadBody, format!("The value at {place} is not of the kind this field takes."))
}

/// The body's bytes, or a problem once it is longer than `limit`.
///
/// What is too long is read on for a while and dropped, because a client that still sends would not see the answer.
pub(super) async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Limited::new(body, limit.saturating_add(DRAINED));
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    let too_large = || Problem::with(Code::BodyTooLarge, format!("At most {limit} bytes are taken."));
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(data) = frame.into_data() else { continue };
                length += data.len();
                if length <= limit {
                    bytes.extend_from_slice(&data);
                }
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
            Err(_) => return Err(Problem::with(Code::BadJson, "The body ended before it was complete.")),
        }
    }
    if length > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Refuses any other content type; parameters such as a charset are ignored.
pub(super) fn expect_content_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    if has_content_type(headers, wanted) {
        return Ok(());
    }
    Err(Problem::with(Code::WrongContentType, format!("Send it as {wanted}.")))
}

/// Whether the body is of this content type, and says so once.
pub(super) fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fits = value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted));
    fits && values.next().is_none()
}

/// The site that the address names.
pub(super) struct InSite(pub Arc<Site>);

impl FromRequestParts<Arc<App>> for InSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Path(path) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, app)
            .await
            .map_err(|_| Code::UnknownSite)?;
        let id = path.get("site").and_then(|text| SiteId::new(text).ok()).ok_or(Code::UnknownSite)?;
        app.sites.get(&id).map(Self).ok_or_else(|| Code::UnknownSite.into())
    }
}

/// The query, of exactly this shape.
pub(super) struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(_) => Err(Problem::with(Code::BadQuery, "The reference lists what this address takes.")),
        }
    }
}

/// The header that may stand once: `missing` without it, `wrong` when it stands twice or is not text.
pub(super) fn only_header<'a>(
    headers: &'a HeaderMap,
    name: &str,
    missing: Code,
    wrong: Code,
) -> Result<&'a str, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(missing)?;
    if values.next().is_some() {
        return Err(Problem::with(wrong, "The header was sent twice."));
    }
    value.to_str().map_err(|_| wrong.into())
}

/// The token in the `Assent-Subject` header, or why there is none.
pub(super) fn subject_header(headers: &HeaderMap) -> Result<SubjectToken, Problem> {
    let name = assent_core::wire::SUBJECT_HEADER;
    let text = only_header(headers, name, Code::SubjectMissing, Code::SubjectMalformed)?;
    SubjectToken::parse(text).map_err(|_| Code::SubjectMalformed.into())
}
