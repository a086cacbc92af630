//! The embedded default store: sled 0.34 behind a small journal.
//!
//! [`SledStore`] keeps the ledger's store contract (`assent_ledger::store`). A commit is one record in the journal
//! (`journal.rs`), durable with one fdatasync, and visible in memory (`recent.rs`); a thread behind it puts the oldest batches where
//! they stay (`absorb.rs`): leaves and rows in files (`rows.rs`), what they are found by, and everything else, in sled (`database.rs`, laid out as
//! `keys.rs` says). `reclaim.rs` gives back the space of what is gone, and `migrate.rs` reads what earlier releases wrote. The README follows one decision through all of it and names the limits. No sled type
//! leaves this package.

mod absorb;
mod database;
mod durable;
mod journal;
mod keys;
mod migrate;
mod read;
mod recent;
mod reclaim;
mod rows;
mod seen;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use assent_core::ids::SiteId;
use assent_ledger::store::{Batch, CommitError, Head, StoreError};

use absorb::{STEP, Step};
use database::Databases;
use journal::{Journal, JournalError};
use keys::Key;
use recent::{Pending, Recent};
use rows::Rows;

pub use migrate::{MigrateError, Migrated, migrate};

/// Memory that sled's page cache may take unless told otherwise, in bytes.
pub const DEFAULT_CACHE: u64 = 384 << 20;

/// Written once, so that a later release knows what it opens.
const FORMAT: &[u8] = b"assent-sled/3";
/// What the release before wrote.
const FORMAT_BEFORE: &[u8] = b"assent-sled/2";

/// Bytes of recent batches from which on they are absorbed: many at once touch fewer of sled's pages.
const ABSORB_AT: usize = 4 << 20;
/// Bytes of recent batches from which on commits wait until some are absorbed.
const RECENT_MAX: usize = 64 << 20;
/// Bytes that must be free on the disk for a commit to be taken: what absorbing all that is recent may need.
const RESERVE: u64 = 96 << 20;
/// Batches that are forgotten between two rests: meanwhile nobody reads.
const FEW: usize = 8;
/// How much longer absorbing rests than it works.
const SHARE: u32 = 3;
/// How much nicer absorbing is than whoever decides: the processor is theirs first.
const NICE: i32 = 5;
/// How long absorbing rests after it failed.
const REST: Duration = Duration::from_secs(1);
/// How long a commit waits for absorbing before it is refused.
const PATIENCE: Duration = Duration::from_secs(10);

/// Many sites' logs in one directory, owned by this process.
#[derive(Debug)]
pub struct SledStore {
    inner: Arc<Inner>,
    absorber: Option<JoinHandle<()>>,
}

/// What the store and its absorber have in common. Locks are taken in the order of the fields.
#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    cache: u64,
    /// Held while space is reclaimed: once at a time.
    reclaiming: Mutex<()>,
    /// Held while batches go into sled and while sled is swapped.
    absorbing: Mutex<()>,
    /// Whether the absorber is to end, and its bell.
    ends: Mutex<bool>,
    bell: Condvar,
    /// Rung when something was absorbed.
    absorbed: Condvar,
    /// Held from the comparison of the head until the batch is in `recent`.
    journal: Mutex<Journal>,
    recent: RwLock<Recent>,
    rows: Rows,
    /// Nothing while sled is opened again after a failure.
    sled: RwLock<Option<Arc<Databases>>>,
    /// Sequence of the last journal record that is in sled durably. What sled itself says may be of a write that failed.
    in_sled: AtomicU64,
    /// Set when a write to the journal failed: what is on disk is only known after it was opened again.
    failed: AtomicBool,
    /// When opening it again failed, too.
    in_vain: Mutex<Option<Instant>>,
    /// Keys of the index that changed since a copy of it was begun, while one is made.
    touched: Mutex<Option<BTreeSet<Key>>>,
}

