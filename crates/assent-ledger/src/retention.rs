//! Purge: erasure by retention rule, a month's records at a time.
//!
//! Each record is sealed under the secret of the last month that will be over when it is due. Once that month is over, [`look`] looks at what
//! is there: records that are in use again, or held, are carried over to a later month (sealed anew, same leaf); then the
//! month's secret is destroyed, one 0x04 leaf says how many records went, and no copy of their rows can be opened again,
//! wherever it lies. Space comes back later, when the store is reclaimed. When a record is due is the caller's rule.
//!
//! Looking takes long and runs beside everything else. So a month goes only if nobody was erased, held or restricted, and nobody
//! with records in it came back, since its records were looked at; else they are looked at again.
//!
//! The month is fixed when a record is appended. Once the rules are others, every row is looked at, and what is due sooner now is
//! carried to that month, or to this one: it goes as soon as this one is over. Its bytes under the later month's secret are let go of
//! when the store is reclaimed, and with the backups that have them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::PoisonError;

use assent_core::hash::Hash;
use assent_core::subject::SubjectId;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::draft::{Opened, Progress};
use crate::erase::{self, ForSubject, Settle, Wish};
use crate::error::{AppendError, ErasureError, ReadError};
use crate::outside::{last_whole_month, month, month_name};
use crate::purge::{Carry, Planned, Purge, is_in_use, summary, unread};
use crate::request::Request;
use crate::shared::{Inside, Shared, read_record};
use crate::store::{DocumentKind, MarkKind, RecordRow, Row, StoreError};

/// Rows looked at at a time.
const CHUNK: u64 = 1024;
/// Most entries that are remembered because they could not be read.
const NAMED: usize = 10_000;
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
    /// Records that go, by the month under whose secret they are: the one before that in which they are due.
    pub purged: BTreeMap<String, u64>,
    /// Records that are in use again, or that the rule keeps longer or less long than before: carried over.
    pub carried: u64,
    /// Records that are held or restricted: carried over.
    pub held: u64,
    /// Months that are over and stay, because a record that is or may be in them cannot be read: whether it is in use, nobody knows. The
    /// check names it.
    pub blocked: BTreeSet<String>,
}

/// Carries rows over: index and new month of each. Answers index and month of those that do not open.
type Carries<'a> = dyn FnMut(&[(u64, u32)]) -> Result<Vec<(u64, u32)>, ErasureError> + 'a;

/// What is to happen to the rows of months that are over, and to those of others once the rules changed.
#[derive(Default)]
struct Found {
    /// The rules.
    rules: Vec<u8>,
    /// Whether they are others than before, or it is not known with what each row was compared.
    rules_are_new: bool,
    /// Entries that could not be compared with them before.
    behind: BTreeSet<u64>,
    /// Entries that cannot be compared with them now.
    unread: BTreeSet<u64>,
    /// Records of each month that go, ascending.
    months: BTreeMap<u32, Vec<u64>>,
    /// Index and new month: not carried yet.
    carry: Vec<(u64, u32)>,
    /// How many were to be carried, of those that are held.
    carried: u64,
    held: u64,
    /// Months that are over, with a record that cannot be read.
    blocked: BTreeSet<u32>,
    /// A row is damaged: whichever month it is under, it is none before this one.
    unread_from: Option<u32>,
    /// The month that it is.
    this_month: u32,
}

