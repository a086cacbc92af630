//! Bodies of requests and answers, shared by the widget, the server and the tests.
//!
//! Input bodies refuse unknown fields. The receipt itself, which is what a recorded decision is answered with, is in
//! [`crate::receipt`]. Status codes and headers belong to `server/src/http`.

use crate::age::AgeBand;
use crate::decision::{Act, Choice, Standing};
use crate::hash::Hash;
use crate::ids::{PurposeId, SiteId};
use crate::notice::{Channel, GoogleKey, Layout, Memory, Notice, Purpose, Route, StorageKind, Text, Tool};
use crate::record::{Signals, Surface};
use crate::site::SiteFile;
use crate::subject::SubjectId;
use crate::told::{Evidence, Recording, Telling};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Header that carries the holder's [`crate::subject::SubjectToken`].
pub const SUBJECT_HEADER: &str = "assent-subject";

/// `POST /v1/{site}/decisions`: what a visitor pressed. Sent with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// Hash of the notice on screen.
    pub notice: Hash,
    /// Language it was read in.
    pub language: String,
    /// What was pressed.
    pub act: Act,
    /// Where.
    pub surface: Surface,
    /// The choice per purpose, each once. For accept all and reject all: every purpose the banner asks.
    #[serde(deserialize_with = "each_once")]
    pub choices: BTreeMap<PurposeId, Choice>,
    /// Browser signals that were on.
    #[serde(default)]
    pub signals: Signals,
    /// How old the person says they are. Needed for a yes to a consent where the site asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeBand>,
    /// When it was pressed, by the browser's clock: RFC 3339 UTC with `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<String>,
}

/// Reads choices of which no purpose stands twice: of a yes and a no, neither was said.
fn each_once<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<PurposeId, Choice>, D::Error> {
    struct EachOnce;
    impl<'de> Visitor<'de> for EachOnce {
        type Value = BTreeMap<PurposeId, Choice>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a choice per purpose")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut choices = BTreeMap::new();
            while let Some((purpose, choice)) = map.next_entry()? {
                if choices.insert(purpose, choice).is_some() {
                    return Err(A::Error::custom("a purpose stands twice"));
                }
            }
            Ok(choices)
        }
    }
    input.deserialize_map(EachOnce)
}

/// `GET /v1/{site}/state`: what holds now for the holder of the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateResponse {
    /// Current notice.
    pub notice: Hash,
    /// What holds, for every purpose of the current notice that is a choice.
    pub purposes: BTreeMap<PurposeId, Standing>,
    /// Receipt ids, oldest first.
    pub receipts: Vec<String>,
}

/// `POST /v1/{site}/alerts`: sign up for alerts. Sent with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUpRequest {
    /// Hash of the notice on screen.
    pub notice: Hash,
    /// Language it was read in.
    pub language: String,
    /// Purpose ids of the alerts wanted: only what the person ticked.
    pub wanted: Vec<PurposeId>,
    /// Soft opt-in alerts that the form told about, with a box beside each to refuse it, which the person left empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<PurposeId>,
    /// Those that the person refused there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objected: Vec<PurposeId>,
    /// Needed when an email alert is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Needed when a text alert is wanted. International form, `+44…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// How old the person says they are. Needed where the site asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeBand>,
}

/// `POST S/told`: what somebody told staff about alerts. Sent with an `Idempotency-Key`. Staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRequest {
    /// How it was said.
    pub by: Telling,
    /// Which version of the script or form the person had before them: 1 to [`crate::told::TOLD_MAX`] characters.
    pub script: String,
    /// Who writes it down: 1 to [`crate::told::TOLD_MAX`] characters.
    pub staff: String,
    /// When it was said: RFC 3339 in UTC with `Z`, or a date.
    pub said: String,
    /// By telephone, needed: whether the person was told of a recording, or there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// What shows that it was said. Without it a yes counts only once the person confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The details came from the person themselves. Soft opt-in needs it.
    #[serde(default)]
    pub directly: bool,
    /// The person could refuse when the details were collected. Soft opt-in needs it.
    #[serde(default)]
    pub opt_out_offered: bool,
    /// How old the person says they are. Needed for a yes where the site asks on its form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeBand>,
    /// The language it was said in, which is one of the notice's.
    pub language: String,
    /// Needed when an email alert was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Needed when a text alert was decided. International form, `+44…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Yes or no by purpose id, each once.
    #[serde(deserialize_with = "each_once")]
    pub choices: BTreeMap<PurposeId, Choice>,
}

