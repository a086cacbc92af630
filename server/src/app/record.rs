//! Recording a decision: is it answerable, what does it mean after everything said before, and keep it.
//!
//! Nothing is stored unless everything fits. The answer comes when the record is on disk under a signed checkpoint.

use super::sites::Site;
use super::state::{fold, fold_with};
use assent_core::age::AgeError;
use assent_core::decision::{Act, Choice, ChoiceError, Decision, Standing, decide};
use assent_core::hash::{Hash, sha256};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Notice, Purpose};
use assent_core::record::{Signals, Surface};
use assent_core::retention::RetentionClass;
use assent_core::standing::{Held, Said, may_answer};
use assent_core::subject::SubjectId;
use assent_core::wire::DecisionRequest;
use assent_ledger::{
    AppendError, Appended, Contact, Draft, Idempotency, Opened, ReadError, ReceiptId, causes, rfc3339,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often a decision is worked out again because the same person decided something else meanwhile.
pub(super) const TRIES: usize = 8;
/// A day from now the same yes may be taken, if old records were purged meanwhile; sooner it makes no sense to ask.
pub const TOO_MANY_RETRY_SECONDS: u32 = 24 * 60 * 60;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A decision as it arrived, from wherever.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Whose.
    pub subject: SubjectId,
    /// The page's origin.
    pub origin: Option<String>,
    /// What was said.
    pub request: DecisionRequest,
    /// Addresses it is about, normalised.
    pub contacts: Vec<Contact>,
    /// The idempotency key, as the client drew it.
    pub key: String,
}

/// Why a decision was not recorded. Nothing was stored, except after an unknown outcome of the append.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The hash names no notice of this site.
    #[error("no notice has this hash")]
    UnknownNotice,
    /// Another notice took its place before the person pressed.
    #[error("the notice was replaced before the choice was made")]
    StaleNotice,
    /// The notice is not in that language.
    #[error("the notice is not in this language")]
    UnknownLanguage,
    /// A yes to an alert that did not come through the sign-up form, which asks for an address.
    #[error("`{0}` needs an address: it is asked on the sign-up form")]
    AskedElsewhere(PurposeId),
    /// Too young to say yes, or it was not said how old they are.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// `acted` cannot be read.
    #[error("the time of the press is not RFC 3339 in UTC with `Z`")]
    BadTime,
    /// The choices do not fit the notice.
    #[error(transparent)]
    Choices(#[from] ChoiceError),
    /// The subject decided too often. Said of what has a yes in it; a no is always heard.
    #[error("this token's holder has decided too often")]
    TooMany,
    /// The site asked so many whether sign-ups were theirs within an hour that no more are asked now.
    #[error("too many were asked within an hour")]
    TooManyQuestions,
    /// The ledger did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped(#[source] anyhow::Error),
}

/// What was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The record and its receipt.
    pub appended: Appended,
    /// What holds after it, under today's notice. Nothing when an earlier answer was given again: more may have been said since.
    pub held: Option<BTreeMap<PurposeId, Held>>,
}

/// Records the decision, or nothing.
pub async fn record(site: Arc<Site>, ask: Ask, now: u64) -> Result<Recorded, RecordError> {
    let acted = ask.request.acted.as_deref().map(parse_time).transpose()?;
    // Today's notice is in memory; an older one has to be read.
    let (notice, draft) = if ask.request.notice == site.hash {
        judge(&site, &ask, acted, now)?
    } else {
        let (site, ask) = (Arc::clone(&site), ask.clone());
        super::reading(move || judge(&site, &ask, acted, now)).await.map_err(RecordError::Stopped)??
    };
    let mut guess = as_new(&notice, draft, &ask.request.choices, now);
    let mut tries = 0;
    loop {
        let (draft, history, over) = match guess.take() {
            Some(draft) => (draft, Vec::new(), None),
            None => {
                let (reader, ask) = (Arc::clone(&site), ask.clone());
                let work = move || {
                    let (notice, draft) = judge(&reader, &ask, acted, now)?;
                    work_out(&reader, &notice, draft, &ask.request.choices, now)
                };
                super::reading(work).await.map_err(RecordError::Stopped)??
            }
        };
        let decisions = draft.decisions.clone();
        match (site.ledger.append(draft).await, over) {
            (Err(AppendError::SubjectMoved { .. }), Some(Over::Refuse)) => return Err(RecordError::TooMany),
            (Err(AppendError::SubjectMoved { .. }), Some(Over::Holds(id))) => {
                let (reader, subject) = (Arc::clone(&site), ask.subject);
                let before = super::reading(move || reader.ledger.receipt(&subject, id));
                let before = before.await.map_err(RecordError::Stopped)??.ok_or(RecordError::TooMany)?;
                return Ok(Recorded { appended: Appended { replayed: true, ..before }, held: None });
            }
            (Err(AppendError::SubjectMoved { .. }), None) if tries < TRIES => tries += 1,
            (other, _) => {
                let appended = other?;
                let at = appended.id.time();
                // On the banner nobody waits for a talk; what alerts come to is read from the log.
                let said =
                    Said { at, acted, settled: false, young: false, talked: false, decisions: &decisions };
                let held = || fold_with(&site.notice, &history, said, now.max(at));
                let held = (!appended.replayed).then(held);
                return Ok(Recorded { appended, held });
            }
        }
    }
}

