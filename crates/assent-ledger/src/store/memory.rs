//! The reference store: everything in memory, gone with the process, and able to fail on demand.
//!
//! For tests and for reading the contract as code. [`MemoryStore::inject`] makes commits fail the ways real ones do;
//! [`MemoryStore::tamper`] changes what is kept, as a bad disk or a bad administrator would.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;

use super::{
    Batch, CommitError, Head, LeafBytes, NoticeRef, RecordRef, Row, Store, StoreError, SubjectRow, UsedKey,
};
use crate::id::ReceiptId;

/// How a commit is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is stored, and that is known.
    Refused,
    /// Nothing is stored, but nobody can tell.
    Lost,
    /// Everything is stored, but nobody can tell.
    AppliedUnheard,
}

/// Many sites' logs in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    sites: Mutex<BTreeMap<SiteId, SiteLog>>,
    /// One entry per commit to come; nothing means that it succeeds.
    faults: Mutex<VecDeque<Option<Fault>>>,
}

/// One site's log. Public so that tests can change it.
#[derive(Debug, Default, Clone)]
pub struct SiteLog {
    /// The head.
    pub head: Option<Head>,
    /// Leaves, by index.
    pub leaves: Vec<LeafBytes>,
    /// Rows in their stored form, by index.
    pub rows: BTreeMap<u64, Vec<u8>>,
    /// Tree hashes, by tile level and number.
    pub hashes: BTreeMap<(u8, u64), Hash>,
    /// Subjects.
    pub subjects: BTreeMap<SubjectId, SubjectRow>,
    /// Records by subject.
    pub records: BTreeMap<(SubjectId, ReceiptId), u64>,
    /// Leaves by contact.
    pub contacts: BTreeMap<Hash, Vec<u64>>,
    /// Idempotency keys.
    pub keys: BTreeMap<Hash, UsedKey>,
    /// Notice documents.
    pub documents: BTreeMap<Hash, Vec<u8>>,
    /// Publications of notices.
    pub notices: Vec<NoticeRef>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans the outcome of the next commits, one entry each; `None` is success.
    pub fn inject(&self, outcomes: impl IntoIterator<Item = Option<Fault>>) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).extend(outcomes);
    }

    /// Changes a site's log behind everybody's back.
    pub fn tamper(&self, site: &SiteId, change: impl FnOnce(&mut SiteLog)) {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        change(sites.entry(site.clone()).or_default());
    }

    fn read<T>(&self, site: &SiteId, read: impl FnOnce(&SiteLog) -> T) -> Option<T> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).get(site).map(read)
    }
}

impl SiteLog {
    fn add(&mut self, batch: Batch) {
        for (index, (leaf, row)) in (self.leaves.len() as u64..).zip(batch.entries) {
            self.leaves.push(leaf);
            self.rows.insert(index, row.to_bytes());
        }
        self.hashes.extend(batch.hashes.into_iter().map(|(level, index, hash)| ((level, index), hash)));
        for (subject, row) in batch.records {
            self.records.insert((subject, row.latest.id), row.latest.index);
            self.subjects.insert(subject, row);
        }
        for (contact, index) in batch.contacts {
            let leaves = self.contacts.entry(contact).or_default();
            if leaves.last() != Some(&index) {
                leaves.push(index);
            }
        }
        self.keys.extend(batch.keys);
        for (notice, document) in batch.notices {
            self.notices.push(notice);
            self.documents.insert(notice.hash, document);
        }
        self.head = Some(batch.head);
    }
}

fn slice<T: Copy>(items: &[T], range: Range<u64>) -> Vec<T> {
    let end = (range.end.min(items.len() as u64)) as usize;
    items.get(range.start.min(end as u64) as usize..end).unwrap_or_default().to_vec()
}

fn parse(index: u64, bytes: &[u8]) -> Result<Row, StoreError> {
    Row::from_bytes(bytes).ok_or_else(|| StoreError::damaged(format!("read row {index}")))
}

impl Store for MemoryStore {
    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError> {
        Ok(self.read(site, |log| log.head).flatten())
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten();
        let unwell = || StoreError::new("commit", "a fault was injected");
        match fault {
            Some(Fault::Refused) => return Err(CommitError::Failed(unwell())),
            Some(Fault::Lost) => return Err(CommitError::OutcomeUnknown(unwell())),
            Some(Fault::AppliedUnheard) | None => {}
        }
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let log = sites.entry(batch.site.clone()).or_default();
        if log.head != batch.expected {
            return Err(CommitError::HeadMoved { found: log.head });
        }
        log.add(batch);
        if fault.is_some() { Err(CommitError::OutcomeUnknown(unwell())) } else { Ok(()) }
    }

    fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError> {
        Ok(self.read(site, |log| slice(&log.leaves, range)).unwrap_or_default())
    }

    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let read = self.read(site, |log| range.map_while(|n| log.hashes.get(&(level, n)).copied()).collect());
        Ok(read.unwrap_or_default())
    }

    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError> {
        let bytes = self.read(site, |log| log.rows.get(&index).cloned()).flatten();
        bytes.map(|bytes| parse(index, &bytes)).transpose()
    }

    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        let rows = self.read(site, |log| {
            let rows = log.rows.range(range).map(|(index, bytes)| Ok((*index, parse(*index, bytes)?)));
            rows.collect()
        });
        rows.unwrap_or_else(|| Ok(Vec::new()))
    }

    fn subject(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<SubjectRow>, StoreError> {
        Ok(self.read(site, |log| log.subjects.get(subject).copied()).flatten())
    }

    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError> {
        let all = (*subject, ReceiptId([0; 16]))..=(*subject, ReceiptId([255; 16]));
        let mut records: Vec<_> = self
            .read(site, |log| {
                log.records.range(all).map(|((_, id), index)| RecordRef { index: *index, id: *id }).collect()
            })
            .unwrap_or_default();
        records.sort_by_key(|record| record.index);
        Ok(records)
    }

    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError> {
        Ok(self.read(site, |log| log.records.get(&(*subject, id)).copied()).flatten())
    }

    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError> {
        let read = self.read(site, |log| log.contacts.get(contact).cloned().unwrap_or_default());
        Ok(read.unwrap_or_default())
    }

    fn used_key(&self, site: &SiteId, key: &Hash) -> Result<Option<UsedKey>, StoreError> {
        Ok(self.read(site, |log| log.keys.get(key).copied()).flatten())
    }

    fn notice(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read(site, |log| log.documents.get(hash).cloned()).flatten())
    }

    fn notices(&self, site: &SiteId) -> Result<Vec<NoticeRef>, StoreError> {
        Ok(self.read(site, |log| log.notices.clone()).unwrap_or_default())
    }
}