/// `POST S/told/rows`: rows of a list of what people said elsewhere. Staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRowsRequest {
    /// The list's name, for the records: 1 to [`crate::told::TOLD_MAX`] characters.
    pub list: String,
    /// Only say what would become of them.
    #[serde(default)]
    pub dry_run: bool,
    /// Send the people of the list a copy of what is recorded: unless they had theirs elsewhere.
    #[serde(default = "yes")]
    pub copies: bool,
    /// At most [`TOLD_ROWS_MAX`].
    pub rows: Vec<ToldRow>,
}

/// Most rows in one [`ToldRowsRequest`].
pub const TOLD_ROWS_MAX: usize = 500;

/// One row, as texts: what is wrong in it is a refusal of this row alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRow {
    /// `email` or `text`.
    pub channel: String,
    /// The address or number.
    pub address: String,
    /// The alert topic.
    pub topic: String,
    /// `yes`, or `no`; empty is yes.
    #[serde(default)]
    pub choice: String,
    /// When it was said: RFC 3339 in UTC with `Z`, or a date.
    pub said: String,
    /// `phone`, `paper`, `in-person` or `elsewhere`.
    pub how: String,
    /// Which version of the script or form.
    pub script: String,
    /// Who wrote it down.
    pub staff: String,
    /// By telephone: `told` or `not-recorded`.
    #[serde(default)]
    pub recording: String,
    /// `signed-form`, `recording` or `system-record`. A yes needs one.
    #[serde(default)]
    pub evidence: String,
    /// Where the evidence is kept.
    #[serde(default)]
    pub reference: String,
    /// The language; empty is the notice's default.
    #[serde(default)]
    pub language: String,
    /// `yes`: the details came from the person themselves.
    #[serde(default)]
    pub directly: String,
    /// `yes`: the person could refuse when they were collected.
    #[serde(default)]
    pub opt_out_offered: String,
    /// How old the person says they are, as `16-plus`. A yes needs it where the site asks on its form.
    #[serde(default)]
    pub age: String,
}

impl ToldRow {
    /// The names of the columns, those that must be there first.
    pub const COLUMNS: [&'static str; 15] = [
        "channel",
        "address",
        "topic",
        "said",
        "how",
        "script",
        "staff",
        "choice",
        "recording",
        "evidence",
        "reference",
        "language",
        "directly",
        "opt_out_offered",
        "age",
    ];
    /// How many of [`Self::COLUMNS`] must be there.
    pub const NEEDED: usize = 7;
    /// Longest cell, in bytes.
    const CELL_MAX: usize = 1000;

    /// The first column whose cell is too long to be looked at.
    #[must_use]
    pub fn too_long(&self) -> Option<&'static str> {
        let long = self.cells().iter().position(|cell| cell.len() > Self::CELL_MAX)?;
        Some(Self::COLUMNS[long])
    }

    /// Bytes of all cells together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells().iter().map(|cell| cell.len()).sum()
    }

    /// Every cell, in the order of [`Self::COLUMNS`].
    fn cells(&self) -> [&String; 15] {
        [
            &self.channel,
            &self.address,
            &self.topic,
            &self.said,
            &self.how,
            &self.script,
            &self.staff,
            &self.choice,
            &self.recording,
            &self.evidence,
            &self.reference,
            &self.language,
            &self.directly,
            &self.opt_out_offered,
            &self.age,
        ]
    }
}

/// Answer to [`ToldRowsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRowsResponse {
    /// One outcome for each row, in the order they were sent.
    pub rows: Vec<RowOutcome>,
}

/// What became of a row. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowOutcome {
    /// What.
    pub result: RowResult,
    /// Why it was refused: a stable code, kebab-case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With `bad-value`: the column it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The receipt's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// Whether the person is sent a copy of it; with a dry run, whether they would be.
    #[serde(default)]
    pub copy: bool,
}

