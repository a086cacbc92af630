//! A store in memory that counts its calls and fails when it is told to.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::memory::MemoryStore;
use assent_ledger::store::{
    Batch, CommitError, DocumentRef, Head, LeafBytes, MarkEntry, MarkKind, Reclaimed, RecordRef, Replaces,
    Row, Store, StoreError,
};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// Nothing happened, and that is known. The only way a read can fail.
    Known,
    /// Nothing happened, and nobody can tell.
    Unheard,
    /// It happened, and nobody can tell.
    Applied,
}

/// How a call can fail.
pub fn ways(call: &str) -> &'static [Fails] {
    match call {
        "commit" => &[Fails::Known, Fails::Unheard, Fails::Applied],
        // Its error says that nothing is lost, not that nothing was given back.
        "reclaim" => &[Fails::Known, Fails::Applied],
        _ => &[Fails::Known],
    }
}

/// The fault to come: at which call, how, and whether every later call fails too.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub at: usize,
    pub fails: Fails,
    pub lasts: bool,
}

/// The store itself.
#[derive(Debug)]
pub struct Faulty {
    pub inner: MemoryStore,
    fault: Mutex<Option<Fault>>,
    /// Names of the calls since they were last taken, and of the threads that made them.
    calls: Mutex<Vec<(&'static str, String)>>,
}

impl Faulty {
    pub fn on(inner: MemoryStore) -> Arc<Self> {
        Arc::new(Faulty { inner, fault: Mutex::default(), calls: Mutex::default() })
    }

    pub fn plan(&self, fault: Option<Fault>) {
        self.calls.lock().unwrap().clear();
        *self.fault.lock().unwrap() = fault;
    }

    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().iter().map(|(call, _)| *call).collect()
    }

    /// The calls of one thread.
    pub fn calls_on(&self, thread: &str) -> Vec<&'static str> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(_, by)| by == thread).map(|(call, _)| *call).collect()
    }

    fn due(&self, call: &'static str) -> Option<Fails> {
        let mut calls = self.calls.lock().unwrap();
        calls.push((call, std::thread::current().name().unwrap_or_default().to_string()));
        let fault = (*self.fault.lock().unwrap())?;
        let now = calls.len() - 1;
        (now == fault.at || fault.lasts && now > fault.at).then_some(fault.fails)
    }

    fn read(&self, call: &'static str) -> Result<&MemoryStore, StoreError> {
        self.due(call).map_or(Ok(&self.inner), |_| Err(StoreError::new(call, "a fault was injected")))
    }
}

impl Store for Faulty {
    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError> {
        self.read("head")?.head(site)
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let unwell = || StoreError::new("commit", "a fault was injected");
        match self.due("commit") {
            None => self.inner.commit(batch),
            Some(Fails::Known) => Err(CommitError::Failed(unwell())),
            Some(Fails::Unheard) => Err(CommitError::OutcomeUnknown(unwell())),
            Some(Fails::Applied) => {
                self.inner.commit(batch)?;
                Err(CommitError::OutcomeUnknown(unwell()))
            }
        }
    }

    fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError> {
        self.read("leaves")?.leaves(site, range)
    }

    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.read("hashes")?.hashes(site, level, range)
    }

    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError> {
        self.read("row")?.row(site, index)
    }

    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        self.read("rows")?.rows(site, range)
    }

    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError> {
        self.read("records")?.records(site, subject)
    }

    fn newest(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<RecordRef>, StoreError> {
        self.read("newest")?.newest(site, subject)
    }

    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError> {
        self.read("record")?.record(site, subject, id)
    }

    fn request(
        &self,
        site: &SiteId,
        subject: &SubjectId,
        key: &[u8; 16],
    ) -> Result<Option<(u64, [u8; 16])>, StoreError> {
        self.read("request")?.request(site, subject, key)
    }

    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError> {
        self.read("contact")?.contact(site, contact)
    }

    fn contacts(&self, site: &SiteId, after: Option<&Hash>, most: usize) -> Result<Vec<Hash>, StoreError> {
        self.read("contacts")?.contacts(site, after, most)
    }

    fn document(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("document")?.document(site, hash)
    }

    fn published(&self, site: &SiteId) -> Result<Vec<DocumentRef>, StoreError> {
        self.read("published")?.published(site)
    }

    fn mark(&self, site: &SiteId, kind: MarkKind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("mark")?.mark(site, kind, key)
    }

    fn marks(&self, site: &SiteId, kind: MarkKind) -> Result<Vec<MarkEntry>, StoreError> {
        self.read("marks")?.marks(site, kind)
    }

    fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        let unwell = || StoreError::new("reclaim", "a fault was injected");
        match self.due("reclaim") {
            None => self.inner.reclaim(replaces),
            Some(Fails::Applied) => {
                self.inner.reclaim(replaces)?;
                Err(unwell())
            }
            Some(Fails::Known | Fails::Unheard) => Err(unwell()),
        }
    }
}
