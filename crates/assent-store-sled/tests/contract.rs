//! The contract suite on sled, and what only this store promises: reopening, one owner, one fdatasync for every commit.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use assent_core::ids::SiteId;
use assent_core::merkle::EMPTY_ROOT;
use assent_ledger::store::{Batch, Head, Store, contract};
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
        return; // Nothing to watch system calls with; continuous integration has it.
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
        return; // Tracing is forbidden here.
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
