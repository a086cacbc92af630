//! A long list comes in while a person looks on, and goes on after whoever brought it was killed in the middle of it.

use crate::harness::{CLINIC, Stack, at_a_terminal};
use crate::s13_confirmed::stack_entries;
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

/// Enough that the report fills every buffer on its way: nobody reads it to its end, so the import cannot get to its own.
const ROWS: u64 = 4000;

/// A list of this many good rows.
fn list(stack: &Stack, rows: u64) -> PathBuf {
    let mut text = "channel,address,topic,said,how,script,staff,evidence,reference\n".to_string();
    for number in 0..rows {
        writeln!(text, "email,p{number}@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file {number}").unwrap();
    }
    let path = stack.path("long.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_shows_how_far_it_is_where_a_person_looks_on_and_nowhere_else() {
    let stack = Stack::starts().await;
    let file = list(&stack, ROWS / 4);
    let import = ["alerts", "import", file.to_str().unwrap(), "--site", CLINIC, "--json"];
    let shown = at_a_terminal(stack.command(&import));
    assert!(shown.status.success(), "{}", shown.terminal);
    let length = std::fs::metadata(&file).unwrap().len();
    // As in "38,112 of 96,541 bytes, 2s left": how far, of how much, and for how long.
    let places: BTreeSet<u64> = (shown.terminal.split(['\r', '\n']))
        .filter_map(|drawn| {
            let (done, all) = drawn.split_once(" of ")?;
            let number =
                |text: &str| -> Option<u64> { text.rsplit(' ').next()?.replace(',', "").parse().ok() };
            let (all, left) = all.split_once(" bytes, ")?;
            assert_eq!(number(all), Some(length), "{drawn:?}");
            assert!(left.contains("left"), "{drawn:?}");
            number(done)
        })
        .collect();
    assert!(places.len() >= 3, "it moves: {places:?} in {:?}", shown.terminal);
    assert!(places.last().unwrap() <= &length);
    let (_, last) = shown.terminal.trim_end().rsplit_once('\n').unwrap_or(("", shown.terminal.trim_end()));
    let said = format!("{0} recorded; copies are sent for {0}", ROWS / 4);
    assert!(last.ends_with(&said), "the bar is gone at the end: {:?}", shown.terminal);
    assert!(last.contains("\u{1b}[2K"), "and the line was emptied before: {last:?}");
    assert!(!shown.terminal.contains('@'), "no address on anybody's screen");
    assert_eq!(shown.stdout.lines().count() as u64, ROWS / 4, "the report is not mixed with it");
    assert!(!shown.stdout.contains('\u{1b}'), "{}", shown.stdout);

    let quiet = stack.runs(&import);
    assert!(quiet.status.success());
    let stderr = String::from_utf8(quiet.stderr).unwrap();
    assert!(stderr.trim_end().ends_with(&format!("{} already; copies are sent for 0", ROWS / 4)), "{stderr}");
    assert!(
        !stderr.contains('\u{1b}') && !stderr.contains('\r') && stderr.lines().count() == 1,
        "{stderr:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_in_the_middle_goes_on_where_it_was() {
    let mut stack = Stack::starts().await;
    let before = stack_entries(&stack.api(CLINIC)).await;
    let file = list(&stack, ROWS);
    let import = ["alerts", "import", file.to_str().unwrap(), "--site", CLINIC, "--json"];
    let killed = |stack: &Stack| {
        let mut child = stack.command(&import).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut report = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        report.read_line(&mut first).unwrap();
        assert!(first.contains("\"row\":2"), "{first}");
        assert!(child.try_wait().unwrap().is_none(), "it is in the middle");
        child.kill().unwrap();
        child.wait().unwrap();
    };
    // It works through the server, which goes on; then as the owner of the log, which is killed with it.
    killed(&stack);
    let through_the_server = stack_entries(&stack.api(CLINIC)).await - before;
    assert!((1..ROWS).contains(&through_the_server), "{through_the_server} of {ROWS}");
    stack.assent_is_killed();
    killed(&stack);

    let output = stack.runs(&import);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let (rows, copies) = stderr.trim_end().split_once("; copies are sent for ").unwrap();
    let (recorded, already) = rows.rsplit_once(" recorded, ").unwrap();
    let number = |text: &str| -> u64 { text.split(' ').next_back().unwrap().parse().unwrap() };
    let (recorded, already) = (number(recorded), number(already.strip_suffix(" already").unwrap()));
    assert_eq!(recorded + already, ROWS, "{stderr}");
    assert_eq!(number(copies), recorded, "no second copy of what was there: {stderr}");
    assert!(already >= through_the_server && recorded > 0, "{stderr}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count() as u64, ROWS);

    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    assert_eq!(stack_entries(&api).await, before + ROWS, "each row once");
    for number in [0, ROWS / 2, ROWS - 1] {
        let may = api.may(Channel::Email, &format!("p{number}@post.example.org"), "clinic-changes").await;
        assert_eq!(may.may, Choice::Yes, "{number}");
    }
}
