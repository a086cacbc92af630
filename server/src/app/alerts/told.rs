//! What people told staff, by telephone, on paper or in person: judged, recorded, and a copy sent to the person.
//!
//! A yes that was told with evidence counts at once. Without evidence it is a sign-up like any other: the message that the person gets
//! asks whether it was theirs, and until they say so it is a no. A no counts at once either way. Whether evidence is any good is not
//! judged here.

use super::job::Task;
use super::link::ContactKey;
use super::outbox;
use super::sign_up::{is_served, subject_of};
use super::subscriber::Subscriber;
use super::talk;
use crate::app::contact::normalise;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use assent_core::age::{AgeBand, AgeError};
use assent_core::decision::{Choice, Decision, Standing, meaning};
use assent_core::hash::sha256;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel, Purpose, Route};
use assent_core::record::{Signals, Surface};
use assent_core::retention::RetentionClass;
use assent_core::subject::{SubjectId, SubjectToken};
use assent_core::told::{Told, ToldError};
use assent_core::wire::ToldRequest;
use assent_ledger::{Appended, Contact, Draft, Idempotency, ReadError, rfc3339};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How far ahead of this server's clock the time of what was told may be.
pub(super) const AHEAD_MS: u64 = 5 * 60 * 1000;

/// What somebody told staff, with its words read.
#[derive(Debug, Clone)]
pub struct Heard {
    /// How, with what, and who wrote it down.
    pub told: Told,
    /// When it was said. Unix milliseconds.
    pub said: u64,
    /// The language it was said in.
    pub language: String,
    /// The addresses it is about, normalised.
    pub contacts: Vec<Contact>,
    /// How old the person says they are.
    pub age: Option<AgeBand>,
    /// Yes or no, alert by alert.
    pub choices: BTreeMap<PurposeId, Choice>,
}

/// Why what was told is not taken. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToldRefusal {
    /// The account of it is not whole.
    #[error(transparent)]
    Told(#[from] ToldError),
    /// The notice in force is not in that language.
    #[error("the notice is not in this language")]
    UnknownLanguage,
    /// The time cannot be read.
    #[error("the time is neither RFC 3339 in UTC with `Z` nor a date")]
    BadTime,
    /// It would have been said in the future.
    #[error("the time is in the future")]
    InFuture,
    /// Nothing was chosen.
    #[error("no alert was decided")]
    NoChoices,
    /// There is no such alert.
    #[error("the notice in force has no such alert")]
    UnknownPurpose,
    /// It is told, not asked.
    #[error("the alert is part of a service: there is nothing to choose")]
    NotAChoice,
    /// Its route may not be used.
    #[error("the alert has no route on which it may be sent")]
    NoRoute,
    /// There is no address for it.
    #[error("there is no address for an alert that was decided")]
    ContactMissing,
    /// The address is not one.
    #[error("the address is not one")]
    BadAddress(Channel),
    /// The number is of a country that no texts are sent to.
    #[error("no texts are sent to the number's country")]
    Elsewhere,
    /// The address must not be written to.
    #[error("the address must not be written to: only its owner can change that, by signing up")]
    Suppressed,
    /// Records about the address are frozen.
    #[error("records about the address are restricted")]
    Restricted,
    /// They said no after that.
    #[error("a no was said after the time of this yes")]
    SaidNoSince,
    /// Collected before charities could use soft opt-in.
    #[error("the charitable soft opt-in is only for details collected on or after 5 February 2026")]
    TooEarly,
    /// The conditions at collection are not stated.
    #[error(
        "soft opt-in needs details that came from the person directly, and an opt-out that was offered then"
    )]
    NotOffered,
    /// A list's row has a yes without evidence.
    #[error("a yes in a list needs evidence")]
    NoEvidence,
    /// How old they are was not said, is not asked, or is too young.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// A yes stands already.
    #[error("a yes stands already")]
    AlreadyHolds,
}

