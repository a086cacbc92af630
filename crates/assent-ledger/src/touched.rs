//! What changed while somebody copies: numbers of parts, noted where the change is made, so that only those are copied again.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Notes touched parts, while somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Touched(Mutex<Option<BTreeSet<u64>>>);

impl Touched {
    /// Begins to note. False when somebody else already watches.
    pub(crate) fn begin(&self) -> bool {
        let mut noted = self.noted();
        let free = noted.is_none();
        noted.get_or_insert_default();
        free
    }

    /// Notes that a part changed; to be called after the change can be read.
    pub(crate) fn note(&self, part: u64) {
        self.noted().as_mut().map(|noted| noted.insert(part));
    }

    /// What was touched since the last call; nothing when it is not known any more.
    pub(crate) fn take(&self) -> Option<BTreeSet<u64>> {
        self.noted().as_mut().map(std::mem::take)
    }

    /// Ends it: nobody watches any more, or what is stored is not known.
    pub(crate) fn end(&self) {
        *self.noted() = None;
    }

    fn noted(&self) -> MutexGuard<'_, Option<BTreeSet<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
