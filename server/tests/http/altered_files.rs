//! One bit flipped in any file of the data directory, or in the operator's key: the start refuses and names it, the check names it,
//! or everything answers as before. Never another answer.
//!
//! The store's own files are flipped harder in `crates/assent-store-sled/tests/hardship/flips.rs`.

use crate::app::{HOLDER, ORIGIN, OTHER, TestApp, key, to};
use crate::backups::files;
use crate::command_line::assent;
use crate::people::{asks, by_email, receipt, signs_up};
use crate::rolled_back::copy;
use crate::staff::staff;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::maintenance;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Who was erased.
const GONE: &str = "CQkJCQkJCQkJCQkJCQkJCQ";

/// A directory with something in each of its files, and what it answers.
async fn begun() -> (TempDir, Vec<String>, Vec<String>) {
    let app = TestApp::new().await;
    let mut receipts = vec![
        signs_up(&app, HOLDER, "ann@example.org").await,
        signs_up(&app, OTHER, "bob@example.org").await,
        signs_up(&app, GONE, "eve@example.org").await,
    ];
    for choice in ["yes", "no"] {
        let answer = app.records(json!({ "analytics": choice })).await;
        let place = answer.header(header::LOCATION).strip_prefix("https://privacy.example.org");
        receipts.push(place.unwrap().to_string());
    }
    asks(&app, "people/erase", json!({ "whose": by_email("eve@example.org"), "reason": "asked" })).await;
    asks(&app, "tell-erasures", json!({})).await;
    asks(&app, "people/restrict", json!({ "whose": by_email("bob@example.org"), "reason": "dispute" })).await;
    let site = app.app.sites.all().remove(0);
    site.publication.publish(&site.ledger, "clinic").unwrap();
    drop(site);
    // Last of all what is in no log: a mark of the store.
    let app = app.restarted();
    let bounced = json!({ "channel": "email", "address": "ann@example.org", "bounces": true });
    assert!(asks(&app, "bounced", bounced).await.status.is_success());
    let told = told(&app, &receipts).await;
    (app.stopped(), receipts, told)
}

/// Everything that a person, the staff and an auditor are told.
async fn told(app: &TestApp, receipts: &[String]) -> Vec<String> {
    let mut told = Vec::new();
    for path in receipts {
        for token in [HOLDER, OTHER, GONE] {
            told.push(receipt(app, token, path).await.text());
        }
    }
    for token in [HOLDER, OTHER, GONE] {
        told.push(receipt(app, token, "/v1/clinic/state").await.text());
    }
    for path in [
        "notices/current",
        "embed.js",
        "schedule.csv",
        "log/key",
        "log/checkpoint",
        "log/tile/0/000.p/6",
        "log/tile/entries/000.p/6",
    ] {
        let answer = app.get(&format!("/v1/clinic/{path}")).await;
        told.push(format!("{path} {} {:?}", answer.status, answer.body));
    }
    for address in ["ann@example.org", "bob@example.org", "eve@example.org"] {
        let question = json!({ "channel": "email", "address": address, "topic": "news" });
        told.push(asks(app, "may", question).await.text());
    }
    let origin = to(Method::OPTIONS, "/v1/clinic/decisions")
        .header(header::ORIGIN, ORIGIN)
        .header("access-control-request-method", "POST");
    let answer = app.ask(origin.body(Body::empty()).unwrap()).await;
    told.push(answer.header("access-control-allow-origin").to_string());
    for path in ["/v1/clinic/export", "/v1/clinic/suppressed"] {
        told.push(staff(app, Method::GET, path, "text/plain", String::new()).await.text());
    }
    told
}

/// How a damaged directory was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    Refused,
    Named,
    Harmless,
}

async fn meet(folder: TempDir, context: &str, receipts: &[String], expected: &[String]) -> Met {
    let app = match TestApp::starts(folder) {
        Ok(app) => app,
        Err(error) => {
            let said = format!("{error:#}");
            assert!(!said.is_empty(), "{context}");
            return Met::Refused;
        }
    };
    let site = app.app.sites.all().pop();
    let Some(site) = site else {
        // Its site file is not there, which is told.
        assert!(!app.app.sites.lost().unwrap().is_empty(), "{context}: a site went unseen");
        return Met::Named;
    };
    if maintenance::fsck(&app.app, &site, &mut |_| ()).is_err() {
        return Met::Named;
    }
    let found = told(&app, receipts).await;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{context}: another answer was accepted");
    }
    let decision = app.decision(json!({ "surveys": "yes" }));
    let answer = app.decides(&decision, &key()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{context}: {}", answer.text());
    Met::Harmless
}

/// Bytes whose bits are flipped: the first, the last, and some between that are not zero.
fn places(bytes: &[u8], count: usize) -> Vec<usize> {
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut places: Vec<usize> = used.iter().step_by((used.len() / count).max(1)).copied().collect();
    places.extend([used.first(), used.last()].into_iter().flatten());
    places.extend(bytes.len().checked_sub(1));
    places.sort_unstable();
    places.dedup();
    places
}

