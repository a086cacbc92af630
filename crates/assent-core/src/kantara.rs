//! A record as a Kantara Consent Receipt 1.1.0 (2018-02-20), for programs that still read those.
//!
//! Kantara's form has no state: it can say that consents were given, and nothing else. So a receipt lists the consents
//! this record gives or renews, and a record without any has none ([`NotExpressible`]); a refusal or a withdrawal
//! shown without its state would be read as its opposite. It cannot leave a mandatory answer open either, so a notice
//! that does not state its jurisdiction or whether special categories of data are among a purpose's data has none.
//!
//! How old somebody said they are is not in it: the form has no field for it and allows no other. The record has it.
//!
//! The schema beside this ([`crate::schemas`]) is the published one, which is not JSON as it stands, put right.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::ids::PurposeId;
use crate::notice::RecipientRole;
use crate::view::{Decided, Source};

/// The `version` of every such receipt.
pub const VERSION: &str = "KI-CR-v1.1.0";

/// What Kantara's own example writes where there is no answer.
const NONE: &str = "N/A";

/// Why a record has no Kantara receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotExpressible {
    /// It refuses, withdraws, objects or expires, or its yes waits for a confirmation: the form has no word for it.
    #[error("the record gives no consent, and a Kantara receipt can say nothing else")]
    NothingGiven,
    /// The notice does not say whose law holds.
    #[error("the notice states no jurisdiction, which a Kantara receipt must: set controller.jurisdiction")]
    Jurisdiction,
    /// The notice does not say whether special categories of data are among it.
    #[error(
        "the notice does not say whether `{purpose}` has special categories of data, which a Kantara receipt must: set special_categories"
    )]
    SpecialCategories {
        /// The purpose.
        purpose: PurposeId,
    },
    /// The record's time is not of the form it must have.
    #[error("the record's time cannot be read")]
    Time,
}

/// The consents this record gives, as a Kantara receipt.
///
/// # Errors
/// [`NotExpressible`].
pub fn receipt(source: &Source<'_>) -> Result<Value, NotExpressible> {
    let (record, notice) = (source.record(), source.notice());
    let given: Vec<Decided<'_>> = source.decided().filter(Decided::is_consent_given).collect();
    let Some(said) = given.iter().map(|decided| decided.said(record)).min() else {
        return Err(NotExpressible::NothingGiven);
    };
    if notice.controller.jurisdiction.is_empty() {
        return Err(NotExpressible::Jurisdiction);
    }
    let mut special = Vec::new();
    for decided in &given {
        let Some(list) = &decided.purpose.special_categories else {
            return Err(NotExpressible::SpecialCategories { purpose: decided.purpose.id.clone() });
        };
        special.extend(list.iter().filter(|category| !special.contains(category)).collect::<Vec<_>>());
    }
    let controller = &notice.controller;
    Ok(json!({
        "version": VERSION,
        "jurisdiction": controller.jurisdiction.join(", "),
        "consentTimestamp": unix_seconds(said).ok_or(NotExpressible::Time)?,
        "collectionMethod": source.method(),
        "consentReceiptID": record.id,
        "language": record.language,
        "piiPrincipalId": record.subject.to_string(),
        "piiControllers": [{
            "piiController": controller.name,
            "contact": controller.name,
            "address": { "streetAddress": controller.address },
            "email": controller.email,
            "phone": controller.phone.as_deref().unwrap_or(NONE),
            "piiControllerUrl": controller.privacy_url,
        }],
        // "In effect when the consent was obtained": the statement at `privacy_url` changes, the notice does not.
        "policyUrl": source.notice_address(),
        "services": [{
            "service": notice.site,
            "purposes": given.iter().map(|decided| purpose(source, *decided)).collect::<Vec<_>>(),
        }],
        "sensitive": !special.is_empty(),
        "spiCat": special,
    }))
}

fn purpose(source: &Source<'_>, decided: Decided<'_>) -> Value {
    let end = match decided.days(source.notice()) {
        Some(days) => {
            format!("{days} days after the consent, or at once by withdrawing at {}", source.choices())
        }
        None => format!("at once by withdrawing at {}", source.choices()),
    };
    // As in ISO/IEC 29100 and UK GDPR Art 4(10), a processor is no third party.
    let others: Vec<String> = source
        .recipients(decided.purpose)
        .filter(|(_, recipient)| recipient.role != RecipientRole::Processor)
        .map(|(_, recipient)| recipient.name.clone())
        .collect();
    let mut out = json!({
        "purpose": format!("{}: {}", decided.text.name, decided.text.description),
        "consentType": "EXPLICIT",
        "purposeCategory": [decided.purpose.id],
        "piiCategory": decided.text.data,
        "termination": end,
        "thirdPartyDisclosure": !others.is_empty(),
    });
    if !others.is_empty() {
        out["thirdPartyName"] = others.join("; ").into();
    }
    out
}

