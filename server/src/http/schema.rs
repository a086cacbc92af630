//! The shapes of bodies as the reference shows them.
//!
//! The types that are really read and written are in `assent-core`, which knows nothing of OpenAPI. Tests hold
//! the two together: every answer is checked against these shapes, and so is what the core types write.

#![expect(dead_code, reason = "only their shapes are used")]

use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a visitor pressed. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionRequest {
    /// SHA-256 of the notice on screen, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    notice: String,
    /// Language it was read in (BCP 47); one of the notice's.
    #[schema(example = "cy")]
    language: String,
    act: Act,
    surface: Surface,
    /// The choice per purpose. With `accept-all` and `reject-all`: every purpose the banner asks, all the same.
    choices: BTreeMap<String, Choice>,
    /// Browser signals that were on.
    signals: Option<Signals>,
    /// How old they say they are, in one of the notice's bands. Needed for a yes to a consent where the site asks.
    #[schema(example = "16-plus")]
    age: Option<String>,
    /// When it was pressed, by the browser's clock. A replaced notice is accepted only with it.
    #[schema(example = "2026-11-22T10:00:00.000Z")]
    acted: Option<String>,
}

/// What was pressed: one button for all, or single choices.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Act {
    AcceptAll,
    RejectAll,
    Save,
}

/// Where it was pressed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Surface {
    FirstLayer,
    Preferences,
    ChoicesPage,
    AlertForm,
    Content,
    Page,
}

/// Yes or no. There is no third.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Choice {
    Yes,
    No,
}

/// Browser signals.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signals {
    /// Global Privacy Control.
    gpc: Option<bool>,
    /// Do Not Track, on a site that honours it.
    dnt: Option<bool>,
}

/// What holds for a purpose. Only `granted` is a yes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    NotAsked,
    Unconfirmed,
    PendingContact,
    Granted,
    Refused,
    Withdrawn,
    Objected,
    Expired,
}

/// What holds now for the holder of the token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StateResponse {
    /// SHA-256 of the current notice, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    notice: String,
    /// What holds for every purpose of the current notice that is a choice.
    purposes: BTreeMap<String, Standing>,
    /// Receipt ids, oldest first.
    receipts: Vec<String>,
}

/// A receipt: the record with everything that proves it. `assent verify` checks it offline.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    /// `assent-receipt/v1`.
    format: String,
    /// The record's exact bytes: JSON in a string.
    record: String,
    /// C2SP tlog-proof: salt, inclusion proof, signed checkpoint.
    proof: String,
    /// The log's verifier key.
    key: String,
}

/// A sign-up for alerts. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUpRequest {
    /// SHA-256 of the notice on screen, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    notice: String,
    /// Language it was read in.
    language: String,
    /// Purpose ids of the alerts wanted: only what the person ticked.
    wanted: Vec<String>,
    /// Soft opt-in alerts that the form told about, with a box to refuse each, which the person left empty.
    told: Option<Vec<String>>,
    /// Those that the person refused there.
    objected: Option<Vec<String>>,
    /// Needed when an email alert is wanted.
    email: Option<String>,
    /// Needed when a text alert is wanted; international form.
    #[schema(example = "+44 7700 900123")]
    phone: Option<String>,
    /// How old they say they are, in one of the notice's bands. Needed where the site asks.
    #[schema(example = "16-plus")]
    age: Option<String>,
}

/// What somebody told staff. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldRequest {
    by: Telling,
    /// Which version of the script or form the person had before them.
    #[schema(example = "Alerts by phone, version 3")]
    script: String,
    /// Who writes it down.
    #[schema(example = "M. Rees")]
    staff: String,
    /// When it was said: RFC 3339 with `Z`, or a date.
    #[schema(example = "2026-11-24T10:15:00Z")]
    said: String,
    /// By telephone, needed.
    recording: Option<Recording>,
    /// Without it a yes waits for the person's confirmation.
    evidence: Option<Evidence>,
    /// The details came from the person themselves. Soft opt-in needs it.
    directly: Option<bool>,
    /// The person could refuse when the details were collected. Soft opt-in needs it.
    opt_out_offered: Option<bool>,
    /// How old they say they are. A yes needs it where the site asks on its form.
    #[schema(example = "16-plus")]
    age: Option<String>,
    /// The language it was said in.
    language: String,
    /// Needed when an email alert was decided.
    email: Option<String>,
    /// Needed when a text alert was decided; international form.
    phone: Option<String>,
    /// By purpose id.
    choices: BTreeMap<String, Choice>,
}

