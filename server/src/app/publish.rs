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
use assent_core::checkpoint::Checkpoint;
use assent_core::policy::Quorum;
use assent_core::site::SiteFile;
use assent_ledger::{Ledger, causes};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// Whether one is on its way.
    under_way: AtomicBool,
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
    /// When the witnesses' policy cannot be used (publishing the site file refuses such a one), and when the log is not what was public:
    /// it was rolled back, and going on would show two histories to those who saw the first.
    pub fn new(file: &SiteFile, ledger: &Ledger, kept: PathBuf) -> anyhow::Result<Self> {
        let witnesses = match file.log.policy(&ledger.vkey().to_string())? {
            Some(policy) => Some(Witnesses::new(policy, DEFAULT_TIMEOUT)?),
            None => None,
        };
        let public = last(ledger, &kept, witnesses.as_ref())?.unwrap_or_else(|| {
            let note = ledger.checkpoint();
            Public { size: ledger.size(), note, cosignatures: 0 }
        });
        Ok(Self {
            interval: Duration::from_secs(file.log.checkpoint_seconds.into()),
            file: kept,
            witnesses,
            public: RwLock::new(public),
            due: Mutex::new(Instant::now()),
            under_way: AtomicBool::new(false),
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

    /// Whether it is time, there is something to publish, and nobody is at it: then whoever asked is, until [`Self::ended`]. The next time
    /// is an interval after `now`.
    pub fn begins(&self, ledger: &Ledger, now: Instant) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.public();
        let news = ledger.size() > before.size || before.cosignatures < self.wanted();
        if now < *due || !news || self.under_way.swap(true, Ordering::Relaxed) {
            return false;
        }
        *due = now + self.interval.max(TICK);
        true
    }

    /// Whoever was at it is no more.
    pub fn ended(&self) {
        self.under_way.store(false, Ordering::Relaxed);
    }

    /// How many witnesses are asked.
    fn wanted(&self) -> usize {
        self.witnesses.as_ref().map_or(0, |witnesses| witnesses.policy().witnesses().count())
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
        if size < before.size || (size == before.size && before.cosignatures >= self.wanted()) {
            return Ok(());
        }
        let mut public = Public { note, size, cosignatures: 0 };
        if let Some(witnesses) = &self.witnesses {
            let Cosigned { checkpoint, assessment, failed } =
                witnesses.cosign(&signed, |old| Ok(ledger.consistency(old, size)?));
            for failure in &failed {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let cause = causes(&failure.reason);
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

/// What was published last. Nothing where that cannot be read, or is not all by this log and its witnesses: then it is published anew.
///
/// Makes sure that the log grew from a head that was public.
///
/// # Errors
/// The log has not grown from it.
fn last(ledger: &Ledger, kept: &Path, witnesses: Option<&Witnesses>) -> anyhow::Result<Option<Public>> {
    let Ok(note) = std::fs::read_to_string(kept) else { return Ok(None) };
    let Ok(signed) = Checkpoint::verify(&note, ledger.vkey()) else { return Ok(None) };
    has_grown(ledger, signed.checkpoint(), kept)?;
    let cosignatures = match witnesses {
        None => 0,
        Some(witnesses) => match witnesses.policy().assess(&signed) {
            Ok(assessment) => assessment.cosigned_by.len(),
            Err(_) => return Ok(None),
        },
    };
    let is_known = signed.note().signatures().len() == 1 + cosignatures;
    let size = signed.checkpoint().size;
    Ok(is_known.then(|| Public { note: note.into(), size, cosignatures }))
}

/// # Errors
/// The log has not grown from a head of its own that was public, as the file `kept` says.
pub(crate) fn has_grown(ledger: &Ledger, head: &Checkpoint, kept: &Path) -> anyhow::Result<()> {
    let grown = head.size <= ledger.size() && ledger.root(head.size)? == head.root;
    anyhow::ensure!(
        grown,
        "the log was rolled back or replaced: it has {} entries, and `{}`, signed with its own key, says that {} were public. Restore store, \
         checkpoints and keys from one backup that is newer; only if there is none, move that file away: whoever saw those entries can \
         then prove that the log has two histories",
        ledger.size(),
        kept.display(),
        head.size
    );
    Ok(())
}

/// Publishes each site's checkpoints when they are due, until the app stops.
pub async fn whenever_due(app: Arc<App>) {
    loop {
        tokio::time::sleep(TICK).await;
        for site in app.sites.all() {
            if !site.publication.begins(&site.ledger, Instant::now()) {
                continue;
            }
            // On a thread of its own: a site whose witnesses are slow must keep back neither another's checkpoint nor anybody's
            // decision, which has the runtime's threads, nor the server's end.
            let at_it = Arc::clone(&site);
            let thread = std::thread::Builder::new().name(format!("publish-{}", site.file.id));
            if let Err(error) = thread.spawn(move || publish(&at_it)) {
                site.publication.ended();
                tracing::error!(site = %site.file.id, cause = %error, "the checkpoint was not published");
            }
        }
    }
}

fn publish(site: &Site) {
    let published = site.publication.publish(&site.ledger, site.file.id.as_str());
    site.publication.ended();
    if let Err(error) = published.context("the checkpoint was not published") {
        tracing::error!(site = %site.file.id, cause = format!("{error:#}"), "the checkpoint was not published");
    }
}
