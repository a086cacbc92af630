//! Reading: what is recent first, then what was absorbed, so that nothing is missed while it moves from one to the other.
//!
//! What is found in both is the same and is taken once. No lock is held while sled is read. The index may name records that are none any
//! more (`absorb.rs`): the rows tell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::{
    Batch, CommitError, DocumentRef, Head, LeafBytes, MarkEntry, MarkKind, Reclaimed, RecordRef, Replaces,
    Row, Store, StoreError,
};

use crate::keys::{self, SiteNumber};
use crate::recent::SiteRecent;
use crate::{Inner, SledStore};

impl Store for SledStore {
    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError> {
        self.inner.head(site)
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        self.inner.commit(batch)
    }

    fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError> {
        let take = |recent: &SiteRecent| {
            let before = range.start..range.end.min(recent.first());
            (before, recent.leaves(range.clone()))
        };
        let Some((number, (before, recent))) = self.inner.with(site, take) else { return Ok(Vec::new()) };
        let mut leaves = self.inner.rows.leaves(number, before)?;
        leaves.extend(recent);
        Ok(leaves)
    }

    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let take = |recent: &SiteRecent| {
            let complete = recent.head.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
            let range = range.start..range.end.min(complete);
            let known = range.clone().filter_map(|index| Some((index, recent.hash(level, index)?)));
            (range.clone(), known.collect::<BTreeMap<_, _>>())
        };
        let Some((number, (range, mut known))) = self.inner.with(site, take) else { return Ok(Vec::new()) };
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let sled = self.inner.sled()?;
        let (from, to) = (keys::hash(number, level, range.start), keys::hash(number, level, range.end));
        for entry in sled.main.between(&from, &to) {
            let (key, value) = entry?;
            let index = keys::parse(&key).and_then(|(_, _, rest)| keys::parse_u64(rest.get(1..)?));
            let found = index.zip(value.as_ref().try_into().ok().map(Hash));
            let (index, hash) = found.ok_or_else(|| StoreError::damaged("read a tree hash"))?;
            known.insert(index, hash);
        }
        Ok(range.map_while(|index| known.get(&index).copied()).collect())
    }

    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError> {
        let found = self.rows(site, index..index.saturating_add(1))?;
        Ok(found.into_iter().next().map(|(_, row)| row))
    }

    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        let take = |recent: &SiteRecent| {
            let range = range.start..range.end.min(recent.head.size);
            let before = range.start..range.end.min(recent.first());
            let known = range.clone().filter_map(|index| Some((index, recent.row(index)?.clone())));
            (before, known.collect::<BTreeMap<_, _>>())
        };
        let Some((number, (before, known))) = self.inner.with(site, take) else { return Ok(Vec::new()) };
        // What waits to take a row's place is read instead of it: a step that was cut short may have written half of it.
        let (mut rows, mut from) = (BTreeMap::new(), before.start);
        for next in known.keys().copied().filter(|index| before.contains(index)).chain([before.end]) {
            rows.extend(self.inner.rows.rows(number, from..next)?);
            from = next + 1;
        }
        rows.extend(known);
        Ok(rows.into_iter().collect())
    }

    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError> {
        let Some((number, recent)) = self.inner.with(site, |recent| Subject::of(recent, subject)) else {
            return Ok(Vec::new());
        };
        let mut found = BTreeMap::new();
        for entry in self.inner.records_in_sled(number, subject)? {
            let (id, index, _) = entry?;
            if self.inner.is_record(number, index, &recent.known)? {
                found.insert(index, id);
            }
        }
        found.extend(recent.records);
        Ok(found.into_iter().map(|(index, id)| RecordRef { index, id }).collect())
    }

    fn newest(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<RecordRef>, StoreError> {
        let Some((number, recent)) = self.inner.with(site, |recent| Subject::of(recent, subject)) else {
            return Ok(None);
        };
        if let Some((index, id)) = recent.records.last() {
            return Ok(Some(RecordRef { index: *index, id: *id }));
        }
        if self.inner.sled()?.seen.never(number, subject) {
            return Ok(None);
        }
        for entry in self.inner.records_in_sled(number, subject)?.rev() {
            let (id, index, _) = entry?;
            if self.inner.is_record(number, index, &recent.known)? {
                return Ok(Some(RecordRef { index, id }));
            }
        }
        Ok(None)
    }

    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError> {
        let Some((number, recent)) = self.inner.with(site, |recent| Subject::of(recent, subject)) else {
            return Ok(None);
        };
        if let Some((index, _)) = recent.records.iter().find(|(_, found)| *found == id) {
            return Ok(Some(*index));
        }
        let value = self.inner.sled()?.index()?.get(keys::record(number, subject, id), "a receipt id")?;
        let Some(value) = value else { return Ok(None) };
        let index = keys::parse_index(&value).ok_or_else(|| StoreError::damaged("read a receipt id"))?;
        Ok(if self.inner.is_record(number, index, &recent.known)? { Some(index) } else { None })
    }

    fn request(
        &self,
        site: &SiteId,
        subject: &SubjectId,
        key: &[u8; 16],
    ) -> Result<Option<(u64, [u8; 16])>, StoreError> {
        let take = |recent: &SiteRecent| {
            let of_key = recent.records(subject).find_map(|(index, row)| {
                let request = row.record()?.request.filter(|request| request.key == *key)?;
                Some((index, request.body))
            });
            (of_key, Subject::of(recent, subject))
        };
        let Some((number, (here, recent))) = self.inner.with(site, take) else { return Ok(None) };
        if here.is_some() {
            return Ok(here);
        }
        for entry in self.inner.records_in_sled(number, subject)? {
            let (_, index, request) = entry?;
            if let Some(request) = request.filter(|request| request.key == *key)
                && self.inner.is_record(number, index, &recent.known)?
            {
                return Ok(Some((index, request.body)));
            }
        }
        Ok(None)
    }

    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError> {
        let take = |recent: &SiteRecent| {
            let here = recent.contact(contact).iter().copied().filter(|index| !recent.is_gone(*index));
            (here.collect::<BTreeSet<_>>(), Known::of(recent))
        };
        let Some((number, (mut found, known))) = self.inner.with(site, take) else { return Ok(Vec::new()) };
        let prefix = keys::contacts(number, contact);
        for entry in self.inner.sled()?.index()?.under(&prefix) {
            let (key, _) = entry?;
            let index = keys::parse_u64(&key[prefix.len()..]);
            let index = index.ok_or_else(|| StoreError::damaged("read a contact's records"))?;
            if self.inner.is_record(number, index, &known)? {
                found.insert(index);
            }
        }
        Ok(found.into_iter().collect())
    }

    fn contacts(&self, site: &SiteId, after: Option<&Hash>, most: usize) -> Result<Vec<Hash>, StoreError> {
        let comes_after = |contact: &&Hash| after.is_none_or(|after| after < *contact);
        let take = |recent: &SiteRecent| -> BTreeSet<Hash> {
            recent.contacts().filter(comes_after).copied().collect()
        };
        let Some((number, mut found)) = self.inner.with(site, take) else { return Ok(Vec::new()) };
        let from =
            after.map_or_else(|| keys::every_contact(number), |after| keys::contact(number, after, u64::MAX));
        let mut here = 0;
        for entry in self.inner.sled()?.index()?.between(&from, &keys::after_contacts(number)) {
            let (key, _) = entry?;
            let contact = keys::parse_contact(&key).ok_or_else(|| StoreError::damaged("read a contact"))?;
            if after == Some(&contact) {
                continue;
            }
            here += usize::from(found.insert(contact));
            if here >= most {
                break;
            }
        }
        Ok(found.into_iter().take(most).collect())
    }

    fn document(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        match self.inner.with(site, |recent| recent.document(hash).map(<[u8]>::to_vec)) {
            None => Ok(None),
            Some((_, Some(document))) => Ok(Some(document)),
            Some((number, None)) => {
                let value = self.inner.sled()?.main.get(keys::document(number, hash), "a document")?;
                Ok(value.map(|document| document.to_vec()))
            }
        }
    }

    fn published(&self, site: &SiteId) -> Result<Vec<DocumentRef>, StoreError> {
        let Some((number, recent)) = self.inner.with(site, |recent| recent.published().to_vec()) else {
            return Ok(Vec::new());
        };
        let prefix = keys::published(number);
        let mut found = BTreeMap::new();
        for entry in self.inner.sled()?.main.under(&prefix) {
            let (key, value) = entry?;
            let document = keys::parse_published(&key[prefix.len()..], &value);
            let document = document.ok_or_else(|| StoreError::damaged("read the list of documents"))?;
            found.insert(document.index, document);
        }
        found.extend(recent.into_iter().map(|document| (document.index, document)));
        Ok(found.into_values().collect())
    }

    fn mark(&self, site: &SiteId, kind: MarkKind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let take = |recent: &SiteRecent| recent.mark(kind, key).map(|value| value.map(<[u8]>::to_vec));
        match self.inner.with(site, take) {
            None => Ok(None),
            Some((_, Some(value))) => Ok(value),
            Some((number, None)) => {
                let value = self.inner.sled()?.main.get(keys::mark(number, kind, key), "a mark")?;
                Ok(value.map(|value| value.to_vec()))
            }
        }
    }

    fn marks(&self, site: &SiteId, kind: MarkKind) -> Result<Vec<MarkEntry>, StoreError> {
        let take = |recent: &SiteRecent| {
            let here = recent.marks(kind).map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
            here.collect::<Vec<_>>()
        };
        let Some((number, recent)) = self.inner.with(site, take) else { return Ok(Vec::new()) };
        let prefix = keys::marks(number, kind);
        let mut found = BTreeMap::new();
        for entry in self.inner.sled()?.main.under(&prefix) {
            let (key, value) = entry?;
            found.insert(key[prefix.len()..].to_vec(), value.to_vec());
        }
        for (key, value) in recent {
            match value {
                Some(value) => drop(found.insert(key, value)),
                None => drop(found.remove(&key)),
            }
        }
        Ok(found.into_iter().collect())
    }

    fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        self.inner.reclaim(replaces)
    }
}

