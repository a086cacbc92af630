//! The choice cookie in requests and answers. Its form is core's `choice_cookie`.

use super::error::Problem;
use crate::app::sites::Site;
use assent_core::choice_cookie::{COOKIE_NAME, ChoiceCookie};
use assent_core::subject::SubjectToken;
use axum::http::{HeaderMap, HeaderValue, header};

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

/// The newest well-formed choice the browser sent; there can be two, for the host and for its domain.
pub(super) fn choice(headers: &HeaderMap) -> Option<ChoiceCookie> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let ours =
        named.filter(|(name, _)| *name == COOKIE_NAME).filter_map(|(_, value)| ChoiceCookie::parse(value));
    ours.max_by_key(|cookie| cookie.decided)
}

/// Who asks: the `Assent-Subject` header, or else the cookie.
pub(super) fn holder(headers: &HeaderMap) -> Result<Option<SubjectToken>, Problem> {
    if headers.contains_key(assent_core::wire::SUBJECT_HEADER) {
        return super::extract::subject_header(headers).map(Some);
    }
    Ok(choice(headers).map(|cookie| cookie.token))
}

/// Name of the cookie that lets whoever signed up for alerts see the receipt of it.
const SIGN_UP: &str = "assent-sign-up";
/// How long that is needed: as long as the sign-up waits to be confirmed, in seconds.
const SIGN_UP_SECONDS: u64 = assent_core::standing::CONFIRM_MS / 1000;

/// Whose sign-up this browser made last.
pub(super) fn sign_up(headers: &HeaderMap) -> Option<SubjectToken> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = named.filter(|(name, _)| *name == SIGN_UP);
    ours.find_map(|(_, value)| SubjectToken::parse(value).ok())
}

/// `Set-Cookie` for a sign-up: sent to Assent's own pages of this site and to nobody else.
pub(super) fn set_sign_up(site: &Site, token: &SubjectToken) -> Option<HeaderValue> {
    let secure = if site.file.public_url.starts_with("https://") { "; Secure" } else { "" };
    let (id, token) = (&site.file.id, token.reveal());
    HeaderValue::from_str(&format!(
        "{SIGN_UP}={token}; Path=/v1/{id}/; Max-Age={SIGN_UP_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

/// `Set-Cookie` for this choice. Readable by script, because the page's gates obey it before any request.
pub(super) fn set(site: &Site, cookie: &ChoiceCookie) -> Option<HeaderValue> {
    let memory = site.notice.memory;
    let age = u64::from(memory.grant_days.max(memory.refusal_days)) * DAY_SECONDS;
    let domain =
        site.file.cookie_domain.as_deref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if site.file.public_url.starts_with("https://") { "; Secure" } else { "" };
    let value = cookie.to_value();
    HeaderValue::from_str(&format!(
        "{COOKIE_NAME}={value}; Path=/; Max-Age={age}; SameSite=Lax{domain}{secure}"
    ))
    .ok()
}

/// Whether the browser already holds a later choice than `cookie`.
///
/// Decisions that waited in a queue arrive late and one by one; answering the first must not undo the second. That holds
/// too when the second was made with another token, in a window that was open beside the first.
pub(super) fn is_older(cookie: &ChoiceCookie, headers: &HeaderMap) -> bool {
    let Some(held) = choice(headers) else { return false };
    let differs = held.choices.iter().any(|(id, choice)| cookie.choices.get(id) != Some(choice));
    held.decided > cookie.decided || (held.decided == cookie.decided && differs)
}
