//! One site's log, as the server sees it: begin, open, append, let leave; reading is in `ledger/read.rs`.
//!
//! Writing is `append.rs`, erasing `erase.rs`, purging `retention.rs` and `purge.rs`. Not here: who may ask.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::EMPTY_ROOT;
use assent_core::note::{SignerKey, VerifierKey};
use assent_core::subject::SubjectId;
use crossbeam_channel::{Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::attendant::{self, Errands};
use crate::changes::Changes;
use crate::checkpoint_file::CheckpointFile;
use crate::draft::{Appended, Draft, LogConfig, Progress, Published, PublishedNotice};
use crate::erase::{self, ForSubject, Hold, Jobs, MarkContact, Settle, Tell, Wish};
use crate::error::{AppendError, CreateError, ErasureError, ImportError, OpenError, ReadError};
use crate::import::{self, Import};
use crate::keys::{KeyStore, OperatorKey};
use crate::outside::Outside;
use crate::owed::{self, Owed, Reclaiming};
use crate::recover::recover;
use crate::request::{Answer, Change, Request};
use crate::retention::{self, PurgePlan, Retention};
use crate::sequence::sequence;
use crate::shared::Shared;
use crate::stats::Stats;
use crate::store::{Batch, DocumentKind, GoneReason, Head, MarkEntry, MarkKind, Row, RowBody, Store};
use crate::touched::Touched;
use crate::tree::Pieces;

mod read;
#[cfg(test)]
mod tests;

/// How long after a batch that could not be stored the log counts as not taking decisions, in milliseconds, unless one is.
const FAILED_MS: u64 = 60_000;

/// One site's log. Share it with `Arc`; dropping the last one finishes what is queued and ends its thread.
///
/// What changes the log goes through the sequencer's thread, one after the other; what reads it never waits for a commit. Readers see
/// what is under the newest checkpoint, and nothing after it.
/// Reading methods block for as long as a disk read takes.
#[derive(Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
    /// Gone only while dropping.
    queue: Option<Sender<Request>>,
    sequencer: Option<JoinHandle<()>>,
    attendant: Option<JoinHandle<()>>,
}

impl Ledger {
    /// Begins a site's log: keys, empty log in the store, first signed checkpoint. The only way a history starts.
    ///
    /// A crash in between leaves keys without a log, or an empty log without a checkpoint: a second call takes the
    /// keys, and [`Self::open`] signs the checkpoint.
    ///
    /// # Errors
    /// [`CreateError`]; `Exists` when there is a log.
    pub fn create(
        config: LogConfig,
        store: Arc<dyn Store>,
        operator: &OperatorKey,
        outside: Outside,
    ) -> Result<Self, CreateError> {
        let site = config.site.to_string();
        if store.head(&config.site).map_err(|error| CreateError::Store(error.into()))?.is_some() {
            return Err(CreateError::Exists { site });
        }
        let checkpoint = config.checkpoint.exists().then(|| config.checkpoint.clone());
        if let Some(path) = checkpoint.or_else(|| KeyStore::used_segment(&config.keys)) {
            return Err(CreateError::Leftovers { site, path });
        }
        if SignerKey::from_seed(&config.origin, &[0; 32]).is_err() {
            return Err(CreateError::BadOrigin { origin: config.origin });
        }
        KeyStore::create(&config.keys, &config.site, operator, &*outside.random)?;
        let head = Head { size: 0, root: EMPTY_ROOT, time: 0, secrets: 0 };
        let begin = Batch { expected: None, ..Batch::new(config.site.clone(), head) };
        store.commit(begin).map_err(|error| CreateError::Store(error.into()))?;
        Ok(Self::open(config, store, operator, outside)?)
    }

    /// Takes over a log of another instance, with everything but its signing key: it is kept, proven and exported here as it was
    /// there, and nothing is appended to it. An import that was cut short goes on where it stopped.
    ///
    /// # Errors
    /// [`ImportError`]; `Create(Exists)` when the site has a log.
    pub fn import(
        config: LogConfig,
        store: Arc<dyn Store>,
        operator: &OperatorKey,
        outside: Outside,
        from: Import<'_>,
    ) -> Result<Self, ImportError> {
        import::import(&config, &store, operator, &outside, from)?;
        Ok(Self::open(config, store, operator, outside).map_err(CreateError::Open)?)
    }

