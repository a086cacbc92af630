//! Stopping: one alert or all of them, for everybody who named the address, at once. The very next "may we?" says no.

use super::link::ContactKey;
use super::say::{Saying, say};
use super::subscriber::{alerts_on, contact, names};
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::state::fold;
use assent_core::decision::{Act, Decision, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::Route;
use assent_ledger::Opened;
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

/// Records the withdrawal for everybody who named the address and has, or waits for, a yes. Safe to repeat: what is stopped
/// already is not recorded twice. Whose records are frozen is stopped without a look at them. Answers for how many people something
/// was stopped.
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
        let subjects = reader.ledger.subjects_of(&to.hash)?;
        let with_state = |subject| Ok((subject, reader.ledger.restriction_of(&subject)?.is_some()));
        subjects.into_iter().map(with_state).collect::<Result<Vec<_>, _>>()
    };
    let subjects = crate::app::blocking(read).await.map_err(RecordError::Stopped)??;
    let mut stopped = 0;
    for (subject, frozen) in subjects {
        let which = which.clone();
        let saying = move |site: &Site, history: &[Opened]| {
            let standings = fold(&site.notice, history, now);
            let holds = |id: &PurposeId| {
                let standing = standings.get(id).copied().unwrap_or(Standing::NotAsked);
                // What was said before it was frozen cannot be read: a no is recorded unless one was since.
                matches!(standing, Standing::Granted | Standing::Unconfirmed)
                    || (frozen && !matches!(standing, Standing::Withdrawn | Standing::Objected))
            };
            let wanted = |id: &PurposeId| which == Which::All || which == Which::One(id.clone());
            let ends = |route| match route {
                Route::SoftOptIn => Decision::Objected,
                _ => Decision::Withdrawn,
            };
            let decisions: BTreeMap<_, _> = alerts_on(site, to.channel)
                .filter(|purpose| purpose.is_choice() && wanted(&purpose.id) && holds(&purpose.id))
                .map(|purpose| (purpose.id.clone(), ends(purpose.route)))
                .collect();
            let last = history.iter().rev().find(|opened| names(opened, &to.hash));
            Some(Saying {
                notice: site.hash,
                language: last.map_or_else(
                    || site.file.default_language.clone(),
                    |opened| opened.record.language.clone(),
                ),
                decisions,
                contact: last.and_then(|opened| contact(opened, &to.hash)).cloned(),
            })
        };
        stopped += usize::from(say(site, subject, act, now, saying).await?.is_some());
    }
    Ok(stopped)
}
