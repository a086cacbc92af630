//! Requests in, answers out: the only part that knows statuses and headers.
//!
//! [`router`] lists every address; [`error`] is every way to say no. Handlers parse, call one use-case of
//! [`crate::app`] and show its result; they decide nothing.

mod router;

pub mod error;
mod mapping;

mod cookies;
mod extract;
mod idempotency;
mod language;

mod cors;
mod headers;

mod ops;
mod pages;
mod public;
mod staff;

mod witness;

pub mod openapi;
mod schema;

pub use router::router;
#[cfg(feature = "no-storage")]
pub use router::without_storage;
pub use staff::{AlertsEnded, Checked, Purged, SiteFileApplied, SpaceReclaimed};
pub use witness::witness_router;
