//! The notice: everything a person is told and asked, in every language, content-addressed.
//!
//! A notice is made from a site file ([`crate::site`]), published as canonical JSON (RFC 8785) and named by the
//! SHA-256 of exactly those bytes. It stays readable for ever at that hash, and every record names the hash and
//! the language that were on screen. Where the site lives, and how it is served, is not part of it.
//!
//! Fields that came after the first release are optional and left out of the document when absent, so that a notice
//! published before them keeps its bytes and its hash.

use crate::age::AgeQuestion;
use crate::decision::Standing;
use crate::hash::{Hash, sha256};
use crate::ids::{PurposeId, SiteId};
use crate::words::Words;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The format's name, first in every notice document.
pub const NOTICE_FORMAT: &str = "assent-notice/v1";

/// Everything a person is told and asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// [`NOTICE_FORMAT`].
    pub format: String,
    /// The site it speaks for.
    pub site: SiteId,
    /// Who decides what is done with the data.
    pub controller: Controller,
    /// Everyone else who receives data, by id.
    pub recipients: BTreeMap<String, Recipient>,
    /// What is asked or told, in the order shown.
    pub purposes: Vec<Purpose>,
    /// How long a choice is remembered.
    pub memory: Memory,
    /// Where on the page it is asked, and in which looks.
    #[serde(default, skip_serializing_if = "Look::is_usual")]
    pub look: Look,
    /// Whether people are asked how old they are, where, and what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeQuestion>,
    /// The language used when none of the visitor's is there (BCP 47).
    pub default_language: String,
    /// The words, by language (BCP 47). Each language is complete.
    pub languages: BTreeMap<String, Text>,
}

/// The organisation that answers for the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// Its name, as people know it.
    pub name: String,
    /// Postal address, in one line.
    pub address: String,
    /// Where to write to about data.
    pub email: String,
    /// Telephone, as dialled in its own country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Its full privacy statement.
    pub privacy_url: String,
    /// Its number in the register of charities, where it is one: only a charity may use the charitable soft opt-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charity: Option<String>,
    /// Whose law it answers to: ISO 3166-1 alpha-2 codes (`GB`, `IE`) or `EU`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurisdiction: Vec<String>,
    /// Where it keeps the data itself (country or region).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Who supervises it and takes complaints.
    pub regulator: Regulator,
}

/// The supervising authority. Names and addresses change, so they are the operator's to state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regulator {
    /// Its name.
    pub name: String,
    /// Where to complain.
    pub url: String,
    /// Postal address, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Someone other than the controller who receives data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Its name.
    pub name: String,
    /// What it is to the controller.
    pub role: RecipientRole,
    /// Where the data goes (country or region).
    pub location: String,
    /// Its own privacy statement.
    pub privacy_url: String,
    /// Postal address, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What a recipient is to the controller (UK GDPR Art 4, 26, 28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientRole {
    /// Acts only on the controller's instructions.
    Processor,
    /// Decides together with the controller.
    Joint,
    /// Decides for itself.
    Independent,
}

/// The legal route of a purpose. Each purpose has exactly one; there is no site-wide switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Off until the person says yes.
    Consent,
    /// UK statistical exception: told, and may object.
    Statistics,
    /// Told only.
    Necessary,
    /// Charity or customer messages with an opt-out at collection.
    SoftOptIn,
    /// Messages that are part of a service, not marketing.
    Service,
}

impl Route {
    /// The word in files, notices and exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Statistics => "statistics",
            Self::Necessary => "necessary",
            Self::SoftOptIn => "soft-opt-in",
            Self::Service => "service",
        }
    }
}

/// Where a purpose is put to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// On the banner and the choices page.
    Banner,
    /// On the alert sign-up form.
    AlertForm,
}

/// How an alert reaches the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Email.
    Email,
    /// Text message.
    Text,
}

impl Channel {
    /// The word in files, records and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Text => "text",
        }
    }
}