/// The draft of someone who said nothing before, as most people did: nothing is read for it, and the ledger, which looks before
/// it appends, refuses it if they did. Nothing when it would decide nothing: only the history can tell why.
fn as_new(notice: &Notice, draft: Draft, choices: &BTreeMap<PurposeId, Choice>, now: u64) -> Option<Draft> {
    let decisions = decide(notice, draft.act, choices, &fold(notice, &[], now)).ok()?;
    (!decisions.is_empty()).then_some(Draft { decisions, expect_previous: None, ..draft })
}

/// What [`record`] checks of a decision by someone who said nothing before. Blocks when it is not about today's notice.
///
/// # Errors
/// As for recording it.
pub fn check(site: &Site, ask: &Ask, now: u64) -> Result<(), RecordError> {
    let acted = ask.request.acted.as_deref().map(parse_time).transpose()?;
    let (notice, draft) = judge(site, ask, acted, now)?;
    decide(&notice, draft.act, &ask.request.choices, &fold(&notice, &[], now))?;
    Ok(())
}

/// Unix milliseconds of an RFC 3339 time in UTC.
fn parse_time(text: &str) -> Result<u64, RecordError> {
    let time: jiff::Timestamp = text.parse().map_err(|_| RecordError::BadTime)?;
    let milliseconds = u64::try_from(time.as_millisecond()).map_err(|_| RecordError::BadTime)?;
    if text.ends_with('Z') { Ok(milliseconds) } else { Err(RecordError::BadTime) }
}

/// Everything that does not depend on what was said before: the notice, and a draft that lacks decisions.
fn judge(site: &Site, ask: &Ask, acted: Option<u64>, now: u64) -> Result<(Arc<Notice>, Draft), RecordError> {
    let request = &ask.request;
    let notice = answerable(site, &request.notice, acted)?;
    if !notice.languages.contains_key(&request.language) {
        return Err(RecordError::UnknownLanguage);
    }
    // A yes to an alert needs an address on its channel, whichever door it came through.
    let has_address =
        |purpose: &Purpose| ask.contacts.iter().any(|contact| Some(contact.channel) == purpose.channel);
    let wants = request.choices.iter().filter(|(_, choice)| **choice == Choice::Yes);
    let mut wants = wants.filter_map(|(id, _)| notice.purpose(id));
    if let Some(alert) = wants.find(|purpose| purpose.asked == Asked::AlertForm && !has_address(purpose)) {
        return Err(RecordError::AskedElsewhere(alert.id.clone()));
    }
    // What a message leads to takes the age from before; whoever comes that way was asked when they signed up.
    if request.surface != Surface::Message {
        check_age(&notice, request)?;
    }
    let draft = Draft {
        subject: ask.subject,
        acted: acted.map(rfc3339),
        notice: request.notice,
        language: request.language.clone(),
        act: request.act,
        surface: request.surface,
        origin: ask.origin.clone(),
        decisions: BTreeMap::new(),
        signals: request.signals,
        age: request.age,
        contacts: ask.contacts.clone(),
        told: None,
        retain_until: site.file.retention_rules().due(RetentionClass::of(ask.contacts.len()), now),
        expect_previous: None,
        idempotency: Some(Idempotency {
            key: format!("{}/{}", ask.subject, ask.key),
            request: fingerprint(site, ask),
        }),
    };
    Ok((notice, draft))
}

/// Whether somebody as old as they say may say this. An age that is not asked for is not kept.
fn check_age(notice: &Notice, request: &DecisionRequest) -> Result<(), AgeError> {
    let at = if request.surface == Surface::AlertForm { Asked::AlertForm } else { Asked::Banner };
    if request.age.is_some_and(|band| !notice.age_bands(at).contains(&band)) {
        return Err(AgeError::NotAsked);
    }
    let wants = request.choices.iter().filter(|(_, choice)| **choice == Choice::Yes);
    wants.filter_map(|(id, _)| notice.purpose(id)).try_for_each(|it| notice.age_allows(it, request.age))
}

