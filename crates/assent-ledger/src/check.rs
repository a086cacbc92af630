//! The invariant sweep: everything the store keeps, re-read and re-proven against the published checkpoint.
//!
//! Names the first entry that is wrong. Changes nothing; memory does not grow with the log. Without the operator's key records
//! stay sealed, and all else is checked. Not the auditor's verification, which needs no store and no keys and lives in
//! `assent-core`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_core::accounting::IndexDigest;
use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::{Leaf, LeafType, Salt};
use assent_core::decision::Decision;
use assent_core::hash::{Hash, sha256};
use assent_core::ids::SiteId;
use assent_core::merkle::{self, CompactTree};
use assent_core::note::{Note, VerifierKey};
use assent_core::tile::{TILE_HEIGHT, TILE_WIDTH};

use crate::checkpoint_file::CheckpointFile;
use crate::draft::{CheckReport, Progress};
use crate::error::CheckError;
use crate::seal::Content;
use crate::shared::{Inside, Shared, read_record};
use crate::store::{
    DocumentKind, DocumentRef, Gone, GoneReason, LeafBytes, MarkKind, RecordRow, Row, RowBody, Salted, Store,
};

const CHUNK: u64 = TILE_WIDTH as u64;

/// What is looked at, and who can open its records.
struct Look<'a> {
    store: &'a dyn Store,
    site: &'a SiteId,
    origin: &'a str,
    /// Nothing without the operator's key: then records stay sealed.
    opener: Option<&'a Shared>,
    /// Without an opener: months that were purged, with the day.
    purged: BTreeMap<u32, u32>,
}

/// See [`Ledger::check`](crate::Ledger::check).
pub(crate) fn check(shared: &Shared, progress: &mut dyn FnMut(Progress)) -> Result<CheckReport, CheckError> {
    let (site, origin) = (&shared.config.site, shared.config.origin.as_str());
    let look = Look { store: &*shared.store, site, origin, opener: Some(shared), purged: BTreeMap::new() };
    let published = shared.published();
    sweep(&look, (published.size, published.root), None, progress)
}

