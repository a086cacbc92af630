//! The embedded default store: sled 0.34 with a commit that survives a power cut.
//!
//! [`SledStore`] keeps the ledger's store contract (`assent_ledger::store`) in one sled tree. `keys.rs` says how
//! things are laid out, `durable.rs` what is flushed when; the README follows one decision through both and names
//! the limits. No sled type leaves this package.

mod durable;
mod keys;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use assent_core::commitment::LEAF_LEN;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::{
    Batch, CommitError, Head, LeafBytes, NoticeRef, RecordRef, Row, Store, StoreError, SubjectRow, UsedKey,
};
use sled::IVec;

use durable::Durable;
use keys::{Key, SiteNumber};

/// Memory for sled's page cache unless told otherwise, in bytes.
pub const DEFAULT_CACHE: u64 = 128 << 20;

/// How often, and how far apart, a held lock is tried again: two seconds in all.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Written once, so that a later release knows what it opens.
const FORMAT: &[u8] = b"assent-sled/1";

/// Many sites' logs in one sled directory, owned by this process.
#[derive(Debug)]
pub struct SledStore {
    db: sled::Db,
    durable: Durable,
    /// Sites that have a log, by their short number in keys.
    sites: RwLock<HashMap<SiteId, SiteNumber>>,
    /// Held from the comparison of the head to the end of the flush.
    committing: Mutex<()>,
    /// Set when a write or a flush failed: what is on disk is only known after the store was opened again.
    failed: AtomicBool,
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