/// Unix seconds of the one form a record's times have: `2026-11-22T10:00:00.000Z`. The days are counted as in Howard
/// Hinnant's `days_from_civil`; one number is no reason to bring a calendar library to the browser.
pub(crate) fn unix_seconds(time: &str) -> Option<u64> {
    let form = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        23 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if time.len() != 24 || !time.bytes().enumerate().all(form) {
        return None;
    }
    let number = |from: usize, to: usize| time[from..to].parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fits = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // March is the first month of a year here, so that a leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Decision;
    use crate::fixture;
    use crate::hash::sha256;
    use crate::schemas::tests::{accepts, sweep};
    use crate::view::tests::{said, source};
    use proptest::prelude::*;

    fn of(decisions: &[(&str, Decision)]) -> Result<Value, NotExpressible> {
        let (record, document) = said(decisions);
        let view = receipt(&source(&record, &document));
        if let Ok(view) = &view {
            accepts("kantara.schema.json", view);
        }
        view
    }

    #[test]
    fn consents_that_were_given_are_listed_and_nothing_else() {
        let (record, document) = said(&[
            ("analytics", Decision::Given),
            ("surveys", Decision::Renewed),
            ("counting", Decision::Given),
            ("email-news", Decision::Given),
        ]);
        let view = receipt(&source(&record, &document)).unwrap();
        accepts("kantara.schema.json", &view);
        let text = serde_json::to_string_pretty(&view).unwrap().replace(&sha256(&document).to_hex(), "HASH");
        insta::assert_snapshot!(text);
        let one = of(&[("analytics", Decision::Given), ("surveys", Decision::Withdrawn)]).unwrap();
        assert_eq!(one["services"][0]["purposes"].as_array().unwrap().len(), 1);
        assert_eq!((&one["sensitive"], &one["spiCat"]), (&json!(false), &json!([])));
    }

    #[test]
    fn nothing_but_a_consent_can_be_said() {
        for decision in [Decision::Refused, Decision::Withdrawn, Decision::Objected, Decision::Expired] {
            assert_eq!(of(&[("analytics", decision)]), Err(NotExpressible::NothingGiven), "{decision:?}");
        }
        assert_eq!(of(&[("counting", Decision::Given)]), Err(NotExpressible::NothingGiven), "another route");
        assert_eq!(of(&[("email-news", Decision::Given)]), Err(NotExpressible::NothingGiven), "unconfirmed");
    }

    #[test]
    fn an_open_answer_is_not_filled_in() {
        let refused = |file: &crate::site::SiteFile| {
            let document = file.notice().unwrap().document();
            let mut record = fixture::record();
            record.notice = sha256(&document);
            receipt(&source(&record, &document)).unwrap_err()
        };
        let mut file = fixture::site_file();
        assert_eq!(refused(&file), NotExpressible::Jurisdiction);
        file.controller.jurisdiction = Vec::from(["GB".into()]);
        let purpose = PurposeId::new("analytics").unwrap();
        assert_eq!(refused(&file), NotExpressible::SpecialCategories { purpose });
    }

    #[test]
    fn no_part_may_be_missing_or_added() {
        let view = of(&[("analytics", Decision::Given), ("surveys", Decision::Given)]).unwrap();
        let optional = ["language", "piiControllerUrl", "purpose"];
        sweep("kantara.schema.json", &view, &optional, &["address"]);
    }

    #[test]
    fn only_the_records_own_form_is_a_time() {
        assert_eq!(unix_seconds("1970-01-01T00:00:00.000Z"), Some(0));
        for bad in [
            "",
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00.000+00:00",
            "2026-11-22 10:00:00.000Z",
            "2026-13-22T10:00:00.000Z",
            "2026-11-22T24:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2026-11-22T10:00:00.00éZ",
        ] {
            assert_eq!(unix_seconds(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn times_are_what_a_calendar_library_says(milliseconds in 0_i64..253_402_300_799_999) {
            let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
            let seconds = u64::try_from(time.as_second()).unwrap();
            prop_assert_eq!(unix_seconds(&format!("{time:.3}")), Some(seconds));
        }
    }
}