/// The notice of this hash, if a press at `acted` may answer it. A press that states no time answers today's words.
fn answerable(site: &Site, hash: &Hash, acted: Option<u64>) -> Result<Arc<Notice>, RecordError> {
    if *hash == site.hash {
        return Ok(Arc::clone(&site.notice));
    }
    let versions = site.ledger.notices()?;
    let version =
        versions.iter().rev().find(|version| version.hash == *hash).ok_or(RecordError::UnknownNotice)?;
    // A browser's clock may be behind, but not by more than a day: nobody read these words before they were published.
    let in_time =
        |acted: u64| version.published <= acted.saturating_add(DAY_MS) && may_answer(version.replaced, acted);
    if version.replaced.is_some() && !acted.is_some_and(in_time) {
        return Err(RecordError::StaleNotice);
    }
    let document = site.ledger.notice(hash)?.ok_or(RecordError::UnknownNotice)?;
    serde_json::from_slice(&document).map(Arc::new).map_err(|_| {
        ReadError::Damaged { index: version.index, reason: "its notice document cannot be read" }.into()
    })
}

/// What becomes of a draft whose subject has as many records as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// It has a yes.
    Refuse,
    /// It says no where no holds already, by this record.
    Holds(ReceiptId),
}

/// The draft with what the choices mean after everything this subject said before, that, and what becomes of it if there were
/// too many. A request that was recorded before is answered even then: a draft after no record is found, or refused as moved. Where some of
/// what was said before is damaged, a no is heard all the same.
fn work_out(
    site: &Site,
    notice: &Notice,
    mut draft: Draft,
    choices: &BTreeMap<PurposeId, Choice>,
    now: u64,
) -> Result<(Draft, Vec<Opened>, Option<Over>), RecordError> {
    // Read before the history: what comes in between is then noticed.
    draft.expect_previous = site.ledger.newest(&draft.subject)?;
    let (history, damage) = match draft.expect_previous {
        Some(_) => site.ledger.readable_history(&draft.subject)?,
        None => (Vec::new(), None),
    };
    if let Some(damage) = damage {
        if choices.values().any(|choice| *choice == Choice::Yes) {
            return Err(damage.into());
        }
        tracing::error!(site = %site.file.id, cause = causes(&damage), "somebody says no, and not all of what they said before can be read; the check names it");
    }
    let before = fold(notice, &history, now);
    draft.decisions = decide(notice, draft.act, choices, &before)?;
    let over = (history.len() >= site.most_decisions).then(|| over(&draft, &before, &history)).flatten();
    if over.is_some() {
        draft.expect_previous = None;
    }
    Ok((draft, history, over))
}

/// Of a subject with as many records as it may have, only what ends something is still recorded: a no where there was none,
/// beside no yes that is new. Each can come once a purpose, so that a history has an end.
fn over(draft: &Draft, before: &BTreeMap<PurposeId, Standing>, history: &[Opened]) -> Option<Over> {
    let is_no = |decision: Decision| !decision.is_yes();
    let stood = |id| before.get(id).copied().unwrap_or(Standing::NotAsked);
    let held = |id| matches!(stood(id), Standing::Refused | Standing::Withdrawn | Standing::Objected);
    let said = &draft.decisions;
    let ends = said.iter().any(|(id, decision)| is_no(*decision) && !held(id));
    if ends && !said.values().any(|decision| *decision == Decision::Given) {
        return None;
    }
    let mut newest_first = history.iter().rev();
    let by = newest_first.find(|opened| {
        let mut about = opened.record.decisions.iter();
        about.any(|(id, decision)| is_no(*decision) && said.contains_key(id))
    });
    match by {
        Some(by) if said.values().all(|decision| is_no(*decision)) => Some(Over::Holds(by.id)),
        _ => Some(Over::Refuse),
    }
}

/// What makes two requests the same request. Addresses count by their keyed hash: a plain one could be guessed.
fn fingerprint(site: &Site, ask: &Ask) -> Hash {
    // The request has text keys and finite numbers.
    let mut bytes = serde_json::to_vec(&ask.request).unwrap_or_default();
    for contact in &ask.contacts {
        bytes.extend_from_slice(site.ledger.contact_hash(contact.channel, &contact.address).as_bytes());
    }
    sha256(&bytes)
}

/// A request made from a form, which has no clock of its own.
#[must_use]
pub fn from_form(
    notice: Hash,
    language: String,
    (act, surface): (Act, Surface),
    choices: BTreeMap<PurposeId, Choice>,
    signals: Signals,
) -> DecisionRequest {
    DecisionRequest { notice, language, act, surface, choices, signals, age: None, acted: None }
}
