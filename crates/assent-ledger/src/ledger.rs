//! One site's log, as the server sees it: begin, open, append, read, prove, let leave.
//!
//! Writing is `append.rs`, erasing `erase.rs`, purging `retention.rs`; exports and the check have modules of their own. Not
//! here: who may ask.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::Write;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::Leaf;
use assent_core::decision::Act;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{self, EMPTY_ROOT};
use assent_core::note::{SignerKey, VerifierKey};
use assent_core::notice::Channel;
use assent_core::proof::TlogProof;
use assent_core::receipt::Receipt;
use assent_core::record::Record;
use assent_core::subject::SubjectId;
use assent_core::tile::{TILE_WIDTH, Tile, encode_bundle, encode_hashes};
use crossbeam_channel::{Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::append::Recorded;
use crate::attendant::{self, Errands};
use crate::backup::{self, CopyError, LogCopy, Parts};
use crate::changes::{ChangePlace, Changes, Moment};
use crate::checkpoint_file::CheckpointFile;
use crate::draft::{
    Appended, CheckReport, Draft, ExportFilter, ExportSummary, LogConfig, NoticeVersion, Opened, Progress,
    Published, PublishedNotice, Shown,
};
use crate::erase::{self, ForSubject, Hold, Jobs, MarkContact, Restriction, Settle, Tell, Wish};
use crate::error::{
    AppendError, CheckError, CreateError, ErasureError, ExportError, ImportError, OpenError, ReadError,
};
use crate::follow::{self, Entry};
use crate::id::ReceiptId;
use crate::import::{self, Import};
use crate::keys::{KeyStore, OperatorKey, Slot};
use crate::outside::Outside;
use crate::owed::{self, Owed, Reclaiming};
use crate::recover::recover;
use crate::request::{Answer, Change, Request};
use crate::retention::{self, PurgePlan, Retention};
use crate::seal::{Content, Place};
use crate::sequence::sequence;
use crate::stats::Stats;
use crate::store::{
    Batch, DocumentKind, Gone, GoneReason, Head, MarkEntry, MarkKind, RecordRef, RecordRow, Row, RowBody,
    Store,
};
use crate::touched::Touched;
use crate::tree::{Pieces, StoredTree};
use crate::{check, export, export_csv};

/// One site's log. Share it with `Arc`; dropping the last one finishes what is queued and ends its thread.
///
/// Only `append` and `publish_notice` write, and only through the sequencer's thread; every other method reads the
/// store and never waits for a commit. Readers see what is under the newest checkpoint, and nothing after it.
/// Reading methods block for as long as a disk read takes.
#[derive(Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
    /// Gone only while dropping.
    queue: Option<Sender<Request>>,
    sequencer: Option<JoinHandle<()>>,
    attendant: Option<JoinHandle<()>>,
}

/// How long after a batch that could not be stored the log counts as not taking decisions, in milliseconds, unless one is.
const FAILED_MS: u64 = 60_000;

/// Contacts that are in memory at once where all of them are looked at.
const CONTACTS_AT_ONCE: usize = 1024;

/// What the sequencer and readers have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: LogConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: KeyStore,
    pub(crate) vkey: VerifierKey,
    pub(crate) outside: Outside,
    pub(crate) checkpoint_file: Mutex<CheckpointFile>,
    pub(crate) stats: Stats,
    pub(crate) errands: Errands,
    /// Parts of entries whose rows were replaced, while a copy is made.
    pub(crate) touched: Touched,
    /// For whoever remembers what was worked out about somebody.
    pub(crate) changes: Changes,
    /// Of the tree, for proofs.
    pieces: Pieces,
    /// Months that were purged: no row under them may be opened.
    purged: RwLock<BTreeMap<u32, PurgedMonth>>,
    /// Held while a purge is under way: one at a time.
    pub(crate) purging: Mutex<()>,
    /// Counts what was wished for subjects: a purge must not go by what was so before.
    wishes: AtomicU64,
    /// Who came back while a purge is under way, in that order: they must not lose what their new record goes on from.
    returned: Mutex<Option<Vec<Returned>>>,
    /// Slots of subjects whose restriction is under way: nobody reads them, whatever the keystore says.
    closed: RwLock<BTreeSet<u64>>,
    /// Nothing for a log that was taken over: its key stayed where it came from.
    signer: Option<SignerKey>,
    published: RwLock<Published>,
    writable: AtomicBool,
    /// When a batch could not be stored, by our clock in milliseconds, and none was since; else 0.
    failed_at: AtomicU64,
}

