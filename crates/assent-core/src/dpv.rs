//! A record as ISO/IEC TS 27560:2023 in the words of the Data Privacy Vocabulary (DPV 2.3), as JSON-LD.
//!
//! Source: the W3C DPVCG guide "Consent Records and Receipts as per ISO/IEC TS 27560:2023 using DPV" of 15 February
//! 2026, EU GDPR profile. Where the guide contradicts itself: both `dct:identifier` and `dpv:hasIdentifier` are
//! written, times end in `Z`, several values are arrays, addresses are `schema:PostalAddress`, and the profiles are
//! those of its Turtle file. The context is inside every document ([`crate::schemas::CONTEXT`]).
//!
//! How our words become DPV's:
//!
//! - In TS 27560 a record is about one consent. So each purpose that was decided becomes a `dpv:ConsentRecord` of its
//!   own with exactly one status, and nobody can take the yes to one purpose for a yes to another.
//! - given, renewed, refused, withdrawn, expired → `ConsentGiven`, `RenewedConsentGiven`, `ConsentRefused`,
//!   `ConsentWithdrawn`, `ConsentExpired`. A yes to an alert that its address's owner has not confirmed counts as no
//!   everywhere, so here it is `ConsentRequested`, which is not valid for processing either.
//! - On every route but consent nothing was consented to, so there is no consent record: a yes is a
//!   `dpv:DataProcessingRecord` with `OptingInToProcess`, a no (an objection) is also a `dpv:RightExerciseRecord`, with
//!   `ObjectingToProcess`. They claim no legal basis, because the notice states none, and no TS 27560 profile.
//! - The data subject is the random subject id, never an address. Where the site asked how old they are, the band that they chose
//!   stands with them as `pd:AgeRange` (DPV's personal data extension): `dpv:Child` would say more than they did.
//! - What TS 27560 demands and the notice does not say is there and says `dpv:NotAvailable`
//!   ([`crate::view::gaps`] lists it for the operator). Rights, the withdrawal method, the data's source and
//!   `Collect` and `Use` need no key: they are the same for everyone who asks through Assent under the GDPR.
//!
//! Not here: what other notices said, what holds now, and any proof. The Turtle of the UK's own law is not used: its
//! articles have the numbers of the EU's.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::decision::Decision;
use crate::notice::{RecipientRole, StorageKind};
use crate::record::Record;
use crate::view::{Decided, Source};

/// `dct:conformsTo` of a consent record.
pub const RECORD_PROFILE: &str = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr";
/// `dct:conformsTo` of a consent receipt.
pub const RECEIPT_PROFILE: &str = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr";

/// The data subject within one document.
const SUBJECT: &str = "_:subject";

/// Why a record has no consent receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing in this record was asked as a consent, so it has no consent receipt")]
pub struct NoConsent;

/// The record as a JSON-LD document: in `@graph`, one record for each purpose that was decided.
#[must_use]
pub fn record(source: &Source<'_>) -> Value {
    json!({ "@context": context(), "@graph": records(source) })
}

/// The record as a consent receipt around the same records (guide section 8).
///
/// It was created when the record was taken down: that is when Assent hands out receipts.
///
/// # Errors
/// [`NoConsent`].
pub fn receipt(source: &Source<'_>) -> Result<Value, NoConsent> {
    if !source.decided().any(|decided| decided.is_consent()) {
        return Err(NoConsent);
    }
    let record = source.record();
    Ok(json!({
        "@context": context(),
        "@id": source.receipt_address(),
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": RECEIPT_PROFILE,
        "dct:identifier": record.id,
        "dpv:hasIdentifier": record.id,
        "dct:created": record.time,
        "dct:publisher": controller_id(source),
        "dpv:hasRecordOfActivity": records(source),
    }))
}

fn context() -> Value {
    let mut file: Value = serde_json::from_str(crate::schemas::CONTEXT).unwrap_or_default();
    file["@context"].take()
}

fn records(source: &Source<'_>) -> Vec<Value> {
    source.decided().map(|decided| one(source, decided)).collect()
}

