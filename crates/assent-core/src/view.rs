//! What a view is made from: one record, the notice it names, and the address both are served at.
//!
//! A view says a record in the words of a standard: [`crate::dpv`] (ISO/IEC TS 27560 as JSON-LD), [`crate::kantara`]
//! (Consent Receipt 1.1). Views are for reading by other programs and prove nothing: the record's bytes stay the
//! record, and the receipt stays its proof. A [`Source`] holds only what belongs together, so views need no checks of
//! their own. What the notice does not say, no view makes up; [`gaps`] lists it for the operator.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::decision::{Act, Decision, Standing};
use crate::hash::{Hash, sha256};
use crate::ids::{PurposeId, SiteId};
use crate::notice::{Asked, NOTICE_FORMAT, Notice, Purpose, PurposeText, Recipient, Route, Text};
use crate::record::{RECORD_FORMAT, Record};

/// A record and the notice it names.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    record: Record,
    notice: Notice,
    api: &'a str,
}

/// Why a record and a notice make no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Not a record of [`RECORD_FORMAT`].
    #[error("this is not a consent record of the format {RECORD_FORMAT}")]
    Record,
    /// Not a notice of [`NOTICE_FORMAT`].
    #[error("this is not a notice of the format {NOTICE_FORMAT}")]
    Notice,
    /// The record names another notice.
    #[error("the record names the notice {named}, and this is {found}")]
    OtherNotice {
        /// Hash in the record.
        named: Hash,
        /// Hash of the document.
        found: Hash,
    },
    /// The notice is another site's.
    #[error("the record is of the site `{record}`, and the notice of `{notice}`")]
    OtherSite {
        /// Site in the record.
        record: SiteId,
        /// Site in the notice.
        notice: SiteId,
    },
    /// The record decides nothing.
    #[error("the record decides nothing")]
    NoDecision,
    /// The record decides about a purpose the notice does not have.
    #[error("the notice has no purpose `{0}`")]
    UnknownPurpose(PurposeId),
    /// The record's language is none of the notice's.
    #[error("the notice has no language `{0}`")]
    UnknownLanguage(String),
}

impl<'a> Source<'a> {
    /// Puts a record's exact bytes and its notice's exact bytes together.
    ///
    /// Verify both first ([`crate::receipt`], [`crate::export_format`]): here only their belonging together is checked.
    /// `api` is where the site's Assent answers, `{public_url}/v1/{site}`; it becomes the addresses in the view.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn new(record: &[u8], document: &[u8], api: &'a str) -> Result<Self, SourceError> {
        let found = sha256(document);
        let record = Record::from_bytes(record).map_err(|_| SourceError::Record)?;
        let notice: Notice = serde_json::from_slice(document).map_err(|_| SourceError::Notice)?;
        if record.format != RECORD_FORMAT {
            return Err(SourceError::Record);
        }
        if notice.format != NOTICE_FORMAT {
            return Err(SourceError::Notice);
        }
        if record.notice != found {
            return Err(SourceError::OtherNotice { named: record.notice, found });
        }
        if record.site != notice.site {
            return Err(SourceError::OtherSite { record: record.site, notice: notice.site });
        }
        let Some(text) = notice.languages.get(&record.language) else {
            return Err(SourceError::UnknownLanguage(record.language));
        };
        if record.decisions.is_empty() {
            return Err(SourceError::NoDecision);
        }
        let known = |id: &&PurposeId| notice.purpose(id).is_some() && text.purposes.contains_key(*id);
        if let Some(id) = record.decisions.keys().find(|id| !known(id)) {
            return Err(SourceError::UnknownPurpose(id.clone()));
        }
        Ok(Self { record, notice, api })
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The notice it names.
    #[must_use]
    pub fn notice(&self) -> &Notice {
        &self.notice
    }

