//! Who a decision is about, without knowing who they are.
//!
//! A browser (or the server, for a person without script) draws a random 128-bit [`SubjectToken`] and keeps it.
//! Whoever holds the token may read, change and withdraw what was said with it. Everything that is stored,
//! logged or exported carries only the [`SubjectId`] made from it, from which the token cannot be found again.
//! Never an email address, a phone number or anything a person can be found by. Drawing the randomness is the
//! caller's task.

use crate::hash::{hex_encode, sha256};
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The secret a person's browser keeps: 16 random bytes, shown as 22 characters of unpadded base64url.
///
/// It is a capability: never log it, never put it in an address. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectToken([u8; 16]);

/// Why a text is not a subject token or id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Not 22 characters of unpadded base64url that stand for 16 bytes.
    #[error("a subject token is 22 characters of unpadded base64url")]
    Token,
    /// Not 32 lowercase hex digits.
    #[error("a subject id is 32 lowercase hex digits")]
    Id,
}

impl SubjectToken {
    /// Keeps 16 bytes that the caller drew at random.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the 22-character form.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        if text.len() != 22 {
            return Err(SubjectError::Token);
        }
        let bytes: Vec<u8> = URL_SAFE_NO_PAD.decode(text).map_err(|_| SubjectError::Token)?;
        bytes.try_into().map(Self).map_err(|_| SubjectError::Token)
    }

    /// The 22-character form, for the holder's own cookie and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The id that may be stored: the first 16 bytes of `SHA-256("assent/subject/v1" || 0x00 || token)`.
    #[must_use]
    pub fn id(&self) -> SubjectId {
        let mut input = Vec::with_capacity(34);
        input.extend_from_slice(b"assent/subject/v1\0");
        input.extend_from_slice(&self.0);
        let digest = sha256(&input);
        let mut id = [0; 16];
        id.copy_from_slice(&digest.0[..16]);
        SubjectId(id)
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectToken(…)")
    }
}

/// The random consent id that stands in records: 16 bytes, shown as 32 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubjectId(pub [u8; 16]);

impl SubjectId {
    /// Reads 32 lowercase hex digits.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(SubjectError::Id);
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
            let value = |d: u8| match d {
                b'0'..=b'9' => Ok(d - b'0'),
                b'a'..=b'f' => Ok(d - b'a' + 10),
                _ => Err(SubjectError::Id),
            };
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Ok(Self(id))
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}
impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectId({self})")
    }
}
impl TryFrom<String> for SubjectId {
    type Error = SubjectError;
    fn try_from(text: String) -> Result<Self, SubjectError> {
        Self::parse(&text)
    }
}
impl From<SubjectId> for String {
    fn from(id: SubjectId) -> String {
        alloc::format!("{id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn token_round_trips_and_hides() {
        let token = SubjectToken::from_random([7; 16]);
        assert_eq!(SubjectToken::parse(&token.reveal()).unwrap(), token);
        assert_eq!(format!("{token:?}"), "SubjectToken(…)");
        assert_eq!(SubjectId::parse(&format!("{}", token.id())).unwrap(), token.id());
        assert_ne!(token.id().0, [7; 16]);
        for bad in ["", "short", "BwcHBwcHBwcHBwcHBwcHB=", "BwcHBwcHBwcHBwcHBwcHBwB"] {
            assert!(SubjectToken::parse(bad).is_err(), "{bad}");
        }
    }
}
