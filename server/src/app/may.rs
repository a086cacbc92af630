//! "May we write to this address about this?": staff ask before they send.
//!
//! Only a confirmed, unbroken yes is a yes. Addresses cannot be confirmed yet in this version, so every answer is no;
//! the reason tells the noes apart.

use super::contact::{NotAnAddress, normalise};
use super::sites::Site;
use super::state::acted;
use assent_core::decision::{Choice, Decision, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::Purpose;
use assent_core::standing::{Said, standings};
use assent_core::wire::{MayRequest, MayResponse};
use assent_ledger::{Opened, ReadError};
use std::collections::{BTreeMap, BTreeSet};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MayError {
    /// The current notice has no such topic on this channel.
    #[error("the notice has no alert of this topic on this channel")]
    UnknownTopic,
    /// The address is not one.
    #[error(transparent)]
    Address(#[from] NotAnAddress),
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The answer, from everything said about this address. Blocks.
pub fn may(site: &Site, request: &MayRequest, now: u64) -> Result<MayResponse, MayError> {
    let topic = Some(request.topic.as_str());
    let alert =
        |purpose: &&Purpose| purpose.channel == Some(request.channel) && purpose.topic.as_deref() == topic;
    let purpose = site.notice.purposes.iter().find(alert).ok_or(MayError::UnknownTopic)?;
    let contact = normalise(request.channel, &request.address)?;
    let hash = site.ledger.contact_hash(contact.channel, &contact.address);
    let naming = site.ledger.by_contact(&hash)?;
    let subjects: BTreeSet<_> = naming.iter().map(|opened| opened.record.subject).collect();
    let mut about: Vec<(Opened, BTreeMap<PurposeId, Decision>)> = Vec::new();
    for subject in subjects {
        for opened in site.ledger.history(&subject)? {
            let Some(decision) = opened.record.decisions.get(&purpose.id).copied() else { continue };
            let names = opened.record.contacts.iter().any(|contact| contact.hash == hash);
            // A yes counts for the address it names; a no counts for all of the person's addresses.
            if names || !matches!(decision, Decision::Given | Decision::Renewed) {
                about.push((opened, BTreeMap::from([(purpose.id.clone(), decision)])));
            }
        }
    }
    about.sort_by_key(|(opened, _)| opened.index);
    let said =
        about.iter().map(|(opened, decisions)| Said { at: opened.time, acted: acted(opened), decisions });
    let reason = standings(&site.notice, said, now).get(&purpose.id).copied().unwrap_or(Standing::NotAsked);
    let may = if reason.allows() { Choice::Yes } else { Choice::No };
    Ok(MayResponse { may, reason, receipt: about.last().map(|(opened, _)| opened.id.to_string()) })
}