    /// What was decided, by purpose id.
    pub(crate) fn decided(&self) -> impl Iterator<Item = Decided<'_>> {
        // `new` found the language, every purpose and every text.
        let text = self.notice.languages.get(&self.record.language);
        self.record.decisions.iter().filter_map(move |(id, decision)| {
            Some(Decided {
                purpose: self.notice.purpose(id)?,
                text: text?.purposes.get(id)?,
                decision: *decision,
            })
        })
    }

    /// The words the person read.
    pub(crate) fn text(&self) -> &Text {
        self.notice.text([self.record.language.as_str()]).1
    }

    /// Who receives a purpose's data besides the controller, with the id the notice gives them.
    pub(crate) fn recipients<'s>(
        &'s self,
        purpose: &'s Purpose,
    ) -> impl Iterator<Item = (&'s str, &'s Recipient)> {
        self.notice
            .recipients
            .iter()
            .filter(|(id, _)| {
                purpose.recipients.contains(id) || purpose.storage.iter().any(|item| item.read_by == **id)
            })
            .map(|(id, recipient)| (id.as_str(), recipient))
    }

    /// Where the person changes what they said.
    pub(crate) fn choices(&self) -> String {
        format!("{}/choices", self.api)
    }

    /// Where the notice is read, for ever.
    pub(crate) fn notice_address(&self) -> String {
        format!("{}/notices/{}", self.api, self.record.notice)
    }

    /// Where the holder reads the receipt.
    pub(crate) fn receipt_address(&self) -> String {
        format!("{}/receipts/{}", self.api, self.record.id)
    }

    /// How it was said, in one line.
    pub(crate) fn method(&self) -> String {
        let signal = match (self.record.signals.gpc, self.record.signals.dnt) {
            (true, _) => ", with Global Privacy Control on",
            (false, true) => ", with Do Not Track on",
            (false, false) => "",
        };
        format!("{} on {}{signal}", self.record.act.as_str(), self.record.surface.as_str())
    }

    /// Whether staff or a program of the controller wrote it down for the person.
    pub(crate) fn by_controller(&self) -> bool {
        matches!(self.record.act, Act::Phone | Act::Paper | Act::Staff | Act::Api)
    }
}

/// One purpose and what was decided about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided<'a> {
    pub(crate) purpose: &'a Purpose,
    pub(crate) text: &'a PurposeText,
    pub(crate) decision: Decision,
}

impl Decided<'_> {
    /// Whether it was asked as a consent. The other routes tell, and what is said against them is an objection.
    pub(crate) fn is_consent(&self) -> bool {
        self.purpose.route == Route::Consent
    }

    /// Whether it is a yes at all: given, said again or confirmed.
    pub(crate) fn is_yes(&self) -> bool {
        self.decision.is_yes()
    }

    /// Whether it is a consent that may be acted on. A sign-up nobody confirmed is none yet.
    pub(crate) fn is_consent_given(&self) -> bool {
        self.is_consent() && Standing::after(self.decision, self.purpose.asked).allows()
    }

    /// When it was said. A yes counts from the press, if that was earlier, as [`crate::standing`] counts it; the times
    /// have one spelling, so their order is that of their letters.
    pub(crate) fn said<'r>(&self, record: &'r Record) -> &'r str {
        match &record.acted {
            Some(acted) if self.is_yes() && *acted < record.time => acted,
            _ => &record.time,
        }
    }

    /// Days until a yes has to be asked again, where it has an end: an alert lasts until it is stopped.
    pub(crate) fn days(&self, notice: &Notice) -> Option<u16> {
        (self.is_yes() && self.purpose.asked == Asked::Banner).then_some(notice.memory.grant_days)
    }
}