/// Under what somebody came back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Returned {
    /// The same subject.
    Subject(SubjectId),
    /// An address, perhaps as another subject.
    Contact(Hash),
}

/// A month that was purged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PurgedMonth {
    /// When: days since 1970.
    pub(crate) day: u32,
    /// The index of the leaf that tells of it, if there was something to tell.
    pub(crate) leaf: u64,
    /// Whether it is known to be in the store.
    pub(crate) landed: bool,
}

impl PurgedMonth {
    fn tombstone(self, period: u32) -> Gone {
        Gone { reason: GoneReason::Retention, day: self.day, period }
    }
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

    /// The hold on a subject's records.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn hold_of(&self, subject: &SubjectId) -> Result<Option<Hold>, ReadError> {
        erase::hold_of(&self.shared, subject)
    }

    /// The restriction of a subject's records.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn restriction_of(&self, subject: &SubjectId) -> Result<Option<Restriction>, ReadError> {
        erase::restriction_of(&self.shared, subject)
    }

    /// Every hold, by subject.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn holds(&self) -> Result<Vec<(SubjectId, Hold)>, ReadError> {
        let held = self.shared.store.marks(self.site(), MarkKind::Held)?;
        let parse = |(key, value): (Vec<u8>, Vec<u8>)| {
            let subject = SubjectId(key.try_into().ok()?);
            Some((subject, serde_json::from_slice(&value).ok()?))
        };
        let damaged = || ReadError::Store(crate::store::StoreError::damaged("read a hold"));
        held.into_iter().map(|held| parse(held).ok_or_else(damaged)).collect()
    }

    /// Since when a contact may not be written to: milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn suppressed(&self, contact: &Hash) -> Result<Option<u64>, ReadError> {
        self.marked(MarkKind::Suppressed, contact)
    }

    /// Since when messages to a contact come back: milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn bounced(&self, contact: &Hash) -> Result<Option<u64>, ReadError> {
        self.marked(MarkKind::Bounced, contact)
    }

    fn marked(&self, kind: MarkKind, contact: &Hash) -> Result<Option<u64>, ReadError> {
        let value = self.shared.store.mark(self.site(), kind, &contact.0)?;
        Ok(value.and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?))))
    }

    /// Every contact that may not be written to, as its keyed hash, and since when (milliseconds since 1970 UTC).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn suppressions(&self) -> Result<Vec<(Hash, u64)>, ReadError> {
        let all = self.shared.store.marks(self.site(), MarkKind::Suppressed)?;
        let parse = |(key, value): MarkEntry| {
            Some((Hash(key.try_into().ok()?), u64::from_be_bytes(value.try_into().ok()?)))
        };
        let damaged = || ReadError::Store(crate::store::StoreError::damaged("read a suppression"));
        all.into_iter().map(|entry| parse(entry).ok_or_else(damaged)).collect()
    }

    /// A notice's document as it was published, now or once. Nothing for a hash that never was.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn notice(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.shared.store.document(self.site(), hash)?)
    }

    /// The notice published last, with its document.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn current_notice(&self) -> Result<Option<(NoticeVersion, Vec<u8>)>, ReadError> {
        let Some(current) = self.notices()?.pop() else { return Ok(None) };
        let reason = "its notice document is missing";
        let missing = ReadError::Damaged { index: current.index, reason };
        Ok(Some((current, self.notice(&current.hash)?.ok_or(missing)?)))
    }

    /// Every publication of a notice, oldest first; the last is current.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn notices(&self) -> Result<Vec<NoticeVersion>, ReadError> {
        let size = self.size();
        let mut published = self.shared.store.published(self.site())?;
        published.retain(|document| document.kind == DocumentKind::Notice && document.index < size);
        let later = published.iter().skip(1).map(|next| Some(next.time)).chain([None]);
        let versions = published.iter().zip(later).map(|(notice, replaced)| NoticeVersion {
            hash: notice.hash,
            index: notice.index,
            published: notice.time,
            replaced,
        });
        Ok(versions.collect())
    }

    /// A receipt, byte for byte as it was first handed out. Nothing for an unknown one or another subject's.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn receipt(&self, subject: &SubjectId, id: ReceiptId) -> Result<Option<Appended>, ReadError> {
        match self.shared.store.record(self.site(), subject, id)? {
            Some(index) => self.shared.appended_before(index),
            None => Ok(None),
        }
    }

    /// A subject's newest record, also one that may not be opened. To be read before the history that a draft is worked
    /// out from.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn newest(&self, subject: &SubjectId) -> Result<Option<ReceiptId>, ReadError> {
        Ok(self.shared.store.newest(self.site(), subject)?.map(|record| record.id))
    }

    /// Everything a subject decided, oldest first. What is restricted or purged is left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn history(&self, subject: &SubjectId) -> Result<Vec<Opened>, ReadError> {
        let records = self.shared.store.records(self.site(), subject)?;
        self.open_all(records.into_iter().map(|record| record.index))
    }

    /// Every record that names a contact, oldest first, whoever's. What is restricted or purged is left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn by_contact(&self, contact: &Hash) -> Result<Vec<Opened>, ReadError> {
        self.open_all(self.shared.store.contact(self.site(), contact)?)
    }

    /// Whose the record with this id is, also where it may not be opened; nothing where it is gone or never was.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn subject_of(&self, id: ReceiptId) -> Result<Option<SubjectId>, ReadError> {
        // An id begins with its record's time, in whose order the log is.
        for index in self.first_since(id.time())?..self.size() {
            let row = self.shared.row(index)?;
            if row.time > id.time() {
                break;
            }
            if let Some(record) = row.record().filter(|record| record.id == id) {
                return Ok(Some(record.subject));
            }
        }
        Ok(None)
    }

    /// Every subject that named a contact, also where a record may not be opened, in the order they first did.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn subjects_of(&self, contact: &Hash) -> Result<Vec<SubjectId>, ReadError> {
        Ok(self.naming(contact)?.subjects)
    }

    /// What everybody who named a contact said: each of [`Self::subjects_of`] with their [`Self::history`], and whether more of it may not be
    /// read now.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn said_by(&self, contact: &Hash) -> Result<Vec<(SubjectId, Vec<Opened>, bool)>, ReadError> {
        let Naming { subjects, mut rows } = self.naming(contact)?;
        let size = self.size();
        let mut said = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let (mut history, mut frozen) = (Vec::new(), false);
            for RecordRef { index, .. } in self.shared.store.records(self.site(), &subject)? {
                if index < size {
                    let row = rows.remove(&index).map_or_else(|| self.shared.row(index), Ok)?;
                    match self.shared.inside(index, &row)? {
                        Inside::Record(content) => history.push(opened(index, &row, content)?),
                        Inside::Restricted => frozen = true,
                        Inside::Gone(_) | Inside::NoRecord => {}
                    }
                }
            }
            said.push((subject, history, frozen));
        }
        Ok(said)
    }

    fn naming(&self, contact: &Hash) -> Result<Naming, ReadError> {
        let mut naming = Naming::default();
        for index in self.shared.store.contact(self.site(), contact)? {
            let row = self.shared.row(index)?;
            let subject = row.record().map(|record| record.subject);
            naming.subjects.extend(subject.filter(|subject| !naming.subjects.contains(subject)));
            naming.rows.insert(index, row);
        }
        Ok(naming)
    }

    /// Now, for [`Self::unchanged_since`]: to be asked for before what is remembered is read.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.shared.changes.moment()
    }

    /// Whether nothing changed about these subjects and contacts since a moment: nothing that they said, and nothing about
    /// whether they may be read, written to or reached. An acknowledged change always shows; now and then one shows that was none.
    #[must_use]
    pub fn unchanged_since(&self, moment: Moment, places: impl IntoIterator<Item = ChangePlace>) -> bool {
        self.shared.changes.none_since(moment, places.into_iter())
    }

    /// Hands over every contact that a record names, as long as `each` answers true, in memory that does not grow with them. Nothing is
    /// opened for it. Blocks. Answers whether it came to the end.
    ///
    /// # Errors
    /// [`ReadError`], also what `each` failed with.
    pub fn each_contact(
        &self,
        each: &mut dyn FnMut(&Hash) -> Result<bool, ReadError>,
    ) -> Result<bool, ReadError> {
        let mut last = None;
        loop {
            let contacts = self.shared.store.contacts(self.site(), last.as_ref(), CONTACTS_AT_ONCE)?;
            for contact in &contacts {
                if !each(contact)? {
                    return Ok(false);
                }
            }
            match contacts.last() {
                Some(contact) => last = Some(*contact),
                None => return Ok(true),
            }
        }
    }

    /// When anybody who named a contact last decided anything: milliseconds since 1970 UTC. That an alert ended (act `expiry`) nobody decided.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn last_heard_of(&self, contact: &Hash) -> Result<Option<u64>, ReadError> {
        let mut last = None;
        for subject in self.subjects_of(contact)? {
            last = last.max(self.shared.last_use(&subject)?);
        }
        Ok(last)
    }

    /// What one entry came to, for whoever follows the log; nothing for one that is not under the newest checkpoint.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, ReadError> {
        follow::entry(&self.shared, index)
    }

    /// The first entry that was taken down at `time` (milliseconds since 1970 UTC) or later; [`Self::size`] when there is none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn first_since(&self, time: u64) -> Result<u64, ReadError> {
        follow::first_since(&self.shared, self.size(), time)
    }

    fn open_all(&self, indices: impl IntoIterator<Item = u64>) -> Result<Vec<Opened>, ReadError> {
        let size = self.size();
        let published = indices.into_iter().filter(|index| *index < size);
        published.filter_map(|index| self.shared.opened(index).transpose()).collect()
    }

    /// The keyed hash a contact is found by. The address must be normalised.
    #[must_use]
    pub fn contact_hash(&self, channel: Channel, address: &str) -> Hash {
        self.shared.keys.contact_hash(channel, address)
    }

    /// A secret of the site for one use, always the same: whoever has it can make and read what was made with it.
    #[must_use]
    pub fn derived_key(&self, usage: &str) -> zeroize::Zeroizing<[u8; 32]> {
        self.shared.keys.derived(usage)
    }

    /// The newest signed checkpoint: a note's text, as served at `S/log/checkpoint`.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<str> {
        self.shared.published().checkpoint
    }

    /// The newest signed head.
    #[must_use]
    pub fn published(&self) -> Published {
        self.shared.published()
    }

    /// Leaves under the newest checkpoint.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.published().size
    }

    /// The proof that the first `old` entries grew into the first `new` (RFC 6962), and both into what is published.
    ///
    /// # Errors
    /// [`ReadError`], also when there are not that many under the newest checkpoint.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
        let (published, reason) = (self.published(), "there are not that many entries");
        if old > new || new > published.size {
            return Err(ReadError::Damaged { index: new, reason });
        }
        let old_root = self.shared.root_before(old, old, &published)?;
        let new_root = self.shared.root_before(new, new, &published)?;
        let grown = self.shared.tree().consistency(old, new)?;
        merkle::verify_consistency(old, &old_root, new, &new_root, &grown)
            .map_err(|_| self.shared.altered(old, "the tree below it was altered"))?;
        Ok(grown)
    }

    /// The root over the first `size` entries, which grew into what is published.
    ///
    /// # Errors
    /// [`ReadError`], also when there are not that many under the newest checkpoint.
    pub fn root(&self, size: u64) -> Result<Hash, ReadError> {
        let published = self.published();
        if size > published.size {
            return Err(ReadError::Damaged { index: size, reason: "there are not that many entries" });
        }
        self.shared.root_before(size, size, &published)
    }

    /// The checkpoint that receipts were given under when the log had `size` entries, byte for byte. Nothing when none were.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkpoint_at(&self, size: u64) -> Result<Option<Arc<str>>, ReadError> {
        let published = self.shared.published();
        let Some(index) = size.checked_sub(1).filter(|_| size <= published.size) else { return Ok(None) };
        if self.is_imported() {
            return self.shared.note(size, None);
        }
        if self.shared.row(index)?.covering != size {
            return Ok(None);
        }
        Ok(Some(self.shared.signed_before(index, size, &published)?.1))
    }

    /// A receipt whose proof leads to another checkpoint of this log, as one with cosignatures. Nothing for an unknown receipt,
    /// another subject's, or a checkpoint that does not cover it or is not of this log's history.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn receipt_under(
        &self,
        subject: &SubjectId,
        id: ReceiptId,
        checkpoint: &str,
    ) -> Result<Option<Receipt>, ReadError> {
        let Ok(signed) = Checkpoint::verify(checkpoint, self.vkey()) else { return Ok(None) };
        let head = signed.checkpoint();
        let Some(appended) = self.receipt(subject, id)? else { return Ok(None) };
        if appended.index >= head.size {
            return Ok(None);
        }
        if head.size > self.size() || self.root(head.size)? != head.root {
            return Ok(None);
        }
        let path = self.shared.tree().path(appended.index, head.size)?;
        let (extra, index) = (appended.receipt.proof().extra.clone(), appended.index);
        let proof = TlogProof { extra, index, path, checkpoint: checkpoint.to_string() };
        let record = appended.receipt.unverified_record().to_string();
        let receipt = Receipt::new(record, proof, self.shared.vkey.clone());
        receipt
            .verify(Some(self.vkey()))
            .map_err(|_| self.shared.altered(index, "the tree around it was altered"))?;
        Ok(Some(receipt))
    }

    /// A tile's bytes: `width` hashes (1 to 256) of tile `n` of `level`. Nothing when the published tree does not
    /// have that many.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, level: u8, n: u64, width: u16) -> Result<Option<Vec<u8>>, ReadError> {
        if !(Tile { level, index: n, width }).existed_by(self.size()) {
            return Ok(None);
        }
        // Read each time: nothing is checked here, whoever asked for it does.
        let hashes = self.shared.tree().tile(level, n, width)?;
        if hashes.len() < usize::from(width) {
            let reason = "its part of the tree is missing";
            return Err(ReadError::Damaged { index: n << (8 * u32::from(level) + 8).min(63), reason });
        }
        Ok(Some(encode_hashes(&hashes)))
    }

    /// An entry bundle's bytes: `width` leaves (1 to 256) of bundle `n`, each with its two-byte length.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entries(&self, n: u64, width: u16) -> Result<Option<Vec<u8>>, ReadError> {
        if !(Tile { level: 0, index: n, width }).existed_by(self.size()) {
            return Ok(None);
        }
        let first = n * u64::from(TILE_WIDTH);
        let leaves = self.shared.store.leaves(self.site(), first..first + u64::from(width))?;
        let bundle = encode_bundle(&leaves).ok().filter(|_| leaves.len() == usize::from(width));
        let reason = "it or one after it is missing";
        bundle.map(Some).ok_or(ReadError::Damaged { index: first + leaves.len() as u64, reason })
    }

    /// Writes an export (core `export_format`, NDJSON) to `out`, in memory that does not grow with it.
    ///
    /// The range is the entries whose times the filter's period covers. Records the filter's purpose leaves out are
    /// accounted for as `withheld`, `not-asked-for`.
    ///
    /// # Errors
    /// [`ExportError`]; what was written is then not a whole export, and its lack of a footer says so.
    pub fn export(
        &self,
        filter: &ExportFilter,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export::write(&self.shared, filter, NonZero::<usize>::MIN, out, progress)
    }

    /// The same as [`export`](Self::export), byte for byte, by so many threads: for whoever has the machine to themselves.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_by(
        &self,
        threads: NonZero<usize>,
        filter: &ExportFilter,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export::write(&self.shared, filter, threads, out, progress)
    }

    /// Writes an export as CSV ([`CSV_COLUMNS`](crate::CSV_COLUMNS)) to `out`, in memory that does not grow with it.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_csv(
        &self,
        filter: &ExportFilter,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export_csv::write(&self.shared, filter, out, progress)
    }

    /// Copies the log as it is at one moment while it goes on: [`restore`](crate::restore) makes a log of it again. Blocks;
    /// must not be called on a thread of an async runtime.
    ///
    /// # Errors
    /// [`CopyError`]: there is no copy, and parts of one may be left.
    pub fn copy(&self, parts: &dyn Parts, progress: &mut dyn FnMut(Progress)) -> Result<LogCopy, CopyError> {
        backup::copy(&self.shared, parts, |change| self.send(Request::Change(change)), progress)
    }

    /// Hands over every record that an export with this filter shows, oldest first, in memory that does not grow with it.
    ///
    /// # Errors
    /// [`ExportError`], also what `each` failed with.
    pub fn export_each(
        &self,
        filter: &ExportFilter,
        each: &mut dyn FnMut(Shown<'_>) -> Result<(), ExportError>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export::each_record(&self.shared, filter, each, progress)
    }

    /// Re-reads and re-proves everything: leaves, tree, rows, indexes, documents, keys. Stops at the first
    /// entry that is wrong and names it.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn check(&self, progress: &mut dyn FnMut(Progress)) -> Result<CheckReport, CheckError> {
        check::check(&self.shared, progress)
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

/// Who named a contact, in the order they first did, and the rows that say so.
#[derive(Default)]
struct Naming {
    subjects: Vec<SubjectId>,
    rows: BTreeMap<u64, Row>,
}

/// Ends the look-out for people who come back.
pub(crate) struct WatchingReturns<'a>(&'a Shared);

