//! Ctrl-C and SIGTERM: everything that lasts asks here, so that a run that is stopped takes its servers and files with it.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Begins to listen for signals.
pub(crate) fn listen() -> Result<()> {
    Ok(ctrlc::set_handler(|| STOPPED.store(true, Ordering::Relaxed))?)
}

/// An error once a signal came.
pub(crate) fn check() -> Result<()> {
    ensure!(!STOPPED.load(Ordering::Relaxed), "stopped by a signal");
    Ok(())
}
