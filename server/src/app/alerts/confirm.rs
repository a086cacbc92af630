//! Confirming: whoever reads the address says that the sign-up was theirs. A second record, with its own time.
//!
//! Only what still waits is confirmed: a request that is older than three days, was taken back or erased stays a no.

use super::link::{ContactKey, Link};
use super::outbox::tell_old;
use super::say::{Saying, say};
use super::stop::{Which, stop};
use super::subscriber::{Subscriber, alerts_on, contact, names};
use super::{code, talk};
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::state::fold;
use assent_core::decision::{Act, Decision, Standing};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel};
use assent_core::subject::SubjectId;
use assent_ledger::{Contact, Opened, ReadError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a confirmation link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// These wait to be confirmed, for this address.
    For(Vec<PurposeId>, Contact),
    /// These were confirmed, by this link or another.
    Already(Vec<PurposeId>),
    /// These are confirmed, and wait until staff talked with the person, who is young.
    Talk(Vec<PurposeId>),
    /// Nothing any more.
    Over,
}

/// What waits behind a link. Changes nothing. Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn waiting(site: &Site, subject: SubjectId, to: ContactKey, now: u64) -> Result<Waiting, ReadError> {
    let history = site.ledger.history(&subject)?;
    let asked = asked(site, &history, to);
    let all = Subscriber::read(site, &to.hash, now)?;
    let waits = unconfirmed(site, (&history, &all), to, now);
    let granted: Vec<_> = asked.iter().filter(|id| all.standing(id).allows()).cloned().collect();
    let mut to_talk = asked.clone();
    to_talk.retain(|id| all.standing(id) == Standing::PendingContact);
    let clear = history.iter().find_map(|opened| contact(opened, &to.hash)).cloned();
    Ok(match clear {
        Some(clear) if !waits.is_empty() => Waiting::For(waits, clear),
        _ if !to_talk.is_empty() => Waiting::Talk(to_talk),
        _ if !granted.is_empty() => Waiting::Already(granted),
        _ => Waiting::Over,
    })
}

/// Confirms. Safe to repeat: the second press finds it confirmed. Answers what waited, or what it came to where that is not a yes.
///
/// # Errors
/// [`RecordError`].
pub async fn confirm(
    site: &Arc<Site>,
    (subject, to, replaces): (SubjectId, ContactKey, Option<Hash>),
    now: u64,
) -> Result<Waiting, RecordError> {
    let before = {
        let reader = Arc::clone(site);
        let read = move || -> Result<_, ReadError> {
            let history = reader.ledger.history(&subject)?;
            let young = history.iter().any(|opened| opened.record.waits_for_talk());
            Ok((waiting(&reader, subject, to, now)?, young))
        };
        crate::app::blocking(read).await.map_err(RecordError::Stopped)??
    };
    if before.1 {
        talk::expect(site, to, now).await?;
    }
    let before = before.0;
    let Waiting::For(waits, _) = &before else {
        // A crash may have come between the confirmation and the end of the old address.
        if let (Waiting::Already(_) | Waiting::Talk(_), Some(old)) = (&before, replaces) {
            let reader = Arc::clone(site);
            let read = move || left_behind(&reader, subject, &old, now);
            let left = crate::app::blocking(read).await.map_err(RecordError::Stopped)??;
            let old = ContactKey { channel: to.channel, hash: old };
            if left.is_some_and(|left| !left.is_empty()) {
                tell_old(site, (subject, old), now).await?;
                let_go(site, (subject, old), now).await?;
            }
        }
        return Ok(before);
    };
    let reader = Arc::clone(site);
    let suppressed = move || reader.ledger.suppressed(&to.hash);
    if crate::app::blocking(suppressed).await.map_err(RecordError::Stopped)??.is_some() {
        // What they agreed to before they were not to be written to any more does not come back with this.
        for other in alerts_on(site, to.channel).map(|alert| &alert.id).filter(|id| !waits.contains(id)) {
            stop(site, to, Which::One(other.clone()), Act::Link, now).await?;
        }
    }
    let old = replaces.map(|hash| ContactKey { channel: to.channel, hash });
    if let Some(old) = old {
        // Before it is confirmed, so that whatever happens then the old address is let go of.
        tell_old(site, (subject, old), now).await?;
    }
    let saying = move |site: &Site, history: &[Opened]| {
        let request = history.iter().rev().find(|opened| names(opened, &to.hash))?;
        let all = Subscriber::read(site, &to.hash, now).ok()?;
        let waits = unconfirmed(site, (history, &all), to, now);
        let decisions: BTreeMap<_, _> = waits.into_iter().map(|id| (id, Decision::Confirmed)).collect();
        // The words that were agreed to, which may have been replaced since.
        let (notice, language) = (request.record.notice, request.record.language.clone());
        let contact = contact(request, &to.hash).cloned();
        Some(Saying { age: request.record.age, ..Saying::new(notice, language, decisions).about(contact) })
    };
    if say(site, subject, Act::Link, now, saying).await?.is_none() {
        // Something was said meanwhile, and nothing waits any more.
        let reader = Arc::clone(site);
        let read = move || waiting(&reader, subject, to, now);
        return Ok(crate::app::blocking(read).await.map_err(RecordError::Stopped)??);
    }
    // The person asked to be written to again, and proved that it is them. Last, so that a crash leaves a no.
    site.ledger.suppress(to.hash, false).await.map_err(super::outbox::refused)?;
    site.ledger.set_bounced(to.hash, false).await.map_err(super::outbox::refused)?;
    if to.channel == Channel::Text {
        code::forget_tries(site, &to.hash).await?;
    }
    if let Some(old) = old {
        stop(site, old, Which::All, Act::Link, now).await?;
    }
    let reader = Arc::clone(site);
    let read = move || waiting(&reader, subject, to, now);
    match crate::app::blocking(read).await.map_err(RecordError::Stopped)?? {
        after @ Waiting::Talk(_) => Ok(after),
        _ => Ok(before),
    }
}