/// One thing asked for or told about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Its name in tags, records and cookies.
    pub id: PurposeId,
    /// Its legal route.
    pub route: Route,
    /// Where it is asked.
    pub asked: Asked,
    /// For an alert: how it arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// For an alert: what it is about. Alerts that differ only in channel share a topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Ids of those who receive the data besides the controller.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// What is stored on or read from the device.
    #[serde(default)]
    pub storage: Vec<StorageItem>,
    /// Google Consent Mode keys that follow this purpose.
    #[serde(default)]
    pub google: Vec<GoogleKey>,
    /// Other tools on the site's pages that are told whether this purpose is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it shares data with others for their own ends, or serves advertising: a browser that sends Global Privacy
    /// Control says no to it before anybody asks.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub sharing: bool,
    /// When it last changed in a way that people must be asked about again, as `2026-11-01T09:00:00Z`: a yes from before
    /// holds no longer. A no is not asked again for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// For an alert: after how many days a yes ends by itself, unless it was said again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_after_days: Option<u16>,
    /// On the statistics route: why the exception may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<StatisticsConditions>,
    /// On the soft opt-in route: which of the two, and how its conditions are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_opt_in: Option<SoftOptIn>,
    /// Special categories of data among it (UK GDPR Art 9), as `health`. An empty list says that there are none;
    /// without one the notice does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_categories: Option<Vec<String>>,
    /// Whether people give so much about themselves with it that a young person's yes needs a talk first.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub substantial_data: bool,
}

impl Purpose {
    /// Whether there is something for the person to choose.
    #[must_use]
    pub fn is_choice(&self) -> bool {
        !matches!(self.route, Route::Necessary | Route::Service)
    }

    /// When it last changed significantly, in Unix seconds; nothing for a time that cannot be read.
    #[must_use]
    pub fn changed_at(&self) -> Option<u64> {
        let start = self.changed.as_deref()?.strip_suffix('Z')?;
        crate::kantara::unix_seconds(&alloc::format!("{start}.000Z"))
    }

    /// The earliest time from which collected details may be used on this route, in Unix milliseconds.
    #[must_use]
    pub fn collected_from(&self) -> u64 {
        let charitable = |it: &SoftOptIn| it.kind == SoftOptInKind::Charitable;
        if self.route == Route::SoftOptIn && self.soft_opt_in.as_ref().is_some_and(charitable) {
            CHARITABLE_FROM
        } else {
            0
        }
    }

    /// Whether `standing` lets this purpose be acted on, under its route.
    #[must_use]
    pub fn allows(&self, standing: Standing) -> bool {
        match self.route {
            Route::Necessary | Route::Service => true,
            Route::Statistics => standing != Standing::Objected,
            Route::Consent | Route::SoftOptIn => standing.allows(),
        }
    }
}

/// The conditions of the statistical exception (PECR Schedule A1 para 5), each with the controller's own evidence for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatisticsConditions {
    /// It is an online service that the controller provides.
    pub own_service: String,
    /// The only purpose is statistics about how the service is used, in order to improve it.
    pub only_statistics: String,
    /// Nobody else gets the data, except to help improve the service.
    pub not_shared: String,
    /// People are told clearly and comprehensively.
    pub information: String,
    /// People can object simply and free of charge.
    pub objection: String,
}

/// Since when charities may use soft opt-in, for details that they collect from then on: 5 February 2026, 00:00 in London, as Unix
/// milliseconds (PECR reg 22(3A), commenced by the Data (Use and Access) Act 2025).
pub const CHARITABLE_FROM: u64 = 1_770_249_600_000;

/// Soft opt-in (PECR reg 22(3), (3A)): which, and the controller's own evidence for its conditions. That every message can be stopped
/// needs none: Assent sees to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftOptIn {
    /// Which of the two.
    pub kind: SoftOptInKind,
    /// How the controller itself collects the details: in the course of a sale, or from people who support or are interested in the
    /// charity's work.
    pub collected: String,
    /// How people can refuse, simply and free of charge, when the details are collected.
    pub opt_out: String,
}

/// Which soft opt-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoftOptInKind {
    /// The controller's own similar products and services, to its customers.
    Commercial,
    /// A charity's purposes, to those who support it or showed interest. Details collected from [`CHARITABLE_FROM`] on.
    Charitable,
}

impl StatisticsConditions {
    /// Every condition by its key.
    #[must_use]
    pub fn each(&self) -> [(&'static str, &str); 5] {
        [
            ("own_service", &self.own_service),
            ("only_statistics", &self.only_statistics),
            ("not_shared", &self.not_shared),
            ("information", &self.information),
            ("objection", &self.objection),
        ]
    }
}

/// Where on the page the question stands, and in which looks. Part of the notice: a record shows what people had before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    /// Where it stands.
    pub layout: Layout,
    /// Its looks.
    pub theme: Theme,
}

