//! For operators and developers: health, metrics, reference, schemas.

pub(super) mod health;
pub(super) mod metrics;
pub(super) mod reference;
pub(super) mod schemas;
