//! The preference centre: changing alerts one by one, and moving them to another address.
//!
//! Who holds a link that is not old reads what is sent to the address, so a yes given there needs no further message: the request and its
//! confirmation are recorded one after the other. A link that is old stops, and does nothing else.

use super::job::Task;
use super::link::ContactKey;
use super::outbox;
use super::questions::Questions;
use super::say::{Saying, say};
use super::sign_up::{SignUpError, Wrong, is_served};
use super::stop::{Which, stop};
use super::subscriber::{Subscriber, choices_on};
use super::talk;
use crate::app::contact::normalise;
use crate::app::record::{Ask, RecordError, record};
use crate::app::sites::Site;
use assent_core::age::AgeBand;
use assent_core::decision::{Act, Choice, Decision, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectToken;
use assent_core::wire::DecisionRequest;
use assent_ledger::Opened;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Makes it so that exactly the alerts in `wanted` hold for the address, of those on its channel. `age` counts where the address's owner
/// did not say it before.
///
/// # Errors
/// [`RecordError`]; what was stopped first stays stopped.
pub async fn change(
    site: &Arc<Site>,
    to: ContactKey,
    (wanted, age): (BTreeSet<PurposeId>, Option<AgeBand>),
    language: String,
    now: u64,
) -> Result<(), RecordError> {
    let before = read(site, to, now).await?;
    stop_others(site, to, (&before, &wanted), Standing::has_yes, now).await?;
    let new = added(site, to, &before, &wanted);
    let age = before.age(site).or(age).filter(|_| !new.is_empty());
    for alert in new.iter().filter_map(|id| site.notice.purpose(id)) {
        site.notice.age_allows(alert, age)?;
    }
    if matches!(age, Some(AgeBand::Between(..))) {
        talk::expect(site, to, now).await?;
    }
    let (Some(subject), Some(contact)) = (before.subjects.last().copied(), before.contact().cloned()) else {
        return Ok(());
    };
    for decision in [Decision::Given, Decision::Confirmed] {
        let (new, language, contact) = (new.clone(), language.clone(), contact.clone());
        let saying = move |site: &Site, _: &[Opened]| {
            let decisions: BTreeMap<_, _> = new.iter().map(|id| (id.clone(), decision)).collect();
            let (notice, language) = (site.hash, language.clone());
            Some(Saying { age, ..Saying::new(notice, language, decisions).about(Some(contact.clone())) })
        };
        say(site, subject, Act::Link, now, saying).await?;
    }
    // They asked to be written to again, by what only they are sent. Last, so that a crash leaves a no.
    if before.suppressed && !new.is_empty() {
        site.ledger.suppress(to.hash, false).await.map_err(outbox::refused)?;
    }
    Ok(())
}

/// Stops every alert that the page of an old link shows and that is not in `wanted`, and takes none up. What only waits to be confirmed
/// is not shown there, so that leaving it out says nothing about it. Answers whether one of `wanted` does not hold.
///
/// # Errors
/// [`RecordError`]; what was stopped first stays stopped.
pub async fn only_stop(
    site: &Arc<Site>,
    to: ContactKey,
    wanted: &BTreeSet<PurposeId>,
    now: u64,
) -> Result<bool, RecordError> {
    let before = read(site, to, now).await?;
    stop_others(site, to, (&before, wanted), stands, now).await?;
    Ok(!added(site, to, &before, wanted).is_empty())
}

/// Stops what is not wanted: what `counts`, and everything where that cannot be read.
async fn stop_others(
    site: &Arc<Site>,
    to: ContactKey,
    (before, wanted): (&Subscriber, &BTreeSet<PurposeId>),
    counts: fn(Standing) -> bool,
    now: u64,
) -> Result<(), RecordError> {
    let holds = |id: &PurposeId| before.restricted || counts(before.standing(id));
    let alerts = choices_on(site, to.channel).map(|alert| &alert.id);
    let unwanted: Vec<PurposeId> = alerts.filter(|id| !wanted.contains(*id) && holds(id)).cloned().collect();
    for id in unwanted {
        stop(site, to, Which::One(id), Act::Link, now).await?;
    }
    Ok(())
}

/// What is wanted and does not hold.
fn added(site: &Site, to: ContactKey, before: &Subscriber, wanted: &BTreeSet<PurposeId>) -> Vec<PurposeId> {
    let alerts = choices_on(site, to.channel).map(|alert| &alert.id);
    alerts.filter(|id| wanted.contains(*id) && !stands(before.standing(id))).cloned().collect()
}

/// Whether an alert was agreed to by whoever reads the address: it holds, or waits for a talk.
pub(super) fn stands(standing: Standing) -> bool {
    matches!(standing, Standing::Granted | Standing::PendingContact)
}

/// Asks the new address or number whether it wants what the old one gets. The old one stays until the new one is confirmed, and is told then.
///
/// # Errors
/// [`SignUpError`]: nothing was recorded. `Form` without a reason when the old address gets nothing.
pub async fn move_to(
    site: &Arc<Site>,
    questions: &Questions,
    from: ContactKey,
    address: &str,
    (language, key): (String, String),
    now: u64,
) -> Result<(), SignUpError> {
    let malformed = |_| SignUpError::Form(vec![Wrong::Malformed(from.channel)]);
    let contact = normalise(from.channel, address).map_err(malformed)?;
    if from.channel == Channel::Text && !is_served(site, &contact) {
        return Err(SignUpError::Form(vec![Wrong::Elsewhere]));
    }
    let before = read(site, from, now).await?;
    let choices: BTreeMap<_, _> = choices_on(site, from.channel)
        .filter(|purpose| before.standing(&purpose.id).allows())
        .map(|purpose| (purpose.id.clone(), Choice::Yes))
        .collect();
    if choices.is_empty() {
        return Err(SignUpError::Form(Vec::new()));
    }
    let token = SubjectToken::from_random(super::sign_up::subject_of(site, &format!("move/{key}")));
    let task = Task::Confirm { subject: token.id(), channel: from.channel, replaces: Some(from.hash) };
    let asks = [ContactKey::of(&site.ledger, &contact)];
    outbox::expect(site, Some((questions, &asks)), (token.id(), &key), vec![task], now).await?;
    let request = DecisionRequest {
        notice: site.hash,
        language,
        act: Act::Save,
        surface: Surface::Message,
        choices,
        signals: Signals::default(),
        age: before.age(site),
        acted: None,
    };
    let ask = Ask { subject: token.id(), origin: None, request, contacts: vec![contact], key };
    record(Arc::clone(site), ask, now).await?;
    Ok(())
}

async fn read(site: &Arc<Site>, of: ContactKey, now: u64) -> Result<Subscriber, RecordError> {
    let reader = Arc::clone(site);
    let read = move || Subscriber::read(&reader, &of.hash, now);
    Ok(crate::app::blocking(read).await.map_err(RecordError::Stopped)??)
}