/// How it was said.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Telling {
    Phone,
    Paper,
    InPerson,
    /// On a form or in a system that is not Assent.
    Elsewhere,
}

/// Whether a call was recorded.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Recording {
    /// It was, and the person was told so at its start.
    Told,
    NotRecorded,
}

/// What shows that it was said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Evidence {
    kind: EvidenceKind,
    /// Where it is kept. No personal data.
    #[schema(example = "call 2026/118")]
    reference: String,
}

/// What can show it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EvidenceKind {
    SignedForm,
    /// Of a call of which the person was told that it is recorded.
    Recording,
    /// What another system wrote down.
    SystemRecord,
}

/// Rows of a list. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldRowsRequest {
    /// The list's name.
    #[schema(example = "spring-2026.csv")]
    list: String,
    /// Only say what would become of them.
    dry_run: Option<bool>,
    /// `false`: nobody is sent a copy, because they had theirs elsewhere. Else whoever said yes is sent one message.
    copies: Option<bool>,
    /// At most 500.
    rows: Vec<ToldRow>,
}

/// One row. Each value is a text, and a bad one refuses this row alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldRow {
    /// `email` or `text`.
    channel: String,
    address: String,
    topic: String,
    /// `yes` (or empty) or `no`.
    choice: Option<String>,
    said: String,
    /// `phone`, `paper`, `in-person`, `elsewhere`.
    how: String,
    script: String,
    staff: String,
    /// `told`, `not-recorded`.
    recording: Option<String>,
    /// `signed-form`, `recording`, `system-record`.
    evidence: Option<String>,
    reference: Option<String>,
    language: Option<String>,
    /// `yes` or `no`.
    directly: Option<String>,
    /// `yes` or `no`.
    opt_out_offered: Option<String>,
    /// `under-13`, `13-15`, `16-plus`, as the notice has them.
    age: Option<String>,
}

/// One outcome for each row, in the order they were sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldRowsResponse {
    rows: Vec<RowOutcome>,
}

/// What became of a row.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RowOutcome {
    result: RowResult,
    /// Why it was refused: `bad-value` or the code of a problem, `no-evidence`, `duplicate`, `already-holds`.
    reason: Option<String>,
    /// With `bad-value`: the column.
    column: Option<String>,
    receipt: Option<String>,
    /// Whether the person is sent a copy; with `dry_run`, whether they would be.
    copy: bool,
}

/// What can become of a row.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RowResult {
    Recorded,
    /// It would be recorded.
    Good,
    /// It was recorded before.
    Already,
    Refused,
}

/// May this address be written to? Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MayRequest {
    channel: Channel,
    /// The address or number.
    address: String,
    /// The alert topic.
    topic: String,
}

/// How an alert arrives.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Channel {
    Email,
    Text,
}

/// Anything but a confirmed, unbroken yes is a no.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MayResponse {
    may: Choice,
    reason: MayReason,
    /// The receipt behind the answer.
    receipt: Option<String>,
    message: Option<MessageLinks>,
}

/// Why an address may or may not be written to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MayReason {
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
    /// Somebody's records about this address are frozen.
    Restricted,
    /// The address must not be written to, whatever else is recorded.
    Suppressed,
    /// The notice in force has no such topic on this channel.
    NoRoute,
    /// They agreed, and messages come back: there is no such mailbox or number any more.
    Bounced,
    /// In bulk: the text is no address of its channel.
    BadAddress,
}

/// With a yes: what the message must carry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageLinks {
    /// For an email: value of the header `List-Unsubscribe`.
    list_unsubscribe: Option<String>,
    /// For an email: value of the header `List-Unsubscribe-Post`.
    #[schema(example = "List-Unsubscribe=One-Click")]
    list_unsubscribe_post: Option<String>,
    /// For the link in the text.
    your_alerts: String,
}

/// May these addresses be written to? At most 10,000.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MayBulkRequest {
    channel: Channel,
    topic: String,
    addresses: Vec<String>,
}

/// One answer for each address, in the order they were sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MayBulkResponse {
    answers: Vec<MayResponse>,
}

