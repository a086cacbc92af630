//! Young people whose yes waits until staff talked with them (SEED-A-31): who they are, and what came of it.
//!
//! Whether somebody is young enough, and that their yes is none yet, is told by their record and folded in core. Here is the list that
//! staff work through, as jobs in the store, and the record of a talk: who talked with them, how, when, and whether they agree.

use super::job::{Job, Task};
use super::link::ContactKey;
use super::outbox;
use super::say::{Saying, say};
use super::subscriber::{Subscriber, alerts_on, contact, names};
use super::told::{AHEAD_MS, ToldRefusal, time};
use crate::app::blocking;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::state::fold;
use assent_core::decision::{Choice, Decision, Standing, meaning};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::told::Told;
use assent_core::wire::{ContactedRequest, ToContact, ToContactResponse};
use assent_ledger::{Appended, Opened, ReadError, rfc3339};
use std::collections::BTreeMap;
use std::sync::Arc;

const TO_CONTACT: &str = "to-contact/";
/// How often it is looked whether somebody still waits, in milliseconds.
const LOOK: u64 = 24 * 60 * 60 * 1000;

/// Why a talk was not recorded. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TalkError {
    /// Nobody of this id waits, or not for these alerts.
    #[error("nobody of this id waits to be talked with about that")]
    NobodyWaits,
    /// The account of it is not whole.
    #[error(transparent)]
    Refused(#[from] ToldRefusal),
    /// It could not be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Keeps that somebody has to be talked with. To be called before the record that makes them wait: a crash in between leaves an entry
/// that shows nobody, and never somebody who waits for ever.
pub(super) async fn expect(site: &Arc<Site>, to: ContactKey, now: u64) -> Result<(), RecordError> {
    let task = Task::ToContact { contact: to.hash, channel: to.channel };
    outbox::keep(site, vec![(key_of(to), Job::new(task, now + LOOK, u64::MAX))]).await
}

fn key_of(to: ContactKey) -> Vec<u8> {
    format!("{TO_CONTACT}{}-{}", to.channel.as_str(), to.hash).into_bytes()
}

/// When it is looked again, if somebody waits for a talk or may soon; nothing when the entry can go. In milliseconds from now. Blocks.
pub(super) fn again(site: &Site, to: ContactKey, now: u64) -> Result<Option<u64>, ReadError> {
    let all = Subscriber::read(site, &to.hash, now)?;
    let waits = |standing| matches!(standing, Standing::PendingContact | Standing::Unconfirmed);
    let some = all.restricted || alerts_on(site, to.channel).any(|alert| waits(all.standing(&alert.id)));
    Ok(some.then_some(LOOK))
}

/// Everybody who waits. Nobody whose records are frozen, or who must not be written to. Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn to_contact(site: &Site, now: u64) -> Result<ToContactResponse, ReadError> {
    let mut people = Vec::new();
    for (key, value) in site.ledger.jobs()? {
        let Some(id) = key.strip_prefix(TO_CONTACT.as_bytes()) else { continue };
        let Some((to, all)) = of_job(site, &value, now)? else { continue };
        let Some(clear) = all.contact().filter(|_| !all.restricted && !all.suppressed) else { continue };
        let waiting = waiting(site, to.channel, &all);
        if waiting.is_empty() {
            continue;
        }
        let substantial = |id: &PurposeId| site.notice.purpose(id).is_some_and(|it| it.substantial_data);
        people.push(ToContact {
            id: String::from_utf8_lossy(id).into_owned(),
            channel: to.channel,
            address: clear.address.clone(),
            language: all.history.last().map(|opened| opened.record.language.clone()).unwrap_or_default(),
            substantial_data: waiting.iter().any(substantial),
            waiting: waiting.into_iter().map(|id| (id.clone(), rfc3339(all.since(&id)))).collect(),
        });
    }
    Ok(ToContactResponse { people })
}

