//! Complete accounting: every record that is not shown is accounted for by a leaf that says so.
//!
//! Erasures and purges are told in leaves of their own (types 0x03 and 0x04), each a salted commitment to one of the two
//! documents here. [`Accounts`] follows an export and sees to it that tombstones and documents say the same. It does not
//! judge whether an erasure was right, nor open anything.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hash::Hash;

/// First field of an [`Erasures`] document.
pub const ERASURES_FORMAT: &str = "assent-erasures/v1";
/// First field of a [`Purge`] document.
pub const PURGE_FORMAT: &str = "assent-purge/v1";
/// The reason of a record that went by the retention rule, with its month.
const PURGED: &str = "purged-retention";

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

/// What a purge summary (leaf type 0x04) commits to: everything that went with one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// [`PURGE_FORMAT`].
    pub format: String,
    /// The month at whose end the records went: the last whole one before each was due, as `2029-11`.
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
    /// For a purged record: the month at whose end it went, the last whole one before it was due, as `2029-11`.
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
        "the summary says that {told} records were purged with {period}, and the export shows {found} tombstones or others"
    )]
    PurgeDiffers {
        /// The month.
        period: String,
        /// Number in the summary.
        told: u64,
        /// Tombstones of that month before it.
        found: u64,
    },
    /// A tombstone has a month and is not of a purge, or the other way round; or its month is none.
    #[error("only a purged record has a month that it went with, written as `2029-11`")]
    PeriodWrong,
    /// A record is said to be purged with a month whose summary comes before it, and cannot have told of it.
    #[error("the records of {period} were purged before this one was recorded")]
    PurgedBefore {
        /// The month.
        period: String,
    },
    /// Records of a month are gone, and no summary up to the end of the log tells of it.
    #[error("{found} records that went with {period} are gone, and no summary tells of it")]
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
    /// Months that no summary told of yet.
    months: BTreeMap<String, IndexDigest>,
    /// Months that one did. All records that go with a month lie before its summary, and a month is purged once.
    purged: BTreeSet<String>,
    /// Tombstones of months whose summary counts others, too, that lie before the export: which it tells of cannot be seen.
    unseen: u64,
    told: u64,
}

impl Accounts {
    /// Accounts of an export whose first entry is `first`.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Accounts { first, ..Self::default() }
    }

    /// The next tombstone.
    ///
    /// # Errors
    /// [`AccountFault::PeriodWrong`], [`AccountFault::PurgedBefore`].
    pub fn gone(&mut self, line: &GoneLine) -> Result<(), AccountFault> {
        match &line.period {
            Some(period) if line.reason == PURGED && month_number(period).is_some() => {
                if self.purged.contains(period) {
                    return Err(AccountFault::PurgedBefore { period: period.clone() });
                }
                self.months.entry(period.clone()).or_default().add(line.index);
            }
            None if line.reason != PURGED => {
                self.waiting.insert(line.index, (line.reason.clone(), line.day.clone()));
            }
            _ => return Err(AccountFault::PeriodWrong),
        }
        Ok(())
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
        let found = self.months.remove(&period).unwrap_or_default();
        let once = self.purged.insert(period.clone());
        if once && found.count() == count && found.hash() == indices {
            self.told += count;
        } else if once && self.first > 0 && found.count() < count {
            self.unseen += found.count();
        } else {
            return Err(AccountFault::PurgeDiffers { period, told: count, found: found.count() });
        }
        Ok(())
    }

    /// What is left at the end: how many tombstones no summary of the export tells of one by one. `whole` when the export ends
    /// where the log does.
    ///
    /// # Errors
    /// [`AccountFault::PurgeUntold`].
    pub fn finish(&self, whole: bool) -> Result<u64, AccountFault> {
        // A purge and its summary are one step, so that only what lies beyond the export can still tell of it.
        if let Some((period, found)) = self.months.first_key_value().filter(|_| whole) {
            return Err(AccountFault::PurgeUntold { period: period.clone(), found: found.count() });
        }
        let of_months: u64 = self.months.values().map(IndexDigest::count).sum();
        Ok(self.waiting.len() as u64 + of_months + self.unseen)
    }

    /// How many tombstones a summary told of.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }
}

