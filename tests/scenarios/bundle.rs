//! The audit bundle: one file with everything, whose every bit is proven or harmless, and which another instance can take over.

use crate::harness::{CLINIC, Holder, Stack, offline};
use assent_core::bundle::{BundleFile, MANIFEST, Manifest, NOTICES, PAGE, RECORDS, SCHEMAS, TABLE};
use assent_core::decision::{Act, Choice};
use assent_core::export_format::{Line, RecordLine};
use assent_core::hash::sha256;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

type Files = BTreeMap<String, Vec<u8>>;

/// Some people decide, one of them is erased, and the erasure is told.
async fn some_days(stack: &Stack) -> Holder {
    let api = stack.api(CLINIC);
    let stays = Holder::new();
    api.records(&stays, &api.says(Act::AcceptAll).await).await;
    api.records(&stays, &api.saves(&[("analytics", Choice::No)]).await).await;
    let leaves = Holder::new();
    api.records(&leaves, &api.says(Act::AcceptAll).await).await;
    for _ in 0..3 {
        api.records(&Holder::new(), &api.says(Act::RejectAll).await).await;
    }
    let id = leaves.0.id().to_string();
    stack.runs_well(&["people", "erase", "--site", CLINIC, "--subject", &id]);
    let told = api.as_staff(api.post("tell-erasures")).send().await.unwrap();
    assert!(told.status().is_success(), "{}", told.text().await.unwrap());
    stays
}

/// The bundle, made by the command beside the running server.
pub(crate) fn bundle(stack: &Stack, more: &[&str]) -> Vec<u8> {
    let file = stack.path("made.zip");
    let arguments = ["export", "--site", CLINIC, "--format", "bundle", "--output", file.to_str().unwrap()];
    stack.runs_well(&[&arguments[..], more].concat());
    fs::read(&file).unwrap()
}

fn unpacked(bundle: &[u8]) -> Option<Files> {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).ok()?;
    let mut files = Files::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).ok()?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        files.insert(file.name().ok()?.to_string(), content);
    }
    Some(files)
}

