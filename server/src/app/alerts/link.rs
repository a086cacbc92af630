//! Links in messages: sealed, good for one thing each, and made again the same from the same parts.
//!
//! A link is the proof that its holder reads what is sent to the address, so it needs no cookie and no account. It says nothing to
//! anybody else: it is encrypted under a key of the site's, with a nonce made from what is in it (as AES-SIV does), so that
//! nobody can forge one, and one of another site does not open. Links do not age; what they lead to says whether it still counts.

use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_ledger::Ledger;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

const NONCE_LEN: usize = 12;
/// Longest link that is looked at, in characters: anything longer is none of ours.
const LINK_MAX: usize = 512;
const USE: &str = "assent link v1";

/// A contact as links name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactKey {
    /// Email or text.
    pub channel: Channel,
    /// The keyed hash it is found by.
    pub hash: Hash,
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
    /// To see and change everything about an address.
    Centre {
        /// Which.
        contact: ContactKey,
    },
}

impl Link {
    /// The link's text: letters, digits, `-` and `_`.
    #[must_use]
    pub fn seal(&self, ledger: &Ledger) -> String {
        let plain = self.to_bytes();
        let nonce = nonce(ledger, &plain);
        let payload = Payload { msg: &plain, aad: USE.as_bytes() };
        // Fails only for texts of gigabytes.
        let sealed = cipher(ledger).encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// Reads a link of this site. Nothing for anything else, whatever is wrong with it.
    #[must_use]
    pub fn open(text: &str, ledger: &Ledger) -> Option<Self> {
        if text.len() > LINK_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let payload = Payload { msg: sealed, aad: USE.as_bytes() };
        let plain = cipher(ledger).decrypt(&Nonce::from(*nonce), payload).ok()?;
        Self::from_bytes(&plain)
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
            Self::Centre { contact } => begin(2, contact),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([kind, channel], rest) = bytes.split_first_chunk::<2>()?;
        let channel = [Channel::Email, Channel::Text].into_iter().nth(usize::from(*channel))?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let contact = ContactKey { channel, hash: Hash(*hash) };
        Some(match kind {
            0 => {
                let (subject, rest) = rest.split_first_chunk::<16>()?;
                let replaces = match rest {
                    [] => None,
                    rest => Some(Hash(rest.try_into().ok()?)),
                };
                Self::Confirm { subject: SubjectId(*subject), contact, replaces }
            }
            1 => {
                let purpose = PurposeId::new(std::str::from_utf8(rest).ok()?).ok()?;
                Self::Stop { contact, purpose }
            }
            2 if rest.is_empty() => Self::Centre { contact },
            _ => return None,
        })
    }
}

fn cipher(ledger: &Ledger) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&(*ledger.derived_key("links")).into())
}

fn nonce(ledger: &Ledger, plain: &[u8]) -> [u8; NONCE_LEN] {
    let key = ledger.derived_key("link nonces");
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(plain);
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&hash[..NONCE_LEN]);
    nonce
}
