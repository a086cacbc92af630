//! Works out what holds for every address of a log, beside everything else and after it: a thread that is nice.
//!
//! Nobody waits for it: whoever asks for an address that it has not come to has it worked out for them.

use crate::app::sites::Site;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

/// How much nicer it is than whoever answers.
const NICE: i32 = 10;

/// The thread, and its list.
#[derive(Debug)]
pub struct Preparer {
    /// Gone only while dropping. A site that is replaced before its turn is left out.
    sites: Mutex<Option<Sender<Weak<Site>>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Begins, with nothing to do.
    ///
    /// # Errors
    /// The thread cannot be had.
    pub fn begin(now: fn() -> u64) -> std::io::Result<Self> {
        let (sites, next) = channel::<Weak<Site>>();
        let ends = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("standings".into()).spawn({
            let ends = Arc::clone(&ends);
            move || {
                // Where it cannot be set, this is as urgent as everything else.
                let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
                for site in next {
                    if ends.load(Ordering::Relaxed) {
                        return;
                    }
                    prepare(&site, now, &ends);
                }
            }
        })?;
        Ok(Self { sites: Mutex::new(Some(sites)), ends, thread: Some(thread) })
    }

    /// Puts a site on the list.
    pub fn prepare(&self, site: &Arc<Site>) {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        // The thread ends only when this is dropped.
        sites.as_ref().map(|sites| sites.send(Arc::downgrade(site)));
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn prepare(site: &Weak<Site>, now: fn() -> u64, ends: &AtomicBool) {
    let Some(this) = site.upgrade() else { return };
    let began = std::time::Instant::now();
    let mut count = 0_u64;
    let goes_on = this.ledger.each_contact(&mut |address| {
        if this.standings.remembered(&this, address, now()).is_none() {
            // One that cannot be read is told of where it is asked for, and by the night's check.
            count += u64::from(this.standings.read(&this, address, now()).is_ok());
        }
        // Only this thread has it when another notice took its place.
        Ok(!ends.load(Ordering::Relaxed) && Arc::strong_count(&this) > 1)
    });
    match goes_on {
        Ok(true) => {
            this.standings.prepared.store(true, Ordering::Relaxed);
            tracing::info!(site = %this.file.id, count, seconds = began.elapsed().as_secs(), "standings are ready");
        }
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(site = %this.file.id, %error, "standings are worked out as they are asked for");
        }
    }
}
