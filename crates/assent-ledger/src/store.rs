//! The store contract: what the ledger needs from a place that keeps things, in the ledger's own words.
//!
//! Not tables, not transactions. A store keeps many sites' logs; per site it keeps a head, leaves, upper tree hashes,
//! rows, documents and marks, and adds to all of them in one step or not at all. From the rows it finds records again
//! by subject and by contact. It sees no key, no clear record and no clear address, makes no decision and checks no
//! signature. `contract` (feature `testing`) is the suite that every store must pass; [`memory`] the reference;
//! [`row`] and [`batch`] the bytes that every store keeps.

use assent_core::commitment::LEAF_LEN;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use std::fmt;
use std::ops::Range;

use crate::id::ReceiptId;

pub mod batch;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod memory;
pub mod row;

pub use batch::{Batch, Mark, MarkKind};
pub use row::{DocumentKind, Gone, GoneReason, RecordRow, RequestId, Row, RowBody, Salted};

/// The bytes of one leaf.
pub type LeafBytes = [u8; LEAF_LEN];

/// The head of one site's log as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Leaves in the log.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// Time of the newest leaf: milliseconds since 1970 UTC, later with every commit that adds leaves. 0 for an empty log.
    pub time: u64,
    /// Places in the keystore that were given to subjects so far: the next new subject's secret is at this one.
    pub secrets: u64,
}

/// Where a receipt's record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// Number of the leaf.
    pub index: u64,
    /// The record's id.
    pub id: ReceiptId,
}

/// One publication of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentRef {
    /// What it is.
    pub kind: DocumentKind,
    /// Number of the leaf.
    pub index: u64,
    /// SHA-256 of the document.
    pub hash: Hash,
    /// When it was published: milliseconds since 1970 UTC.
    pub time: u64,
}

/// A mark's key and value.
pub type MarkEntry = (Vec<u8>, Vec<u8>);

/// Says what takes the place of a row when space is reclaimed: nothing keeps it as it is.
pub type Replaces<'a> = dyn Fn(&SiteId, u64, &Row) -> Option<Row> + Send + Sync + 'a;

/// What reclaiming space did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Rows that were replaced on the way.
    pub rows: u64,
    /// Bytes on disk before.
    pub before: u64,
    /// Bytes on disk afterwards.
    pub after: u64,
}

/// A place that keeps many sites' logs. One process at a time owns it; within that process it is shared by threads.
///
/// Reads see every commit that returned `Ok`, in full, and may see one whose outcome is unknown. A read of
/// something that was never written answers nothing or a shorter list, not an error.
///
/// Records are found by subject, receipt id, idempotency key and contact through their rows: a store keeps whatever
/// indexes it likes, adds to them with each [`RowBody::Record`], and takes away from them when a row is replaced by
/// one that is no record.
pub trait Store: Send + Sync + fmt::Debug {
    /// The head of a site's log, or nothing if the site has no log here.
    ///
    /// After an unknown outcome this is where a store looks again at what is really there.
    ///
    /// # Errors
    /// [`StoreError`]: could not be read; says nothing about what is there.
    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError>;

    /// Adds a batch if the site's head is still `batch.expected`: the compare-and-swap that keeps two writers from
    /// forking a log.
    ///
    /// When it returns `Ok`, everything in the batch is on stable storage, as far as the device's flush promises,
    /// and visible to every read. All of the batch lands together: no crash at any moment may leave a part of it
    /// to be seen. Commits to different sites are independent.
    ///
    /// # Errors
    /// [`CommitError::HeadMoved`] and [`CommitError::Failed`] mean that nothing of the batch was stored or ever
    /// will be; the same batch may be tried again after `Failed`. [`CommitError::OutcomeUnknown`] means that all of
    /// it or none of it is stored: read the head to learn which, and do not commit to the site before. Which it was
    /// may be settled by a commit to another site meanwhile.
    fn commit(&self, batch: Batch) -> Result<(), CommitError>;