/// The archive again, with the manifest telling of what the files are now, as somebody would who changes them.
fn packed(files: &Files) -> Vec<u8> {
    let mut manifest: Manifest = serde_json::from_slice(&files[MANIFEST]).unwrap();
    let listed = |name: &&String| *name != MANIFEST && !name.starts_with("log/");
    manifest.files = files.keys().filter(listed).map(|name| entry(name, &files[name])).collect();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files.iter().filter(|(name, _)| *name != MANIFEST) {
        archive.start_file(name.clone(), options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.start_file(MANIFEST, options).unwrap();
    archive.write_all(&serde_json::to_vec(&manifest).unwrap()).unwrap();
    archive.finish().unwrap().into_inner()
}

fn entry(name: &str, content: &[u8]) -> BundleFile {
    BundleFile { name: name.into(), bytes: content.len() as u64, sha256: sha256(content) }
}

/// What `assent verify --json` says on a machine with nothing else, and its exit code.
fn verdict(file: &Path, more: &[&str]) -> (i32, Value) {
    let output = offline(&[&["verify", "--json", file.to_str().unwrap()][..], more].concat());
    let said = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_has_everything_and_holds_on_any_machine() {
    let mut stack = Stack::starts().await;
    let stays = some_days(&stack).await;
    let key = stack.api(CLINIC).log_key().await.to_string();
    let beside = bundle(&stack, &[]);
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("bundle.zip");
    fs::write(&file, &beside).unwrap();
    let (code, said) = verdict(&file, &["--key", &key]);
    assert_eq!(code, 0, "{said:#}");
    let counted = |name: &str| said[name].as_u64().unwrap();
    assert_eq!((counted("records"), counted("gone"), counted("withheld"), counted("untold")), (5, 1, 0, 0));
    assert_eq!((said["key_pinned"].as_bool(), counted("notices")), (Some(true), 1), "{said:#}");
    let other = assent_core::note::SignerKey::from_seed("another.example/log", &[3; 32]).unwrap().verifier();
    let (code, said) = verdict(&file, &["--key", &other.to_string()]);
    assert_eq!((code, said["code"].as_str()), (1, Some("key-not-trusted")));

    let files = unpacked(&beside).unwrap();
    let page = String::from_utf8(files[PAGE].clone()).unwrap();
    for words in ["erased-asked", "assent verify", "prefers-color-scheme", "Glanmôr", key.as_str()] {
        assert!(page.contains(words), "the page says `{words}`");
    }
    for outside in ["<script", "src=", "http-equiv=\"refresh", "@import", "url("] {
        assert!(!page.contains(outside), "the page loads nothing: {outside}");
    }
    let csv = stack.api(CLINIC).export("csv", "").await;
    assert_eq!(String::from_utf8(files[TABLE].clone()).unwrap(), csv);
    assert!(files.keys().any(|name| name.starts_with(NOTICES)) && files.contains_key("log/checkpoint"));
    assert!(files.contains_key(&format!("{SCHEMAS}export-line.schema.json")));

    // The same without the server, but for when it was made.
    stack.assent_is_killed();
    let without = unpacked(&bundle(&stack, &[])).unwrap();
    assert_eq!(files[RECORDS], without[RECORDS]);
    // One person's: everybody else's records are accounted for, and not in it.
    let id = stays.0.id().to_string();
    fs::write(&file, bundle(&stack, &["--subject", &id])).unwrap();
    let (code, said) = verdict(&file, &["--key", &key]);
    assert_eq!(
        (code, said["records"].as_u64(), said["withheld"].as_u64()),
        (0, Some(2), Some(3)),
        "{said:#}"
    );
    // A day's.
    fs::write(&file, bundle(&stack, &["--from", "2020-01-01", "--to", "2020-01-02"])).unwrap();
    let (code, said) = verdict(&file, &[]);
    assert_eq!((code, said["records"].as_u64()), (0, Some(0)), "{said:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_is_named_or_harmless() {
    let stack = Stack::starts().await;
    some_days(&stack).await;
    let good = bundle(&stack, &[]);
    let content = unpacked(&good).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("bundle.zip");
    let (mut named, mut harmless) = (0, 0);
    // A prime step meets all kinds of places; the bit moves along.
    for (turn, at) in (0..good.len()).step_by(good.len() / 197 + 1).enumerate() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (turn % 8);
        fs::write(&file, &bad).unwrap();
        let (code, said) = verdict(&file, &[]);
        match code {
            0 => {
                assert_eq!(unpacked(&bad).as_ref(), Some(&content), "byte {at}: accepted with other content");
                harmless += 1;
            }
            1 => {
                assert!(said["code"].is_string() && said["message"].is_string(), "byte {at}: {said}");
                named += 1;
            }
            2 => named += 1,
            other => panic!("byte {at}: exit code {other}"),
        }
    }
    eprintln!("{named} named, {harmless} harmless");
    assert!(named > harmless, "most of a bundle is content: {named} named, {harmless} harmless");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_a_file_and_the_manifest_with_it_is_found_out() {
    let stack = Stack::starts().await;
    some_days(&stack).await;
    let good = unpacked(&bundle(&stack, &[])).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("bundle.zip");
    let judged = |files: &Files| {
        fs::write(&file, packed(files)).unwrap();
        verdict(&file, &[])
    };
    assert_eq!(judged(&good).0, 0, "packing again changes nothing");

    let text = |name: &str| String::from_utf8(good[name].clone()).unwrap();
    let changed = |name: &str, to: String| {
        let mut files = good.clone();
        assert_ne!(files.insert(name.into(), to.clone().into_bytes()).unwrap(), to.as_bytes());
        files
    };
    let notice = good.keys().find(|name| name.starts_with(NOTICES)).unwrap().clone();
    let tile = "log/tile/0/000.p/9".to_string();
    assert!(good.contains_key(&tile), "{:?}", good.keys());
    let without = |name: &str| {
        let mut files = good.clone();
        files.remove(name).unwrap();
        files
    };
    let with = |name: &str, content: &[u8]| {
        let mut files = good.clone();
        files.insert(name.into(), content.to_vec());
        files
    };
    let drop_line = |kind: &str| {
        let mut all: Vec<String> = text(RECORDS).lines().map(String::from).collect();
        let first = all.iter().position(|line| line.starts_with(kind)).unwrap();
        all.remove(first);
        all.join("\n") + "\n"
    };
    let mut tile_bytes = good[&tile].clone();
    tile_bytes[40] ^= 4;
    for (files, code) in [
        (changed(TABLE, text(TABLE).replace("\"refused\"", "\"given\"")), "table-differs"),
        (
            changed(
                RECORDS,
                text(RECORDS).replace("\\\"act\\\":\\\"reject-all", "\\\"act\\\":\\\"accept-all"),
            ),
            "record-changed",
        ),
        (changed(RECORDS, drop_line("{\"kind\":\"record\"")), "entry-missing"),
        (changed(RECORDS, drop_line("{\"kind\":\"gone\"")), "entry-missing"),
        (
            changed(RECORDS, text(RECORDS).replace("erased-asked\",\"day", "erased-controller\",\"day")),
            "accounts-wrong",
        ),
        (changed(&notice, text(&notice) + " "), "file-unknown"),
        (without(&notice), "notice-missing"),
        (with("notices/x.json", b"{}"), "file-unknown"),
        (with(&tile, &tile_bytes), "tile-differs"),
        (without(&tile), "log-file-missing"),
        (with("log/tile/0/001", b"more"), "file-unknown"),
        (
            changed(
                "checkpoints.ndjson",
                text("checkpoints.ndjson").lines().skip(1).map(|line| format!("{line}\n")).collect(),
            ),
            "receipt-checkpoints-differ",
        ),
        (
            changed("checkpoints.ndjson", text("checkpoints.ndjson").replacen("\"size\":", "\"size\":1", 1)),
            "receipt-checkpoint-wrong",
        ),
        (without(TABLE), "file-missing"),
        (without(RECORDS), "file-missing"),
    ] {
        let (exit, said) = judged(&files);
        assert_eq!((exit, said["code"].as_str()), (1, Some(code)), "{said:#}");
    }
    // Something between the files, for a program that reads from the front.
    let mut odd = b"something".to_vec();
    odd.extend(packed(&good));
    fs::write(&file, &odd).unwrap();
    assert_ne!(verdict(&file, &[]).0, 0);
    // Not ours at all.
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive
        .start_file("letter.txt", SimpleFileOptions::default().compression_method(CompressionMethod::Stored))
        .unwrap();
    fs::write(&file, archive.finish().unwrap().into_inner()).unwrap();
    assert_eq!(verdict(&file, &[]).0, 2, "an archive of something else is no bundle, neither good nor bad");
}

/// The records of an export, as lines.
fn records(files: &Files) -> Vec<RecordLine> {
    let lines = std::str::from_utf8(&files[RECORDS]).unwrap().lines();
    lines
        .filter_map(|line| match serde_json::from_str(line).unwrap() {
            Line::Record(record) => Some(record),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_can_be_made_again_from_a_bundle_alone() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    let receipt = api.records(&holder, &api.says(Act::AcceptAll).await).await;
    let files = unpacked(&bundle(&stack, &[])).unwrap();
    let mine = records(&files).into_iter().find(|line| line.index == receipt.proof().index).unwrap();
    assert_eq!(mine.record, receipt.unverified_record());
    let checkpoints = String::from_utf8(files["checkpoints.ndjson"].clone()).unwrap();
    let under = checkpoints
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["size"] == mine.covered_by)
        .unwrap();
    assert_eq!(
        under["checkpoint"],
        receipt.proof().checkpoint.as_str(),
        "the very checkpoint of the receipt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_takes_a_log_over_and_every_receipt_is_the_same() {
    let mut stack = Stack::starts().await;
    let holder = some_days(&stack).await;
    let api = stack.api(CLINIC);
    let key = api.log_key().await.to_string();
    let mut receipts = BTreeMap::new();
    for id in api.state(&holder).await.receipts {
        receipts.insert(id.clone(), api.receipt(&holder, &id).await.text().await.unwrap());
    }
    assert_eq!(receipts.len(), 2);
    let made = bundle(&stack, &[]);
    let part = stack.path("part.zip");
    fs::write(&part, bundle(&stack, &["--to", "2020-01-01"])).unwrap();
    let (file, site) = (stack.path("made.zip"), stack.path("clinic.toml"));
    fs::write(&file, &made).unwrap();
    let import = |bundle: &Path, key: &str| -> Vec<String> {
        let (bundle, site) = (bundle.to_str().unwrap(), site.to_str().unwrap());
        ["log", "import", bundle, "--site-file", site, "--key", key].map(String::from).to_vec()
    };
    let refused = |stack: &Stack, arguments: &[String], why: &str| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = stack.runs(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
    };
    refused(&stack, &import(&file, &key), "stopped");

    // Another instance: no data, another operator's key, the same name.
    stack.assent_is_killed();
    fs::rename(stack.data(), stack.path("data.before")).unwrap();
    fs::rename(stack.path("assent.key"), stack.path("assent.key.before")).unwrap();
    let other = assent_core::note::SignerKey::from_seed("another.example/log", &[3; 32]).unwrap().verifier();
    refused(&stack, &import(&file, &other.to_string()), "key-not-trusted");
    refused(&stack, &import(&part, &key), "part of the log");
    let mut broken = made.clone();
    broken[made.len() / 3] ^= 1;
    let bad = stack.path("bad.zip");
    fs::write(&bad, &broken).unwrap();
    refused(&stack, &import(&bad, &key), "does not hold");
    let arguments = import(&file, &key);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = stack.runs_well(&arguments);
    assert!(said.contains("taken over"), "{said}");
    refused(&stack, &import(&file, &key), "has a log");
    stack.runs_well(&["fsck", "--site", CLINIC]);

    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    assert_eq!(api.log_key().await.to_string(), key, "the log's own key, not one of this instance");
    for (id, text) in &receipts {
        assert_eq!(&api.receipt(&holder, id).await.text().await.unwrap(), text, "the same receipt {id}");
    }
    assert_eq!(api.state(&holder).await.receipts, receipts.keys().cloned().collect::<Vec<_>>());
    let stranger = api.receipt(&Holder::new(), receipts.keys().next().unwrap()).await;
    assert_eq!(stranger.status(), 404, "receipts are their holders'");
    assert_eq!(api.history(&holder).await.len(), 2, "every proof verifies");

    // The same evidence comes out again; nothing new goes in.
    let again = bundle(&stack, &[]);
    fs::write(&file, &again).unwrap();
    assert_eq!(verdict(&file, &["--key", &key]).0, 0);
    let (before, after) = (unpacked(&made).unwrap(), unpacked(&again).unwrap());
    for name in [RECORDS, TABLE, "checkpoints.ndjson", "log/checkpoint"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    let body = api.says(Act::AcceptAll).await;
    let answer = api.decides(&holder, &crate::harness::key(), &body).send().await.unwrap();
    assert_eq!(answer.status(), 410, "it is not to be tried again");
    assert!(answer.text().await.unwrap().contains("taken-over"));
    assert_eq!(api.get("embed.js").send().await.unwrap().status(), 410, "nobody is asked");
    let ready = api.get_address(&stack.address("/readyz")).send().await.unwrap();
    assert!(ready.status().is_success(), "other sites go on");

    // People can still leave.
    let id = holder.0.id().to_string();
    stack.runs_well(&["people", "erase", "--site", CLINIC, "--subject", &id]);
    assert_eq!(api.receipt(&holder, receipts.keys().next().unwrap()).await.status(), 404);
    fs::write(&file, bundle(&stack, &[])).unwrap();
    let (code, said) = verdict(&file, &["--key", &key]);
    assert_eq!((code, said["gone"].as_u64(), said["untold"].as_u64()), (0, Some(3), Some(2)), "{said:#}");
}