/// What is known of rows without reading them.
struct Known {
    /// Rows from here on are recent.
    first: u64,
    /// Records that were absorbed and are gone.
    gone: BTreeSet<u64>,
}

impl Known {
    fn of(recent: &SiteRecent) -> Self {
        Known { first: recent.first(), gone: recent.gone().collect() }
    }
}

/// What is recent about one subject.
struct Subject {
    records: Vec<(u64, ReceiptId)>,
    known: Known,
}

impl Subject {
    fn of(recent: &SiteRecent, subject: &SubjectId) -> Self {
        let records = recent.records(subject);
        let records = records.filter_map(|(index, row)| Some((index, row.record()?.id))).collect();
        Subject { records, known: Known::of(recent) }
    }
}

/// A record as sled's index has it: receipt id, index, request.
type InSled = Result<(ReceiptId, u64, Option<assent_ledger::store::RequestId>), StoreError>;

impl Inner {
    /// What `take` makes of what is recent of a site, with the site's number. Nothing when there is no such site.
    fn with<T>(&self, site: &SiteId, take: impl FnOnce(&SiteRecent) -> T) -> Option<(SiteNumber, T)> {
        let recent = self.recent();
        let site = recent.site(site)?;
        Some((site.number, take(site)))
    }

    /// Whether what the index names still is a record. What is damaged is taken for one: whoever reads it hears of that, and finds the
    /// others of its person.
    fn is_record(&self, number: SiteNumber, index: u64, known: &Known) -> Result<bool, StoreError> {
        if known.gone.contains(&index) || index >= known.first {
            return Ok(!known.gone.contains(&index));
        }
        match self.rows.is_record(number, index) {
            Err(error) if error.is_damage() => Ok(true),
            is_record => is_record,
        }
    }

    /// A subject's records in sled, oldest first: receipt ids grow with time.
    fn records_in_sled(
        &self,
        number: SiteNumber,
        subject: &SubjectId,
    ) -> Result<impl DoubleEndedIterator<Item = InSled> + use<>, StoreError> {
        let prefix = keys::records(number, subject);
        let length = prefix.len();
        let entries = self.sled()?.index()?.under(&prefix);
        Ok(entries.map(move |entry| {
            let (key, value) = entry?;
            let record = keys::parse_record(&key[length..], &value);
            record.ok_or_else(|| StoreError::damaged("read a subject's records"))
        }))
    }
}
