//! How far `assent verify` is, where a person looks on and nowhere else; and its exit codes with and without a terminal.

use crate::copied_log::copy;
use crate::harness::{CLINIC, Holder, Stack, assent, at_a_terminal};
use assent_core::decision::Act;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How far of how much, in each state that was drawn, as in "38,112 of 96,541 bytes, 2s left".
fn places(terminal: &str, unit: &str) -> BTreeSet<(u64, u64)> {
    let drawn = terminal.split(['\r', '\n']).filter_map(|drawn| {
        let (done, all) = drawn.split_once(" of ")?;
        let (all, left) = all.split_once(&format!(" {unit}, "))?;
        assert!(left.contains("left"), "{drawn:?}");
        let number = |text: &str| -> Option<u64> { text.rsplit(' ').next()?.replace(',', "").parse().ok() };
        Some((number(done)?, number(all)?))
    });
    drawn.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_shows_how_far_it_is_where_a_person_looks_on_and_nowhere_else() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let body = api.says(Act::RejectAll).await;
    for _ in 0..40 {
        api.records(&Holder::new(), &body).await;
    }
    let kept = tempfile::tempdir().unwrap();
    let path = |name: &str| kept.path().join(name);
    let receipt = api.records(&Holder::new(), &body).await.to_json();
    fs::write(path("receipt.json"), receipt).unwrap();
    let records = api.export("ndjson", "").await;
    fs::write(path("records.ndjson"), &records).unwrap();
    let bundle = path("bundle.zip");
    fs::write(&bundle, crate::bundle::bundle(&stack, &[])).unwrap();
    // The public log follows by its interval.
    copy(&stack, &path("log")).await;
    stack.assent_is_killed();
    let data = stack.data();
    let verify = |file: &Path| assent(kept.path(), &["verify", file.to_str().unwrap(), "--json"]);

    for (file, unit, at_least) in [
        (path("records.ndjson"), "bytes", 3),
        (bundle, "bytes", 1),
        (path("log"), "entries", 1),
        (data, "entries", 1),
    ] {
        let name = file.display();
        let shown = at_a_terminal(verify(&file));
        assert_eq!(shown.status.code(), Some(0), "{name}: {} {}", shown.stdout, shown.terminal);
        let places = places(&shown.terminal, unit);
        let moved = places.iter().filter(|(done, _)| *done > 0).count();
        assert!(moved >= at_least, "{name}: {places:?} in {:?}", shown.terminal);
        assert!(places.iter().all(|(done, all)| done <= all), "{name}: {places:?}");
        if file.extension().is_some_and(|ending| ending == "ndjson") {
            assert!(places.iter().all(|(_, all)| *all == records.len() as u64), "{places:?}");
        }
        let (_, rest) = shown.terminal.rsplit_once("\u{1b}[2K").expect("the line is emptied");
        assert!(!rest.contains(unit), "{name}: the bar is gone at the end: {:?}", shown.terminal);
        assert!(
            shown.stdout.lines().count() == 1 && !shown.stdout.contains('\u{1b}'),
            "{name}: {}",
            shown.stdout
        );

        let quiet = verify(&file).output().unwrap();
        assert_eq!(
            (quiet.status.code(), String::from_utf8_lossy(&quiet.stderr).as_ref()),
            (Some(0), ""),
            "{name}"
        );
        assert_eq!(String::from_utf8(quiet.stdout).unwrap(), shown.stdout, "{name}: the verdict is the same");
    }

    // A receipt is too short for one.
    let shown = at_a_terminal(verify(&path("receipt.json")));
    assert_eq!((shown.status.code(), shown.terminal.as_str()), (Some(0), ""));
    // What does not hold takes the bar away, too; what is not there gets none.
    let lines: Vec<&str> = records.lines().collect();
    let without = [&lines[..20], &lines[21..]].concat().join("\n") + "\n";
    fs::write(path("changed.ndjson"), without).unwrap();
    let shown = at_a_terminal(verify(&path("changed.ndjson")));
    assert_eq!(shown.status.code(), Some(1), "{}", shown.stdout);
    let (_, rest) = shown.terminal.rsplit_once("\u{1b}[2K").expect("the line is emptied");
    assert!(!rest.contains("bytes"), "{:?}", shown.terminal);
    let shown = at_a_terminal(verify(&path("missing")));
    assert!(shown.status.code() == Some(2) && shown.stdout.contains("\"holds\":null"), "{}", shown.stdout);
    assert!(places(&shown.terminal, "bytes").is_empty(), "{:?}", shown.terminal);
}