/// Whose records: a subject's, theirs whose receipt it is, or those of everybody who named an address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Whose {
    /// A subject's id, in hex.
    #[schema(example = "5d41402abc4b2a76b9719d911017c592")]
    Subject(String),
    /// A receipt's id.
    #[schema(example = "019a1f2e-7d0c-7b3a-9c55-3f0d2a6b8e10")]
    Receipt(String),
    /// An address.
    Contact {
        channel: Channel,
        /// The address or number.
        address: String,
    },
}

/// Erase a person. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseRequest {
    whose: Whose,
    reason: EraseReason,
    /// Whether their addresses may not be written to afterwards; true unless said otherwise. Kept as keyed hashes only.
    suppress: Option<bool>,
}

/// Why records are erased.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EraseReason {
    /// The person asked.
    Asked,
    /// The controller's own reason.
    Controller,
}

/// Freeze a person's records.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestrictRequest {
    whose: Whose,
    /// A code or reference of 1 to 80 characters; no personal data.
    #[schema(example = "dispute-2026-7")]
    reason: String,
}

/// Keep a person's records.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldRequest {
    whose: Whose,
    /// A code or reference of 1 to 80 characters; no personal data.
    #[schema(example = "claim-2026-17")]
    reason: String,
    /// Day on which somebody looks at it again.
    #[schema(example = "2027-03-01")]
    review: String,
}

/// Messages to an address come back. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BouncedRequest {
    channel: Channel,
    /// The address or number.
    address: String,
    /// False: it was mended, and the address may be written to again. True when left out.
    bounces: Option<bool>,
}

/// What people wrote that is for people to read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TextsResponse {
    /// Oldest first.
    texts: Vec<TextToRead>,
}

/// A text that came in and is neither STOP, START nor HELP.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TextToRead {
    /// Names it.
    id: String,
    /// When it came.
    received: String,
    /// Who wrote.
    #[schema(example = "+447700900123")]
    number: String,
    /// What they wrote.
    text: String,
}

/// A text was dealt with. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TextDoneRequest {
    /// Its id.
    id: String,
}

/// Young people whose yes waits until somebody talked with them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToContactResponse {
    people: Vec<ToContact>,
}

/// One of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToContact {
    /// Names them.
    id: String,
    channel: Channel,
    /// The address or number, in clear.
    address: String,
    /// The language they read.
    language: String,
    /// The alerts that wait, and since when.
    waiting: BTreeMap<String, String>,
    /// Whether people give much about themselves with one of them.
    substantial_data: bool,
}

/// What came of a talk. Unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactedRequest {
    /// Whose.
    id: String,
    by: Telling,
    /// What it was explained by.
    #[schema(example = "Alerts for young people, version 2")]
    script: String,
    /// Who talked with them.
    #[schema(example = "M. Rees")]
    staff: String,
    /// When: RFC 3339 with `Z`, or a date.
    said: String,
    /// By telephone, needed.
    recording: Option<Recording>,
    /// By purpose id: yes, they understand and agree; or no. What is not named goes on waiting.
    choices: BTreeMap<String, Choice>,
}

/// What an endpoint is sent: a CloudEvents 1.0 event. No address is in it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    /// `1.0`.
    specversion: String,
    /// The same whenever the event is told again; also the header `webhook-id`.
    id: String,
    /// The site's address.
    #[schema(example = "https://privacy.example.org/v1/clinic")]
    source: String,
    /// `assent.notice.published`, or `assent.decision.` and the kind.
    #[schema(example = "assent.decision.withdrawn")]
    r#type: String,
    /// The subject's id, or the notice's hash.
    subject: String,
    /// When it was recorded.
    time: String,
    /// `application/json`.
    datacontenttype: String,
    data: EventData,
}

/// What an event tells.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventData {
    site: String,
    /// Of a decision: the receipt's id.
    receipt: Option<String>,
    /// Of a decision: the subject's id.
    subject: Option<String>,
    /// Of a decision about alerts.
    contacts: Option<Vec<EventContact>>,
    /// Of a decision: the purposes that this was said of.
    purposes: Option<Vec<String>>,
    /// Of a notice: its hash.
    notice: Option<String>,
}

/// An address, by its keyed hash.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventContact {
    channel: Channel,
    /// As in `/v1/{site}/suppressed`.
    hash: String,
}

