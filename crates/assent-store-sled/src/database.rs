//! The two sled databases: opened in folders of their own inside the store, written in steps small enough that sled
//! never uses a segment again before what replaced it is on the disk.
//!
//! `main` has what a log cannot do without: heads, tree hashes, documents, marks. `index` finds records by subject and by contact;
//! it has by far the most keys, and whoever only reads the log from front to back does not open it.
//!
//! sled calls a segment free as soon as its live contents were written elsewhere, which it knows by `sync_file_range`: that is
//! not durable. It takes a free segment when it begins a new one. So between two calls of fdatasync less than half a segment
//! may be written; [`SEGMENT`] and the steps of `absorb.rs` see to it.

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use assent_core::hash::{Hash, sha256_parts};
use assent_ledger::store::StoreError;
use sled::IVec;

use crate::absorb::Writes;
use crate::durable::Durable;
use crate::keys::{self, Key};
use crate::seen::Seen;
use crate::{FORMAT, FORMAT_BEFORE, OpenError, lock};

/// Bytes of one segment: sixteen times and more what goes into sled between two calls of fdatasync ([`STEP`](crate::absorb::STEP)),
/// because sled writes most things more than once.
pub(crate) const SEGMENT: usize = 8 << 20;

/// Bytes at the beginning of a segment that say what it is.
const SEGMENT_HEADER: usize = 20;

/// Folders of the two, in the folder of a store's databases.
const MAIN: &str = "main";
const INDEX: &str = "index";
/// Bytes of page cache that the main one needs at most: it has a key for 256 entries.
const MAIN_CACHE: u64 = 32 << 20;

/// sled counts a page as long as it is on the disk; in memory it takes about so many times that.
const IN_MEMORY: u64 = 4;

/// Keys between two pauses: a few tenths of a millisecond.
const FEW: usize = 32;

/// Keys that are read at once for who has records: a few milliseconds.
const SOME: usize = 2048;

/// How often, and how far apart, a held lock is tried again: two seconds in all.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Calls sled. It panics on damage that it did not expect, here and there; that becomes an error with what it said.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, StoreError> {
    // What a panic leaves half done is sled's memory, not its file: what was read is not used, and after a write that failed it is
    // opened again.
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        StoreError::new("make sense of its files", format!("they are damaged: {said}"))
    })
}

/// An iterator of sled's that ends with an error where sled panics.
struct Guarded(Option<sled::Iter>);

impl Guarded {
    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(IVec, IVec)>>,
    ) -> Option<Result<(IVec, IVec), StoreError>> {
        let iter = self.0.as_mut()?;
        match guarded(|| step(iter)) {
            Ok(entry) => Some(entry?.map_err(|error| StoreError::new("read", error))),
            Err(error) => {
                self.0 = None;
                Some(Err(error))
            }
        }
    }
}

