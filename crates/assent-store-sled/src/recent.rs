//! What was committed and is not in sled yet: batches in memory, found by everything the store finds rows by.
//!
//! The journal has them durably; sled absorbs them a few at a time (`absorb.rs`). A batch is added whole when it is durable and
//! forgotten whole when sled has it, so a reader that looks here first and in sled second misses nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::store::{Batch, DocumentRef, Head, LeafBytes, Mark, MarkKind, Row, RowBody};

use crate::keys::SiteNumber;

/// Batches of all sites, in the order they were committed.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    sites: HashMap<SiteId, SiteRecent>,
    pending: VecDeque<Pending>,
    bytes: usize,
}

/// Bytes of a key in sled, and of what sled keeps beside it, about.
const KEY: usize = 64;

/// A batch that sled has to absorb.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// Its sequence in the journal.
    pub(crate) sequence: u64,
    pub(crate) batch: Arc<Batch>,
    pub(crate) bytes: usize,
}

/// The sequence that brought a mark's value; nothing takes the mark away.
type Changed = (u64, Option<Vec<u8>>);

/// One site: its number and head, and what of it is recent.
#[derive(Debug)]
pub(crate) struct SiteRecent {
    pub(crate) number: SiteNumber,
    pub(crate) head: Head,
    /// Batches that add leaves, ascending.
    adding: VecDeque<Arc<Batch>>,
    subjects: HashMap<SubjectId, Vec<u64>>,
    contacts: HashMap<Hash, Vec<u64>>,
    /// Newest replacement by index, with the sequence that brought it.
    replaced: BTreeMap<u64, (u64, Row)>,
    hashes: HashMap<(u8, u64), Hash>,
    documents: HashMap<Hash, (u64, Vec<u8>)>,
    published: Vec<DocumentRef>,
    /// Newest change of each mark, with the sequence that brought it.
    marks: BTreeMap<(MarkKind, Vec<u8>), Changed>,
}

impl Recent {
    /// A site that sled knows.
    pub(crate) fn know(&mut self, site: SiteId, number: SiteNumber, head: Head) {
        self.sites.insert(site, SiteRecent::new(number, head));
    }

    pub(crate) fn site(&self, site: &SiteId) -> Option<&SiteRecent> {
        self.sites.get(site)
    }

    /// Bytes that wait to be absorbed.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a durable batch. The head was compared before.
    pub(crate) fn add(&mut self, sequence: u64, batch: Batch, bytes: usize) {
        let next = self.sites.values().map(|site| site.number).max().map_or(0, |last| last + 1);
        let site = self.sites.entry(batch.site.clone()).or_insert_with(|| SiteRecent::new(next, batch.head));
        let batch = Arc::new(batch);
        site.add(sequence, &batch);
        self.pending.push_back(Pending { sequence, batch, bytes });
        self.bytes += bytes;
    }

    /// The oldest batches, up to `bytes` of them, none of which puts more than a quarter of that into sled, and at least one, if there
    /// are any; each with its site's number.
    pub(crate) fn oldest(&self, bytes: usize) -> Vec<(SiteNumber, Pending)> {
        let mut sum = 0;
        let fits = |pending: &&Pending| {
            let first = sum == 0;
            sum += pending.bytes.max(4 * all_in_sled(&pending.batch)).max(1);
            first || sum <= bytes
        };
        let oldest = self.pending.iter().take_while(fits);
        oldest
            .filter_map(|pending| Some((self.sites.get(&pending.batch.site)?.number, pending.clone())))
            .collect()
    }

    /// The oldest `count` batches are in sled for good.
    pub(crate) fn forget(&mut self, count: usize) {
        for Pending { sequence, batch, bytes } in self.pending.drain(..count) {
            self.bytes -= bytes;
            if let Some(site) = self.sites.get_mut(&batch.site) {
                site.forget(sequence, &batch);
            }
        }
    }
}

/// Bytes of a batch that go into sled as they are, about: of a decision that is less than a quarter, of marks and documents all.
fn all_in_sled(batch: &Batch) -> usize {
    let marks = batch.marks.iter().map(|mark| mark.key.len() + mark.value.as_ref().map_or(0, Vec::len));
    let documents = batch.documents.iter().map(|(_, document)| document.len());
    marks.chain(documents).map(|bytes| bytes + KEY).sum::<usize>() + KEY * batch.replaced.len()
}

impl SiteRecent {
    /// Whether another row will take this one's place.
    pub(crate) fn replaces(&self, index: u64) -> bool {
        self.replaced.contains_key(&index)
    }

    fn new(number: SiteNumber, head: Head) -> Self {
        SiteRecent {
            number,
            head,
            adding: VecDeque::new(),
            subjects: HashMap::new(),
            contacts: HashMap::new(),
            replaced: BTreeMap::new(),
            hashes: HashMap::new(),
            documents: HashMap::new(),
            published: Vec::new(),
            marks: BTreeMap::new(),
        }
    }

