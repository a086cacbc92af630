//! Receipt ids: UUID version 7, drawn by the sequencer. Not the randomness or the clock they are made from.

use std::fmt;
use std::str::FromStr;

/// A receipt's id: UUID v7 (RFC 9562), 36 lowercase characters with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId(pub [u8; 16]);

/// The text is not 36 lowercase characters of a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a receipt id is a UUID of 36 lowercase characters")]
pub struct ReceiptIdError;

impl ReceiptId {
    /// An id from a time (milliseconds since 1970 UTC) and ten random bytes.
    #[must_use]
    pub fn from_parts(time: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(time, random).into_uuid().into_bytes())
    }

    /// The time it was made from: milliseconds since 1970 UTC, which is when its record was taken down.
    #[must_use]
    pub fn time(&self) -> u64 {
        let mut time = [0; 8];
        time[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(time)
    }

    /// Reads the 36-character form. Only its one spelling is accepted.
    ///
    /// # Errors
    /// [`ReceiptIdError`].
    pub fn parse(text: &str) -> Result<Self, ReceiptIdError> {
        let id = Self(uuid::Uuid::try_parse(text).map_err(|_| ReceiptIdError)?.into_bytes());
        if id.to_string() == text { Ok(id) } else { Err(ReceiptIdError) }
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_bytes(self.0).hyphenated())
    }
}

impl fmt::Debug for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ReceiptId {
    type Err = ReceiptIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let id = ReceiptId::from_parts(1_700_000_000_000, &[7; 10]);
        assert_eq!(ReceiptId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.to_string().as_bytes()[14], b'7');
        assert_eq!(id.time(), 1_700_000_000_000);
        for bad in [
            id.to_string().to_uppercase(),
            id.to_string().replace('-', ""),
            format!("{{{id}}}"),
            String::new(),
        ] {
            assert!(ReceiptId::parse(&bad).is_err(), "{bad}");
        }
    }
}
