//! Letting people leave: erasure (UK GDPR Art 17), restriction (Art 18), holds, suppression, and the leaves that tell of
//! erasures. By retention rule: `retention.rs`.
//!
//! The leaf of an erased record stays, and so does every tree, proof and receipt; what goes is the secret that opens its
//! row, then the row. Each step says what a crash leaves; [`finish_what_was_begun`] repairs it at the next start. All of it
//! runs on the sequencer's thread, between two batches. Who may ask for it is the server's business.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::accounting::{Erased, Erasures};
use assent_core::commitment::{Leaf, SALT_LEN, Salt};
use assent_core::hash::{Hash, sha256};
use assent_core::subject::SubjectId;
use serde::Serialize;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::append::{Stopped, Tail, commit, commit_and_vouch, time_after};
use crate::changes::{About, ChangePlace};
use crate::error::{AppendError, ErasureError, OpenError, ReadError, causes};
use crate::growing::Growing;
use crate::keys::KeyStoreError;
use crate::outside;
use crate::owed;
use crate::request::Change;
use crate::shared::{PurgedMonth, Shared};
use crate::store::{
    Batch, CommitError, Gone, GoneReason, Mark, MarkEntry, MarkKind, RecordRef, RecordRow, Row, RowBody,
    Salted,
};

/// Most tombstones that one summary leaf tells of: bounds its document to a few megabytes.
const MAX_TOLD: usize = 50_000;

/// Where the outcome of a change goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, ErasureError>>;

/// What is to be done for one subject.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// Erase every record, for this reason, and write to its contacts no more if `suppress`.
    Erase {
        /// Why.
        reason: GoneReason,
        /// Whether its contacts are suppressed from now on.
        suppress: bool,
    },
    /// Erase every record because all of them are due. Nothing is done when they are frozen.
    EraseDue,
    /// Freeze every record.
    Restrict {
        /// A code or reference; no personal data.
        reason: String,
    },
    /// Unfreeze.
    Release,
    /// Keep from erasure and purge.
    Hold(Hold),
    /// End that.
    LetGo,
}

/// Why records are kept although they are due to go, and when somebody looks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// A code or reference, as `claim-2026-17`; no personal data.
    pub reason: String,
    /// Day of the review, as `2027-03-01`.
    pub review: String,
}

/// That records are frozen, since when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// Milliseconds since 1970 UTC.
    pub since: u64,
    /// A code or reference.
    pub reason: String,
}

/// A change for one subject, with where its outcome goes: how many records it was about, or 1 for a hold and its end.
pub(crate) struct ForSubject {
    pub(crate) subject: SubjectId,
    pub(crate) wish: Wish,
    pub(crate) reply: Reply<u64>,
}

