//! Which pages may read answers: those of the site's declared origins, with credentials.
//!
//! This is the browser's half. That a decision must come from a declared origin is checked again where it is taken.

use crate::app::App;
use assent_core::ids::SiteId;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The layer for everything below `/v1/{site}/`.
pub(super) fn layer(app: Arc<App>) -> CorsLayer {
    let declared = move |origin: &HeaderValue, parts: &Parts| {
        let site = site_of(parts.uri.path()).and_then(|id| app.sites.get(&id));
        let origin = origin.to_str().ok();
        site.is_some_and(|site| origin.is_some_and(|origin| site.file.allows_origin(origin)))
    };
    let subject = HeaderName::from_static(assent_core::wire::SUBJECT_HEADER);
    let key = HeaderName::from_static(super::idempotency::HEADER);
    let replayed = HeaderName::from_static(super::idempotency::REPLAYED);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(declared))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, key, subject])
        .expose_headers([header::LOCATION, header::RETRY_AFTER, replayed])
        .max_age(Duration::from_secs(600))
}

/// The site that an address below `/v1/` names.
pub(super) fn site_of(path: &str) -> Option<SiteId> {
    SiteId::new(path.strip_prefix("/v1/")?.split('/').next()?).ok()
}
