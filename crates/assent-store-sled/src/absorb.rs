//! From the journal into sled and the files of rows: the oldest batches, a step at a time, each durable before the batches are
//! forgotten.
//!
//! Runs behind the answers. A step goes into the index first, then into the files of rows, and into the main tree last, in one sled
//! batch with the step's sequence. After a crash before that, the next start finds the batches in the journal and the step is
//! done again: it has the same result, because nothing in it depends on how far the first attempt came. What the index may
//! then have too much is a record that is none any more, and the rows tell (`read.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use assent_ledger::store::{Batch, Mark, Row, RowBody, StoreError};

use crate::database::Databases;
use crate::keys::{self, Key, SiteNumber};
use crate::recent::Pending;
use crate::rows::{Changes, Rows};

/// Bytes of batches absorbed in one step (a single larger batch is a step of its own). A quarter of it, or less, goes into sled.
pub(crate) const STEP: usize = 2 << 20;

/// What keys become; nothing takes one away.
pub(crate) type Writes = BTreeMap<Key, Option<Vec<u8>>>;

/// One step.
#[derive(Debug, Default)]
pub(crate) struct Step<'a> {
    /// In the index.
    pub(crate) index: Writes,
    rows: Changes<'a>,
    main: Writes,
}

impl<'a> Step<'a> {
    /// Lays out the oldest batches over what was absorbed before.
    pub(crate) fn of(pending: &'a [(SiteNumber, Pending)], rows: &Rows) -> Self {
        let mut step = Step::default();
        for (number, Pending { sequence, batch, .. }) in pending {
            step.batch(batch, *number, rows);
            put(&mut step.main, keys::ABSORBED.to_vec(), sequence.to_be_bytes().to_vec());
        }
        step
    }

    /// First, the index; durable when it returns. Rests as `pause` likes
    /// ([`Database::write_each`](crate::database::Database::write_each)).
    pub(crate) fn write_index(
        &self,
        sled: &Databases,
        pause: &mut dyn FnMut(Duration),
    ) -> Result<(), StoreError> {
        if self.index.is_empty() {
            return Ok(());
        }
        sled.seen.add(self.index.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key.as_slice()));
        sled.index()?.write_each(&self.index, pause)
    }

    /// Then the files of rows; durable when it returns.
    pub(crate) fn write_rows(&self, rows: &Rows) -> Result<(), StoreError> {
        rows.write(&self.rows)
    }

    /// Then the main tree, which says that the step was made; durable when it returns.
    pub(crate) fn write_main(&self, sled: &Databases) -> Result<(), StoreError> {
        sled.main.write(to_sled(&self.main))
    }

    fn batch(&mut self, batch: &'a Batch, number: SiteNumber, rows: &Rows) {
        if batch.expected.is_none() {
            put(&mut self.main, keys::site(&batch.site), number.to_be_bytes().to_vec());
        }
        for (index, (leaf, row)) in (batch.first()..).zip(&batch.entries) {
            self.rows.add(number, index, leaf, row);
            match &row.body {
                RowBody::Record(record) => {
                    let key = keys::record(number, &record.subject, record.id);
                    put(&mut self.index, key, keys::record_value(index, record));
                    for contact in &record.contacts {
                        put(&mut self.index, keys::contact(number, contact, index), Vec::new());
                    }
                }
                RowBody::Document(kind, hash) => {
                    let value = keys::published_value(*kind, hash, row.time).to_vec();
                    put(&mut self.main, keys::publication(number, index), value);
                }
                _ => {}
            }
        }
        for (index, row) in &batch.replaced {
            self.replace(number, *index, row, rows);
        }
        for (level, index, hash) in &batch.hashes {
            put(&mut self.main, keys::hash(number, *level, *index), hash.0.to_vec());
        }
        for (hash, document) in &batch.documents {
            put(&mut self.main, keys::document(number, hash), document.clone());
        }
        for Mark { kind, key, value } in &batch.marks {
            self.main.insert(keys::mark(number, *kind, key), value.clone());
        }
        put(&mut self.main, keys::head(number), keys::head_value(&batch.head).to_vec());
    }

    fn replace(&mut self, number: SiteNumber, index: u64, row: &'a Row, rows: &Rows) {
        let in_step = self.rows.replace(number, index, row).cloned();
        if row.record().is_some() {
            return;
        }
        // What cannot be read any more, or was overwritten by a step that was cut short, leaves its keys until space is reclaimed.
        let in_files = || rows.rows(number, index..index + 1).ok()?.into_iter().next().map(|(_, row)| row);
        if let Some(RowBody::Record(old)) = in_step.or_else(in_files).map(|old| old.body) {
            self.index.insert(keys::record(number, &old.subject, old.id), None);
            for contact in &old.contacts {
                self.index.insert(keys::contact(number, contact, index), None);
            }
        }
    }
}

fn put(writes: &mut Writes, key: Key, value: Vec<u8>) {
    writes.insert(key, Some(value));
}

fn to_sled(writes: &Writes) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.insert(key.as_slice(), value.as_slice()),
            None => batch.remove(key.as_slice()),
        }
    }
    batch
}