/// Plans a purge and, unless it is a dry run, does it.
pub(crate) fn purge(
    shared: &Shared,
    retention: &Retention<'_>,
    send: Option<&dyn Fn(Request) -> Result<(), AppendError>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PurgePlan, ErasureError> {
    let Some(send) = send else {
        let mut carry = |rows: &[(u64, u32)]| Ok(unread(shared, rows)?);
        let mut found = look(shared, retention, &mut carry, progress)?;
        if !shared.takes_leaves() {
            let whole: HashSet<u64> =
                whole(shared, &found.months)?.into_values().flatten().map(|(index, _)| index).collect();
            found.months.values_mut().for_each(|month| month.retain(|index| whole.contains(index)));
        }
        return Ok(plan(&found));
    };
    let _one_at_a_time = shared.purging.lock().unwrap_or_else(PoisonError::into_inner);
    // Whether a purge that nobody heard of happened is settled before anything is looked at: its month must not be taken for
    // one that is told of.
    let (reply, answer) = oneshot::channel();
    send(Request::Change(Box::new(Settle(reply))))?;
    heard(answer)?;
    let (wishes, _watching) = (shared.wishes(), shared.watch_returns());
    let mut carry = |rows: &[(u64, u32)]| carry_over(rows, send);
    let mut found = look(shared, retention, &mut carry, progress)?;
    if let Some(rules) = found.compared() {
        let (reply, answer) = oneshot::channel();
        send(Request::Change(Box::new(Planned { rules, reply })))?;
        heard(answer)?;
    }
    if !shared.takes_leaves() {
        return erase_instead(shared, found, send);
    }
    let months: Vec<u32> = found.months.keys().copied().collect();
    for period in months {
        let (mut wishes, mut returned, mut looks) = (wishes, 0, 0);
        loop {
            // Here and not where decisions wait for it; who comes from now on is left for that.
            let seen = shared.returns();
            if !is_in_use(shared, period, returned)? {
                let month = found.months.get(&period).map_or(&[][..], Vec::as_slice);
                let document = (!month.is_empty()).then(|| summary(period, month, &retention.policy));
                let (reply, answer) = oneshot::channel();
                send(Request::Change(Box::new(Purge { period, document, wishes, returned: seen, reply })))?;
                if heard(answer)? {
                    break;
                }
            }
            looks += 1;
            if looks > LOOKS {
                return Err(AppendError::Busy.into());
            }
            (wishes, returned) = (shared.wishes(), shared.returns());
            // What they said is in the log when it is looked at.
            let (reply, answer) = oneshot::channel();
            send(Request::Change(Box::new(Settle(reply))))?;
            heard(answer)?;
            found.look_again(shared, retention, period)?;
            found.hand_on(&mut carry)?;
            found.leave_blocked();
            if !found.months.contains_key(&period) {
                break;
            }
        }
    }
    Ok(plan(&found))
}

/// A purge must be told of in the log, and a log that was taken over takes nothing more: who has nothing left but what is due is erased.
fn erase_instead(
    shared: &Shared,
    found: Found,
    send: &dyn Fn(Request) -> Result<(), AppendError>,
) -> Result<PurgePlan, ErasureError> {
    let mut gone = Found { months: BTreeMap::new(), ..found };
    for (subject, records) in whole(shared, &found.months)? {
        let (reply, answer) = oneshot::channel();
        send(Request::Change(Box::new(ForSubject { subject, wish: Wish::EraseDue, reply })))?;
        match heard(answer) {
            // Frozen, or held, since it was looked at.
            Ok(0) | Err(ErasureError::Held(_)) => {}
            Ok(_) => records
                .into_iter()
                .for_each(|(index, period)| gone.months.entry(period).or_default().push(index)),
            Err(error) => return Err(error),
        }
    }
    Ok(plan(&gone))
}

/// Index and month.
type Due = Vec<(u64, u32)>;

/// Subjects all of whose records are due.
fn whole(shared: &Shared, months: &BTreeMap<u32, Vec<u64>>) -> Result<BTreeMap<SubjectId, Due>, ReadError> {
    let mut subjects: BTreeMap<SubjectId, Due> = BTreeMap::new();
    for (period, index) in
        months.iter().flat_map(|(period, month)| month.iter().map(|index| (*period, *index)))
    {
        match shared.row(index) {
            Ok(row) => {
                let record = row.record().into_iter();
                record.for_each(|record| subjects.entry(record.subject).or_default().push((index, period)));
            }
            // Whoever has it stays. The check names it.
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error),
        }
    }
    let mut whole = BTreeMap::new();
    for (subject, due) in subjects {
        match shared.store.records(&shared.config.site, &subject) {
            Ok(records) if records.len() == due.len() => drop(whole.insert(subject, due)),
            Err(error) if !error.is_damage() => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(whole)
}

fn plan(found: &Found) -> PurgePlan {
    let months = found.months.iter().filter(|(_, month)| !month.is_empty());
    let purged = months.map(|(period, month)| (month_name(*period), month.len() as u64)).collect();
    let blocked = found.blocked.iter().map(|period| month_name(*period)).collect();
    PurgePlan { purged, carried: found.carried - found.held, held: found.held, blocked }
}

fn carry_over(
    rows: &[(u64, u32)],
    send: &dyn Fn(Request) -> Result<(), AppendError>,
) -> Result<Vec<(u64, u32)>, ErasureError> {
    let mut unread = Vec::new();
    for rows in rows.chunks(CARRIED) {
        let (reply, answer) = oneshot::channel();
        send(Request::Change(Box::new(Carry { rows: rows.to_vec(), reply })))?;
        unread.extend(heard(answer)?);
    }
    Ok(unread)
}

/// Waits for a change's outcome.
pub(crate) fn heard<T>(answer: oneshot::Receiver<Result<T, ErasureError>>) -> Result<T, ErasureError> {
    answer.blocking_recv().unwrap_or(Err(AppendError::OutcomeUnknown.into()))
}

/// Looks at every row of months that are over, and at all others once the rules changed, or at those that could not be read when they
/// did.
fn look(
    shared: &Shared,
    retention: &Retention<'_>,
    carry: &mut Carries<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Found, ErasureError> {
    let total = shared.published().size;
    // Also those that nothing is due in: bytes of records that were carried over may lie about, under the old secret.
    let over = shared.keys.periods().into_iter().filter(|period| *period < month(retention.now));
    let known = shared.store.mark(&shared.config.site, MarkKind::Planned, b"").map_err(ReadError::from)?;
    let rules = rules(shared, &retention.policy)?;
    let behind = known.as_deref().and_then(|known| known.strip_prefix(rules.as_slice()));
    let (rules_are_new, behind) = (behind.is_none(), behind.unwrap_or_default().as_chunks::<8>().0);
    let behind = behind.iter().map(|index| u64::from_be_bytes(*index)).collect();
    let months = over.map(|period| (period, Vec::new())).collect();
    let this_month = month(retention.now);
    let mut found = Found { rules, rules_are_new, behind, months, this_month, ..Found::default() };
    let (mut done, mut newest) = (0, 0);
    while done < total {
        let end = total.min(done + CHUNK);
        let rows = match shared.store.rows(&shared.config.site, done..end) {
            Ok(rows) => rows,
            Err(error) if error.is_damage() => {
                found.one_by_one(shared, done..end, newest).map_err(ReadError::from)?
            }
            Err(error) => return Err(ReadError::from(error).into()),
        };
        for (index, row) in rows {
            newest = row.time;
            found.judge(shared, retention, index, &row)?;
        }
        found.hand_on(carry)?;
        done = end;
        progress(Progress { done, total });
    }
    // Where nothing can be told of a purge no month's secret goes, and whoever has a row that cannot be read stays anyway.
    if shared.takes_leaves() {
        found.leave_blocked();
    }
    Ok(found)
}

/// What tells the rules from those before: their document, and the leaf that told of the newest change. Rules that were in force for an
/// hour, and are those of yesterday again by night, gave that hour's records their months.
fn rules(shared: &Shared, policy: &Hash) -> Result<Vec<u8>, ReadError> {
    let published = shared.store.published(&shared.config.site)?;
    let changes = published.iter().filter(|document| document.kind == DocumentKind::Change);
    let newest = changes.map(|document| document.index).max().map_or([0xff; 8], u64::to_be_bytes);
    Ok([&policy.0[..], &newest].concat())
}

impl Found {
    /// Hands on what is to be carried, so that no more of it is in memory than was looked at last.
    fn hand_on(&mut self, carry: &mut Carries<'_>) -> Result<(), ErasureError> {
        for (index, period) in carry(&self.carry)? {
            self.unread.insert(index);
            self.blocked.extend((period < self.this_month).then_some(period));
        }
        self.carried += self.carry.len() as u64;
        self.carry.clear();
        Ok(())
    }

    /// Reads rows of which some are damaged, which the check names, after one that was taken down at `newest`: all others.
    fn one_by_one(
        &mut self,
        shared: &Shared,
        range: Range<u64>,
        mut newest: u64,
    ) -> Result<Vec<(u64, Row)>, StoreError> {
        let mut rows = Vec::new();
        for index in range {
            match shared.store.row(&shared.config.site, index) {
                Ok(row) => rows.extend(row.map(|row| {
                    newest = row.time;
                    (index, row)
                })),
                Err(error) if error.is_damage() => {
                    self.unread.insert(index);
                    // No record goes with a month before the one in which it was taken down.
                    self.unread_from = Some(self.unread_from.unwrap_or(u32::MAX).min(month(newest)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    /// Looks once more at the records of a month that were to go.
    fn look_again(
        &mut self,
        shared: &Shared,
        retention: &Retention<'_>,
        period: u32,
    ) -> Result<(), ReadError> {
        for index in self.months.insert(period, Vec::new()).unwrap_or_default() {
            match shared.row(index) {
                Ok(row) => self.judge(shared, retention, index, &row)?,
                Err(error) if error.is_damage() => drop(self.blocked.insert(period)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What is to be noted of what each row was compared with: the rules, and the entries that could not be read, which are compared once they
    /// can. Nothing where that is so already, or there are too many of them to name: then it is all done again.
    fn compared(&self) -> Option<Vec<u8>> {
        let is_new = self.rules_are_new || self.behind != self.unread;
        (is_new && self.unread.len() <= NAMED).then(|| {
            let unread = self.unread.iter().flat_map(|index| index.to_be_bytes());
            self.rules.iter().copied().chain(unread).collect()
        })
    }

    /// Months that are blocked do not go.
    fn leave_blocked(&mut self) {
        let unread_from = self.unread_from.unwrap_or(u32::MAX);
        self.blocked.extend(self.months.range(unread_from..).map(|(period, _)| period));
        self.months.retain(|period, _| !self.blocked.contains(period));
    }

    /// Sorts one row in.
    fn judge(
        &mut self,
        shared: &Shared,
        retention: &Retention<'_>,
        index: u64,
        row: &Row,
    ) -> Result<(), ReadError> {
        let this_month = self.this_month;
        let Some(record) = row.record() else { return Ok(()) };
        let is_over = record.period < this_month;
        let is_to_be_compared = self.rules_are_new || self.behind.contains(&index);
        if !is_over && !is_to_be_compared || shared.is_purged(record.period).is_some() {
            return Ok(());
        }
        let stays = match stays(shared, retention, index, row, record) {
            // The check names it. It keeps from going only what goes with it.
            Err(error) if error.is_damage() => {
                self.unread.insert(index);
                if is_over {
                    self.blocked.insert(record.period);
                }
                return Ok(());
            }
            other => other?,
        };
        let (due, is_held) = match stays {
            // Each month it is looked at again.
            Stays::Held => (this_month, true),
            Stays::Until(due) => (last_whole_month(due), false),
            Stays::Gone => return Ok(()),
        };
        if is_over && due < this_month {
            self.months.entry(record.period).or_default().push(index);
        } else if is_over || due.max(this_month) < record.period {
            self.carry.push((index, due.max(this_month)));
            self.held += u64::from(is_held);
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
    // Also what was said since the rest was frozen: a no must not go before the yes that it ends.
    let is_restricted = erase::restriction_of(shared, &record.subject)?.is_some();
    if is_restricted || erase::hold_of(shared, &record.subject)?.is_some() {
        return Ok(Stays::Held);
    }
    let content = match shared.inside(index, row)? {
        Inside::Record(content) => content,
        // What is frozen is kept as it is until it is released.
        Inside::Restricted => return Ok(Stays::Held),
        Inside::Gone(_) | Inside::NoRecord => return Ok(Stays::Gone),
    };
    let newest = shared.last_use(&record.subject)?.unwrap_or(row.time);
    let (id, read) = read_record(index, &content.record)?;
    let opened = Opened { index, id, time: row.time, record: read, contacts: content.contacts };
    Ok(Stays::Until((retention.due)(&opened, newest)?))
}
