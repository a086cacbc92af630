//! For operators and developers: health, metrics, reference.

pub(super) mod health;
pub(super) mod metrics;
pub(super) mod reference;
