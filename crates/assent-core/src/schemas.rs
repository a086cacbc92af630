//! Our JSON Schemas (2020-12) and our JSON-LD context, as files to hand out: a server serves them, an audit bundle
//! carries them. Nothing here checks a document; tests hold every document and its schema together.

/// The JSON-LD context of the DPV views. Views carry it inside, so that it needs no fetching and nobody can change what
/// they mean afterwards; the file is for those who write such documents themselves.
pub const CONTEXT: &str = include_str!("../schemas/context.jsonld");

/// Every file by name: [`CONTEXT`] and the schemas. A schema refers to another by its name alone, so keep them in one
/// folder.
pub const FILES: [(&str, &str); 9] = [
    ("context.jsonld", CONTEXT),
    ("record.schema.json", include_str!("../schemas/record.schema.json")),
    ("notice.schema.json", include_str!("../schemas/notice.schema.json")),
    ("receipt.schema.json", include_str!("../schemas/receipt.schema.json")),
    ("export-line.schema.json", include_str!("../schemas/export-line.schema.json")),
    ("bundle-manifest.schema.json", include_str!("../schemas/bundle-manifest.schema.json")),
    ("dpv-record.schema.json", include_str!("../schemas/dpv-record.schema.json")),
    ("dpv-receipt.schema.json", include_str!("../schemas/dpv-receipt.schema.json")),
    ("kantara.schema.json", include_str!("../schemas/kantara.schema.json")),
];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bundle::{BUNDLE_FORMAT, BundleFile, Manifest};
    use crate::commitment::Salt;
    use crate::decision::{Act, Decision};
    use crate::export_format::{FooterLine, GoneLine, Line, NoticeLine, SummaryLine};
    use crate::fixture;
    use crate::hash::Hash;
    use crate::notice::{Channel, Notice, Route};
    use crate::record::{ContactRef, Record, Surface};
    use alloc::collections::BTreeSet;
    use serde_json::{Value, json};
    use std::string::{String, ToString};
    use std::vec::Vec;
    use std::{format, println};

    fn file(name: &str) -> Value {
        let (_, text) = FILES.iter().find(|(have, _)| *have == name).unwrap();
        serde_json::from_str(text).unwrap()
    }

    /// Calls with the schema's validator; files refer to each other by name, as in one folder.
    fn with(name: &str, work: impl FnOnce(&jsonschema::Validator)) {
        let record = file("dpv-record.schema.json");
        let registry = jsonschema::Registry::new()
            .add("json-schema:///dpv-record.schema.json", &record)
            .unwrap()
            .prepare()
            .unwrap();
        let schema = file(name);
        work(&jsonschema::options().with_registry(&registry).build(&schema).unwrap());
    }

    fn errors(validator: &jsonschema::Validator, document: &Value) -> Vec<String> {
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// Fails unless the schema accepts the document.
    #[track_caller]
    pub(crate) fn accepts(name: &str, document: &Value) {
        with(name, |validator| {
            let errors = errors(validator, document);
            assert!(errors.is_empty(), "{name}: {errors:#?}\n{document:#}");
        });
    }

    /// Fails unless the schema accepts the document and refuses it with any part broken: each key gone (but
    /// `optional` ones), each value of another type, a key too many in each object (but those named in `open`).
    #[track_caller]
    pub(crate) fn sweep(name: &str, document: &Value, optional: &[&str], open: &[&str]) {
        accepts(name, document);
        let mut places = Vec::new();
        collect(document, &mut String::new(), open, &mut places);
        let mut broken = Vec::new();
        for place in &places {
            let key = place.rsplit('/').next().unwrap_or_default().replace("~1", "/");
            let mut changed = document.clone();
            *changed.pointer_mut(place).unwrap() =
                if document.pointer(place).unwrap().is_number() { json!("not a number") } else { json!(7.5) };
            broken.push((format!("another type at {place}"), changed));
            let mut changed = document.clone();
            if let Some(object) = changed.pointer_mut(place).unwrap().as_object_mut()
                && !open.contains(&key.as_str())
            {
                object.insert("more".into(), json!(1));
                broken.push((format!("a key too many in {place}"), changed));
            }
            let mut changed = document.clone();
            let parent =
                changed.pointer_mut(place.rsplit_once('/').map_or("", |(parent, _)| parent)).unwrap();
            if let Some(object) = parent.as_object_mut()
                && !place.is_empty()
                && !optional.contains(&key.as_str())
            {
                object.remove(&key);
                broken.push((format!("no {place}"), changed));
            }
        }
        println!("{name}: {} broken documents", broken.len());
        with(name, |validator| {
            for (what, changed) in &broken {
                assert!(!validator.is_valid(changed), "{name} accepts a document with {what}");
            }
        });
    }

    /// JSON pointers of every value outside `open` objects.
    fn collect(value: &Value, at: &mut String, open: &[&str], out: &mut Vec<String>) {
        out.push(at.clone());
        let here = at.len();
        if open.iter().any(|key| at.ends_with(&format!("/{key}"))) {
            return;
        }
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    at.push('/');
                    at.push_str(&key.replace('/', "~1"));
                    collect(value, at, open, out);
                    at.truncate(here);
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    at.push_str(&format!("/{index}"));
                    collect(value, at, open, out);
                    at.truncate(here);
                }
            }
            _ => {}
        }
    }

    /// A record with every field it can have.
    fn full_record() -> Record {
        let mut record = fixture::record();
        record.acted = Some(record.time.clone());
        record.contacts.push(ContactRef { channel: Channel::Text, hash: Hash([3; 32]) });
        record.told = Some(crate::told::Told {
            by: crate::told::Telling::Phone,
            script: "Alerts by phone, 3".into(),
            staff: "M. Rees".into(),
            recording: Some(crate::told::Recording::Told),
            evidence: Some(crate::told::Evidence {
                kind: crate::told::EvidenceKind::Recording,
                reference: "call 2026/118".into(),
            }),
            directly: true,
            opt_out_offered: true,
            talked: true,
            list: Some("spring.csv".into()),
        });
        record.age = Some(crate::age::AgeBand::Between(13, 15));
        record.previous = Some("019a0000-0000-7000-8000-000000000000".into());
        record
    }

    /// A notice with every field it can have.
    fn full_notice() -> Notice {
        let mut notice = fixture::full_site_file().notice().unwrap();
        notice.controller.charity = Some("1234567".into());
        notice.look.layout = crate::notice::Layout::Inline;
        notice.age = Some(crate::age::AgeQuestion {
            asked: Vec::from([crate::notice::Asked::AlertForm]),
            ..crate::age::AgeQuestion::default()
        });
        let analytics = &mut notice.purposes[1];
        analytics.sharing = true;
        analytics.substantial_data = true;
        analytics.tools = Vec::from([crate::notice::Tool::Matomo]);
        analytics.changed = Some("2026-11-01T09:00:00Z".into());
        analytics.soft_opt_in = Some(crate::notice::SoftOptIn {
            kind: crate::notice::SoftOptInKind::Charitable,
            collected: "On our form.".into(),
            opt_out: "A box.".into(),
        });
        analytics.statistics = Some(crate::notice::StatisticsConditions::default());
        notice
    }

    fn keys(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn files_are_schemas_of_2020_12_and_the_context_is_one() {
        for (name, _) in FILES.iter().filter(|(name, _)| name.ends_with(".schema.json")) {
            let schema = file(name);
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
            assert!(jsonschema::meta::validate(&schema).is_ok(), "{name}");
        }
        assert!(file("context.jsonld")["@context"].is_object());
    }

    #[test]
    fn records() {
        let record = json!(full_record());
        let schema = file("record.schema.json");
        assert_eq!(keys(&schema["properties"]), keys(&record), "schema and type have the same fields");
        let optional = [
            "acted",
            "origin",
            "signals",
            "contacts",
            "told",
            "recording",
            "evidence",
            "directly",
            "opt_out_offered",
            "talked",
            "list",
            "age",
            "previous",
            "analytics",
            "surveys",
        ];
        sweep("record.schema.json", &record, &optional, &[]);
        accepts("record.schema.json", &json!(fixture::record()));
        let mut unknown = record;
        unknown["decisions"]["analytics"] = "maybe".into();
        with("record.schema.json", |validator| assert!(!validator.is_valid(&unknown)));
    }

    /// A new word in a type must come into the schema: the lists here do not compile without it.
    #[test]
    fn every_word_of_a_record_is_in_its_schema() {
        let schema = file("record.schema.json");
        let words = |of: &Value| -> BTreeSet<String> {
            of["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_string()).collect()
        };
        let acts = {
            use Act::*;
            [AcceptAll, RejectAll, Save, Link, OneClick, TextStop, Signal, Phone, Paper, Staff, Api, Expiry]
                .map(|act| match act {
                    AcceptAll | RejectAll | Save | Link | OneClick | TextStop | Signal | Phone | Paper
                    | Staff | Api | Expiry => act.as_str().to_string(),
                })
        };
        assert_eq!(words(&schema["properties"]["act"]), acts.into());
        let surfaces = {
            use Surface::*;
            [FirstLayer, Preferences, ChoicesPage, AlertForm, Content, Page, Message, Server, Told, HandOver]
                .map(|surface| match surface {
                    FirstLayer | Preferences | ChoicesPage | AlertForm | Content | Page | Message
                    | Server | Told | HandOver => surface.as_str().to_string(),
                })
        };
        assert_eq!(words(&schema["properties"]["surface"]), surfaces.into());
        let decisions = Decision::ALL.map(|decision| decision.as_str().to_string());
        assert_eq!(words(&schema["properties"]["decisions"]["additionalProperties"]), decisions.into());
        let routes = {
            use Route::*;
            [Consent, Statistics, Necessary, SoftOptIn, Service].map(|route| match route {
                Consent | Statistics | Necessary | SoftOptIn | Service => route.as_str().to_string(),
            })
        };
        let notice = file("notice.schema.json");
        assert_eq!(words(&notice["$defs"]["purpose"]["properties"]["route"]), routes.into());
    }

    #[test]
    fn notices() {
        let notice = json!(full_notice());
        let schema = file("notice.schema.json");
        let same = |schema: &Value, document: &Value| assert_eq!(keys(&schema["properties"]), keys(document));
        same(&schema, &notice);
        same(&schema["properties"]["controller"], &notice["controller"]);
        let regulator = &schema["properties"]["controller"]["properties"]["regulator"];
        same(regulator, &notice["controller"]["regulator"]);
        let recipient = &schema["properties"]["recipients"]["additionalProperties"];
        same(recipient, &notice["recipients"]["film"]);
        let purpose = &schema["$defs"]["purpose"];
        let mut all = keys(&notice["purposes"][1]);
        all.extend(["channel", "topic", "ends_after_days"].map(ToString::to_string));
        assert_eq!(keys(&purpose["properties"]), all);
        same(&schema["$defs"]["text"], &notice["languages"]["en"]);
        same(&schema["properties"]["look"], &notice["look"]);
        same(&schema["properties"]["age"], &notice["age"]);
        same(&purpose["properties"]["soft_opt_in"], &notice["purposes"][1]["soft_opt_in"]);
        same(&purpose["properties"]["statistics"], &notice["purposes"][1]["statistics"]);

        let mut small = notice;
        // One language and one of each kind of purpose say everything, in a tenth of the broken documents.
        small["languages"].as_object_mut().unwrap().remove("cy");
        let maps = [
            "film",
            "joint",
            "wayfinder",
            "analytics",
            "counting",
            "email-news",
            "session",
            "surveys",
            "text-news",
        ];
        let optional = [
            "phone",
            "jurisdiction",
            "location",
            "special_categories",
            "channel",
            "topic",
            "age",
            "substantial_data",
        ];
        let optional = [
            &optional[..],
            &[
                "look",
                "tools",
                "sharing",
                "changed",
                "ends_after_days",
                "statistics",
                "soft_opt_in",
                "charity",
            ],
        ]
        .concat();
        let addresses = ["address"]; // the controller's own is needed; see below
        let optional = [&maps[..], &optional, &addresses].concat();
        sweep("notice.schema.json", &small, &optional, &["words"]);
        let mut homeless = small;
        homeless["controller"].as_object_mut().unwrap().remove("address");
        with("notice.schema.json", |validator| assert!(!validator.is_valid(&homeless)));
        accepts("notice.schema.json", &json!(fixture::notice()));
        accepts(
            "notice.schema.json",
            &serde_json::from_slice(include_bytes!("../vectors/notice.json")).unwrap(),
        );
    }

    #[test]
    fn receipts() {
        let receipt: Value = serde_json::from_str(include_str!("../vectors/receipt.json")).unwrap();
        sweep("receipt.schema.json", &receipt, &[], &[]);
        for (from, to) in [("@v1", "@v2"), ("index 2", "index 02"), ("extra ", "extra A"), ("\n\n", "\n")] {
            let mut changed = receipt.clone();
            changed["proof"] = receipt["proof"].as_str().unwrap().replace(from, to).into();
            assert_ne!(changed, receipt);
            with("receipt.schema.json", |validator| assert!(!validator.is_valid(&changed), "{to}"));
        }
    }

    #[test]
    fn manifests() {
        let counts = FooterLine { records: 1, notices: 2, withheld: 3, changes: 4, summaries: 5, gone: 6 };
        let manifest = Manifest {
            format: BUNDLE_FORMAT.into(),
            site: "clinic".into(),
            origin: "log.example.org/clinic".into(),
            key: "log.example.org/clinic+eaed1468+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4".into(),
            made: "2026-11-24T10:00:00.000Z".into(),
            program: "assent 0.1.0".into(),
            size: 21,
            first: 0,
            end: 21,
            filter: Default::default(),
            counts,
            files: [BundleFile { name: "records.csv".into(), bytes: 7, sha256: Hash([1; 32]) }].into(),
        };
        let schema = file("bundle-manifest.schema.json");
        assert_eq!(
            keys(&schema["properties"]),
            keys(&json!(manifest)),
            "schema and type have the same fields"
        );
        sweep(
            "bundle-manifest.schema.json",
            &json!(manifest),
            &["changes", "summaries", "gone"],
            &["filter"],
        );
    }

    #[test]
    fn export_lines() {
        let lines =
            include_str!("../vectors/export.ndjson").lines().map(|line| serde_json::from_str(line).unwrap());
        let mut lines: Vec<Value> = lines.collect();
        let (document, salt) = (String::from("{}"), Salt::from_bytes([7; 64]).to_base64());
        let told = SummaryLine { index: 5, document: document.clone(), salt };
        let gone = GoneLine {
            index: 7,
            reason: "purged-retention".into(),
            day: "2026-11-24".into(),
            period: Some("2026-10".into()),
        };
        let counts = FooterLine { records: 1, notices: 2, withheld: 3, changes: 4, summaries: 5, gone: 6 };
        let more = [
            Line::Change(NoticeLine { index: 4, document }),
            Line::Erasures(told.clone()),
            Line::Purge(told),
            Line::Gone(gone),
            Line::Footer(counts),
        ];
        lines.extend(more.iter().map(|line| json!(line)));
        let kinds: BTreeSet<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
        let schema = file("export-line.schema.json");
        assert_eq!(kinds.len(), schema["oneOf"].as_array().unwrap().len(), "there is a line of every kind");
        let optional = ["period", "changes", "summaries", "gone", "cosigned", "growth"];
        for line in &lines {
            sweep("export-line.schema.json", line, &optional, &["filter"]);
        }
    }
}
