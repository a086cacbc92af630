//! Leaves: what the public log holds instead of what people said.
//!
//! A leaf is always 34 bytes, so its length says nothing, and holds no time, purpose, visitor or
//! other value that could repeat. The commitment of an event can be opened only with its record and
//! its salt; once the salt is destroyed the leaf carries no usable information. Where salts and
//! records are kept, and when they are destroyed, is the ledger's business.

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::hash::{EncodingError, Hash, base64_decode, base64_encode, sha256, to_array};
use crate::merkle;

/// Length of every leaf in bytes.
pub const LEAF_LEN: usize = 34;
/// Length of a salt in bytes: the block size of HMAC-SHA-256.
pub const SALT_LEN: usize = 64;

const LEAF_VERSION: u8 = 0x01;
const EVENT_DOMAIN: &[u8] = b"consent-ledger/event/v1\0";
const ERASURE_DOMAIN: &[u8] = b"consent-ledger/erasure/v1\0";
const PURGE_DOMAIN: &[u8] = b"consent-ledger/purge/v1\0";

/// What a leaf stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LeafType {
    /// A consent event of any kind; which kind stays hidden.
    Event = 0x01,
    /// A notice was published. Not personal; the document stays public.
    Notice = 0x02,
    /// A batch of erasures, as a salted list of indices.
    ErasureSummary = 0x03,
    /// A purge by retention rule, as a salted summary.
    PurgeSummary = 0x04,
    /// A key or policy changed; the document is public.
    Change = 0x05,
}

/// Why some bytes are not a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeafError {
    /// Not [`LEAF_LEN`] bytes.
    #[error("a leaf has {LEAF_LEN} bytes, not {actual}")]
    WrongLength {
        /// Bytes given.
        actual: usize,
    },
    /// A version this code does not know.
    #[error("leaf version {0:#04x} is not known")]
    UnknownVersion(u8),
    /// A type this code does not know.
    #[error("leaf type {0:#04x} is not known")]
    UnknownType(u8),
}

/// One entry of the log: `0x01 || type || commitment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// What it stands for.
    pub leaf_type: LeafType,
    /// HMAC or hash, by type; see the constructors.
    pub commitment: Hash,
}

impl Leaf {
    /// An event: HMAC-SHA-256(key = salt, `"consent-ledger/event/v1\0" || H(origin) || H(record)`).
    /// `record` is the record's exact bytes, never re-serialised.
    pub fn event(origin: &str, record: &[u8], salt: &Salt) -> Self {
        Leaf { leaf_type: LeafType::Event, commitment: salted(EVENT_DOMAIN, origin, record, salt) }
    }

    /// A published notice: H(document).
    pub fn notice(document: &[u8]) -> Self {
        Leaf { leaf_type: LeafType::Notice, commitment: sha256(document) }
    }

    /// An erasure summary: as an event, with domain `consent-ledger/erasure/v1\0` and the canonical
    /// list in place of the record.
    pub fn erasure_summary(origin: &str, list: &[u8], salt: &Salt) -> Self {
        Leaf { leaf_type: LeafType::ErasureSummary, commitment: salted(ERASURE_DOMAIN, origin, list, salt) }
    }

    /// A purge summary: as an event, with domain `consent-ledger/purge/v1\0`.
    pub fn purge_summary(origin: &str, summary: &[u8], salt: &Salt) -> Self {
        Leaf { leaf_type: LeafType::PurgeSummary, commitment: salted(PURGE_DOMAIN, origin, summary, salt) }
    }

    /// A key or policy change: H(document).
    pub fn change(document: &[u8]) -> Self {
        Leaf { leaf_type: LeafType::Change, commitment: sha256(document) }
    }

