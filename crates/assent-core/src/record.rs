//! The record: the full private account of one decision or event, committed to as bytes.
//!
//! A record is written once as canonical JSON and never re-serialised: its bytes are sealed in the store, opened
//! by the leaf's commitment, and handed to the person in their receipt. Facts shared by many records (wording,
//! purposes, parties, data categories, retention) are in the notice the record names by hash (ISO/IEC TS 27560
//! allows this: the full record can always be put together). Never here: an address or number in clear, an IP
//! address, a page's path, a user agent.

use crate::age::AgeBand;
use crate::decision::{Act, Decision};
use crate::hash::Hash;
use crate::ids::{PurposeId, SiteId};
use crate::notice::Channel;
use crate::subject::SubjectId;
use crate::told::Told;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The format's name, in every record.
pub const RECORD_FORMAT: &str = "assent-record/v1";

/// One decision or event of one subject. Its fields, and theirs, stand in the order of the canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How it was said.
    pub act: Act,
    /// When the person pressed, by their own clock, if that was queued in the browser; or when they told staff. Same form; evidence
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<String>,
    /// Size and root of the last checkpoint before this record: the record is younger than that.
    pub after: After,
    /// How old the person said they are, where the site asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeBand>,
    /// For alerts: which contacts it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<ContactRef>,
    /// What was decided, purpose by purpose.
    pub decisions: BTreeMap<PurposeId, Decision>,
    /// [`RECORD_FORMAT`].
    pub format: String,
    /// UUID v7, drawn by the server: the receipt's id.
    pub id: String,
    /// The language it was read in (BCP 47).
    pub language: String,
    /// SHA-256 of the notice that was on screen.
    pub notice: Hash,
    /// The page's origin, where a page was involved. Never a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Receipt id of the subject's record before this one, so that a history can be followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Browser signals that were on.
    #[serde(default, skip_serializing_if = "Signals::is_empty")]
    pub signals: Signals,
    /// The site.
    pub site: SiteId,
    /// Whose decision it is.
    pub subject: SubjectId,
    /// Which surface it was said on.
    pub surface: Surface,
    /// When the server took it down: RFC 3339, UTC, milliseconds, `Z`. Never goes back within one log.
    pub time: String,
    /// What staff wrote down, where the person told them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// Where the person saw what they decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// The banner's first layer.
    FirstLayer,
    /// The preference layer in the page.
    Preferences,
    /// The choices page on Assent's own address.
    ChoicesPage,
    /// The alert sign-up form.
    AlertForm,
    /// What stands in the place of held-back content, such as a film.
    Content,
    /// A control of the site's own page, through `window.assent`.
    Page,
    /// A message that was sent to the person, or a page that it led to.
    Message,
    /// Nowhere: the server wrote it by itself.
    Server,
    /// None of ours: it was told to staff.
    Told,
    /// The page on which a choice made on another of the controller's sites is taken over.
    HandOver,
}

impl Surface {
    /// The word in records and exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstLayer => "first-layer",
            Self::Preferences => "preferences",
            Self::ChoicesPage => "choices-page",
            Self::AlertForm => "alert-form",
            Self::Content => "content",
            Self::Page => "page",
            Self::Message => "message",
            Self::Server => "server",
            Self::Told => "told",
            Self::HandOver => "hand-over",
        }
    }
}

/// Browser signals as they stood when the person decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signals {
    /// Do Not Track was on, on a site that honours it.
    #[serde(skip_serializing_if = "is_off")]
    pub dnt: bool,
    /// Global Privacy Control was on.
    #[serde(skip_serializing_if = "is_off")]
    pub gpc: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_off(flag: &bool) -> bool {
    !*flag
}

impl Signals {
    /// Whether no signal was on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A contact, as a record may name it: by keyed hash, never in clear. The address itself is sealed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRef {
    /// Email or text.
    pub channel: Channel,
    /// HMAC-SHA-256 of the normalised address under the site's contact key.
    pub hash: Hash,
}

/// A tree that existed before the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// Its RFC 6962 root.
    pub root: Hash,
    /// Leaves in it.
    pub size: u64,
}

impl Record {
    /// The bytes that are committed to: RFC 8785 canonical JSON. Make them once and keep them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::canonical::sorted_to_bytes(self)
    }

    /// Whether a yes in it counts without a confirmation of its own.
    #[must_use]
    pub fn settles(&self) -> bool {
        self.told.as_ref().is_some_and(Told::settles)
    }

    /// Whether a yes to an alert in it waits until staff talked with the person, who is young.
    #[must_use]
    pub fn waits_for_talk(&self) -> bool {
        matches!(self.age, Some(AgeBand::Between(..))) && !self.talked()
    }

    /// Whether staff wrote down in it that they talked with the person.
    #[must_use]
    pub fn talked(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.talked)
    }

    /// Whether it is what a yes to an alert rests on: its confirmation, or a yes that was told with evidence; of a young person, that
    /// they were talked with.
    #[must_use]
    pub fn grants(&self, purpose: &PurposeId) -> bool {
        self.decisions
            .get(purpose)
            .is_some_and(|decision| *decision == Decision::Confirmed || (self.settles() && decision.is_yes()))
            && !self.waits_for_talk()
    }

    /// Reads record bytes. Verify the receipt or row they came from first.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::told::{Evidence, EvidenceKind, Recording, Telling};

    #[test]
    fn bytes_are_canonical_and_kept() {
        let record = fixture::record();
        let bytes = record.to_bytes();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&record).unwrap());
        // And with every field that a record may have.
        let full = Record {
            acted: Some("2026-11-22T10:15:00.000Z".into()),
            age: Some(AgeBand::Between(13, 15)),
            contacts: [Channel::Text, Channel::Email]
                .map(|channel| ContactRef { channel, hash: Hash([7; 32]) })
                .into(),
            origin: Some("https://clinic.example.org \u{1}\u{7f}\"\\\n\u{fe0f}\u{1f600}".into()),
            previous: Some(record.id.clone()),
            signals: Signals { dnt: true, gpc: true },
            told: Some(Told {
                by: Telling::InPerson,
                directly: true,
                evidence: Some(Evidence { kind: EvidenceKind::SignedForm, reference: "file B-1".into() }),
                list: Some("spring".into()),
                opt_out_offered: true,
                recording: Some(Recording::NotRecorded),
                script: "Form 7".into(),
                staff: "M. Rees".into(),
                talked: true,
            }),
            ..record.clone()
        };
        assert_eq!(full.to_bytes(), serde_json_canonicalizer::to_vec(&full).unwrap());
        assert_eq!(full.to_bytes(), crate::canonical::to_bytes(&full));
        assert_eq!(Record::from_bytes(&bytes).unwrap(), record);
        insta::assert_snapshot!(core::str::from_utf8(&bytes).unwrap());
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let mut value = serde_json::to_value(fixture::record()).unwrap();
        value["phone"] = "+441632960000".into();
        assert!(Record::from_bytes(&serde_json::to_vec(&value).unwrap()).is_err());
    }
}
