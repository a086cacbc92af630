//! What the threads of one log have in common: what readers see of it, and how a row is opened.
//!
//! Nothing here writes to the store.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::Leaf;
use assent_core::decision::Act;
use assent_core::hash::Hash;
use assent_core::merkle;
use assent_core::note::{SignerKey, VerifierKey};
use assent_core::proof::TlogProof;
use assent_core::receipt::Receipt;
use assent_core::record::Record;
use assent_core::subject::SubjectId;

use crate::append::Recorded;
use crate::attendant::Errands;
use crate::changes::Changes;
use crate::checkpoint_file::CheckpointFile;
use crate::draft::{Appended, LogConfig, Opened, Published};
use crate::error::{ReadError, causes};
use crate::id::ReceiptId;
use crate::keys::{KeyStore, Slot};
use crate::outside::Outside;
use crate::seal::{Content, Place};
use crate::stats::Stats;
use crate::store::{Gone, GoneReason, MarkKind, RecordRow, Row, RowBody, Store};
use crate::touched::Touched;
use crate::tree::{Pieces, StoredTree};

/// What the sequencer and readers have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: LogConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: KeyStore,
    pub(crate) vkey: VerifierKey,
    pub(crate) outside: Outside,
    pub(crate) checkpoint_file: Mutex<CheckpointFile>,
    pub(crate) stats: Stats,
    pub(crate) errands: Errands,
    /// Parts of entries whose rows were replaced, while a copy is made.
    pub(crate) touched: Touched,
    /// For whoever remembers what was worked out about somebody.
    pub(crate) changes: Changes,
    /// Of the tree, for proofs.
    pub(crate) pieces: Pieces,
    /// Months that were purged: no row under them may be opened.
    pub(crate) purged: RwLock<BTreeMap<u32, PurgedMonth>>,
    /// Held while a purge is under way: one at a time.
    pub(crate) purging: Mutex<()>,
    /// Counts what was wished for subjects: a purge must not go by what was so before.
    pub(crate) wishes: AtomicU64,
    /// Who came back while a purge is under way, in that order: they must not lose what their new record goes on from.
    pub(crate) returned: Mutex<Option<Vec<Returned>>>,
    /// Slots of subjects whose restriction is under way: nobody reads them, whatever the keystore says.
    pub(crate) closed: RwLock<BTreeSet<u64>>,
    /// Nothing for a log that was taken over: its key stayed where it came from.
    pub(crate) signer: Option<SignerKey>,
    pub(crate) published: RwLock<Published>,
    pub(crate) writable: AtomicBool,
    /// When a batch could not be stored, by our clock in milliseconds, and none was since; else 0.
    pub(crate) failed_at: AtomicU64,
}

/// Under what somebody came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Returned {
    /// The same subject.
    Subject(SubjectId),
    /// An address, perhaps as another subject.
    Contact(Hash),
}

/// A month that was purged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PurgedMonth {
    /// When: days since 1970.
    pub(crate) day: u32,
    /// The index of the leaf that tells of it, if there was something to tell.
    pub(crate) leaf: u64,
    /// Whether it is known to be in the store.
    pub(crate) landed: bool,
}

impl PurgedMonth {
    pub(crate) fn tombstone(self, period: u32) -> Gone {
        Gone { reason: GoneReason::Retention, day: self.day, period }
    }
}

/// Ends the look-out for people who come back.
pub(crate) struct WatchingReturns<'a>(&'a Shared);

