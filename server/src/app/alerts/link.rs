//! Links in messages: sealed, good for one thing each, and made again the same from the same parts.
//!
//! A link is the proof that its holder reads what is sent to the address, so it needs no cookie and no account. It says nothing to
//! anybody else: it is [`sealed`](super::sealed), so that nobody can forge one, and one of another
//! site does not open. Those that stop something do not age. What the others lead to says whether it still counts; and that to
//! everything about an address names the day it was made on, because in the end messages lie about.

use super::sealed::{Sealer, Use};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_ledger::{Contact, Ledger};

/// Longest link that is looked at, in characters: anything longer is none of ours.
const LINK_MAX: usize = 512;
const LINKS: Use = Use { key: "links", nonces: "link nonces", label: "assent link v1" };

/// A contact as links name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactKey {
    /// Email or text.
    pub channel: Channel,
    /// The keyed hash it is found by.
    pub hash: Hash,
}

impl ContactKey {
    /// Of an address in a site's log.
    #[must_use]
    pub fn of(ledger: &Ledger, contact: &Contact) -> Self {
        Self { channel: contact.channel, hash: ledger.contact_hash(contact.channel, &contact.address) }
    }
}

/// What a link is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// To confirm what one sign-up asked for.
    Confirm {
        /// Whose sign-up.
        subject: SubjectId,
        /// The address it was sent to.
        contact: ContactKey,
        /// The address that is let go of once this one is confirmed.
        replaces: Option<Hash>,
    },
    /// To stop one alert.
    Stop {
        /// For whom.
        contact: ContactKey,
        /// Which.
        purpose: PurposeId,
    },
    /// To see and change everything about an address; when it is old, only to stop.
    Centre {
        /// Which.
        contact: ContactKey,
        /// When it was made, in days since 1 January 1970: see [`day`]. 0 for links from before they said so.
        day: u32,
    },
    /// To keep one alert that would end by itself.
    Keep {
        /// For whom.
        contact: ContactKey,
        /// Which.
        purpose: PurposeId,
        /// The day of the end that it was sent about: see [`day`]. Once it ends later, the link is spent.
        end: u32,
    },
}

/// The day of a time in Unix milliseconds, since 1 January 1970 in UTC.
#[must_use]
pub fn day(time: u64) -> u32 {
    u32::try_from(time / (24 * 60 * 60 * 1000)).unwrap_or(u32::MAX)
}

/// What seals a site's links.
#[must_use]
pub fn sealer(ledger: &Ledger) -> Sealer {
    Sealer::new(ledger, &LINKS)
}

impl Link {
    /// The link's text: letters, digits, `-` and `_`.
    #[must_use]
    pub fn seal(&self, links: &Sealer) -> String {
        links.seal(&self.to_bytes())
    }

    /// Reads a link of this site. Nothing for anything else, whatever is wrong with it.
    #[must_use]
    pub fn open(text: &str, links: &Sealer) -> Option<Self> {
        if text.len() > LINK_MAX {
            return None;
        }
        Self::from_bytes(&links.open(text)?)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let begin = |kind: u8, contact: &ContactKey| {
            let channel = match contact.channel {
                Channel::Email => 0,
                Channel::Text => 1,
            };
            [&[kind, channel][..], &contact.hash.0].concat()
        };
        match self {
            Self::Confirm { subject, contact, replaces } => {
                let replaces = replaces.map(|hash| hash.0.to_vec()).unwrap_or_default();
                [begin(0, contact), subject.0.to_vec(), replaces].concat()
            }
            Self::Stop { contact, purpose } => [&begin(1, contact), purpose.as_str().as_bytes()].concat(),
            Self::Centre { contact, day } => [&begin(2, contact)[..], &day.to_be_bytes()].concat(),
            // 3 was one that did not say which end it was about; it opens no more.
            Self::Keep { contact, purpose, end } => {
                [&begin(4, contact), &end.to_be_bytes()[..], purpose.as_str().as_bytes()].concat()
            }
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([kind, channel], rest) = bytes.split_first_chunk::<2>()?;
        let channel = [Channel::Email, Channel::Text].into_iter().nth(usize::from(*channel))?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let contact = ContactKey { channel, hash: Hash(*hash) };
        let name = |bytes: &[u8]| PurposeId::new(std::str::from_utf8(bytes).ok()?).ok();
        Some(match kind {
            0 => {
                let (subject, rest) = rest.split_first_chunk::<16>()?;
                let replaces = match rest {
                    [] => None,
                    rest => Some(Hash(rest.try_into().ok()?)),
                };
                Self::Confirm { subject: SubjectId(*subject), contact, replaces }
            }
            1 => Self::Stop { contact, purpose: name(rest)? },
            2 if rest.is_empty() => Self::Centre { contact, day: 0 },
            2 => Self::Centre { contact, day: u32::from_be_bytes(rest.try_into().ok()?) },
            4 => {
                let (end, rest) = rest.split_first_chunk::<4>()?;
                Self::Keep { contact, purpose: name(rest)?, end: u32::from_be_bytes(*end) }
            }
            _ => return None,
        })
    }
}