impl Change for ForSubject {
    fn about(&self) -> About {
        About::Places(vec![ChangePlace::of_subject(&self.subject)])
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let Self { subject, wish, reply } = *self;
        shared.hear_wish();
        let done = match wish {
            Wish::Erase { reason, suppress } => erase(shared, &tail, &subject, (reason, suppress)),
            Wish::EraseDue => match restriction_of(shared, &subject) {
                Ok(None) => erase(shared, &tail, &subject, (GoneReason::Controller, false)),
                Ok(Some(_)) => Ok(0),
                Err(error) => Err(error.into()),
            },
            Wish::Restrict { reason } => restrict(shared, &tail, &subject, &reason),
            Wish::Release => release(shared, &tail, &subject),
            Wish::Hold(hold) => {
                mark(shared, &tail, MarkKind::Held, &subject.0, serde_json::to_vec(&hold).ok())
            }
            Wish::LetGo => mark(shared, &tail, MarkKind::Held, &subject.0, None),
        };
        settle(shared, tail, done, reply)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// Whether a contact may be written to at all, or can be reached: a mark with the time.
pub(crate) struct MarkContact {
    pub(crate) kind: MarkKind,
    pub(crate) contact: Hash,
    pub(crate) on: bool,
    pub(crate) reply: Reply<u64>,
}

impl Change for MarkContact {
    fn about(&self) -> About {
        About::Places(vec![ChangePlace::of_contact(&self.contact)])
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let value = self.on.then(|| shared.outside.clock.now().to_be_bytes().to_vec());
        let done = mark(shared, &tail, self.kind, &self.contact.0, value);
        settle(shared, tail, done, self.reply)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// Jobs set and done, in one commit.
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Whether what is taken away says something about somebody, so that its bytes must go.
    pub(crate) personal: bool,
    pub(crate) reply: Reply<u64>,
}

impl Change for Jobs {
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let done = jobs(shared, &tail, self.jobs, self.personal);
        settle(shared, tail, done, self.reply)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

fn jobs(
    shared: &Shared,
    tail: &Tail,
    jobs: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    personal: bool,
) -> Result<u64, Failed> {
    let mut batch = Batch::new(shared.config.site.clone(), tail.head);
    let count = jobs.len() as u64;
    batch.marks = jobs.into_iter().map(|(key, value)| Mark { kind: MarkKind::Job, key, value }).collect();
    if personal {
        batch.marks.extend(owed::mark_since_today(shared)?);
    }
    commit(shared, batch)?;
    Ok(count)
}

/// Nothing: whoever is answered knows that what went before has come to its end.
pub(crate) struct Settle(pub(crate) Reply<u64>);

impl Change for Settle {
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        settle(shared, tail, Ok(0), self.0)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.0.send(Err(error.into())));
    }
}

/// Tells of the tombstones that no leaf covers yet, in one leaf, so that nobody sees which went together.
pub(crate) struct Tell(pub(crate) Reply<u64>);

impl Change for Tell {
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, mut tail: Tail) -> Option<Tail> {
        let mut told = 0;
        loop {
            match tell(shared, &tail) {
                Ok((grown, count)) => {
                    (tail, told) = (grown, told + count);
                    if count < MAX_TOLD as u64 {
                        return settle(shared, tail, Ok(told), self.0);
                    }
                }
                // Some are told of: that must not be answered with "nothing was recorded". The next call tells of the rest.
                Err(Failed::Refused(_) | Failed::Stopped(Stopped::NothingStored)) if told > 0 => {
                    return settle(shared, tail, Ok(told), self.0);
                }
                Err(failed) => return settle(shared, tail, Err(failed), self.0),
            }
        }
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.0.send(Err(error.into())));
    }
}

/// Why a change was not made, or not to its end.
pub(crate) enum Failed {
    /// The commit did not end well.
    Stopped(Stopped),
    /// It may not be done, or something could not be read; nothing was changed.
    Refused(ErasureError),
    /// It was committed, and a secret could not be destroyed or moved: the log stands still until it is.
    Unfinished,
}

impl From<Stopped> for Failed {
    fn from(stopped: Stopped) -> Self {
        Failed::Stopped(stopped)
    }
}

impl<E: Into<ReadError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed::Refused(ErasureError::Read(error.into()))
    }
}

/// The log stands still from here on, and whoever keeps the machine hears why.
fn unfinished(shared: &Shared) -> impl Fn(KeyStoreError) -> Failed {
    |error| {
        shared.log_failure("a secret could not be destroyed or moved", &error);
        Failed::Unfinished
    }
}

/// Answers whoever asked; gives where the log ends, if that is known.
pub(crate) fn settle<T>(
    shared: &Shared,
    tail: Tail,
    done: Result<T, Failed>,
    reply: Reply<T>,
) -> Option<Tail> {
    let (answer, tail) = match done {
        Ok(done) => (Ok(done), Some(tail)),
        Err(Failed::Refused(error)) => (Err(error), Some(tail)),
        Err(Failed::Stopped(stopped)) => {
            let (error, tail) = stopped.heard(shared, tail);
            (Err(error.into()), tail)
        }
        Err(Failed::Unfinished) => {
            shared.stop();
            (Err(AppendError::OutcomeUnknown.into()), None)
        }
    };
    drop(reply.send(answer));
    tail
}

