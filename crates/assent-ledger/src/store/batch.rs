//! Batches: everything one commit changes in one site's log, and their bytes, which journals and backups keep.
//!
//! Not how a store applies one. Numbers are big endian; lists begin with their length (4 bytes).

use assent_core::commitment::LEAF_LEN;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;

use super::{Head, LeafBytes, Row};

/// Everything one commit changes in one site's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The site.
    pub site: SiteId,
    /// The head this batch was built on; nothing to begin the site's log.
    pub expected: Option<Head>,
    /// The head afterwards. Same size as before when the batch adds no leaves.
    pub head: Head,
    /// New leaves with their rows, for indices `expected.size .. head.size` in order.
    pub entries: Vec<(LeafBytes, Row)>,
    /// Rows that take the place of older ones (`index < expected.size`), each index once. Leaves never change.
    pub replaced: Vec<(u64, Row)>,
    /// Tree hashes completed by the new leaves: tile level (1 or more), index in that level, hash.
    /// Level `l` item `i` is the root of leaves `i·256^l .. (i+1)·256^l`.
    pub hashes: Vec<(u8, u64, Hash)>,
    /// Documents that rows name, kept under their SHA-256.
    pub documents: Vec<(Hash, Vec<u8>)>,
    /// Marks set (with a value) and taken away (without).
    pub marks: Vec<Mark>,
}

/// A small fact about the log that is not in it: set, changed or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What it says.
    pub kind: MarkKind,
    /// About what.
    pub key: Vec<u8>,
    /// With what detail; nothing takes the mark away.
    pub value: Option<Vec<u8>>,
}

/// What a mark says. The bytes of keys and values are the business of whoever sets the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MarkKind {
    /// A tombstone that no summary leaf covers yet. Key: index.
    Untold = 1,
    /// A secret that must be destroyed, and may be still there. Key: which.
    Doomed = 2,
    /// A period that was purged: no row under it may be opened again. Key: period.
    Purged = 3,
    /// A contact that must not be written to. Key: its keyed hash.
    Suppressed = 4,
    /// A subject whose records are frozen (UK GDPR Art 18). Key: subject.
    Restricted = 5,
    /// A subject whose records may not be erased or purged yet. Key: subject.
    Held = 6,
    /// The log was taken over, and nothing is appended to it. Without a key, the value is the key it was signed with.
    Imported = 7,
    /// A checkpoint of a log that was taken over. Key: its size; the value is the note.
    Signed = 8,
    /// Something that must still be done, and survives a restart. Key and value are whoever's sets it.
    Job = 9,
    /// A contact whose messages come back. Key: its keyed hash.
    Bounced = 10,
    /// Since when bytes of what went may lie in the store. No key.
    Owed = 11,
    /// The retention rules that the month of every row was last compared with: their hash, and the leaf that told of the newest change. No
    /// key.
    Planned = 12,
}

impl MarkKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Untold,
        Self::Doomed,
        Self::Purged,
        Self::Suppressed,
        Self::Restricted,
        Self::Held,
        Self::Imported,
        Self::Signed,
        Self::Job,
        Self::Bounced,
        Self::Owed,
        Self::Planned,
    ];
}

impl Batch {
    /// A batch that changes nothing yet in a log that ends at `head`.
    #[must_use]
    pub fn new(site: SiteId, head: Head) -> Self {
        Batch {
            site,
            expected: Some(head),
            head,
            entries: Vec::new(),
            replaced: Vec::new(),
            hashes: Vec::new(),
            documents: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Index of the first new leaf.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.expected.map_or(0, |head| head.size)
    }

    /// The batch's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let rows: usize = self.entries.iter().map(|(_, row)| row.byte_len() + LEAF_LEN + 4).sum();
        let mut out = Writer(Vec::with_capacity(rows + 256));
        out.bytes(self.site.as_str().as_bytes());
        out.0.push(u8::from(self.expected.is_some()));
        self.expected.iter().chain([&self.head]).for_each(|head| out.head(head));
        out.count(self.entries.len());
        for (leaf, row) in &self.entries {
            out.0.extend_from_slice(leaf);
            out.bytes(&row.to_bytes());
        }
        out.count(self.replaced.len());
        for (index, row) in &self.replaced {
            out.0.extend_from_slice(&index.to_be_bytes());
            out.bytes(&row.to_bytes());
        }
        out.count(self.hashes.len());
        for (level, index, hash) in &self.hashes {
            out.0.push(*level);
            out.0.extend_from_slice(&index.to_be_bytes());
            out.0.extend_from_slice(&hash.0);
        }
        out.count(self.documents.len());
        for (hash, document) in &self.documents {
            out.0.extend_from_slice(&hash.0);
            out.bytes(document);
        }
        out.count(self.marks.len());
        for Mark { kind, key, value } in &self.marks {
            out.0.extend_from_slice(&[*kind as u8, u8::from(value.is_some())]);
            out.bytes(key);
            value.iter().for_each(|value| out.bytes(value));
        }
        out.0
    }