    /// Opens a site's log: compares store, checkpoint file and keys, repairs what a crash can leave, and refuses
    /// what it cannot, naming the way out.
    ///
    /// # Errors
    /// [`OpenError`]; `NoLog` when the site has none.
    pub fn open(
        config: LogConfig,
        store: Arc<dyn Store>,
        operator: &OperatorKey,
        outside: Outside,
    ) -> Result<Self, OpenError> {
        let site = config.site.to_string();
        store.head(&config.site)?.ok_or(OpenError::NoLog { site: site.clone() })?;
        let keys = KeyStore::open(&config.keys, &config.site, operator)?;
        let bad_origin = |source| OpenError::BadOrigin { origin: config.origin.clone(), source };
        let (signer, vkey) = match store.mark(&config.site, MarkKind::Imported, b"")? {
            Some(vkey) => (None, VerifierKey::parse(&String::from_utf8_lossy(&vkey)).map_err(bad_origin)?),
            None => {
                let signer =
                    SignerKey::from_seed(&config.origin, &keys.signing_seed()).map_err(bad_origin)?;
                let vkey = signer.verifier();
                (Some(signer), vkey)
            }
        };
        let (checkpoint_file, _) = CheckpointFile::open(&config.checkpoint)
            .map_err(|source| OpenError::CheckpointFile { path: config.checkpoint.clone(), source })?;
        let shared = Arc::new(Shared {
            store,
            keys,
            vkey,
            signer,
            outside,
            checkpoint_file: Mutex::new(checkpoint_file),
            published: RwLock::new(Published { size: 0, root: EMPTY_ROOT, checkpoint: "".into() }),
            writable: AtomicBool::new(true),
            failed_at: AtomicU64::new(0),
            stats: Stats::default(),
            pieces: Pieces::default(),
            errands: Errands::default(),
            touched: Touched::default(),
            changes: Changes::default(),
            purged: RwLock::default(),
            purging: Mutex::default(),
            wishes: AtomicU64::new(0),
            returned: Mutex::default(),
            closed: RwLock::default(),
            config,
        });
        let tail = recover(&shared)?;
        let (sender, receiver) = bounded(shared.config.queue.max(1));
        let sequencer = std::thread::Builder::new().name(format!("log-{site}")).spawn({
            let shared = Arc::clone(&shared);
            move || sequence(&shared, &receiver, tail)
        });
        let sequencer = sequencer.map_err(OpenError::Thread)?;
        let attendant = std::thread::Builder::new().name(format!("tend-{site}")).spawn({
            let shared = Arc::clone(&shared);
            move || attendant::attend(&shared)
        });
        let attendant = attendant.map_err(OpenError::Thread)?;
        let (sequencer, attendant) = (Some(sequencer), Some(attendant));
        Ok(Ledger { shared, queue: Some(sender), sequencer, attendant })
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &SiteId {
        &self.shared.config.site
    }

    /// The log's name: its key's name and its checkpoints' first line.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.config.origin
    }

    /// The log's public key; its text form is the published vkey.
    #[must_use]
    pub fn vkey(&self) -> &VerifierKey {
        &self.shared.vkey
    }

