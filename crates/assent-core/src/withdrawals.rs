//! Complete accounting: each withdrawal names an earlier receipt of the same subject.
//!
//! [`Withdrawals`] follows the records of an export. A receipt that is named and not shown, because it lies before the range or is
//! withheld or gone, is not judged; nor is what a person told staff, who write it down beside what the address said before
//! ([`told`](crate::told)). Whether consent was withdrawn at all is not judged either.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::decision::Decision;
use crate::ids::PurposeId;
use crate::subject::SubjectId;

/// Why a withdrawal does not stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawalFault {
    /// It names no receipt, and was not told to staff.
    #[error("it names no earlier receipt")]
    NamesNone,
    /// What it names is no receipt's id, or is of a later one.
    #[error("the receipt that it names is not an earlier one")]
    NotEarlier,
    /// The receipt is of somebody else.
    #[error("the receipt that it names is of another subject")]
    OfAnother,
}

/// Follows records. Memory: 24 bytes for each, 40 for each withdrawal, up to twice that while it grows.
#[derive(Clone, Debug, Default)]
pub struct Withdrawals<P> {
    /// Of each record its receipt, which of them it is, and its subject: of both, the half that tells them apart.
    shown: Vec<(u64, usize, u64)>,
    /// Where each withdrawal stands, the receipt it names, which of the records it is, and its subject.
    named: Vec<(P, u64, usize, u64)>,
}

/// What is looked at in every record.
#[derive(Deserialize)]
struct Who<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    subject: SubjectId,
}

/// What is looked at in a record that may be a withdrawal.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(default)]
    decisions: BTreeMap<PurposeId, Decision>,
    #[serde(borrow, default)]
    previous: Option<Cow<'a, str>>,
    #[serde(default)]
    told: Option<IgnoredAny>,
}

impl<P: Copy> Withdrawals<P> {
    /// The next record, which stands at `place`. What is no record is left to others.
    ///
    /// # Errors
    /// [`WithdrawalFault`], what can be seen from the record alone.
    pub fn record(&mut self, place: P, record: &str) -> Result<(), WithdrawalFault> {
        let Ok(Who { id, subject }) = serde_json::from_str(record) else { return Ok(()) };
        let Some((time, receipt)) = parts(&id) else { return Ok(()) };
        let subject = subject.0.last_chunk().map_or(0, |half| u64::from_be_bytes(*half));
        let number = self.shown.len();
        self.shown.push((receipt, number, subject));
        // Most records are none; a word can be written otherwise only with a backslash.
        if !record.contains(Decision::Withdrawn.as_str()) && !record.contains('\\') {
            return Ok(());
        }
        let Ok(Said { decisions, previous, told }) = serde_json::from_str(record) else { return Ok(()) };
        if !decisions.values().any(|decision| *decision == Decision::Withdrawn) {
            return Ok(());
        }
        let Some(previous) = previous else {
            return if told.is_some() { Ok(()) } else { Err(WithdrawalFault::NamesNone) };
        };
        let earlier = parts(&previous).filter(|(before, _)| *before <= time);
        let (_, named) = earlier.ok_or(WithdrawalFault::NotEarlier)?;
        self.named.push((place, named, number, subject));
        Ok(())
    }

