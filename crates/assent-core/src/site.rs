//! The site file: what an operator writes to describe one site, and the notice that is made from it.
//!
//! Reading TOML is the caller's work; this holds the shape (every unknown key is refused) and the pure step from
//! file to [`Notice`]. Whether the result is lawful is [`crate::lint`]'s question.

use crate::age::AgeQuestion;
use crate::ids::{NameError, PurposeId, SiteId};
use crate::note::{KeyKind, VerifierKey};
use crate::notice::{
    Asked, Channel, Controller, GoogleKey, Look, Memory, NOTICE_FORMAT, Notice, Purpose, PurposeText,
    Recipient, Route, SoftOptIn, StatisticsConditions, StorageItem, Text, Tool,
};
use crate::policy::{Policy, PolicyError};
use crate::retention::{RetentionFile, RetentionRules};
use crate::words::{Words, WordsOverride};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A point of the curve, for a key that only has to be read: RFC 8032's first test key.
const SAMPLE_KEY: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// One site file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    /// The site's name in addresses: `/v1/{id}/…`.
    pub id: SiteId,
    /// Where Assent answers for this site: scheme, host and port, no slash at the end. The log's origin is made
    /// from it, so it must not change once records exist.
    pub public_url: String,
    /// The site's own addresses (scheme, host, port). Decisions from anywhere else are refused.
    pub origins: Vec<String>,
    /// The domain that both the site and `public_url` are under, so that both see the choice. Without it the
    /// choices page on Assent's own address cannot know a visitor's choice.
    #[serde(default)]
    pub cookie_domain: Option<String>,
    /// Address that messages about alerts come from; without it, the controller's.
    #[serde(default)]
    pub mail_from: Option<String>,
    /// Number or name that texts come from; without it, the gateway's.
    #[serde(default)]
    pub text_from: Option<String>,
    /// Calling codes of the countries that texts are sent to, as `+44`: each costs, and some cost much.
    #[serde(default = "home")]
    pub text_countries: Vec<String>,
    /// Language used when none of the visitor's is there (BCP 47).
    pub default_language: String,
    /// Who decides.
    pub controller: Controller,
    /// How long choices are remembered.
    #[serde(default)]
    pub memory: MemoryFile,
    /// Where on the page the question stands (`layout`: `bar`, `inline` or `dialog`) and its looks (`theme`: `plain`,
    /// `government` or `health`).
    #[serde(default)]
    pub look: Look,
    /// Whether a browser's Do Not Track, too, is taken as a no to what shares data. Global Privacy Control always is.
    #[serde(default)]
    pub honour_dnt: bool,
    /// The controller's other sites on this server that people may take their choices on to, each by a press of their own there.
    #[serde(default)]
    pub hands_over_to: Vec<SiteId>,
    /// Asks how old people are: `asked` (`banner`, `alert-form`), `consent_from` and `contact_under`.
    #[serde(default)]
    pub age: Option<AgeQuestion>,
    /// How long records are kept.
    #[serde(default)]
    pub retention: RetentionFile,
    /// When the log's checkpoints are published, and who cosigns them.
    #[serde(default)]
    pub log: LogFile,
    /// Everyone else who receives data, by id.
    #[serde(default)]
    pub recipients: BTreeMap<String, Recipient>,
    /// What is asked or told on the banner, in order.
    pub purposes: Vec<PurposeFile>,
    /// Alert topics, in order.
    #[serde(default)]
    pub alerts: Vec<AlertFile>,
    /// Texts by language.
    pub text: BTreeMap<String, TextFile>,
    /// Templates of the emails that Assent sends, by kind. They are not part of the notice.
    #[serde(default)]
    pub messages: BTreeMap<MessageKind, MessageTemplate>,
}

/// What an email of Assent's is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// Each that has no template of its own.
    All,
    /// Asks whether a sign-up was theirs.
    Confirm,
    /// Asks whether alerts are to come to this address from now on.
    Move,
    /// Tells the old address that another took its place.
    Moved,
    /// A copy of what somebody told staff.
    Copy,
    /// A link to everything about the address.
    Link,
    /// An alert ends soon.
    Remind,
}

