//! One append and what follows it, up to the store's closing: each of its system calls fails once, and is the last once.
//!
//! strace takes hold of the child after it opened the log, so that calls are counted from there. Starts, erasures and reclaiming
//! have their calls in `kills.rs`, where chance picks some of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{PTracer, set_ptracer};

use crate::common::skipped_without;
use crate::life::{self, again, child, decide_aloud, open, open_both, said, say, verify};

const TEST: &str = "one_append::each_system_call_of_one_append_may_fail_or_be_the_last";
const DECIDED_BEFORE: u64 = 20;
const DECIDED: u64 = 100;

/// Calls on files. `mkdir` is how a child says what it did.
const CALLS: &str = "pwrite64,pread64,write,read,fdatasync,fsync,sync_file_range,ftruncate,fallocate,openat,close,\
                     rename,unlink,fstat,newfstatat,statx,lseek,getdents64,statfs,fstatfs";

/// Opens, waits for the word, and appends once.
fn append_once(dir: &Path) {
    // Some systems let only a parent trace.
    set_ptracer(PTracer::Any).ok();
    let (store, ledger) = open_both(dir).unwrap();
    say(dir, "open");
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    decide_aloud(dir, &ledger, DECIDED);
    drop((ledger, store));
}

/// What strace saw of one append in a copy of `begun`, one call a line after the thread's number, and where it was made. Nothing where
/// there is no tracing; then it is said.
fn traced(begun: &Path, inject: Option<&str>) -> Option<(tempfile::TempDir, String)> {
    let (dir, notes) = (life::folder(), tempfile::tempdir().unwrap());
    life::copy(begun, dir.path());
    let mut child = again(TEST, dir.path(), &[]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !said(dir.path()).contains("open") {
        assert!(began.elapsed() < Duration::from_secs(60), "the child opens the log");
        std::thread::yield_now();
    }
    let output = notes.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", &format!("trace={CALLS}")]).arg("-o").arg(&output);
    strace.args(inject.iter().flat_map(|inject| ["-e", *inject]));
    let Ok(mut strace) = strace.args(["-p", &child.id().to_string()]).stderr(Stdio::piped()).spawn() else {
        skipped_without("strace", "there is no strace to make system calls fail with");
        child.kill().unwrap();
        child.wait().unwrap();
        return None;
    };
    let mut notices = BufReader::new(strace.stderr.take().unwrap());
    let mut notice = String::new();
    notices.read_line(&mut notice).unwrap();
    let attached = notice.contains("attached");
    if attached {
        // A child that is gone already cannot be told.
        drop(child.stdin.take().unwrap().write_all(b"go\n"));
    } else {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    drop(std::io::copy(&mut notices, &mut std::io::sink()));
    strace.wait().unwrap();
    if !attached {
        assert!(notice.contains("not permitted"), "{notice}");
        skipped_without("strace", "tracing is forbidden here");
        return None;
    }
    let below = format!("{}/", dir.path().canonicalize().unwrap().display());
    let text = std::fs::read_to_string(output).unwrap();
    let ours = |line: &&str| line.contains(&below) && !line.contains("/said/");
    Some((dir, text.lines().filter(ours).map(|line| format!("{line}\n")).collect()))
}

/// Whether sled itself could not read. What it cannot read at a start it writes over, so the store reads it all just before
/// (`read_ahead`): with what it read in memory, only a tracer makes sled's own call fail.
fn is_sleds_reading(trace: &str) -> bool {
    let injected = trace.lines().find(|line| line.contains("INJECTED"));
    let sleds = injected.filter(|line| line.contains("pread64(") && line.contains("/sled-"));
    let before = sleds.and_then(|line| trace.split_once(line)).map_or("", |(before, _)| before);
    before.lines().any(|line| line.contains("/index/db") && line.contains("O_RDWR"))
}

#[test]
fn each_system_call_of_one_append_may_fail_or_be_the_last() {
    if let Some(dir) = child() {
        return append_once(&dir);
    }
    let begun = life::folder();
    std::fs::create_dir(begun.path().join("said")).unwrap();
    let ledger = open(begun.path()).unwrap();
    (0..DECIDED_BEFORE).for_each(|number| assert!(decide_aloud(begun.path(), &ledger, number)));
    drop(ledger);
    let Some((dir, trace)) = traced(begun.path(), None) else { return };
    assert!(said(dir.path()).iter().any(|said| said.starts_with(&format!("answered {DECIDED} "))));
    let calls = life::calls_by_thread(&trace);
    // The journal is written, synced and read back; the checkpoint's own file follows; rows and index, when the store is closed.
    for (call, at_least) in [("pwrite64", 3), ("fdatasync", 3), ("pread64", 1), ("rename", 1)] {
        assert!(calls.iter().any(|(found, most)| found == call && *most >= at_least), "{call}: {calls:?}");
    }
    let (mut cases, mut hit) = (0, 0);
    for (call, most) in &calls {
        for at in 1..=*most {
            for fault in ["error=EIO", "signal=KILL"] {
                let context = format!("{call} {at}: {fault}");
                let inject = format!("inject={call}:{fault}:when={at}");
                let Some((dir, trace)) = traced(begun.path(), Some(&inject)) else { return };
                let dir = dir.path();
                cases += 1;
                let killed = || fault.ends_with("KILL") && life::calls_by_thread(&trace) != calls;
                hit += usize::from(trace.contains("INJECTED") || killed());
                if is_sleds_reading(&trace) {
                    continue;
                }
                let ledger = open(dir).unwrap_or_else(|error| panic!("{context}: {error:?}"));
                verify(dir, &ledger, &context);
                let records = |who| ledger.history(&life::subject(who)).unwrap().len();
                assert!((0..DECIDED_BEFORE).all(|who| records(who) == 1), "{context}");
                assert!(records(DECIDED) <= 1, "{context}");
                assert!(decide_aloud(dir, &ledger, 999), "{context}: life goes on");
            }
        }
    }
    println!("{cases} faults at the calls of one append, {hit} seen to happen: {calls:?}");
    assert!(hit * 10 >= cases * 8, "most faults happened: {hit} of {cases}");
}
