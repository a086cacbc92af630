//! Complete accounting: every record that is not shown is accounted for by a leaf that says so.
//!
//! Erasures and purges are told in leaves of their own (types 0x03 and 0x04), each a salted commitment to one of the two
//! documents here. [`Accounts`] follows an export and sees to it that tombstones and documents say the same. It does not
//! judge whether an erasure was right, nor open anything.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hash::Hash;

/// First field of an [`Erasures`] document.
pub const ERASURES_FORMAT: &str = "assent-erasures/v1";
/// First field of a [`Purge`] document.
pub const PURGE_FORMAT: &str = "assent-purge/v1";

/// What an erasure summary (leaf type 0x03) commits to: a batch of erased entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasures {
    /// [`ERASURES_FORMAT`].
    pub format: String,
    /// The entries, ascending.
    pub erased: Vec<Erased>,
}

/// One erased entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erased {
    /// Number of the entry.
    pub index: u64,
    /// A code, as `erased-asked`.
    pub reason: String,
    /// Day of the erasure in UTC, as `2026-11-24`.
    pub day: String,
}

/// What a purge summary (leaf type 0x04) commits to: everything that was due in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// [`PURGE_FORMAT`].
    pub format: String,
    /// The month the records were due in, as `2029-11`.
    pub period: String,
    /// Hash of the document with the retention rules in force.
    pub policy: Hash,
    /// How many records went.
    pub count: u64,
    /// Which: SHA-256 over their numbers, ascending, 8 bytes each, big endian.
    pub indices: Hash,
}

impl Erasures {
    /// A document.
    #[must_use]
    pub fn new(erased: Vec<Erased>) -> Self {
        Erasures { format: ERASURES_FORMAT.into(), erased }
    }

    /// Reads a document; nothing when it is not one, or its entries do not ascend.
    #[must_use]
    pub fn parse(document: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(document).ok()?;
        let ascends = read.erased.windows(2).all(|pair| pair[0].index < pair[1].index);
        (read.format == ERASURES_FORMAT && ascends).then_some(read)
    }

    /// Its bytes, which are committed to and kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Numbers and strings cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Purge {
    /// Reads a document; nothing when it is not one.
    #[must_use]
    pub fn parse(document: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(document).ok()?;
        (read.format == PURGE_FORMAT).then_some(read)
    }

    /// Its bytes, which are committed to and kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Counts entries and remembers which they were, in 32 bytes: [`Purge::indices`].
#[derive(Clone, Debug, Default)]
pub struct IndexDigest {
    count: u64,
    digest: Sha256,
}

impl IndexDigest {
    /// Adds the next entry. They must ascend.
    pub fn add(&mut self, index: u64) {
        self.count += 1;
        self.digest.update(index.to_be_bytes());
    }

    /// How many were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The digest over those added so far.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(self.digest.clone().finalize().into())
    }
}

/// An entry whose record is gone, as an export shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoneLine {
    /// Number of the entry.
    pub index: u64,
    /// A code: `erased-asked`, `purged-retention` and so on.
    pub reason: String,
    /// Day it went, in UTC.
    pub day: String,
    /// For a purged record: the month it was due in, as `2029-11`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
}

/// How a summary and what is shown do not agree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountFault {
    /// The summary's document is not one of its kind.
    #[error("the summary cannot be read")]
    Malformed,
    /// The summary tells of an entry that comes after it.
    #[error("the summary tells of entry {entry}, which comes after it")]
    OfLater {
        /// That entry.
        entry: u64,
    },
    /// The summary says that an entry was erased, and it is shown, or gone for another reason or on another day.
    #[error("the summary says that entry {entry} was erased, and the export says otherwise")]
    Differs {
        /// That entry.
        entry: u64,
    },
    /// The summary says that other records of the month went than the tombstones say.
    #[error(
        "the summary says that {told} records due in {period} were purged, and the export shows {found} tombstones or others"
    )]
    PurgeDiffers {
        /// The month.
        period: String,
        /// Number in the summary.
        told: u64,
        /// Tombstones of that month before it.
        found: u64,
    },
    /// Records of a month are gone, and no summary in the whole log tells of it.
    #[error("{found} records due in {period} are gone, and no summary tells of it")]
    PurgeUntold {
        /// The month.
        period: String,
        /// Its tombstones.
        found: u64,
    },
}

/// Follows the tombstones and summaries of an export. Memory grows with what no summary told of yet, not with what is gone.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// First entry of the export: of what lies before it nothing is known.
    first: u64,
    waiting: BTreeMap<u64, (String, String)>,
    months: BTreeMap<String, Month>,
    told: u64,
}

#[derive(Clone, Debug, Default)]
struct Month {
    found: IndexDigest,
    told: bool,
}

