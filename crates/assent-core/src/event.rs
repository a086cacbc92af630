//! Events: what programs of the operator's are told when somebody decided or a notice was published (webhooks), and the bodies of the
//! staff addresses about it.
//!
//! An event is CloudEvents 1.0 as JSON in structured mode. It is thin: who reads it learns that something was said, by which receipt and
//! about which purposes, never an address. What is told to whom, when, and how often is the server's.

use crate::decision::{Decision, Standing};
use crate::hash::Hash;
use crate::ids::{EndpointId, PurposeId, SiteId};
use crate::notice::{Asked, Notice};
use crate::record::{ContactRef, Record};
use crate::subject::SubjectId;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Media type of an event's body.
pub const EVENT_TYPE: &str = "application/cloudevents+json";

/// What happened. The short word stands in the configuration, [`Self::type_name`] in the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// An alert was asked for. It is no yes before it is confirmed and, where the person is young, they were talked with.
    Requested,
    /// Somebody agreed.
    Granted,
    /// Somebody agreed again, so that the clock starts anew.
    Renewed,
    /// Whoever reads an address confirmed an alert: now it is a yes.
    Confirmed,
    /// Somebody said no, and there was no yes before.
    Refused,
    /// Somebody took a yes back.
    Withdrawn,
    /// Somebody objected.
    Objected,
    /// A yes ended by time.
    Expired,
    /// A notice was published.
    NoticePublished,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Requested,
        Self::Granted,
        Self::Renewed,
        Self::Confirmed,
        Self::Refused,
        Self::Withdrawn,
        Self::Objected,
        Self::Expired,
        Self::NoticePublished,
    ];

    /// The word in the configuration and in ids of events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Granted => "granted",
            Self::Renewed => "renewed",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Objected => "objected",
            Self::Expired => "expired",
            Self::NoticePublished => "notice-published",
        }
    }

    /// The event's `type`.
    #[must_use]
    pub fn type_name(self) -> String {
        match self {
            Self::NoticePublished => "assent.notice.published".into(),
            decided => format!("assent.decision.{}", decided.as_str()),
        }
    }

    /// What a decision is told as, about a purpose that is asked there.
    #[must_use]
    pub fn of(decision: Decision, asked: Asked) -> Self {
        match (decision, Standing::after(decision, asked)) {
            (Decision::Given | Decision::Renewed, Standing::Unconfirmed) => Self::Requested,
            (Decision::Given, _) => Self::Granted,
            (Decision::Renewed, _) => Self::Renewed,
            (Decision::Confirmed, _) => Self::Confirmed,
            (Decision::Refused, _) => Self::Refused,
            (Decision::Withdrawn, _) => Self::Withdrawn,
            (Decision::Objected, _) => Self::Objected,
            (Decision::Expired, _) => Self::Expired,
        }
    }
}

/// One event: CloudEvents 1.0, with its envelope's `webhook-id` for an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// `1.0`.
    pub specversion: String,
    /// The same whenever it is told again: `{receipt id}-{kind}`, or `notice-{digits of the time}`.
    pub id: String,
    /// The site's address: `{public_url}/v1/{site}`.
    pub source: String,
    /// [`EventKind::type_name`].
    #[serde(rename = "type")]
    pub type_name: String,
    /// The subject's id, or the notice's hash.
    pub subject: String,
    /// When it was recorded: RFC 3339, UTC, milliseconds, `Z`.
    pub time: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// What happened.
    pub data: EventData,
}

/// What an event tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventData {
    /// The site.
    pub site: SiteId,
    /// Of a decision: the receipt's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// Of a decision: whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// Of a decision about alerts: channels and keyed hashes of the addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<ContactRef>,
    /// Of a decision: the purposes that this was said of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<PurposeId>,
    /// Of a notice: its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Hash>,
}

impl Event {
    /// What a record tells: one event for each kind of decision in it. `notice` is the one it names; a purpose that it does not have
    /// counts as an alert when the record names an address, so that nothing passes for a yes by mistake.
    #[must_use]
    pub fn of_record(record: &Record, notice: Option<&Notice>, source: &str) -> Vec<(EventKind, Self)> {
        let mut kinds: BTreeMap<EventKind, Vec<PurposeId>> = BTreeMap::new();
        for (id, decision) in &record.decisions {
            let known = notice.and_then(|notice| notice.purpose(id)).map(|purpose| purpose.asked);
            let guess = if record.contacts.is_empty() { Asked::Banner } else { Asked::AlertForm };
            // A yes that was told with evidence waits for no confirmation, like one on the banner.
            let asked = if record.settles() && !record.waits_for_talk() {
                Asked::Banner
            } else {
                known.unwrap_or(guess)
            };
            let waits = decision.is_yes() && record.waits_for_talk() && asked == Asked::AlertForm;
            let kind = if waits { EventKind::Requested } else { EventKind::of(*decision, asked) };
            kinds.entry(kind).or_default().push(id.clone());
        }
        let event = |(kind, purposes): (EventKind, _)| {
            let data = EventData {
                site: record.site.clone(),
                receipt: Some(record.id.clone()),
                subject: Some(record.subject),
                contacts: record.contacts.clone(),
                purposes,
                notice: None,
            };
            let id = format!("{}-{}", record.id, kind.as_str());
            (kind, Self::new(kind, id, source, (record.subject.to_string(), &record.time), data))
        };
        kinds.into_iter().map(event).collect()
    }

    /// That a notice was published at `time` (RFC 3339).
    #[must_use]
    pub fn of_notice(site: &SiteId, hash: Hash, time: &str, source: &str) -> Self {
        let data = EventData {
            site: site.clone(),
            receipt: None,
            subject: None,
            contacts: Vec::new(),
            purposes: Vec::new(),
            notice: Some(hash),
        };
        let kind = EventKind::NoticePublished;
        Self::new(kind, Self::notice_id(time), source, (hash.to_string(), time), data)
    }

