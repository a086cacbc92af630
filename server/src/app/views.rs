//! A record in the words of another standard, as one line of JSON: what an export in those forms is made of.
//!
//! The words are core's ([`assent_core::dpv`], [`assent_core::kantara`]); here is only the choice between them. It reads
//! neither ledger nor store: the caller brings the exact bytes, already verified. A view proves nothing.

use assent_core::dpv::NoConsent;
use assent_core::kantara::NotExpressible;
use assent_core::view::{Source, SourceError};
use assent_core::{dpv, kantara};

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// ISO/IEC TS 27560 consent records in the Data Privacy Vocabulary, JSON-LD. Every record has one.
    Dpv,
    /// The same as a consent receipt. A record that only says something about routes without consent has none.
    DpvReceipt,
    /// Kantara Consent Receipt 1.1. Only a consent that is given or renewed has one.
    Kantara,
}

/// Why there is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// Record and notice cannot be read or do not belong together: something is damaged.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No consent was asked, so there is no receipt of it. Leave the record out and count it.
    #[error(transparent)]
    NoConsent(#[from] NoConsent),
    /// The form cannot say what the record says. Leave the record out and count it.
    #[error(transparent)]
    NotExpressible(#[from] NotExpressible),
}

impl ViewError {
    /// Whether record and notice are sound and only this form has no words for them.
    #[must_use]
    pub fn leaves_out(&self) -> bool {
        !matches!(self, Self::Source(_))
    }
}

/// The record in the view's words, without a line feed.
///
/// `record` and `document` are the exact bytes of a record and of the notice it names; `api` is where the site answers,
/// `{public_url}/v1/{site}`.
pub fn line(view: View, record: &[u8], document: &[u8], api: &str) -> Result<String, ViewError> {
    let source = Source::new(record, document, api)?;
    let value = match view {
        View::Dpv => dpv::record(&source),
        View::DpvReceipt => dpv::receipt(&source)?,
        View::Kantara => kantara::receipt(&source)?,
    };
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_core::decision::{Act, Decision};
    use assent_core::hash::{Hash, sha256};
    use assent_core::ids::PurposeId;
    use assent_core::record::{After, RECORD_FORMAT, Record, Signals, Surface};
    use assent_core::site::SiteFile;
    use assent_core::subject::SubjectToken;
    use serde_json::Value;

    const CLINIC: &str = include_str!("../../../examples/health-provider/site.toml");
    const API: &str = "http://privacy.clinic.localhost:8700/v1/clinic";

    fn said(decisions: &[(&str, Decision)]) -> (Vec<u8>, Vec<u8>) {
        let file: SiteFile = toml::from_str(CLINIC).unwrap();
        let document = file.notice().unwrap().document();
        let record = Record {
            format: RECORD_FORMAT.into(),
            id: "019a0000-0000-7000-8000-000000000001".into(),
            site: file.id,
            subject: SubjectToken::from_random([7; 16]).id(),
            time: "2026-11-22T10:00:00.000Z".into(),
            acted: None,
            notice: sha256(&document),
            language: "cy".into(),
            act: Act::Save,
            surface: Surface::FirstLayer,
            origin: None,
            decisions: decisions.iter().map(|(id, it)| (PurposeId::new(id).unwrap(), *it)).collect(),
            signals: Signals::default(),
            age: None,
            contacts: Vec::new(),
            told: None,
            previous: None,
            after: After { size: 0, root: Hash::default() },
        };
        (record.to_bytes(), document)
    }

    #[test]
    fn each_view_is_one_line() {
        let (record, document) = said(&[("analytics", Decision::Given), ("surveys", Decision::Refused)]);
        for (view, key, word) in [
            (View::Dpv, "@graph", "dpv:ConsentRefused"),
            (View::DpvReceipt, "dpv:hasRecordOfActivity", "Wayfinder Analytics Ltd"),
            (View::Kantara, "services", "KI-CR-v1.1.0"),
        ] {
            let line = line(view, &record, &document, API).unwrap();
            assert!(!line.contains('\n') && line.contains(word), "{line}");
            assert!(serde_json::from_str::<Value>(&line).unwrap().get(key).is_some(), "{line}");
        }
    }

    #[test]
    fn what_a_form_cannot_say_is_told_from_what_is_damaged() {
        let (record, document) = said(&[("analytics", Decision::Withdrawn)]);
        let silent = line(View::Kantara, &record, &document, API).unwrap_err();
        assert!(silent.leaves_out(), "{silent}");
        assert!(line(View::DpvReceipt, &record, &document, API).is_ok(), "a withdrawal is about a consent");
        let mut changed = document.clone();
        changed.push(b' ');
        for view in [View::Dpv, View::DpvReceipt, View::Kantara] {
            let damaged = line(view, &record, &changed, API).unwrap_err();
            assert!(!damaged.leaves_out(), "{damaged}");
        }
    }

    /// People copy the examples, so their exports should be whole. A regulator's address changes too often to be copied.
    #[test]
    fn the_examples_leave_one_gap() {
        const CHARITY: &str = include_str!("../../../examples/community-charity/site.toml");
        for text in [CLINIC, CHARITY] {
            let file: SiteFile = toml::from_str(text).unwrap();
            let gaps = assent_core::view::gaps(&file.notice().unwrap());
            assert_eq!(gaps, ["controller.regulator.address"], "{}", file.id);
        }
    }
}
