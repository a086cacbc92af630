//! Purge: erasure by retention rule, a month's records at a time.
//!
//! Each record is sealed under the secret of the month in which it is due. Once that month is over, [`plan`] looks at what
//! is there: records that are in use again, or held, are carried over to a later month (sealed anew, same leaf); then the
//! month's secret is destroyed, one 0x04 leaf says how many records went, and no copy of their rows can be opened again,
//! wherever it lies. Space comes back later, when the store is reclaimed. When a record is due is the caller's rule.
//!
//! Looking takes long and runs beside everything else. So a month goes only if nobody was erased, held or restricted since its
//! records were looked at; else they are looked at again.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use assent_core::accounting::{self as core, IndexDigest, PURGE_FORMAT};
use assent_core::commitment::Leaf;
use assent_core::hash::{Hash, sha256};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::append::{Change, Request, Stopped, Tail, commit, land, time_after};
use crate::changes::About;
use crate::cipher::NONCE_LEN;
use crate::draft::{Opened, Progress};
use crate::erase::{self, Doomed, Failed, Reply, destroy, draw_salt, pardon, settle, summary_row};
use crate::error::{AppendError, ErasureError, ReadError};
use crate::growing::Growing;
use crate::keys::Slot;
use crate::ledger::{Inside, PurgedMonth, Shared, read_record};
use crate::outside::{self, month, month_name};
use crate::owed;
use crate::seal::Place;
use crate::store::{Batch, Mark, MarkKind, RecordRow, Row, RowBody};

/// Rows looked at at a time.
const CHUNK: u64 = 1024;
/// Rows sealed anew in one commit.
const CARRIED: usize = 256;
/// How often a month is looked at again before its purge is left to the next time.
const LOOKS: usize = 100;

/// When records are due to go.
pub struct Retention<'a> {
    /// Now: milliseconds since 1970 UTC. Months that ended before it may be purged.
    pub now: u64,
    /// The policy's version: hash of the document that says the rules.
    pub policy: Hash,
    /// When a record is due, given it and the time of its subject's newest record; milliseconds since 1970 UTC.
    pub due: &'a DueRule<'a>,
}

/// Says when a record is due.
pub type DueRule<'a> = dyn Fn(&Opened, u64) -> Result<u64, ReadError> + 'a;

impl std::fmt::Debug for Retention<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retention")
            .field("now", &self.now)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// What a purge did, or would do: by month (as `2026-11`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PurgePlan {
    /// Records that go, by the month they were due in.
    pub purged: BTreeMap<String, u64>,
    /// Records that are in use again, or that the rule keeps longer: carried over.
    pub carried: u64,
    /// Records that are held or restricted: carried over.
    pub held: u64,
}

/// What is to happen to the rows of months that are over.
#[derive(Default)]
struct Found {
    /// Records of each month that go, ascending.
    months: BTreeMap<u32, Vec<u64>>,
    /// Index and new month.
    carry: Vec<(u64, u32)>,
    held: u64,
}

