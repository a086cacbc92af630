//! The sled database itself: opened in a directory of its own inside the store, written in steps small enough that sled
//! never uses a segment again before what replaced it is on the disk.
//!
//! sled calls a segment free as soon as its live contents were written elsewhere, which it knows by `sync_file_range`: that is
//! not durable. It takes a free segment when it begins a new one. So between two calls of fdatasync less than half a segment
//! may be written; [`SEGMENT`] and the steps of `absorb.rs` see to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use assent_ledger::store::StoreError;
use sled::IVec;

use crate::durable::Durable;
use crate::keys::{self, Key};
use crate::{FORMAT, OpenError};

/// Bytes of one segment: sixteen times what is written between two calls of fdatasync ([`STEP`](crate::absorb::STEP)), because
/// sled writes most things more than once.
pub(crate) const SEGMENT: usize = 8 << 20;

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
pub(crate) struct MainTree {
    db: sled::Db,
    durable: Durable,
    folder: PathBuf,
}

impl MainTree {
    /// Opens the database in a folder, making it when it is not there.
    pub(crate) fn open(folder: &Path, cache: u64) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { dir: folder.to_path_buf(), source };
        let sled = sled::Config::new()
            .path(folder)
            .cache_capacity(cache)
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
        let main = MainTree { db, durable, folder: folder.to_path_buf() };
        match main.get(keys::FORMAT, "the format").map_err(|error| unusable(error.into()))? {
            Some(format) if format == FORMAT => {}
            Some(_) => return Err(OpenError::OtherFormat { dir: folder.to_path_buf() }),
            None => {
                let mut first = sled::Batch::default();
                first.insert(keys::FORMAT, FORMAT);
                main.write(first).map_err(|error| unusable(error.into()))?;
            }
        }
        Ok(main)
    }

    /// Writes a batch: whole or not at all, durable when it returns.
    pub(crate) fn write(&self, batch: sled::Batch) -> Result<(), StoreError> {
        guarded(|| self.db.apply_batch(batch))?.map_err(|error| StoreError::new("write a batch", error))?;
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

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes on disk.
    pub(crate) fn disk_len(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }
}