fn one(source: &Source<'_>, decided: Decided<'_>) -> Value {
    let record = source.record();
    let id = format!("{}#{}", record.id, decided.purpose.id);
    let mut out = json!({
        "@id": format!("{}#{}", source.receipt_address(), decided.purpose.id),
        "dct:identifier": id,
        "dpv:hasIdentifier": id,
        "dct:source": source.receipt_address(),
        "dct:created": record.time,
        "dct:language": record.language,
        "dpv:hasDataSubject": subject(record),
        "dpv:hasNotice": [{
            "@id": source.notice_address(),
            "@type": if decided.is_consent() { "dpv:ConsentNotice" } else { "dpv:PrivacyNotice" },
            "dct:identifier": record.notice,
            "dct:title": source.text().title,
            "dct:language": record.language,
        }],
        "dpv:hasProcess": [process(source, decided)],
        "dpv:hasEntity": entities(source, decided),
    });
    if decided.is_consent() {
        out["@type"] = "dpv:ConsentRecord".into();
        out["dct:conformsTo"] = RECORD_PROFILE.into();
        out["dpv:hasConsentStatus"] = json!([event(source, decided, status(decided))]);
    } else {
        let (types, involvement) = if decided.is_yes() {
            (json!(["dpv:DataProcessingRecord"]), "dpv:OptingInToProcess")
        } else {
            (json!(["dpv:DataProcessingRecord", "dpv:RightExerciseRecord"]), "dpv:ObjectingToProcess")
        };
        out["@type"] = types;
        out["dpv:hasEntityInvolvement"] = json!([event(source, decided, involvement)]);
    }
    out
}

fn subject(record: &Record) -> Value {
    let id = record.subject.to_string();
    let mut out = json!({
        "@id": SUBJECT,
        "@type": "dpv:DataSubject",
        "dct:identifier": id,
        "dpv:hasIdentifier": id,
    });
    if let Some(age) = record.age {
        out["dpv:hasPersonalData"] = json!([{ "@type": "pd:AgeRange", "rdf:value": age }]);
    }
    out
}