impl Look {
    /// Whether it is the bar in the plain theme.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the question stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A bar at the bottom of the window, in front of the page.
    #[default]
    Bar,
    /// In the page, in the element that the page holds ready for it (the GOV.UK pattern).
    Inline,
    /// A dialog before the page, which can be used only after an answer.
    Dialog,
}

/// Ready looks. Every colour and measure can still be set by the page (`--assent-…`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// Quiet, with round corners.
    #[default]
    Plain,
    /// Square and black on white, with green buttons: for pages like GOV.UK's.
    Government,
    /// Blue, with buttons that have an edge: for pages like the NHS's.
    Health,
}

/// Something stored on or read from the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageItem {
    /// Its name; a trailing `*` stands for any ending.
    pub name: String,
    /// What it technically is.
    pub kind: StorageKind,
    /// How long it stays, in days; 0 means until the browser closes.
    pub days: u32,
    /// Who reads it: the controller or a recipient id.
    pub read_by: String,
}

/// The technology of a [`StorageItem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// A cookie.
    Cookie,
    /// `localStorage`.
    LocalStorage,
    /// `sessionStorage`.
    SessionStorage,
    /// An image or request whose only job is to be counted.
    Pixel,
    /// An embedded frame that may store things of its own.
    Frame,
}

/// The keys of Google Consent Mode v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "Google's own key names, documented by Google")]
pub enum GoogleKey {
    AdStorage,
    AdUserData,
    AdPersonalization,
    AnalyticsStorage,
    FunctionalityStorage,
    PersonalizationStorage,
    SecurityStorage,
}

/// Tools of others that take a person's choice by a call of their own. A tool, or one of its keys, is granted when every
/// purpose that names it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// The data layer: an event `assent` with what holds for each purpose that names it, for Tag Manager.
    Gtm,
    /// Microsoft Advertising (UET): `ad_storage`.
    Uet,
    /// Microsoft Clarity: `analytics_Storage`. It records sessions.
    Clarity,
    /// Microsoft Clarity: `ad_Storage`.
    ClarityAds,
    /// Matomo.
    Matomo,
}

/// How long choices are remembered before the person is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// A refusal, in days: at least 182 (six months).
    pub refusal_days: u16,
    /// A grant, in days: at most 366 (twelve months).
    pub grant_days: u16,
}

/// All words of one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Heading of the banner.
    pub title: String,
    /// What the banner says, one paragraph.
    pub intro: String,
    /// Heading of the alert sign-up form; empty where there are no alerts.
    #[serde(default)]
    pub alerts_title: String,
    /// What the sign-up form says first.
    #[serde(default)]
    pub alerts_intro: String,
    /// Texts of each purpose, by id. Every purpose has one.
    pub purposes: BTreeMap<PurposeId, PurposeText>,
    /// The interface's own words: buttons, headings, confirmations.
    pub words: Words,
}

/// What one purpose says for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeText {
    /// A short name, as on a switch.
    pub name: String,
    /// What it is for, in plain words.
    pub description: String,
    /// What data it takes, one entry each.
    pub data: Vec<String>,
    /// How long the data is kept.
    pub retention: String,
}