/// Erases a subject's records.
fn erase(
    shared: &Shared,
    tail: &Tail,
    subject: &SubjectId,
    (reason, suppress): (GoneReason, bool),
) -> Result<u64, Failed> {
    let site = &shared.config.site;
    if let Some(hold) = hold_of(shared, subject)? {
        return Err(Failed::Refused(ErasureError::Held(hold)));
    }
    let now = shared.outside.clock.now();
    let gone = Gone { reason, day: outside::day(now), period: 0 };
    let mut batch = Batch::new(site.clone(), tail.head);
    let mut secrets = BTreeSet::new();
    for (index, row, record) in records_of(shared, subject)? {
        secrets.insert(record.secret);
        // Purged before, and only not reclaimed yet: the purge told of it.
        if let Some(purged) = shared.is_purged(record.period) {
            batch.replaced.push((index, Row { body: RowBody::Gone(purged), ..row }));
            continue;
        }
        if suppress {
            let marks = record.contacts.iter().map(|contact| Mark {
                kind: MarkKind::Suppressed,
                key: contact.0.to_vec(),
                value: Some(now.to_be_bytes().to_vec()),
            });
            batch.marks.extend(marks);
        }
        let value = Some(untold_value(&gone));
        batch.marks.push(Mark { kind: MarkKind::Untold, key: index.to_be_bytes().to_vec(), value });
        batch.replaced.push((index, Row { body: RowBody::Gone(gone), ..row }));
    }
    let count = batch.replaced.len() as u64;
    let restricted = Mark { kind: MarkKind::Restricted, key: subject.0.to_vec(), value: None };
    batch.marks.push(restricted);
    if count > 0 {
        batch.marks.extend(owed::mark_since_today(shared)?);
    }
    let doomed: Vec<Doomed> = secrets.into_iter().map(Doomed::Subject).collect();
    batch.marks.extend(doomed.iter().map(|doomed| doomed.mark(true)));

    // 1. Tombstones take the rows' place, and the secrets are doomed, in one commit.
    //    Crash before it: nothing was erased, and whoever asked was not told otherwise.
    commit(shared, batch)?;
    // 2. The secrets are destroyed: from here on the rows' bytes, wherever copies of them lie, are noise.
    //    Crash before or in it: no reader finds the records; the next start destroys what is doomed.
    destroy(shared, &doomed)?;
    // 3. Nothing is doomed any more. Crash before it, or a store that does not take it: the next start destroys once more
    //    what is destroyed.
    pardon(shared, tail, &doomed)?;
    Ok(count)
}