fn status(decided: Decided<'_>) -> &'static str {
    match decided.decision {
        Decision::Given | Decision::Renewed if !decided.is_consent_given() => "dpv:ConsentRequested",
        Decision::Given | Decision::Confirmed => "dpv:ConsentGiven",
        Decision::Renewed => "dpv:RenewedConsentGiven",
        // An objection on the consent route is not written; were it, it would end the consent.
        Decision::Withdrawn | Decision::Objected => "dpv:ConsentWithdrawn",
        Decision::Refused => "dpv:ConsentRefused",
        Decision::Expired => "dpv:ConsentExpired",
    }
}

/// When, how long, by whom and how (TS 27560 section "events").
fn event(source: &Source<'_>, decided: Decided<'_>, kind: &str) -> Value {
    let expired = decided.decision == Decision::Expired;
    let duration = match decided.days(source.notice()) {
        Some(days) => json!({ "@type": "dpv:TemporalDuration", "rdf:value": format!("P{days}D") }),
        None => {
            json!({ "@type": "dpv:UntilEventDuration", "rdf:value": "until the data subject decides anew" })
        }
    };
    let mut out = json!({
        "@type": [kind],
        "dpv:isIndicatedAtTime": decided.said(source.record()),
        "dpv:hasDuration": [duration],
        "dpv:isIndicatedBy": [if expired { controller_id(source) } else { SUBJECT.to_string() }],
    });
    if expired {
        out["dpv:hasIndicationMethod"] = "the time was over".into();
    } else {
        out["dpv:hasIndicationMethod"] = source.method().into();
    }
    if expired || source.by_controller() {
        out["dpv:isImplementedByEntity"] = json!([controller_id(source)]);
    }
    out
}

/// TS 27560 section "processing".
fn process(source: &Source<'_>, decided: Decided<'_>) -> Value {
    let (purpose, text) = (decided.purpose, decided.text);
    let notice = source.notice();
    let mut processing = Vec::from(["dpv:Collect", "dpv:Use"]);
    if !purpose.storage.is_empty() {
        processing.push("dpv:Store");
    }
    let mut controllers = Vec::from([controller_id(source)]);
    let mut recipients = controllers.clone();
    for (id, recipient) in source.recipients(purpose) {
        recipients.push(recipient_id(source, id));
        if recipient.role == RecipientRole::Joint {
            controllers.push(recipient_id(source, id));
        }
    }
    let jurisdiction: Vec<Value> =
        notice.controller.jurisdiction.iter().map(|code| format!("loc:{code}").into()).collect();
    let mut out = json!({
        "@type": "dpv:Process",
        "dpv:hasPurpose": [{
            "@id": format!("{}#purpose-{}", source.notice_address(), purpose.id),
            "@type": "dpv:Purpose",
            "dct:identifier": purpose.id,
            "dct:title": text.name,
            "dct:description": text.description,
        }],
        "dpv:hasPersonalData": personal_data(decided),
        "dpv:hasProcessing": processing,
        "dpv:hasDataSource": ["dpv:DataSubjectDataSource"],
        "dpv:hasStorageCondition": storage(source, decided),
        "dpv:hasDataController": controllers,
        "dpv:hasRecipient": recipients,
        "dpv:hasAuthority": [authority_id(source)],
        "dpv:hasJurisdiction": said_or_not(jurisdiction, "dpv:Jurisdiction"),
        "dpv:hasRight": rights(source, decided),
    });
    if decided.is_consent() {
        out["dpv:hasNecessity"] = json!(["dpv:Optional"]);
        out["dpv:hasLegalBasis"] = if purpose.special_categories.as_ref().is_some_and(|list| !list.is_empty())
        {
            json!(["dpv:ExplicitlyExpressedConsent", "eu-gdpr:A9-2-a"])
        } else {
            json!(["dpv:ExpressedConsent", "eu-gdpr:A6-1-a"])
        };
        out["dpv:hasConsentControl"] = json!([{
            "@type": ["dpv:ProvideConsent", "dpv:ReaffirmConsent", "dpv:WithdrawConsent"],
            "dpv:isExercisedAt": source.choices(),
        }]);
    }
    out
}

/// A list, or one node that says the notice did not tell. Never nothing: the guide reads absence as a "no".
fn said_or_not(said: Vec<Value>, class: &str) -> Vec<Value> {
    if said.is_empty() {
        return Vec::from([json!({ "@type": class, "dpv:hasApplicability": "dpv:NotAvailable" })]);
    }
    said
}

fn personal_data(decided: Decided<'_>) -> Vec<Value> {
    let data = |class: &str, title: &str| json!({ "@type": class, "dct:title": title });
    let said: Vec<Value> = decided.text.data.iter().map(|title| data("dpv:PersonalData", title)).collect();
    let mut out = said_or_not(said, "dpv:PersonalData");
    match &decided.purpose.special_categories {
        Some(list) => out.extend(list.iter().map(|title| data("dpv:SpecialCategoryPersonalData", title))),
        None => out.extend(said_or_not(Vec::new(), "dpv:SpecialCategoryPersonalData")),
    }
    out
}

/// Where the data is, and for how long, in the words the person read; then what lies on the person's own device.
fn storage(source: &Source<'_>, decided: Decided<'_>) -> Vec<Value> {
    let controller = source.notice().controller.location.as_ref();
    let others = source.recipients(decided.purpose).map(|(_, recipient)| &recipient.location);
    let mut places: Vec<&String> = Vec::new();
    for place in controller.into_iter().chain(others) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let place = |title: &str| json!({ "@type": "dpv:Location", "dct:title": title });
    let mut locations: Vec<Value> = places.into_iter().map(|title| place(title)).collect();
    if controller.is_none() {
        locations.extend(said_or_not(Vec::new(), "dpv:Location"));
    }
    let mut out = Vec::from([
        json!({ "@type": ["dpv:StorageLocation"], "dpv:hasLocation": locations }),
        json!({
            "@type": ["dpv:StorageDuration"],
            "dpv:hasDuration": [{ "@type": "dpv:Duration", "rdf:value": decided.text.retention }],
        }),
    ]);
    // A pixel and a frame's address are asked for, not kept.
    let kept = |kind| !matches!(kind, StorageKind::Pixel | StorageKind::Frame);
    for item in decided.purpose.storage.iter().filter(|item| kept(item.kind)) {
        let duration = match item.days {
            0 => json!({ "@type": "dpv:UntilEventDuration", "rdf:value": "until the browser closes" }),
            days => json!({ "@type": "dpv:TemporalDuration", "rdf:value": format!("P{days}D") }),
        };
        out.push(json!({
            "@type": ["dpv:StorageLocation", "dpv:StorageDuration"],
            "dct:title": item.name,
            "dpv:hasLocation": [place("the data subject's device")],
            "dpv:hasDuration": [duration],
        }));
    }
    out
}

/// The rights that everyone has against everyone who asks through Assent, and where to use each.
fn rights(source: &Source<'_>, decided: Decided<'_>) -> Vec<Value> {
    let controller = &source.notice().controller;
    let (choices, statement) = (source.choices(), controller.privacy_url.clone());
    // To withdraw and to take data elsewhere belong to consent, to object to the routes without one.
    let own: &[_] = if decided.is_consent() {
        &[("eu-gdpr:A7-3", "withdraw consent", &choices), ("eu-gdpr:A20", "data portability", &statement)]
    } else {
        &[("eu-gdpr:A21", "object", &choices)]
    };
    let everyones = [
        ("eu-gdpr:A15", "access", &statement),
        ("eu-gdpr:A16", "rectification", &statement),
        ("eu-gdpr:A17", "erasure", &statement),
        ("eu-gdpr:A18", "restriction", &statement),
        ("eu-gdpr:A77", "complaint to a supervisory authority", &controller.regulator.url),
    ];
    own.iter()
        .chain(&everyones)
        .map(|(article, title, place)| {
            json!({ "@type": ["dpv:DataSubjectRight", article], "dct:title": title, "dpv:isExercisedAt": place })
        })
        .collect()
}

/// TS 27560 section "parties", once each; the process names them by `@id`.
fn entities(source: &Source<'_>, decided: Decided<'_>) -> Vec<Value> {
    let controller = &source.notice().controller;
    let regulator = &controller.regulator;
    let mut out = Vec::from([
        entity(Entity {
            id: controller_id(source),
            types: &["dpv:DataController", "dpv:Recipient"],
            name: &controller.name,
            address: Some(&controller.address),
            email: Some(&controller.email),
            phone: controller.phone.as_ref(),
            url: &controller.privacy_url,
        }),
        entity(Entity {
            id: authority_id(source),
            types: &["dpv:DataProtectionAuthority"],
            name: &regulator.name,
            address: regulator.address.as_ref(),
            email: None,
            phone: None,
            url: &regulator.url,
        }),
    ]);
    for (id, recipient) in source.recipients(decided.purpose) {
        out.push(entity(Entity {
            id: recipient_id(source, id),
            types: match recipient.role {
                RecipientRole::Processor => &["dpv:DataProcessor", "dpv:Recipient"],
                RecipientRole::Joint => &["dpv:DataController", "dpv:Recipient"],
                RecipientRole::Independent => &["dpv:ThirdParty", "dpv:Recipient"],
            },
            name: &recipient.name,
            address: recipient.address.as_ref(),
            email: None,
            phone: None,
            url: &recipient.privacy_url,
        }));
    }
    out
}

struct Entity<'a> {
    id: String,
    types: &'static [&'static str],
    name: &'a str,
    address: Option<&'a String>,
    email: Option<&'a String>,
    phone: Option<&'a String>,
    url: &'a str,
}