impl MessageKind {
    /// All of them.
    pub const EACH: [Self; 7] =
        [Self::All, Self::Confirm, Self::Move, Self::Moved, Self::Copy, Self::Link, Self::Remind];

    /// Its name in the site file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Confirm => "confirm",
            Self::Move => "move",
            Self::Moved => "moved",
            Self::Copy => "copy",
            Self::Link => "link",
            Self::Remind => "remind",
        }
    }
}

/// Both bodies of an email, as templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageTemplate {
    /// Of the plain text.
    pub text: String,
    /// Of the HTML.
    pub html: String,
}

/// How long choices are remembered. Defaults: a refusal 182 days, a grant 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryFile {
    /// A refusal, in days (≥ 182).
    pub refusal_days: u16,
    /// A grant, in days (182 to 366).
    pub grant_days: u16,
}

impl Default for MemoryFile {
    fn default() -> Self {
        Self { refusal_days: 182, grant_days: 365 }
    }
}

/// When a log's checkpoints are published, and who cosigns them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogFile {
    /// Seconds between two public checkpoints, at most 3600. 0 publishes with every decision, which on a quiet site tells when
    /// somebody decided.
    pub checkpoint_seconds: u32,
    /// The witnesses, as lines of a C2SP tlog-policy: `witness`, `group`, `quorum`. The log itself needs no line.
    pub witnesses: String,
}

impl Default for LogFile {
    fn default() -> Self {
        Self { checkpoint_seconds: 5, witnesses: String::new() }
    }
}

impl LogFile {
    /// The policy for a log of this key; nothing when there are no witnesses.
    ///
    /// # Errors
    /// [`PolicyError`]; its line counts from the first line of `witnesses`, as the log's own line is put behind it.
    pub fn policy(&self, log_key: &str) -> Result<Option<Policy>, PolicyError> {
        if self.witnesses.trim().is_empty() {
            return Ok(None);
        }
        let lines = self.witnesses.trim_end();
        Policy::parse(&alloc::format!("{lines}\nlog {log_key}\n")).map(Some)
    }
}

/// One purpose of the banner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeFile {
    /// Its name in tags (`data-purpose`), records and cookies.
    pub id: PurposeId,
    /// Its legal route.
    pub route: Route,
    /// Ids of those who receive the data besides the controller.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// What is stored on or read from the device.
    #[serde(default)]
    pub storage: Vec<StorageItem>,
    /// Google Consent Mode keys that follow this purpose.
    #[serde(default)]
    pub google: Vec<GoogleKey>,
    /// Other tools on the site's pages that are told whether this purpose is allowed: `gtm`, `uet`, `clarity`, `clarity-ads`,
    /// `matomo`.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Whether it shares data with others for their own ends, or serves advertising: Global Privacy Control says no to it.
    #[serde(default)]
    pub sharing: bool,
    /// When it last changed significantly, as `2026-11-01T09:00:00Z`: whoever agreed before is asked again. Without a change
    /// here, new words ask nobody again.
    #[serde(default)]
    pub changed: Option<String>,
    /// On the statistics route: the conditions of the exception, each with the evidence for it.
    #[serde(default)]
    pub statistics: Option<StatisticsConditions>,
    /// Special categories of data among it (UK GDPR Art 9), as `health`; an empty list says that there are none.
    #[serde(default)]
    pub special_categories: Option<Vec<String>>,
    /// Whether people give much about themselves with it: then who is young enough to be talked with cannot say yes to it here.
    #[serde(default)]
    pub substantial_data: bool,
}