/// What can become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowResult {
    /// It is recorded.
    Recorded,
    /// It would be.
    Good,
    /// It was recorded before.
    Already,
    /// It is not taken.
    Refused,
}

impl RowResult {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Good => "good",
            Self::Already => "already",
            Self::Refused => "refused",
        }
    }
}

/// `POST /v1/{site}/may`: may this address be written to, for this topic? Staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MayRequest {
    /// Email or text.
    pub channel: Channel,
    /// The address or number, in clear: in a body, never in an address.
    pub address: String,
    /// The alert topic.
    pub topic: PurposeId,
}

/// Answer to [`MayRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MayResponse {
    /// `yes` or `no`. Anything but a confirmed, unbroken yes is a no.
    pub may: Choice,
    /// Why.
    pub reason: MayReason,
    /// The receipt id behind the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// With a yes: what the message must carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageLinks>,
}

/// Why an address may or may not be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MayReason {
    /// Nothing was said.
    NotAsked,
    /// Asked for, and not confirmed yet.
    Unconfirmed,
    /// A young person's, who has to be talked with first.
    PendingContact,
    /// A yes: asked for, and confirmed.
    Granted,
    /// A yes: they were told, could refuse, and did not object. Their own record says so.
    SoftOptIn,
    /// A yes for a message that is part of a service and carries no marketing.
    Service,
    /// They said no.
    Refused,
    /// They took it back.
    Withdrawn,
    /// They objected.
    Objected,
    /// Its time is over, or nobody confirmed it in time.
    Expired,
    /// Somebody's records about this address are frozen (UK GDPR Art 18).
    Restricted,
    /// The address must not be written to, whatever else is recorded.
    Suppressed,
    /// The notice in force has no such topic on this channel, so there is no legal route to send it.
    NoRoute,
    /// They agreed, and messages come back: there is no such mailbox or number any more.
    Bounced,
    /// The text is no address of its channel.
    BadAddress,
}

impl From<Standing> for MayReason {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotAsked => Self::NotAsked,
            Standing::Unconfirmed => Self::Unconfirmed,
            Standing::PendingContact => Self::PendingContact,
            Standing::Granted => Self::Granted,
            Standing::Refused => Self::Refused,
            Standing::Withdrawn => Self::Withdrawn,
            Standing::Objected => Self::Objected,
            Standing::Expired => Self::Expired,
        }
    }
}

/// What a message must carry, so that its reader can stop it at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageLinks {
    /// For an email, value of the header `List-Unsubscribe` (RFC 8058): an address in angle brackets. GOV.UK Notify takes the address
    /// alone, as `one_click_unsubscribe_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_unsubscribe: Option<String>,
    /// For an email, value of the header `List-Unsubscribe-Post`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_unsubscribe_post: Option<String>,
    /// For the link in the text: a page with everything this address told us, where each alert can be stopped.
    pub your_alerts: String,
}

/// `POST /v1/{site}/may/bulk`: the same for up to [`MAY_BULK_MAX`] addresses. Staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MayBulkRequest {
    /// Email or text.
    pub channel: Channel,
    /// The alert topic.
    pub topic: PurposeId,
    /// The addresses or numbers, in clear.
    pub addresses: Vec<String>,
}

/// Most addresses in one [`MayBulkRequest`].
pub const MAY_BULK_MAX: usize = 10_000;

/// Answer to [`MayBulkRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MayBulkResponse {
    /// One answer for each address, in the order they were sent.
    pub answers: Vec<MayResponse>,
}

/// Every error body (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Address of the page that explains this code; its last part is the code.
    pub r#type: String,
    /// Short text, the same for every occurrence.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was wrong this time. Never personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Stable code, kebab-case.
    pub code: String,
}

