//! Decisions from the site's own pages, through the widget's queue.

use crate::app::record::{Ask, Recorded, record};
use crate::app::sites::Site;
use crate::app::{self, App};
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, StrictJson, only_header, subject_header};
use crate::http::{cookies, idempotency};
use assent_core::ids::PurposeId;
use assent_core::record::Surface;
use assent_core::standing::Held;
use assent_core::subject::SubjectToken;
use assent_core::wire::DecisionRequest;
use assent_ledger::{Appended, ReceiptId};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Record what a visitor pressed.
///
/// The answer comes when the record is on disk, under a signed checkpoint; its body is the receipt, whole and
/// verifiable. Sent again with the same key it is recorded once and answered with the same receipt.
#[utoipa::path(
    post, path = "/v1/{site}/decisions", tag = "Decisions", request_body = crate::http::schema::DecisionRequest,
    params(("site" = String, Path, description = "The site."),
        ("Idempotency-Key" = String, Header, description = "1–128 visible ASCII characters, new for each press."),
        ("Assent-Subject" = String, Header, description = "The holder's token: 16 random bytes as 22 characters of base64url."),
        ("Origin" = String, Header, description = "Set by browsers; must be declared in the site file.")),
    responses((status = 201, description = "Recorded.", body = crate::http::schema::Receipt,
            headers(("Location" = String, description = "The receipt's address."), ("Set-Cookie" = String, description = "The choice."),
                ("Idempotent-Replayed" = String, description = "`true` when it was recorded before."))),
        (status = 400, description = "`bad-json`, `idempotency-key-missing`, `idempotency-key-malformed`, `subject-missing`, `subject-malformed`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stale-notice`; `restricted`: it was recorded before with this key, and is restricted.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 410, description = "`record-gone`: it was recorded before with this key, and its time is over; `taken-over`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 415, description = "`wrong-content-type`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `idempotency-key-reused`, `unknown-notice`, `unknown-language`, `unknown-purpose`, `not-a-choice`, `no-choices`, `act-differs`, `act-not-visitors`, `bad-time`, `age-missing`, `bad-age`, `too-young`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-decisions`, with `Retry-After`: no yes is taken. A no always is.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn decide(
    State(_): State<Arc<App>>,
    InSite(site): InSite,
    headers: HeaderMap,
    StrictJson(request): StrictJson<DecisionRequest>,
) -> Result<Response, Problem> {
    let Heard { ask, token, decided, now } = heard(&site, &headers, request)?;
    let Recorded { appended, held } = record(Arc::clone(&site), ask, now).await?;
    let cookie = cookie(&site, held, &token, decided, &headers).await?;
    Ok(recorded(&site, &appended, cookie))
}

/// A decision whose headers were checked.
struct Heard {
    ask: Ask,
    token: SubjectToken,
    /// When it was said, in Unix seconds.
    decided: u64,
    /// Unix milliseconds.
    now: u64,
}

fn heard(site: &Site, headers: &HeaderMap, request: DecisionRequest) -> Result<Heard, Problem> {
    let origin = declared_origin(site, headers)?;
    if matches!(request.surface, Surface::Message | Surface::Told | Surface::Server | Surface::HandOver) {
        let what = "A page cannot say that a message was answered, that staff were told, or what a page of Assent's showed.";
        return Err(Problem::with(Code::BadBody, what));
    }
    let key = idempotency::key(headers)?;
    let token = subject_header(headers)?;
    let now = app::now();
    // Evidence of when it was said; the cookie's age counts from it, so that a late record does not outlive its choice.
    let acted = request.acted.as_deref().and_then(|acted| acted.parse::<jiff::Timestamp>().ok());
    let acted = acted.and_then(|acted| u64::try_from(acted.as_second()).ok());
    let decided = acted.filter(|acted| *acted <= now / 1000).unwrap_or(now / 1000);
    let ask = Ask { subject: token.id(), origin: Some(origin), request, contacts: Vec::new(), key };
    Ok(Heard { ask, token, decided, now })
}

/// What a server without storage could do at best, for measuring: the first decision is recorded; every later one is read and
/// checked the same way and answered with the first one's receipt. Left out are looking up what was said before, sealing,
/// hashing, signing and storing.
#[cfg(feature = "no-storage")]
pub(in crate::http) async fn check_only(
    State(_): State<Arc<App>>,
    InSite(site): InSite,
    headers: HeaderMap,
    StrictJson(request): StrictJson<DecisionRequest>,
) -> Result<Response, Problem> {
    static READY: tokio::sync::OnceCell<(Appended, Option<HeaderValue>)> = tokio::sync::OnceCell::const_new();
    let Heard { ask, token, decided, now } = heard(&site, &headers, request)?;
    app::record::check(&site, &ask, now)?;
    let first = async || -> Result<_, Problem> {
        let Recorded { appended, held } = record(Arc::clone(&site), ask, now).await?;
        Ok((appended, cookie(&site, held, &token, decided, &headers).await?))
    };
    let (appended, cookie) = READY.get_or_try_init(first).await?;
    Ok(recorded(&site, appended, cookie.clone()))
}

/// The request's origin, which the site must have declared.
pub(in crate::http) fn declared_origin(site: &Site, headers: &HeaderMap) -> Result<String, Problem> {
    let name = header::ORIGIN.as_str();
    let origin = only_header(headers, name, Code::OriginMissing, Code::OriginNotDeclared)?;
    if site.file.allows_origin(origin) { Ok(origin.to_string()) } else { Err(Code::OriginNotDeclared.into()) }
}

/// The cookie that says what holds now, unless the browser already holds something later. What holds is read when it is not
/// known.
pub(in crate::http) async fn cookie(
    site: &Arc<Site>,
    known: Option<BTreeMap<PurposeId, Held>>,
    token: &SubjectToken,
    decided: u64,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, Problem> {
    let held = match known {
        Some(known) => known,
        None => {
            let (reader, subject) = (Arc::clone(site), token.id());
            app::reading(move || app::state::held_by(&reader, &subject, app::now())).await??
        }
    };
    let cookie = app::state::cookie(&held, site, token, decided);
    Ok(if cookies::is_older(&cookie, headers) { None } else { cookies::set(site, &cookie) })
}

/// 201 with the receipt.
pub(in crate::http) fn recorded(site: &Site, appended: &Appended, cookie: Option<HeaderValue>) -> Response {
    let about = [
        (header::CONTENT_TYPE, "application/json".to_string()),
        (header::CACHE_CONTROL, "no-store".to_string()),
        (header::LOCATION, receipt_address(site, appended.id)),
    ];
    let mut response = (StatusCode::CREATED, about, appended.receipt.to_json()).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    if appended.replayed {
        let name = HeaderName::from_static(idempotency::REPLAYED);
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

fn receipt_address(site: &Site, id: ReceiptId) -> String {
    format!("{}/receipts/{id}", site.api())
}