fn entity(entity: Entity<'_>) -> Value {
    let mut contact = json!({ "@type": "schema:ContactPoint", "schema:url": entity.url });
    if let Some(email) = entity.email {
        contact["schema:email"] = email.as_str().into();
    }
    if let Some(phone) = entity.phone {
        contact["schema:telephone"] = phone.as_str().into();
    }
    let address =
        entity.address.map(|line| json!({ "@type": "schema:PostalAddress", "schema:streetAddress": line }));
    json!({
        "@id": entity.id,
        "@type": entity.types,
        "dct:identifier": entity.id,
        "dpv:hasIdentifier": entity.id,
        "dpv:hasName": entity.name,
        "schema:address": said_or_not(address.into_iter().collect(), "schema:PostalAddress"),
        "schema:contactPoint": [contact],
    })
}

fn controller_id(source: &Source<'_>) -> String {
    format!("{}#controller", source.notice_address())
}

fn authority_id(source: &Source<'_>) -> String {
    format!("{}#authority", source.notice_address())
}

fn recipient_id(source: &Source<'_>, id: &str) -> String {
    format!("{}#recipient-{id}", source.notice_address())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::age::AgeBand;
    use crate::decision::Act;
    use crate::fixture;
    use crate::hash::sha256;
    use crate::schemas::tests::{accepts, sweep};
    use crate::view::tests::{API, said, source};

    fn graph(record: &Record, document: &[u8]) -> Vec<Value> {
        let view = super::record(&source(record, document));
        accepts("dpv-record.schema.json", &view);
        view["@graph"].as_array().unwrap().clone()
    }

    fn only(decision: (&str, Decision)) -> Value {
        let (record, document) = said(&[decision]);
        let mut graph = graph(&record, &document);
        assert_eq!(graph.len(), 1);
        graph.remove(0)
    }

    #[test]
    fn a_saved_choice_is_one_record_for_each_purpose() {
        let (record, document) = said(&[
            ("analytics", Decision::Given),
            ("surveys", Decision::Refused),
            ("counting", Decision::Objected),
        ]);
        let mut view = super::record(&source(&record, &document));
        accepts("dpv-record.schema.json", &view);
        let context = view["@context"].take();
        assert_eq!(context, serde_json::from_str::<Value>(crate::schemas::CONTEXT).unwrap()["@context"]);
        // The notice's hash changes with every word of the interface.
        let text = serde_json::to_string_pretty(&view).unwrap().replace(&sha256(&document).to_hex(), "HASH");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_decision_has_its_state() {
        for (decision, state, valid) in [
            (Decision::Given, "dpv:ConsentGiven", Some("P365D")),
            (Decision::Renewed, "dpv:RenewedConsentGiven", Some("P365D")),
            (Decision::Refused, "dpv:ConsentRefused", None),
            (Decision::Withdrawn, "dpv:ConsentWithdrawn", None),
            (Decision::Expired, "dpv:ConsentExpired", None),
        ] {
            let record = only(("analytics", decision));
            let status = &record["dpv:hasConsentStatus"][0];
            assert_eq!(status["@type"], json!([state]), "{decision:?}");
            let duration = &status["dpv:hasDuration"][0];
            match valid {
                Some(days) => assert_eq!(duration["rdf:value"], days, "{decision:?}"),
                None => assert_eq!(duration["@type"], "dpv:UntilEventDuration", "{decision:?}"),
            }
            let by = status["dpv:isIndicatedBy"][0].as_str().unwrap();
            assert_eq!(by == SUBJECT, decision != Decision::Expired, "time is up without anybody's word");
        }
    }

    /// Without this, whoever types a stranger's address into the form would give the stranger's consent.
    #[test]
    fn a_sign_up_nobody_confirmed_is_no_consent() {
        for decision in [Decision::Given, Decision::Renewed] {
            let record = only(("email-news", decision));
            assert_eq!(record["dpv:hasConsentStatus"][0]["@type"], json!(["dpv:ConsentRequested"]));
        }
        let record = only(("email-news", Decision::Withdrawn));
        assert_eq!(record["dpv:hasConsentStatus"][0]["@type"], json!(["dpv:ConsentWithdrawn"]));
    }

    #[test]
    fn an_objection_is_no_consent() {
        for (decision, types, involvement) in [
            (
                Decision::Objected,
                json!(["dpv:DataProcessingRecord", "dpv:RightExerciseRecord"]),
                "dpv:ObjectingToProcess",
            ),
            (Decision::Given, json!(["dpv:DataProcessingRecord"]), "dpv:OptingInToProcess"),
            (Decision::Renewed, json!(["dpv:DataProcessingRecord"]), "dpv:OptingInToProcess"),
        ] {
            let record = only(("counting", decision));
            assert_eq!(record["@type"], types, "{decision:?}");
            assert_eq!(record["dpv:hasEntityInvolvement"][0]["@type"], json!([involvement]), "{decision:?}");
            let text = record.to_string();
            assert!(!text.contains("Consent"), "not a word of consent: {text}");
            assert!(!text.contains("dct:conformsTo") && !text.contains("dpv:hasLegalBasis"), "{text}");
            let (record, document) = said(&[("counting", decision)]);
            assert_eq!(receipt(&source(&record, &document)), Err(NoConsent));
        }
    }

    #[test]
    fn special_categories_need_explicit_consent() {
        let record = only(("surveys", Decision::Given));
        let process = &record["dpv:hasProcess"][0];
        assert_eq!(process["dpv:hasLegalBasis"], json!(["dpv:ExplicitlyExpressedConsent", "eu-gdpr:A9-2-a"]));
        assert_eq!(
            process["dpv:hasPersonalData"][1],
            json!({ "@type": "dpv:SpecialCategoryPersonalData", "dct:title": "health" })
        );
    }

    /// A notice of the first release states no jurisdiction, place or address: the record says so instead of guessing.
    #[test]
    fn what_the_notice_does_not_say_is_not_available() {
        let document = fixture::notice().document();
        let mut record = fixture::record();
        record.notice = sha256(&document);
        let graph = graph(&record, &document);
        let process = &graph[0]["dpv:hasProcess"][0];
        let missing = |class: &str| json!([{ "@type": class, "dpv:hasApplicability": "dpv:NotAvailable" }]);
        assert_eq!(process["dpv:hasJurisdiction"], missing("dpv:Jurisdiction"));
        let locations = process["dpv:hasStorageCondition"][0]["dpv:hasLocation"].as_array().unwrap();
        assert_eq!(locations[0]["dct:title"], "United Kingdom", "the recipient's");
        assert_eq!(json!(locations[1..]), missing("dpv:Location"), "the controller's");
        let addresses: Vec<&Value> =
            graph[0]["dpv:hasEntity"].as_array().unwrap().iter().map(|it| &it["schema:address"]).collect();
        assert_eq!(addresses[0][0]["schema:streetAddress"], "1 High Street, Exampleton");
        assert_eq!(addresses[1..], [&missing("schema:PostalAddress"), &missing("schema:PostalAddress")]);
    }

    #[test]
    fn what_staff_took_down_names_the_controller_too() {
        let (mut record, document) = said(&[("analytics", Decision::Withdrawn)]);
        record.act = Act::Phone;
        let status = &graph(&record, &document)[0]["dpv:hasConsentStatus"][0];
        assert_eq!(status["dpv:isIndicatedBy"], json!([SUBJECT]));
        assert_eq!(
            status["dpv:isImplementedByEntity"][0],
            format!("{API}/notices/{}#controller", sha256(&document))
        );
    }

    #[test]
    fn how_old_they_said_they_are_stands_with_the_person() {
        let (mut record, document) =
            said(&[("analytics", Decision::Given), ("counting", Decision::Objected)]);
        assert!(!super::record(&source(&record, &document)).to_string().contains("AgeRange"), "nobody asked");
        record.age = Some(AgeBand::Between(13, 15));
        for one in graph(&record, &document) {
            let data = &one["dpv:hasDataSubject"]["dpv:hasPersonalData"];
            assert_eq!(*data, json!([{ "@type": "pd:AgeRange", "rdf:value": "13-15" }]));
        }
    }

    #[test]
    fn a_receipt_wraps_the_records() {
        let (record, document) = said(&[("analytics", Decision::Given), ("counting", Decision::Objected)]);
        let source = source(&record, &document);
        let receipt = receipt(&source).unwrap();
        accepts("dpv-receipt.schema.json", &receipt);
        assert_eq!(receipt["dct:conformsTo"], RECEIPT_PROFILE);
        assert_eq!(receipt["dpv:hasRecordOfActivity"], super::record(&source)["@graph"]);
        assert_eq!(
            (&receipt["dct:created"], &receipt["dct:identifier"]),
            (&json!(record.time), &json!(record.id))
        );
    }

    #[test]
    fn no_part_may_be_missing_or_added() {
        let (mut record, document) =
            said(&[("analytics", Decision::Given), ("counting", Decision::Objected)]);
        record.age = Some(AgeBand::Under(13));
        let source = source(&record, &document);
        // Named where absent on purpose: a phone, an email, who wrote it down, a thing's name, an age, the context's terms. What is
        // personal data of a process may not be absent: `said_or_not` tests it.
        let optional = ["schema:telephone", "schema:email", "dct:title", "dpv:hasPersonalData"];
        let open = ["@context"];
        sweep("dpv-record.schema.json", &super::record(&source), &optional, &open);
        sweep("dpv-receipt.schema.json", &receipt(&source).unwrap(), &optional, &open);
    }
}
