//! Reading a log: receipts and histories, marks, proofs, tiles, exports and the check.
//!
//! Readers see what is under the newest checkpoint, and nothing after it.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZero;
use std::sync::Arc;

use assent_core::checkpoint::Checkpoint;
use assent_core::hash::Hash;
use assent_core::merkle;
use assent_core::notice::Channel;
use assent_core::proof::TlogProof;
use assent_core::receipt::Receipt;
use assent_core::subject::SubjectId;
use assent_core::tile::{TILE_WIDTH, Tile, encode_bundle, encode_hashes};

use super::Ledger;
use crate::backup::{self, CopyError, LogCopy, Parts};
use crate::changes::{ChangePlace, Moment};
use crate::draft::{
    Appended, CheckReport, ExportFilter, ExportSummary, NoticeVersion, Opened, Progress, Published, Shown,
};
use crate::erase::{self, Hold, Restriction};
use crate::error::{CheckError, ExportError, ReadError};
use crate::follow::{self, Entry};
use crate::id::ReceiptId;

use crate::request::Request;
use crate::shared::{Inside, opened};
use crate::store::{DocumentKind, MarkEntry, MarkKind, RecordRef, Row};
use crate::{check, export, export_csv};

/// Contacts that are in memory at once where all of them are looked at.
const CONTACTS_AT_ONCE: usize = 1024;

