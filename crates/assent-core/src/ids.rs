//! Names that appear in addresses, records and cookies, checked once where they enter.
//!
//! A name here is safe to put in a URL path, a cookie value, a file name and a metric label.
//! Not here: random ids of people ([`crate::subject`]) and hashes ([`crate::hash`]).

use alloc::string::{String, ToString};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
pub const NAME_MAX: usize = 48;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a name: use 1 to {NAME_MAX} of a-z, 0-9 and `-`, starting with a letter")]
pub struct NameError {
    /// The text that was offered, cut to [`NAME_MAX`] characters.
    pub found: String,
}

fn check(text: &str) -> Result<(), NameError> {
    let good = (1..=NAME_MAX).contains(&text.len())
        && text.as_bytes()[0].is_ascii_lowercase()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good { Ok(()) } else { Err(NameError { found: text.chars().take(NAME_MAX).collect() }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and keeps a name: 1–48 of `a-z`, `0-9`, `-`, starting with a letter.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.to_string()))
            }
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text)?;
                Ok(Self(text))
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// One property of a controller, as it stands in addresses: `/v1/{site}/…`.
    SiteId
}
name! {
    /// One thing asked for or told about: `analytics`, `email-tracking`, `text-clinic-changes`.
    PurposeId
}
name! {
    /// An endpoint that is told of events, as the operator calls it.
    EndpointId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "clinic", "email-news", "a2"] {
            assert_eq!(PurposeId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "2a", "-a", "A", "a b", "a/b", "a_b", "é", &"a".repeat(49)] {
            assert!(PurposeId::new(bad).is_err(), "{bad}");
        }
    }
}