/// A subject's records as the store has them. Those that are damaged stay as they are, and keep nobody from the others.
fn records_of(shared: &Shared, subject: &SubjectId) -> Result<Vec<(u64, Row, RecordRow)>, ReadError> {
    let (mut found, mut damage) = (Vec::new(), None);
    for RecordRef { index, .. } in shared.store.records(&shared.config.site, subject)? {
        let reason = "it is found by its subject and is no record";
        let read = shared.row(index).and_then(|row| {
            let record = row.record().ok_or(ReadError::Damaged { index, reason })?.clone();
            Ok((index, row, record))
        });
        match read {
            Ok(record) => found.push(record),
            Err(error) if error.is_damage() => {
                shared.log_failure("a record is left as it is, which the check names", &error);
                damage = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match damage {
        // Which secret it is under nobody knows.
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// Freezes a subject's records: their secrets move to escrow.
fn restrict(shared: &Shared, tail: &Tail, subject: &SubjectId, reason: &str) -> Result<u64, Failed> {
    let mut records = records_of(shared, subject)?;
    // What was purged, and only not reclaimed yet, is not there to be frozen.
    records.retain(|(_, _, record)| shared.is_purged(record.period).is_none());
    if records.is_empty() {
        return Ok(0);
    }
    let slots: BTreeSet<u64> = records.iter().map(|(_, _, record)| record.secret).collect();
    // The mark first, and from here on every reader refuses, also when a secret cannot be moved. Crash after it: the next start
    // moves the secrets.
    let value = restriction_value(shared.outside.clock.now(), &slots, reason);
    shared.set_closed(&slots, true);
    let marked = mark(shared, tail, MarkKind::Restricted, &subject.0, Some(value));
    marked.inspect_err(|failed| {
        if let Failed::Stopped(Stopped::NothingStored) = failed {
            shared.set_closed(&slots, false);
        }
    })?;
    for slot in &slots {
        shared.keys.restrict(*slot, &*shared.outside.random).map_err(unfinished(shared))?;
    }
    shared.set_closed(&slots, false);
    Ok(records.len() as u64)
}

fn release(shared: &Shared, tail: &Tail, subject: &SubjectId) -> Result<u64, Failed> {
    let site = &shared.config.site;
    let Some(value) = shared.store.mark(site, MarkKind::Restricted, &subject.0)? else { return Ok(0) };
    let (_, slots) = parse_restriction(&value).ok_or(damaged("a restriction"))?;
    // Read before anything is changed: from then on a failure to read must not be answered.
    let count = shared.store.records(site, subject)?.len() as u64;
    mark(shared, tail, MarkKind::Restricted, &subject.0, None)?;
    // Crash: secrets in escrow that no mark names; the next start moves them back.
    for slot in slots {
        shared.keys.release(slot, &*shared.outside.random).map_err(unfinished(shared))?;
    }
    Ok(count)
}

/// Sets one mark, or takes it away.
fn mark(
    shared: &Shared,
    tail: &Tail,
    kind: MarkKind,
    key: &[u8],
    value: Option<Vec<u8>>,
) -> Result<u64, Failed> {
    let mut batch = Batch::new(shared.config.site.clone(), tail.head);
    batch.marks.push(Mark { kind, key: key.to_vec(), value });
    commit(shared, batch)?;
    Ok(1)
}

/// The hold on a subject's records, if there is one.
pub(crate) fn hold_of(shared: &Shared, subject: &SubjectId) -> Result<Option<Hold>, ReadError> {
    let value = shared.store.mark(&shared.config.site, MarkKind::Held, &subject.0)?;
    let parse = |value: Vec<u8>| serde_json::from_slice(&value).map_err(|_| damaged("a hold"));
    value.map(parse).transpose()
}

/// The restriction of a subject's records, if there is one.
pub(crate) fn restriction_of(shared: &Shared, subject: &SubjectId) -> Result<Option<Restriction>, ReadError> {
    let value = shared.store.mark(&shared.config.site, MarkKind::Restricted, &subject.0)?;
    let parse = |value: Vec<u8>| parse_restriction(&value).ok_or(damaged("a restriction"));
    Ok(value.map(parse).transpose()?.map(|(restriction, _)| restriction))
}

fn damaged(what: &str) -> ReadError {
    ReadError::Store(crate::store::StoreError::damaged(format!("read {what}")))
}

/// Time (8), number of slots (4), slots (8 each), reason.
fn restriction_value(since: u64, slots: &BTreeSet<u64>, reason: &str) -> Vec<u8> {
    let mut value = since.to_be_bytes().to_vec();
    value.extend_from_slice(&(slots.len() as u32).to_be_bytes());
    slots.iter().for_each(|slot| value.extend_from_slice(&slot.to_be_bytes()));
    value.extend_from_slice(reason.as_bytes());
    value
}

fn parse_restriction(value: &[u8]) -> Option<(Restriction, Vec<u64>)> {
    let (since, rest) = value.split_first_chunk::<8>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (slots, reason) = rest.split_at_checked(u32::from_be_bytes(*count) as usize * 8)?;
    let slots = slots.as_chunks::<8>().0.iter().map(|slot| u64::from_be_bytes(*slot)).collect();
    let reason = String::from_utf8(reason.to_vec()).ok()?;
    Some((Restriction { since: u64::from_be_bytes(*since), reason }, slots))
}

/// Reason by its code's place (1), day (4).
pub(crate) fn untold_value(gone: &Gone) -> Vec<u8> {
    // One less than in rows: so it was stored from the first.
    let reason = gone.reason.number() - 1;
    [&[reason][..], &gone.day.to_be_bytes()].concat()
}

fn parse_untold((key, value): &MarkEntry) -> Option<Erased> {
    let index = u64::from_be_bytes(key.as_slice().try_into().ok()?);
    let (reason, day) = value.split_first()?;
    let reason = GoneReason::ALL.into_iter().find(|known| known.number() - 1 == *reason)?.as_str().into();
    let day = outside::date(u32::from_be_bytes(day.try_into().ok()?));
    Some(Erased { index, reason, day })
}

/// One leaf for the tombstones that none covers yet, up to [`MAX_TOLD`], and how many those are. No leaf when there are none.
fn tell(shared: &Shared, tail: &Tail) -> Result<(Tail, u64), Failed> {
    let site = &shared.config.site;
    let mut untold = shared.store.marks(site, MarkKind::Untold)?;
    untold.truncate(MAX_TOLD);
    if untold.is_empty() {
        return Ok((tail.clone(), 0));
    }
    let erased: Option<Vec<Erased>> = untold.iter().map(parse_untold).collect();
    let erased = erased.ok_or(damaged("a tombstone's mark"))?;
    let count = erased.len() as u64;
    let document = Erasures::new(erased).to_bytes();
    let salt = draw_salt(shared)?;
    let mut growing = Growing::new(site, tail.head, tail.tree.clone(), time_after(shared, tail), 1);
    let leaf = Leaf::erasure_summary(&shared.config.origin, &document, &salt);
    growing.add(&leaf, summary_row(&document, &salt));
    growing.batch().documents.push((sha256(&document), document));
    let marks = untold.into_iter().map(|(key, _)| Mark { kind: MarkKind::Untold, key, value: None });
    growing.batch().marks.extend(marks);
    let (batch, _) = growing.finish(tail.head.secrets);
    let (tail, _) = commit_and_vouch(shared, tail, batch)?;
    Ok((tail, count))
}

pub(crate) fn draw_salt(shared: &Shared) -> Result<Salt, Failed> {
    let mut salt = Zeroizing::new([0; SALT_LEN]);
    shared.outside.random.fill(&mut *salt).map_err(|error| {
        shared.not_stored(&error);
        Failed::Stopped(Stopped::NothingStored)
    })?;
    Ok(Salt::from_bytes(*salt))
}

pub(crate) fn summary_row(document: &[u8], salt: &Salt) -> RowBody {
    RowBody::Summary(Salted { document: sha256(document), salt: *salt.as_bytes() })
}

/// A secret that must go: committed to before it is destroyed, so that no crash forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doomed {
    /// A subject's, by slot.
    Subject(u64),
    /// A month's.
    Period(u32),
}

impl Doomed {
    pub(crate) fn mark(self, set: bool) -> Mark {
        let key = match self {
            Doomed::Subject(slot) => [&b"s"[..], &slot.to_be_bytes()].concat(),
            Doomed::Period(period) => [&b"p"[..], &period.to_be_bytes()].concat(),
        };
        Mark { kind: MarkKind::Doomed, key, value: set.then(Vec::new) }
    }

    fn parse(key: &[u8]) -> Option<Self> {
        match key.split_first()? {
            (b's', slot) => Some(Doomed::Subject(u64::from_be_bytes(slot.try_into().ok()?))),
            (b'p', period) => Some(Doomed::Period(u32::from_be_bytes(period.try_into().ok()?))),
            _ => None,
        }
    }
}

pub(crate) fn destroy(shared: &Shared, doomed: &[Doomed]) -> Result<(), Failed> {
    let random = &*shared.outside.random;
    for doomed in doomed {
        let done = match doomed {
            Doomed::Subject(slot) => shared.keys.destroy_subject(*slot, random),
            Doomed::Period(period) => shared.keys.destroy_period(*period, random),
        };
        done.map_err(unfinished(shared))?;
    }
    Ok(())
}

pub(crate) fn pardon(shared: &Shared, tail: &Tail, doomed: &[Doomed]) -> Result<(), Failed> {
    let mut batch = Batch::new(shared.config.site.clone(), tail.head);
    batch.marks.extend(doomed.iter().map(|doomed| doomed.mark(false)));
    match commit(shared, batch) {
        // What was asked for is done. It must not be answered with "nothing was recorded".
        Err(Stopped::NothingStored) => {
            shared.stats.commit_failed();
            Ok(())
        }
        other => Ok(other?),
    }
}

/// At start: destroys what is doomed, and moves secrets into and out of escrow as the marks say.
pub(crate) fn finish_what_was_begun(shared: &Shared) -> Result<(), OpenError> {
    let (store, site, random) = (&shared.store, &shared.config.site, &*shared.outside.random);
    let mut purged = BTreeMap::new();
    for (key, value) in store.marks(site, MarkKind::Purged)? {
        let damaged = || OpenError::Store(crate::store::StoreError::damaged("read a purged period"));
        let period = u32::from_be_bytes(key.as_slice().try_into().map_err(|_| damaged())?);
        let (day, leaf) = value.split_first_chunk::<4>().ok_or_else(damaged)?;
        // Which leaf tells of it was not kept at first; it was told of long ago then.
        let leaf =
            if leaf.is_empty() { 0 } else { u64::from_be_bytes(leaf.try_into().map_err(|_| damaged())?) };
        purged.insert(period, PurgedMonth { day: u32::from_be_bytes(*day), leaf, landed: true });
    }
    shared.set_all_purged(purged);
    let mut doomed = Vec::new();
    for (key, _) in store.marks(site, MarkKind::Doomed)? {
        let known = Doomed::parse(&key);
        doomed.push(
            known
                .ok_or_else(|| OpenError::Store(crate::store::StoreError::damaged("read what is doomed")))?,
        );
    }
    for one in &doomed {
        match one {
            Doomed::Subject(slot) => shared.keys.destroy_subject(*slot, random)?,
            Doomed::Period(period) => shared.keys.destroy_period(*period, random)?,
        }
    }
    if !doomed.is_empty() {
        let head = store.head(site)?.ok_or_else(|| OpenError::NoLog { site: site.to_string() })?;
        let marks = doomed.iter().map(|doomed| doomed.mark(false)).collect();
        match store.commit(Batch { marks, ..Batch::new(site.clone(), head) }) {
            // They are destroyed. A full disk must not keep people from reading what is there for the sake of a mark that only has
            // the next start destroy them once more.
            Err(error @ CommitError::Failed(_)) => {
                shared.stats.commit_failed();
                tracing::warn!(%site, cause = causes(&error), "what was destroyed is not noted as done; the next start tries again");
            }
            other => other
                .map_err(|error| OpenError::Unfinished { site: site.to_string(), source: Box::new(error) })?,
        }
    }
    let mut restricted = BTreeSet::new();
    for (_, value) in store.marks(site, MarkKind::Restricted)? {
        let damaged = || OpenError::Store(crate::store::StoreError::damaged("read a restriction"));
        restricted.extend(parse_restriction(&value).ok_or_else(damaged)?.1);
    }
    for slot in &restricted {
        shared.keys.restrict(*slot, random)?;
    }
    for slot in shared.keys.in_escrow() {
        if !restricted.contains(&slot) {
            shared.keys.release(slot, random)?;
        }
    }
    shared.close_no_more();
    Ok(())
}