/// What happened. An alert that was requested is no yes before it is confirmed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EventKind {
    Requested,
    Granted,
    Renewed,
    Confirmed,
    Refused,
    Withdrawn,
    Objected,
    Expired,
    NoticePublished,
}

/// The site's endpoints.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhooksResponse {
    endpoints: Vec<EndpointState>,
}

/// One endpoint, and what it was not told yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointState {
    name: String,
    /// Scheme, host and path.
    url: String,
    events: Vec<EventKind>,
    /// Since when it is told nothing, because it answered 410; null while it is told.
    disabled: Option<String>,
    /// Entries of the log that it was not told of yet.
    behind: u64,
    /// Events that it did not take, oldest first.
    undelivered: Vec<Undelivered>,
}

/// An event that an endpoint did not take.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Undelivered {
    /// Empty while its record is restricted.
    id: String,
    r#type: String,
    /// How often it was tried.
    tries: u32,
    /// When it was tried last; null: not yet.
    tried: Option<String>,
    /// Why it was not taken.
    reason: String,
    /// When it is tried again; null: it was given up.
    next: Option<String>,
}

/// Tell again: one event, or everything since a time. Exactly one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeliverRequest {
    endpoint: String,
    /// The event's id.
    id: Option<String>,
    /// From when on.
    #[schema(example = "2026-11-25T10:00:00Z")]
    since: Option<String>,
}

/// An endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointRequest {
    endpoint: String,
}

/// Whose records.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhoseRequest {
    whose: Whose,
}

/// What was done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleResponse {
    /// Subjects it was done for; nobody when the address is not known.
    subjects: Vec<String>,
    /// Records it was about.
    records: u64,
    /// Subjects of the same address whose records are held, so that they were not erased. Absent when there are none.
    #[serde(default)]
    held: Vec<HeldSubject>,
}

/// Whose records stay for now.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldsResponse {
    /// All of them, by subject.
    held: Vec<HeldSubject>,
}

/// Somebody whose records must stay for now.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldSubject {
    /// Who.
    subject: String,
    /// Why: a code or reference.
    #[schema(example = "claim-2026-17")]
    reason: String,
    /// Day on which somebody looks at it again.
    #[schema(example = "2027-03-01")]
    review: String,
}

/// Purge, or say what would be purged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PurgeRequest {
    /// Only say what would be purged.
    dry_run: bool,
}

/// What went wrong (RFC 9457). `code` is stable; `/problems/{code}` explains it.
#[derive(ToSchema)]
pub(super) struct Problem {
    /// Address of the page that explains the code.
    #[schema(example = "/problems/stale-notice")]
    r#type: String,
    /// The same for every occurrence.
    title: String,
    /// HTTP status.
    status: u16,
    /// What was wrong this time. Never personal data.
    detail: Option<String>,
    /// Stable, kebab-case.
    code: String,
}

/// The form of the choices page; one `choice.{purpose}` field for each purpose.
#[derive(ToSchema)]
pub(super) struct ChoicesForm {
    notice: String,
    language: String,
    act: Act,
    surface: Surface,
    /// Random, new for each form: makes pressing twice record once. A form that many people get alike leaves it out.
    key: Option<String>,
    /// Where to go afterwards: an address on a declared origin.
    back: Option<String>,
    /// How old they say they are, where the site asks.
    age: Option<String>,
    /// `yes` or `no`; likewise for every other purpose.
    #[schema(rename = "choice.analytics")]
    choice: Choice,
}

/// The form that takes a choice on to another site.
#[derive(ToSchema)]
pub(super) struct HandOverForm {
    /// From the other site's choices page: good for one press on one site, for a quarter of an hour.
    ticket: String,
}

/// The sign-up form.
#[derive(ToSchema)]
pub(super) struct AlertsForm {
    notice: String,
    language: String,
    /// Random, new for each form.
    key: String,
    /// One field for each alert that was ticked.
    wanted: Vec<String>,
    /// One field for each soft opt-in alert that the form told about.
    told: Vec<String>,
    /// One field for each of those that was refused.
    objected: Vec<String>,
    /// Empty: people do not see it. What comes with something in it is not stored.
    website: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    /// How old they say they are, where the site asks.
    age: Option<String>,
}
