//! What follows an answer, on a thread of its own so that nobody waits for it: the checkpoint's own file, and secrets
//! drawn ahead.
//!
//! An answered record is durable before this is told of it, so a crash here costs nothing: the store is ahead of the file
//! and `recover.rs` brings the file up. While the file cannot be written the log takes no decisions, because a roll-back
//! of the store could go unnoticed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::complaint::Complaint;
use crate::shared::Shared;

/// Checkpoints that come within this time are written as one: the file is about this long behind, and what the writes take. Each is an fdatasync
/// that decisions on the same disk wait for.
const PAUSE: Duration = Duration::from_millis(50);

/// What the attendant is to do next. The newest checkpoint counts; older ones need no writing.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    next: Mutex<Next>,
    woken: Condvar,
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct Next {
    checkpoint: Option<Arc<str>>,
    ends: bool,
}

impl Errands {
    /// A newer checkpoint was signed.
    pub(crate) fn checkpoint(&self, checkpoint: Arc<str>) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).checkpoint = Some(checkpoint);
        self.woken.notify_one();
    }

    /// Do what is left and end.
    pub(crate) fn end(&self) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).ends = true;
        self.woken.notify_one();
    }

    /// Whether the last errand failed. Asked once, it is the asker's to recover.
    pub(crate) fn take_failure(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }
}

/// Runs until it is told to end.
pub(crate) fn attend(shared: &Shared) {
    let (mut keys, mut files) = (Complaint::default(), Complaint::default());
    loop {
        match shared.keys.draw_ahead(&*shared.outside.random) {
            Ok(()) => keys.ends(),
            Err(error) => {
                // The sequencer will hear of it when it needs one.
                shared.stats.errand_failed();
                keys.tell(&shared.config.site, "no secrets could be drawn ahead", &error);
            }
        }
        let (checkpoint, ends) = {
            let mut next = shared.errands.next.lock().unwrap_or_else(PoisonError::into_inner);
            while next.checkpoint.is_none() && !next.ends {
                next = shared.errands.woken.wait(next).unwrap_or_else(PoisonError::into_inner);
            }
            (next.checkpoint.take(), next.ends)
        };
        if let Some(checkpoint) = checkpoint {
            let mut file = shared.checkpoint_file.lock().unwrap_or_else(PoisonError::into_inner);
            match file.write(&checkpoint) {
                Ok(()) => files.ends(),
                Err(error) => {
                    shared.errands.failed.store(true, Ordering::Release);
                    shared.stats.errand_failed();
                    files.tell(&shared.config.site, "the checkpoint's file could not be written", &error);
                }
            }
        }
        if ends {
            return;
        }
        let next = shared.errands.next.lock().unwrap_or_else(PoisonError::into_inner);
        drop(shared.errands.woken.wait_timeout_while(next, PAUSE, |next| !next.ends));
    }
}