/// What the embed carries: enough to ask, to obey an answer and to send it. What else people may read is in [`LayerData`].
///
/// One language of the current notice. It travels to every visitor, so nothing stands here that the loader does not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbedData {
    /// The site.
    pub site: SiteId,
    /// Where to send decisions: `{public_url}/v1/{site}`.
    pub api: String,
    /// Hash of the notice.
    pub notice: Hash,
    /// Language of the texts below.
    pub language: String,
    /// Domain for the choice cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie_domain: Option<String>,
    /// Whether that language is written from right to left.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub rtl: bool,
    /// How long choices are remembered.
    pub memory: Memory,
    /// Where the question stands.
    #[serde(skip_serializing_if = "is_bar")]
    pub layout: Layout,
    /// Whether a yes needs an age: it is asked on the choices page.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub age: bool,
    /// Whether Do Not Track is taken as a no to what shares data.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub dnt: bool,
    /// The banner's purposes, in order.
    pub purposes: Vec<EmbedPurpose>,
    /// Interface words, by their names in [`crate::words::Words`].
    pub words: EmbedWords,
}

/// What the loader has to know of a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbedPurpose {
    /// Its name in tags, records and cookies.
    pub id: PurposeId,
    /// Its legal route.
    pub route: Route,
    /// What it is called, for what stands in a frame's place.
    pub name: String,
    /// What has to be removed when it is not allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<EmbedItem>,
    /// Google Consent Mode keys that follow it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub google: Vec<GoogleKey>,
    /// Other tools that are told whether it is allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// When it last changed significantly, in Unix seconds: an older yes holds no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
    /// Whether Global Privacy Control says no to it.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub sharing: bool,
    /// Name and privacy statement of those who receive its data, where it has frames: people agree to it in their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<(String, String)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_bar(layout: &Layout) -> bool {
    *layout == Layout::Bar
}

/// Something on the device that a script can remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbedItem {
    /// Its name; a trailing `*` stands for any ending.
    pub name: String,
    /// A cookie, `localStorage` or `sessionStorage`.
    pub kind: StorageKind,
}

/// The words the loader itself puts on the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is documented in crate::words")]
pub struct EmbedWords {
    pub accepted: String,
    pub declined: String,
    pub change_any_time: String,
    pub hide: String,
    pub your_choices: String,
    pub frame_blocked: String,
    pub agree: String,
}

/// What the widget draws and checks with: one language of the current notice, loaded when a question is due or asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerData {
    /// The site.
    pub site: SiteId,
    /// Hash of the notice.
    pub notice: Hash,
    /// Language of the texts below.
    pub language: String,
    /// Verifier key of the log.
    pub log_key: String,
    /// Name of the controller.
    pub controller: String,
    /// Its full privacy statement.
    pub privacy_url: String,
    /// The banner's purposes, in order.
    pub purposes: Vec<Purpose>,
    /// Names and statements of the recipients those purposes name: id → (name, privacy statement).
    pub recipients: BTreeMap<String, (String, String)>,
    /// What is said to a person whose browser says no to what shares data; empty where nothing does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub heard: String,
    /// The words.
    pub text: Text,
    /// The later layers' stylesheet.
    pub css: String,
}

impl EmbedData {
    /// What the embed carries of `notice`, whose layers are these, on the site that `file` describes.
    #[must_use]
    pub fn new(layers: &LayerData, notice: &Notice, file: &SiteFile) -> Self {
        // The layers' own purposes lack what only the loader needs.
        let purposes = notice.asked_at(crate::notice::Asked::Banner).map(|purpose| EmbedPurpose {
            id: purpose.id.clone(),
            route: purpose.route,
            name: layers.text.purposes.get(&purpose.id).map(|text| text.name.clone()).unwrap_or_default(),
            storage: purpose
                .storage
                .iter()
                .filter(|item| !matches!(item.kind, StorageKind::Pixel | StorageKind::Frame))
                .map(|item| EmbedItem { name: item.name.clone(), kind: item.kind })
                .collect(),
            google: purpose.google.clone(),
            tools: purpose.tools.clone(),
            changed: purpose.changed_at(),
            sharing: purpose.sharing,
            parties: if purpose.storage.iter().any(|item| item.kind == StorageKind::Frame) {
                purpose.recipients.iter().filter_map(|id| layers.recipients.get(id).cloned()).collect()
            } else {
                Vec::new()
            },
        });
        let words = &layers.text.words;
        Self {
            site: layers.site.clone(),
            api: alloc::format!("{}/v1/{}", file.public_url, layers.site),
            notice: layers.notice,
            language: layers.language.clone(),
            cookie_domain: file.cookie_domain.clone(),
            rtl: crate::languages::is_right_to_left(&layers.language),
            memory: notice.memory,
            layout: notice.look.layout,
            age: !notice.age_bands(crate::notice::Asked::Banner).is_empty(),
            dnt: file.honour_dnt,
            purposes: purposes.collect(),
            words: EmbedWords {
                accepted: words.accepted.clone(),
                declined: words.declined.clone(),
                change_any_time: words.change_any_time.clone(),
                hide: words.hide.clone(),
                your_choices: words.your_choices.clone(),
                frame_blocked: words.frame_blocked.clone(),
                agree: words.agree.clone(),
            },
        }
    }
}