impl Notice {
    /// The document's bytes: RFC 8785 canonical JSON. These bytes are what is hashed, published and kept.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        crate::canonical::to_bytes(self)
    }

    /// SHA-256 of [`Self::document`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        sha256(&self.document())
    }

    /// The purpose with this id.
    #[must_use]
    pub fn purpose(&self, id: &PurposeId) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.id == *id)
    }

    /// Whether an alert has a route on which it may be sent at all.
    #[must_use]
    pub fn may_send(&self, alert: &Purpose) -> bool {
        match (alert.route, &alert.soft_opt_in) {
            (Route::Consent | Route::Service, _) => true,
            (Route::SoftOptIn, Some(SoftOptIn { kind: SoftOptInKind::Charitable, .. })) => {
                self.controller.charity.as_ref().is_some_and(|number| !number.trim().is_empty())
            }
            (Route::SoftOptIn, Some(_)) => true,
            (Route::SoftOptIn, None) | (Route::Statistics | Route::Necessary, _) => false,
        }
    }

    /// The purposes put at one place, in the order shown.
    pub fn asked_at(&self, asked: Asked) -> impl Iterator<Item = &Purpose> {
        self.purposes.iter().filter(move |purpose| purpose.asked == asked)
    }

    /// The words for the first wanted language that is there (`cy-GB` finds `cy`), else the default's.
    ///
    /// Returns the language's tag too, because it stands in the record.
    #[must_use]
    pub fn text<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> (&str, &Text) {
        for tag in wanted {
            let base = tag.split('-').next().unwrap_or(tag);
            for candidate in [tag, base] {
                let found = self.languages.iter().find(|(have, _)| have.eq_ignore_ascii_case(candidate));
                if let Some((have, text)) = found {
                    return (have, text);
                }
            }
        }
        let default = self.languages.get_key_value(&self.default_language);
        let (have, text) = default.or(self.languages.iter().next()).expect("a notice has a language");
        (have, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::site::SiteFileError;

    #[test]
    fn the_document_is_canonical_and_round_trips() {
        let notice = fixture::notice();
        let document = notice.document();
        assert_eq!(document, serde_json_canonicalizer::to_vec(&notice).unwrap());
        let read: Notice = serde_json::from_slice(&document).unwrap();
        assert_eq!(read, notice);
        assert_eq!(read.hash(), sha256(&document));
    }

    /// Published by the first release, before any optional field: its name must not change.
    #[test]
    fn a_notice_of_the_first_release_keeps_its_hash() {
        const DOCUMENT: &[u8] = include_bytes!("../vectors/notice.json");
        let notice: Notice = serde_json::from_slice(DOCUMENT).unwrap();
        assert_eq!(notice.document(), DOCUMENT);
        assert_eq!(
            notice.hash().to_hex(),
            "b2874e7fcd96d5fd851a0d147507196b1b68a90de69875faee3365bdfa53c0f7",
        );
        assert_eq!(notice.controller.jurisdiction, Vec::<String>::new());
        assert_eq!(notice.purposes[0].special_categories, None);
    }

    #[test]
    fn a_language_is_found_or_the_default_stands_in() {
        let notice = fixture::notice();
        for (wanted, found) in [("cy", "cy"), ("cy-GB", "cy"), ("CY", "cy"), ("fr", "en"), ("", "en")] {
            assert_eq!(notice.text([wanted]).0, found, "{wanted}");
        }
        assert_eq!(notice.text(["fr", "cy"]).0, "cy");
    }

    #[test]
    fn a_site_file_that_is_not_whole_is_refused() {
        let refuse = |change: fn(&mut crate::site::SiteFile)| {
            let mut file = fixture::site_file();
            change(&mut file);
            file.notice().unwrap_err()
        };
        let missing = refuse(|file| file.text.get_mut("cy").unwrap().purposes.clear());
        assert!(matches!(missing, SiteFileError::TextMissing { .. }), "{missing}");
        let unused = refuse(|file| file.purposes.truncate(1));
        assert!(matches!(unused, SiteFileError::TextUnused { .. }), "{unused}");
        let recipient = refuse(|file| file.recipients.clear());
        assert!(matches!(recipient, SiteFileError::RecipientUnknown { .. }), "{recipient}");
        let twice = refuse(|file| file.purposes.push(file.purposes[0].clone()));
        assert!(matches!(twice, SiteFileError::PurposeTwice(_)), "{twice}");
        let domain = refuse(|file| file.cookie_domain = Some("example.net".into()));
        assert!(matches!(domain, SiteFileError::CookieDomain { .. }), "{domain}");
        let plain = refuse(|file| file.origins = Vec::from(["http://www.example.org".into()]));
        assert!(matches!(plain, SiteFileError::Address { .. }), "{plain}");
        let jurisdiction = refuse(|file| file.controller.jurisdiction = Vec::from(["Wales".into()]));
        assert!(matches!(jurisdiction, SiteFileError::Jurisdiction(_)), "{jurisdiction}");
        let language = refuse(|file| file.default_language = "ga".into());
        assert!(matches!(language, SiteFileError::DefaultLanguageMissing(_)), "{language}");
    }
}
