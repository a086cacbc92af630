//! The store contract: what the ledger needs from a place that keeps things, in the ledger's own words.
//!
//! Not tables, not transactions. A store keeps many sites' logs; per site it keeps a head, leaves, upper tree
//! hashes, sealed rows, three indexes (subject, contact, idempotency key) and notice documents, and adds to all of
//! them in one step or not at all. It sees no key, no clear record and no clear address, makes no decision and
//! checks no signature. `contract` (feature `testing`) is the suite that every store must pass; [`memory`] the reference.

use assent_core::commitment::LEAF_LEN;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use std::fmt;
use std::ops::Range;

use crate::id::ReceiptId;

#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod memory;

/// The bytes of one leaf.
pub type LeafBytes = [u8; LEAF_LEN];

/// The head of one site's log as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Leaves in the log.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// Time of the newest leaf: milliseconds since 1970 UTC, later with every commit. 0 for an empty log.
    pub time: u64,
}

/// What is kept about one leaf beside the leaf itself. Readable without any key; holds nothing a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When the leaf was taken down: milliseconds since 1970 UTC. Never goes back from one index to the next.
    pub time: u64,
    /// Size of the checkpoint its receipt was given under.
    pub covering: u64,
    /// What the leaf stands for.
    pub body: RowBody,
}

/// The private half of a leaf, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowBody {
    /// A record, sealed.
    Sealed {
        /// Whose record, so that the secret to open it can be found.
        subject: SubjectId,
        /// Which period secret it is sealed under: year × 12 + month − 1.
        period: u32,
        /// Nonce and ciphertext (`seal.rs`).
        bytes: Vec<u8>,
    },
    /// A notice was published; the document is kept under this hash.
    Notice(Hash),
}

const ROW_SEALED: u8 = 1;
const ROW_NOTICE: u8 = 2;

impl Row {
    /// The form every store keeps: kind, time, covering (big endian), then the body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(match self.body {
            RowBody::Sealed { .. } => ROW_SEALED,
            RowBody::Notice(_) => ROW_NOTICE,
        });
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.covering.to_be_bytes());
        match &self.body {
            RowBody::Sealed { subject, period, bytes } => {
                out.extend_from_slice(&subject.0);
                out.extend_from_slice(&period.to_be_bytes());
                out.extend_from_slice(bytes);
            }
            RowBody::Notice(hash) => out.extend_from_slice(&hash.0),
        }
        out
    }

    /// Reads [`Self::to_bytes`]; nothing when the bytes are not a row.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (covering, rest) = rest.split_first_chunk::<8>()?;
        let body = match *kind {
            ROW_SEALED => {
                let (subject, rest) = rest.split_first_chunk::<16>()?;
                let (period, sealed) = rest.split_first_chunk::<4>()?;
                RowBody::Sealed {
                    subject: SubjectId(*subject),
                    period: u32::from_be_bytes(*period),
                    bytes: sealed.to_vec(),
                }
            }
            ROW_NOTICE => RowBody::Notice(Hash(rest.try_into().ok()?)),
            _ => return None,
        };
        Some(Row { time: u64::from_be_bytes(*time), covering: u64::from_be_bytes(*covering), body })
    }
}

/// Where a receipt's record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// Number of the leaf.
    pub index: u64,
    /// The record's id.
    pub id: ReceiptId,
}

/// What is known about a subject without opening anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectRow {
    /// Where in the keystore the subject's secret is.
    pub secret: u64,
    /// The subject's newest record.
    pub latest: RecordRef,
}

/// What an idempotency key was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedKey {
    /// Hash of the request it came with.
    pub request: Hash,
    /// The leaf that request became.
    pub index: u64,
}

/// One publication of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeRef {
    /// Number of the leaf.
    pub index: u64,
    /// SHA-256 of the document.
    pub hash: Hash,
    /// When it was published: milliseconds since 1970 UTC.
    pub time: u64,
}

/// Everything one commit adds to one site's log. Entries of the indexes replace older ones under the same key.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The site.
    pub site: SiteId,
    /// The head this batch was built on; nothing to begin the site's log.
    pub expected: Option<Head>,
    /// The head afterwards.
    pub head: Head,
    /// New leaves with their rows, for indices `expected.size .. head.size` in order.
    pub entries: Vec<(LeafBytes, Row)>,
    /// Tree hashes completed by them: tile level (1 or more), index in that level, hash.
    /// Level `l` item `i` is the root of leaves `i·256^l .. (i+1)·256^l`.
    pub hashes: Vec<(u8, u64, Hash)>,
    /// Subjects as they stand after this batch, with the record each of them got. A subject gets one record in a
    /// batch, and its receipt ids grow with its indices.
    pub records: Vec<(SubjectId, SubjectRow)>,
    /// New leaves by contact hash.
    pub contacts: Vec<(Hash, u64)>,
    /// Idempotency keys (hashed) that were used.
    pub keys: Vec<(Hash, UsedKey)>,
    /// Notices published, with their documents.
    pub notices: Vec<(NoticeRef, Vec<u8>)>,
}

impl Batch {
    /// A batch that adds nothing yet to a log that ends at `head`.
    #[must_use]
    pub fn new(site: SiteId, head: Head) -> Self {
        Batch {
            site,
            expected: Some(head),
            head,
            entries: Vec::new(),
            hashes: Vec::new(),
            records: Vec::new(),
            contacts: Vec::new(),
            keys: Vec::new(),
            notices: Vec::new(),
        }
    }
}

/// A place that keeps many sites' logs. One process at a time owns it; within that process it is shared by threads.
///
/// Reads see every commit that returned `Ok`, in full, and may see one whose outcome is unknown. A read of
/// something that was never written answers nothing or a shorter list, not an error.
pub trait Store: Send + Sync + fmt::Debug {
    /// The head of a site's log, or nothing if the site has no log here.
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
    /// it or none of it is stored: read the head to learn which, and do not commit to the site before.
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

    /// A subject, or nothing if the subject never decided anything.
    ///
    /// # Errors
    /// [`StoreError`].
    fn subject(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<SubjectRow>, StoreError>;

    /// A subject's records, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError>;

    /// The leaf of one receipt of one subject. Nothing for anybody else's receipt: whoever asks must name its holder.
    ///
    /// # Errors
    /// [`StoreError`].
    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError>;

    /// Leaves that name a contact, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError>;

    /// What an idempotency key (hashed) was used for.
    ///
    /// # Errors
    /// [`StoreError`].
    fn used_key(&self, site: &SiteId, key: &Hash) -> Result<Option<UsedKey>, StoreError>;

    /// A notice's document, by its hash.
    ///
    /// # Errors
    /// [`StoreError`].
    fn notice(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError>;

    /// Every publication of a notice, oldest first. The last one is current.
    ///
    /// # Errors
    /// [`StoreError`].
    fn notices(&self, site: &SiteId) -> Result<Vec<NoticeRef>, StoreError>;
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
        StoreError { what: what.into(), source: Some("what is stored there is damaged".into()) }
    }
}

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