fn of_job(site: &Site, value: &[u8], now: u64) -> Result<Option<(ContactKey, Subscriber)>, ReadError> {
    let Some(Job { task: Task::ToContact { contact, channel }, .. }) = Job::from_bytes(value) else {
        return Ok(None);
    };
    let to = ContactKey { channel, hash: contact };
    Ok(Some((to, Subscriber::read(site, &to.hash, now)?)))
}

fn waiting(site: &Site, channel: Channel, all: &Subscriber) -> Vec<PurposeId> {
    let waits = |id: &PurposeId| all.standing(id) == Standing::PendingContact;
    alerts_on(site, channel).map(|alert| alert.id.clone()).filter(waits).collect()
}

/// Records what came of a talk: from then on a yes counts, and a no ends it. Answers with the receipt.
///
/// # Errors
/// [`TalkError`].
pub async fn contacted(site: &Arc<Site>, request: ContactedRequest, now: u64) -> Result<Appended, TalkError> {
    let ContactedRequest { id, by, script, staff, said, recording, choices } = request;
    let said = time(&said)?;
    if said > now + AHEAD_MS {
        return Err(ToldRefusal::InFuture.into());
    }
    if choices.is_empty() {
        return Err(ToldRefusal::NoChoices.into());
    }
    let told = Told {
        by,
        script,
        staff,
        recording,
        evidence: None,
        directly: false,
        opt_out_offered: false,
        talked: true,
        list: None,
    };
    told.check().map_err(ToldRefusal::from)?;
    let key = format!("{TO_CONTACT}{id}").into_bytes();
    let (reader, asked) = (Arc::clone(site), key.clone());
    let read = move || -> Result<_, ReadError> {
        let Some(value) = reader.ledger.job(&asked)? else { return Ok(None) };
        let Some((to, all)) = of_job(&reader, &value, now)? else { return Ok(None) };
        let waiting = waiting(&reader, to.channel, &all);
        Ok(Some((to, all, waiting)))
    };
    let found = blocking(read).await.map_err(RecordError::Stopped)?.map_err(RecordError::from)?;
    let (to, all, waiting) = found.ok_or(TalkError::NobodyWaits)?;
    if all.restricted {
        return Err(ToldRefusal::Restricted.into());
    }
    if choices.keys().any(|id| !waiting.contains(id)) {
        return Err(TalkError::NobodyWaits);
    }
    let about = choices.clone();
    let saying =
        move |site: &Site, history: &[Opened]| outcome(site, history, to.hash, (&about, &told, said), now);
    let mut first = None;
    for subject in all.subjects {
        let appended = say(site, subject, by.act(), now, saying.clone()).await?;
        first = first.or(appended);
    }
    let appended = first.ok_or(TalkError::NobodyWaits)?;
    if waiting.iter().all(|id| choices.contains_key(id)) {
        site.ledger.set_jobs(vec![(key, None)]).await.map_err(outbox::refused)?;
    }
    Ok(appended)
}

/// What the talk means for one of those who named the address: for what of theirs waits.
fn outcome(
    site: &Site,
    history: &[Opened],
    hash: Hash,
    (choices, told, said): (&BTreeMap<PurposeId, Choice>, &Told, u64),
    now: u64,
) -> Option<Saying> {
    let last = history.iter().rev().find(|opened| names(opened, &hash))?;
    let standings = fold(&site.notice, history, now);
    let decisions = choices.iter().filter_map(|(id, choice)| {
        let standing = *standings.get(id).filter(|standing| **standing == Standing::PendingContact)?;
        let decision = match choice {
            Choice::Yes => Decision::Confirmed,
            Choice::No => meaning(site.notice.purpose(id)?, Choice::No, standing),
        };
        Some((id.clone(), decision))
    });
    Some(Saying {
        told: Some((told.clone(), said)),
        ..Saying::new(last.record.notice, last.record.language.clone(), decisions.collect())
            .about(contact(last, &hash).cloned())
    })
}
