//! For staff, with the bearer token: may we, texts to read, young people to talk with, endpoints, export, letting people leave, publishing a site file, upkeep.

pub(super) mod export;
pub(super) mod lists;
pub(super) mod may;
pub(super) mod people;
pub(super) mod site_file;
pub(super) mod talk;
pub(super) mod texts;
pub(super) mod told;
pub(super) mod upkeep;
pub(super) mod webhooks;

pub use site_file::SiteFileApplied;
pub use upkeep::{AlertsEnded, Checked, Purged, SpaceReclaimed};

use super::error::{Code, Problem};
use crate::app::App;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use std::sync::Arc;

/// Whoever asks has shown the staff token.
pub(super) struct IsStaff;

impl FromRequestParts<Arc<App>> for IsStaff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let staff = app.staff.as_ref().ok_or_else(|| {
            Problem::with(
                Code::Unauthorised,
                "No staff token is configured: set staff.token_file or staff.token_sha256.",
            )
        })?;
        if staff.is(bearer(parts)) { Ok(Self) } else { Err(Code::Unauthorised.into()) }
    }
}

/// The bearer token that was shown; empty without one.
fn bearer(parts: &Parts) -> &str {
    let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.split_once(' '));
    token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim())
}