impl Iterator for Guarded {
    type Item = Result<(IVec, IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Guarded {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

/// One sled database, and how it is made durable.
#[derive(Debug)]
pub(crate) struct Database {
    db: sled::Db,
    durable: Durable,
}

impl Database {
    /// Opens the database in a folder, making it when it is not there. Nothing says yet that it is one of ours.
    fn open(folder: &Path, cache: u64) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { dir: folder.to_path_buf(), source };
        remove_half_snapshots(folder).map_err(|error| unusable(error.into()))?;
        read_ahead(folder).map_err(|error| unusable(error.into()))?;
        let sled = sled::Config::new()
            .path(folder)
            .cache_capacity(cache / IN_MEMORY)
            .segment_size(SEGMENT)
            // Every step flushes for itself; a timer would only hide one that does not.
            .flush_every_ms(None);
        // A database that was just closed lets go of its lock a moment later, when sled's threads have ended.
        let mut tries = 0;
        let db = loop {
            match guarded(|| sled.open()).map_err(|error| unusable(error.into()))? {
                Ok(db) => break db,
                Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                    if tries == LOCK_TRIES {
                        return Err(OpenError::InUse { dir: folder.to_path_buf() });
                    }
                    tries += 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(error) => return Err(unusable(error.into())),
            }
        };
        let durable = Durable::new(folder).map_err(|error| unusable(error.into()))?;
        Ok(Database { db, durable })
    }

    fn format(&self, folder: &Path) -> Result<bool, OpenError> {
        let dir = folder.to_path_buf();
        match self.get(keys::FORMAT, "the format") {
            Ok(Some(format)) if format == FORMAT => Ok(true),
            Ok(Some(format)) if format == FORMAT_BEFORE => Err(OpenError::Earlier { dir }),
            Ok(Some(_)) => Err(OpenError::OtherFormat { dir }),
            Ok(None) => Ok(false),
            Err(error) => Err(OpenError::Unusable { dir, source: error.into() }),
        }
    }

    fn begin(&self, folder: &Path) -> Result<(), OpenError> {
        let mut first = sled::Batch::default();
        first.insert(keys::FORMAT, FORMAT);
        self.write(first)
            .map_err(|error| OpenError::Unusable { dir: folder.to_path_buf(), source: error.into() })
    }

    /// Writes a batch: whole or not at all, durable when it returns.
    pub(crate) fn write(&self, batch: sled::Batch) -> Result<(), StoreError> {
        guarded(|| self.db.apply_batch(batch))?.map_err(|error| StoreError::new("write a batch", error))?;
        self.sync()
    }

    /// Writes keys one by one, durable when it returns; a crash before leaves some of them. While sled applies a batch nobody
    /// can read, so this is for many keys that need not come together. After every few `pause` is told how long they took: a
    /// burst would hold up whoever decides.
    pub(crate) fn write_each(
        &self,
        writes: &Writes,
        pause: &mut dyn FnMut(Duration),
    ) -> Result<(), StoreError> {
        let mut began = Instant::now();
        for (number, (key, value)) in writes.iter().enumerate() {
            let write = || match value {
                Some(value) => self.db.insert(key, value.as_slice()),
                None => self.db.remove(key),
            };
            guarded(write)?.map_err(|error| StoreError::new("write a key", error))?;
            if number % FEW == FEW - 1 {
                pause(began.elapsed());
                began = Instant::now();
            }
        }
        self.sync()
    }

    /// Makes everything durable: sled's own flush, then what that leaves out.
    fn sync(&self) -> Result<(), StoreError> {
        guarded(|| self.db.flush())?.map_err(|error| StoreError::new("flush", error))?;
        self.durable.sync().map_err(|error| StoreError::new("sync", error))
    }

    pub(crate) fn get(&self, key: impl AsRef<[u8]>, what: &str) -> Result<Option<IVec>, StoreError> {
        guarded(|| self.db.get(key))?.map_err(|error| StoreError::new(format!("read {what}"), error))
    }

    /// Keys and values under a prefix, in the order of the keys.
    pub(crate) fn under(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        Guarded(Some(self.db.scan_prefix(prefix)))
    }

    /// Keys and values from one key up to another, which is not among them.
    pub(crate) fn between(
        &self,
        from: &Key,
        to: &Key,
    ) -> impl Iterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        Guarded(Some(self.db.range(from.clone()..to.clone())))
    }

    /// So many keys after one.
    fn after(&self, key: &Key, most: usize) -> Result<Vec<Key>, StoreError> {
        let from = (Bound::Excluded(key.clone()), Bound::Unbounded);
        let entries = Guarded(Some(self.db.range::<Key, _>(from)));
        entries.take(most).map(|entry| Ok(entry?.0.to_vec())).collect()
    }

    /// Bytes on disk.
    pub(crate) fn disk_len(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }
}

/// The state of the logs that the main one holds: what was absorbed last, and every head.
fn state(main: &Database) -> Result<Hash, StoreError> {
    let mut values = vec![main.get(keys::ABSORBED, "the last sequence")?.unwrap_or_default()];
    for site in main.under(keys::SITES) {
        let (key, value) = site?;
        let number = keys::parse_site(&key, &value).map(|(_, number)| number);
        let number = number.ok_or_else(|| StoreError::damaged("read the list of sites"))?;
        values.extend(main.get(keys::head(number), "a head")?);
    }
    Ok(sha256_parts(&values.iter().map(AsRef::as_ref).collect::<Vec<_>>()))
}

/// Removes the snapshot that a kill during a start left half written. sled writes one beside the last (`snap.….generating`) and renames
/// it when it is whole, but takes one that is not for the newest, and then calls the database damaged at every start. Nothing is
/// removed from a database that somebody has open.
fn remove_half_snapshots(folder: &Path) -> io::Result<()> {
    use rustix::fs::{FlockOperation, flock};
    let db = match File::open(folder.join("db")) {
        Ok(db) => db,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if flock(&db, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Reads what sled reads when it opens a database. sled takes what it cannot read for what is not there, and writes over it; so nothing
/// is opened that cannot be read, and what was read just now is in memory when sled asks.
fn read_ahead(folder: &Path) -> io::Result<()> {
    let db = match File::open(folder.join("db")) {
        Ok(db) => db,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // A snapshot has the log up to the place in its name.
    let mut covered = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let place = name.to_str().and_then(|name| name.strip_prefix("snap."));
        covered = covered.max(place.and_then(|place| i64::from_str_radix(place, 16).ok()).unwrap_or(0));
        if place.is_some() {
            fs::read(folder.join(name))?;
        }
    }
    let mut segment = vec![0; SEGMENT];
    for begin in (0..db.metadata()?.len()).step_by(SEGMENT) {
        let header = &mut segment[..SEGMENT_HEADER];
        read_up_to(&db, header, begin)?;
        // Where in the log it begins stands behind a CRC-32, with every bit but the highest turned.
        let place = header[4..].first_chunk::<8>().map_or(0, |place| i64::from_le_bytes(*place) ^ i64::MAX);
        if place.saturating_add(SEGMENT as i64) >= covered {
            read_up_to(&db, &mut segment, begin)?;
        }
    }
    Ok(())
}

/// Fills a buffer as far as the file goes.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    let mut found = 0;
    while found < buffer.len() {
        match file.read_at(&mut buffer[found..], at + found as u64) {
            Ok(0) => break,
            Ok(more) => found += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The databases of one store, in one folder.
#[derive(Debug)]
pub(crate) struct Databases {
    folder: PathBuf,
    pub(crate) main: Database,
    index: OnceLock<Database>,
    /// Who is in the index.
    pub(crate) seen: Seen,
    opening: Mutex<()>,
    cache: u64,
}

impl Databases {
    /// Opens them in a folder, making them when they are not there. The index is opened when it is needed.
    pub(crate) fn open(folder: &Path, cache: u64) -> Result<Self, OpenError> {
        let folder = folder.to_path_buf();
        let (at, main_at) = (folder.join(INDEX), folder.join(MAIN));
        let main = Database::open(&main_at, cache.min(MAIN_CACHE))?;
        let index = OnceLock::new();
        let seen = if main.format(&main_at)? {
            // What is damaged in it is named by whoever needs it.
            state(&main).map_or_else(|_| Seen::unread(), |of| Seen::open(&folder, &of))
        } else {
            // Once the main one says what it is, both are there.
            let fresh = Database::open(&at, cache)?;
            fresh.begin(&at)?;
            main.begin(&main_at)?;
            drop(index.set(fresh));
            Seen::nobody()
        };
        Ok(Databases { folder, main, index, seen, opening: Mutex::default(), cache })
    }

    /// The index; opened now, when nobody needed it before.
    pub(crate) fn index(&self) -> Result<&Database, StoreError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let _one_at_a_time = lock(&self.opening);
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let failed = |error| StoreError::new("open its index", error);
        let folder = self.folder.join(INDEX);
        // sled would make an empty one.
        fs::metadata(folder.join("db")).map_err(failed)?;
        let opened =
            Database::open(&folder, self.cache).and_then(|index| Ok((index.format(&folder)?, index)));
        match opened.map_err(|error| StoreError::new("open its index", error))? {
            (true, index) => Ok(self.index.get_or_init(|| index)),
            (false, _) => Err(StoreError::damaged("open its index")),
        }
    }

    /// Whether the index, which is open, has to be read for who is in it.
    pub(crate) fn looks_back(&self) -> bool {
        self.index.get().is_some() && self.seen.reads_from().is_some()
    }

    /// Reads a piece of it.
    pub(crate) fn look_back(&self) {
        let (Some(index), Some(from)) = (self.index.get(), self.seen.reads_from()) else { return };
        match index.after(&from, SOME) {
            Ok(keys) => self.seen.was_read(&keys),
            Err(_) => self.seen.gives_up(),
        }
    }

    /// Leaves who is in the index for the next start. Only when nothing more is written.
    ///
    /// # Errors
    /// The next start reads the index.
    pub(crate) fn save_seen(&self) -> Result<(), StoreError> {
        let of = state(&self.main)?;
        self.seen.save(&self.folder, &of).map_err(|error| StoreError::new("save who has records", error))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes on disk.
    pub(crate) fn disk_len(&self) -> u64 {
        let index = self.index.get().map(Database::disk_len);
        let closed = || fs::metadata(self.folder.join(INDEX).join("db")).map_or(0, |db| db.len());
        self.main.disk_len() + index.unwrap_or_else(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_a_kill_left_half_written_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let written = |database: &Database| database.get("key", "a key").unwrap().is_some();
        let database = Database::open(folder.path(), 1 << 20).unwrap();
        let mut batch = sled::Batch::default();
        batch.insert("key", "value");
        database.write(batch).unwrap();
        drop(database);
        for half in ["", "half a snapshot"] {
            let left = folder.path().join("snap.7FFFFFFFFFFFFFFF.generating");
            fs::write(&left, half).unwrap();
            assert!(written(&Database::open(folder.path(), 1 << 20).unwrap()));
            assert!(!left.exists());
        }
    }
}
