//! Power cuts: everything a ledger wrote is recorded, then cut off at many moments, with what was not synced lost or torn. What
//! was answered must be there, and everything must hold, each time.
//!
//! Needs `strace`; without it nothing can be recorded.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic; the child talks on standard output"
)]

#[path = "../../../assent-ledger/tests/common/mod.rs"]
mod common;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use assent_ledger::store::{GoneReason, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{Draft, Ledger, Outside};
use assent_store_sled::SledStore;
use common::{config, operator, subject};
use trace::{Dice, Disk};

/// Names the directory in the child process.
const CHILD: &str = "ASSENT_TEST_POWER_CHILD";
/// Decisions: enough for sled to absorb many times over, and for a journal file to be used again.
const DECISIONS: u64 = 9600;
const CUTS: usize = 30;

fn draft(number: u64) -> Draft {
    Draft { retain_until: u64::MAX / 2, ..common::draft(number, None) }
}

fn open(dir: &Path) -> Result<Ledger, assent_ledger::OpenError> {
    let store: Arc<dyn Store> = Arc::new(SledStore::open_with_cache(&dir.join("store"), 8 << 20).unwrap());
    Ledger::open(config(dir), store, &operator(), Outside::system())
}

/// What the child does: decides and erases, and says each time that it was answered; now and then space is reclaimed.
fn live(dir: &Path) {
    let store: Arc<dyn Store> = Arc::new(SledStore::open_with_cache(&dir.join("store"), 8 << 20).unwrap());
    let ledger = Ledger::create(config(dir), Arc::clone(&store), &operator(), Outside::system()).unwrap();
    println!("begun");
    for round in 0..DECISIONS / 48 {
        let numbers = round * 48..(round + 1) * 48;
        let futures: Vec<_> = numbers.map(|number| (number, ledger.append(draft(number)))).collect();
        for (number, future) in futures {
            let appended = block_on(future).unwrap();
            println!("answered {number} {}", appended.id);
        }
        if round % 10 == 3 {
            let number = round * 48;
            block_on(ledger.erase(subject(number), GoneReason::Asked, false)).unwrap();
            println!("erased {number}");
        }
        if round % 50 == 27 {
            store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
            println!("reclaimed");
        }
    }
    block_on(ledger.tell_erasures()).unwrap();
    println!("told");
}

#[test]
fn what_was_answered_survives_a_power_cut() {
    if let Ok(dir) = std::env::var(CHILD) {
        return live(Path::new(&dir));
    }
    if Command::new("strace").arg("-V").output().is_err() {
        return common::skipped_without("strace", "there is no strace to record with");
    }
    let home = tempfile::tempdir().unwrap();
    let (dir, record) = (home.path().join("data"), home.path().join("trace"));
    std::fs::create_dir(&dir).unwrap();
    let calls = "openat,pwrite64,write,ftruncate,fsync,fdatasync,rename,mkdir,unlink,unlinkat";
    let watched = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "4000000", "-e", &format!("trace={calls}"), "-o"])
        .arg(&record)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_answered_survives_a_power_cut", "--nocapture"])
        .env(CHILD, &dir)
        .output()
        .unwrap();
    if !watched.status.success() {
        let said = String::from_utf8_lossy(&watched.stderr);
        assert!(said.to_lowercase().contains("ptrace"), "{said}");
        return common::skipped_without("strace", "tracing is forbidden here");
    }
    let events = trace::read(&std::fs::read_to_string(&record).unwrap(), &dir);
    std::fs::remove_file(&record).unwrap();
    let answered = events.iter().filter(|event| matches!(event, trace::Event::Said(_))).count();
    assert!(answered as u64 > DECISIONS, "everything was recorded: {answered} of {} events", events.len());

    let mut rng = Dice(2026);
    // What was said changes nothing on the disk.
    let moments: Vec<usize> =
        (0..events.len()).filter(|at| !matches!(events[*at], trace::Event::Said(_))).collect();
    let mut cuts: Vec<usize> =
        (0..CUTS).map(|_| moments[rng.below(moments.len())]).chain([events.len()]).collect();
    cuts.sort_unstable();
    let mut disk = Disk::default();
    let mut passed = 0;
    let mut opened = 0;
    for cut in cuts {
        events[passed..cut].iter().for_each(|event| disk.pass(event));
        passed = cut;
        opened += usize::from(survives(&disk, &dir, &mut rng, cut));
    }
    assert!(opened > CUTS / 2, "most cuts come after the log was begun: {opened}");
    assert!(is_lost_without_the_journals_sync(&events, &dir, &mut rng), "this test sees what is lost");
}

/// The same life on a disk that takes no heed of the journal's syncs: a cut in its second half loses what was answered, and that is
/// noticed.
fn is_lost_without_the_journals_sync(events: &[trace::Event], dir: &Path, rng: &mut Dice) -> bool {
    let is_journal = |event: &trace::Event| match event {
        trace::Event::Name { path, file } if path.starts_with(dir.join("store/journal")) => *file,
        _ => None,
    };
    let journals: BTreeSet<usize> = events.iter().filter_map(is_journal).collect();
    let heeded =
        |event: &&trace::Event| !matches!(event, trace::Event::Sync { file } if journals.contains(file));
    (0..5).any(|_| {
        let cut = events.len() / 2 + rng.below(events.len() / 2);
        let mut disk = Disk::default();
        events[..cut].iter().filter(heeded).for_each(|event| disk.pass(event));
        std::panic::catch_unwind(AssertUnwindSafe(|| survives(&disk, dir, rng, cut))).is_err()
    })
}

/// Cuts the power and looks at what is left.
fn survives(disk: &Disk, from: &Path, rng: &mut Dice, cut: usize) -> bool {
    let mut answered: BTreeMap<u64, String> = BTreeMap::new();
    let mut erased = Vec::new();
    let mut begun = false;
    for line in disk.said.concat().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["answered", number, id] => drop(answered.insert(number.parse().unwrap(), id.to_string())),
            ["erased", number] => erased.push(number.parse::<u64>().unwrap()),
            ["begun"] => begun = true,
            _ => {}
        }
    }
    if !begun {
        return false;
    }
    let home = tempfile::tempdir().unwrap();
    disk.cut(from, home.path(), rng);
    let ledger = open(home.path()).unwrap_or_else(|error| panic!("cut at {cut}: {error}: {error:?}"));
    ledger.check(&mut |_| {}).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
    for (number, id) in &answered {
        let found = ledger.receipt(&subject(*number), id.parse().unwrap()).unwrap();
        let was_erased = erased.contains(number);
        assert!(!was_erased || found.is_none(), "cut at {cut}: {number} was erased and is there");
        // One whose erasure was not answered yet may be there or not.
        let erasing = number % 48 == 0 && (number / 48) % 10 == 3;
        assert!(erasing || found.is_some(), "cut at {cut}: {number} was answered and is gone");
        if let Some(found) = found {
            found.receipt.verify(Some(ledger.vkey())).unwrap();
        }
    }
    // And life goes on.
    block_on(ledger.append(draft(1_000_000))).unwrap();
    true
}
