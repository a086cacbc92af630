//! An auditor without any program of ours: the script of `examples/verify-offline` judges receipts as we do.

use crate::harness::{CLINIC, Holder, Stack, project, python};
use crate::vectors::made::MadeReceipts;
use assent_core::decision::Act;
use assent_core::receipt::Receipt;
use std::fs;
use std::path::{Path, PathBuf};

const SKIPPED: &str = "checking receipts by examples/verify-offline/verify.py";

fn script() -> PathBuf {
    project().join("examples/verify-offline/verify.py")
}

/// What the script says about a file: `good` or the reason's code. `None` without Python.
fn judged(file: &Path, key: Option<&str>) -> Option<String> {
    let done = python(&script(), SKIPPED)?.arg(file).args(key).output().unwrap();
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    match done.status.code() {
        Some(0) => {
            assert!(said.starts_with("The receipt holds: "), "{said}");
            Some("good".to_string())
        }
        Some(1) => {
            let line = said.strip_prefix("This receipt does not hold: ").expect("a verdict, not a traceback");
            let code =
                line.trim_end().strip_suffix(')').and_then(|line| line.rsplit_once('(')).expect("a code").1;
            Some(code.to_string())
        }
        other => panic!("exit code {other:?}: {said}"),
    }
}

#[test]
fn the_script_agrees_about_every_vector() {
    let made = MadeReceipts::read();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("receipt.json");
    let cases = made.receipts.iter().map(|case| (case, Some(made.key.as_str())));
    for (case, key) in cases.chain(made.without_a_trusted_key.iter().map(|case| (case, None))) {
        fs::write(&file, &case.receipt).unwrap();
        let Some(outcome) = judged(&file, key) else { return };
        assert_eq!(outcome, case.outcome, "{}", case.what);
    }
    fs::write(&file, &made.receipts[0].receipt).unwrap();
    assert_eq!(judged(&file, Some(&made.another_key)).unwrap(), "key-not-trusted");
    fs::write(&file, b"\xff").unwrap();
    assert_eq!(judged(&file, None).unwrap(), "malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_today_holds_and_no_part_of_it_may_differ() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    let receipt = api.records(&holder, &api.says(Act::RejectAll).await).await.to_json();
    let key = api.log_key().await.to_string();
    let file = stack.path("receipt.json");
    fs::write(&file, &receipt).unwrap();
    let Some(outcome) = judged(&file, Some(&key)) else { return };
    assert_eq!((outcome.as_str(), judged(&file, None).unwrap().as_str()), ("good", "good"));

    let trusted = api.log_key().await;
    for at in (0..receipt.len()).step_by(receipt.len() / 40) {
        let mut changed = receipt.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(text) = String::from_utf8(changed) else { continue };
        fs::write(&file, &text).unwrap();
        let ours =
            Receipt::parse(&text).and_then(|receipt| receipt.verify(Some(&trusted))).unwrap_err().code();
        assert_eq!(judged(&file, Some(&key)).unwrap(), ours, "byte {at} of {text}");
    }
}

/// It is meant to be read before it is trusted.
#[test]
fn the_script_is_a_hundred_lines() {
    let text = fs::read_to_string(script()).unwrap();
    assert!(text.lines().count() <= 100 && text.lines().all(|line| line.chars().count() <= 150));
}

#[test]
fn what_cannot_be_checked_is_neither_good_nor_bad() {
    let Some(mut command) = python(&script(), SKIPPED) else { return };
    let done = command.arg("no-such-file.json").output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    let done = python(&script(), SKIPPED).unwrap().output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("verify.py receipt.json"), "says how it is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_judged_without_us_as_by_us() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let leaves = Holder::new();
    for holder in [&Holder::new(), &leaves, &Holder::new()] {
        api.records(holder, &api.says(Act::AcceptAll).await).await;
    }
    stack.runs_well(&["people", "erase", "--site", CLINIC, "--subject", &leaves.0.id().to_string()]);
    let told = api.as_staff(api.post("tell-erasures")).send().await.unwrap();
    assert!(told.status().is_success());
    let key = api.log_key().await.to_string();
    let file = stack.path("records.ndjson");
    let script = project().join("examples/verify-offline/verify_export.py");
    let judged = |file: &Path, key: &str| {
        let mut command = python(&script, "checking exports by examples/verify-offline/verify_export.py")?;
        let done = command.args([file.to_str().unwrap(), key]).output().unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        match done.status.code() {
            Some(0) => Some("good".to_string()),
            Some(1) => Some(said.trim_end().rsplit_once('(').unwrap().1.trim_end_matches(')').to_string()),
            other => panic!("exit code {other:?}: {said}"),
        }
    };
    let good: Vec<String> = api.export("ndjson", "").await.lines().map(String::from).collect();
    let ours = |lines: &[String]| {
        let mut verifier = assent_core::export_format::ExportVerifier::new(Some(key.parse().unwrap()));
        for line in lines {
            if let Err(fault) = verifier.line(line) {
                return fault.code();
            }
        }
        verifier.finish().map_or_else(|fault| fault.code(), |_| "good")
    };
    let mut cases = vec![good.clone()];
    for at in 0..good.len() {
        let mut dropped = good.clone();
        dropped.remove(at);
        cases.push(dropped);
        let mut changed = good.clone();
        let (middle, letter) = changed[at].char_indices().nth(changed[at].chars().count() / 2).unwrap();
        let other = if letter == '7' { "3" } else { "7" };
        changed[at].replace_range(middle..middle + letter.len_utf8(), other);
        cases.push(changed);
        cases.push(good[..at].to_vec());
    }
    for lines in cases {
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let Some(theirs) = judged(&file, &key) else { return };
        let ours = ours(&lines);
        assert_eq!(theirs == "good", ours == "good", "{theirs}, {ours}: {lines:#?}");
    }
    let bundle = stack.path("bundle.zip");
    fs::write(&bundle, crate::bundle::bundle(&stack, &[])).unwrap();
    assert_eq!(judged(&bundle, &key).unwrap(), "good");
    let other = MadeReceipts::read().another_key;
    assert_eq!(judged(&bundle, &other).unwrap(), "key-not-trusted");
}
