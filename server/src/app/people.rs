//! Letting people leave: erasure, restriction and holds, for one subject or for everybody who named an address.
//!
//! What each of them does to the records is the ledger's; here it is found whose they are.

use super::contact::{NotAnAddress, normalise};
use super::sites::Site;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_core::wire::{EraseReason, EraseRequest, HoldRequest, PeopleResponse, RestrictRequest, Whose};
use assent_ledger::store::GoneReason;
use assent_ledger::{ErasureError, Hold, ReadError};
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

/// Erases.
///
/// # Errors
/// [`PeopleError`]; people before the one it failed for are erased, and asking again is safe.
pub async fn erase(site: Arc<Site>, request: EraseRequest) -> Result<PeopleResponse, PeopleError> {
    let reason = match request.reason {
        EraseReason::Asked => GoneReason::Asked,
        EraseReason::Controller => GoneReason::Controller,
    };
    let each = |subject| site.ledger.erase(subject, reason, request.suppress);
    let done = for_everybody(&site, &request.whose, each).await?;
    if let Whose::Contact { channel, address } = &request.whose {
        let contact = normalise(*channel, address)?;
        let hash = site.ledger.contact_hash(contact.channel, &contact.address);
        if request.suppress {
            // Also where nothing was known: it must not be written to when a list brings it later.
            site.ledger.suppress(hash, true).await?;
        }
        if contact.channel == Channel::Text {
            super::alerts::incoming::forget(&site, hash).await?;
        }
    }
    Ok(done)
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

/// Keeps from erasure and purge.
///
/// # Errors
/// [`PeopleError`].
pub async fn hold(site: Arc<Site>, request: HoldRequest) -> Result<PeopleResponse, PeopleError> {
    check_reason(&request.reason)?;
    let _: jiff::civil::Date = request.review.parse().map_err(|_| PeopleError::Review)?;
    let hold = Hold { reason: request.reason, review: request.review };
    for_everybody(&site, &request.whose, |subject| site.ledger.hold(subject, hold.clone())).await
}

/// Ends a hold.
///
/// # Errors
/// [`PeopleError`].
pub async fn let_go(site: Arc<Site>, whose: Whose) -> Result<PeopleResponse, PeopleError> {
    for_everybody(&site, &whose, |subject| site.ledger.let_go(subject)).await
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
    Ok(PeopleResponse { subjects, records })
}

/// Whose ids they are: the one that was named, or everybody's who named the address.
///
/// # Errors
/// [`PeopleError`].
pub async fn subjects(site: &Arc<Site>, whose: &Whose) -> Result<Vec<SubjectId>, PeopleError> {
    match whose {
        Whose::Subject(subject) => Ok(vec![*subject]),
        Whose::Contact { channel, address } => {
            let contact = normalise(*channel, address)?;
            let hash = site.ledger.contact_hash(contact.channel, &contact.address);
            let reader = Arc::clone(site);
            let read = super::blocking(move || reader.ledger.subjects_of(&hash)).await;
            Ok(read.map_err(PeopleError::Stopped)??)
        }
    }
}