    /// Reads [`Self::to_bytes`]; nothing when the bytes are not one batch and no more.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let site = SiteId::new(std::str::from_utf8(from.bytes()?).ok()?).ok()?;
        let expected = if from.flag()? { Some(from.head()?) } else { None };
        let mut batch = Batch { expected, ..Batch::new(site, from.head()?) };
        for _ in 0..from.count()? {
            let leaf = from.array::<LEAF_LEN>()?;
            batch.entries.push((leaf, Row::from_bytes(from.bytes()?)?));
        }
        for _ in 0..from.count()? {
            let index = from.number()?;
            batch.replaced.push((index, Row::from_bytes(from.bytes()?)?));
        }
        for _ in 0..from.count()? {
            let [level] = from.array()?;
            batch.hashes.push((level, from.number()?, Hash(from.array()?)));
        }
        for _ in 0..from.count()? {
            let hash = Hash(from.array()?);
            batch.documents.push((hash, from.bytes()?.to_vec()));
        }
        for _ in 0..from.count()? {
            let [kind] = from.array()?;
            let kind = MarkKind::ALL.into_iter().find(|known| *known as u8 == kind)?;
            let set = from.flag()?;
            let key = from.bytes()?.to_vec();
            let value = if set { Some(from.bytes()?.to_vec()) } else { None };
            batch.marks.push(Mark { kind, key, value });
        }
        from.0.is_empty().then_some(batch)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("a batch is bounded far below four billion parts");
        self.0.extend_from_slice(&count.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn head(&mut self, head: &Head) {
        self.0.extend_from_slice(&head.size.to_be_bytes());
        self.0.extend_from_slice(&head.root.0);
        self.0.extend_from_slice(&head.time.to_be_bytes());
        self.0.extend_from_slice(&head.secrets.to_be_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    /// A list's length; nothing when there cannot be that many of anything in what is left.
    fn count(&mut self) -> Option<usize> {
        let count = u32::from_be_bytes(self.array()?) as usize;
        (count <= self.0.len()).then_some(count)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn head(&mut self) -> Option<Head> {
        let (size, root) = (self.number()?, Hash(self.array()?));
        Some(Head { size, root, time: self.number()?, secrets: self.number()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DocumentKind, RowBody};
    use assent_core::merkle::EMPTY_ROOT;

    fn batch() -> Batch {
        let head = Head { size: 3, root: EMPTY_ROOT, time: 5, secrets: 2 };
        let row = Row { time: 6, covering: 4, body: RowBody::Document(DocumentKind::Notice, Hash([1; 32])) };
        let mut batch = Batch::new(SiteId::new("clinic").unwrap(), head);
        batch.head = Head { size: 4, root: Hash([2; 32]), time: 6, secrets: 3 };
        batch.entries.push(([7; LEAF_LEN], row.clone()));
        batch.replaced.push((1, row));
        batch.hashes.push((1, 9, Hash([3; 32])));
        batch.documents.push((Hash([1; 32]), b"document".to_vec()));
        batch.marks.push(Mark { kind: MarkKind::Untold, key: vec![1], value: Some(Vec::new()) });
        batch.marks.push(Mark { kind: MarkKind::Held, key: vec![2], value: None });
        batch
    }

    #[test]
    fn batches_come_back_whole_or_not_at_all() {
        let bytes = batch().to_bytes();
        assert_eq!(Batch::from_bytes(&bytes), Some(batch()));
        let begun = Batch { expected: None, ..batch() };
        assert_eq!(Batch::from_bytes(&begun.to_bytes()), Some(begun));
        for cut in 0..bytes.len() {
            assert_eq!(Batch::from_bytes(&bytes[..cut]), None);
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(Batch::from_bytes(&longer), None);
    }
}
