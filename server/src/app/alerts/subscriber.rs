//! What everybody who named one address said about alerts, and what holds for it now.
//!
//! A yes counts for the address it names. A no counts for all addresses that the person showed to be theirs, so that a withdrawal never
//! misses one; of an address that somebody only typed in, they can say no in what names it, and to nothing else.

use crate::app::sites::Site;
use crate::app::state::acted;
use assent_core::age::AgeBand;
use assent_core::decision::{Act, Decision, Standing};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel, Purpose};
use assent_core::standing::{Held, Said, held, holds_until};
use assent_core::subject::SubjectId;
use assent_ledger::{Contact, Opened, ReadError, ReceiptId};
use std::collections::BTreeMap;

/// One address, as it stands.
#[derive(Debug)]
pub struct Subscriber {
    /// Everybody who named it, in the order they first did.
    pub subjects: Vec<SubjectId>,
    /// Whether records of somebody who named it are frozen: then nothing can be read out of them, and nothing is sent.
    pub restricted: bool,
    /// Whether nothing may be sent whatever was said.
    pub suppressed: bool,
    /// Since when messages to it come back, if they do: Unix milliseconds.
    pub bounced: Option<u64>,
    /// Records about alerts that count for it, oldest first.
    pub history: Vec<Opened>,
    held: BTreeMap<PurposeId, Held>,
    hash: Hash,
}

impl Subscriber {
    /// Reads everything about an address. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(site: &Site, hash: &Hash, now: u64) -> Result<Self, ReadError> {
        let said_by = site.ledger.said_by(hash)?;
        let suppressed = site.ledger.suppressed(hash)?.is_some();
        let bounced = site.ledger.bounced(hash)?;
        let mut restricted = false;
        let mut about: Vec<(Opened, BTreeMap<PurposeId, Decision>)> = Vec::new();
        let mut subjects = Vec::with_capacity(said_by.len());
        for (subject, history, frozen) in said_by {
            restricted |= frozen || site.ledger.restriction_of(&subject)?.is_some();
            subjects.push(subject);
            let is_theirs = history.iter().any(|opened| shows_to_be_theirs(opened, hash));
            for opened in history {
                let names = names(&opened, hash);
                let all = opened.record.decisions.iter().map(|(id, decision)| (id.clone(), *decision));
                let counts: BTreeMap<_, _> = all
                    .filter(|(id, decision)| {
                        let alert = site.notice.purpose(id).is_none_or(|p| p.asked == Asked::AlertForm);
                        alert && (names || (is_theirs && !decision.is_yes()))
                    })
                    .collect();
                if !counts.is_empty() {
                    about.push((opened, counts));
                }
            }
        }
        about.sort_by_key(|(opened, _)| opened.index);
        let said = about.iter().map(|(opened, decisions)| Said {
            at: opened.time,
            acted: acted(opened),
            settled: opened.record.settles(),
            young: opened.record.waits_for_talk(),
            talked: opened.record.talked(),
            decisions,
        });
        let held = held(&site.notice, said, now);
        let history = about.into_iter().map(|(opened, _)| opened).collect();
        Ok(Self { subjects, restricted, suppressed, bounced, history, held, hash: *hash })
    }

    /// What holds for one alert.
    #[must_use]
    pub fn standing(&self, purpose: &PurposeId) -> Standing {
        self.held.get(purpose).map_or(Standing::NotAsked, |held| held.standing)
    }

    /// Since when it holds, Unix milliseconds; 0 when nothing was said.
    #[must_use]
    pub fn since(&self, purpose: &PurposeId) -> u64 {
        self.held.get(purpose).map_or(0, |held| held.since)
    }

    /// Until when all of it holds if nobody says anything: Unix milliseconds. `now` is what it was read with.
    #[must_use]
    pub fn holds_until(&self, site: &Site, now: u64) -> u64 {
        holds_until(&site.notice, &self.held, now)
    }

    /// The receipt behind [`Self::standing`]: for a yes, of its confirmation, or of the record that needs none.
    #[must_use]
    pub fn receipt(&self, purpose: &PurposeId) -> Option<ReceiptId> {
        let mut newest_first = self.history.iter().rev();
        let granted = self.standing(purpose).allows();
        let behind = newest_first.find(|opened| {
            let record = &opened.record;
            if granted { record.grants(purpose) } else { record.decisions.contains_key(purpose) }
        });
        behind.map(|opened| opened.id)
    }

    /// How old the address's owner last said they are, in the bands that the site asks for today.
    #[must_use]
    pub fn age(&self, site: &Site) -> Option<AgeBand> {
        let bands = site.notice.age_bands(Asked::AlertForm);
        // Anybody can type an address into the form; what was confirmed with it is its owner's.
        let owners = self.history.iter().rev().filter(|opened| shows_to_be_theirs(opened, &self.hash));
        owners.filter_map(|opened| opened.record.age).find(|band| bands.contains(band))
    }

    /// The address in clear, as it was sealed beside a record; nothing once all of them are gone or frozen.
    #[must_use]
    pub fn contact(&self) -> Option<&Contact> {
        self.history.iter().rev().find_map(|opened| contact(opened, &self.hash))
    }
}

/// Whether a record was made by somebody who reads what is sent to the address, or was told to staff with evidence.
pub(in crate::app) fn shows_to_be_theirs(opened: &Opened, hash: &Hash) -> bool {
    let record = &opened.record;
    let confirms = record.settles() || record.decisions.values().any(|said| *said == Decision::Confirmed);
    let by_message = matches!(record.act, Act::Link | Act::OneClick | Act::TextStop);
    // Of frozen records the address cannot be read, and a no must not miss it. One that names another address shows nothing of this one.
    (by_message && record.contacts.is_empty()) || ((by_message || confirms) && names(opened, hash))
}

/// Whether a record names an address.
#[must_use]
pub fn names(opened: &Opened, hash: &Hash) -> bool {
    opened.record.contacts.iter().any(|contact| contact.hash == *hash)
}

/// The address of this hash, in clear, where a record names it.
#[must_use]
pub fn contact<'a>(opened: &'a Opened, hash: &Hash) -> Option<&'a Contact> {
    let place = opened.record.contacts.iter().position(|contact| contact.hash == *hash)?;
    opened.contacts.get(place)
}

/// Those of the site's alerts on one channel that people can stop or take up, in order.
pub fn choices_on(site: &Site, channel: Channel) -> impl Iterator<Item = &Purpose> {
    alerts_on(site, channel).filter(|purpose| purpose.is_choice())
}

/// The site's alerts on one channel, in order.
pub fn alerts_on(site: &Site, channel: Channel) -> impl Iterator<Item = &Purpose> {
    site.notice.asked_at(Asked::AlertForm).filter(move |purpose| purpose.channel == Some(channel))
}