    /// Records a decision. The future ends when the record is durable and under a signed checkpoint, whose own file follows.
    ///
    /// The draft is queued at once, before the future is first polled, and is recorded even if the future is
    /// dropped. Needs no runtime. A replay reads the store in the future's `poll`, for as long as a disk read takes.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn append(
        &self,
        draft: Draft,
    ) -> impl Future<Output = Result<Appended, AppendError>> + Send + 'static + use<> {
        let shared = Arc::clone(&self.shared);
        let answer = if shared.takes_leaves() {
            self.enqueue(|reply| Request::Append(Box::new(draft), reply))
        } else {
            Err(AppendError::TakenOver)
        };
        async move {
            match answer?.await.unwrap_or(Err(AppendError::OutcomeUnknown))? {
                Answer::Recorded(recorded) => Ok(shared.appended(*recorded)),
                Answer::Replay(index) => {
                    shared.stats.replayed();
                    match shared.appended_before(index) {
                        Ok(Some(replay)) => Ok(replay),
                        // Whoever asked again and again would never come to what they say next.
                        Err(ReadError::Restricted { .. }) => Err(AppendError::Restricted),
                        Ok(None) if index < shared.published().size => Err(AppendError::Gone),
                        // It is recorded; only reading it back failed. Asking again is right.
                        Ok(None) | Err(_) => Err(AppendError::OutcomeUnknown),
                    }
                }
            }
        }
    }

    /// Publishes a notice document, unless it is the current one already. Durable like [`Self::append`].
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn publish_notice(
        &self,
        document: Vec<u8>,
    ) -> impl Future<Output = Result<PublishedNotice, AppendError>> + Send + 'static + use<> {
        self.publish(DocumentKind::Notice, document)
    }

    /// Publishes a document that says how keys or rules changed (leaf type 0x05), unless it says what the last one did.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn publish_change(
        &self,
        document: Vec<u8>,
    ) -> impl Future<Output = Result<PublishedNotice, AppendError>> + Send + 'static + use<> {
        self.publish(DocumentKind::Change, document)
    }

    fn publish(
        &self,
        kind: DocumentKind,
        document: Vec<u8>,
    ) -> impl Future<Output = Result<PublishedNotice, AppendError>> + Send + 'static + use<> {
        let answer = self.enqueue(|reply| Request::Publish(kind, document, reply));
        async move { answer?.await.unwrap_or(Err(AppendError::OutcomeUnknown)) }
    }

    /// Puts a request into the queue; answers where its outcome will be.
    fn enqueue<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, AppendError>>) -> Request,
    ) -> Result<oneshot::Receiver<Result<T, AppendError>>, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply))?;
        Ok(answer)
    }

    fn send(&self, request: Request) -> Result<(), AppendError> {
        let queue = self.queue.as_ref().ok_or(AppendError::Unavailable)?;
        match queue.try_send(request) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.shared.stats.refused_busy();
                Err(AppendError::Busy)
            }
            Err(TrySendError::Disconnected(_)) => {
                // The sequencer panicked; nothing will take decisions until the log is opened again.
                self.shared.stop();
                Err(AppendError::Unavailable)
            }
        }
    }

    /// A change to the log that is not a decision; the future ends when it is done.
    fn change<C: Change + 'static, F: FnOnce(erase::Reply<u64>) -> C>(
        &self,
        change: F,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<C, F> {
        let (reply, answer) = oneshot::channel();
        let sent = self.send(Request::Change(Box::new(change(reply))));
        async move {
            sent?;
            answer.await.unwrap_or(Err(AppendError::OutcomeUnknown.into()))
        }
    }

    fn for_subject(
        &self,
        subject: SubjectId,
        wish: Wish,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.change(move |reply| ForSubject { subject, wish, reply })
    }

    /// Erases a subject: every secret that opens its records is destroyed, and tombstones take the records' place. Leaves,
    /// proofs and everybody else's receipts stay as they were. With `suppress`, its contacts may not be written to
    /// afterwards (kept as keyed hashes only). Answers how many records that were; none is no error. Safe to repeat.
    ///
    /// # Errors
    /// [`ErasureError`]; `Held` while somebody holds the records.
    pub fn erase(
        &self,
        subject: SubjectId,
        reason: GoneReason,
        suppress: bool,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.for_subject(subject, Wish::Erase { reason, suppress })
    }

    /// Freezes a subject's records (UK GDPR Art 18): nobody reads them until [`Self::release`]. What the subject decides
    /// from now on is recorded as ever, and not frozen. `reason` is a code or reference, no personal data.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn restrict(
        &self,
        subject: SubjectId,
        reason: String,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.for_subject(subject, Wish::Restrict { reason })
    }

    /// Ends a restriction.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn release(
        &self,
        subject: SubjectId,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.for_subject(subject, Wish::Release)
    }

    /// How many records a subject has: restricted ones too, and none that was erased.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn records_of(&self, subject: &SubjectId) -> Result<u64, ReadError> {
        Ok(self.shared.store.records(&self.shared.config.site, subject)?.len() as u64)
    }

    /// Keeps a subject's records from erasure and purge, until [`Self::let_go`].
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn hold(
        &self,
        subject: SubjectId,
        hold: Hold,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.for_subject(subject, Wish::Hold(hold))
    }

    /// Changes nothing, and ends once nothing is under way whose outcome is unknown: then what can be read is what there is.
    ///
    /// # Errors
    /// [`ErasureError`]: it is still not known.
    pub fn settle(&self) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.change(Settle)
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn let_go(
        &self,
        subject: SubjectId,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.for_subject(subject, Wish::LetGo)
    }

    /// Says that a contact may (not) be written to, whatever else is recorded. Kept as a keyed hash, and outlives erasure.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn suppress(
        &self,
        contact: Hash,
        on: bool,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.change(move |reply| MarkContact { kind: MarkKind::Suppressed, contact, on, reply })
    }

    /// Says that messages to a contact (no longer) come back. Kept as a keyed hash, and outlives erasure.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn set_bounced(
        &self,
        contact: Hash,
        on: bool,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.change(move |reply| MarkContact { kind: MarkKind::Bounced, contact, on, reply })
    }

    /// Keeps jobs (with a value) and takes done ones away (without), all or none. Durable when the future ends; kept until taken
    /// away, across restarts and in backups. Nothing here looks into them: they must hold no personal data in clear.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn set_jobs(
        &self,
        jobs: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.change(move |reply| Jobs { jobs, personal: false, reply })
    }

    /// Takes jobs away that say something about somebody, sealed: as [`Self::set_jobs`], and their bytes are let go of like those of what
    /// was erased ([`Self::owed`]).
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn forget_jobs(
        &self,
        keys: Vec<Vec<u8>>,
    ) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        let jobs = keys.into_iter().map(|key| (key, None)).collect();
        self.change(move |reply| Jobs { jobs, personal: true, reply })
    }

    /// Whether something went (erased, purged, forgotten) since the store was last reclaimed, and since when.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn owed(&self) -> Result<Owed, ReadError> {
        owed::owed(&self.shared)
    }

    /// Notes that the store is about to be reclaimed, or, with `done`, that it was: then only what went since it began is owed. Blocks;
    /// not to be called from an async task.
    ///
    /// # Errors
    /// [`ErasureError`]; then it stays owed.
    pub fn note_reclaim(&self, done: bool) -> Result<(), ErasureError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Change(Box::new(Reclaiming { done, reply })))?;
        retention::heard(answer).map(drop)
    }

    /// One job that is kept.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn job(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.shared.store.mark(self.site(), MarkKind::Job, key)?)
    }

    /// Every job that is kept, by key.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn jobs(&self) -> Result<Vec<MarkEntry>, ReadError> {
        Ok(self.shared.store.marks(self.site(), MarkKind::Job)?)
    }

    /// Appends the leaf that tells of erasures which none tells of yet. Once a day is right: more often would show which
    /// entries went together. Answers how many were told; without any there is no leaf.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn tell_erasures(&self) -> impl Future<Output = Result<u64, ErasureError>> + Send + 'static + use<> {
        self.change(Tell)
    }

    /// What a purge would do now. Changes nothing. Blocks for as long as it takes to read every row.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub fn purge_plan(
        &self,
        retention: &Retention<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PurgePlan, ErasureError> {
        retention::purge(&self.shared, retention, None, progress)
    }

    /// Purges every month that is over: its records that are due can never be opened again, wherever copies of them lie.
    /// Blocks; not to be called from an async task. Safe to repeat, and to be cut short.
    ///
    /// # Errors
    /// [`ErasureError`]; what was purged before stays purged.
    pub fn purge(
        &self,
        retention: &Retention<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PurgePlan, ErasureError> {
        retention::purge(&self.shared, retention, Some(&|request| self.send(request)), progress)
    }

    /// What takes a row's place when the store is reclaimed: a tombstone for a record whose month was purged.
    #[must_use]
    pub fn replaces(&self, row: &Row) -> Option<Row> {
        let period = row.record()?.period;
        // While nobody knows whether a purge is in the store, its month is closed, and its rows are kept.
        let month = self.shared.purged_month(period).filter(|month| month.landed)?;
        Some(Row { body: RowBody::Gone(month.tombstone(period)), ..row.clone() })
    }

    /// Whether the log takes decisions, or would, had it not been taken over. False from an unknown outcome or a damaged store until it
    /// was recovered, which is tried by itself with each new request; and for a minute after a batch that could not be stored (a full
    /// disk), unless one was since.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let failed_at = self.shared.failed_at.load(Ordering::Relaxed);
        let failed = failed_at > 0 && self.shared.outside.clock.now().saturating_sub(failed_at) < FAILED_MS;
        self.shared.writable.load(Ordering::Relaxed) && !failed
    }

    /// Whether the log was taken over from another instance: it is whole, and takes nothing more.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.shared.signer.is_none()
    }

    /// Counters for metrics.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(sequencer) = self.sequencer.take() {
            // A sequencer that panicked has nothing left to finish.
            drop(sequencer.join());
        }
        self.shared.errands.end();
        if let Some(attendant) = self.attendant.take() {
            drop(attendant.join());
        }
    }
}
