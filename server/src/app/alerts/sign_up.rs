//! Signing up for alerts: the wish is recorded with its sealed address, and stays unconfirmed.
//!
//! A sign-up on a page has a subject of its own, not the one of the browser's choices: so the log never links what somebody
//! browses with their address, and a sign-up that nobody confirms can be erased whole.

use super::job::Task;
use super::link::ContactKey;
use super::outbox;
use super::questions::Questions;
use crate::app::blocking;
use crate::app::contact::normalise;
use crate::app::record::{Ask, RecordError, Recorded, check, record};
use crate::app::sites::Site;
use assent_core::age::AgeError;
use assent_core::decision::{Act, Choice};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel, Purpose, Route};
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectId;
use assent_core::wire::{DecisionRequest, SignUpRequest};
use assent_ledger::Contact;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A sign-up as it arrived.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// Whose.
    pub subject: SubjectId,
    /// The page's origin.
    pub origin: Option<String>,
    /// What is wanted, and where to.
    pub request: SignUpRequest,
    /// Browser signals that were on.
    pub signals: Signals,
    /// The idempotency key, as the client drew it.
    pub key: String,
}

/// Why a sign-up was not recorded. Nothing was stored, but for what it objects to where too many were asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignUpError {
    /// What is wrong with the form, all of it.
    #[error("the form cannot be taken as it is")]
    Form(Vec<Wrong>),
    /// As for any decision.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// One thing wrong with a sign-up form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing was ticked.
    NothingWanted,
    /// What was ticked is not an alert of the notice.
    NotAnAlert(PurposeId),
    /// An alert on this channel is wanted, but there is no address for it.
    Missing(Channel),
    /// The address is not one.
    Malformed(Channel),
    /// The number is of a country that the site sends no texts to.
    Elsewhere,
    /// How old they are was not said, cannot be, or is too young.
    Age(AgeError),
}

/// Records what is wanted, or nothing. An address for a channel that nothing wants is not kept.
pub async fn sign_up(
    site: Arc<Site>,
    questions: &Questions,
    asked: SignUp,
    now: u64,
) -> Result<Recorded, SignUpError> {
    let contacts = judge(&site, &asked.request).map_err(SignUpError::Form)?;
    let SignUp { subject, origin, request, signals, key } = asked;
    // Who only objects is not written to.
    let wants: BTreeSet<Channel> = request
        .wanted
        .iter()
        .chain(&request.told)
        .filter(|id| !request.objected.contains(id))
        .filter_map(|id| site.notice.purpose(id)?.channel)
        .collect();
    let wants = contacts.iter().filter(|contact| wants.contains(&contact.channel));
    let asks: Vec<ContactKey> = wants.map(|contact| ContactKey::of(&site.ledger, contact)).collect();
    let objected = request.objected.clone();
    let request = DecisionRequest {
        notice: request.notice,
        language: request.language,
        act: Act::Save,
        surface: Surface::AlertForm,
        choices: choices(request.wanted, request.told, request.objected),
        signals,
        age: request.age,
        acted: None,
    };
    let ask = Ask { subject, origin, request, contacts, key };
    // What cannot be recorded takes no room from others.
    let (reader, judged) = (Arc::clone(&site), ask.clone());
    blocking(move || check(&reader, &judged, now)).await.map_err(RecordError::Stopped)??;
    // Kept before the record: a crash in between leaves a message that finds nothing to say, and never a request without one.
    let tasks = asks.iter().map(|to| Task::Confirm { subject, channel: to.channel, replaces: None });
    match outbox::expect(&site, Some((questions, &asks)), (subject, &ask.key), tasks.collect(), now).await {
        Err(RecordError::TooManyQuestions) if !objected.is_empty() => {
            record(Arc::clone(&site), only_no(&site, ask, &objected), now).await?;
            return Err(RecordError::TooManyQuestions.into());
        }
        other => other?,
    }
    Ok(record(site, ask, now).await?)
}