impl EmbedData {
    /// The scripts that tell tools of others what holds, as far as a purpose names them: each a file of the loader's
    /// `src/tools`, without its ending.
    #[must_use]
    pub fn tools(&self) -> Vec<&'static str> {
        let named =
            |tools: &[Tool]| self.purposes.iter().any(|it| it.tools.iter().any(|tool| tools.contains(tool)));
        let google = self.purposes.iter().any(|purpose| !purpose.google.is_empty());
        [
            ("google", google),
            ("gtm", named(&[Tool::Gtm])),
            ("uet", named(&[Tool::Uet])),
            ("clarity", named(&[Tool::Clarity, Tool::ClarityAds])),
            ("matomo", named(&[Tool::Matomo])),
        ]
        .into_iter()
        .filter_map(|(name, is_named)| is_named.then_some(name))
        .collect()
    }
}

impl LayerData {
    /// What the layers of `notice` are drawn from for a visitor who reads `language`.
    #[must_use]
    pub fn new(notice: &Notice, language: &str, log_key: &str, css: String) -> Self {
        let (language, text) = notice.text([language]);
        let mut purposes: Vec<Purpose> = notice.asked_at(crate::notice::Asked::Banner).cloned().collect();
        // For exports and for the controller's own duty; a browser has no use for them.
        for purpose in &mut purposes {
            purpose.special_categories = None;
            purpose.statistics = None;
            purpose.changed = None;
            purpose.substantial_data = false;
            purpose.tools = Vec::new();
        }
        let mut text = text.clone();
        text.purposes.retain(|id, _| purposes.iter().any(|purpose| purpose.id == *id));
        text.alerts_title.clear();
        text.alerts_intro.clear();
        text.words = text.words.filled(language).without_pages();
        let sharing: Vec<&str> = purposes
            .iter()
            .filter(|purpose| purpose.sharing && purpose.is_choice())
            .filter_map(|purpose| text.purposes.get(&purpose.id).map(|said| said.name.as_str()))
            .collect();
        let heard = if sharing.is_empty() {
            String::new()
        } else {
            text.words.signal_heard.replacen("{}", &sharing.join(", "), 1)
        };
        let recipients = notice
            .recipients
            .iter()
            .filter(|(id, _)| {
                purposes
                    .iter()
                    .any(|p| p.recipients.contains(id) || p.storage.iter().any(|s| s.read_by == **id))
            })
            .map(|(id, party)| (id.clone(), (party.name.clone(), party.privacy_url.clone())))
            .collect();
        Self {
            site: notice.site.clone(),
            notice: notice.hash(),
            language: language.into(),
            log_key: log_key.into(),
            controller: notice.controller.name.clone(),
            privacy_url: notice.controller.privacy_url.clone(),
            purposes,
            recipients,
            heard,
            text,
            css,
        }
    }
}

/// Whose records staff mean: one subject, whose a receipt is, or everybody who named an address. Exactly one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// A subject, by id.
    Subject(SubjectId),
    /// The subject of one record, by the receipt's id (a UUID).
    Receipt(String),
    /// Everybody who named this address.
    Contact {
        /// Email or text.
        channel: Channel,
        /// The address or number, as people write it.
        address: String,
    },
}

