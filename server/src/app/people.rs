//! Letting people leave: erasure, restriction and holds, for one subject or for everybody who named an address.
//!
//! What each of them does to the records is the ledger's; here it is found whose they are.

use super::alerts::subscriber::shows_to_be_theirs;
use super::contact::{NotAnAddress, normalise};
use super::sites::Site;
use assent_core::hash::Hash;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_core::wire::{
    EraseReason, EraseRequest, HeldSubject, HoldRequest, HoldsResponse, PeopleResponse, RestrictRequest,
    Whose,
};
use assent_ledger::store::GoneReason;
use assent_ledger::{ErasureError, Hold, ReadError, ReceiptId};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

/// Longest reason or reference, in characters: a code, not a story.
const REASON_MAX: usize = 80;

/// Why nothing, or not everything, was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// The address is not one.
    #[error(transparent)]
    Address(#[from] NotAnAddress),
    /// The reason is empty, too long, or not one line.
    #[error("a reason is a code or reference of 1 to {REASON_MAX} visible characters, as `claim-2026-17`")]
    Reason,
    /// The day of review is not a date.
    #[error("the day of review is a date, as 2027-03-01")]
    Review,
    /// The day of review is over.
    #[error("the day of review is in the past: name a day on which somebody will look again")]
    ReviewPast,
    /// No record has this id, or it is none.
    #[error("no record here has the id `{0}`")]
    UnknownReceipt(String),
    /// Nothing was recorded for it.
    #[error("nothing is recorded here for the subject `{0}`")]
    Unknown(SubjectId),
    /// The ledger did not do it.
    #[error(transparent)]
    Erasure(#[from] ErasureError),
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped(#[source] anyhow::Error),
}

/// Erases. Of several who named an address, those whose records are held stay, and are named.
///
/// # Errors
/// [`PeopleError`], also when the records of all of them are held; people before the one it failed for are erased, and asking again is safe.
pub async fn erase(site: Arc<Site>, request: EraseRequest) -> Result<PeopleResponse, PeopleError> {
    let reason = match request.reason {
        EraseReason::Asked => GoneReason::Asked,
        EraseReason::Controller => GoneReason::Controller,
    };
    let mut done = PeopleResponse { subjects: Vec::new(), records: 0, held: Vec::new() };
    let found = match subjects(&site, &request.whose).await {
        // Erased by an earlier try, perhaps.
        Err(PeopleError::UnknownReceipt(_)) => Vec::new(),
        found => found?,
    };
    for subject in found {
        if !matches!(request.whose, Whose::Contact { .. }) {
            forget_texts(&site, subject).await?;
        }
        match site.ledger.erase(subject, reason, request.suppress).await {
            Ok(records) => {
                done.records += records;
                done.subjects.push(subject);
            }
            Err(ErasureError::Held(Hold { reason, review })) => {
                done.held.push(HeldSubject { subject, reason, review });
            }
            Err(error) => return Err(error.into()),
        }
    }
    if done.subjects.is_empty() && done.held.is_empty() {
        // Whom an earlier try erased is not found any more, and it must have come to its end before this is answered.
        site.ledger.settle().await?;
    }
    if let (true, Some(HeldSubject { reason, review, .. })) = (done.subjects.is_empty(), done.held.first()) {
        let hold = Hold { reason: reason.clone(), review: review.clone() };
        return Err(ErasureError::Held(hold).into());
    }
    if let Whose::Contact { channel, address } = &request.whose {
        let contact = normalise(*channel, address)?;
        let hash = site.ledger.contact_hash(contact.channel, &contact.address);
        if request.suppress {
            // Also where nothing was known: it must not be written to when a list brings it later.
            site.ledger.suppress(hash, true).await?;
        }
        if contact.channel == Channel::Text && done.held.is_empty() {
            super::alerts::incoming::forget(&site, hash).await?;
        }
    }
    Ok(done)
}

/// Forgets the texts from numbers that a subject showed to be theirs. First, because afterwards nobody knows the numbers.
async fn forget_texts(site: &Arc<Site>, subject: SubjectId) -> Result<(), PeopleError> {
    let reader = Arc::clone(site);
    let numbers = move || -> Result<BTreeSet<Hash>, ReadError> {
        if reader.ledger.hold_of(&subject)?.is_some() {
            return Ok(BTreeSet::new());
        }
        // Of a record that is damaged nobody knows a number.
        let (history, _) = reader.ledger.readable_history(&subject)?;
        let named = history.iter().flat_map(|opened| &opened.record.contacts);
        let numbers = named.filter(|contact| contact.channel == Channel::Text).map(|contact| contact.hash);
        let theirs = |hash: &Hash| history.iter().any(|opened| shows_to_be_theirs(opened, hash));
        Ok(numbers.filter(theirs).collect())
    };
    for number in super::blocking(numbers).await.map_err(PeopleError::Stopped)?? {
        super::alerts::incoming::forget(site, number).await?;
    }
    Ok(())
}

/// Freezes (UK GDPR Art 18).
///
/// # Errors
/// [`PeopleError`].
pub async fn restrict(site: Arc<Site>, request: RestrictRequest) -> Result<PeopleResponse, PeopleError> {
    check_reason(&request.reason)?;
    for_everybody(&site, &request.whose, |subject| site.ledger.restrict(subject, request.reason.clone()))
        .await
}

/// Ends a restriction.
///
/// # Errors
/// [`PeopleError`].
pub async fn release(site: Arc<Site>, whose: Whose) -> Result<PeopleResponse, PeopleError> {
    for_everybody(&site, &whose, |subject| site.ledger.release(subject)).await
}

/// Everybody whose records are held, by subject.
///
/// # Errors
/// [`PeopleError`].
pub async fn holds(site: Arc<Site>) -> Result<HoldsResponse, PeopleError> {
    let held = super::blocking(move || site.ledger.holds()).await.map_err(PeopleError::Stopped)??;
    let told = |(subject, Hold { reason, review })| HeldSubject { subject, reason, review };
    Ok(HoldsResponse { held: held.into_iter().map(told).collect() })
}

/// Keeps from erasure and purge.
///
/// # Errors
/// [`PeopleError`].
pub async fn hold(site: Arc<Site>, request: HoldRequest) -> Result<PeopleResponse, PeopleError> {
    check_reason(&request.reason)?;
    let review: jiff::civil::Date = request.review.parse().map_err(|_| PeopleError::Review)?;
    if review < jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date() {
        return Err(PeopleError::ReviewPast);
    }
    let hold = Hold { reason: request.reason, review: request.review };
    let mut done =
        PeopleResponse { subjects: subjects(&site, &request.whose).await?, records: 0, held: vec![] };
    for subject in &done.subjects {
        match records(&site, *subject).await? {
            0 => return Err(PeopleError::Unknown(*subject)),
            records => done.records += records,
        }
    }
    for subject in &done.subjects {
        site.ledger.hold(*subject, hold.clone()).await?;
    }
    Ok(done)
}

/// Ends a hold. Answers those who were held.
///
/// # Errors
/// [`PeopleError`].
pub async fn let_go(site: Arc<Site>, whose: Whose) -> Result<PeopleResponse, PeopleError> {
    let mut done = PeopleResponse { subjects: Vec::new(), records: 0, held: Vec::new() };
    for subject in subjects(&site, &whose).await? {
        let (reader, count) = (Arc::clone(&site), records(&site, subject).await?);
        let hold = super::blocking(move || reader.ledger.hold_of(&subject)).await;
        match hold.map_err(PeopleError::Stopped)?? {
            Some(_) => {
                site.ledger.let_go(subject).await?;
                done.records += count;
                done.subjects.push(subject);
            }
            None if count == 0 => return Err(PeopleError::Unknown(subject)),
            None => {}
        }
    }
    Ok(done)
}

/// How many records there are of a subject.
async fn records(site: &Arc<Site>, subject: SubjectId) -> Result<u64, PeopleError> {
    let reader = Arc::clone(site);
    let read = super::blocking(move || reader.ledger.records_of(&subject)).await;
    Ok(read.map_err(PeopleError::Stopped)??)
}

fn check_reason(reason: &str) -> Result<(), PeopleError> {
    let good = (1..=REASON_MAX).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    if good && !reason.trim().is_empty() { Ok(()) } else { Err(PeopleError::Reason) }
}

async fn for_everybody<F: Future<Output = Result<u64, ErasureError>>>(
    site: &Arc<Site>,
    whose: &Whose,
    each: impl Fn(SubjectId) -> F,
) -> Result<PeopleResponse, PeopleError> {
    let subjects = subjects(site, whose).await?;
    let mut records = 0;
    for subject in &subjects {
        records += each(*subject).await?;
    }
    Ok(PeopleResponse { subjects, records, held: Vec::new() })
}

/// Whose ids they are: the one that was named, or everybody's who named the address.
///
/// # Errors
/// [`PeopleError`].
pub async fn subjects(site: &Arc<Site>, whose: &Whose) -> Result<Vec<SubjectId>, PeopleError> {
    match whose {
        Whose::Subject(subject) => Ok(vec![*subject]),
        Whose::Receipt(id) => {
            let unknown = || PeopleError::UnknownReceipt(id.clone());
            let receipt: ReceiptId = id.parse().map_err(|_| unknown())?;
            let reader = Arc::clone(site);
            let read = super::blocking(move || reader.ledger.subject_of(receipt)).await;
            Ok(vec![read.map_err(PeopleError::Stopped)??.ok_or_else(unknown)?])
        }
        Whose::Contact { channel, address } => {
            let contact = normalise(*channel, address)?;
            let hash = site.ledger.contact_hash(contact.channel, &contact.address);
            let reader = Arc::clone(site);
            let read = super::blocking(move || reader.ledger.subjects_of(&hash)).await;
            Ok(read.map_err(PeopleError::Stopped)??)
        }
    }
}