#[tokio::test]
async fn a_flipped_bit_in_any_file_is_named_or_does_no_harm() {
    let (home, receipts, expected) = begun().await;
    let times = std::env::var("ASSENT_TEST_HARDSHIP").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let mut met: BTreeMap<(PathBuf, Met), usize> = BTreeMap::new();
    let within = |path: &Path| path.strip_prefix(home.path()).unwrap().to_path_buf();
    let mut names: Vec<PathBuf> = files(&home.path().join("data")).iter().map(|path| within(path)).collect();
    names.push("assent.key".into());
    for name in names {
        let whole = std::fs::read(home.path().join(&name)).unwrap();
        let is = |part: &str| name.starts_with(Path::new("data").join(part));
        let count = if is("store") { 1 } else { 4 } * times;
        for (number, at) in places(&whole, count).into_iter().enumerate() {
            let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            copy(home.path(), folder.path());
            let mut altered = whole.clone();
            altered[at] ^= 1 << (at % 8);
            std::fs::write(folder.path().join(&name), altered).unwrap();
            let context = format!("{} at {at}", name.display());
            // It copies the directory, so not each time.
            let judges = number % 4 == 1 && ["keys", "checkpoints", "sites"].iter().any(|part| is(part));
            let judged = judges.then(|| {
                let verify = ["verify", "data", "--operator-key", "assent.key", "--json"];
                let done = assent(folder.path(), &verify);
                (done.status.code(), String::from_utf8(done.stdout).unwrap())
            });
            let how = meet(folder, &context, &receipts, &expected).await;
            // Whoever has only the directory is told the same.
            if let Some((code, said)) = judged {
                let verdict: Value = serde_json::from_str(&said).unwrap();
                assert_eq!(verdict["holds"] == true, code == Some(0), "{context}: {said}");
                assert_eq!(code == Some(0), how == Met::Harmless, "{context}: {how:?}, {said}");
            }
            *met.entry((name.clone(), how)).or_default() += 1;
        }
    }
    println!("{met:#?}");
    let site_file = |how| met.get(&("data/sites/clinic/site.toml".into(), how)).copied().unwrap_or_default();
    assert!(site_file(Met::Refused) >= 3 * times, "the file that is in no log is vouched for");
}

/// What the night's check finds is at `/healthz` and in the metrics until a check finds it mended.
#[tokio::test]
async fn damage_is_told_until_it_is_mended() {
    let app = TestApp::new().await;
    let place = app.records(json!({ "analytics": "yes" })).await;
    let place =
        place.header(header::LOCATION).strip_prefix("https://privacy.example.org").unwrap().to_string();
    // Now the row is in its file.
    let app = app.restarted();
    let told = async |wrong: Option<&str>| {
        let found = asks(&app, "fsck", json!({})).await.json();
        let (health, metrics) = (app.get("/healthz").await, app.get("/metrics").await.text());
        let gauge = |value: u8| metrics.contains(&format!("assent_fsck_damaged{{site=\"clinic\"}} {value}"));
        let Some(wrong) = wrong else {
            assert_eq!((&found["wrong"], health.status), (&Value::Null, StatusCode::OK));
            return assert!(gauge(0), "{metrics}");
        };
        assert!(found["wrong"].as_str().is_some_and(|found| found.contains(wrong)), "{found}");
        assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(health.text().starts_with("damaged: site clinic: "), "{}", health.text());
        assert!(gauge(1), "{metrics}");
    };
    told(None).await;
    for (name, wrong) in [
        ("data/store/rows/0/0000000.rows", "row 2"),
        ("data/sites/clinic/site.toml", "was altered since it was applied"),
    ] {
        let path = app.path(name);
        let whole = std::fs::read(&path).unwrap();
        let mut altered = whole.clone();
        let last = altered.iter().rposition(|byte| *byte != 0).unwrap();
        altered[last] ^= 0x10;
        std::fs::write(&path, altered).unwrap();
        told(Some(wrong)).await;
        std::fs::write(&path, whole).unwrap();
        told(None).await;
    }
    assert_eq!(receipt(&app, HOLDER, &place).await.status, StatusCode::OK);
}

/// "Try again later", for ever: the loader did, and whatever was pressed later stood behind it.
#[tokio::test]
async fn a_damaged_secret_keeps_nobody_from_a_no_or_from_being_erased() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    let folder = app.stopped();
    let secrets = folder.path().join("data/keys/clinic/subjects-00000.keys");
    let mut bytes = std::fs::read(&secrets).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&secrets, bytes).unwrap();
    let app = TestApp::on(folder);
    let yes = app.decides(&app.decision(json!({ "analytics": "yes" })), &key()).await;
    assert!(yes.status.is_server_error(), "a yes goes on from what was said before: {}", yes.text());
    app.records(json!({ "analytics": "no" })).await;
    let whose = json!({ "subject": SubjectToken::parse(HOLDER).unwrap().id() });
    let erased = asks(&app, "people/erase", json!({ "whose": whose, "reason": "asked" })).await;
    assert_eq!(erased.json()["records"], 2, "{}", erased.text());
    app.records(json!({ "analytics": "yes" })).await;
}