/// The keys of the site file that a whole ISO/IEC TS 27560 record needs and this notice does not have. The record is
/// still made and says that they are not available.
#[must_use]
pub fn gaps(notice: &Notice) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut need = |there: bool, key: String| {
        if !there {
            gaps.push(key);
        }
    };
    need(!notice.controller.jurisdiction.is_empty(), "controller.jurisdiction".to_string());
    need(notice.controller.location.is_some(), "controller.location".to_string());
    need(notice.controller.regulator.address.is_some(), "controller.regulator.address".to_string());
    for (id, recipient) in &notice.recipients {
        need(recipient.address.is_some(), format!("recipients.{id}.address"));
    }
    for purpose in notice.purposes.iter().filter(|purpose| purpose.is_choice()) {
        let key = match &purpose.topic {
            None => format!("purposes.{}.special_categories", purpose.id),
            Some(topic) => format!("alerts.{topic}.special_categories"),
        };
        need(purpose.special_categories.is_some(), key);
    }
    gaps.dedup();
    gaps
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::Surface;
    use std::vec;

    pub(crate) const API: &str = "https://privacy.example.org/v1/clinic";

    /// A record that decides this about the full fixture site, and the notice's document.
    pub(crate) fn said(decisions: &[(&str, Decision)]) -> (Record, Vec<u8>) {
        let document = fixture::full_site_file().notice().unwrap().document();
        let mut record = fixture::record();
        record.notice = sha256(&document);
        record.decisions = decisions.iter().map(|(id, it)| (PurposeId::new(id).unwrap(), *it)).collect();
        (record, document)
    }

    pub(crate) fn source(record: &Record, document: &[u8]) -> Source<'static> {
        Source::new(&record.to_bytes(), document, API).unwrap()
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let (good, document) = said(&[("analytics", Decision::Given)]);
        assert!(Source::new(&good.to_bytes(), &document, API).is_ok());
        let refused = |change: &dyn Fn(&mut Record)| {
            let mut record = good.clone();
            change(&mut record);
            Source::new(&record.to_bytes(), &document, API).unwrap_err()
        };
        let found = sha256(&document);
        let named = Hash([1; 32]);
        assert_eq!(refused(&|r| r.format = "assent-record/v2".into()), SourceError::Record);
        assert_eq!(refused(&|r| r.notice = named), SourceError::OtherNotice { named, found });
        let (record, notice) = (SiteId::new("charity").unwrap(), good.site.clone());
        assert_eq!(
            refused(&|r| r.site = record.clone()),
            SourceError::OtherSite { record: record.clone(), notice }
        );
        assert_eq!(refused(&|r| r.language = "fr".into()), SourceError::UnknownLanguage("fr".into()));
        assert_eq!(refused(&|r| r.decisions.clear()), SourceError::NoDecision);
        let spying = PurposeId::new("spying").unwrap();
        let unknown = refused(&|r| {
            r.decisions.insert(spying.clone(), Decision::Given);
        });
        assert_eq!(unknown, SourceError::UnknownPurpose(spying));
        assert_eq!(Source::new(b"{}", &document, API).unwrap_err(), SourceError::Record);
        assert_eq!(Source::new(&good.to_bytes(), b"{}", API).unwrap_err(), SourceError::Notice);
    }

    #[test]
    fn a_yes_counts_from_the_press_and_a_no_from_the_server() {
        let earlier = "2026-11-22T09:00:00.000Z";
        for (decision, acted, counts) in [
            (Decision::Given, earlier, earlier),
            (Decision::Given, "2026-11-22T11:00:00.000Z", "2026-11-22T10:00:00.000Z"),
            (Decision::Withdrawn, earlier, "2026-11-22T10:00:00.000Z"),
        ] {
            let (mut record, document) = said(&[("analytics", decision)]);
            record.acted = Some(acted.into());
            let source = source(&record, &document);
            assert_eq!(source.decided().next().unwrap().said(&record), counts, "{decision:?} {acted}");
        }
    }

    #[test]
    fn how_it_was_said_is_one_line() {
        let (mut record, document) = said(&[("analytics", Decision::Given)]);
        assert_eq!(
            source(&record, &document).method(),
            "save on preferences, with Global Privacy Control on"
        );
        record.signals.gpc = false;
        record.surface = Surface::ChoicesPage;
        assert_eq!(source(&record, &document).method(), "save on choices-page");
    }

    #[test]
    fn gaps_are_named_by_their_keys() {
        assert_eq!(gaps(&fixture::full_site_file().notice().unwrap()), Vec::<String>::new());
        let expected = vec![
            "controller.jurisdiction",
            "controller.location",
            "controller.regulator.address",
            "recipients.wayfinder.address",
            "purposes.analytics.special_categories",
            "purposes.surveys.special_categories",
            "purposes.counting.special_categories",
            "alerts.news.special_categories",
        ];
        assert_eq!(gaps(&fixture::notice()), expected);
    }
}
