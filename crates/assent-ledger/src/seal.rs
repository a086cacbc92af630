//! Sealed rows: a record, its salt and the addresses it is about, readable only with two secrets.
//!
//! Key: HKDF-SHA-256(subject secret || period secret, info = origin, 0x00, index), so destroying either secret makes
//! the row noise: one erases a person, the other a month. Cipher: ChaCha20-Poly1305 with a random nonce (an index can
//! be tried twice with other contents), bound to the row's clear fields. Not here: where the secrets live.
//!
//! Content: record length (4 bytes, big endian), record, 64 bytes of salt, then the contacts as JSON if there are any.

use assent_core::commitment::{SALT_LEN, Salt};
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, NONCE_LEN};
use crate::draft::Contact;
use crate::keys::{self, Secret};

/// Which row of which log, with its clear fields: what a sealed row is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) origin: &'a str,
    pub(crate) index: u64,
    pub(crate) time: u64,
    pub(crate) covering: u64,
    pub(crate) subject: SubjectId,
    pub(crate) period: u32,
}

/// What a row holds once it is open.
#[derive(Debug)]
pub(crate) struct Content {
    /// The record's exact bytes.
    pub(crate) record: String,
    pub(crate) salt: Salt,
    pub(crate) contacts: Vec<Contact>,
}

#[derive(Serialize, Deserialize)]
struct SealedContact {
    channel: Channel,
    address: String,
}

impl Place<'_> {
    fn cipher(&self, subject: &Secret, period: &Secret) -> Cipher {
        let mut secrets = Zeroizing::new([0; 64]);
        secrets[..32].copy_from_slice(&**subject);
        secrets[32..].copy_from_slice(&**period);
        let mut key = Zeroizing::new([0; 32]);
        let info: [&[u8]; 3] = [self.origin.as_bytes(), &[0], &self.index.to_be_bytes()];
        // 32 bytes is a length HKDF-SHA-256 always gives.
        let _ = Hkdf::<Sha256>::new(None, &*secrets).expand_multi_info(&info, &mut *key);
        Cipher::new(&key)
    }

    fn bound(&self) -> [u8; 36] {
        let mut bound = [0; 36];
        bound[..8].copy_from_slice(&self.time.to_be_bytes());
        bound[8..16].copy_from_slice(&self.covering.to_be_bytes());
        bound[16..32].copy_from_slice(&self.subject.0);
        bound[32..].copy_from_slice(&self.period.to_be_bytes());
        bound
    }

    /// The row's bytes: nonce, then ciphertext.
    pub(crate) fn seal(
        &self,
        subject: &Secret,
        period: &Secret,
        nonce: &[u8; NONCE_LEN],
        (record, salt, contacts): (&str, &Salt, &[Contact]),
    ) -> Vec<u8> {
        let mut plain = Zeroizing::new(Vec::with_capacity(4 + record.len() + SALT_LEN));
        // `append` refuses drafts long before a record's length could not be written.
        plain.extend_from_slice(&(record.len() as u32).to_be_bytes());
        plain.extend_from_slice(record.as_bytes());
        plain.extend_from_slice(salt.as_bytes());
        if !contacts.is_empty() {
            let list =
                contacts.iter().map(|c| SealedContact { channel: c.channel, address: c.address.clone() });
            // A list of texts cannot fail to serialise.
            let json = serde_json::to_vec(&list.collect::<Vec<_>>()).unwrap_or_default();
            plain.extend_from_slice(&Zeroizing::new(json));
        }
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&self.cipher(subject, period).seal(nonce, &plain, &self.bound()));
        bytes
    }

    /// Opens [`Self::seal`]'s bytes; nothing when they or the place are not what was sealed.
    pub(crate) fn open(&self, subject: &Secret, period: &Secret, bytes: &[u8]) -> Option<Content> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let plain = keys::open(&self.cipher(subject, period), nonce, sealed, &self.bound())?;
        let (length, rest) = plain.split_first_chunk::<4>()?;
        let (record, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let (salt, contacts) = rest.split_at_checked(SALT_LEN)?;
        let contacts: Vec<SealedContact> =
            if contacts.is_empty() { Vec::new() } else { serde_json::from_slice(contacts).ok()? };
        Some(Content {
            record: String::from_utf8(record.to_vec()).ok()?,
            salt: Salt::from_slice(salt).ok()?,
            contacts: contacts
                .into_iter()
                .map(|SealedContact { channel, address }| Contact { channel, address })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_where_and_with_what_it_was_sealed() {
        let (a, b) = (Zeroizing::new([1; 32]), Zeroizing::new([2; 32]));
        let subject = SubjectId([3; 16]);
        let place = Place { origin: "o", index: 7, time: 8, covering: 9, subject, period: 10 };
        let salt = Salt::from_bytes([4; 64]);
        let contacts = [Contact { channel: Channel::Email, address: "a@example.org".into() }];
        let bytes = place.seal(&a, &b, &[5; 12], ("{\"record\":1}", &salt, &contacts));
        let content = place.open(&a, &b, &bytes).unwrap();
        assert_eq!((content.record.as_str(), &content.salt), ("{\"record\":1}", &salt));
        assert_eq!(content.contacts, contacts);
        assert!(!bytes.windows(7).any(|window| window == b"example" || window == b"{\"recor"));

        assert!(place.open(&b, &a, &bytes).is_none());
        assert!(place.open(&a, &a, &bytes).is_none());
        let elsewhere = [
            Place { origin: "p", ..place },
            Place { index: 6, ..place },
            Place { time: 0, ..place },
            Place { covering: 0, ..place },
            Place { subject: SubjectId([0; 16]), ..place },
            Place { period: 11, ..place },
        ];
        assert!(elsewhere.iter().all(|place| place.open(&a, &b, &bytes).is_none()));
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(place.open(&a, &b, &changed).is_none(), "byte {position}");
        }
    }
}
