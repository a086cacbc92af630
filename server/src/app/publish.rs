//! Publication: at an interval that each site sets, the newest checkpoint becomes the public one, with the cosignatures that
//! the site's witnesses gave in time.
//!
//! Receipts do not wait for it: they carry the checkpoint that covers them. A witness that is slow or away holds up nothing: the
//! checkpoint is published with the log's own signature, and asked about again with the next one. What was published last is kept
//! in a file, so that a restart does not show an older head, nor one with fewer cosignatures.

use super::App;
use super::sites::Site;
use crate::data_dir::replace_file;
use crate::deliver::witness::{Cosigned, DEFAULT_TIMEOUT, Witnesses};
use anyhow::Context as _;
use assent_core::checkpoint::{Checkpoint, SignedCheckpoint};
use assent_core::policy::Quorum;
use assent_core::site::SiteFile;
use assent_ledger::Ledger;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How often it is looked whose checkpoint is due.
const TICK: Duration = Duration::from_millis(200);

/// What a site's public checkpoint is, and who is asked to cosign the next.
#[derive(Debug)]
pub struct Publication {
    interval: Duration,
    /// Where the last one is kept.
    file: PathBuf,
    witnesses: Option<Witnesses>,
    public: RwLock<Public>,
    /// When the next one is due.
    due: Mutex<Instant>,
    /// Questions to witnesses that brought no cosignature.
    failures: AtomicU64,
}

/// A public checkpoint.
#[derive(Debug, Clone)]
struct Public {
    note: Arc<str>,
    size: u64,
    cosignatures: usize,
}

impl Publication {
    /// For a site, beginning with what was published last, if that is still of this log.
    ///
    /// # Errors
    /// When the witnesses' policy cannot be used; publishing the site file refuses such a one.
    pub fn new(file: &SiteFile, ledger: &Ledger, kept: PathBuf) -> anyhow::Result<Self> {
        let witnesses = match file.log.policy(&ledger.vkey().to_string())? {
            Some(policy) => Some(Witnesses::new(policy, DEFAULT_TIMEOUT)?),
            None => None,
        };
        let public = last(ledger, &kept).unwrap_or_else(|| {
            let note = ledger.checkpoint();
            Public { size: ledger.size(), note, cosignatures: 0 }
        });
        Ok(Self {
            interval: Duration::from_secs(file.log.checkpoint_seconds.into()),
            file: kept,
            witnesses,
            public: RwLock::new(public),
            due: Mutex::new(Instant::now()),
            failures: AtomicU64::new(0),
        })
    }

    /// The public checkpoint: a note's text.
    #[must_use]
    pub fn note(&self, ledger: &Ledger) -> Arc<str> {
        if self.interval.is_zero() {
            return ledger.checkpoint();
        }
        self.public().note
    }

    /// The public checkpoint, when witnesses cosigned it and it covers entry `index`.
    #[must_use]
    pub fn cosigned_over(&self, index: u64) -> Option<Arc<str>> {
        let public = self.public();
        (public.cosignatures > 0 && public.size > index).then_some(public.note)
    }

    /// Entries under the public checkpoint.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.public().size
    }

    /// Witnesses that cosigned the public checkpoint.
    #[must_use]
    pub fn cosignatures(&self) -> usize {
        self.public().cosignatures
    }

    /// Questions to witnesses that brought no cosignature, since the start.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn public(&self) -> Public {
        self.public.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is time; the next time is then an interval away.
    fn is_due(&self) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now < *due {
            return false;
        }
        *due = now + self.interval.max(TICK);
        true
    }

    /// Publishes the newest checkpoint, if there is a newer one or one that lacks cosignatures. Blocks for as long as witnesses
    /// may take.
    ///
    /// # Errors
    /// When it could not be kept in its file; then it is not public either.
    pub fn publish(&self, ledger: &Ledger, site: &str) -> anyhow::Result<()> {
        let before = self.public();
        let note = ledger.checkpoint();
        let signed = Checkpoint::verify(&note, ledger.vkey())?;
        let size = signed.checkpoint().size;
        let wanted = self.witnesses.as_ref().map_or(0, |witnesses| witnesses.policy().witnesses().count());
        if size < before.size || (size == before.size && before.cosignatures >= wanted) {
            return Ok(());
        }
        let mut public = Public { note, size, cosignatures: 0 };
        if let Some(witnesses) = &self.witnesses {
            let Cosigned { checkpoint, assessment, failed } =
                witnesses.cosign(&signed, |old| Ok(ledger.consistency(old, size)?));
            for failure in &failed {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let cause = format!("{:#}", anyhow::anyhow!("{}", failure.reason));
                tracing::warn!(site, witness = failure.witness, cause, "a witness did not cosign");
            }
            if assessment.quorum == Quorum::Missing {
                tracing::warn!(
                    site,
                    size,
                    cosigned = assessment.cosigned_by.len(),
                    "published without a quorum"
                );
            }
            public.cosignatures = assessment.cosigned_by.len();
            public.note = checkpoint.note().to_string().into();
        }
        if size == before.size && public.cosignatures <= before.cosignatures {
            return Ok(());
        }
        replace_file(&self.file, public.note.as_bytes())?;
        *self.public.write().unwrap_or_else(PoisonError::into_inner) = public;
        Ok(())
    }
}

/// What was published last, if the log has grown from it.
fn last(ledger: &Ledger, kept: &PathBuf) -> Option<Public> {
    let note = std::fs::read_to_string(kept).ok()?;
    let signed: SignedCheckpoint = Checkpoint::verify(&note, ledger.vkey()).ok()?;
    let head = signed.checkpoint();
    let grown = ledger.root(head.size).ok()? == head.root && head.size <= ledger.size();
    let cosignatures = signed.note().signatures().len().saturating_sub(1);
    grown.then(|| Public { note: note.into(), size: head.size, cosignatures })
}

/// Publishes each site's checkpoints when they are due, until the app stops.
pub async fn whenever_due(app: Arc<App>) {
    loop {
        tokio::time::sleep(TICK).await;
        for site in app.sites.all() {
            if !site.publication.is_due() {
                continue;
            }
            // A site whose witnesses are slow must not keep another's checkpoint back.
            drop(tokio::task::spawn_blocking(move || publish(&site)));
        }
    }
}

fn publish(site: &Site) {
    let published = site.publication.publish(&site.ledger, site.file.id.as_str());
    if let Err(error) = published.context("the checkpoint was not published") {
        tracing::error!(site = %site.file.id, cause = format!("{error:#}"), "the checkpoint was not published");
    }
}