/// Checks what can be checked of a site's log without the operator's key: leaves, tree, signed head, documents, summaries and
/// tombstones. Records stay sealed and are only counted. Without `key` the head's signature is not checked. Changes nothing.
/// `published` is the file with the checkpoint that was public last, where there is one: the log must have grown from it, and what
/// it covers is looked at even where the log's own checkpoint is an older one. Answers the later of the two.
///
/// # Errors
/// [`CheckError`]: the first thing that is wrong.
pub fn check_unopened(
    store: &dyn Store,
    site: &SiteId,
    (checkpoint, published): (&Path, &Path),
    key: Option<&VerifierKey>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Checkpoint, CheckReport), CheckError> {
    let note = CheckpointFile::read(checkpoint).map_err(CheckError::CheckpointFile)?;
    let note = note.ok_or(CheckError::CheckpointMissing)?;
    let signed = |note: &str| match key {
        Some(key) => Checkpoint::verify(note, key).ok().map(|signed| signed.checkpoint().clone()),
        None => Note::parse(note).ok().and_then(|note| Checkpoint::parse(note.text()).ok()),
    };
    let mut head = signed(&note).ok_or(CheckError::CheckpointForeign)?;
    let mut before = match std::fs::read_to_string(published) {
        Ok(note) => {
            let public = signed(&note).filter(|public| public.origin == head.origin);
            Some(public.ok_or(CheckError::PublishedForeign)?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(CheckError::CheckpointFile(error)),
    };
    if let Some(public) = before.as_mut().filter(|public| public.size > head.size) {
        std::mem::swap(public, &mut head);
    }
    let mut purged = BTreeMap::new();
    for (period, day) in store.marks(site, MarkKind::Purged)? {
        let number = |bytes: &[u8]| bytes.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
        if let (Some(period), Some(day)) = (number(&period), number(&day)) {
            purged.insert(period, day);
        }
    }
    let look = Look { store, site, origin: &head.origin, opener: None, purged };
    let before = before.map(|before| (before.size, before.root));
    let report = sweep(&look, (head.size, head.root), before, progress)?;
    Ok((head, report))
}

/// `before` is an earlier head, which the tree must have had.
fn sweep(
    look: &Look<'_>,
    (size, root): (u64, Hash),
    before: Option<(u64, Hash)>,
    progress: &mut dyn FnMut(Progress),
) -> Result<CheckReport, CheckError> {
    let Look { store, site, .. } = look;
    let mut report = CheckReport::default();
    let mut tree = CompactTree::new();
    let mut time = 0;
    // Tombstones seen so far: erased ones until a summary tells of them, purged ones by their month.
    let mut gone = Tombstones::default();
    while tree.size() < size {
        let range = tree.size()..size.min(tree.size() + CHUNK);
        let leaves = store.leaves(site, range.clone())?;
        let rows = store.rows(site, range.clone())?;
        for (position, index) in range.clone().enumerate() {
            let wrong = |what| CheckError::Entry { index, what };
            let leaf = leaves.get(position).ok_or(wrong("its leaf is missing"))?;
            let row = rows.get(position).filter(|(found, _)| *found == index);
            let (_, row) = row.ok_or(wrong("its row is missing"))?;
            if row.time < time {
                return Err(wrong("its time is before that of the entry before it"));
            }
            if row.covering <= index || row.covering > size {
                return Err(wrong("no checkpoint of the size it names covers it"));
            }
            time = row.time;
            check_settled(look, (index, leaf, row), &mut gone, &mut report)?;
        }
        let mut completed = Vec::new();
        for leaf in &leaves {
            tree.append_with(merkle::leaf_hash(leaf), &mut |level, index, root| {
                if level > 0 && level % TILE_HEIGHT == 0 {
                    completed.push((level / TILE_HEIGHT, index, root));
                }
            });
            if let Some((size, expected)) = before.filter(|(size, _)| *size == tree.size())
                && tree.root() != expected
            {
                return Err(CheckError::Root { size, found: tree.root(), expected });
            }
        }
        for (level, index, root) in completed {
            if store.hashes(site, level, index..index + 1)? != [root] {
                return Err(CheckError::TreeHash { level, index });
            }
        }
        progress(Progress { done: tree.size(), total: size });
    }
    if tree.root() != root {
        return Err(CheckError::Root { size, found: tree.root(), expected: root });
    }
    let head = store.head(site)?.ok_or(CheckError::Head)?;
    if head.size < size || (head.size == size && head.root != root) {
        return Err(CheckError::Head);
    }
    gone.check(look, size)?;
    report.entries = size;
    Ok(report)
}

/// Checks an entry; once more, when what seemed wrong is that it was erased or carried over since its row was read.
fn check_settled(
    look: &Look<'_>,
    (index, leaf, row): (u64, &LeafBytes, &Row),
    gone: &mut Tombstones,
    report: &mut CheckReport,
) -> Result<(), CheckError> {
    let mut seen = row.clone();
    loop {
        let Err(wrong) = check_entry(look, (index, leaf, &seen), gone, report) else { return Ok(()) };
        match look.store.row(look.site, index)? {
            Some(now) if now != seen => seen = now,
            _ => return Err(wrong),
        }
    }
}

/// The entry, its row and everything that should find it agree.
fn check_entry(
    look: &Look<'_>,
    (index, leaf, row): (u64, &LeafBytes, &Row),
    gone: &mut Tombstones,
    report: &mut CheckReport,
) -> Result<(), CheckError> {
    let wrong = |what| CheckError::Entry { index, what };
    let kind = Leaf::parse(leaf).map_err(|_| wrong("its leaf is not one"))?.leaf_type;
    match &row.body {
        RowBody::Record(record) => {
            if kind != LeafType::Event {
                return Err(wrong("its row is a record and its leaf is not one's"));
            }
            let Some(shared) = look.opener else {
                match look.purged.get(&record.period) {
                    Some(day) => {
                        let (reason, period) = (GoneReason::Retention, record.period);
                        gone.add(index, Gone { reason, day: *day, period })?;
                        report.gone += 1;
                    }
                    None => report.sealed += 1,
                }
                return Ok(());
            };
            match shared.inside(index, row)? {
                Inside::Record(content) => {
                    check_record(shared, (index, leaf, row), record, &content)?;
                    report.records += 1;
                }
                Inside::Restricted => {
                    check_found(shared, index, record)?;
                    report.restricted += 1;
                }
                Inside::Gone(tombstone) => {
                    gone.add(index, tombstone)?;
                    report.gone += 1;
                }
                Inside::NoRecord => return Err(wrong("its row is not a record")),
            }
        }
        RowBody::Gone(tombstone) => {
            if kind != LeafType::Event {
                return Err(wrong("its row is a tombstone and its leaf is not a record's"));
            }
            gone.add(index, *tombstone)?;
            report.gone += 1;
        }
        RowBody::Document(document, hash) => {
            let bytes = look.store.document(look.site, hash)?;
            let bytes = bytes.ok_or(wrong("its document is missing"))?;
            let (made, expected) = match document {
                DocumentKind::Notice => (Leaf::notice(&bytes), LeafType::Notice),
                DocumentKind::Change => (Leaf::change(&bytes), LeafType::Change),
            };
            if sha256(&bytes) != *hash || made.to_bytes() != *leaf || kind != expected {
                return Err(wrong("its document does not give its leaf"));
            }
            let published = look.store.published(look.site)?;
            let listed = |one: &DocumentRef| (one.kind, one.index, one.hash) == (*document, index, *hash);
            if !published.iter().any(listed) {
                return Err(wrong("its document is not in the list of documents"));
            }
            report.documents += 1;
        }
        RowBody::Summary(Salted { document, salt }) => {
            let bytes = look.store.document(look.site, document)?;
            let bytes = bytes.ok_or(wrong("its document is missing"))?;
            let (origin, salt) = (look.origin, Salt::from_bytes(*salt));
            let made = if kind == LeafType::PurgeSummary {
                Leaf::purge_summary(origin, &bytes, &salt)
            } else {
                Leaf::erasure_summary(origin, &bytes, &salt)
            };
            if sha256(&bytes) != *document || made.to_bytes() != *leaf {
                return Err(wrong("its document does not give its leaf"));
            }
            gone.told(index, kind, &bytes)?;
            report.documents += 1;
        }
    }
    Ok(())
}

/// The record and its salt give the leaf, its row says the same, and every index finds it.
fn check_record(
    shared: &Shared,
    (index, leaf, row): (u64, &LeafBytes, &Row),
    found: &RecordRow,
    content: &Content,
) -> Result<(), CheckError> {
    let wrong = |what| CheckError::Entry { index, what };
    if Leaf::event(&shared.config.origin, content.record.as_bytes(), &content.salt).to_bytes() != *leaf {
        return Err(wrong("its record and salt do not give its leaf"));
    }
    let (id, record) = read_record(index, &content.record)?;
    if id != found.id || record.subject != found.subject || record.time != crate::outside::rfc3339(row.time) {
        return Err(wrong("its record and its row name another receipt, subject or time"));
    }
    if !record.contacts.iter().map(|contact| contact.hash).eq(found.contacts.iter().copied()) {
        return Err(wrong("its record and its row name other contacts"));
    }
    if record.told.is_none() && record.decisions.values().any(|decision| *decision == Decision::Withdrawn) {
        // What it names may be gone by now.
        let previous = record.previous.as_ref().and_then(|id| id.parse().ok());
        let previous = previous.ok_or(wrong("it withdraws, and names no earlier receipt"))?;
        let before = shared.store.record(&shared.config.site, &record.subject, previous)?;
        if before.is_some_and(|before| before >= index) {
            return Err(wrong("it withdraws, and the receipt that it names is not an earlier one"));
        }
    }
    check_found(shared, index, found)?;
    let hashed = content.contacts.iter().map(|c| shared.keys.contact_hash(c.channel, &c.address));
    // Addresses do not come along with a log that was taken over.
    let left_behind = !shared.takes_leaves() && content.contacts.is_empty();
    if !left_behind && !hashed.eq(record.contacts.iter().map(|contact| contact.hash)) {
        return Err(wrong("the addresses sealed with it are not those it names"));
    }
    Ok(())
}

/// Every index finds a record, also one that is restricted.
fn check_found(shared: &Shared, index: u64, found: &RecordRow) -> Result<(), CheckError> {
    let wrong = |what| CheckError::Entry { index, what };
    let (store, site) = (&shared.store, &shared.config.site);
    if store.record(site, &found.subject, found.id)? != Some(index) {
        return Err(wrong("it is not found by its subject and receipt id"));
    }
    let newest = store.newest(site, &found.subject)?;
    if newest.is_none_or(|newest| newest.index < index || (newest.index == index && newest.id != found.id)) {
        return Err(wrong("its subject's newest record is older than it"));
    }
    for contact in &found.contacts {
        if !store.contact(site, contact)?.contains(&index) {
            return Err(wrong("it is not found by its contact"));
        }
    }
    Ok(())
}

/// Tombstones, and the leaves and marks that must tell of them.
#[derive(Default)]
struct Tombstones {
    erased: BTreeMap<u64, Gone>,
    purged: BTreeMap<u32, IndexDigest>,
    months_told: BTreeSet<String>,
}

impl Tombstones {
    fn add(&mut self, index: u64, gone: Gone) -> Result<(), CheckError> {
        if gone.reason != GoneReason::Retention {
            self.erased.insert(index, gone);
            return Ok(());
        }
        // All records that go with a month lie before its summary.
        if self.months_told.contains(&crate::month_name(gone.period)) {
            let what = "it is said to be gone with a month that was purged before it was recorded";
            return Err(CheckError::Entry { index, what });
        }
        self.purged.entry(gone.period).or_default().add(index);
        Ok(())
    }

    /// A summary at `index` tells of tombstones before it.
    fn told(&mut self, index: u64, kind: LeafType, document: &[u8]) -> Result<(), CheckError> {
        let wrong = |what| CheckError::Entry { index, what };
        if kind == LeafType::PurgeSummary {
            let told = assent_core::accounting::Purge::parse(document);
            let told = told.ok_or(wrong("its summary cannot be read"))?;
            let found = self.purged.iter().find(|(period, _)| crate::month_name(**period) == told.period);
            let same =
                found.is_some_and(|(_, found)| found.count() == told.count && found.hash() == told.indices);
            // A month is purged once.
            if !same || !self.months_told.insert(told.period) {
                return Err(wrong("it tells of another purge than the tombstones show"));
            }
            return Ok(());
        }
        let told = assent_core::accounting::Erasures::parse(document);
        for erased in told.ok_or(wrong("its summary cannot be read"))?.erased {
            let gone = self.erased.remove(&erased.index);
            let same = gone.is_some_and(|gone| {
                gone.reason.as_str() == erased.reason && crate::outside::date(gone.day) == erased.day
            });
            if !same {
                return Err(wrong("it tells of an erasure that its entry does not show"));
            }
        }
        Ok(())
    }

    /// What no summary told of is marked as still to be told, and each purge was told of. `size` entries were looked at.
    fn check(self, look: &Look<'_>, size: u64) -> Result<(), CheckError> {
        let (site, store) = (look.site, look.store);
        let mut untold = Vec::new();
        for index in self.erased.into_keys() {
            if store.mark(site, MarkKind::Untold, &index.to_be_bytes())?.is_none() {
                untold.push(index);
            }
        }
        // A purge that is about to be told of is not known to have happened yet.
        let landed = |period: &u32| {
            let month = look.opener.and_then(|shared| shared.purged_month(*period));
            month.is_none_or(|month| month.landed)
        };
        let purged = self.purged.into_keys().filter(landed);
        let mut months: BTreeSet<String> = purged.map(crate::month_name).collect();
        months.retain(|month| !self.months_told.contains(month));
        if untold.is_empty() && months.is_empty() {
            return Ok(());
        }
        // They may be told of in entries that came after.
        let end = store.head(site)?.ok_or(CheckError::Head)?.size;
        for from in (size..end).step_by(CHUNK as usize) {
            for (_, row) in store.rows(site, from..end.min(from + CHUNK))? {
                let RowBody::Summary(Salted { document, .. }) = row.body else { continue };
                let Some(bytes) = store.document(site, &document)? else { continue };
                if let Some(told) = assent_core::accounting::Purge::parse(&bytes) {
                    months.remove(&told.period);
                }
                if let Some(told) = assent_core::accounting::Erasures::parse(&bytes) {
                    untold.retain(|index| !told.erased.iter().any(|erased| erased.index == *index));
                }
            }
        }
        match (untold.first(), months.pop_first()) {
            (Some(index), _) => {
                Err(CheckError::Entry { index: *index, what: "its erasure is told of nowhere" })
            }
            (None, Some(month)) => Err(CheckError::PurgeUntold { month }),
            (None, None) => Ok(()),
        }
    }
}
