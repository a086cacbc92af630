//! The invariant sweep: everything the store keeps, re-read and re-proven against the published checkpoint.
//!
//! Names the first entry that is wrong. Changes nothing; memory does not grow with the log. Not the auditor's
//! verification, which needs no store and no keys and lives in `assent-core`.

use assent_core::commitment::Leaf;
use assent_core::hash::sha256;
use assent_core::merkle::{self, CompactTree};
use assent_core::tile::{TILE_HEIGHT, TILE_WIDTH};

use crate::draft::CheckReport;
use crate::error::CheckError;
use crate::ledger::{Shared, read_record};
use crate::store::{LeafBytes, Row, RowBody};

const CHUNK: u64 = TILE_WIDTH as u64;

/// See [`Ledger::check`](crate::Ledger::check).
pub(crate) fn check(shared: &Shared) -> Result<CheckReport, CheckError> {
    let (site, published) = (&shared.config.site, shared.published());
    let mut report = CheckReport::default();
    let mut tree = CompactTree::new();
    let mut time = 0;
    while tree.size() < published.size {
        let range = tree.size()..published.size.min(tree.size() + CHUNK);
        let leaves = shared.store.leaves(site, range.clone())?;
        let rows = shared.store.rows(site, range.clone())?;
        for (position, index) in range.clone().enumerate() {
            let wrong = |what| CheckError::Entry { index, what };
            let leaf = leaves.get(position).ok_or(wrong("its leaf is missing"))?;
            let row = rows.get(position).filter(|(found, _)| *found == index);
            let (_, row) = row.ok_or(wrong("its row is missing"))?;
            if row.time < time {
                return Err(wrong("its time is before that of the entry before it"));
            }
            if row.covering <= index || row.covering > published.size {
                return Err(wrong("no checkpoint of the size it names covers it"));
            }
            time = row.time;
            match row.body {
                RowBody::Sealed { .. } => check_record(shared, index, leaf, row)?,
                RowBody::Notice(_) => check_notice(shared, index, leaf, row)?,
            }
            match row.body {
                RowBody::Sealed { .. } => report.records += 1,
                RowBody::Notice(_) => report.notices += 1,
            }
        }
        let mut completed = Vec::new();
        for leaf in &leaves {
            tree.append_with(merkle::leaf_hash(leaf), &mut |level, index, root| {
                if level > 0 && level % TILE_HEIGHT == 0 {
                    completed.push((level / TILE_HEIGHT, index, root));
                }
            });
        }
        for (level, index, root) in completed {
            if shared.store.hashes(site, level, index..index + 1)? != [root] {
                return Err(CheckError::TreeHash { level, index });
            }
        }
    }
    if tree.root() != published.root {
        let (size, found, expected) = (published.size, tree.root(), published.root);
        return Err(CheckError::Root { size, found, expected });
    }
    let head = shared.store.head(site)?.ok_or(CheckError::Head)?;
    if head.size < published.size || (head.size == published.size && head.root != published.root) {
        return Err(CheckError::Head);
    }
    report.entries = published.size;
    Ok(report)
}

/// The record and its salt give the leaf, and every index finds it.
fn check_record(shared: &Shared, index: u64, leaf: &LeafBytes, row: &Row) -> Result<(), CheckError> {
    let wrong = |what| CheckError::Entry { index, what };
    let RowBody::Sealed { subject, .. } = &row.body else { return Ok(()) };
    let content = shared.content(index, row)?.ok_or(wrong("its row is not a record"))?;
    if Leaf::event(&shared.config.origin, content.record.as_bytes(), &content.salt).to_bytes() != *leaf {
        return Err(wrong("its record and salt do not give its leaf"));
    }
    let (id, record) = read_record(index, &content.record)?;
    if record.subject != *subject || record.time != crate::outside::rfc3339(row.time) {
        return Err(wrong("its record and its row name another subject or time"));
    }
    let (store, site) = (&shared.store, &shared.config.site);
    if store.record(site, subject, id)? != Some(index) {
        return Err(wrong("it is not found by its subject and receipt id"));
    }
    let newest = store.subject(site, subject)?.map(|row| row.latest);
    if newest.is_none_or(|newest| newest.index < index || (newest.index == index && newest.id != id)) {
        return Err(wrong("its subject's newest record is older than it"));
    }
    for contact in &record.contacts {
        if !store.contact(site, &contact.hash)?.contains(&index) {
            return Err(wrong("it is not found by its contact"));
        }
    }
    let hashed = content.contacts.iter().map(|c| shared.keys.contact_hash(c.channel, &c.address));
    if !hashed.eq(record.contacts.iter().map(|contact| contact.hash)) {
        return Err(wrong("the addresses sealed with it are not those it names"));
    }
    Ok(())
}

/// The document gives the leaf.
fn check_notice(shared: &Shared, index: u64, leaf: &LeafBytes, row: &Row) -> Result<(), CheckError> {
    let wrong = |what| CheckError::Entry { index, what };
    let RowBody::Notice(hash) = &row.body else { return Ok(()) };
    let (store, site) = (&shared.store, &shared.config.site);
    let document = store.notice(site, hash)?.ok_or(wrong("its notice document is missing"))?;
    if sha256(&document) != *hash || Leaf::notice(&document).to_bytes() != *leaf {
        return Err(wrong("its notice document does not give its leaf"));
    }
    if !store.notices(site)?.iter().any(|notice| notice.index == index && notice.hash == *hash) {
        return Err(wrong("its notice is not in the list of notices"));
    }
    Ok(())
}