/// Why a store directory could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle in this one, owns the store.
    #[error("the store in `{}` is in use by another process; stop it first, or talk to it over HTTP", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by an earlier release.
    #[error("the store in `{}` was written by an earlier release; run `assent migrate` once", dir.display())]
    Earlier {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by another release in a form this one does not know.
    #[error("the store in `{}` has another format than this release reads; use the release that wrote it", dir.display())]
    OtherFormat {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory or its files could not be used, or are damaged.
    #[error("the store in `{}` could not be opened; if it is damaged, restore it from a backup", dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SledStore {
    /// Opens the store in a directory, making it when it is not there, with [`DEFAULT_CACHE`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with_cache(dir, DEFAULT_CACHE)
    }

    /// Opens the store with a page cache that takes about so many bytes of memory.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with_cache(dir: &Path, cache: u64) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { dir: dir.to_path_buf(), source };
        if migrate::is_earlier(dir) {
            return Err(OpenError::Earlier { dir: dir.to_path_buf() });
        }
        make_folder(&journal_folder(dir)).map_err(|error| unusable(error.into()))?;
        let current = reclaim::current(dir).map_err(|error| unusable(error.into()))?;
        let sled = Databases::open(&dir.join(&current), cache)?;
        let rows = Rows::open(dir.join("rows")).map_err(|error| unusable(error.into()))?;
        let in_sled = absorbed(&sled).map_err(|error| unusable(error.into()))?;
        let (journal, recent) = begin(dir, &sled, in_sled).map_err(|error| unusable(error.into()))?;
        // Where that cannot be, it is absorbed before anything is told of it, as after a write that failed.
        let unsure = journal.write_again(in_sled).is_err();
        reclaim::remove_others(dir, &current).map_err(|error| unusable(error.into()))?;
        let inner = Arc::new(Inner {
            dir: dir.to_path_buf(),
            cache,
            reclaiming: Mutex::new(()),
            absorbing: Mutex::new(()),
            ends: Mutex::new(false),
            bell: Condvar::new(),
            absorbed: Condvar::new(),
            journal: Mutex::new(journal),
            recent: RwLock::new(recent),
            rows,
            sled: RwLock::new(Some(Arc::new(sled))),
            in_sled: AtomicU64::new(in_sled),
            failed: AtomicBool::new(unsure),
            in_vain: Mutex::new(None),
            touched: Mutex::new(None),
        });
        let absorber = std::thread::Builder::new().name("absorb".into()).spawn({
            let inner = Arc::clone(&inner);
            move || {
                // On Linux a thread has a niceness of its own. Where it cannot be set, absorbing is as urgent as everything else.
                let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
                inner.attend();
            }
        });
        let absorber = absorber.map_err(|error| unusable(error.into()))?;
        Ok(SledStore { inner, absorber: Some(absorber) })
    }

    /// Opens the index of subjects and contacts now, which else the first who needs it waits for: a start for people, not for
    /// a look at the log.
    ///
    /// # Errors
    /// [`StoreError`]: it is damaged, or gone.
    pub fn open_index(&self) -> Result<(), StoreError> {
        self.inner.sled()?.index()?;
        // Whoever is about to wait for the bell does so before it rings.
        drop(lock(&self.inner.ends));
        self.inner.bell.notify_one();
        Ok(())
    }

    /// Bytes on disk: sled's files, the rows and the journal.
    #[must_use]
    pub fn disk_len(&self) -> u64 {
        let inner = &self.inner;
        inner.sled().map_or(0, |sled| sled.disk_len())
            + inner.rows.disk_len()
            + lock(&inner.journal).disk_len()
    }
}

impl Drop for SledStore {
    /// Everything that is recent is absorbed, so that the next start finds it in sled. What cannot be stays in the journal.
    fn drop(&mut self) {
        *lock(&self.inner.ends) = true;
        self.inner.bell.notify_all();
        if let Some(absorber) = self.absorber.take() {
            drop(absorber.join());
        }
        // Without it the next start reads the index.
        if self.inner.recent().bytes() == 0 && !self.inner.failed.load(Ordering::Acquire) {
            drop(self.inner.sled().and_then(|sled| sled.save_seen()));
        }
    }
}