    /// Opens the store with this many bytes of page cache.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with_cache(dir: &Path, cache: u64) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { dir: dir.to_path_buf(), source };
        let sled = sled::Config::new()
            .path(dir)
            .cache_capacity(cache)
            // Every commit flushes for itself; a timer would only hide one that does not.
            .flush_every_ms(None);
        // A store that was just closed lets go of its lock a moment later, when sled's threads have ended.
        let mut tries = 0;
        let db = loop {
            match sled.open() {
                Ok(db) => break db,
                Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                    if tries == LOCK_TRIES {
                        return Err(OpenError::InUse { dir: dir.to_path_buf() });
                    }
                    tries += 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(error) => return Err(unusable(error.into())),
            }
        };
        let durable = Durable::new(dir).map_err(|error| unusable(error.into()))?;
        let format = db.get(keys::FORMAT).map_err(|error| unusable(error.into()))?;
        match format {
            Some(format) if format == FORMAT => {}
            Some(_) => return Err(OpenError::OtherFormat { dir: dir.to_path_buf() }),
            None => {
                db.insert(keys::FORMAT, FORMAT).map_err(|error| unusable(error.into()))?;
                db.flush().map_err(|error| unusable(error.into()))?;
                durable.sync().map_err(|error| unusable(error.into()))?;
            }
        }
        let mut sites = HashMap::new();
        for entry in db.scan_prefix(keys::SITES) {
            let (key, value) = entry.map_err(|error| unusable(error.into()))?;
            let site = keys::parse_site(&key, &value);
            let (site, number) = site.ok_or_else(|| unusable("the list of sites is damaged".into()))?;
            sites.insert(site, number);
        }
        Ok(SledStore {
            db,
            durable,
            sites: RwLock::new(sites),
            committing: Mutex::new(()),
            failed: AtomicBool::new(false),
        })
    }

    fn number(&self, site: &SiteId) -> Option<SiteNumber> {
        self.sites.read().unwrap_or_else(PoisonError::into_inner).get(site).copied()
    }

    fn get(&self, key: &Key, what: &str) -> Result<Option<IVec>, StoreError> {
        self.db.get(key).map_err(|error| StoreError::new(format!("read {what}"), error))
    }

    /// Values under numbered keys, in order, up to the first number that is not there.
    fn run<T>(
        &self,
        key: impl Fn(u64) -> Key,
        range: Range<u64>,
        what: &str,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (index, entry) in (range.start..).zip(self.db.range(key(range.start)..key(range.end))) {
            let (at, value) =
                entry.map_err(|error| StoreError::new(format!("read {what} {index}"), error))?;
            if at != key(index) {
                break;
            }
            found.push(parse(&value).ok_or_else(|| StoreError::damaged(format!("read {what} {index}")))?);
        }
        Ok(found)
    }

    /// Everything under a prefix, in the order of its keys.
    fn under<T>(
        &self,
        prefix: &Key,
        what: &str,
        parse: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let entries = self.db.scan_prefix(prefix).map(|entry| {
            let (key, value) = entry.map_err(|error| StoreError::new(format!("read {what}"), error))?;
            parse(&key[prefix.len()..], &value).ok_or_else(|| StoreError::damaged(format!("read {what}")))
        });
        entries.collect()
    }

    /// Puts the batch's entries under their keys. See the README for the layout.
    fn layout(batch: &Batch, number: SiteNumber, new: bool) -> sled::Batch {
        let mut writes = sled::Batch::default();
        let mut put = |key: Key, value: &[u8]| writes.insert(key, value);
        let first = batch.expected.map_or(0, |head| head.size);
        if !batch.entries.is_empty() {
            let leaves: Vec<LeafBytes> = batch.entries.iter().map(|(leaf, _)| *leaf).collect();
            put(keys::leaves(number, first), leaves.as_flattened());
        }
        for (index, (_, row)) in (first..).zip(&batch.entries) {
            put(keys::row(number, index), &row.to_bytes());
        }
        for (level, index, hash) in &batch.hashes {
            put(keys::hash(number, *level, *index), &hash.0);
        }
        for (subject, row) in &batch.records {
            put(keys::record(number, subject, row.latest.id), &keys::record_value(row));
        }
        for (contact, index) in &batch.contacts {
            put(keys::contact(number, contact, *index), &[]);
        }
        for (key, used) in &batch.keys {
            put(keys::used_key(number, key), &keys::used_key_value(used));
        }
        for (notice, document) in &batch.notices {
            put(keys::notice(number, notice.index), &keys::notice_value(notice));
            put(keys::document(number, &notice.hash), document);
        }
        if new {
            put(keys::site(&batch.site), &number.to_be_bytes());
        }
        put(keys::head(number), &keys::head_value(&batch.head));
        writes
    }

    fn working(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::Acquire) {
            let why = "a write failed before; what is on disk is known only after the store is opened again";
            return Err(StoreError::new("be used", why));
        }
        Ok(())
    }

    fn head_of(&self, number: SiteNumber) -> Result<Option<Head>, StoreError> {
        let value = self.get(&keys::head(number), "the head")?;
        let parse =
            |value: IVec| keys::parse_head(&value).ok_or_else(|| StoreError::damaged("read the head"));
        value.map(parse).transpose()
    }
}

impl Store for SledStore {
    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError> {
        // The ledger asks for the head to learn how an unheard commit ended. That cannot be told from a cache.
        self.working()?;
        self.number(site).map_or(Ok(None), |number| self.head_of(number))
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        self.working().map_err(CommitError::Failed)?;
        let known = self.number(&batch.site);
        let found = known.map_or(Ok(None), |number| self.head_of(number)).map_err(CommitError::Failed)?;
        if found != batch.expected {
            return Err(CommitError::HeadMoved { found });
        }
        let number = known.unwrap_or_else(|| {
            let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
            sites.values().max().map_or(0, |last| last + 1)
        });
        let writes = Self::layout(&batch, number, known.is_none());

        // One sled batch is recovered whole or not at all. Then sled's own flush, then what that leaves out.
        let unknown = |what, error| {
            self.failed.store(true, Ordering::Release);
            CommitError::OutcomeUnknown(StoreError { what: String::from(what), source: Some(error) })
        };
        self.db.apply_batch(writes).map_err(|error| unknown("write a batch", error.into()))?;
        self.db.flush().map_err(|error| unknown("flush a batch", error.into()))?;
        self.durable.sync().map_err(|error| unknown("sync a batch", error.into()))?;

        if known.is_none() {
            self.sites.write().unwrap_or_else(PoisonError::into_inner).insert(batch.site, number);
        }
        drop(committing);
        Ok(())
    }

    fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(Vec::new()) };
        if range.is_empty() {
            return Ok(Vec::new());
        }
        // The commit that holds the first leaf begins at it or before.
        let unreadable = |error| StoreError::new("read leaves", error);
        let damaged = || StoreError::damaged("read leaves");
        let before = self.db.range(keys::leaves(number, 0)..=keys::leaves(number, range.start)).next_back();
        let Some((begin, _)) = before.transpose().map_err(unreadable)? else { return Ok(Vec::new()) };
        let mut next = keys::parse_leaves(number, &begin).ok_or_else(damaged)?;
        let mut found = Vec::new();
        for entry in self.db.range(begin..IVec::from(keys::leaves(number, range.end))) {
            let (first, leaves) = entry.map_err(unreadable)?;
            if keys::parse_leaves(number, &first) != Some(next) {
                break;
            }
            let (leaves, rest) = leaves.as_chunks::<LEAF_LEN>();
            if leaves.is_empty() || !rest.is_empty() {
                return Err(damaged());
            }
            found.extend(
                (next..).zip(leaves).filter(|(index, _)| range.contains(index)).map(|(_, leaf)| *leaf),
            );
            next += leaves.len() as u64;
        }
        Ok(found)
    }

    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(Vec::new()) };
        let key = |index| keys::hash(number, level, index);
        self.run(key, range, "tree hash", |value| value.try_into().ok().map(Hash))
    }

    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(None) };
        let value = self.get(&keys::row(number, index), "a row")?;
        let parse = |value: IVec| {
            Row::from_bytes(&value).ok_or_else(|| StoreError::damaged(format!("read row {index}")))
        };
        value.map(parse).transpose()
    }

    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(Vec::new()) };
        let start = range.start;
        let rows = self.run(|index| keys::row(number, index), range, "row", Row::from_bytes)?;
        Ok((start..).zip(rows).collect())
    }

    fn subject(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<SubjectRow>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(None) };
        // Receipt ids grow with time, so the last one is the newest record.
        let prefix = keys::records(number, subject);
        let newest = self.db.scan_prefix(&prefix).next_back().transpose();
        let newest = newest.map_err(|error| StoreError::new("read a subject", error))?;
        let parse = |(key, value): (IVec, IVec)| {
            let row = keys::parse_record(&key[prefix.len()..], &value);
            row.ok_or_else(|| StoreError::damaged("read a subject"))
        };
        newest.map(parse).transpose()
    }

    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(Vec::new()) };
        let prefix = keys::records(number, subject);
        let parse = |id: &[u8], value: &[u8]| keys::parse_record(id, value).map(|row| row.latest);
        self.under(&prefix, "a subject's records", parse)
    }

    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(None) };
        let value = self.get(&keys::record(number, subject, id), "a receipt id")?;
        let parse = |value: IVec| {
            let row = keys::parse_record(&id.0, &value);
            row.map(|row| row.latest.index).ok_or_else(|| StoreError::damaged("read a receipt id"))
        };
        value.map(parse).transpose()
    }

    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(Vec::new()) };
        self.under(&keys::contacts(number, contact), "a contact's records", |index, _| keys::parse_u64(index))
    }

    fn used_key(&self, site: &SiteId, key: &Hash) -> Result<Option<UsedKey>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(None) };
        let value = self.get(&keys::used_key(number, key), "an idempotency key")?;
        let parse = |value: IVec| {
            keys::parse_used_key(&value).ok_or_else(|| StoreError::damaged("read an idempotency key"))
        };
        value.map(parse).transpose()
    }

    fn notice(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(None) };
        Ok(self.get(&keys::document(number, hash), "a notice")?.map(|document| document.to_vec()))
    }

    fn notices(&self, site: &SiteId) -> Result<Vec<NoticeRef>, StoreError> {
        let Some(number) = self.number(site) else { return Ok(Vec::new()) };
        self.under(&keys::notices(number), "the list of notices", keys::parse_notice)
    }
}
