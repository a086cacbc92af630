//! What whoever keeps the machine is told when a log stands still: a line for each cause, not one for each request that comes.
//!
//! A batch that was not stored has its own line each time (`shared.rs`).

use std::error::Error;

use assent_core::ids::SiteId;

use crate::error::causes;

/// The cause that was told last, until what failed goes well again.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Option<String>);

impl Complaint {
    /// Tells of a failure, unless that was the last thing it told.
    pub(crate) fn tell(&mut self, site: &SiteId, what: &str, error: &(dyn Error + 'static)) {
        let cause = causes(error);
        if self.0.as_ref() != Some(&cause) {
            tracing::error!(%site, cause, "{what}");
            self.0 = Some(cause);
        }
    }

    /// It went well.
    pub(crate) fn ends(&mut self) {
        self.0 = None;
    }
}