/// One alert topic, on one or more channels. Each channel becomes a purpose of its own, `{channel}-{topic}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFile {
    /// The topic's name.
    pub topic: PurposeId,
    /// Channels it is offered on.
    pub channels: Vec<Channel>,
    /// Its legal route: `consent` unless said otherwise, `soft-opt-in`, or `service` for messages that are part of a service and carry
    /// no marketing.
    #[serde(default = "consent")]
    pub route: Route,
    /// After how many days a yes ends by itself, unless it was said again (1 to 3650). Without it, none does.
    #[serde(default)]
    pub ends_after_days: Option<u16>,
    /// How many days before the end a reminder is sent, with a link that keeps the alert. Without it, none is.
    #[serde(default)]
    pub remind_days_before: Option<u16>,
    /// On the soft opt-in route: which (`commercial` or `charitable`), and how its conditions are kept.
    #[serde(default)]
    pub soft_opt_in: Option<SoftOptIn>,
    /// Ids of those who receive the address besides the controller.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Special categories of data among it (UK GDPR Art 9), as `health`; an empty list says that there are none.
    #[serde(default)]
    pub special_categories: Option<Vec<String>>,
    /// Whether people give much about themselves with it. Staff who talk with young people see it.
    #[serde(default)]
    pub substantial_data: bool,
}

fn home() -> Vec<String> {
    [String::from("+44")].into()
}

fn consent() -> Route {
    Route::Consent
}

/// The operator's texts in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// Heading of the banner.
    pub title: String,
    /// What the banner says.
    pub intro: String,
    /// Heading of the sign-up form.
    #[serde(default)]
    pub alerts_title: String,
    /// First paragraph of the sign-up form.
    #[serde(default)]
    pub alerts_intro: String,
    /// Texts by purpose id.
    #[serde(default)]
    pub purposes: BTreeMap<PurposeId, PurposeText>,
    /// Texts by alert topic. One text serves all the topic's channels.
    #[serde(default)]
    pub alerts: BTreeMap<PurposeId, PurposeText>,
    /// Replacements for the interface's own words.
    #[serde(default)]
    pub words: WordsOverride,
}

/// Why a site file does not make a notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SiteFileError {
    /// A language has no texts for a purpose or topic.
    #[error("language `{language}` has no text for `{id}`: add [text.{language}.{table}.{id}]")]
    TextMissing {
        /// The language.
        language: String,
        /// The purpose or topic.
        id: PurposeId,
        /// `purposes` or `alerts`.
        table: &'static str,
    },
    /// A language has a text for a purpose or topic that does not exist.
    #[error("language `{language}` has a text for `{id}`, which is not declared")]
    TextUnused {
        /// The language.
        language: String,
        /// The purpose or topic.
        id: PurposeId,
    },
    /// What should be a calling code is none, so that no number would ever begin with it.
    #[error("text_countries must be calling codes, such as `+44`: `{0}` is none")]
    CallingCode(String),
    /// The default language has no texts.
    #[error("the default language `{0}` has no [text.{0}]")]
    DefaultLanguageMissing(String),
    /// Words for a language are not built in, and the file does not give them all.
    #[error(
        "the interface's words do not come in `{0}`: give every word of the banner under [text.{0}.words], as in words.rs"
    )]
    WordsMissing(String),
    /// Two purposes have the same id.
    #[error("the purpose `{0}` is declared twice")]
    PurposeTwice(PurposeId),
    /// A recipient is named that is not declared.
    #[error(
        "`{purpose}` names the recipient `{recipient}`, which is not declared: add [recipients.{recipient}]"
    )]
    RecipientUnknown {
        /// The purpose.
        purpose: PurposeId,
        /// What it names.
        recipient: String,
    },
    /// A jurisdiction is not written as a code.
    #[error("`jurisdiction` has `{0}`: write ISO 3166-1 codes of two capital letters, as GB, or EU")]
    Jurisdiction(String),
    /// The time of a significant change cannot be read.
    #[error("`changed` is `{0}`: write a time in UTC, as in 2026-11-01T09:00:00Z")]
    Changed(String),
    /// An alert ends too soon or too late, or is reminded of at no time before its end.
    #[error(
        "`{0}`: ends_after_days must be 1 to 3650, and remind_days_before at least 1 and less than it, which only an alert \
         that ends can have; what belongs to a service does not end by itself"
    )]
    AlertEnds(PurposeId),
    /// A topic's name is too long to make a purpose id of.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An address is not scheme, host and port alone.
    #[error(
        "`{key}` is `{found}`: write scheme and host, as in https://www.example.org, with a port only where it is not the \
         usual one, and with https except on localhost"
    )]
    Address {
        /// The key in the file.
        key: &'static str,
        /// What stands there.
        found: String,
    },
    /// The interval of checkpoints is too long.
    #[error("log.checkpoint_seconds is {0}: at most 3600, so that what is recorded is public within an hour")]
    CheckpointSeconds(u32),
    /// The witnesses' policy cannot be used.
    #[error("log.witnesses is no policy (c2sp.org/tlog-policy): {0}")]
    Witnesses(PolicyError),
    /// The id is a part of Assent's own addresses.
    #[error("`{0}` is one of Assent's own addresses (/v1/{0}/…): choose another id")]
    Reserved(SiteId),
    /// A site hands over to itself, or to another one twice.
    #[error("hands_over_to names `{0}`: name each other site once")]
    HandsOver(SiteId),
    /// Who says on the choices page how old they are could not take their answer back to the site.
    #[error(
        "`age.asked` has `banner`, which is asked on the choices page: set `cookie_domain`, so that the site knows what was chosen there"
    )]
    AgeOnBanner,
    /// `cookie_domain` does not cover an address that must see the choice.
    #[error("`cookie_domain` is `{domain}`, and {address} is not under it")]
    CookieDomain {
        /// What stands there.
        domain: String,
        /// The address left out.
        address: String,
    },
}

