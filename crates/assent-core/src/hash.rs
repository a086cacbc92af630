//! SHA-256 values and the text forms (hex, base64) every other module uses.
//!
//! All text forms are strict: one value has exactly one spelling, so that equal text means equal
//! bytes. Nothing here is keyed; commitments live in [`crate::commitment`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// Length of a [`struct@Hash`] in bytes.
pub const HASH_LEN: usize = 32;

/// A SHA-256 value: a leaf, node or root of a tree, or the name of a document.
///
/// Prints, parses and serialises as 64 lowercase hex digits. Checkpoints and proofs write it in
/// base64 ([`Hash::to_base64`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; HASH_LEN]);

/// Why a text is not a [`struct@Hash`], or not hex or base64 at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// A character other than `0-9a-f`, or an odd number of them.
    #[error("not lowercase hexadecimal")]
    NotHex,
    /// Not RFC 4648 section 4 base64 with padding and zero trailing bits.
    #[error("not standard base64 with padding")]
    NotBase64,
    /// Well encoded, but not as many bytes as the value has.
    #[error("{actual} bytes long instead of {expected}")]
    WrongLength {
        /// Bytes the value has.
        expected: usize,
        /// Bytes the text held.
        actual: usize,
    },
}

impl Hash {
    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// 64 lowercase hex digits.
    pub fn to_hex(&self) -> String {
        hex_encode(&self.0)
    }

    /// Reads 64 lowercase hex digits.
    ///
    /// # Errors
    /// [`EncodingError::NotHex`] or [`EncodingError::WrongLength`].
    pub fn from_hex(text: &str) -> Result<Self, EncodingError> {
        to_array(&hex_decode(text)?).map(Hash)
    }

    /// 44 characters of base64, as in checkpoints and proofs.
    pub fn to_base64(&self) -> String {
        base64_encode(&self.0)
    }

    /// Reads 44 characters of base64.
    ///
    /// # Errors
    /// [`EncodingError::NotBase64`] or [`EncodingError::WrongLength`].
    pub fn from_base64(text: &str) -> Result<Self, EncodingError> {
        to_array(&base64_decode(text)?).map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl FromStr for Hash {
    type Err = EncodingError;

    fn from_str(text: &str) -> Result<Self, EncodingError> {
        Self::from_hex(text)
    }
}

impl From<[u8; HASH_LEN]> for Hash {
    fn from(bytes: [u8; HASH_LEN]) -> Self {
        Hash(bytes)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;
        impl de::Visitor<'_> for HexVisitor {
            type Value = Hash;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 lowercase hexadecimal digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hash, E> {
                Hash::from_hex(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(HexVisitor)
    }
}

/// SHA-256 of the bytes (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// SHA-256 of the parts joined, without joining them in memory.
pub fn sha256_parts(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// Lowercase hex, two digits a byte.
pub fn hex_encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
    }
    text
}

/// Reads lowercase hex; uppercase is refused so that a value has one spelling.
///
/// # Errors
/// [`EncodingError::NotHex`].
pub fn hex_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    fn digit(byte: u8) -> Result<u8, EncodingError> {
        match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(EncodingError::NotHex),
        }
    }
    let text = text.as_bytes();
    if !text.len().is_multiple_of(2) {
        return Err(EncodingError::NotHex);
    }
    text.chunks_exact(2).map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// RFC 4648 section 4 base64 with padding.
pub fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads RFC 4648 section 4 base64; padding is required and trailing bits must be zero.
///
/// # Errors
/// [`EncodingError::NotBase64`].
pub fn base64_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    STANDARD.decode(text).map_err(|_| EncodingError::NotBase64)
}

/// The bytes as an array of exactly `N`.
///
/// # Errors
/// [`EncodingError::WrongLength`].
pub fn to_array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], EncodingError> {
    bytes.try_into().map_err(|_| EncodingError::WrongLength { expected: N, actual: bytes.len() })
}

/// Reads a decimal number the way every C2SP text form writes it: digits only, no sign and no
/// leading zero except for `0` itself.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit())
        && !text.is_empty()
        && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn known_values() {
        assert_eq!(sha256(b"abc").to_hex(), ABC, "FIPS 180-4");
        assert_eq!(sha256_parts(&[b"a", b"", b"bc"]), sha256(b"abc"));
        assert_eq!(base64_encode(b"foob"), "Zm9vYg==", "RFC 4648 section 10");
        assert_eq!(hex_encode(&[0x00, 0x0f, 0xf0]), "000ff0");
    }

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(Hash::from_hex(&ABC.to_uppercase()), Err(EncodingError::NotHex));
        assert_eq!(hex_decode("abc"), Err(EncodingError::NotHex));
        assert_eq!(hex_decode("zz"), Err(EncodingError::NotHex));
        assert_eq!(Hash::from_hex("00"), Err(EncodingError::WrongLength { expected: 32, actual: 1 }));
        for text in ["Zm9vYg", "Zm9vYh==", "Zm9vYg==\n", " Zm9vYg==", "Zm9-Yg=="] {
            assert_eq!(base64_decode(text), Err(EncodingError::NotBase64), "{text:?}");
        }
    }

    #[test]
    fn serialises_as_hex() {
        let hash = sha256(b"abc");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{ABC}\""));
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        assert_eq!(ABC.parse::<Hash>(), Ok(hash));
        assert!(serde_json::from_str::<Hash>("\"ab\"").is_err());
        assert!(serde_json::from_str::<Hash>("5").is_err());
    }

    #[test]
    fn decimals_have_no_sign_or_leading_zero() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("١", None),
        ] {
            assert_eq!(parse_decimal(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_forms_round_trip(bytes: [u8; 32]) {
            let hash = Hash(bytes);
            prop_assert_eq!(Hash::from_hex(&hash.to_hex()), Ok(hash));
            prop_assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
        }
    }
}
