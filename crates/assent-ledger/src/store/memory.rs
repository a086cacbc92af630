//! The reference store: everything in memory, gone with the process, and able to fail on demand.
//!
//! For tests and for reading the contract as code: it keeps no index, so what is found is found by looking at every row.
//! [`MemoryStore::inject`] makes commits fail the ways real ones do; [`MemoryStore::tamper`] changes what is kept, as a
//! bad disk or a bad administrator would; [`MemoryStore::watch`] holds commits up, so that a test knows what happens meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;

use super::{
    Batch, CommitError, DocumentRef, Head, LeafBytes, Mark, MarkEntry, MarkKind, Reclaimed, RecordRef,
    RecordRow, Replaces, Row, RowBody, Store, StoreError,
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
    watch: Mutex<Option<Watch>>,
}

/// What a watched store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// For the newest record of a subject: a draft is judged.
    Newest,
    /// To commit; it does when it is let.
    Commit,
}

#[derive(Clone, Debug)]
struct Watch {
    seen: Sender<Seen>,
    go: Arc<Mutex<Receiver<()>>>,
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
    /// Documents.
    pub documents: BTreeMap<Hash, Vec<u8>>,
    /// Marks.
    pub marks: BTreeMap<(MarkKind, Vec<u8>), Vec<u8>>,
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

    /// Tells from now on what is asked, and lets one commit through for each `()` that is sent; all of them when the sender is
    /// dropped.
    pub fn watch(&self) -> (Receiver<Seen>, Sender<()>) {
        let ((seen, tells), (lets, go)) = (channel(), channel());
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Watch { seen, go: Arc::new(Mutex::new(go)) });
        (tells, lets)
    }

    fn sees(&self, what: Seen) {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Watch { seen, go }) = watch else { return };
        // Whoever watched may have seen enough.
        let _ = seen.send(what);
        if what == Seen::Commit {
            let _ = go.lock().unwrap_or_else(PoisonError::into_inner).recv();
        }
    }

    /// Changes a site's log behind everybody's back.
    pub fn tamper(&self, site: &SiteId, change: impl FnOnce(&mut SiteLog)) {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        change(sites.entry(site.clone()).or_default());
    }

    fn read<T: Default>(&self, site: &SiteId, read: impl FnOnce(&SiteLog) -> T) -> T {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).get(site).map(read).unwrap_or_default()
    }

    /// What `take` makes of every record, in the order of their leaves. Rows that are no rows are passed over.
    fn every<T>(&self, site: &SiteId, take: impl Fn(u64, RecordRow) -> Option<T>) -> Vec<T> {
        self.read(site, |log| {
            let rows = log.rows.iter().filter_map(|(index, bytes)| Some((*index, Row::from_bytes(bytes)?)));
            rows.filter_map(|(index, row)| match row.body {
                RowBody::Record(record) => take(index, record),
                _ => None,
            })
            .collect()
        })
    }
}

impl SiteLog {
    fn add(&mut self, batch: Batch) {
        for (index, (leaf, row)) in (self.leaves.len() as u64..).zip(batch.entries) {
            self.leaves.push(leaf);
            self.rows.insert(index, row.to_bytes());
        }
        self.rows.extend(batch.replaced.into_iter().map(|(index, row)| (index, row.to_bytes())));
        self.hashes.extend(batch.hashes.into_iter().map(|(level, index, hash)| ((level, index), hash)));
        self.documents.extend(batch.documents);
        for Mark { kind, key, value } in batch.marks {
            match value {
                Some(value) => drop(self.marks.insert((kind, key), value)),
                None => drop(self.marks.remove(&(kind, key))),
            }
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
        Ok(self.read(site, |log| log.head))
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        self.sees(Seen::Commit);
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
        Ok(self.read(site, |log| slice(&log.leaves, range)))
    }

    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        Ok(self.read(site, |log| range.map_while(|n| log.hashes.get(&(level, n)).copied()).collect()))
    }

    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError> {
        let bytes = self.read(site, |log| log.rows.get(&index).cloned());
        bytes.map(|bytes| parse(index, &bytes)).transpose()
    }

    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        let rows = self.read(site, |log| {
            log.rows.range(range).map(|(index, bytes)| (*index, bytes.clone())).collect::<Vec<_>>()
        });
        rows.into_iter().map(|(index, bytes)| Ok((index, parse(index, &bytes)?))).collect()
    }

    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError> {
        let whose = |record: &RecordRow| record.subject == *subject;
        Ok(self.every(site, |index, record| whose(&record).then_some(RecordRef { index, id: record.id })))
    }

    fn newest(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<RecordRef>, StoreError> {
        self.sees(Seen::Newest);
        Ok(self.records(site, subject)?.pop())
    }

    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError> {
        let records = self.records(site, subject)?;
        Ok(records.into_iter().find(|record| record.id == id).map(|record| record.index))
    }

    fn request(
        &self,
        site: &SiteId,
        subject: &SubjectId,
        key: &[u8; 16],
    ) -> Result<Option<(u64, [u8; 16])>, StoreError> {
        let found = self.every(site, |index, record| {
            let request = record.request.filter(|request| record.subject == *subject && request.key == *key);
            request.map(|request| (index, request.body))
        });
        Ok(found.into_iter().next())
    }

    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError> {
        Ok(self.every(site, |index, record| record.contacts.contains(contact).then_some(index)))
    }

    fn contacts(&self, site: &SiteId, after: Option<&Hash>, most: usize) -> Result<Vec<Hash>, StoreError> {
        let named = self.every(site, |_, record| Some(record.contacts.clone()));
        let named: BTreeSet<Hash> = named.into_iter().flatten().collect();
        Ok(named.into_iter().filter(|one| after.is_none_or(|after| after < one)).take(most).collect())
    }

    fn document(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read(site, |log| log.documents.get(hash).cloned()))
    }

    fn published(&self, site: &SiteId) -> Result<Vec<DocumentRef>, StoreError> {
        Ok(self.read(site, |log| {
            let rows = log.rows.iter().filter_map(|(index, bytes)| Some((*index, Row::from_bytes(bytes)?)));
            rows.filter_map(|(index, row)| match row.body {
                RowBody::Document(kind, hash) => Some(DocumentRef { kind, index, hash, time: row.time }),
                _ => None,
            })
            .collect()
        }))
    }

    fn mark(&self, site: &SiteId, kind: MarkKind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read(site, |log| log.marks.get(&(kind, key.to_vec())).cloned()))
    }

    fn marks(&self, site: &SiteId, kind: MarkKind) -> Result<Vec<MarkEntry>, StoreError> {
        Ok(self.read(site, |log| {
            let marks = log.marks.iter().filter(|((found, _), _)| *found == kind);
            marks.map(|((_, key), value)| (key.clone(), value.clone())).collect()
        }))
    }

    fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = Reclaimed::default();
        for (site, log) in &mut *sites {
            for (index, bytes) in &mut log.rows {
                done.before += bytes.len() as u64;
                if let Some(row) = replaces(site, *index, &parse(*index, bytes)?) {
                    *bytes = row.to_bytes();
                    done.rows += 1;
                }
                done.after += bytes.len() as u64;
            }
        }
        Ok(done)
    }
}