impl ToldRefusal {
    /// The stable code of it, in problems and in reports of lists.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Told(ToldError::RecordingUnanswered) => "recording-unanswered",
            Self::Told(_) => "told-incomplete",
            Self::UnknownLanguage => "unknown-language",
            Self::BadTime => "bad-time",
            Self::InFuture => "said-in-future",
            Self::NoChoices => "no-choices",
            Self::UnknownPurpose => "unknown-purpose",
            Self::NotAChoice => "not-a-choice",
            Self::NoRoute => "no-route",
            Self::ContactMissing => "contact-missing",
            Self::BadAddress(Channel::Email) => "bad-email",
            Self::BadAddress(Channel::Text) => "bad-phone",
            Self::Elsewhere => "phone-elsewhere",
            Self::Suppressed => "suppressed",
            Self::Restricted => "restricted",
            Self::SaidNoSince => "said-no-since",
            Self::TooEarly => "soft-opt-in-too-early",
            Self::NotOffered => "soft-opt-in-not-offered",
            Self::NoEvidence => "no-evidence",
            Self::Age(AgeError::Missing) => "age-missing",
            Self::Age(AgeError::NotAsked) => "bad-age",
            Self::Age(AgeError::TooYoung) => "too-young",
            Self::AlreadyHolds => "already-holds",
        }
    }
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TellError {
    /// It is not taken as it is.
    #[error(transparent)]
    Refused(#[from] ToldRefusal),
    /// It could not be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<ReadError> for TellError {
    fn from(error: ReadError) -> Self {
        RecordError::from(error).into()
    }
}

/// Records what somebody told staff, once for each `key`, and keeps that their copy is to be sent.
///
/// # Errors
/// [`TellError`].
pub async fn tell(
    site: &Arc<Site>,
    request: ToldRequest,
    key: String,
    now: u64,
) -> Result<Appended, TellError> {
    let heard = Heard::read(site, request)?;
    let key = format!("told/{key}");
    let (reader, judged, own) = (Arc::clone(site), heard.clone(), key.clone());
    let judge = move || judge(&reader, &judged, &own, now);
    let draft = crate::app::blocking(judge).await.map_err(RecordError::Stopped)??;
    let subject = draft.subject;
    let wants: BTreeSet<Channel> = draft
        .decisions
        .iter()
        .filter(|(_, decision)| decision.is_yes())
        .filter_map(|(id, _)| site.notice.purpose(id)?.channel)
        .collect();
    // Kept before the record, as for every sign-up. Who only said no is not written to.
    if heard.told.settles() {
        for to in keys_to_talk_about(site, &draft) {
            talk::expect(site, to, now).await?;
        }
        outbox::copies(site, (subject, &key), wants, now).await?;
    } else if !wants.is_empty() {
        let ask = wants.into_iter().map(|channel| Task::Confirm { subject, channel, replaces: None });
        outbox::expect(site, None, (subject, &key), ask.collect(), now).await?;
    }
    Ok(site.ledger.append(draft).await.map_err(RecordError::from)?)
}

impl Heard {
    /// Reads a request's words. What depends on the log is [`judge`]'s.
    fn read(site: &Site, request: ToldRequest) -> Result<Self, ToldRefusal> {
        let mut contacts = Vec::new();
        for (channel, text) in [(Channel::Email, &request.email), (Channel::Text, &request.phone)] {
            if let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
                contacts.push(address(site, channel, text)?);
            }
        }
        let said = time(&request.said)?;
        let told = Told {
            by: request.by,
            script: request.script,
            staff: request.staff,
            recording: request.recording,
            evidence: request.evidence,
            directly: request.directly,
            opt_out_offered: request.opt_out_offered,
            talked: false,
            list: None,
        };
        let (language, age) = (request.language, request.age);
        Ok(Self { told, said, language, contacts, age, choices: request.choices })
    }
}

/// The address as it is kept, if messages are sent there.
pub(super) fn address(site: &Site, channel: Channel, text: &str) -> Result<Contact, ToldRefusal> {
    let contact = normalise(channel, text).map_err(|_| ToldRefusal::BadAddress(channel))?;
    if channel == Channel::Text && !is_served(site, &contact) {
        return Err(ToldRefusal::Elsewhere);
    }
    Ok(contact)
}

/// Unix milliseconds of an RFC 3339 time in UTC, or of the beginning of a day there.
pub(super) fn time(text: &str) -> Result<u64, ToldRefusal> {
    let midnight = format!("{text}T00:00:00Z");
    let text = if text.len() == 10 { midnight.as_str() } else { text };
    let time: jiff::Timestamp =
        text.parse().ok().filter(|_| text.ends_with('Z')).ok_or(ToldRefusal::BadTime)?;
    u64::try_from(time.as_millisecond()).map_err(|_| ToldRefusal::BadTime)
}

