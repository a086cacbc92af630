//! Stopping: one alert or all of them, for everybody who named the address, at once. The very next "may we?" says no, and so does
//! every later one until its owner asks anew: also when an older yes comes to light, or when nobody was known.

use super::link::ContactKey;
use super::say::{Saying, say};
use super::subscriber::{Subscriber, alerts_on, contact, names};
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::state::fold;
use assent_core::decision::{Act, Choice, Decision, Standing, meaning};
use assent_core::ids::PurposeId;
use assent_core::notice::{Purpose, Route};
use assent_ledger::{Opened, ReadError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One alert.
    One(PurposeId),
    /// Every alert on the address's channel.
    All,
}

/// How long after a no the same no is not recorded again, in milliseconds: one press is sometimes two.
const AGAIN_MS: u64 = 60_000;

/// Records the withdrawal for everybody who named the address and has, or waits for, a yes. The last of them says no to all that is
/// stopped, held or not, so that a yes from before finds it. Whose records are frozen is stopped without a look at them. Where there is
/// nobody to say it for, or a service that nobody said yes to, the address is suppressed. Answers for how many people something was
/// recorded.
///
/// # Errors
/// [`RecordError`]; people before the one it failed for are stopped, and asking again is right.
pub async fn stop(
    site: &Arc<Site>,
    to: ContactKey,
    which: Which,
    act: Act,
    now: u64,
) -> Result<usize, RecordError> {
    let reader = Arc::clone(site);
    let read = move || -> Result<_, RecordError> {
        let all = Subscriber::read(&reader, &to.hash, now)?;
        let with_state = |subject| Ok((subject, reader.ledger.restriction_of(&subject)?.is_some()));
        let subjects = all.subjects.iter().copied().map(with_state).collect::<Result<Vec<_>, ReadError>>()?;
        Ok((subjects, Arc::new(all)))
    };
    let (subjects, all) = crate::app::blocking(read).await.map_err(RecordError::Stopped)??;
    let serves =
        which == Which::All && alerts_on(site, to.channel).any(|alert| alert.route == Route::Service);
    if subjects.is_empty() || serves {
        site.ledger.suppress(to.hash, true).await.map_err(super::outbox::refused)?;
    }
    let newest = subjects.last().map(|(subject, _)| *subject);
    let mut stopped = 0;
    for (subject, frozen) in subjects {
        let is_newest = newest == Some(subject);
        let (which, all) = (which.clone(), Arc::clone(&all));
        let saying = move |site: &Site, history: &[Opened]| {
            let standings = fold(&site.notice, history, now);
            let standing = |id: &PurposeId| standings.get(id).copied().unwrap_or(Standing::NotAsked);
            let holds = |id: &PurposeId| {
                // What was said before it was frozen cannot be read: a no is recorded unless one was since.
                standing(id).has_yes()
                    || (frozen && !matches!(standing(id), Standing::Withdrawn | Standing::Objected))
            };
            let just_said = |id: &PurposeId| {
                let last = history
                    .iter()
                    .rev()
                    .find_map(|opened| Some((opened.time, opened.record.decisions.get(id)?)));
                last.is_some_and(|(at, decision)| !decision.is_yes() && now.saturating_sub(at) < AGAIN_MS)
            };
            let wanted = |id: &PurposeId| which == Which::All || which == Which::One(id.clone());
            let ends = |alert: &Purpose| match alert.route {
                Route::Consent if frozen => Decision::Withdrawn,
                // What the address had: whose yes it was does not matter to whoever stops it.
                _ => meaning(alert, Choice::No, all.standing(&alert.id)),
            };
            let decisions: BTreeMap<_, _> = alerts_on(site, to.channel)
                .filter(|alert| alert.is_choice() && wanted(&alert.id))
                .filter(|alert| holds(&alert.id) || (is_newest && !just_said(&alert.id)))
                .map(|alert| (alert.id.clone(), ends(alert)))
                .collect();
            let last = history.iter().rev().find(|opened| names(opened, &to.hash));
            let language = last
                .map_or_else(|| site.file.default_language.clone(), |opened| opened.record.language.clone());
            let contact = last.and_then(|opened| contact(opened, &to.hash)).cloned();
            Some(Saying::new(site.hash, language, decisions).about(contact))
        };
        stopped += usize::from(say(site, subject, act, now, saying).await?.is_some());
    }
    Ok(stopped)
}