impl Accounts {
    /// Accounts of an export whose first entry is `first`.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Accounts { first, ..Self::default() }
    }

    /// The next tombstone.
    pub fn gone(&mut self, line: &GoneLine) {
        match &line.period {
            Some(period) => self.months.entry(period.clone()).or_default().found.add(line.index),
            None => drop(self.waiting.insert(line.index, (line.reason.clone(), line.day.clone()))),
        }
    }

    /// An erasure summary at entry `at`, whose commitment was checked.
    ///
    /// # Errors
    /// [`AccountFault`]: it does not tell what is shown.
    pub fn erasures(&mut self, at: u64, document: &[u8]) -> Result<(), AccountFault> {
        let document = Erasures::parse(document).ok_or(AccountFault::Malformed)?;
        for Erased { index: entry, reason, day } in document.erased {
            if entry >= at {
                return Err(AccountFault::OfLater { entry });
            }
            if entry < self.first {
                continue;
            }
            if self.waiting.remove(&entry) != Some((reason, day)) {
                return Err(AccountFault::Differs { entry });
            }
            self.told += 1;
        }
        Ok(())
    }

    /// A purge summary, whose commitment was checked.
    ///
    /// # Errors
    /// [`AccountFault`]: it does not tell what is shown.
    pub fn purge(&mut self, document: &[u8]) -> Result<(), AccountFault> {
        let Purge { period, count, indices, .. } = Purge::parse(document).ok_or(AccountFault::Malformed)?;
        let month = self.months.entry(period.clone()).or_default();
        month.told = true;
        let same = month.found.count() == count && month.found.hash() == indices;
        // In an export that begins later, earlier tombstones are not seen.
        if self.first == 0 && !same {
            return Err(AccountFault::PurgeDiffers { period, told: count, found: month.found.count() });
        }
        Ok(())
    }

    /// What is left at the end: how many tombstones no summary told of. `whole` when the export ends where the log does.
    ///
    /// # Errors
    /// [`AccountFault::PurgeUntold`].
    pub fn finish(&self, whole: bool) -> Result<u64, AccountFault> {
        let untold = self.months.iter().find(|(_, month)| whole && self.first == 0 && !month.told);
        if let Some((period, month)) = untold {
            return Err(AccountFault::PurgeUntold { period: period.clone(), found: month.found.count() });
        }
        Ok(self.waiting.len() as u64)
    }

    /// How many tombstones a summary told of.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    fn erased(index: u64) -> GoneLine {
        GoneLine { index, reason: "erased-asked".into(), day: "2026-11-24".into(), period: None }
    }

    fn purged(index: u64) -> GoneLine {
        GoneLine { reason: "purged-retention".into(), period: Some("2026-10".into()), ..erased(index) }
    }

    fn erasures(indices: &[u64]) -> Vec<u8> {
        let one =
            |index: &u64| Erased { index: *index, reason: "erased-asked".into(), day: "2026-11-24".into() };
        Erasures::new(indices.iter().map(one).collect()).to_bytes()
    }

    fn purge(indices: &[u64]) -> Vec<u8> {
        let mut digest = IndexDigest::default();
        indices.iter().for_each(|index| digest.add(*index));
        let (count, indices) = (digest.count(), digest.hash());
        let policy = Hash::default();
        Purge { format: PURGE_FORMAT.into(), period: "2026-10".into(), policy, count, indices }.to_bytes()
    }

    #[test]
    fn what_is_told_is_what_is_shown() {
        let mut accounts = Accounts::new(0);
        [2, 5, 9].iter().for_each(|index| accounts.gone(&erased(*index)));
        accounts.erasures(6, &erasures(&[2, 5])).unwrap();
        assert_eq!((accounts.told(), accounts.finish(true)), (2, Ok(1)));
        // Told twice; shown although it is said to be erased; of an entry to come; no document of the kind.
        assert_eq!(accounts.erasures(7, &erasures(&[2])), Err(AccountFault::Differs { entry: 2 }));
        assert_eq!(accounts.erasures(7, &erasures(&[3])), Err(AccountFault::Differs { entry: 3 }));
        assert_eq!(accounts.erasures(9, &erasures(&[9])), Err(AccountFault::OfLater { entry: 9 }));
        assert_eq!(accounts.erasures(7, b"{}"), Err(AccountFault::Malformed));
        assert_eq!(accounts.erasures(20, &erasures(&[9, 2])), Err(AccountFault::Malformed));
        let other = String::from_utf8(erasures(&[9])).unwrap().replace("24", "25");
        assert_eq!(accounts.erasures(20, other.as_bytes()), Err(AccountFault::Differs { entry: 9 }));
        // Before the export began nothing is known.
        let mut later = Accounts::new(100);
        later.erasures(101, &erasures(&[2, 5])).unwrap();
        assert_eq!(later.finish(true), Ok(0));
    }

    #[test]
    fn a_purge_is_told_to_the_last_entry() {
        let all = |indices: &[u64], first| {
            let mut accounts = Accounts::new(first);
            indices.iter().for_each(|index| accounts.gone(&purged(*index)));
            accounts
        };
        let mut accounts = all(&[1, 4, 7], 0);
        assert_eq!(
            accounts.finish(true).unwrap_err().to_string(),
            "3 records due in 2026-10 are gone, and no summary tells of it"
        );
        assert_eq!(accounts.finish(false), Ok(0), "the summary may be further on");
        accounts.purge(&purge(&[1, 4, 7])).unwrap();
        assert_eq!(accounts.finish(true), Ok(0));
        for wrong in [vec![1, 4], vec![1, 4, 8], vec![], vec![1, 4, 7, 9]] {
            let refused = all(&[1, 4, 7], 0).purge(&purge(&wrong));
            assert!(matches!(refused, Err(AccountFault::PurgeDiffers { found: 3, .. })), "{wrong:?}");
        }
        all(&[4, 7], 2).purge(&purge(&[1, 4, 7])).unwrap();
    }
}