/// The number of a month written as `2029-11`: year × 12 + month − 1. Nothing when it is written otherwise.
#[must_use]
pub fn month_number(text: &str) -> Option<u32> {
    let (year, month) = text.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = year.len() == 4 && month.len() == 2 && digits(year) && digits(month);
    let month: u32 = month.parse().ok().filter(|month| plain && (1..=12).contains(month))?;
    Some(year.parse::<u32>().ok()? * 12 + month - 1)
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
        [2, 5, 9].iter().for_each(|index| accounts.gone(&erased(*index)).unwrap());
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
            indices.iter().for_each(|index| accounts.gone(&purged(*index)).unwrap());
            accounts
        };
        let mut accounts = all(&[1, 4, 7], 0);
        assert_eq!(
            accounts.finish(true).unwrap_err().to_string(),
            "3 records that went with 2026-10 are gone, and no summary tells of it"
        );
        assert_eq!(accounts.finish(false), Ok(3), "the summary may be further on");
        accounts.purge(&purge(&[1, 4, 7])).unwrap();
        assert_eq!(accounts.finish(true), Ok(0));
        for wrong in [vec![1, 4], vec![1, 4, 8], vec![], vec![1, 4, 7, 9]] {
            let refused = all(&[1, 4, 7], 0).purge(&purge(&wrong));
            assert!(matches!(refused, Err(AccountFault::PurgeDiffers { found: 3, .. })), "{wrong:?}");
        }
        // Of an export that begins later, what lies before it may be missing, and nothing else.
        let mut later = all(&[4, 7], 2);
        later.purge(&purge(&[1, 4, 7])).unwrap();
        assert_eq!(later.finish(true), Ok(2), "which they are was not seen");
        for wrong in [vec![4, 8], vec![4], vec![]] {
            assert!(all(&[4, 7], 2).purge(&purge(&wrong)).is_err(), "{wrong:?}");
        }
        assert!(matches!(all(&[4, 7], 2).finish(true), Err(AccountFault::PurgeUntold { found: 2, .. })));
    }

    /// A summary told of a month for ever: whatever was said to be purged with it later was told of by nobody, and passed.
    #[test]
    fn nothing_is_purged_with_a_month_after_its_summary() {
        for first in [0, 1] {
            let mut accounts = Accounts::new(first);
            accounts.gone(&purged(1)).unwrap();
            accounts.purge(&purge(&[1])).unwrap();
            assert_eq!((accounts.told(), accounts.finish(true)), (1, Ok(0)));
            let before = AccountFault::PurgedBefore { period: "2026-10".into() };
            assert_eq!(accounts.gone(&purged(5)), Err(before));
            assert!(accounts.purge(&purge(&[])).is_err(), "a month is purged once");
        }
    }

    /// A month on a tombstone of another kind kept it from being waited for.
    #[test]
    fn a_purged_record_has_a_month_and_no_other_does() {
        let wrong = |line: &GoneLine| Accounts::new(0).gone(line) == Err(AccountFault::PeriodWrong);
        assert!(wrong(&GoneLine { reason: "erased-asked".into(), ..purged(1) }));
        assert!(wrong(&GoneLine { period: None, ..purged(1) }));
        for month in ["", "2026-13", "2026-00", "2026-1", "400000000-01", "2026/10", "+026-10", "2026-10 "] {
            assert!(wrong(&GoneLine { period: Some(month.into()), ..purged(1) }), "{month}");
            assert_eq!(month_number(month), None, "{month}");
        }
        assert_eq!((month_number("2029-11"), month_number("0000-01")), (Some(2029 * 12 + 10), Some(0)));
        assert_eq!(month_number("9999-12"), Some(9999 * 12 + 11));
    }
}