fn journal_folder(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// Makes a folder that only its owner may enter, durable.
fn make_folder(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent)?.sync_all()
}

/// What was absorbed, and after it what the journal has.
fn begin(dir: &Path, sled: &Databases, absorbed: u64) -> Result<(Journal, Recent), StoreError> {
    let main = &sled.main;
    let (journal, records) = Journal::open(&journal_folder(dir), absorbed)
        .map_err(|error| StoreError::new("open the journal", error))?;
    let mut recent = Recent::default();
    for entry in main.under(keys::SITES) {
        let (key, value) = entry?;
        let site = keys::parse_site(&key, &value);
        let (site, number) = site.ok_or_else(|| StoreError::damaged("read the list of sites"))?;
        let head = main.get(keys::head(number), "a head")?.and_then(|value| keys::parse_head(&value));
        recent.know(site, number, head.ok_or_else(|| StoreError::damaged("read a head"))?);
    }
    for record in records {
        let batch = Batch::from_bytes(&record.content);
        let batch = batch.ok_or_else(|| StoreError::damaged("read a batch of the journal"))?;
        recent.add(record.sequence, batch, record.content.len());
    }
    Ok((journal, recent))
}

/// Sequence of the last journal record that sled has.
fn absorbed(sled: &Databases) -> Result<u64, StoreError> {
    let absorbed = sled.main.get(keys::ABSORBED, "the last sequence")?;
    let absorbed = absorbed.map_or(Some(0), |value| keys::parse_u64(&value));
    absorbed.ok_or_else(|| StoreError::damaged("read the last sequence"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn sled(&self) -> Result<Arc<Databases>, StoreError> {
        let sled = self.sled.read().unwrap_or_else(PoisonError::into_inner).clone();
        sled.ok_or_else(|| StoreError::new("be read", "it is being opened again after a failure"))
    }

    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError> {
        if self.failed.load(Ordering::Acquire) {
            // The ledger asks for the head to learn how an unheard commit ended.
            self.revive()?;
        }
        Ok(self.recent().site(site).map(|site| site.head))
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        if !self.wait_for_room() {
            let why = "too much waits for its index, which cannot be written fast enough, or at all";
            return Err(CommitError::Failed(StoreError::new("be written", why)));
        }
        let mut journal = lock(&self.journal);
        while self.failed.load(Ordering::Acquire) {
            if lock(&self.in_vain).is_some_and(|at| at.elapsed() < REST) {
                let why = "a write failed before, and its journal cannot be read again";
                return Err(CommitError::Failed(StoreError::new("be written", why)));
            }
            // It may have been another site's batch whose writing failed. How that ended shows in the heads.
            drop(journal);
            self.revive().map_err(CommitError::Failed)?;
            journal = lock(&self.journal);
        }
        let found = self.recent().site(&batch.site).map(|site| site.head);
        if found != batch.expected {
            return Err(CommitError::HeadMoved { found });
        }
        let free = free_bytes(&self.dir).unwrap_or(u64::MAX);
        if free < RESERVE {
            let why =
                format!("only {} MiB are free on its disk, and {} are kept free", free >> 20, RESERVE >> 20);
            return Err(CommitError::Failed(StoreError::new("be written", why)));
        }
        let bytes = batch.to_bytes();
        let unknown = |source: Box<dyn std::error::Error + Send + Sync>| {
            self.failed.store(true, Ordering::Release);
            CommitError::OutcomeUnknown(StoreError { what: "write its journal".into(), source: Some(source) })
        };
        let record = journal.append(&bytes).map_err(|error| match error {
            JournalError::Nothing(error) => {
                CommitError::Failed(StoreError::new("begin a journal file", error))
            }
            JournalError::Unknown(error) => unknown(error.into()),
        })?;
        // What is seen from here on is what the file holds.
        if record.content != bytes {
            return Err(unknown("the batch reads otherwise".into()));
        }
        let absorbs = {
            let mut recent = self.recent_mut();
            recent.add(record.sequence, batch, bytes.len());
            recent.bytes() >= ABSORB_AT
        };
        if absorbs || journal.wants_file() {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Waits while sled is far behind. False when it is so for too long.
    fn wait_for_room(&self) -> bool {
        if self.recent().bytes() < RECENT_MAX {
            return true;
        }
        let mut ends = lock(&self.ends);
        let since = Instant::now();
        // After a write that failed nothing is absorbed before the journal was read again.
        let waits = || self.recent().bytes() >= RECENT_MAX && !self.failed.load(Ordering::Acquire);
        while waits() && since.elapsed() < PATIENCE {
            self.bell.notify_one();
            ends = self.absorbed.wait_timeout(ends, REST).unwrap_or_else(PoisonError::into_inner).0;
        }
        !waits()
    }

    /// The absorber's life.
    fn attend(&self) {
        loop {
            let ends = {
                let ends = lock(&self.ends);
                let idle = |ends: &mut bool| !*ends && !self.wants_absorbing() && !self.looks_back();
                *self.bell.wait_while(ends, idle).unwrap_or_else(PoisonError::into_inner)
            };
            if !ends && !self.wants_absorbing() {
                self.look_back();
                continue;
            }
            let done = self.absorb_down_to(if ends { 0 } else { ABSORB_AT / 2 });
            if done.is_err() && !ends {
                // A full disk, or a worse one. Reads go on; so do commits, until too much waits.
                let _absorbing = lock(&self.absorbing);
                self.open_sled_again();
            }
            self.absorbed.notify_all();
            if ends {
                return;
            }
            if done.is_err() {
                let ends = lock(&self.ends);
                drop(self.bell.wait_timeout_while(ends, REST, |ends| !*ends));
            }
        }
    }

    fn wants_absorbing(&self) -> bool {
        self.recent().bytes() >= ABSORB_AT || self.sled().is_err() || lock(&self.journal).wants_file()
    }

    /// Whether the index has to be read for who has records.
    fn looks_back(&self) -> bool {
        self.sled().is_ok_and(|sled| sled.looks_back())
    }

    /// Reads a piece of it.
    fn look_back(&self) {
        let _absorbing = lock(&self.absorbing);
        if let Ok(sled) = self.sled() {
            sled.look_back();
        }
    }

    /// The journal is tidied after each step: whoever decides should never have to fill its next file, and under a load that does
    /// not end it must not grow.
    fn absorb_down_to(&self, bytes: usize) -> Result<(), StoreError> {
        let _absorbing = lock(&self.absorbing);
        loop {
            if self.failed.load(Ordering::Acquire) {
                return Err(StoreError::new(
                    "be absorbed",
                    "what is on disk is known only once it was read again",
                ));
            }
            self.sled()?;
            self.tidy_journal(false)?;
            if self.recent().bytes() <= bytes || !self.absorb_step(&mut |took| self.rest(took))? {
                return Ok(());
            }
            self.absorbed.notify_all();
        }
    }

    /// Absorbs the oldest batches; false when there were none. The lock on `absorbing` is held. Rests as `pause` likes.
    fn absorb_step(&self, pause: &mut dyn FnMut(Duration)) -> Result<bool, StoreError> {
        let sled = self.sled()?;
        let oldest = self.recent().oldest(STEP);
        let Some((_, Pending { sequence, .. })) = oldest.last() else { return Ok(false) };
        let step = Step::of(&oldest, &self.rows);
        // Before it is written, as a step that fails may have written some of it.
        if let Some(touched) = &mut *lock(&self.touched) {
            touched.extend(step.index.keys().cloned());
        }
        // After an error sled fails for ever, and has in memory what is not in its file: nobody uses it before it was opened again.
        let broken = |_: &StoreError| {
            self.sled.write().unwrap_or_else(PoisonError::into_inner).take();
        };
        step.write_index(&sled, pause).inspect_err(broken)?;
        step.write_rows(&self.rows)?;
        step.write_main(&sled).inspect_err(broken)?;
        self.in_sled.store(*sequence, Ordering::Release);
        for few in oldest.chunks(FEW) {
            let began = Instant::now();
            self.recent_mut().forget(few.len());
            pause(began.elapsed());
        }
        Ok(true)
    }

    /// Leaves the processor to whoever decides: absorbing has time, unless much waits or the store is being closed.
    fn rest(&self, took: Duration) {
        if self.recent().bytes() < RECENT_MAX / 4 && !*lock(&self.ends) {
            std::thread::sleep(SHARE * took);
        }
    }

    /// Scrubs journal files that were absorbed, with `all` also the one that is written to, and prepares the next one.
    fn tidy_journal(&self, all: bool) -> Result<(), StoreError> {
        let failed = |error| StoreError::new("prepare a journal file", error);
        let absorbed = self.in_sled.load(Ordering::Acquire);
        loop {
            let spent = lock(&self.journal).take_absorbed(absorbed, all);
            let Some(spent) = spent else { break };
            match spent.scrub() {
                Ok(prepared) => prepared.into_iter().for_each(|prepared| lock(&self.journal).give(prepared)),
                Err((spent, error)) => {
                    lock(&self.journal).take_back(spent);
                    return Err(failed(error));
                }
            }
        }
        let wanted = lock(&self.journal).prepares();
        if let Some(wanted) = wanted {
            let prepared = journal::prepare(&wanted).map_err(failed)?;
            lock(&self.journal).give(prepared);
        }
        Ok(())
    }

    /// Opens sled again, if it failed. The lock on `absorbing` is held.
    fn open_sled_again(&self) {
        let mut sled = self.sled.write().unwrap_or_else(PoisonError::into_inner);
        if sled.is_none() {
            let folder = reclaim::current(&self.dir).ok().map(|name| self.dir.join(name));
            *sled = folder.and_then(|folder| Databases::open(&folder, self.cache).ok()).map(Arc::new);
        }
        if sled.is_none() {
            // The absorber goes on trying.
            self.bell.notify_one();
        }
    }

    /// After a failed write: reads the journal again, and puts what is in it into sled at once, so that nothing hangs on pages
    /// whose writing failed. Then begins a new journal.
    fn revive(&self) -> Result<(), StoreError> {
        let _absorbing = lock(&self.absorbing);
        let mut journal = lock(&self.journal);
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let revived = self.begin_again(&mut journal);
        if revived.is_err() {
            self.open_sled_again();
        }
        *lock(&self.in_vain) = revived.is_err().then(Instant::now);
        revived
    }

    /// The locks on `absorbing` and `journal` are held, and nothing rests.
    fn begin_again(&self, journal: &mut Journal) -> Result<(), StoreError> {
        self.open_sled_again();
        let begin = || begin(&self.dir, &*self.sled()?, self.in_sled.load(Ordering::Acquire));
        let unnamed = |error| StoreError::new("make sure which databases are in force", error);
        std::fs::File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(unnamed)?;
        let (_, recent) = begin()?;
        *self.recent_mut() = recent;
        while self.absorb_step(&mut |_| {})? {}
        let failed = |error| StoreError::new("begin a new journal", error);
        let folder = journal_folder(&self.dir);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            std::fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        }
        let (fresh, _) = begin()?;
        *journal = fresh;
        self.failed.store(false, Ordering::Release);
        Ok(())
    }
}

/// Bytes that an ordinary user may still write on the disk of a folder.
fn free_bytes(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests;
