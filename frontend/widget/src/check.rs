//! What a receipt must show before the widget says "recorded and checked".
//!
//! The proof is checked by `assent-core`, the same code as `assent verify`; here it is compared with what the person
//! pressed and with the wording on screen. A receipt never changes what applies.

use crate::flow::Pressed;
use crate::json::Json;
use assent_core::decision::Choice;
use assent_core::hash::hex_encode;
use assent_core::note::VerifierKey;
use assent_core::proof::TlogProof;
use assent_core::receipt::{RECEIPT_FORMAT, Receipt, ReceiptError};
use assent_core::subject::SubjectToken;
use ui::app::Check;
use ui::{BannerData, ReceiptFacts};

/// Checks a receipt's text against the log's key, the wording in `data`, the holder's token, and what was `pressed`
/// (nothing, for a receipt of an earlier decision).
#[must_use]
pub fn check(text: &str, data: &BannerData, token: &str, pressed: Option<&Pressed>) -> ReceiptFacts {
    let mut facts = ReceiptFacts {
        text: text.to_owned(),
        id: String::new(),
        time: String::new(),
        record: Check::Failed,
        signature: Check::Failed,
        wording: Check::Failed,
    };
    let Ok(key) = VerifierKey::parse(&data.log_key) else { return facts };
    let Some(receipt) = parse(text) else { return facts };
    let verified = match receipt.verify(Some(&key)) {
        Ok(verified) => verified,
        Err(error) => {
            // Both are found only after the signature held.
            if matches!(error, ReceiptError::RecordChanged | ReceiptError::ProofWrong(_)) {
                facts.signature = Check::Passed;
            }
            return facts;
        }
    };
    facts.signature = Check::Passed;
    let Some(record) = Json::parse(verified.record()) else { return facts };
    if is_ours(&record, data, token) && pressed.is_none_or(|pressed| says(&record, data, pressed)) {
        facts.record = Check::Passed;
    }
    if record.text("notice") == Some(&data.notice) {
        facts.wording = Check::Passed;
    }
    facts.id = record.text("id").unwrap_or_default().into();
    facts.time = record.text("time").unwrap_or_default().into();
    facts
}

// The receipt file, as `Receipt::parse` reads it.
fn parse(text: &str) -> Option<Receipt> {
    let file = Json::parse(text)?;
    if file.members().len() != 4 || file.text("format")? != RECEIPT_FORMAT {
        return None;
    }
    let proof = TlogProof::parse(file.text("proof")?).ok()?;
    let key = VerifierKey::parse(file.text("key")?).ok()?;
    Some(Receipt::new(file.text("record")?.into(), proof, key))
}

fn is_ours(record: &Json, data: &BannerData, token: &str) -> bool {
    let holder = SubjectToken::parse(token).map(|token| hex_encode(&token.id().0)).ok();
    record.text("site") == Some(&data.site) && holder.is_some() && record.text("subject") == holder.as_deref()
}

// The record says what was pressed: this act, on this surface, in this language, and the same of every purpose.
fn says(record: &Json, data: &BannerData, pressed: &Pressed) -> bool {
    let Some(decisions) = record.get("decisions") else { return false };
    // As many, and each of them: names are there once.
    record.text("act") == Some(pressed.act.as_str())
        && record.text("surface") == Some(pressed.surface.as_str())
        && record.text("language") == Some(&data.language)
        && decisions.members().len() == pressed.choices.len()
        && pressed
            .choices
            .iter()
            .all(|(purpose, choice)| decisions.text(purpose.as_str()).and_then(meant) == Some(*choice))
}

fn meant(decision: &str) -> Option<Choice> {
    match decision {
        "given" | "renewed" => Some(Choice::Yes),
        "refused" | "withdrawn" | "objected" => Some(Choice::No),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{TOKEN, data, id, key, receipt};
    use assent_core::decision::{Act, Decision};
    use assent_core::note::SignerKey;
    use assent_core::record::{Record, Surface};

    fn pressed() -> Pressed {
        let choices = [(id("analytics"), Choice::No), (id("search"), Choice::No)].into();
        Pressed { act: Act::RejectAll, surface: Surface::FirstLayer, choices }
    }

    fn outcome(facts: &ReceiptFacts) -> [bool; 3] {
        [facts.record, facts.signature, facts.wording].map(|check| check == Check::Passed)
    }

    #[test]
    fn the_receipt_of_what_was_pressed_passes() {
        let facts = check(&receipt(&key(), |_| ()), &data(), TOKEN, Some(&pressed()));
        assert_eq!(outcome(&facts), [true; 3]);
        assert_eq!(facts.id, "0190");
        assert_eq!(outcome(&check(&facts.text, &data(), TOKEN, None)), [true; 3]);
    }

    #[test]
    fn a_record_that_says_something_else_fails() {
        type Change = fn(&mut Record);
        let changes: [Change; 7] = [
            |record| record.act = Act::Save,
            |record| record.surface = Surface::Preferences,
            |record| record.language = "cy".into(),
            |record| _ = record.decisions.insert(id("analytics"), Decision::Given),
            |record| _ = record.decisions.remove("analytics"),
            |record| _ = record.decisions.insert(id("more"), Decision::Refused),
            |record| record.subject.0 = [1; 16],
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let facts = check(&receipt(&key(), change), &data(), TOKEN, Some(&pressed()));
            assert_eq!(outcome(&facts), [false, true, true], "change {number}");
        }
    }

    #[test]
    fn another_wording_fails() {
        let text = receipt(&key(), |record| record.notice.0 = [1; 32]);
        assert_eq!(outcome(&check(&text, &data(), TOKEN, Some(&pressed()))), [true, true, false]);
    }

    #[test]
    fn another_key_changed_bytes_and_rubbish_fail() {
        let other = SignerKey::from_seed(key().name(), &[8; 32]).unwrap();
        let good = receipt(&key(), |_| ());
        for (text, expected) in [
            (receipt(&other, |_| ()), [false, false, false]),
            (good.replace("reject-all", "accept-all"), [false, true, false]),
            (good.replace("index 1", "index 5"), [false, true, false]),
            (good.replace("assent-receipt/v1", "assent-receipt/v2"), [false; 3]),
            (good[1..].to_owned(), [false; 3]),
            ("<html>".to_owned(), [false; 3]),
            (String::new(), [false; 3]),
        ] {
            assert_eq!(outcome(&check(&text, &data(), TOKEN, Some(&pressed()))), expected, "{text}");
        }
    }
}
