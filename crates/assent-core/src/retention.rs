//! Retention: how long records are kept, by class, and the document that says so in the log.
//!
//! Two classes. Anonymous records (banner choices) are kept for a while after the consent they hold has ended; records
//! linked to an address, for a while after the person's last use of any of the controller's sites (UK GDPR Art 5(1)(e)).
//! What counts as use, and who purges, is not said here.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hash::{Hash, sha256};

/// First field of a [`RetentionRules`] document.
pub const RETENTION_FORMAT: &str = "assent-retention/v1";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What the site file says under `[retention]`. Defaults: two years after the consent ends; eight years after last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionFile {
    /// Records without an address: days after the consent has ended.
    pub anonymous_days: u32,
    /// Records with an address: days after the person's last use of any of the controller's sites.
    pub linked_days: u32,
}

impl Default for RetentionFile {
    fn default() -> Self {
        Self { anonymous_days: 730, linked_days: 2922 }
    }
}

/// The rules in force for one site, as the log tells of them (leaf type 0x05).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRules {
    /// [`RETENTION_FORMAT`].
    pub format: String,
    /// Records without an address: days after the consent has ended.
    pub anonymous_days: u32,
    /// How long a consent lasts at most, in days.
    pub grant_days: u16,
    /// Records with an address: days after the person's last use.
    pub linked_days: u32,
}

/// Which rule a record falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetentionClass {
    /// It names no contact.
    Anonymous,
    /// It names a contact.
    Linked,
}

impl RetentionClass {
    /// Both classes.
    pub const ALL: [Self; 2] = [Self::Anonymous, Self::Linked];

    /// The word in schedules and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Linked => "linked",
        }
    }

    /// The class of a record that does or does not name a contact.
    #[must_use]
    pub fn of(contacts: usize) -> Self {
        if contacts == 0 { Self::Anonymous } else { Self::Linked }
    }
}

impl RetentionRules {
    /// The rules of a site file and its `memory.grant_days`.
    #[must_use]
    pub fn new(file: RetentionFile, grant_days: u16) -> Self {
        let RetentionFile { anonymous_days, linked_days } = file;
        Self { format: RETENTION_FORMAT.into(), anonymous_days, grant_days, linked_days }
    }

    /// Days that a record of a class is kept after what its clock counts from.
    #[must_use]
    pub fn days(&self, class: RetentionClass) -> u64 {
        match class {
            RetentionClass::Anonymous => u64::from(self.anonymous_days) + u64::from(self.grant_days),
            RetentionClass::Linked => u64::from(self.linked_days),
        }
    }

    /// When a record is due: milliseconds since 1970 UTC, `since` being the subject's newest record or the person's last use.
    #[must_use]
    pub fn due(&self, class: RetentionClass, since: u64) -> u64 {
        since.saturating_add(self.days(class) * DAY_MS)
    }

    /// The document's bytes: RFC 8785 canonical JSON.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        crate::canonical::to_bytes(self)
    }

    /// SHA-256 of [`Self::document`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        sha256(&self.document())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_days() {
        let rules = RetentionRules::new(RetentionFile::default(), 365);
        assert_eq!(rules.due(RetentionClass::of(0), 0), (730 + 365) * DAY_MS);
        assert_eq!(rules.due(RetentionClass::of(1), DAY_MS), 2923 * DAY_MS);
        assert_eq!(rules.due(RetentionClass::Linked, u64::MAX), u64::MAX);
        let document = rules.document();
        assert_eq!(
            core::str::from_utf8(&document).unwrap(),
            r#"{"anonymous_days":730,"format":"assent-retention/v1","grant_days":365,"linked_days":2922}"#
        );
        assert_eq!(serde_json::from_slice::<RetentionRules>(&document).unwrap(), rules);
        assert_eq!(rules.hash(), sha256(&document));
    }
}
