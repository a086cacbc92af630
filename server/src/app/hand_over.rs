//! Taking a choice on to another site of the same controller: who offers it, and the ticket that travels.
//!
//! A ticket says what was said on one site and is good for one press on one other, for a quarter of an hour. It names nobody: the other
//! site's record has a subject of its own, so that two sites' logs do not tell who is the same person. Tickets are authenticated under a
//! key that this process drew and that is kept nowhere, so that none outlives it, and none that was used counts again. Nothing here records.

use super::sites::{Site, Sites};
use super::state::State;
use assent_core::decision::{Choice, Standing};
use assent_core::hand_over::carried;
use assent_core::hash::Hash;
use assent_core::ids::{PurposeId, SiteId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a ticket is good for, in milliseconds.
pub const LASTS_MS: u64 = 15 * 60 * 1000;
/// Longest ticket that is looked at, in characters: 256 purposes with the longest names fit.
const TICKET_MAX: usize = 32 * 1024;

/// What travels. All of it is what the person who carries it sees, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Where it was said.
    pub from: SiteId,
    /// The one site that it is good for.
    pub to: SiteId,
    /// The notice that it was said to: when another is in force, what it said may mean something else.
    notice: Hash,
    /// The language it was read in.
    pub language: String,
    /// What was said to what the other site asks in the same words.
    pub choices: BTreeMap<PurposeId, Choice>,
    /// Until when it is good, in Unix milliseconds.
    ends: u64,
    /// Random: what it is known by once it was used.
    pub once: String,
}

/// Why a ticket is good for nothing. Nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It was not made here, or not since the server started, or for another site.
    #[error("the ticket is not known here")]
    Unknown,
    /// Its time is over, or one of the two sites asks something else by now.
    #[error("the ticket is over")]
    Over,
    /// It was used before.
    #[error("the ticket was used before")]
    Used,
}

/// The tickets of this process.
pub struct HandOvers {
    key: [u8; 32],
    /// Those that were used, by when they would have ended.
    used: Mutex<BTreeMap<String, u64>>,
}

impl fmt::Debug for HandOvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandOvers").finish_non_exhaustive()
    }
}

/// One other site that a person may take their choices on to.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The site.
    pub to: Arc<Site>,
    /// What would be taken on: never empty.
    pub choices: BTreeMap<PurposeId, Choice>,
    /// The ticket's text.
    pub ticket: String,
}

impl HandOvers {
    /// With a key of its own.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Self { key, used: Mutex::default() })
    }

    /// The other sites that `state`, read on `site` in `language`, may be taken on to. None where nothing is asked in the same words.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn offers(
        &self,
        sites: &Sites,
        site: &Site,
        state: &State,
        language: &str,
        now: u64,
    ) -> anyhow::Result<Vec<Offer>> {
        let mut offers = Vec::new();
        for to in others(sites, site) {
            let choices = carried(&site.notice, &to.notice, language, &state.standings);
            if choices.is_empty() {
                continue;
            }
            let ticket = Ticket {
                from: site.file.id.clone(),
                to: to.file.id.clone(),
                notice: site.hash,
                language: language.to_string(),
                choices: choices.clone(),
                ends: now + LASTS_MS,
                once: super::random_hex()?,
            };
            offers.push(Offer { to, choices, ticket: self.write(&ticket) });
        }
        Ok(offers)
    }

    /// Reads a ticket that came to `to`: with the site that it is from, and nothing changed on either side since it was made.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn read(
        &self,
        sites: &Sites,
        to: &Site,
        text: &str,
        now: u64,
    ) -> Result<(Ticket, Arc<Site>), TicketError> {
        let ticket = self.parse(text).filter(|ticket| ticket.to == to.file.id).ok_or(TicketError::Unknown)?;
        if ticket.ends <= now || ticket.ends > now + LASTS_MS {
            return Err(TicketError::Over);
        }
        let from = sites.get(&ticket.from).ok_or(TicketError::Over)?;
        let said = ticket.choices.iter().map(|(id, choice)| {
            let standing = match choice {
                Choice::Yes => Standing::Granted,
                Choice::No => Standing::Refused,
            };
            (id.clone(), standing)
        });
        // Looked at again, because either site may have been published anew, or no longer hand over.
        let holds = from.hash == ticket.notice
            && from.file.hands_over_to.contains(&to.file.id)
            && carried(&from.notice, &to.notice, &ticket.language, &said.collect()) == ticket.choices;
        if !holds {
            return Err(TicketError::Over);
        }
        if self.used().contains_key(&ticket.once) {
            return Err(TicketError::Used);
        }
        Ok((ticket, from))
    }

    /// Uses a ticket up, before anything is recorded.
    ///
    /// # Errors
    /// [`TicketError::Used`]: somebody else did meanwhile.
    pub fn take(&self, ticket: &Ticket, now: u64) -> Result<(), TicketError> {
        let mut used = self.used();
        used.retain(|_, ends| *ends > now);
        match used.insert(ticket.once.clone(), ticket.ends) {
            None => Ok(()),
            Some(_) => Err(TicketError::Used),
        }
    }

    /// Makes a ticket good again when it is certain that nothing was recorded for it.
    pub fn give_back(&self, ticket: &Ticket) {
        self.used().remove(&ticket.once);
    }

    fn used(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, ticket: &Ticket) -> String {
        // Text keys and whole numbers.
        let plain = serde_json::to_vec(ticket).unwrap_or_default();
        let mac = self.mac(&plain).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&mac[..], &plain].concat())
    }

    fn parse(&self, text: &str) -> Option<Ticket> {
        if text.len() > TICKET_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (mac, plain) = bytes.split_first_chunk::<32>()?;
        self.mac(plain).verify_slice(mac).ok()?;
        serde_json::from_slice(plain).ok()
    }

    fn mac(&self, plain: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(b"assent hand-over v1\0");
        mac.update(plain);
        mac
    }
}

/// The sites that `site` hands over to and that answer here now.
pub fn others(sites: &Sites, site: &Site) -> Vec<Arc<Site>> {
    let declared = site.file.hands_over_to.iter().filter_map(|id| sites.get(id));
    declared.filter(|other| !other.ledger.is_imported()).collect()
}

/// How a site is called before people: the host of its first origin.
#[must_use]
pub fn name(site: &Site) -> String {
    let origin = site.file.origins.first().unwrap_or(&site.file.public_url);
    origin.split_once("://").map_or(origin.as_str(), |(_, host)| host).to_string()
}