impl SiteFile {
    /// The log's origin (tlog-checkpoint): `public_url` without its scheme, then `/v1/{id}/log`.
    #[must_use]
    pub fn log_origin(&self) -> String {
        let host = self.public_url.split_once("://").map_or(self.public_url.as_str(), |(_, host)| host);
        alloc::format!("{host}/v1/{}/log", self.id)
    }

    /// The retention rules in force.
    #[must_use]
    pub fn retention_rules(&self) -> RetentionRules {
        RetentionRules::new(self.retention, self.memory.grant_days)
    }

    /// Whether a page of `origin` may record decisions: declared, or Assent's own address.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.public_url == origin || self.origins.iter().any(|declared| declared == origin)
    }

    /// Checks what can be checked without the law, and makes the notice.
    pub fn notice(&self) -> Result<Notice, SiteFileError> {
        if self.id.as_str() == "assets" {
            return Err(SiteFileError::Reserved(self.id.clone()));
        }
        self.check_addresses()?;
        self.check_log()?;
        let is_code = |code: &&String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        if let Some(code) = self.controller.jurisdiction.iter().find(|code| !is_code(code)) {
            return Err(SiteFileError::Jurisdiction(code.clone()));
        }
        let is_code = |code: &&String| {
            code.strip_prefix('+').is_some_and(|digits| {
                (1..=7).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
            })
        };
        if let Some(code) = self.text_countries.iter().find(|code| !is_code(code)) {
            return Err(SiteFileError::CallingCode(code.clone()));
        }
        let others = &self.hands_over_to;
        let is_wrong = |(at, other): &(usize, &SiteId)| **other == self.id || others[..*at].contains(other);
        if let Some((_, other)) = others.iter().enumerate().find(is_wrong) {
            return Err(SiteFileError::HandsOver(other.clone()));
        }
        let purposes = self.all_purposes()?;
        for (index, purpose) in purposes.iter().enumerate() {
            if purposes[..index].iter().any(|other| other.id == purpose.id) {
                return Err(SiteFileError::PurposeTwice(purpose.id.clone()));
            }
            if let Some(changed) = purpose.changed.as_ref().filter(|_| purpose.changed_at().is_none()) {
                return Err(SiteFileError::Changed(changed.clone()));
            }
            let readers = purpose.storage.iter().map(|item| &item.read_by).filter(|by| *by != "controller");
            for recipient in purpose.recipients.iter().chain(readers) {
                if !self.recipients.contains_key(recipient) {
                    let (purpose, recipient) = (purpose.id.clone(), recipient.clone());
                    return Err(SiteFileError::RecipientUnknown { purpose, recipient });
                }
            }
        }
        if !self.text.contains_key(&self.default_language) {
            return Err(SiteFileError::DefaultLanguageMissing(self.default_language.clone()));
        }
        let mut languages = BTreeMap::new();
        for (language, text) in &self.text {
            languages.insert(language.clone(), self.language(language, text, &purposes)?);
        }
        Ok(Notice {
            format: NOTICE_FORMAT.to_string(),
            site: self.id.clone(),
            controller: self.controller.clone(),
            recipients: self.recipients.clone(),
            purposes,
            memory: Memory { refusal_days: self.memory.refusal_days, grant_days: self.memory.grant_days },
            look: self.look,
            age: self.age.clone(),
            default_language: self.default_language.clone(),
            languages,
        })
    }

    fn all_purposes(&self) -> Result<Vec<Purpose>, SiteFileError> {
        let mut purposes: Vec<Purpose> = self
            .purposes
            .iter()
            .map(|purpose| Purpose {
                id: purpose.id.clone(),
                route: purpose.route,
                asked: Asked::Banner,
                channel: None,
                topic: None,
                recipients: purpose.recipients.clone(),
                storage: purpose.storage.clone(),
                google: purpose.google.clone(),
                tools: purpose.tools.clone(),
                sharing: purpose.sharing,
                changed: purpose.changed.clone(),
                ends_after_days: None,
                statistics: purpose.statistics.clone(),
                soft_opt_in: None,
                special_categories: purpose.special_categories.clone(),
                substantial_data: purpose.substantial_data,
            })
            .collect();
        for alert in &self.alerts {
            let ends = alert.ends_after_days;
            let is_wrong = (ends.is_some() && alert.route == Route::Service)
                || ends.is_some_and(|days| !(1..=3650).contains(&days))
                || alert
                    .remind_days_before
                    .is_some_and(|days| days == 0 || ends.is_none_or(|end| days >= end));
            if is_wrong {
                return Err(SiteFileError::AlertEnds(alert.topic.clone()));
            }
            for channel in &alert.channels {
                purposes.push(Purpose {
                    id: PurposeId::new(&alloc::format!("{}-{}", channel.as_str(), alert.topic))?,
                    route: alert.route,
                    asked: Asked::AlertForm,
                    channel: Some(*channel),
                    topic: Some(alert.topic.as_str().to_string()),
                    recipients: alert.recipients.clone(),
                    storage: Vec::new(),
                    google: Vec::new(),
                    tools: Vec::new(),
                    sharing: false,
                    changed: None,
                    ends_after_days: alert.ends_after_days,
                    statistics: None,
                    soft_opt_in: alert.soft_opt_in.clone(),
                    special_categories: alert.special_categories.clone(),
                    substantial_data: alert.substantial_data,
                });
            }
        }
        Ok(purposes)
    }

    fn language(&self, language: &str, text: &TextFile, purposes: &[Purpose]) -> Result<Text, SiteFileError> {
        let mut texts = BTreeMap::new();
        for purpose in purposes {
            let own = match &purpose.topic {
                None => text.purposes.get(&purpose.id),
                Some(topic) => text.alerts.get(topic.as_str()),
            };
            let Some(own) = own else {
                let (id, table) = match &purpose.topic {
                    None => (purpose.id.clone(), "purposes"),
                    Some(topic) => (PurposeId::new(topic)?, "alerts"),
                };
                return Err(SiteFileError::TextMissing { language: language.to_string(), id, table });
            };
            texts.insert(purpose.id.clone(), own.clone());
        }
        let unused_purpose =
            text.purposes.keys().find(|id| !self.purposes.iter().any(|purpose| purpose.id == **id));
        let unused_alert = text.alerts.keys().find(|id| !self.alerts.iter().any(|alert| alert.topic == **id));
        if let Some(id) = unused_purpose.or(unused_alert) {
            return Err(SiteFileError::TextUnused { language: language.to_string(), id: id.clone() });
        }
        let words = Words::built_in(language)
            .or_else(|| Words::built_in("en").filter(|_| text.words.has_layers()))
            .ok_or_else(|| SiteFileError::WordsMissing(language.to_string()))?
            .with(&text.words);
        Ok(Text {
            title: text.title.clone(),
            intro: text.intro.clone(),
            alerts_title: text.alerts_title.clone(),
            alerts_intro: text.alerts_intro.clone(),
            purposes: texts,
            words,
        })
    }

    fn check_log(&self) -> Result<(), SiteFileError> {
        if self.log.checkpoint_seconds > 3600 {
            return Err(SiteFileError::CheckpointSeconds(self.log.checkpoint_seconds));
        }
        // Any key will do: the log's own is known only once it exists.
        let sample = VerifierKey::new(&self.log_origin(), KeyKind::Ed25519, &SAMPLE_KEY);
        let sample = sample.map(|key| alloc::format!("{key}")).unwrap_or_default();
        self.log.policy(&sample).map(drop).map_err(SiteFileError::Witnesses)
    }

    fn check_addresses(&self) -> Result<(), SiteFileError> {
        let wrong = |key, found: &str| SiteFileError::Address { key, found: found.to_string() };
        if host_of(&self.public_url).is_none() {
            return Err(wrong("public_url", &self.public_url));
        }
        if self.origins.is_empty() {
            return Err(wrong("origins", ""));
        }
        for origin in &self.origins {
            if host_of(origin).is_none() {
                return Err(wrong("origins", origin));
            }
        }
        let asks_age = self.age.as_ref().is_some_and(|age| age.asked.contains(&Asked::Banner));
        let own = host_of(&self.public_url);
        if asks_age && self.cookie_domain.is_none() && self.origins.iter().any(|it| host_of(it) != own) {
            return Err(SiteFileError::AgeOnBanner);
        }
        if let Some(domain) = &self.cookie_domain {
            for address in self.origins.iter().chain([&self.public_url]) {
                let host = host_of(address).unwrap_or_default();
                let under = host == domain
                    || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
                if !under || !domain.contains('.') {
                    let (domain, address) = (domain.clone(), address.clone());
                    return Err(SiteFileError::CookieDomain { domain, address });
                }
            }
        }
        Ok(())
    }
}

