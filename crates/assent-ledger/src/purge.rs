//! What a purge does to the log, on the sequencer's thread: rows carried over to another month, and a month that goes.
//!
//! What is due, and that nobody came back meanwhile, is `retention.rs`'s.

use assent_core::accounting::{self as core, IndexDigest, PURGE_FORMAT};
use assent_core::commitment::Leaf;
use assent_core::hash::{Hash, sha256};

use crate::append::{Stopped, Tail, commit, commit_and_vouch, time_after};
use crate::changes::About;
use crate::cipher::NONCE_LEN;
use crate::erase::{Doomed, Failed, Reply, destroy, draw_salt, pardon, settle, summary_row};
use crate::error::{AppendError, ReadError};
use crate::growing::Growing;
use crate::keys::{KeyStoreError, Secret, Slot};
use crate::outside::{self, month_name};
use crate::owed;
use crate::request::Change;
use crate::seal::{Content, Place};
use crate::shared::{PurgedMonth, Returned, Shared};
use crate::store::{Batch, Mark, MarkKind, RecordRow, Row, RowBody};

/// Seals rows anew under a later month's secret.
pub(crate) struct Carry {
    /// Index and new month of each.
    pub(crate) rows: Vec<(u64, u32)>,
    /// Index and month of those that do not open, and stay as they are.
    pub(crate) reply: Reply<Vec<(u64, u32)>>,
}

impl Change for Carry {
    /// The records stay what they are.
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let done = carry(shared, &tail, &self.rows);
        settle(shared, tail, done, self.reply)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// A record's content and its subject's secret, restricted or not. Nothing for one that does not open.
fn opened(
    shared: &Shared,
    place: &Place<'_>,
    record: &RecordRow,
) -> Result<Option<(Secret, Content)>, KeyStoreError> {
    let secret = match shared.keys.subject(record.secret) {
        Ok(Slot::Secret(secret)) => Some(secret),
        Ok(_) => shared.keys.escrowed(record.secret),
        Err(KeyStoreError::WrongKey { .. }) => None,
        Err(other) => return Err(other),
    };
    let secrets = secret.zip(shared.keys.period(record.period));
    Ok(secrets.and_then(|(secret, period)| {
        let content = place.open(&secret, &period, &record.sealed)?;
        Some((secret, content))
    }))
}

/// Index and month of those rows that cannot be carried over, because they do not open.
pub(crate) fn unread(shared: &Shared, rows: &[(u64, u32)]) -> Result<Vec<(u64, u32)>, ReadError> {
    let mut unread = Vec::new();
    for (index, _) in rows {
        let row = shared.row(*index)?;
        if let Some(record) = row.record()
            && opened(shared, &shared.place(*index, &row, record), record)?.is_none()
        {
            unread.push((*index, record.period));
        }
    }
    Ok(unread)
}

fn carry(shared: &Shared, tail: &Tail, rows: &[(u64, u32)]) -> Result<Vec<(u64, u32)>, Failed> {
    let random = &*shared.outside.random;
    let nothing = |error: &dyn std::error::Error| {
        shared.not_stored(error);
        Stopped::NothingStored
    };
    let mut batch = Batch::new(shared.config.site.clone(), tail.head);
    let mut unread = Vec::new();
    for (index, period) in rows {
        let row = shared.row(*index)?;
        // Erased since it was looked at.
        let Some(record) = row.record() else { continue };
        let old = shared.place(*index, &row, record);
        let Some((secret, content)) = opened(shared, &old, record)? else {
            unread.push((*index, record.period));
            continue;
        };
        let new_period = shared.keys.period_or_new(*period, random).map_err(|error| nothing(&error))?;
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).map_err(|error| nothing(&error))?;
        let place = Place { period: *period, ..old };
        let content = (content.record.as_str(), &content.salt, content.contacts.as_slice());
        let sealed = place.seal(&secret, &new_period, &nonce, content);
        let body = RowBody::Record(RecordRow { period: *period, sealed, ..record.clone() });
        batch.replaced.push((*index, Row { body, ..row }));
    }
    if !batch.replaced.is_empty() {
        commit(shared, batch)?;
    }
    Ok(unread)
}

/// Every row's month was compared with these rules, but for the entries that are named after them.
pub(crate) struct Planned {
    pub(crate) rules: Vec<u8>,
    pub(crate) reply: Reply<u64>,
}