impl Drop for WatchingReturns<'_> {
    fn drop(&mut self) {
        *self.0.returned.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What a row turns out to be.
pub(crate) enum Inside {
    /// A record, opened.
    Record(Content),
    /// A record that may not be opened now.
    Restricted,
    /// A record that is gone.
    Gone(Gone),
    /// No record: a document or a summary.
    NoRecord,
}

impl Shared {
    pub(crate) fn published(&self) -> Published {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets readers see a head that was vouched for; the log takes decisions (again).
    pub(crate) fn publish(&self, published: Published) {
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = published;
        self.writable.store(true, Ordering::Relaxed);
    }

    /// A batch was stored.
    pub(crate) fn stored(&self) {
        self.failed_at.store(0, Ordering::Relaxed);
    }

    /// A batch was not stored.
    pub(crate) fn not_stored(&self, error: &dyn std::error::Error) {
        self.log_failure(error);
        self.failed_at.store(self.outside.clock.now(), Ordering::Relaxed);
    }

    /// A batch was not stored, or it is not known, and then the log stands still until it was read again: whoever keeps the machine
    /// must hear why.
    pub(crate) fn log_failure(&self, error: &dyn std::error::Error) {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let cause = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        tracing::error!(site = %self.config.site, cause, "decisions were not stored");
    }

    /// The log takes no decisions until it was recovered.
    pub(crate) fn stop(&self) {
        self.changes.not_known();
        self.writable.store(false, Ordering::Relaxed);
    }

    /// The signed note for a head. Sign only heads that were vouched for, now or before. Of a log that was taken over, the note
    /// that came along for this size, when there is one.
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Result<Arc<str>, ReadError> {
        let reason = "the checkpoint of this size did not come along";
        self.note(size, Some(root))?.ok_or(ReadError::Damaged { index: size.saturating_sub(1), reason })
    }

    fn note(&self, size: u64, root: Option<Hash>) -> Result<Option<Arc<str>>, ReadError> {
        let (Some(signer), Some(root)) = (&self.signer, root) else {
            let note = self.store.mark(&self.config.site, MarkKind::Signed, &size.to_be_bytes())?;
            return Ok(note.map(|note| String::from_utf8_lossy(&note).into()));
        };
        let checkpoint = Checkpoint::new(&self.config.origin, size, root).and_then(|checkpoint| {
            checkpoint.sign(signer).map_err(|_| assent_core::checkpoint::CheckpointError::BadOrigin)
        });
        let note = checkpoint.expect("the origin was checked when the key was made").to_string();
        Ok(Some(note.into()))
    }

    /// Whether leaves can be added.
    pub(crate) fn takes_leaves(&self) -> bool {
        self.signer.is_some()
    }

    /// The tombstone of a record that goes with this month, if the month was purged.
    pub(crate) fn is_purged(&self, period: u32) -> Option<Gone> {
        self.purged_month(period).map(|month| month.tombstone(period))
    }

    /// How a month was purged, if it was.
    pub(crate) fn purged_month(&self, period: u32) -> Option<PurgedMonth> {
        self.purged.read().unwrap_or_else(PoisonError::into_inner).get(&period).copied()
    }

    /// Closes a month to readers, or opens it again when the purge did not happen.
    pub(crate) fn set_purged(&self, period: u32, month: Option<PurgedMonth>) {
        let mut purged = self.purged.write().unwrap_or_else(PoisonError::into_inner);
        match month {
            Some(month) => drop(purged.insert(period, month)),
            None => drop(purged.remove(&period)),
        }
    }

    /// The months that were purged, as the store has them.
    pub(crate) fn set_all_purged(&self, months: BTreeMap<u32, PurgedMonth>) {
        *self.purged.write().unwrap_or_else(PoisonError::into_inner) = months;
    }

    /// Something is wished for a subject, and will be done next.
    pub(crate) fn hear_wish(&self) {
        self.wishes.fetch_add(1, Ordering::Relaxed);
    }

    /// How many wishes were heard.
    pub(crate) fn wishes(&self) -> u64 {
        self.wishes.load(Ordering::Relaxed)
    }

    /// Looks out for people who come back, until what is answered is dropped.
    pub(crate) fn watch_returns(&self) -> WatchingReturns<'_> {
        *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        WatchingReturns(self)
    }

    /// New records of people who may have others are about to land.
    pub(crate) fn note_returns(&self, who: impl FnOnce() -> Vec<Returned>) {
        if let Some(returned) = &mut *self.returned.lock().unwrap_or_else(PoisonError::into_inner) {
            returned.extend(who());
        }
    }

    /// Who came back since somebody looks out, but for the first `after`.
    pub(crate) fn returned(&self, after: usize) -> Vec<Returned> {
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        returned.as_ref().and_then(|all| all.get(after..)).unwrap_or_default().to_vec()
    }

    /// Closes subjects' records to readers, by the slots of their secrets, or opens them again: what the keystore has counts then.
    pub(crate) fn set_closed(&self, slots: &BTreeSet<u64>, closed: bool) {
        let mut all = self.closed.write().unwrap_or_else(PoisonError::into_inner);
        if closed {
            all.extend(slots);
        } else {
            all.retain(|slot| !slots.contains(slot));
        }
    }

    /// The keystore is as the marks say.
    pub(crate) fn close_no_more(&self) {
        self.closed.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// When a subject last decided anything: milliseconds since 1970 UTC. What the server wrote by itself (act `expiry`) is passed
    /// over, where there is anything else.
    pub(crate) fn last_use(&self, subject: &SubjectId) -> Result<Option<u64>, ReadError> {
        let Some(newest) = self.store.newest(&self.config.site, subject)? else { return Ok(None) };
        let row = self.row(newest.index)?;
        if !self.is_expiry(newest.index, &row)? {
            return Ok(Some(row.time));
        }
        for earlier in self.store.records(&self.config.site, subject)?.into_iter().rev() {
            let row = self.row(earlier.index)?;
            if !self.is_expiry(earlier.index, &row)? {
                return Ok(Some(row.time));
            }
        }
        Ok(Some(row.time))
    }

    fn is_expiry(&self, index: u64, row: &Row) -> Result<bool, ReadError> {
        // Of a record that may not be opened nobody can say.
        Ok(self.opened_row(index, row)?.is_some_and(|opened| opened.record.act == Act::Expiry))
    }

    /// Where a record's row is, with its clear fields.
    pub(crate) fn place(&self, index: u64, row: &Row, record: &RecordRow) -> Place<'_> {
        Place {
            origin: &self.config.origin,
            index,
            time: row.time,
            covering: row.covering,
            subject: record.subject,
            period: record.period,
        }
    }

    /// Opens a row as far as it may be opened.
    pub(crate) fn inside(&self, index: u64, row: &Row) -> Result<Inside, ReadError> {
        let mut inside = self.inside_of(index, row);
        // It may have been erased or carried over since it was read; then that is what there is.
        let mut seen = row.clone();
        while let Err(ReadError::Damaged { .. }) = inside {
            let now = self.row(index)?;
            if now == seen {
                break;
            }
            inside = self.inside_of(index, &now);
            seen = now;
        }
        inside
    }

    fn inside_of(&self, index: u64, row: &Row) -> Result<Inside, ReadError> {
        let record = match &row.body {
            RowBody::Record(record) => record,
            RowBody::Gone(gone) => return Ok(Inside::Gone(*gone)),
            RowBody::Document(..) | RowBody::Summary(_) => return Ok(Inside::NoRecord),
        };
        if let Some(gone) = self.is_purged(record.period) {
            return Ok(Inside::Gone(gone));
        }
        let damaged = |reason| ReadError::Damaged { index, reason };
        if self.closed.read().unwrap_or_else(PoisonError::into_inner).contains(&record.secret) {
            return Ok(Inside::Restricted);
        }
        let subject = match self.keys.subject(record.secret)? {
            Slot::Secret(secret) => secret,
            Slot::Escrowed => return Ok(Inside::Restricted),
            Slot::Empty => return Err(damaged("its subject's secret is missing from the keystore")),
            Slot::Destroyed => return Err(damaged("its subject's secret was destroyed")),
        };
        let Some(period) = self.keys.period(record.period) else {
            // Purged since it was asked above.
            let gone = self.is_purged(record.period).map(Inside::Gone);
            return gone.ok_or(damaged("its month's secret is missing from the keystore"));
        };
        let content = self.place(index, row, record).open(&subject, &period, &record.sealed);
        content.map(Inside::Record).ok_or(damaged("its row does not open"))
    }

    pub(crate) fn row(&self, index: u64) -> Result<Row, ReadError> {
        let row = self.store.row(&self.config.site, index)?;
        row.ok_or(ReadError::Damaged { index, reason: "its row is missing" })
    }

    fn opened(&self, index: u64) -> Result<Option<Opened>, ReadError> {
        self.opened_row(index, &self.row(index)?)
    }

    fn opened_row(&self, index: u64, row: &Row) -> Result<Option<Opened>, ReadError> {
        let Inside::Record(content) = self.inside(index, row)? else { return Ok(None) };
        opened(index, row, content).map(Some)
    }

    fn appended(&self, recorded: Recorded) -> Appended {
        let Recorded { id, index, record, salt, path, checkpoint } = recorded;
        let extra = Some(salt.as_bytes().to_vec());
        let proof = TlogProof { extra, index, path, checkpoint: checkpoint.to_string() };
        let receipt = Receipt::new(record, proof, self.vkey.clone());
        Appended { id, index, receipt, replayed: false }
    }

    fn tree(&self) -> StoredTree<'_> {
        StoredTree::with(&*self.store, &self.config.site, &self.pieces)
    }

    fn altered(&self, index: u64, reason: &'static str) -> ReadError {
        self.pieces.forget();
        ReadError::Damaged { index, reason }
    }

    /// The checkpoint of a size that was signed before, the same bytes as then, and its root. Never signs what was not.
    fn signed_before(
        &self,
        index: u64,
        size: u64,
        published: &Published,
    ) -> Result<(Hash, Arc<str>), ReadError> {
        let root = self.root_before(index, size, published)?;
        Ok((root, self.sign(size, root)?))
    }

    /// The root of a tree that grew into the published one. When it did not, entry `index` is named, and what was read is read
    /// again for the next one who asks.
    fn root_before(&self, index: u64, size: u64, published: &Published) -> Result<Hash, ReadError> {
        let tree = self.tree();
        let root = tree.root(size)?;
        let grown = tree.consistency(size, published.size)?;
        merkle::verify_consistency(size, &root, published.size, &published.root, &grown)
            .map_err(|_| self.altered(index, "the tree below it was altered"))?;
        Ok(root)
    }

    /// The receipt that was handed out for a leaf: same record, same salt, and the proof to the same checkpoint,
    /// signed again to the same bytes. Nothing for a leaf that is no record or not yet vouched for.
    fn appended_before(&self, index: u64) -> Result<Option<Appended>, ReadError> {
        let row = self.row(index)?;
        let (published, size) = (self.published(), row.covering);
        if size > published.size {
            return Ok(None);
        }
        let content = match self.inside(index, &row)? {
            Inside::Record(content) => content,
            Inside::Restricted => return Err(ReadError::Restricted { index }),
            Inside::Gone(_) | Inside::NoRecord => return Ok(None),
        };
        let (id, _) = read_record(index, &content.record)?;
        let path = self.tree().path(index, size)?;
        let (root, checkpoint) = self.signed_before(index, size, &published)?;
        // The record must be under it, or the store was altered.
        let leaf = Leaf::event(&self.config.origin, content.record.as_bytes(), &content.salt).hash();
        merkle::verify_inclusion(index, size, &leaf, &path, &root)
            .map_err(|_| self.altered(index, "its row and its leaf differ"))?;
        let recorded = Recorded { id, index, record: content.record, salt: content.salt, path, checkpoint };
        Ok(Some(Appended { replayed: true, ..self.appended(recorded) }))
    }
}

fn opened(index: u64, row: &Row, content: Content) -> Result<Opened, ReadError> {
    let (id, record) = read_record(index, &content.record)?;
    Ok(Opened { index, id, time: row.time, record, contacts: content.contacts })
}

/// Reads a record that was opened, with its id.
pub(crate) fn read_record(index: u64, bytes: &str) -> Result<(ReceiptId, Record), ReadError> {
    let damaged = || ReadError::Damaged { index, reason: "its record cannot be read" };
    let record = Record::from_bytes(bytes.as_bytes()).map_err(|_| damaged())?;
    Ok((ReceiptId::parse(&record.id).map_err(|_| damaged())?, record))
}