/// Ends for an address what a confirmed move ends, where that was not done. Safe to repeat. Answers whether the move is confirmed; nothing
/// ends before.
///
/// # Errors
/// [`RecordError`]; asking again is right.
pub(super) async fn let_go(
    site: &Arc<Site>,
    (subject, old): (SubjectId, ContactKey),
    now: u64,
) -> Result<bool, RecordError> {
    let reader = Arc::clone(site);
    let read = move || left_behind(&reader, subject, &old.hash, now);
    let left = crate::app::blocking(read).await.map_err(RecordError::Stopped)??;
    let Some(left) = left else { return Ok(false) };
    for which in left {
        stop(site, old, which, Act::Link, now).await?;
    }
    Ok(true)
}

/// What ends for the old address, once the move is confirmed: everything, or, where something was agreed to for it since then, the alerts
/// that it has from before. Its link, pressed once more, has no say in the others; and what somebody only typed in is nothing that it has.
fn left_behind(
    site: &Site,
    subject: SubjectId,
    old: &Hash,
    now: u64,
) -> Result<Option<Vec<Which>>, ReadError> {
    let confirms =
        |opened: &&Opened| opened.record.decisions.values().any(|said| *said == Decision::Confirmed);
    let moved = site.ledger.history(&subject)?.iter().filter(confirms).map(|opened| opened.time).max();
    let Some(moved) = moved else { return Ok(None) };
    let all = Subscriber::read(site, old, now)?;
    let alerts = site.notice.asked_at(Asked::AlertForm).map(|alert| &alert.id);
    let has = alerts.filter(|id| matches!(all.standing(id), Standing::Granted | Standing::PendingContact));
    let (before, since): (Vec<_>, Vec<_>) = has.partition(|id| all.since(id) <= moved);
    Ok(Some(match (before.is_empty(), since.is_empty()) {
        (false, true) => vec![Which::All],
        _ => before.into_iter().cloned().map(Which::One).collect(),
    }))
}

/// The alerts that a subject ever said yes to for this address. A sign-up may name one of each channel, and whoever reads one of
/// them says nothing about the other.
fn asked(site: &Site, history: &[Opened], to: ContactKey) -> Vec<PurposeId> {
    let mut asked = Vec::new();
    for opened in history.iter().filter(|opened| names(opened, &to.hash)) {
        let yes = opened.record.decisions.iter().filter(|(id, decision)| {
            decision.is_yes() && site.notice.purpose(id).is_some_and(|p| p.channel == Some(to.channel))
        });
        asked.extend(yes.map(|(id, _)| id.clone()));
    }
    asked.sort();
    asked.dedup();
    asked
}

/// What of it waits to be confirmed now: by this sign-up, and by all that was said about the address.
fn unconfirmed(
    site: &Site,
    (history, all): (&[Opened], &Subscriber),
    to: ContactKey,
    now: u64,
) -> Vec<PurposeId> {
    let naming: Vec<Opened> = history
        .iter()
        .filter(|opened| names(opened, &to.hash) || !opened.record.decisions.values().any(|d| d.is_yes()))
        .cloned()
        .collect();
    let standings = fold(&site.notice, &naming, now);
    let waits = |id: &PurposeId| {
        standings.get(id) == Some(&Standing::Unconfirmed) && all.standing(id) == Standing::Unconfirmed
    };
    asked(site, history, to).into_iter().filter(waits).collect()
}

/// The parts of a confirmation link.
#[must_use]
pub fn parts(link: Link) -> Option<(SubjectId, ContactKey, Option<Hash>)> {
    match link {
        Link::Confirm { subject, contact, replaces } => Some((subject, contact, replaces)),
        _ => None,
    }
}
