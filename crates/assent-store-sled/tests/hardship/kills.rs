//! Killed at any moment, and a sample of the system calls of a small life failing or being the last. Those of one append: `one_append.rs`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assent_ledger::testing::block_on;

use crate::common::skipped_without;
use crate::life::{
    self, Dice, child, decide_aloud, erase_aloud, open, open_both, said, spawn, times, verify,
};

/// Decides from four threads, erases and reclaims, until it is killed.
fn live_until_killed(dir: &Path) {
    let (store, ledger) = open_both(dir).unwrap();
    let first = ledger.size() * 1000;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ledger = &ledger;
            scope.spawn(move || {
                for number in (first + thread..).step_by(4) {
                    assert!(decide_aloud(dir, ledger, number));
                    if number % 16 == 5 {
                        assert!(erase_aloud(dir, ledger, number));
                    }
                    if number % 64 == 8 {
                        block_on(ledger.tell_erasures()).unwrap();
                    }
                }
            });
        }
        scope.spawn(|| {
            loop {
                store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
            }
        });
    });
}

#[test]
fn what_was_answered_survives_a_kill_under_load_and_while_space_is_reclaimed() {
    if let Some(dir) = child() {
        return live_until_killed(&dir);
    }
    let (rounds, mut dice, mut looked_at) = (12 * times(), Dice(9), 0);
    let mut home = life::folder();
    for round in 0..rounds {
        // What was answered grows, and all of it is looked at each time.
        if round % 12 == 0 {
            home = life::folder();
            std::fs::create_dir(home.path().join("said")).unwrap();
        }
        let dir = home.path();
        let before = said(dir).len();
        let test = "kills::what_was_answered_survives_a_kill_under_load_and_while_space_is_reclaimed";
        let mut child = spawn(test, dir);
        let began = Instant::now();
        // Some are killed while they open, most while they work.
        while said(dir).len() == before && began.elapsed() < Duration::from_secs(60) && round % 6 != 5 {
            assert!(child.try_wait().unwrap().is_none(), "the child goes on until it is killed");
            std::thread::sleep(Duration::from_millis(2));
        }
        // Nothing is waited for: the kill comes at a moment of chance.
        std::thread::sleep(Duration::from_millis(dice.below(120) as u64));
        assert!(child.try_wait().unwrap().is_none(), "the child goes on until it is killed");
        child.kill().unwrap();
        child.wait().unwrap();
        if !dir.join("checkpoints").exists() {
            continue;
        }
        let ledger = open(dir).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        looked_at += verify(dir, &ledger, &format!("round {round}"));
    }
    println!("{rounds} kills, {looked_at} answers looked at");
    assert!(looked_at > rounds);
}

/// A life of some twenty answers, which ends by itself whatever fails.
fn small_life(dir: &Path) {
    let Ok((store, ledger)) = open_both(dir) else { return };
    for number in 100..106 {
        decide_aloud(dir, &ledger, number);
    }
    erase_aloud(dir, &ledger, 101);
    // And somebody of before, whose row is overwritten where it stands.
    erase_aloud(dir, &ledger, 7);
    drop(block_on(ledger.tell_erasures()));
    drop(block_on(ledger.publish_notice(b"{}".to_vec())));
    drop(store.reclaim(&|_, _, row| ledger.replaces(row)));
    // After a failure the next ones must be right all the same.
    for number in 106..110 {
        decide_aloud(dir, &ledger, number);
    }
}

/// Calls that change something on a disk.
const CALLS: [&str; 8] =
    ["pwrite64", "write", "fdatasync", "fsync", "ftruncate", "rename", "openat", "sync_file_range"];