/// The draft of what was told, or why it is not taken. Reads what everybody who named the addresses said before. Blocks.
pub(super) fn judge(site: &Site, heard: &Heard, key: &str, now: u64) -> Result<Draft, TellError> {
    heard.told.check().map_err(ToldRefusal::from)?;
    if !site.notice.languages.contains_key(&heard.language) {
        return Err(ToldRefusal::UnknownLanguage.into());
    }
    if heard.said > now + AHEAD_MS {
        return Err(ToldRefusal::InFuture.into());
    }
    if heard.choices.is_empty() {
        return Err(ToldRefusal::NoChoices.into());
    }
    let mut all = BTreeMap::new();
    for contact in &heard.contacts {
        let hash = site.ledger.contact_hash(contact.channel, &contact.address);
        all.insert(contact.channel, Subscriber::read(site, &hash, now)?);
    }
    if heard.age.is_some_and(|band| !site.notice.age_bands(Asked::AlertForm).contains(&band)) {
        return Err(ToldRefusal::from(AgeError::NotAsked).into());
    }
    let mut decisions = BTreeMap::new();
    for (id, choice) in &heard.choices {
        let alert = site.notice.purpose(id).filter(|purpose| purpose.asked == Asked::AlertForm);
        let alert = alert.ok_or(ToldRefusal::UnknownPurpose)?;
        let before =
            alert.channel.and_then(|channel| all.get(&channel)).ok_or(ToldRefusal::ContactMissing)?;
        decisions.insert(id.clone(), decided(site, heard, (alert, *choice), before)?);
    }
    // An address that nothing was decided about is not kept.
    let about: BTreeSet<Channel> =
        decisions.keys().filter_map(|id| site.notice.purpose(id)?.channel).collect();
    let contacts = heard.contacts.iter().filter(|contact| about.contains(&contact.channel)).cloned();
    let contacts: Vec<Contact> = contacts.collect();
    let subject = subject(site, key);
    Ok(Draft {
        subject,
        acted: Some(rfc3339(heard.said)),
        notice: site.hash,
        language: heard.language.clone(),
        act: heard.told.by.act(),
        surface: Surface::Told,
        origin: None,
        decisions,
        signals: Signals::default(),
        age: heard.age,
        retain_until: site.file.retention_rules().due(RetentionClass::of(contacts.len()), now),
        contacts,
        told: Some(heard.told.clone()),
        expect_previous: None,
        idempotency: Some(Idempotency { key: format!("{subject}/{key}"), request: fingerprint(site, heard) }),
    })
}

/// The addresses whose owner has to be talked with once this is recorded.
pub(super) fn keys_to_talk_about(site: &Site, draft: &Draft) -> Vec<ContactKey> {
    if !matches!(draft.age, Some(AgeBand::Between(..))) {
        return Vec::new();
    }
    draft.contacts.iter().map(|contact| ContactKey::of(&site.ledger, contact)).collect()
}

/// Whose record it becomes: the same for the same key, so that sending it twice records it once.
pub(super) fn subject(site: &Site, key: &str) -> SubjectId {
    SubjectToken::from_random(subject_of(site, key)).id()
}

/// What one choice means for an address of which everything was read.
fn decided(
    site: &Site,
    heard: &Heard,
    (alert, choice): (&Purpose, Choice),
    before: &Subscriber,
) -> Result<Decision, ToldRefusal> {
    if !alert.is_choice() {
        return Err(ToldRefusal::NotAChoice);
    }
    if choice == Choice::No {
        return Ok(meaning(alert, choice, before.standing(&alert.id)));
    }
    if !site.notice.may_send(alert) {
        return Err(ToldRefusal::NoRoute);
    }
    site.notice.age_allows(alert, heard.age)?;
    if alert.route == Route::SoftOptIn {
        if heard.said < alert.collected_from() {
            return Err(ToldRefusal::TooEarly);
        }
        if !(heard.told.directly && heard.told.opt_out_offered) {
            return Err(ToldRefusal::NotOffered);
        }
    }
    if heard.told.list.is_some() && !heard.told.settles() {
        return Err(ToldRefusal::NoEvidence);
    }
    if before.suppressed {
        return Err(ToldRefusal::Suppressed);
    }
    if before.restricted {
        return Err(ToldRefusal::Restricted);
    }
    let since = before.history.iter().filter(|opened| opened.time > heard.said);
    let mut since = since.filter_map(|opened| opened.record.decisions.get(&alert.id));
    if since.any(|decision| !decision.is_yes()) {
        return Err(ToldRefusal::SaidNoSince);
    }
    if heard.told.list.is_some() && before.standing(&alert.id).allows() {
        return Err(ToldRefusal::AlreadyHolds);
    }
    Ok(meaning(alert, choice, Standing::NotAsked))
}

/// What makes two accounts the same. Addresses count by their keyed hash: a plain one could be guessed.
fn fingerprint(site: &Site, heard: &Heard) -> assent_core::hash::Hash {
    // It has text keys and finite numbers.
    let mut bytes =
        serde_json::to_vec(&(&heard.told, heard.said, &heard.language, &heard.choices)).unwrap_or_default();
    bytes.extend(heard.age.iter().flat_map(|band| band.to_string().into_bytes()));
    for contact in &heard.contacts {
        bytes.extend_from_slice(site.ledger.contact_hash(contact.channel, &contact.address).as_bytes());
    }
    sha256(&bytes)
}