impl Change for Planned {
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let Planned { rules, reply } = *self;
        let mut batch = Batch::new(shared.config.site.clone(), tail.head);
        batch.marks.push(Mark { kind: MarkKind::Planned, key: Vec::new(), value: Some(rules) });
        let done = commit(shared, batch).map(|()| 1).map_err(Failed::from);
        settle(shared, tail, done, reply)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// Purges one month. Answers false, and does nothing, when a wish was heard since the month was looked at, or somebody with
/// records in it came back.
pub(crate) struct Purge {
    pub(crate) period: u32,
    /// What the leaf commits to; nothing when no record goes, so that there is nothing to tell.
    pub(crate) document: Option<Vec<u8>>,
    /// Wishes that were heard before the month was looked at.
    pub(crate) wishes: u64,
    /// How often somebody had come back by then.
    pub(crate) returned: usize,
    pub(crate) reply: Reply<bool>,
}

impl Change for Purge {
    fn about(&self) -> About {
        About::Everybody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let in_use = match is_in_use(shared, self.period, self.returned) {
            Ok(in_use) => in_use,
            Err(error) => return settle(shared, tail, Err(error.into()), self.reply),
        };
        if in_use || self.wishes != shared.wishes() {
            return settle(shared, tail, Ok(false), self.reply);
        }
        match purge_month(shared, &tail, self.period, self.document) {
            Ok(grown) => settle(shared, grown, Ok(true), self.reply),
            Err(failed) => settle(shared, tail, Err(failed), self.reply),
        }
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// Whether somebody who came back, but for the first `after` times, has records in a month. Of what is damaged nobody knows: looked at
/// again, it blocks its month.
pub(crate) fn is_in_use(shared: &Shared, period: u32, after: usize) -> Result<bool, ReadError> {
    for who in shared.returned(after) {
        match has_records_in(shared, period, who) {
            Ok(false) => {}
            Err(error) if !error.is_damage() => return Err(error),
            Ok(true) | Err(_) => return Ok(true),
        }
    }
    Ok(false)
}

fn has_records_in(shared: &Shared, period: u32, who: Returned) -> Result<bool, ReadError> {
    let (store, site) = (&shared.store, &shared.config.site);
    let indices: Vec<u64> = match who {
        Returned::Subject(subject) => {
            store.records(site, &subject)?.iter().map(|record| record.index).collect()
        }
        Returned::Contact(contact) => store.contact(site, &contact)?,
    };
    for index in indices {
        if shared.row(index)?.record().is_some_and(|record| record.period == period) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The document behind a month's summary leaf.
pub(crate) fn summary(period: u32, indices: &[u64], policy: &Hash) -> Vec<u8> {
    let mut digest = IndexDigest::default();
    indices.iter().for_each(|index| digest.add(*index));
    let (count, indices) = (digest.count(), digest.hash());
    let period = month_name(period);
    core::Purge { format: PURGE_FORMAT.into(), period, policy: *policy, count, indices }.to_bytes()
}

fn purge_month(shared: &Shared, tail: &Tail, period: u32, document: Option<Vec<u8>>) -> Result<Tail, Failed> {
    let site = &shared.config.site;
    let day = outside::day(shared.outside.clock.now());
    let doomed = [Doomed::Period(period)];
    let leaves = u64::from(document.is_some());
    let mut growing = Growing::new(site, tail.head, tail.tree.clone(), time_after(shared, tail), leaves);
    if let Some(document) = document {
        let salt = draw_salt(shared)?;
        let leaf = Leaf::purge_summary(&shared.config.origin, &document, &salt);
        growing.add(&leaf, summary_row(&document, &salt));
        growing.batch().documents.push((sha256(&document), document));
    }
    growing.batch().marks.push(Mark {
        kind: MarkKind::Purged,
        key: period.to_be_bytes().to_vec(),
        value: Some([&day.to_be_bytes()[..], &tail.head.size.to_be_bytes()].concat()),
    });
    growing.batch().marks.push(doomed[0].mark(true));
    growing.batch().marks.extend(owed::mark_since_today(shared)?);

    // 1. The leaf that tells of it, the mark that closes the month to readers, the doom of its secret: in one commit.
    //    Crash before it: nothing was purged.
    //    Readers hear of it first, so that nobody sees the leaf and still opens a record.
    let (batch, _) = growing.finish(tail.head.secrets);
    let month = PurgedMonth { day, leaf: tail.head.size, landed: false };
    shared.set_purged(period, Some(month));
    let tail = if leaves == 0 {
        commit(shared, batch).map(|()| tail.clone())
    } else {
        commit_and_vouch(shared, tail, batch).map(|(tail, _)| tail)
    };
    let tail = tail.inspect_err(|stopped| {
        if let Stopped::NothingStored = stopped {
            shared.set_purged(period, None);
        }
    })?;
    shared.set_purged(period, Some(PurgedMonth { landed: true, ..month }));
    // 2. The secret is destroyed. Crash before or in it: the next start destroys it.
    destroy(shared, &doomed)?;
    // 3. As for an erasure.
    pardon(shared, &tail, &doomed)?;
    Ok(tail)
}