    /// Leaves of a range, in order. Shorter when the log ends inside the range.
    ///
    /// # Errors
    /// [`StoreError`].
    fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError>;

    /// Tree hashes of one tile level (1 or more), in order. Shorter when the level ends inside the range.
    ///
    /// # Errors
    /// [`StoreError`].
    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError>;

    /// One row.
    ///
    /// # Errors
    /// [`StoreError`], also when what is stored is not a row.
    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError>;

    /// Rows of a range, in order, each with its index; callers keep ranges short enough for memory.
    ///
    /// # Errors
    /// [`StoreError`], also when what is stored is not a row.
    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError>;

    /// A subject's records, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError>;

    /// A subject's newest record, or nothing when it has none, or none any more.
    ///
    /// # Errors
    /// [`StoreError`].
    fn newest(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<RecordRef>, StoreError>;

    /// The leaf of one receipt of one subject. Nothing for anybody else's receipt: whoever asks must name its holder.
    ///
    /// # Errors
    /// [`StoreError`].
    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError>;

    /// The record that one of the subject's requests became, by the hash of its idempotency key, with the hash of that
    /// request's body.
    ///
    /// # Errors
    /// [`StoreError`].
    fn request(
        &self,
        site: &SiteId,
        subject: &SubjectId,
        key: &[u8; 16],
    ) -> Result<Option<(u64, [u8; 16])>, StoreError>;

    /// Leaves that name a contact, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError>;

    /// Contacts that leaves name, each once, in the order of their bytes: `most` at most of those that come after one, or from the
    /// first. One that no leaf names any more may be among them.
    ///
    /// # Errors
    /// [`StoreError`].
    fn contacts(&self, site: &SiteId, after: Option<&Hash>, most: usize) -> Result<Vec<Hash>, StoreError>;

    /// A document, by its hash.
    ///
    /// # Errors
    /// [`StoreError`].
    fn document(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError>;

    /// Every publication of a document, oldest first. The last one of a kind is current.
    ///
    /// # Errors
    /// [`StoreError`].
    fn published(&self, site: &SiteId) -> Result<Vec<DocumentRef>, StoreError>;

    /// One mark's value.
    ///
    /// # Errors
    /// [`StoreError`].
    fn mark(&self, site: &SiteId, kind: MarkKind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// All marks of a kind, by key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn marks(&self, site: &SiteId, kind: MarkKind) -> Result<Vec<MarkEntry>, StoreError>;

    /// Gives space back: keeps what is live, replaces rows on the way as `replaces` says, and lets go of the bytes of
    /// everything that was replaced before. Reads and commits go on meanwhile. A crash leaves the old state or the new one.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is lost. A part may have been given back; it is to be done again.
    fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError>;
}

/// Something could not be read. Nothing was changed; trying again is safe.
#[derive(Debug, thiserror::Error)]
#[error("the store could not {what}")]
pub struct StoreError {
    /// What it was asked to do: "read row 17".
    pub what: String,
    /// Why, in the store's own words.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error with its cause.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError { what: what.into(), source: Some(source.into()) }
    }

    /// What is stored makes no sense.
    pub fn damaged(what: impl Into<String>) -> Self {
        StoreError { what: what.into(), source: Some(Damage.into()) }
    }

    /// Whether it is what is stored that makes no sense: then asking again does not help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.source.as_deref().is_some_and(|source| source.is::<Damage>())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("what is stored there is damaged")]
struct Damage;

/// Why a commit did not return `Ok`. Split by what is now in the store.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing was stored: another writer came first, or the batch was built on something else.
    #[error("the log's head is not the one this batch was built on")]
    HeadMoved {
        /// The head there is.
        found: Option<Head>,
    },
    /// Nothing was stored and nothing will be.
    #[error("the batch was not stored")]
    Failed(#[source] StoreError),
    /// All of it or none of it is stored; only reading the head tells.
    #[error("it is not known whether the batch was stored")]
    OutcomeUnknown(#[source] StoreError),
}
