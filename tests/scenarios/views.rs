//! What others understand of our exports in standard forms: a JSON-LD processor that is not ours reads them.
//!
//! The records come from a running server; their views are made by core, as an export will make them.

use crate::harness::{CLINIC, Holder, Stack, npm, tests_folder};
use assent_core::age::AgeBand;
use assent_core::decision::{Act, Choice, Decision};
use assent_core::ids::PurposeId;
use assent_core::notice::{Notice, Route};
use assent_core::receipt::Receipt;
use assent_core::record::Record;
use assent_core::view::Source;
use assent_core::{dpv, kantara};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

const DPV: &str = "https://w3id.org/dpv#";
/// DPV's personal data extension.
const PD: &str = "https://w3id.org/dpv/pd#";
const GDPR: &str = "https://w3id.org/dpv/legal/eu/gdpr#";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

/// Every word of DPV 2.3 and of its GDPR and personal data extensions that our views use. A word that DPV does not define would be read by
/// nobody, so a new one is looked up there before it comes into this list.
const WORDS: &str = "
    dpv#Collect dpv#ConsentExpired dpv#ConsentGiven dpv#ConsentNotice dpv#ConsentReceipt dpv#ConsentRecord dpv#ConsentRefused
    dpv#ConsentRequested dpv#ConsentWithdrawn dpv#DataController dpv#DataProcessingRecord dpv#DataProcessor
    dpv#DataProtectionAuthority dpv#DataSubject dpv#DataSubjectDataSource dpv#DataSubjectRight dpv#Duration
    dpv#ExplicitlyExpressedConsent dpv#ExpressedConsent dpv#Jurisdiction dpv#Location dpv#NotAvailable dpv#ObjectingToProcess
    dpv#OptingInToProcess dpv#Optional dpv#PersonalData dpv#PrivacyNotice dpv#Process dpv#ProvideConsent dpv#Purpose
    dpv#ReaffirmConsent dpv#Recipient dpv#RenewedConsentGiven dpv#RightExerciseRecord dpv#SpecialCategoryPersonalData
    dpv#StorageDuration dpv#StorageLocation dpv#Store dpv#TemporalDuration dpv#ThirdParty dpv#UntilEventDuration dpv#Use
    dpv#WithdrawConsent
    dpv#hasApplicability dpv#hasAuthority dpv#hasConsentControl dpv#hasConsentStatus dpv#hasDataController dpv#hasDataSource
    dpv#hasDataSubject dpv#hasDuration dpv#hasEntity dpv#hasEntityInvolvement dpv#hasIdentifier dpv#hasIndicationMethod dpv#hasJurisdiction dpv#hasLegalBasis
    dpv#hasLocation dpv#hasName dpv#hasNecessity dpv#hasNotice dpv#hasPersonalData dpv#hasProcess dpv#hasProcessing dpv#hasPurpose
    dpv#hasRecipient dpv#hasRecordOfActivity dpv#hasRight dpv#hasStorageCondition dpv#isExercisedAt dpv#isImplementedByEntity
    dpv#isIndicatedAtTime dpv#isIndicatedBy
    gdpr#A15 gdpr#A16 gdpr#A17 gdpr#A18 gdpr#A20 gdpr#A21 gdpr#A6-1-a gdpr#A7-3 gdpr#A77 gdpr#A9-2-a
    pd#AgeRange
";

/// One statement: subject, predicate, object, as N-Quads writes them.
type Quad = (String, String, String);

fn expand(document: &Value) -> Vec<Quad> {
    npm("jsonld/lib/jsonld.js");
    let mut node = Command::new("node")
        .arg(tests_folder().join("scenarios/expand.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    let done = node.wait_with_output().unwrap();
    assert!(done.status.success(), "{}\n{document:#}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines()
        .map(|line| {
            let mut parts = line.strip_suffix(" .").unwrap().splitn(3, ' ').map(String::from);
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
        })
        .collect()
}

fn iri(text: &str) -> String {
    format!("<{text}>")
}

/// What `subject` says by `predicate`, in order.
fn said<'q>(quads: &'q [Quad], subject: &str, predicate: &str) -> BTreeSet<&'q str> {
    let predicate = iri(predicate);
    quads
        .iter()
        .filter(|(s, p, _)| s == subject && *p == predicate)
        .map(|(_, _, object)| object.as_str())
        .collect()
}

/// The one thing `subject` says by `predicate`.
#[track_caller]
fn one<'q>(quads: &'q [Quad], subject: &str, predicate: &str) -> &'q str {
    let said = said(quads, subject, predicate);
    assert_eq!(said.len(), 1, "{subject} {predicate}: {said:?}");
    said.into_iter().next().unwrap()
}

/// The last parts of all DPV names in the statements, as `dpv#Purpose`.
fn words(quads: &[Quad]) -> BTreeSet<String> {
    let short = |text: &String| {
        let name = text.strip_prefix('<')?.strip_suffix('>')?;
        name.strip_prefix(DPV)
            .map(|word| format!("dpv#{word}"))
            .or_else(|| name.strip_prefix(GDPR).map(|word| format!("gdpr#{word}")))
            .or_else(|| name.strip_prefix(PD).map(|word| format!("pd#{word}")))
    };
    quads.iter().flat_map(|(_, predicate, object)| [short(predicate), short(object)]).flatten().collect()
}

