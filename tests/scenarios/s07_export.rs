//! Scenario 7: an export holds what was done, and an auditor's own machine notices anything done to it.

use crate::harness::{CLINIC, Holder, Stack, offline};
use assent_core::decision::{Act, Choice};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A day's work: five people, one of whom changes their mind twice. Seven records, of which six say something about
/// analytics.
async fn a_day(stack: &Stack) {
    let api = stack.api(CLINIC);
    for act in [Act::AcceptAll, Act::RejectAll, Act::RejectAll] {
        api.records(&Holder::new(), &api.says(act).await).await;
    }
    let undecided = Holder::new();
    api.records(&undecided, &api.says(Act::AcceptAll).await).await;
    api.records(&undecided, &api.saves(&[("analytics", Choice::No)]).await).await;
    api.records(&undecided, &api.saves(&[("analytics", Choice::Yes), ("surveys", Choice::No)]).await).await;
    api.records(&Holder::new(), &api.saves(&[("surveys", Choice::Yes)]).await).await;
}

const RECORDS: usize = 7;
const ABOUT_ANALYTICS: usize = 6;
/// Four purposes for each of four "all", then one, two and one.
const ROWS: usize = 4 * 4 + 1 + 2 + 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_exported_whole_and_the_filters_hold() {
    let stack = Stack::starts().await;
    a_day(&stack).await;
    let api = stack.api(CLINIC);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| today.saturating_add(jiff::Span::new().days(days)).to_string();
    // A day on each side: a test may run at midnight.
    let around = format!("&from={}&to={}", day(-1), day(2));

    assert_eq!(records(&api.export("ndjson", &around).await).len(), RECORDS);
    assert_eq!(rows(&api.export("csv", &around).await).len(), ROWS);
    let analytics = format!("{around}&purpose=analytics");
    assert_eq!(records(&api.export("ndjson", &analytics).await).len(), ABOUT_ANALYTICS);
    assert_eq!(rows(&api.export("csv", &analytics).await).len(), ABOUT_ANALYTICS);
    let tomorrow = format!("&from={}", day(2));
    assert_eq!(records(&api.export("ndjson", &tomorrow).await).len(), 0);
    assert_eq!(rows(&api.export("csv", &tomorrow).await).len(), 0);
    let nobody = api.get("export?format=ndjson").send().await.unwrap();
    assert_eq!(nobody.status(), 401, "an export is for staff");

    let kept = tempfile::tempdir().unwrap();
    for (name, query) in [("whole", ""), ("day", &around), ("purpose", &analytics), ("empty", &tomorrow)] {
        let file = kept.path().join(format!("{name}.ndjson"));
        fs::write(&file, api.export("ndjson", query).await).unwrap();
        let said = verified(&file);
        assert!(said.is_ok(), "the export `{name}` is good, but: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_exports_the_same_beside_a_server_and_without_one() {
    let mut stack = Stack::starts().await;
    a_day(&stack).await;
    let file = stack.path("export.ndjson");
    let arguments = ["export", "--site", CLINIC, "--output", file.to_str().unwrap()];
    stack.runs_well(&arguments);
    let beside = fs::read_to_string(&file).unwrap();
    assert_eq!(records(&beside).len(), RECORDS);
    fs::remove_file(&file).unwrap();
    stack.assent_is_killed();
    stack.runs_well(&arguments);
    let without = fs::read_to_string(&file).unwrap();
    assert_eq!(records(&beside), records(&without));
    verified(&file).unwrap();
    let csv = stack.path("export.csv");
    stack.runs_well(&["export", "--site", CLINIC, "--format", "csv", "--output", csv.to_str().unwrap()]);
    assert_eq!(rows(&fs::read_to_string(&csv).unwrap()).len(), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_done_to_an_export_is_named_with_its_place() {
    let stack = Stack::starts().await;
    a_day(&stack).await;
    let good: Vec<String> = stack.api(CLINIC).export("ndjson", "").await.lines().map(String::from).collect();
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("export.ndjson");
    let complaint = |lines: &[String]| {
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        verified(&file).expect_err("this export is not good")
    };
    fs::write(&file, good.join("\n") + "\n").unwrap();
    verified(&file).unwrap();

    let places: Vec<usize> = (0..good.len()).filter(|at| is_record(&good[*at])).collect();
    for &at in &places {
        let entry = format!("entry {}", index(&good[at]));

        let mut dropped = good.clone();
        dropped.remove(at);
        let said = complaint(&dropped);
        assert!(said.contains(&entry), "dropped {entry}: {said}");

        let mut changed = good.clone();
        changed[at] = changed[at].replace("\\\"act\\\":\\\"", "\\\"act\\\":\\\"x");
        assert_ne!(changed[at], good[at]);
        let said = complaint(&changed);
        assert!(said.contains(&entry), "changed {entry}: {said}");

        let mut backdated = good.clone();
        backdated[at] = backdated[at].replace("\\\"time\\\":\\\"20", "\\\"time\\\":\\\"19");
        assert_ne!(backdated[at], good[at]);
        let said = complaint(&backdated);
        assert!(said.contains(&entry), "backdated {entry}: {said}");
    }
    for pair in places.windows(2) {
        let mut swapped = good.clone();
        swapped.swap(pair[0], pair[1]);
        let said = complaint(&swapped);
        let named = pair.iter().any(|at| said.contains(&format!("entry {}", index(&good[*at]))));
        assert!(named, "swapped lines {pair:?}: {said}");
    }
    let said = complaint(&good[..good.len() - 1]);
    assert!(said.contains("cut off"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_agreed_on_a_day_in_the_past_is_counted_alike_whatever_was_said_later() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let (ada, bob) = (Holder::new(), Holder::new());
    for (who, act) in [(&ada, Act::AcceptAll), (&bob, Act::AcceptAll), (&Holder::new(), Act::RejectAll)] {
        api.records(who, &api.says(act).await).await;
    }
    let exported = |name: &str| {
        let file = stack.path(name);
        stack.runs_well(&["export", "--site", CLINIC, "--output", file.to_str().unwrap()]);
        file
    };
    let then = jiff::Timestamp::now().to_string();
    let early = exported("early.ndjson");
    api.records(&ada, &api.saves(&[("analytics", Choice::No)]).await).await;
    api.records(&Holder::new(), &api.says(Act::AcceptAll).await).await;
    let late = exported("late.ndjson");

    let counted = |file: &Path, more: &[&str]| {
        let done = offline(&[&["standings", file.to_str().unwrap()][..], more].concat());
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let at = ["--at", &then, "--json"];
    let (code, said) = counted(&late, &at);
    assert_eq!((code, &said), (Some(0), &counted(&early, &at).1));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["people"], 3);
    assert_eq!(said["purposes"]["analytics"], serde_json::json!({ "granted": 2, "refused": 1 }), "{said}");
    let mut both = [ada.0.id().to_string(), bob.0.id().to_string()];
    both.sort();
    let named = ["--at", &then, "--purpose", "analytics"];
    assert_eq!(counted(&late, &named), (Some(0), both.map(|id| id + "\n").concat()));

    // A purpose that is not asked about any more: what was said of it on a day before stays what it was.
    let day = ["--at", &jiff::Timestamp::now().to_string(), "--json"];
    let before = counted(&late, &day);
    assert!(before.1.contains("analytics"), "{}", before.1);
    let site = stack.path("site.toml");
    let text = stack.site_file(CLINIC).replace("id = \"analytics\"", "id = \"visits\"");
    fs::write(&site, text.replace("purposes.analytics]", "purposes.visits]")).unwrap();
    stack.runs_well(&["site", "apply", site.to_str().unwrap()]);
    assert_eq!(counted(&exported("changed.ndjson"), &day), before);
    assert_eq!(counted(&late, &["--at", &then, "--purpose", "visits"]).0, Some(2), "nobody was asked");

    // Later, and long before anybody said anything.
    let text = counted(&late, &["--at", "2200-01-01T00:00:00Z"]).1;
    assert!(text.contains("4 people") && !text.contains("analytics: granted 2"), "{text}");
    let nobody: Value = serde_json::from_str(&counted(&late, &["--at", "2020-01-01", "--json"]).1).unwrap();
    assert_eq!(nobody["people"], 0);
    // What leaves something out, or was changed, is not counted.
    let part = stack.path("part.ndjson");
    let by_purpose = ["--purpose", "analytics", "--output", part.to_str().unwrap()];
    stack.runs_well(&[&["export", "--site", CLINIC], &by_purpose[..]].concat());
    assert_eq!(counted(&part, &at).0, Some(2));
    let changed = fs::read_to_string(&late).unwrap().replace("\\\"withdrawn\\\"", "\\\"given\\\"");
    fs::write(&part, changed).unwrap();
    assert_eq!(counted(&part, &at), (Some(1), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_receipts_id_leads_to_everything_that_proves_it() {
    let mut stack = Stack::starts().await;
    a_day(&stack).await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    let id = api.state(&holder).await.receipts[0].clone();
    let file = stack.path("proof.zip");
    let proof = |id: &str| {
        let words = ["export", "--site", CLINIC, "--receipt", id, "--format", "bundle", "--output"];
        [&words[..], &[file.to_str().unwrap()]].concat().into_iter().map(String::from).collect::<Vec<_>>()
    };
    let look = |stack: &Stack| {
        let words = proof(&id);
        stack.runs_well(&words.iter().map(String::as_str).collect::<Vec<_>>());
        verified(&file).unwrap();
        let mut archive = zip::ZipArchive::new(fs::File::open(&file).unwrap()).unwrap();
        let mut read = |name: &str| std::io::read_to_string(archive.by_name(name).unwrap()).unwrap();
        let (lines, page) = (read("records.ndjson"), read("index.html"));
        let [record] = records(&lines)[..] else { panic!("one record and no other: {lines}") };
        let record: Value = serde_json::from_str(record).unwrap();
        let record: Value = serde_json::from_str(record["record"].as_str().unwrap()).unwrap();
        assert_eq!((&record["id"], &record["act"]), (&Value::from(id.as_str()), &Value::from("accept-all")));
        // The words that were asked, by the hash that the record names.
        assert!(page.contains(record["notice"].as_str().unwrap()), "the page names the notice");
        assert!(page.contains("Website statistics"), "{page}");
        fs::remove_file(&file).unwrap();
    };
    look(&stack);
    stack.assent_is_killed();
    look(&stack);
    for nobodys in ["019a1f2e-7d0c-7b3a-9c55-3f0d2a6b8e10", "no id"] {
        let words = proof(nobodys);
        let done = stack.runs(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && said.contains(nobodys), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cell_of_a_csv_is_a_formula() {
    let stack = Stack::starts().await;
    a_day(&stack).await;
    let api = stack.api(CLINIC);
    // What a visitor's browser says in words of its own is not taken at all.
    let good = api.says(Act::RejectAll).await;
    let formula = "=HYPERLINK(\"http://x\")".to_string();
    for (body, code) in [
        (
            assent_core::wire::DecisionRequest { language: formula.clone(), ..good.clone() },
            "unknown-language",
        ),
        (assent_core::wire::DecisionRequest { acted: Some(formula), ..good }, "bad-time"),
    ] {
        let answer = api.decides(&Holder::new(), &crate::harness::key(), &body).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], code);
    }
    let text = api.export("csv", "").await;
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains('\n'), "lines end as RFC 4180 says");
    for cell in rows(&text).iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
}

/// What `assent verify` says about a file, on a machine with no server.
fn verified(file: &Path) -> Result<String, String> {
    let output = offline(&["verify", file.to_str().unwrap()]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn records(export: &str) -> Vec<&str> {
    export.lines().filter(|line| is_record(line)).collect()
}

fn is_record(line: &str) -> bool {
    serde_json::from_str::<Value>(line).unwrap()["kind"] == "record"
}

fn index(line: &str) -> u64 {
    serde_json::from_str::<Value>(line).unwrap()["index"].as_u64().unwrap()
}

fn rows(export: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(export.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect()
}
