//! Backups of a large log on sled: what did not change is kept once, and a copy is one moment, whatever goes on meanwhile.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

#[path = "../../assent-ledger/tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use assent_ledger::store::GoneReason;
use assent_ledger::testing::{MemoryParts, block_on};
use assent_ledger::{Ledger, LogCopy, restore};
use assent_store_sled::SledStore;
use common::{World, config, draft, operator, subject};

fn create(world: &World) -> Ledger {
    let store = Arc::new(SledStore::open(&world.dir.path().join("store")).unwrap());
    Ledger::create(config(world.dir.path()), store, &operator(), world.outside()).unwrap()
}

fn copy(ledger: &Ledger, kept: &MemoryParts) -> LogCopy {
    ledger.copy(kept, &mut |_| {}).unwrap()
}

/// The log that a copy becomes, opened and swept.
fn restored(world: &World, copy: &LogCopy, kept: &MemoryParts) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(&dir.path().join("store")).unwrap());
    restore(copy, kept, &config(dir.path()), &*store, &mut |_| {}).unwrap();
    let ledger = Ledger::open(config(dir.path()), store, &operator(), world.outside()).unwrap();
    assert_eq!((ledger.size(), &*ledger.checkpoint()), (copy.size, copy.checkpoint.as_str()));
    ledger.check(&mut |_| {}).unwrap();
    (dir, ledger)
}

/// Appends many, in batches as they come.
fn fill(ledger: &Ledger, range: std::ops::Range<u64>) {
    for first in range.clone().step_by(500) {
        let some = first..range.end.min(first + 500);
        let waiting: Vec<_> = some.map(|who| ledger.append(draft(who, None))).collect();
        waiting.into_iter().for_each(|appended| drop(block_on(appended).unwrap()));
    }
}

#[test]
fn what_did_not_change_is_not_kept_twice() {
    let world = World::new();
    let (ledger, kept) = (create(&world), MemoryParts::default());
    fill(&ledger, 0..40_000);
    let first = copy(&ledger, &kept);
    assert_eq!((first.entries.len(), first.slots.len()), (10, 10));
    let before = kept.count();
    assert_eq!(copy(&ledger, &kept), first);
    assert_eq!(kept.count(), before, "nothing changed");
    // One person goes: the part with the row, the part with the secret, and the marks.
    block_on(ledger.erase(subject(9_000), GoneReason::Asked, false)).unwrap();
    let second = copy(&ledger, &kept);
    assert_eq!(kept.count(), before + 3);
    assert_eq!(second.entries.iter().zip(&first.entries).filter(|(a, b)| a != b).count(), 1);
    // Both can be had.
    let (_dir, then) = restored(&world, &first, &kept);
    assert_eq!(then.history(&subject(9_000)).unwrap().len(), 1);
    let (_dir, now) = restored(&world, &second, &kept);
    assert!(now.history(&subject(9_000)).unwrap().is_empty());
}

#[test]
fn a_copy_made_while_everything_changes_is_one_moment() {
    let world = World::new();
    let ledger = Arc::new(create(&world));
    fill(&ledger, 0..50_000);
    let stop = Arc::new(AtomicBool::new(false));
    let erased = Arc::new(AtomicU64::new(0));
    let writers = [
        std::thread::spawn({
            let (ledger, stop) = (Arc::clone(&ledger), Arc::clone(&stop));
            move || {
                let mut from = 100_000;
                while !stop.load(Ordering::Relaxed) {
                    fill(&ledger, from..from + 200);
                    from += 200;
                }
            }
        }),
        std::thread::spawn({
            let (ledger, stop, erased) = (Arc::clone(&ledger), Arc::clone(&stop), Arc::clone(&erased));
            move || {
                // All over the log, so that parts that were copied change behind the copy's back.
                for step in 0..50_000_u64 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let who = subject(step * 7919 % 50_000);
                    match step % 4 {
                        0..3 => drop(block_on(ledger.erase(who, GoneReason::Asked, false)).unwrap()),
                        _ => {
                            block_on(ledger.restrict(who, "dispute".into())).unwrap();
                            block_on(ledger.release(who)).unwrap();
                        }
                    }
                    if step % 50 == 0 {
                        block_on(ledger.tell_erasures()).unwrap();
                    }
                    erased.store(step + 1, Ordering::Relaxed);
                }
            }
        }),
    ];
    let kept = MemoryParts::default();
    for _ in 0..3 {
        let gone_before = erased.load(Ordering::Relaxed);
        let size_before = ledger.size();
        let copied = copy(&ledger, &kept);
        assert!(copied.size >= size_before);
        let (_dir, again) = restored(&world, &copied, &kept);
        for step in (0..gone_before).filter(|step| step % 4 < 3) {
            let who = subject(step * 7919 % 50_000);
            assert!(again.history(&who).unwrap().is_empty(), "step {step} was done before the copy");
        }
    }
    stop.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert!(erased.load(Ordering::Relaxed) > 100, "it really went on");
}