/// Plans a purge and, unless it is a dry run, does it.
pub(crate) fn purge(
    shared: &Shared,
    retention: &Retention<'_>,
    send: Option<&dyn Fn(Request) -> Result<(), AppendError>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PurgePlan, ErasureError> {
    let Some(send) = send else { return Ok(plan(&look(shared, retention, progress)?)) };
    let _one_at_a_time = shared.purging.lock().unwrap_or_else(PoisonError::into_inner);
    // Whether a purge that nobody heard of happened is settled before anything is looked at: its month must not be taken for
    // one that is told of.
    let (reply, answer) = oneshot::channel();
    send(Request::Change(Box::new(Carry { rows: Vec::new(), reply })))?;
    heard(answer)?;
    let wishes = shared.wishes();
    let mut found = look(shared, retention, progress)?;
    // A purge must be told of in the log, and a log that was taken over takes nothing more.
    if !shared.takes_leaves() && found.months.values().any(|month| !month.is_empty()) {
        return Err(AppendError::Unavailable.into());
    }
    carry_over(&found.carry, send)?;
    let months: Vec<u32> = found.months.keys().copied().collect();
    for period in months {
        let (mut wishes, mut looks) = (wishes, 0);
        loop {
            let month = found.months.get(&period).map_or(&[][..], Vec::as_slice);
            let document = (!month.is_empty()).then(|| summary(period, month, &retention.policy));
            let (reply, answer) = oneshot::channel();
            send(Request::Change(Box::new(Purge { period, document, wishes, reply })))?;
            if heard(answer)? {
                break;
            }
            looks += 1;
            if looks > LOOKS {
                return Err(AppendError::Busy.into());
            }
            wishes = shared.wishes();
            let already = found.carry.len();
            found.look_again(shared, retention, period)?;
            carry_over(&found.carry[already..], send)?;
        }
    }
    Ok(plan(&found))
}

fn plan(found: &Found) -> PurgePlan {
    let carried = found.carry.len() as u64 - found.held;
    let months = found.months.iter().filter(|(_, month)| !month.is_empty());
    let purged = months.map(|(period, month)| (month_name(*period), month.len() as u64)).collect();
    PurgePlan { purged, carried, held: found.held }
}

fn carry_over(
    rows: &[(u64, u32)],
    send: &dyn Fn(Request) -> Result<(), AppendError>,
) -> Result<(), ErasureError> {
    for rows in rows.chunks(CARRIED) {
        let (reply, answer) = oneshot::channel();
        send(Request::Change(Box::new(Carry { rows: rows.to_vec(), reply })))?;
        heard(answer)?;
    }
    Ok(())
}

/// Waits for a change's outcome.
pub(crate) fn heard<T>(answer: oneshot::Receiver<Result<T, ErasureError>>) -> Result<T, ErasureError> {
    answer.blocking_recv().unwrap_or(Err(AppendError::OutcomeUnknown.into()))
}

/// Looks at every row of months that are over.
fn look(
    shared: &Shared,
    retention: &Retention<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Found, ReadError> {
    let total = shared.published().size;
    // Also those that nothing is due in: bytes of records that were carried over may lie about, under the old secret.
    let over = shared.keys.periods().into_iter().filter(|period| *period < month(retention.now));
    let mut found = Found { months: over.map(|period| (period, Vec::new())).collect(), ..Found::default() };
    let mut done = 0;
    while done < total {
        let end = total.min(done + CHUNK);
        for (index, row) in shared.store.rows(&shared.config.site, done..end)? {
            found.judge(shared, retention, index, &row)?;
        }
        done = end;
        progress(Progress { done, total });
    }
    Ok(found)
}

impl Found {
    /// Looks once more at the records of a month that were to go.
    fn look_again(
        &mut self,
        shared: &Shared,
        retention: &Retention<'_>,
        period: u32,
    ) -> Result<(), ReadError> {
        for index in self.months.insert(period, Vec::new()).unwrap_or_default() {
            self.judge(shared, retention, index, &shared.row(index)?)?;
        }
        Ok(())
    }

    /// Sorts one row in.
    fn judge(
        &mut self,
        shared: &Shared,
        retention: &Retention<'_>,
        index: u64,
        row: &Row,
    ) -> Result<(), ReadError> {
        let this_month = month(retention.now);
        let Some(record) = row.record().filter(|record| record.period < this_month) else { return Ok(()) };
        if shared.is_purged(record.period).is_some() {
            return Ok(());
        }
        let later = match stays(shared, retention, index, row, record)? {
            Stays::Held => {
                self.held += 1;
                Some(this_month)
            }
            Stays::Until(due) => Some(month(due)).filter(|month| *month >= this_month),
            Stays::Gone => return Ok(()),
        };
        match later {
            Some(later) => self.carry.push((index, later)),
            None => self.months.entry(record.period).or_default().push(index),
        }
        Ok(())
    }
}

enum Stays {
    Held,
    Until(u64),
    /// Erased while it was looked at.
    Gone,
}

fn stays(
    shared: &Shared,
    retention: &Retention<'_>,
    index: u64,
    row: &Row,
    record: &RecordRow,
) -> Result<Stays, ReadError> {
    if erase::hold_of(shared, &record.subject)?.is_some() {
        return Ok(Stays::Held);
    }
    let content = match shared.inside(index, row)? {
        Inside::Record(content) => content,
        // What is frozen is kept as it is until it is released.
        Inside::Restricted => return Ok(Stays::Held),
        Inside::Gone(_) | Inside::NoRecord => return Ok(Stays::Gone),
    };
    let newest = shared.store.newest(&shared.config.site, &record.subject)?;
    let newest = match newest {
        Some(newest) if newest.index != index => shared.row(newest.index)?.time,
        _ => row.time,
    };
    let (id, read) = read_record(index, &content.record)?;
    let opened = Opened { index, id, time: row.time, record: read, contacts: content.contacts };
    Ok(Stays::Until((retention.due)(&opened, newest)?))
}

/// Seals rows anew under a later month's secret.
struct Carry {
    rows: Vec<(u64, u32)>,
    reply: Reply<u64>,
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

fn carry(shared: &Shared, tail: &Tail, rows: &[(u64, u32)]) -> Result<u64, Failed> {
    let random = &*shared.outside.random;
    let mut batch = Batch::new(shared.config.site.clone(), tail.head);
    for (index, period) in rows {
        let row = shared.row(*index)?;
        // Erased since it was looked at.
        let Some(record) = row.record() else { continue };
        let secret = match shared.keys.subject(record.secret)? {
            Slot::Secret(secret) => secret,
            _ => shared.keys.escrowed(record.secret).ok_or(ReadError::Restricted { index: *index })?,
        };
        let old_period = shared.keys.period(record.period).ok_or(ReadError::Damaged {
            index: *index,
            reason: "its month's secret is missing from the keystore",
        })?;
        let old = shared.place(*index, &row, record);
        let content = old.open(&secret, &old_period, &record.sealed);
        let content = content.ok_or(ReadError::Damaged { index: *index, reason: "its row does not open" })?;
        let new_period = shared.keys.period_or_new(*period, random);
        let new_period = new_period.map_err(|_| Stopped::NothingStored)?;
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).map_err(|_| Stopped::NothingStored)?;
        let place = Place { period: *period, ..old };
        let content = (content.record.as_str(), &content.salt, content.contacts.as_slice());
        let sealed = place.seal(&secret, &new_period, &nonce, content);
        let body = RowBody::Record(RecordRow { period: *period, sealed, ..record.clone() });
        batch.replaced.push((*index, Row { body, ..row }));
    }
    let count = batch.replaced.len() as u64;
    if count > 0 {
        commit(shared, batch)?;
    }
    Ok(count)
}

/// Purges one month. Answers false, and does nothing, when a wish was heard since the month was looked at.
struct Purge {
    period: u32,
    /// What the leaf commits to; nothing when no record goes, so that there is nothing to tell.
    document: Option<Vec<u8>>,
    /// Wishes that were heard before the month was looked at.
    wishes: u64,
    reply: Reply<bool>,
}

impl Change for Purge {
    fn about(&self) -> About {
        About::Everybody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        if self.wishes != shared.wishes() {
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

/// The document behind a month's summary leaf.
fn summary(period: u32, indices: &[u64], policy: &Hash) -> Vec<u8> {
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
        land(shared, tail, batch).map(|(tail, _)| tail)
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