fn is_127(host: &str) -> bool {
    host.strip_prefix("127.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// The host of an address that is scheme, host and port alone, as browsers write an `Origin`: https, or http on the
/// loopback; without the port that the scheme means anyway, which would never be equal to what they send.
fn host_of(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let (host, port) = rest.split_once(':').unwrap_or((rest, ""));
    let good_host = host.split('.').all(|label| !label.is_empty())
        && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    let usual = if scheme == "https" { 443 } else { 80 };
    let number = port.parse::<u16>().ok().filter(|number| number.to_string() == port && *number != usual);
    let good_port = !rest.contains(':') || number.is_some();
    let loopback = host == "localhost" || host.ends_with(".localhost") || is_127(host);
    let good_scheme = scheme == "https" || (scheme == "http" && loopback);
    (good_host && good_port && good_scheme).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_an_address_of_our_own_is_refused() {
        let mut file = crate::fixture::site_file();
        file.id = SiteId::new("assets").unwrap();
        assert_eq!(file.notice(), Err(SiteFileError::Reserved(file.id.clone())));
    }

    #[test]
    fn addresses() {
        for good in [
            "https://www.example.org",
            "https://a.example.org:8443",
            "http://clinic.localhost:8701",
            "http://127.0.0.1:1",
        ] {
            assert!(host_of(good).is_some(), "{good}");
        }
        for bad in [
            "http://www.example.org",
            "https://www.example.org/",
            "www.example.org",
            "https://",
            "https://A.org",
            "https://a.org:",
            "https://a.org:443",
            "http://localhost:80",
            "https://a.org:0443",
            "https://a.org:70000",
            "https://..",
            "ftp://a.org",
            "https://a@b.org",
            "http://127.example.org",
        ] {
            assert!(host_of(bad).is_none(), "{bad}");
        }
    }
}
