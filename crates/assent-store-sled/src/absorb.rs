//! From the journal into sled: the oldest batches become keys and values, a step at a time, each durable before the batches are
//! forgotten.
//!
//! Runs behind the answers. A crash in a step leaves sled as it was, or with the step in it: sled applies a batch whole or
//! not at all, and the step's sequence is part of it, so that the next start knows where to go on.

use std::collections::BTreeMap;

use assent_ledger::store::{Batch, Mark, Row, RowBody, StoreError};

use crate::keys::{self, Key, LEAVES, ROWS, SiteNumber};
use crate::main_tree::MainTree;
use crate::recent::{Pending, Recent};

/// Bytes of batches absorbed in one step (a single larger batch is a step of its own).
pub(crate) const STEP: usize = 512 << 10;

/// One step, as it goes into sled.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// What each key becomes; nothing takes it away.
    pub(crate) writes: BTreeMap<Key, Option<Vec<u8>>>,
}

impl Step {
    /// Lays out the oldest batches over what sled has.
    pub(crate) fn of(pending: &[Pending], recent: &Recent, main: &MainTree) -> Result<Self, StoreError> {
        let mut laying = Laying { step: Step::default(), rows: BTreeMap::new(), main };
        for Pending { batch, .. } in pending {
            let number = recent.site(&batch.site).map(|site| site.number);
            let number = number.ok_or_else(|| StoreError::damaged("find the number of a site"))?;
            laying.batch(batch, number)?;
        }
        if let Some(last) = pending.last() {
            laying.put(keys::ABSORBED.to_vec(), last.sequence.to_be_bytes().to_vec());
        }
        Ok(laying.finish())
    }

    /// As sled takes it.
    pub(crate) fn to_sled(&self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, value) in &self.writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch
    }
}

struct Laying<'a> {
    step: Step,
    /// Chunks of rows that change, by site and number.
    rows: BTreeMap<(SiteNumber, u64), Vec<Vec<u8>>>,
    main: &'a MainTree,
}

impl Laying<'_> {
    fn put(&mut self, key: Key, value: Vec<u8>) {
        self.step.writes.insert(key, Some(value));
    }

    fn remove(&mut self, key: Key) {
        self.step.writes.insert(key, None);
    }

    fn batch(&mut self, batch: &Batch, number: SiteNumber) -> Result<(), StoreError> {
        if batch.expected.is_none() {
            self.put(keys::site(&batch.site), number.to_be_bytes().to_vec());
        }
        for (index, (leaf, row)) in (batch.first()..).zip(&batch.entries) {
            self.leaf(number, index, leaf)?;
            self.set_row(number, index, row)?;
            match &row.body {
                RowBody::Record(record) => {
                    let key = keys::record(number, &record.subject, record.id);
                    self.put(key, keys::record_value(index, record));
                    for contact in &record.contacts {
                        self.put(keys::contact(number, contact, index), Vec::new());
                    }
                }
                RowBody::Document(kind, hash) => {
                    let value = keys::published_value(*kind, hash, row.time).to_vec();
                    self.put(keys::publication(number, index), value);
                }
                _ => {}
            }
        }
        for (index, row) in &batch.replaced {
            let old = self.set_row(number, *index, row)?;
            if row.record().is_none()
                && let Some(RowBody::Record(old)) = old.map(|old| old.body)
            {
                self.remove(keys::record(number, &old.subject, old.id));
                old.contacts.iter().for_each(|contact| self.remove(keys::contact(number, contact, *index)));
            }
        }
        for (level, index, hash) in &batch.hashes {
            self.put(keys::hash(number, *level, *index), hash.0.to_vec());
        }
        for (hash, document) in &batch.documents {
            self.put(keys::document(number, hash), document.clone());
        }
        for Mark { kind, key, value } in &batch.marks {
            self.step.writes.insert(keys::mark(number, *kind, key), value.clone());
        }
        self.put(keys::head(number), keys::head_value(&batch.head).to_vec());
        Ok(())
    }

    /// Appends a leaf to its chunk.
    fn leaf(&mut self, number: SiteNumber, index: u64, leaf: &[u8]) -> Result<(), StoreError> {
        let key = keys::leaves(number, index / LEAVES);
        let place = (index % LEAVES) as usize * leaf.len();
        if !self.step.writes.contains_key(&key) {
            let before = self.main.get(&key, "leaves")?;
            let before = before.map(|value| value.to_vec()).unwrap_or_default();
            self.step.writes.insert(key.clone(), Some(before));
        }
        if let Some(Some(chunk)) = self.step.writes.get_mut(&key) {
            if chunk.len() < place {
                return Err(StoreError::damaged(format!("find the leaf before leaf {index}")));
            }
            chunk.truncate(place);
            chunk.extend_from_slice(leaf);
        }
        Ok(())
    }

    /// Puts a row in its place; answers what was there.
    fn set_row(&mut self, number: SiteNumber, index: u64, row: &Row) -> Result<Option<Row>, StoreError> {
        let chunk = index / ROWS;
        if !self.rows.contains_key(&(number, chunk)) {
            let before = match self.main.get(keys::rows(number, chunk), "rows")? {
                Some(value) => {
                    let rows = keys::parse_rows(&value);
                    let rows = rows.ok_or_else(|| StoreError::damaged(format!("read row {index}")))?;
                    rows.into_iter().map(<[u8]>::to_vec).collect()
                }
                None => Vec::new(),
            };
            self.rows.insert((number, chunk), before);
        }
        let rows = self.rows.entry((number, chunk)).or_default();
        let place = (index % ROWS) as usize;
        if rows.len() <= place {
            rows.resize(place + 1, Vec::new());
        }
        let old = std::mem::replace(&mut rows[place], row.to_bytes());
        if old.is_empty() {
            return Ok(None);
        }
        Row::from_bytes(&old).map(Some).ok_or_else(|| StoreError::damaged(format!("read row {index}")))
    }

    fn finish(mut self) -> Step {
        for ((number, chunk), rows) in std::mem::take(&mut self.rows) {
            self.put(keys::rows(number, chunk), keys::rows_value(&rows));
        }
        self.step
    }
}