    /// Looks up the receipts that were named.
    ///
    /// # Errors
    /// The first withdrawal that does not stand.
    pub fn finish(mut self) -> Result<(), (P, WithdrawalFault)> {
        if !self.named.is_empty() {
            self.shown.sort_unstable();
        }
        for (place, named, number, subject) in self.named {
            let at = self.shown.partition_point(|(receipt, ..)| *receipt < named);
            match self.shown.get(at).filter(|(receipt, ..)| *receipt == named) {
                Some((_, before, _)) if *before >= number => {
                    return Err((place, WithdrawalFault::NotEarlier));
                }
                Some((.., whose)) if *whose != subject => return Err((place, WithdrawalFault::OfAnother)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Of a receipt's id, a UUID of version 7 (RFC 9562): the milliseconds in front, and its last 64 bits, which are nearly all random.
fn parts(id: &str) -> Option<(u64, u64)> {
    let plain = id.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    });
    if !plain || id.len() != 36 {
        return None;
    }
    let digits = |from: usize, to: usize| u64::from_str_radix(&id[from..to], 16).ok();
    Some((digits(0, 8)? << 16 | digits(9, 13)?, digits(19, 23)? << 48 | digits(24, 36)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::Record;
    use crate::told::{Recording, Telling, Told};
    use std::string::{String, ToString};

    fn id(time: u64, random: u64) -> String {
        std::format!("{:08x}-{:04x}-7000-8000-{random:012x}", time >> 16, time & 0xffff)
    }

    fn record(id: String, subject: u8, decision: Decision, previous: Option<String>) -> Record {
        let (subject, purpose) = (SubjectId([subject; 16]), PurposeId::new("analytics").unwrap());
        Record { id, subject, decisions: [(purpose, decision)].into(), previous, ..fixture::record() }
    }

    fn judged(records: &[Record]) -> Result<(), (usize, WithdrawalFault)> {
        let mut all = Withdrawals::default();
        for (place, record) in records.iter().enumerate() {
            let bytes = String::from_utf8(record.to_bytes()).unwrap();
            all.record(place, &bytes).map_err(|fault| (place, fault))?;
        }
        all.finish()
    }

    #[test]
    fn a_withdrawal_names_an_earlier_receipt_of_its_subject() {
        use Decision::{Given, Refused, Withdrawn};
        let given = |subject, at| record(id(at, at), subject, Given, None);
        let taken_back = |names: Option<String>| record(id(50, 50), 1, Withdrawn, names);
        let after = |names| judged(&[given(1, 10), given(2, 20), taken_back(names), given(3, 90)]);
        assert_eq!(after(Some(id(10, 10))), Ok(()));
        // It may be before the range, withheld, erased or purged.
        assert_eq!(after(Some(id(11, 11))), Ok(()));
        assert_eq!(after(None), Err((2, WithdrawalFault::NamesNone)));
        assert_eq!(after(Some(id(20, 20))), Err((2, WithdrawalFault::OfAnother)));
        // By its place, whatever time it claims.
        assert_eq!(
            judged(&[taken_back(Some(id(10, 10))), given(1, 10)]),
            Err((0, WithdrawalFault::NotEarlier))
        );
        for later in [id(50, 50), id(51, 51), id(90, 90), String::new(), id(10, 10) + "x"] {
            assert_eq!(after(Some(later)), Err((2, WithdrawalFault::NotEarlier)));
        }
        // Nobody withdraws with their first decision, and other decisions may stand alone.
        assert_eq!(judged(&[record(id(1, 1), 1, Refused, None)]), Ok(()));
        // What is told to staff is about an address, which others may have named before.
        let told = Told {
            by: Telling::Phone,
            script: "clinic-2026-11".into(),
            staff: "M. Rees".into(),
            recording: Some(Recording::NotRecorded),
            evidence: None,
            directly: false,
            opt_out_offered: false,
            talked: false,
            list: None,
        };
        assert_eq!(judged(&[Record { told: Some(told), ..taken_back(None) }]), Ok(()));
        // A word that is written in another way is the same word.
        let mut all = Withdrawals::default();
        let bytes = String::from_utf8(taken_back(None).to_bytes()).unwrap();
        let escaped = bytes.replace("withdrawn", "\\u0077ithdrawn");
        assert_ne!(escaped, bytes);
        assert_eq!(all.record((), &escaped), Err(WithdrawalFault::NamesNone));
        assert_eq!(all.record((), &escaped.to_string().replace("\"id\"", "\"no\"")), Ok(()), "no record");
    }
}