/// `POST S/people/erase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// Whose records.
    pub whose: Whose,
    /// Why.
    pub reason: EraseReason,
    /// Whether their addresses may not be written to afterwards. Kept as keyed hashes only.
    #[serde(default = "yes")]
    pub suppress: bool,
}

fn yes() -> bool {
    true
}

/// Why records are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EraseReason {
    /// The person asked (UK GDPR Art 17).
    Asked,
    /// The controller's own reason: a duty, a mistake.
    Controller,
}

/// `POST S/people/restrict`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestrictRequest {
    /// Whose records.
    pub whose: Whose,
    /// A code or reference; no personal data.
    pub reason: String,
}

/// `POST S/people/hold`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// Whose records.
    pub whose: Whose,
    /// A code or reference; no personal data.
    pub reason: String,
    /// Day on which somebody looks at it again, as `2027-03-01`.
    pub review: String,
}

/// `POST S/bounced`: messages to an address come back, or do no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BouncedRequest {
    /// Email or text.
    pub channel: Channel,
    /// The address or number, in clear: in a body, never in an address.
    pub address: String,
    /// False: it was mended, and the address may be written to again.
    #[serde(default = "yes")]
    pub bounces: bool,
}

/// `GET S/texts`: what people wrote that is for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextsResponse {
    /// Oldest first.
    pub texts: Vec<TextToRead>,
}

/// A text that came in and is neither STOP, START nor HELP. Kept until somebody says that it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextToRead {
    /// Names it in [`TextDoneRequest`].
    pub id: String,
    /// When it came: RFC 3339 in UTC.
    pub received: String,
    /// Who wrote, in E.164.
    pub number: String,
    /// What they wrote.
    pub text: String,
}

/// `POST S/texts/done`: somebody did what a text asked for, and it is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextDoneRequest {
    /// [`TextToRead::id`].
    pub id: String,
}

/// `GET S/to-contact`: young people whose yes waits until staff talked with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToContactResponse {
    /// One entry for each address, in the order of their ids.
    pub people: Vec<ToContact>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToContact {
    /// Names them in [`ContactedRequest`].
    pub id: String,
    /// Email or text.
    pub channel: Channel,
    /// The address or number, in clear.
    pub address: String,
    /// The language they read.
    pub language: String,
    /// The alerts that wait, and since when (RFC 3339 in UTC).
    pub waiting: BTreeMap<PurposeId, String>,
    /// Whether people give much about themselves with one of them.
    pub substantial_data: bool,
}

/// `POST S/contacted`: what a young person, or who looks after them, said when staff talked with them. Staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactedRequest {
    /// [`ToContact::id`].
    pub id: String,
    /// How they were talked with.
    pub by: Telling,
    /// What it was explained by: 1 to [`crate::told::TOLD_MAX`] characters.
    pub script: String,
    /// Who talked with them: 1 to [`crate::told::TOLD_MAX`] characters.
    pub staff: String,
    /// When: RFC 3339 in UTC with `Z`, or a date.
    pub said: String,
    /// By telephone, needed: whether the person was told of a recording, or there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// What came of it, alert by alert: yes, they understand and agree; or no. What is not named goes on waiting.
    #[serde(deserialize_with = "each_once")]
    pub choices: BTreeMap<PurposeId, Choice>,
}

/// `POST S/people/release` and `POST S/people/let-go`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoseRequest {
    /// Whose records.
    pub whose: Whose,
}

/// What was done for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleResponse {
    /// Subjects it was done for; nobody when the address is not known.
    pub subjects: Vec<SubjectId>,
    /// Records it was about.
    pub records: u64,
    /// Subjects of the same address whose records are held, so that they were not erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldSubject>,
}

/// Somebody whose records must stay for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSubject {
    /// Who.
    pub subject: SubjectId,
    /// Why: a code or reference.
    pub reason: String,
    /// Day on which somebody looks at it again, as `2027-03-01`.
    pub review: String,
}

/// `GET S/people/holds`: whose records stay for now, by subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldsResponse {
    /// All of them.
    pub held: Vec<HeldSubject>,
}

/// `POST S/purge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    /// Only say what would be purged.
    pub dry_run: bool,
}