/// The part of a sign-up that says no, which nobody has to confirm: under a key of its own, so that the whole can be sent again.
fn only_no(site: &Site, mut ask: Ask, objected: &[PurposeId]) -> Ask {
    let channels: BTreeSet<Channel> =
        objected.iter().filter_map(|id| site.notice.purpose(id)?.channel).collect();
    ask.request.choices.retain(|_, choice| *choice == Choice::No);
    ask.contacts.retain(|contact| channels.contains(&contact.channel));
    ask.key.push_str("/no");
    ask
}

/// A no that stands beside a yes to the same is the one that counts.
fn choices(
    wanted: Vec<PurposeId>,
    told: Vec<PurposeId>,
    objected: Vec<PurposeId>,
) -> std::collections::BTreeMap<PurposeId, Choice> {
    let yes = wanted.into_iter().chain(told).map(|id| (id, Choice::Yes));
    yes.chain(objected.into_iter().map(|id| (id, Choice::No))).collect()
}

/// The random part of the token of what is recorded under a key: the same for the same key, so that sending it twice records it once.
/// The key begins with where it comes from (`form/`, `move/`, `told/`, `row/`), so that none of them can be mistaken for another.
#[must_use]
pub fn subject_of(site: &Site, key: &str) -> [u8; 16] {
    let secret = site.ledger.derived_key("sign-ups");
    let mut mac = Hmac::<Sha256>::new_from_slice(&*secret).expect("HMAC takes keys of any length");
    mac.update(key.as_bytes());
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    std::array::from_fn(|place| hash[place])
}

/// Whether texts are sent to this number's country.
pub(super) fn is_served(site: &Site, number: &Contact) -> bool {
    site.file.text_countries.iter().any(|code| number.address.starts_with(code.as_str()))
}

fn judge(site: &Site, request: &SignUpRequest) -> Result<Vec<Contact>, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut contacts = Vec::new();
    if request.wanted.is_empty() && request.told.is_empty() && request.objected.is_empty() {
        wrong.push(Wrong::NothingWanted);
    }
    let mut wanted_on = Vec::new();
    let told: Vec<&PurposeId> = request.told.iter().chain(&request.objected).collect();
    for id in request.wanted.iter().chain(told.iter().copied()) {
        // Only soft opt-in can be told instead of asked, and only where it may be used.
        let fits = |purpose: &&Purpose| {
            let soft = purpose.route == Route::SoftOptIn;
            purpose.asked == Asked::AlertForm
                && (!told.contains(&id) || soft)
                && (!soft || site.notice.may_send(purpose))
        };
        let alert = site.notice.purpose(id).filter(fits);
        // A no needs no age.
        let wants = !request.objected.contains(id);
        if let Some(Err(error)) = alert.filter(|_| wants).map(|it| site.notice.age_allows(it, request.age))
            && !wrong.contains(&Wrong::Age(error))
        {
            wrong.push(Wrong::Age(error));
        }
        match alert.and_then(|purpose| purpose.channel) {
            Some(channel) => wanted_on.push(channel),
            // An older notice may have it: whether that one may still be answered is judged with the record.
            None if request.notice != site.hash => {}
            None => wrong.push(Wrong::NotAnAlert(id.clone())),
        }
    }
    for (channel, text) in [(Channel::Email, &request.email), (Channel::Text, &request.phone)] {
        if !wanted_on.contains(&channel) {
            continue;
        }
        match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => wrong.push(Wrong::Missing(channel)),
            Some(text) => match normalise(channel, text) {
                Ok(contact) if channel == Channel::Text && !is_served(site, &contact) => {
                    wrong.push(Wrong::Elsewhere);
                }
                Ok(contact) => contacts.push(contact),
                Err(_) => wrong.push(Wrong::Malformed(channel)),
            },
        }
    }
    if wrong.is_empty() { Ok(contacts) } else { Err(wrong) }
}