    /// The 34 bytes of the entry.
    pub fn to_bytes(&self) -> [u8; LEAF_LEN] {
        let mut bytes = [0; LEAF_LEN];
        bytes[0] = LEAF_VERSION;
        bytes[1] = self.leaf_type as u8;
        bytes[2..].copy_from_slice(&self.commitment.0);
        bytes
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`LeafError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let bytes: &[u8; LEAF_LEN] =
            bytes.try_into().map_err(|_| LeafError::WrongLength { actual: bytes.len() })?;
        let [version, leaf_type, commitment @ ..] = bytes;
        if *version != LEAF_VERSION {
            return Err(LeafError::UnknownVersion(*version));
        }
        let leaf_type = match *leaf_type {
            0x01 => LeafType::Event,
            0x02 => LeafType::Notice,
            0x03 => LeafType::ErasureSummary,
            0x04 => LeafType::PurgeSummary,
            0x05 => LeafType::Change,
            other => return Err(LeafError::UnknownType(other)),
        };
        Ok(Leaf { leaf_type, commitment: Hash(*commitment) })
    }

    /// RFC 6962 hash of the entry: `H(0x00 || leaf)`.
    pub fn hash(&self) -> Hash {
        merkle::leaf_hash(&self.to_bytes())
    }
}

/// 64 secret random bytes, used for one leaf only and wiped from memory when dropped.
///
/// There is no `Default` and no generator here: randomness comes from the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; SALT_LEN]);

impl Salt {
    /// A salt from bytes that must be fresh and random, or read back from where it was kept.
    pub const fn from_bytes(bytes: [u8; SALT_LEN]) -> Self {
        Salt(bytes)
    }

    /// Reads a salt from a slice.
    ///
    /// # Errors
    /// [`EncodingError::WrongLength`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self, EncodingError> {
        to_array(bytes).map(Salt)
    }

    /// The secret bytes.
    pub const fn as_bytes(&self) -> &[u8; SALT_LEN] {
        &self.0
    }

    /// The secret bytes in base64, for receipts and exports.
    pub fn to_base64(&self) -> String {
        base64_encode(&self.0)
    }

    /// Reads [`to_base64`](Self::to_base64).
    ///
    /// # Errors
    /// [`EncodingError`].
    pub fn from_base64(text: &str) -> Result<Self, EncodingError> {
        let bytes = Zeroizing::new(base64_decode(text)?);
        Self::from_slice(&bytes)
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(redacted)")
    }
}

fn salted(domain: &[u8], origin: &str, content: &[u8], salt: &Salt) -> Hash {
    let mut mac = Hmac::<Sha256>::new((&salt.0).into());
    mac.update(domain);
    mac.update(&sha256(origin.as_bytes()).0);
    mac.update(&sha256(content).0);
    Hash(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    const ORIGIN: &str = "log.example.org/clinic";

    /// `FORMAT.md`, "Vectors"; computed there with another language's libraries.
    #[test]
    fn vectors() {
        let record = r#"{"entry":2,"note":"café"}"#;
        let leaf = Leaf::event(ORIGIN, record.as_bytes(), &Salt::from_bytes([2; 64]));
        assert_eq!(
            crate::hash::hex_encode(&leaf.to_bytes()),
            "0101895cd05fcf9d093437312d976611514e39301905086c6d19d905c7b77b135fd4"
        );
        assert_eq!(leaf.hash().to_hex(), "2660b33600fc985e3497cc6059497685fb43f1b4b95a07b4c11430e56774ac81");
        let notice = Leaf::notice(r#"{"entry":3,"note":"café"}"#.as_bytes());
        assert_eq!(
            crate::hash::hex_encode(&notice.to_bytes()),
            "01027eb29854d00440178d1ab2b9771a8a6213123850deee8c6d0c6c6f956b46e5ca"
        );
        let salt = Salt::from_bytes([7; 64]);
        assert_eq!(
            Leaf::erasure_summary(ORIGIN, b"[1,2]", &salt).commitment.to_hex(),
            "b25fa9a90776126c5ed4c08b90682c0853681d930aa03bb6a84bf2320ab2213e"
        );
        assert_eq!(
            Leaf::purge_summary(ORIGIN, b"[1,2]", &salt).commitment.to_hex(),
            "7e5d455be63e012d686542423dbdd69abfa3f63fc4f617c2aa974d359a5992d2"
        );
    }

    /// The page holds the values the tests of this crate compute.
    #[test]
    fn the_page_is_in_step() {
        let page = include_str!("../FORMAT.md");
        let record = r#"{"entry":2,"note":"café"}"#;
        let leaf = Leaf::event(ORIGIN, record.as_bytes(), &Salt::from_bytes([2; 64]));
        for value in [
            crate::hash::hex_encode(&leaf.to_bytes()),
            leaf.hash().to_hex(),
            crate::note::tests::log_key().verifier().to_string(),
            crate::note::tests::witness_key().verifier().to_string(),
            crate::receipt::RECEIPT_FORMAT.to_string(),
            crate::export_format::EXPORT_FORMAT.to_string(),
        ] {
            assert!(page.contains(&value), "FORMAT.md lacks {value}");
        }
    }

    #[test]
    fn every_type_round_trips() {
        let salt = Salt::from_bytes([9; 64]);
        for leaf in [
            Leaf::event(ORIGIN, b"r", &salt),
            Leaf::notice(b"n"),
            Leaf::erasure_summary(ORIGIN, b"e", &salt),
            Leaf::purge_summary(ORIGIN, b"p", &salt),
            Leaf::change(b"c"),
        ] {
            assert_eq!(Leaf::parse(&leaf.to_bytes()), Ok(leaf));
        }
    }

    #[test]
    fn refuses_other_bytes() {
        let bytes = Leaf::notice(b"n").to_bytes();
        assert_eq!(Leaf::parse(&bytes[..33]), Err(LeafError::WrongLength { actual: 33 }));
        assert_eq!(Leaf::parse(&[0; 35]), Err(LeafError::WrongLength { actual: 35 }));
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(Leaf::parse(&other), Err(LeafError::UnknownVersion(2)));
        for unknown in [0, 6, 0xff] {
            let mut other = bytes;
            other[1] = unknown;
            assert_eq!(Leaf::parse(&other), Err(LeafError::UnknownType(unknown)));
        }
    }

    #[test]
    fn the_commitment_binds_origin_record_and_salt() {
        let leaf = Leaf::event(ORIGIN, b"record", &Salt::from_bytes([1; 64]));
        assert_ne!(leaf, Leaf::event("log.example.org/other", b"record", &Salt::from_bytes([1; 64])));
        assert_ne!(leaf, Leaf::event(ORIGIN, b"Record", &Salt::from_bytes([1; 64])));
        assert_ne!(leaf, Leaf::event(ORIGIN, b"record", &Salt::from_bytes([3; 64])));
    }

    #[test]
    fn salts_stay_out_of_debug_output() {
        let salt = Salt::from_bytes([0xab; 64]);
        assert_eq!(format!("{salt:?}"), "Salt(redacted)");
        assert_eq!(Salt::from_base64(&salt.to_base64()), Ok(salt));
        assert_eq!(Salt::from_slice(&[0; 32]), Err(EncodingError::WrongLength { expected: 64, actual: 32 }));
    }
}
