//! "May we write to this address about this?": asked before sending, for one address or many.
//!
//! Only a confirmed, unbroken yes is a yes, or what the alert's route makes of it, and it comes with what the message must carry so
//! that it can be stopped. Everything else is a no with its reason. Answered from the log, or from what was worked out from it before
//! ([`standings`](super::alerts::standings)) when nothing changed since, so that no answer is older than what was recorded.

use super::alerts::link::ContactKey;
use super::alerts::message;
use super::alerts::standings::AddressStanding;
use super::alerts::subscriber::alerts_on;
use super::contact::{NotAnAddress, normalise};
use super::sites::Site;
use assent_core::decision::Choice;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::{Channel, Purpose, Route};
use assent_core::wire::{
    MAY_BULK_MAX, MayBulkRequest, MayBulkResponse, MayReason, MayRequest, MayResponse, MessageLinks,
};
use assent_ledger::{Contact, ReadError};

/// The one value that RFC 8058 allows.
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MayError {
    /// The address is not one.
    #[error(transparent)]
    Address(#[from] NotAnAddress),
    /// Too many at once.
    #[error("at most {MAY_BULK_MAX} addresses are taken at a time")]
    TooMany,
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The answer for one address, if it is known without the log. Does not wait.
///
/// # Errors
/// [`MayError::Address`].
pub fn may_at_once(site: &Site, request: &MayRequest, now: u64) -> Result<Option<MayResponse>, MayError> {
    let contact = normalise(request.channel, &request.address)?;
    let Some(alert) = alert(site, request.channel, &request.topic) else {
        return Ok(Some(no(MayReason::NoRoute, None)));
    };
    let hash = site.ledger.contact_hash(contact.channel, &contact.address);
    Ok(site.standings.remembered(site, &hash, now).map(|all| answer_of(site, alert, hash, &all)))
}

/// The answer for one address. Blocks.
///
/// # Errors
/// [`MayError`].
pub fn may(site: &Site, request: &MayRequest, now: u64) -> Result<MayResponse, MayError> {
    let contact = normalise(request.channel, &request.address)?;
    Ok(answer(site, alert(site, request.channel, &request.topic), &contact, now)?)
}

/// The answers for many, in order. A text that is no address is a no of its own. Blocks.
///
/// # Errors
/// [`MayError`].
pub fn may_bulk(site: &Site, request: &MayBulkRequest, now: u64) -> Result<MayBulkResponse, MayError> {
    if request.addresses.len() > MAY_BULK_MAX {
        return Err(MayError::TooMany);
    }
    let alert = alert(site, request.channel, &request.topic);
    let each = |address: &String| match normalise(request.channel, address) {
        Ok(contact) => answer(site, alert, &contact, now),
        Err(_) => Ok(no(MayReason::BadAddress, None)),
    };
    Ok(MayBulkResponse { answers: request.addresses.iter().map(each).collect::<Result<_, _>>()? })
}

/// The alert of a topic on a channel.
#[must_use]
pub fn alert<'a>(site: &'a Site, channel: Channel, topic: &PurposeId) -> Option<&'a Purpose> {
    alerts_on(site, channel).find(|purpose| purpose.topic.as_deref() == Some(topic.as_str()))
}

fn answer(
    site: &Site,
    alert: Option<&Purpose>,
    contact: &Contact,
    now: u64,
) -> Result<MayResponse, ReadError> {
    let Some(alert) = alert else { return Ok(no(MayReason::NoRoute, None)) };
    let hash = site.ledger.contact_hash(contact.channel, &contact.address);
    let all = match site.standings.remembered(site, &hash, now) {
        Some(all) => all,
        None => site.standings.read(site, &hash, now)?,
    };
    Ok(answer_of(site, alert, hash, &all))
}

/// The answer for an address, from what holds for it.
#[must_use]
pub fn answer_of(site: &Site, alert: &Purpose, hash: Hash, all: &AddressStanding) -> MayResponse {
    let (standing, receipt) = all.alert(&site.notice, &alert.id);
    let receipt = receipt.map(|id| id.to_string());
    if !site.notice.may_send(alert) {
        return no(MayReason::NoRoute, receipt);
    }
    if all.suppressed || all.restricted {
        let reason = if all.suppressed { MayReason::Suppressed } else { MayReason::Restricted };
        return no(reason, receipt);
    }
    let is_service = alert.route == Route::Service;
    if !is_service && !standing.allows() {
        return no(standing.into(), receipt);
    }
    if all.bounced {
        return no(MayReason::Bounced, receipt);
    }
    let channel = alert.channel.unwrap_or(Channel::Email);
    // What belongs to a service is not subscribed to, so a mail program has nothing to end.
    let one_click = channel == Channel::Email && !is_service;
    let contact = ContactKey { channel, hash };
    let message = MessageLinks {
        list_unsubscribe: one_click.then(|| format!("<{}>", message::stop(site, contact, alert.id.clone()))),
        list_unsubscribe_post: one_click.then(|| ONE_CLICK.to_string()),
        your_alerts: message::centre(site, contact, &all.language),
    };
    let reason = match alert.route {
        Route::SoftOptIn => MayReason::SoftOptIn,
        Route::Service => MayReason::Service,
        _ => MayReason::Granted,
    };
    MayResponse { may: Choice::Yes, reason, receipt, message: Some(message) }
}

fn no(reason: MayReason, receipt: Option<String>) -> MayResponse {
    MayResponse { may: Choice::No, reason, receipt, message: None }
}