    /// The id of the event that a notice was published at `time` (RFC 3339). Times of a site's notices differ.
    #[must_use]
    pub fn notice_id(time: &str) -> String {
        let digits: String = time.chars().filter(char::is_ascii_digit).collect();
        format!("notice-{digits}")
    }

    fn new(
        kind: EventKind,
        id: String,
        source: &str,
        (subject, time): (String, &str),
        data: EventData,
    ) -> Self {
        Self {
            specversion: "1.0".into(),
            id,
            source: source.into(),
            type_name: kind.type_name(),
            subject,
            time: time.into(),
            datacontenttype: "application/json".into(),
            data,
        }
    }
}

/// `GET S/webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksResponse {
    /// The site's endpoints, as they are configured.
    pub endpoints: Vec<EndpointState>,
}

/// One endpoint, and what it was not told yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointState {
    /// Its name.
    pub name: EndpointId,
    /// Where it is, without what may be secret: scheme, host and path.
    pub url: String,
    /// What it is told of.
    pub events: Vec<EventKind>,
    /// Since when it is told nothing, because it answered 410: RFC 3339. Nothing when it is told.
    pub disabled: Option<String>,
    /// Entries of the log that it was not told of yet.
    pub behind: u64,
    /// Events that it did not take, oldest first: they are tried again, or were given up.
    pub undelivered: Vec<Undelivered>,
}

/// An event that an endpoint did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undelivered {
    /// The event's id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last: RFC 3339. Nothing: it was not yet.
    pub tried: Option<String>,
    /// Why it was not taken.
    pub reason: String,
    /// When it is tried again: RFC 3339. Nothing: it was given up.
    pub next: Option<String>,
}

/// `POST S/webhooks/redeliver`: one event again, or everything since a time. Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedeliverRequest {
    /// Whom to tell.
    pub endpoint: EndpointId,
    /// The event's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// From when on: RFC 3339 in UTC with `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// `POST S/webhooks/enable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointRequest {
    /// Which.
    pub endpoint: EndpointId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use serde_json::json;

    fn events(decisions: &[(&str, Decision)]) -> Vec<(EventKind, Event)> {
        let (notice, mut record) = (fixture::site_file().notice().unwrap(), fixture::record());
        let decided = decisions.iter().map(|(id, decision)| (PurposeId::new(id).unwrap(), *decision));
        record.decisions = decided.collect();
        Event::of_record(&record, Some(&notice), "https://privacy.example.org/v1/clinic")
    }

    #[test]
    fn a_record_tells_one_event_for_each_kind_of_decision() {
        let told = events(&[
            ("analytics", Decision::Given),
            ("surveys", Decision::Given),
            ("counting", Decision::Objected),
        ]);
        let kinds: Vec<_> = told.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [EventKind::Granted, EventKind::Objected]);
        let record = fixture::record();
        let contacts = serde_json::to_value(&record.contacts).unwrap();
        let mut event = serde_json::to_value(&told[0].1).unwrap();
        assert_eq!(event["data"].as_object_mut().unwrap().remove("contacts").unwrap_or(json!([])), contacts);
        let expected = json!({
            "specversion": "1.0", "id": format!("{}-granted", record.id),
            "source": "https://privacy.example.org/v1/clinic", "type": "assent.decision.granted",
            "subject": record.subject, "time": record.time, "datacontenttype": "application/json",
            "data": { "site": "clinic", "receipt": record.id, "subject": record.subject,
                "purposes": ["analytics", "surveys"] },
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn an_alert_is_no_yes_before_it_is_confirmed() {
        for (decision, kind) in [
            (Decision::Given, EventKind::Requested),
            (Decision::Renewed, EventKind::Requested),
            (Decision::Confirmed, EventKind::Confirmed),
            (Decision::Withdrawn, EventKind::Withdrawn),
            (Decision::Expired, EventKind::Expired),
        ] {
            assert_eq!(events(&[("email-news", decision)])[0].0, kind, "{decision:?}");
        }
        // Who is young is talked with first.
        let mut young = fixture::record();
        young.decisions = [(PurposeId::new("email-news").unwrap(), Decision::Confirmed)].into();
        young.age = Some(crate::age::AgeBand::Between(13, 15));
        assert_eq!(Event::of_record(&young, Some(&fixture::notice()), "s")[0].0, EventKind::Requested);
        // Its notice cannot be read: an address means an alert.
        let mut record = fixture::record();
        record.decisions = [(PurposeId::new("email-news").unwrap(), Decision::Given)].into();
        record.contacts = [ContactRef { channel: crate::notice::Channel::Email, hash: Hash([1; 32]) }].into();
        assert_eq!(Event::of_record(&record, None, "s")[0].0, EventKind::Requested);
        record.contacts.clear();
        assert_eq!(Event::of_record(&record, None, "s")[0].0, EventKind::Granted);
    }

    #[test]
    fn types_and_ids_are_what_the_standards_allow() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
            let name = kind.type_name();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.'), "{name}");
        }
        let site = SiteId::new("clinic").unwrap();
        let event = Event::of_notice(&site, Hash([2; 32]), "2026-11-25T10:00:00.123Z", "s");
        assert_eq!(
            (event.id.as_str(), event.type_name.as_str()),
            ("notice-20261125100000123", "assent.notice.published")
        );
        assert_eq!(event.subject, Hash([2; 32]).to_hex());
        assert!(!event.id.contains('.'), "what is signed is put together with full stops");
    }
}