impl Drop for WatchingReturns<'_> {
    fn drop(&mut self) {
        *self.0.returned.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What a row turns out to be.
pub(crate) enum Inside {
    /// A record, opened.
    Record(Content),
    /// A record that may not be opened now.
    Restricted,
    /// A record that is gone.
    Gone(Gone),
    /// No record: a document or a summary.
    NoRecord,
}

impl Shared {
    pub(crate) fn published(&self) -> Published {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets readers see a head that was vouched for; the log takes decisions (again).
    pub(crate) fn publish(&self, published: Published) {
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = published;
        self.writable.store(true, Ordering::Relaxed);
    }

    /// A batch was stored.
    pub(crate) fn stored(&self) {
        self.failed_at.store(0, Ordering::Relaxed);
    }

    /// A batch was not stored.
    pub(crate) fn not_stored(&self, error: &dyn std::error::Error) {
        self.log_failure("nothing was stored", error);
        self.failed_at.store(self.outside.clock.now(), Ordering::Relaxed);
    }

    /// A batch was not stored, or it is not known, and then the log stands still until it was read again: whoever keeps the machine
    /// must hear why.
    pub(crate) fn log_failure(&self, what: &str, error: &dyn std::error::Error) {
        tracing::error!(site = %self.config.site, cause = causes(error), "{what}");
    }

    /// The log takes no decisions until it was recovered.
    pub(crate) fn stop(&self) {
        self.changes.not_known();
        self.writable.store(false, Ordering::Relaxed);
    }

    /// The signed note for a head. Sign only heads that were vouched for, now or before. Of a log that was taken over, the note
    /// that came along for this size, when there is one.
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Result<Arc<str>, ReadError> {
        let reason = "the checkpoint of this size did not come along";
        self.note(size, Some(root))?.ok_or(ReadError::Damaged { index: size.saturating_sub(1), reason })
    }

    pub(crate) fn note(&self, size: u64, root: Option<Hash>) -> Result<Option<Arc<str>>, ReadError> {
        let (Some(signer), Some(root)) = (&self.signer, root) else {
            let note = self.store.mark(&self.config.site, MarkKind::Signed, &size.to_be_bytes())?;
            return Ok(note.map(|note| String::from_utf8_lossy(&note).into()));
        };
        let checkpoint = Checkpoint::new(&self.config.origin, size, root).and_then(|checkpoint| {
            checkpoint.sign(signer).map_err(|_| assent_core::checkpoint::CheckpointError::BadOrigin)
        });
        let note = checkpoint.expect("the origin was checked when the key was made").to_string();
        Ok(Some(note.into()))
    }

    /// Whether leaves can be added.
    pub(crate) fn takes_leaves(&self) -> bool {
        self.signer.is_some()
    }

    /// The tombstone of a record that goes with this month, if the month was purged.
    pub(crate) fn is_purged(&self, period: u32) -> Option<Gone> {
        self.purged_month(period).map(|month| month.tombstone(period))
    }

    /// How a month was purged, if it was.
    pub(crate) fn purged_month(&self, period: u32) -> Option<PurgedMonth> {
        self.purged.read().unwrap_or_else(PoisonError::into_inner).get(&period).copied()
    }

    /// Closes a month to readers, or opens it again when the purge did not happen.
    pub(crate) fn set_purged(&self, period: u32, month: Option<PurgedMonth>) {
        let mut purged = self.purged.write().unwrap_or_else(PoisonError::into_inner);
        match month {
            Some(month) => drop(purged.insert(period, month)),
            None => drop(purged.remove(&period)),
        }
    }

    /// The months that were purged, as the store has them.
    pub(crate) fn set_all_purged(&self, months: BTreeMap<u32, PurgedMonth>) {
        *self.purged.write().unwrap_or_else(PoisonError::into_inner) = months;
    }

    /// Something is wished for a subject, and will be done next.
    pub(crate) fn hear_wish(&self) {
        self.wishes.fetch_add(1, Ordering::Relaxed);
    }

    /// How many wishes were heard.
    pub(crate) fn wishes(&self) -> u64 {
        self.wishes.load(Ordering::Relaxed)
    }

    /// Looks out for people who come back, until what is answered is dropped.
    pub(crate) fn watch_returns(&self) -> WatchingReturns<'_> {
        *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        WatchingReturns(self)
    }

    /// New records of people who may have others are about to land.
    pub(crate) fn note_returns(&self, who: impl FnOnce() -> Vec<Returned>) {
        if let Some(returned) = &mut *self.returned.lock().unwrap_or_else(PoisonError::into_inner) {
            returned.extend(who());
        }
    }

    /// How often somebody came back since somebody looks out.
    pub(crate) fn returns(&self) -> usize {
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        returned.as_ref().map_or(0, Vec::len)
    }

    /// Who came back since then, but for the first `after` times.
    pub(crate) fn returned(&self, after: usize) -> HashSet<Returned> {
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        returned.iter().flatten().skip(after).copied().collect()
    }

    /// Closes subjects' records to readers, by the slots of their secrets, or opens them again: what the keystore has counts then.
    pub(crate) fn set_closed(&self, slots: &BTreeSet<u64>, closed: bool) {
        let mut all = self.closed.write().unwrap_or_else(PoisonError::into_inner);
        if closed {
            all.extend(slots);
        } else {
            all.retain(|slot| !slots.contains(slot));
        }
    }

    /// The keystore is as the marks say.
    pub(crate) fn close_no_more(&self) {
        self.closed.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// When a subject last decided anything: milliseconds since 1970 UTC. What the server wrote by itself (act `expiry`) is passed
    /// over, where there is anything else.
    pub(crate) fn last_use(&self, subject: &SubjectId) -> Result<Option<u64>, ReadError> {
        let Some(newest) = self.store.newest(&self.config.site, subject)? else { return Ok(None) };
        let row = self.row(newest.index)?;
        if !self.is_expiry(newest.index, &row)? {
            return Ok(Some(row.time));
        }
        for earlier in self.store.records(&self.config.site, subject)?.into_iter().rev() {
            let row = self.row(earlier.index)?;
            if !self.is_expiry(earlier.index, &row)? {
                return Ok(Some(row.time));
            }
        }
        Ok(Some(row.time))
    }

    pub(crate) fn is_expiry(&self, index: u64, row: &Row) -> Result<bool, ReadError> {
        // Of a record that may not be opened nobody can say.
        Ok(self.opened_row(index, row)?.is_some_and(|opened| opened.record.act == Act::Expiry))
    }

    /// Where a record's row is, with its clear fields.
    pub(crate) fn place(&self, index: u64, row: &Row, record: &RecordRow) -> Place<'_> {
        Place {
            origin: &self.config.origin,
            index,
            time: row.time,
            covering: row.covering,
            subject: record.subject,
            period: record.period,
        }
    }

    /// Opens a row as far as it may be opened.
    pub(crate) fn inside(&self, index: u64, row: &Row) -> Result<Inside, ReadError> {
        let mut inside = self.inside_of(index, row);
        // It may have been erased or carried over since it was read; then that is what there is.
        let mut seen = row.clone();
        while let Err(ReadError::Damaged { .. }) = inside {
            let now = self.row(index)?;
            if now == seen {
                break;
            }
            inside = self.inside_of(index, &now);
            seen = now;
        }
        inside
    }

    pub(crate) fn inside_of(&self, index: u64, row: &Row) -> Result<Inside, ReadError> {
        let record = match &row.body {
            RowBody::Record(record) => record,
            RowBody::Gone(gone) => return Ok(Inside::Gone(*gone)),
            RowBody::Document(..) | RowBody::Summary(_) => return Ok(Inside::NoRecord),
        };
        if let Some(gone) = self.is_purged(record.period) {
            return Ok(Inside::Gone(gone));
        }
        let damaged = |reason| ReadError::Damaged { index, reason };
        if self.closed.read().unwrap_or_else(PoisonError::into_inner).contains(&record.secret) {
            return Ok(Inside::Restricted);
        }
        let subject = match self.keys.subject(record.secret)? {
            Slot::Secret(secret) => secret,
            Slot::Escrowed => return Ok(Inside::Restricted),
            Slot::Empty => return Err(damaged("its subject's secret is missing from the keystore")),
            Slot::Destroyed => return Err(damaged("its subject's secret was destroyed")),
        };
        let Some(period) = self.keys.period(record.period) else {
            // Purged since it was asked above.
            let gone = self.is_purged(record.period).map(Inside::Gone);
            return gone.ok_or(damaged("its month's secret is missing from the keystore"));
        };
        let content = self.place(index, row, record).open(&subject, &period, &record.sealed);
        content.map(Inside::Record).ok_or(damaged("its row does not open"))
    }

    pub(crate) fn row(&self, index: u64) -> Result<Row, ReadError> {
        let row = self.store.row(&self.config.site, index)?;
        row.ok_or(ReadError::Damaged { index, reason: "its row is missing" })
    }

    pub(crate) fn opened(&self, index: u64) -> Result<Option<Opened>, ReadError> {
        self.opened_row(index, &self.row(index)?)
    }

    pub(crate) fn opened_row(&self, index: u64, row: &Row) -> Result<Option<Opened>, ReadError> {
        let Inside::Record(content) = self.inside(index, row)? else { return Ok(None) };
        opened(index, row, content).map(Some)
    }

    pub(crate) fn appended(&self, recorded: Recorded) -> Appended {
        let Recorded { id, index, record, salt, path, checkpoint } = recorded;
        let extra = Some(salt.as_bytes().to_vec());
        let proof = TlogProof { extra, index, path, checkpoint: checkpoint.to_string() };
        let receipt = Receipt::new(record, proof, self.vkey.clone());
        Appended { id, index, receipt, replayed: false }
    }

    pub(crate) fn tree(&self) -> StoredTree<'_> {
        StoredTree::with(&*self.store, &self.config.site, &self.pieces)
    }

    pub(crate) fn altered(&self, index: u64, reason: &'static str) -> ReadError {
        self.pieces.forget();
        ReadError::Damaged { index, reason }
    }

    /// The checkpoint of a size that was signed before, the same bytes as then, and its root. Never signs what was not.
    pub(crate) fn signed_before(
        &self,
        index: u64,
        size: u64,
        published: &Published,
    ) -> Result<(Hash, Arc<str>), ReadError> {
        let root = self.root_before(index, size, published)?;
        Ok((root, self.sign(size, root)?))
    }

    /// The root of a tree that grew into the published one. When it did not, entry `index` is named, and what was read is read
    /// again for the next one who asks.
    pub(crate) fn root_before(
        &self,
        index: u64,
        size: u64,
        published: &Published,
    ) -> Result<Hash, ReadError> {
        let tree = self.tree();
        let root = tree.root(size)?;
        let grown = tree.consistency(size, published.size)?;
        merkle::verify_consistency(size, &root, published.size, &published.root, &grown)
            .map_err(|_| self.altered(index, "the tree below it was altered"))?;
        Ok(root)
    }

    /// The receipt that was handed out for a leaf: same record, same salt, and the proof to the same checkpoint,
    /// signed again to the same bytes. Nothing for a leaf that is no record or not yet vouched for.
    pub(crate) fn appended_before(&self, index: u64) -> Result<Option<Appended>, ReadError> {
        let row = self.row(index)?;
        let (published, size) = (self.published(), row.covering);
        if size > published.size {
            return Ok(None);
        }
        let content = match self.inside(index, &row)? {
            Inside::Record(content) => content,
            Inside::Restricted => return Err(ReadError::Restricted { index }),
            Inside::Gone(_) | Inside::NoRecord => return Ok(None),
        };
        let (id, _) = read_record(index, &content.record)?;
        let path = self.tree().path(index, size)?;
        let (root, checkpoint) = self.signed_before(index, size, &published)?;
        // The record must be under it, or the store was altered.
        let leaf = Leaf::event(&self.config.origin, content.record.as_bytes(), &content.salt).hash();
        merkle::verify_inclusion(index, size, &leaf, &path, &root)
            .map_err(|_| self.altered(index, "its row and its leaf differ"))?;
        let recorded = Recorded { id, index, record: content.record, salt: content.salt, path, checkpoint };
        Ok(Some(Appended { replayed: true, ..self.appended(recorded) }))
    }
}

pub(crate) fn opened(index: u64, row: &Row, content: Content) -> Result<Opened, ReadError> {
    let (id, record) = read_record(index, &content.record)?;
    Ok(Opened { index, id, time: row.time, record, contacts: content.contacts })
}

/// Reads a record that was opened, with its id.
pub(crate) fn read_record(index: u64, bytes: &str) -> Result<(ReceiptId, Record), ReadError> {
    let damaged = || ReadError::Damaged { index, reason: "its record cannot be read" };
    let record = Record::from_bytes(bytes.as_bytes()).map_err(|_| damaged())?;
    Ok((ReceiptId::parse(&record.id).map_err(|_| damaged())?, record))
}