/// What this version publishes on no site or writes in no record, and a view can say all the same: the statistics route, a
/// yes by telephone, the end of a consent, special categories, no jurisdiction; and what this site does not ask, an age.
fn not_yet_published(record: &Record, notice: &Notice) -> [(Record, Vec<u8>); 2] {
    let mut notice = notice.clone();
    notice.controller.jurisdiction.clear();
    for purpose in &mut notice.purposes {
        match purpose.id.as_str() {
            "surveys" => purpose.route = Route::Statistics,
            "embeds" => purpose.special_categories = Some(vec!["health".into()]),
            _ => {}
        }
    }
    let document = notice.document();
    let says = |decisions: &[(&str, Decision)]| {
        let decisions = decisions.iter().map(|(id, it)| (PurposeId::new(id).unwrap(), *it)).collect();
        let age = Some(AgeBand::Between(13, 15));
        Record { act: Act::Phone, notice: notice.hash(), decisions, age, ..record.clone() }
    };
    [
        says(&[
            ("analytics", Decision::Expired),
            ("surveys", Decision::Objected),
            ("embeds", Decision::Given),
        ]),
        says(&[("surveys", Decision::Given), ("email-clinic-changes", Decision::Given)]),
    ]
    .map(|record| (record, document.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_reading_of_our_records_is_ours() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    let receipts = [
        api.records(&holder, &api.says(Act::AcceptAll).await).await,
        api.records(&holder, &api.saves(&[("analytics", Choice::Yes), ("surveys", Choice::No)]).await).await,
        api.records(&Holder::new(), &api.says(Act::RejectAll).await).await,
    ];
    let (notice, _) = api.notice().await;
    let document = notice.document();
    let source = |receipt: &Receipt| {
        let verified = receipt.verify(None).unwrap();
        Source::new(verified.record().as_bytes(), &document, &api.site.api).unwrap()
    };
    let mut seen = BTreeSet::new();
    for receipt in &receipts {
        let view = dpv::receipt(&source(receipt)).unwrap();
        seen.extend(words(&expand(&view)));
    }
    for (record, document) in not_yet_published(source(&receipts[0]).record(), &notice) {
        let source = Source::new(&record.to_bytes(), &document, &api.site.api).unwrap();
        let quads = expand(&dpv::record(&source));
        seen.extend(words(&quads));
        let node = format!("{}/receipts/{}#", api.site.api, record.id);
        let node = iri(&(node + record.decisions.keys().next().unwrap().as_str()));
        let subject = one(&quads, &node, &format!("{DPV}hasDataSubject"));
        for age in said(&quads, subject, &format!("{DPV}hasPersonalData")) {
            assert_eq!(one(&quads, age, TYPE), iri(&format!("{PD}AgeRange")));
            assert_eq!(one(&quads, age, &format!("{RDF}value")), "\"13-15\"");
        }
        assert!(!said(&quads, subject, &format!("{DPV}hasPersonalData")).is_empty());
    }
    let known: BTreeSet<String> = WORDS.split_whitespace().map(String::from).collect();
    assert_eq!(seen, known, "left: what the views use; right: what was looked up");

    let saved = source(&receipts[1]);
    let quads = expand(&dpv::record(&saved));
    let record = saved.record();
    let holder_id = format!("\"{}\"", holder.0.id());
    for (purpose, state) in [("analytics", "RenewedConsentGiven"), ("surveys", "ConsentWithdrawn")] {
        let node = iri(&format!("{}/receipts/{}#{purpose}", api.site.api, record.id));
        assert_eq!(one(&quads, &node, TYPE), iri(&format!("{DPV}ConsentRecord")));
        let conforms = one(&quads, &node, "http://purl.org/dc/terms/conformsTo");
        assert_eq!(conforms, iri("https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"));
        let status = one(&quads, &node, &format!("{DPV}hasConsentStatus"));
        assert_eq!(one(&quads, status, TYPE), iri(&format!("{DPV}{state}")));
        let time = one(&quads, status, &format!("{DPV}isIndicatedAtTime"));
        assert_eq!(time, format!("\"{}\"^^<http://www.w3.org/2001/XMLSchema#dateTime>", record.time));
        let subject = one(&quads, &node, &format!("{DPV}hasDataSubject"));
        assert_eq!(one(&quads, status, &format!("{DPV}isIndicatedBy")), subject);
        assert_eq!(one(&quads, subject, "http://purl.org/dc/terms/identifier"), holder_id);
        assert_eq!(one(&quads, subject, &format!("{DPV}hasIdentifier")), holder_id);
        let process = one(&quads, &node, &format!("{DPV}hasProcess"));
        assert_eq!(
            one(&quads, process, &format!("{DPV}hasJurisdiction")),
            iri("https://w3id.org/dpv/loc#GB")
        );
        let control = one(&quads, process, &format!("{DPV}hasConsentControl"));
        let place = one(&quads, control, &format!("{DPV}isExercisedAt"));
        assert_eq!(place, iri(&format!("{}/choices", api.site.api)));
        let controller = one(&quads, process, &format!("{DPV}hasDataController"));
        let name = one(&quads, controller, &format!("{DPV}hasName"));
        assert_eq!(name, format!("\"{}\"", notice.controller.name));
        assert!(
            said(&quads, &node, &format!("{DPV}hasEntity")).contains(controller),
            "the parties are described"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_of_today_is_a_kantara_receipt_and_a_no_is_none() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let document = api.notice().await.0.document();
    for (act, is_receipt) in [(Act::AcceptAll, true), (Act::RejectAll, false)] {
        let receipt = api.records(&Holder::new(), &api.says(act).await).await;
        let verified = receipt.verify(None).unwrap();
        let source = Source::new(verified.record().as_bytes(), &document, &api.site.api).unwrap();
        match kantara::receipt(&source) {
            Ok(view) => {
                let second: jiff::Timestamp = source.record().time.parse().unwrap();
                assert_eq!(view["consentTimestamp"], second.as_second());
                assert!(is_receipt);
            }
            Err(error) => assert!(!is_receipt && error == kantara::NotExpressible::NothingGiven, "{error}"),
        }
    }
}
