//! The contract suite on sled, and what only this store promises: reopening, one owner, one fdatasync for every commit.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

#[path = "../../assent-ledger/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use assent_core::ids::SiteId;
use assent_core::merkle::EMPTY_ROOT;
use assent_ledger::store::{Batch, CommitError, Head, Store, contract};
use assent_store_sled::{OpenError, SledStore};

#[test]
fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract::run(&mut || Arc::new(SledStore::open(&dir.path().join("a").join("store")).unwrap()));
}

#[test]
fn has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledStore::open(dir.path()).unwrap();
    let second = SledStore::open(dir.path()).unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second:?}");
    assert!(second.to_string().contains("in use by another process"));
    drop(first);
    SledStore::open(dir.path()).unwrap();
}

/// Names the directory in the child process of the next test.
const CHILD: &str = "ASSENT_TEST_SLED_CHILD";
const COMMITS: usize = 5;

#[test]
fn every_commit_is_one_fdatasync_of_the_journal() {
    if let Ok(dir) = std::env::var(CHILD) {
        return commit_and_mark(Path::new(&dir));
    }
    if Command::new("strace").arg("-V").output().is_err() {
        return common::skipped_without("strace", "there is no strace to watch system calls with");
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let watched = Command::new("strace")
        .args(["-f", "-y", "-e", "trace=fdatasync,fsync,openat", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "every_commit_is_one_fdatasync_of_the_journal"])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    if !watched.status.success() {
        let said = String::from_utf8_lossy(&watched.stderr);
        assert!(said.contains("ptrace") || said.contains("PTRACE"), "{said}");
        return common::skipped_without("strace", "tracing is forbidden here");
    }
    // Between the mark before a commit and the one after it, the journal was synced, once.
    let trace = std::fs::read_to_string(trace).unwrap();
    let mut synced = 0;
    for commit in 0..COMMITS {
        let before = trace.find(&format!("mark-{commit}-before")).expect("the commit was watched");
        let after = trace.find(&format!("mark-{commit}-after")).expect("the commit returned");
        let during = &trace[before..after];
        // By the thread that commits: the next file may be filled beside it.
        let thread = trace[..before].lines().last().and_then(|line| line.split(' ').next()).unwrap();
        let done = |line: &&str| {
            line.starts_with(thread) && line.contains("fdatasync(") && line.contains("/store/journal/")
        };
        synced += usize::from(during.lines().filter(done).count() == 1);
    }
    assert_eq!(synced, COMMITS, "{trace}");
}

fn commit_and_mark(dir: &Path) {
    let store = SledStore::open(&dir.join("store")).unwrap();
    let site = SiteId::new("clinic").unwrap();
    let mut expected = None;
    for commit in 0..COMMITS {
        let head = Head { size: 0, root: EMPTY_ROOT, time: commit as u64, secrets: 0 };
        let batch = Batch { expected, ..Batch::new(site.clone(), head) };
        drop(std::fs::File::open(dir.join(format!("mark-{commit}-before"))));
        store.commit(batch).unwrap();
        drop(std::fs::File::open(dir.join(format!("mark-{commit}-after"))));
        expected = Some(head);
    }
}

/// Of two sites in turn, the batch whose writing fails has an outcome that nobody knows; the next, which is the other site's, is
/// stored, though nobody asked for the first one's head yet.
#[test]
fn a_write_that_fails_for_one_site_does_not_hold_up_another() {
    if let Ok(dir) = std::env::var(CHILD) {
        return commit_in_turns(Path::new(&dir));
    }
    if Command::new("strace").arg("-V").output().is_err() {
        return common::skipped_without("strace", "there is no strace to make a write fail with");
    }
    let dir = tempfile::tempdir().unwrap();
    // Its first journal file is there, filled: what is counted below are commits.
    drop(SledStore::open(&dir.path().join("store")).unwrap());
    let done = Command::new("strace")
        .args(["-f", "-qq", "-e", "inject=fdatasync:error=EIO:when=3", "-o", "/dev/null", "-P"])
        .arg(dir.path().join("store/journal/0000000000000000.journal"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_write_that_fails_for_one_site_does_not_hold_up_another"])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    if let Ok(outcomes) = std::fs::read_to_string(dir.path().join("outcomes")) {
        assert_eq!(outcomes, "stored stored unknown stored stored stored ", "{said}");
    } else {
        assert!(said.contains("ptrace") || said.contains("PTRACE"), "{said}");
        common::skipped_without("strace", "tracing is forbidden here");
    }
}

fn commit_in_turns(dir: &Path) {
    let store = SledStore::open(&dir.join("store")).unwrap();
    // strace counts a thread's calls: this one's are commits only.
    let outcomes = std::thread::scope(|scope| scope.spawn(|| commits_in_turns(&store)).join().unwrap());
    std::fs::write(dir.join("outcomes"), outcomes).unwrap();
}

fn commits_in_turns(store: &SledStore) -> String {
    let sites = ["clinic", "charity"].map(|site| SiteId::new(site).unwrap());
    let mut last = [None; 2];
    let mut outcomes = String::new();
    for turn in 0..6 {
        let site = &sites[turn % 2];
        let head = Head { size: 0, root: EMPTY_ROOT, time: turn as u64, secrets: 0 };
        // Whose outcome is not known asks when it is their turn again, and not before.
        let expected = if turn == 4 { store.head(site).unwrap() } else { last[turn % 2] };
        let batch = Batch { expected, ..Batch::new(site.clone(), head) };
        outcomes += match store.commit(batch) {
            Ok(()) => "stored ",
            Err(CommitError::OutcomeUnknown(_)) => "unknown ",
            Err(_) => "refused ",
        };
        last[turn % 2] = Some(head);
    }
    outcomes
}