    fn add(&mut self, sequence: u64, batch: &Arc<Batch>) {
        self.head = batch.head;
        for (index, (_, row)) in (batch.first()..).zip(&batch.entries) {
            match &row.body {
                RowBody::Record(record) => {
                    self.subjects.entry(record.subject).or_default().push(index);
                    for contact in &record.contacts {
                        let indices = self.contacts.entry(*contact).or_default();
                        if indices.last() != Some(&index) {
                            indices.push(index);
                        }
                    }
                }
                RowBody::Document(kind, hash) => {
                    self.published.push(DocumentRef { kind: *kind, index, hash: *hash, time: row.time });
                }
                _ => {}
            }
        }
        if !batch.entries.is_empty() {
            self.adding.push_back(Arc::clone(batch));
        }
        self.hashes.extend(batch.hashes.iter().map(|(level, index, hash)| ((*level, *index), *hash)));
        for (index, row) in &batch.replaced {
            self.replaced.insert(*index, (sequence, row.clone()));
        }
        for (hash, document) in &batch.documents {
            self.documents.insert(*hash, (sequence, document.clone()));
        }
        for Mark { kind, key, value } in &batch.marks {
            self.marks.insert((*kind, key.clone()), (sequence, value.clone()));
        }
    }

    fn forget(&mut self, sequence: u64, batch: &Batch) {
        if !batch.entries.is_empty() {
            self.adding.pop_front();
        }
        let end = batch.head.size;
        for (_, row) in &batch.entries {
            if let RowBody::Record(record) = &row.body {
                drop_below(&mut self.subjects, &record.subject, end);
                record.contacts.iter().for_each(|contact| drop_below(&mut self.contacts, contact, end));
            }
        }
        self.published.retain(|document| document.index >= end);
        for (level, index, _) in &batch.hashes {
            self.hashes.remove(&(*level, *index));
        }
        for (index, _) in &batch.replaced {
            if self.replaced.get(index).is_some_and(|(newest, _)| *newest == sequence) {
                self.replaced.remove(index);
            }
        }
        for (hash, _) in &batch.documents {
            if self.documents.get(hash).is_some_and(|(newest, _)| *newest == sequence) {
                self.documents.remove(hash);
            }
        }
        for Mark { kind, key, .. } in &batch.marks {
            let key = (*kind, key.clone());
            if self.marks.get(&key).is_some_and(|(newest, _)| *newest == sequence) {
                self.marks.remove(&key);
            }
        }
    }

    /// Index of the first leaf that is here; leaves before it are in sled.
    pub(crate) fn first(&self) -> u64 {
        self.adding.front().map_or(self.head.size, |batch| batch.first())
    }

    fn entry(&self, index: u64) -> Option<&(LeafBytes, Row)> {
        let batch = self.adding.partition_point(|batch| batch.head.size <= index);
        let batch = self.adding.get(batch)?;
        batch.entries.get(usize::try_from(index.checked_sub(batch.first())?).ok()?)
    }

    /// A row, as it is here: replaced or added.
    pub(crate) fn row(&self, index: u64) -> Option<&Row> {
        let replaced = self.replaced.get(&index).map(|(_, row)| row);
        replaced.or_else(|| self.entry(index).map(|(_, row)| row))
    }

    /// Leaves of a range that are here.
    pub(crate) fn leaves(&self, range: Range<u64>) -> Vec<LeafBytes> {
        let range = range.start.max(self.first())..range.end.min(self.head.size);
        range.map_while(|index| self.entry(index).map(|(leaf, _)| *leaf)).collect()
    }

    /// Whether the index still is a record, as far as is known here.
    pub(crate) fn is_gone(&self, index: u64) -> bool {
        self.replaced.get(&index).is_some_and(|(_, row)| row.record().is_none())
    }

    /// Rows that sled may still have as records, and that are none any more.
    pub(crate) fn gone(&self) -> impl Iterator<Item = u64> {
        self.replaced.iter().filter(|(_, (_, row))| row.record().is_none()).map(|(index, _)| *index)
    }

    /// A subject's records that are here, oldest first.
    pub(crate) fn records(&self, subject: &SubjectId) -> impl DoubleEndedIterator<Item = (u64, &Row)> {
        let indices = self.subjects.get(subject).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| Some((*index, self.row(*index)?)))
    }

    /// Contacts that leaves here name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = &Hash> {
        self.contacts.keys()
    }

    /// A contact's leaves that are here, oldest first.
    pub(crate) fn contact(&self, contact: &Hash) -> &[u64] {
        self.contacts.get(contact).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn hash(&self, level: u8, index: u64) -> Option<Hash> {
        self.hashes.get(&(level, index)).copied()
    }

    pub(crate) fn document(&self, hash: &Hash) -> Option<&[u8]> {
        self.documents.get(hash).map(|(_, document)| document.as_slice())
    }

    pub(crate) fn published(&self) -> &[DocumentRef] {
        &self.published
    }

    /// A mark as it is here: set, taken away, or not known.
    pub(crate) fn mark(&self, kind: MarkKind, key: &[u8]) -> Option<Option<&[u8]>> {
        self.marks.get(&(kind, key.to_vec())).map(|(_, value)| value.as_deref())
    }

    /// All marks of a kind that are known here.
    pub(crate) fn marks(&self, kind: MarkKind) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let of_kind =
            self.marks.range((kind, Vec::new())..).take_while(move |((found, _), _)| *found == kind);
        of_kind.map(|((_, key), (_, value))| (key.as_slice(), value.as_deref()))
    }
}

/// Forgets indices below `end`; they ascend.
fn drop_below<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<u64>>, key: &K, end: u64) {
    if let Some(indices) = map.get_mut(key) {
        indices.retain(|index| *index >= end);
        if indices.is_empty() {
            map.remove(key);
        }
    }
}