#[test]
fn any_system_call_may_fail_or_be_the_last() {
    if let Some(dir) = child() {
        return small_life(&dir);
    }
    let test = "kills::any_system_call_may_fail_or_be_the_last";
    let begun = life::folder();
    std::fs::create_dir(begun.path().join("said")).unwrap();
    let ledger = open(begun.path()).unwrap();
    (0..20).for_each(|number| assert!(decide_aloud(begun.path(), &ledger, number)));
    drop(ledger);
    // Which calls there are, on files of this directory, by thread: that is how strace counts them.
    let Some(trace) = traced(test, begun.path(), None) else { return };
    let calls = life::calls_by_thread(&trace.text);
    let (mut cases, mut hit) = (Vec::new(), 0);
    for call in CALLS {
        for at in 1..=calls.get(call).copied().unwrap_or(0) {
            cases.extend(["error=EIO", "error=ENOSPC", "signal=KILL"].map(|fault| (call, at, fault)));
        }
    }
    let every = (cases.len() / (18 * times())).max(1);
    for (call, at, fault) in cases.iter().skip(every / 2).step_by(every) {
        let context = format!("{call} {at}: {fault}");
        // The tests' own output, and reading, are left alone by naming paths.
        let Some(trace) = traced(test, begun.path(), Some(&format!("inject={call}:{fault}:when={at}")))
        else {
            return;
        };
        let dir = trace.dir.path();
        hit += usize::from(trace.text.contains("INJECTED") || trace.text.contains("SIGKILL"));
        let ledger = open(dir).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        verify(dir, &ledger, &context);
        // And life goes on.
        assert!(decide_aloud(dir, &ledger, 999), "{context}");
        let opened = |number| ledger.history(&life::subject(number)).unwrap().len();
        assert!((0..20).all(|number| number == 7 || opened(number) == 1), "{context}");
    }
    println!("{} of {} faults injected, {hit} hit", cases.len().div_ceil(every), cases.len());
    assert!(hit * 4 > cases.len().div_ceil(every) * 3, "most faults happened: {hit}");
}

struct Trace {
    dir: tempfile::TempDir,
    text: String,
}

/// A small life under strace, in a copy of `begun`. Nothing where that is not possible; then it is said.
fn traced(test: &str, begun: &Path, inject: Option<&str>) -> Option<Trace> {
    if Command::new("strace").arg("-V").output().is_err() {
        skipped_without("strace", "there is no strace to make system calls fail with");
        return None;
    }
    let (dir, notes) = (life::folder(), tempfile::tempdir().unwrap());
    life::copy(begun, dir.path());
    let output = notes.path().join("trace");
    let mut words = vec!["strace".to_string(), "-f".into(), "-qq".into(), "-e".into()];
    words.push(format!("trace={}", CALLS.join(",")));
    words.extend(inject.iter().flat_map(|inject| ["-e".to_string(), (*inject).to_string()]));
    words.extend(["-o".into(), output.to_string_lossy().into_owned()]);
    // Only calls on what is there now or is made later under these names; a path filter takes no wildcards.
    for path in places(dir.path()) {
        words.extend(["-P".to_string(), path]);
    }
    let mut command = life::again(test, dir.path(), &words);
    let done = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let text = std::fs::read_to_string(&output).unwrap_or_default();
    if text.is_empty() {
        let said = String::from_utf8_lossy(&done.stderr).to_lowercase();
        assert!(said.contains("ptrace") || said.contains("not permitted"), "{said}");
        skipped_without("strace", "tracing is forbidden here");
        return None;
    }
    Some(Trace { dir, text })
}

/// Files and folders that a small life writes to.
fn places(dir: &Path) -> Vec<String> {
    let mut paths = life::files_below(dir);
    paths.retain(|path| !path.starts_with(dir.join("said")));
    let folders = ["store", "store/journal", "store/rows", "store/rows/0", "keys/clinic", "checkpoints"];
    paths.extend(folders.map(|folder| dir.join(folder)));
    for database in ["store/sled-1", "store/sled-1/main", "store/sled-1/index"] {
        paths.extend(["", "db", "conf", "blobs"].map(|made| dir.join(database).join(made)));
    }
    let made =
        ["store/current.new", "store/current", "store/rows/0/0000000.rows", "store/rows/0/0000000.new"];
    paths.extend(made.map(|made| dir.join(made)));
    paths.push(dir.join("keys/clinic/log.keys.new"));
    for number in 0..4 {
        paths.push(dir.join(format!("store/journal/{number:016x}.journal")));
    }
    paths.sort();
    paths.dedup();
    paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect()
}