impl Ledger {
    /// The hold on a subject's records.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn hold_of(&self, subject: &SubjectId) -> Result<Option<Hold>, ReadError> {
        erase::hold_of(&self.shared, subject)
    }

    /// The restriction of a subject's records.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn restriction_of(&self, subject: &SubjectId) -> Result<Option<Restriction>, ReadError> {
        erase::restriction_of(&self.shared, subject)
    }

    /// Every hold, by subject.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn holds(&self) -> Result<Vec<(SubjectId, Hold)>, ReadError> {
        let held = self.shared.store.marks(self.site(), MarkKind::Held)?;
        let parse = |(key, value): (Vec<u8>, Vec<u8>)| {
            let subject = SubjectId(key.try_into().ok()?);
            Some((subject, serde_json::from_slice(&value).ok()?))
        };
        let damaged = || ReadError::Store(crate::store::StoreError::damaged("read a hold"));
        held.into_iter().map(|held| parse(held).ok_or_else(damaged)).collect()
    }

    /// Since when a contact may not be written to: milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn suppressed(&self, contact: &Hash) -> Result<Option<u64>, ReadError> {
        self.marked(MarkKind::Suppressed, contact)
    }

    /// Since when messages to a contact come back: milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn bounced(&self, contact: &Hash) -> Result<Option<u64>, ReadError> {
        self.marked(MarkKind::Bounced, contact)
    }

    fn marked(&self, kind: MarkKind, contact: &Hash) -> Result<Option<u64>, ReadError> {
        let value = self.shared.store.mark(self.site(), kind, &contact.0)?;
        Ok(value.and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?))))
    }

    /// Every contact that may not be written to, as its keyed hash, and since when (milliseconds since 1970 UTC).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn suppressions(&self) -> Result<Vec<(Hash, u64)>, ReadError> {
        let all = self.shared.store.marks(self.site(), MarkKind::Suppressed)?;
        let parse = |(key, value): MarkEntry| {
            Some((Hash(key.try_into().ok()?), u64::from_be_bytes(value.try_into().ok()?)))
        };
        let damaged = || ReadError::Store(crate::store::StoreError::damaged("read a suppression"));
        all.into_iter().map(|entry| parse(entry).ok_or_else(damaged)).collect()
    }

    /// A notice's document as it was published, now or once. Nothing for a hash that never was.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn notice(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.shared.store.document(self.site(), hash)?)
    }

    /// The notice published last, with its document.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn current_notice(&self) -> Result<Option<(NoticeVersion, Vec<u8>)>, ReadError> {
        let Some(current) = self.notices()?.pop() else { return Ok(None) };
        let reason = "its notice document is missing";
        let missing = ReadError::Damaged { index: current.index, reason };
        Ok(Some((current, self.notice(&current.hash)?.ok_or(missing)?)))
    }

    /// Every publication of a notice, oldest first; the last is current.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn notices(&self) -> Result<Vec<NoticeVersion>, ReadError> {
        let size = self.size();
        let mut published = self.shared.store.published(self.site())?;
        published.retain(|document| document.kind == DocumentKind::Notice && document.index < size);
        let later = published.iter().skip(1).map(|next| Some(next.time)).chain([None]);
        let versions = published.iter().zip(later).map(|(notice, replaced)| NoticeVersion {
            hash: notice.hash,
            index: notice.index,
            published: notice.time,
            replaced,
        });
        Ok(versions.collect())
    }

    /// A receipt, byte for byte as it was first handed out. Nothing for an unknown one or another subject's.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn receipt(&self, subject: &SubjectId, id: ReceiptId) -> Result<Option<Appended>, ReadError> {
        match self.shared.store.record(self.site(), subject, id)? {
            Some(index) => self.shared.appended_before(index),
            None => Ok(None),
        }
    }

    /// A subject's newest record, also one that may not be opened. To be read before the history that a draft is worked
    /// out from.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn newest(&self, subject: &SubjectId) -> Result<Option<ReceiptId>, ReadError> {
        Ok(self.shared.store.newest(self.site(), subject)?.map(|record| record.id))
    }

    /// Everything a subject decided, oldest first. What is restricted or purged is left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn history(&self, subject: &SubjectId) -> Result<Vec<Opened>, ReadError> {
        let records = self.shared.store.records(self.site(), subject)?;
        self.open_all(records.into_iter().map(|record| record.index))
    }

    /// What of a subject's [`Self::history`] can be read, and the damage that keeps the rest from being, if any does: the check names it.
    ///
    /// # Errors
    /// [`ReadError`], but for damage.
    pub fn readable_history(
        &self,
        subject: &SubjectId,
    ) -> Result<(Vec<Opened>, Option<ReadError>), ReadError> {
        let (mut history, mut damage) = (Vec::new(), None);
        for record in self.shared.store.records(self.site(), subject)? {
            match self.open_all([record.index]) {
                Ok(opened) => history.extend(opened),
                Err(error) if error.is_damage() => damage = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok((history, damage))
    }

    /// Every record that names a contact, oldest first, whoever's. What is restricted or purged is left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn by_contact(&self, contact: &Hash) -> Result<Vec<Opened>, ReadError> {
        self.open_all(self.shared.store.contact(self.site(), contact)?)
    }

    /// Whose the record with this id is, also where it may not be opened; nothing where it is gone or never was.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn subject_of(&self, id: ReceiptId) -> Result<Option<SubjectId>, ReadError> {
        // An id begins with its record's time, in whose order the log is.
        for index in self.first_since(id.time())?..self.size() {
            let row = self.shared.row(index)?;
            if row.time > id.time() {
                break;
            }
            if let Some(record) = row.record().filter(|record| record.id == id) {
                return Ok(Some(record.subject));
            }
        }
        Ok(None)
    }

    /// Every subject that named a contact, also where a record may not be opened, in the order they first did. Whose a damaged record is
    /// nobody knows: it is passed over, unless it is the only one.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn subjects_of(&self, contact: &Hash) -> Result<Vec<SubjectId>, ReadError> {
        let (naming, damage) = self.naming(contact)?;
        match damage {
            Some(error) if naming.subjects.is_empty() => Err(error),
            _ => Ok(naming.subjects),
        }
    }

    /// What everybody who named a contact said: each of [`Self::subjects_of`] with their [`Self::history`], and whether more of it may not be
    /// read now.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn said_by(&self, contact: &Hash) -> Result<Vec<(SubjectId, Vec<Opened>, bool)>, ReadError> {
        let Naming { subjects, mut rows } = self.all_naming(contact)?;
        let size = self.size();
        let mut said = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let (mut history, mut frozen) = (Vec::new(), false);
            for RecordRef { index, .. } in self.shared.store.records(self.site(), &subject)? {
                if index < size {
                    let row = rows.remove(&index).map_or_else(|| self.shared.row(index), Ok)?;
                    match self.shared.inside(index, &row)? {
                        Inside::Record(content) => history.push(opened(index, &row, content)?),
                        Inside::Restricted => frozen = true,
                        Inside::Gone(_) | Inside::NoRecord => {}
                    }
                }
            }
            said.push((subject, history, frozen));
        }
        Ok(said)
    }

    fn all_naming(&self, contact: &Hash) -> Result<Naming, ReadError> {
        let (naming, damage) = self.naming(contact)?;
        damage.map_or(Ok(naming), Err)
    }

    /// Who named a contact, as far as that can be read, and the damage that keeps the rest from being.
    fn naming(&self, contact: &Hash) -> Result<(Naming, Option<ReadError>), ReadError> {
        let (mut naming, mut damage) = (Naming::default(), None);
        for index in self.shared.store.contact(self.site(), contact)? {
            let row = match self.shared.row(index) {
                Err(error) if error.is_damage() => {
                    damage = Some(error);
                    continue;
                }
                row => row?,
            };
            let subject = row.record().map(|record| record.subject);
            naming.subjects.extend(subject.filter(|subject| !naming.subjects.contains(subject)));
            naming.rows.insert(index, row);
        }
        Ok((naming, damage))
    }

    /// Now, for [`Self::unchanged_since`]: to be asked for before what is remembered is read.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.shared.changes.moment()
    }

    /// Whether nothing changed about these subjects and contacts since a moment: nothing that they said, and nothing about
    /// whether they may be read, written to or reached. An acknowledged change always shows; now and then one shows that was none.
    #[must_use]
    pub fn unchanged_since(&self, moment: Moment, places: impl IntoIterator<Item = ChangePlace>) -> bool {
        self.shared.changes.none_since(moment, places.into_iter())
    }

    /// Hands over every contact that a record names, as long as `each` answers true, in memory that does not grow with them. Nothing is
    /// opened for it. Blocks. Answers whether it came to the end.
    ///
    /// # Errors
    /// [`ReadError`], also what `each` failed with.
    pub fn each_contact(
        &self,
        each: &mut dyn FnMut(&Hash) -> Result<bool, ReadError>,
    ) -> Result<bool, ReadError> {
        let mut last = None;
        loop {
            let contacts = self.shared.store.contacts(self.site(), last.as_ref(), CONTACTS_AT_ONCE)?;
            for contact in &contacts {
                if !each(contact)? {
                    return Ok(false);
                }
            }
            match contacts.last() {
                Some(contact) => last = Some(*contact),
                None => return Ok(true),
            }
        }
    }

    /// When anybody who named a contact last decided anything: milliseconds since 1970 UTC. That an alert ended (act `expiry`) nobody decided.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn last_heard_of(&self, contact: &Hash) -> Result<Option<u64>, ReadError> {
        let mut last = None;
        for subject in self.all_naming(contact)?.subjects {
            last = last.max(self.shared.last_use(&subject)?);
        }
        Ok(last)
    }

    /// What one entry came to, for whoever follows the log; nothing for one that is not under the newest checkpoint.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, ReadError> {
        follow::entry(&self.shared, index)
    }

    /// The first entry that was taken down at `time` (milliseconds since 1970 UTC) or later; [`Self::size`] when there is none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn first_since(&self, time: u64) -> Result<u64, ReadError> {
        follow::first_since(&self.shared, self.size(), time)
    }

    fn open_all(&self, indices: impl IntoIterator<Item = u64>) -> Result<Vec<Opened>, ReadError> {
        let size = self.size();
        let published = indices.into_iter().filter(|index| *index < size);
        published.filter_map(|index| self.shared.opened(index).transpose()).collect()
    }

    /// The keyed hash a contact is found by. The address must be normalised.
    #[must_use]
    pub fn contact_hash(&self, channel: Channel, address: &str) -> Hash {
        self.shared.keys.contact_hash(channel, address)
    }

    /// A secret of the site for one use, always the same: whoever has it can make and read what was made with it.
    #[must_use]
    pub fn derived_key(&self, usage: &str) -> zeroize::Zeroizing<[u8; 32]> {
        self.shared.keys.derived(usage)
    }

    /// The newest signed checkpoint: a note's text, as served at `S/log/checkpoint`.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<str> {
        self.shared.published().checkpoint
    }

    /// The newest signed head.
    #[must_use]
    pub fn published(&self) -> Published {
        self.shared.published()
    }

    /// Leaves under the newest checkpoint.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.published().size
    }

    /// The proof that the first `old` entries grew into the first `new` (RFC 6962), and both into what is published.
    ///
    /// # Errors
    /// [`ReadError`], also when there are not that many under the newest checkpoint.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
        let (published, reason) = (self.published(), "there are not that many entries");
        if old > new || new > published.size {
            return Err(ReadError::Damaged { index: new, reason });
        }
        let old_root = self.shared.root_before(old, old, &published)?;
        let new_root = self.shared.root_before(new, new, &published)?;
        let grown = self.shared.tree().consistency(old, new)?;
        merkle::verify_consistency(old, &old_root, new, &new_root, &grown)
            .map_err(|_| self.shared.altered(old, "the tree below it was altered"))?;
        Ok(grown)
    }

    /// The root over the first `size` entries, which grew into what is published.
    ///
    /// # Errors
    /// [`ReadError`], also when there are not that many under the newest checkpoint.
    pub fn root(&self, size: u64) -> Result<Hash, ReadError> {
        let published = self.published();
        if size > published.size {
            return Err(ReadError::Damaged { index: size, reason: "there are not that many entries" });
        }
        self.shared.root_before(size, size, &published)
    }

    /// The checkpoint that receipts were given under when the log had `size` entries, byte for byte. Nothing when none were.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkpoint_at(&self, size: u64) -> Result<Option<Arc<str>>, ReadError> {
        let published = self.shared.published();
        let Some(index) = size.checked_sub(1).filter(|_| size <= published.size) else { return Ok(None) };
        if self.is_imported() {
            return self.shared.note(size, None);
        }
        if self.shared.row(index)?.covering != size {
            return Ok(None);
        }
        Ok(Some(self.shared.signed_before(index, size, &published)?.1))
    }

    /// A receipt whose proof leads to another checkpoint of this log, as one with cosignatures. Nothing for an unknown receipt,
    /// another subject's, or a checkpoint that does not cover it or is not of this log's history.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn receipt_under(
        &self,
        subject: &SubjectId,
        id: ReceiptId,
        checkpoint: &str,
    ) -> Result<Option<Receipt>, ReadError> {
        let Ok(signed) = Checkpoint::verify(checkpoint, self.vkey()) else { return Ok(None) };
        let head = signed.checkpoint();
        let Some(appended) = self.receipt(subject, id)? else { return Ok(None) };
        if appended.index >= head.size {
            return Ok(None);
        }
        if head.size > self.size() || self.root(head.size)? != head.root {
            return Ok(None);
        }
        let path = self.shared.tree().path(appended.index, head.size)?;
        let (extra, index) = (appended.receipt.proof().extra.clone(), appended.index);
        let proof = TlogProof { extra, index, path, checkpoint: checkpoint.to_string() };
        let record = appended.receipt.unverified_record().to_string();
        let receipt = Receipt::new(record, proof, self.shared.vkey.clone());
        receipt
            .verify(Some(self.vkey()))
            .map_err(|_| self.shared.altered(index, "the tree around it was altered"))?;
        Ok(Some(receipt))
    }

    /// A tile's bytes: `width` hashes (1 to 256) of tile `n` of `level`. Nothing when the published tree does not
    /// have that many.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, level: u8, n: u64, width: u16) -> Result<Option<Vec<u8>>, ReadError> {
        if !(Tile { level, index: n, width }).existed_by(self.size()) {
            return Ok(None);
        }
        // Read each time: nothing is checked here, whoever asked for it does.
        let hashes = self.shared.tree().tile(level, n, width)?;
        if hashes.len() < usize::from(width) {
            let reason = "its part of the tree is missing";
            return Err(ReadError::Damaged { index: n << (8 * u32::from(level) + 8).min(63), reason });
        }
        Ok(Some(encode_hashes(&hashes)))
    }

    /// An entry bundle's bytes: `width` leaves (1 to 256) of bundle `n`, each with its two-byte length.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entries(&self, n: u64, width: u16) -> Result<Option<Vec<u8>>, ReadError> {
        if !(Tile { level: 0, index: n, width }).existed_by(self.size()) {
            return Ok(None);
        }
        let first = n * u64::from(TILE_WIDTH);
        let leaves = self.shared.store.leaves(self.site(), first..first + u64::from(width))?;
        let bundle = encode_bundle(&leaves).ok().filter(|_| leaves.len() == usize::from(width));
        let reason = "it or one after it is missing";
        bundle.map(Some).ok_or(ReadError::Damaged { index: first + leaves.len() as u64, reason })
    }

    /// Writes an export (core `export_format`, NDJSON) to `out`, in memory that does not grow with it.
    ///
    /// The range is the entries whose times the filter's period covers. Records the filter's purpose leaves out are
    /// accounted for as `withheld`, `not-asked-for`.
    ///
    /// # Errors
    /// [`ExportError`]; what was written is then not a whole export, and its lack of a footer says so.
    pub fn export(
        &self,
        filter: &ExportFilter,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export::write(&self.shared, filter, NonZero::<usize>::MIN, out, progress)
    }

    /// The same as [`export`](Self::export), byte for byte, by so many threads: for whoever has the machine to themselves.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_by(
        &self,
        threads: NonZero<usize>,
        filter: &ExportFilter,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export::write(&self.shared, filter, threads, out, progress)
    }

    /// Writes an export as CSV ([`CSV_COLUMNS`](crate::CSV_COLUMNS)) to `out`, in memory that does not grow with it.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_csv(
        &self,
        filter: &ExportFilter,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export_csv::write(&self.shared, filter, out, progress)
    }

    /// Copies the log as it is at one moment while it goes on: [`restore`](crate::restore) makes a log of it again. Blocks;
    /// must not be called on a thread of an async runtime.
    ///
    /// # Errors
    /// [`CopyError`]: there is no copy, and parts of one may be left.
    pub fn copy(&self, parts: &dyn Parts, progress: &mut dyn FnMut(Progress)) -> Result<LogCopy, CopyError> {
        backup::copy(&self.shared, parts, |change| self.send(Request::Change(change)), progress)
    }

    /// Hands over every record that an export with this filter shows, oldest first, in memory that does not grow with it.
    ///
    /// # Errors
    /// [`ExportError`], also what `each` failed with.
    pub fn export_each(
        &self,
        filter: &ExportFilter,
        each: &mut dyn FnMut(Shown<'_>) -> Result<(), ExportError>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ExportSummary, ExportError> {
        export::each_record(&self.shared, filter, each, progress)
    }

    /// Re-reads and re-proves everything: leaves, tree, rows, indexes, documents, keys. Stops at the first
    /// entry that is wrong and names it.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn check(&self, progress: &mut dyn FnMut(Progress)) -> Result<CheckReport, CheckError> {
        check::check(&self.shared, progress)
    }
}

/// Who named a contact, in the order they first did, and the rows that say so.
#[derive(Default)]
struct Naming {
    subjects: Vec<SubjectId>,
    rows: BTreeMap<u64, Row>,
}
