//! Backups: a copy becomes the log again that it was, and what is no copy is refused. Large logs are copied with sled's store.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::sync::Arc;

use assent_core::hash::Hash;
use assent_core::notice::Channel;
use assent_ledger::store::GoneReason;
use assent_ledger::store::memory::{Fault, MemoryStore};
use assent_ledger::testing::{MemoryParts, block_on};
use assent_ledger::{Contact, Draft, Hold, Ledger, LogCopy, Owed, RestoreError, Retention, restore};
use common::faulty::{self, Faulty, ways};
use common::{DAY, START, World, append, config, decide, draft, operator, subject};

fn copy(ledger: &Ledger, kept: &MemoryParts) -> LogCopy {
    ledger.copy(kept, &mut |_| {}).unwrap()
}

/// The log that a copy becomes, opened and swept.
fn restored(world: &World, copy: &LogCopy, kept: &MemoryParts) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    restore(copy, kept, &config(dir.path()), &*store, &mut |_| {}).unwrap();
    let ledger = Ledger::open(config(dir.path()), store, &operator(), world.outside()).unwrap();
    assert_eq!((ledger.size(), &*ledger.checkpoint()), (copy.size, copy.checkpoint.as_str()));
    ledger.check(&mut |_| {}).unwrap();
    (dir, ledger)
}

fn with_contact(who: u64) -> Draft {
    let address = format!("person-{who}@example.org");
    Draft { contacts: vec![Contact { channel: Channel::Email, address }], ..draft(who, None) }
}

#[test]
fn everything_comes_back() {
    let world = World::new();
    let ledger = world.create();
    block_on(ledger.publish_notice(b"{\"a\":1}".to_vec())).unwrap();
    let receipts: Vec<_> = (0..30).map(|who| append(&ledger, with_contact(who)).unwrap()).collect();
    block_on(ledger.erase(subject(1), GoneReason::Asked, true)).unwrap();
    block_on(ledger.tell_erasures()).unwrap();
    block_on(ledger.erase(subject(2), GoneReason::Controller, false)).unwrap();
    block_on(ledger.restrict(subject(3), "dispute-1".into())).unwrap();
    let hold = Hold { reason: "claim-1".into(), review: "2027-01-01".into() };
    block_on(ledger.hold(subject(4), hold.clone())).unwrap();
    let old = append(&ledger, Draft { retain_until: START + DAY, ..draft(500, None) }).unwrap();
    world.advance(90 * DAY);
    let now = START + 90 * DAY;
    let retention = Retention { now, policy: Hash([3; 32]), due: &|_, _| Ok(START + DAY) };
    assert_eq!(ledger.purge(&retention, &mut |_| {}).unwrap().purged.values().sum::<u64>(), 1);
    ledger.note_reclaim(false).unwrap();
    ledger.note_reclaim(true).unwrap();
    assert_eq!(ledger.owed().unwrap(), Owed::Nothing);
    let kept = MemoryParts::default();
    let copied = copy(&ledger, &kept);

    let (_dir, again) = restored(&world, &copied, &kept);
    assert_eq!(again.owed().unwrap(), Owed::Unknown, "its rows may have been copied before");
    for (who, before) in (0..30).zip(&receipts) {
        let found = again.receipt(&subject(who), before.id);
        match who {
            1 | 2 => assert!(found.unwrap().is_none(), "{who} was erased"),
            3 => assert!(found.is_err(), "{who} is restricted"),
            _ => assert_eq!(found.unwrap().unwrap().receipt.to_json(), before.receipt.to_json()),
        }
    }
    let contact = |who| again.contact_hash(Channel::Email, &format!("person-{who}@example.org"));
    assert!(again.suppressed(&contact(1)).unwrap().is_some());
    assert!(again.suppressed(&contact(2)).unwrap().is_none());
    assert_eq!(again.by_contact(&contact(5)).unwrap().len(), 1);
    assert_eq!(again.hold_of(&subject(4)).unwrap(), Some(hold));
    assert_eq!(again.restriction_of(&subject(3)).unwrap().unwrap().reason, "dispute-1");
    assert!(again.receipt(&subject(500), old.id).unwrap().is_none(), "it was purged");
    block_on(again.release(subject(3))).unwrap();
    assert!(again.receipt(&subject(3), receipts[3].id).unwrap().is_some());
    // And life goes on, with secrets that nobody has.
    decide(&again, 1000);
    decide(&again, 5);
    again.check(&mut |_| {}).unwrap();
    assert_eq!(block_on(again.tell_erasures()).unwrap(), 1);
}

#[test]
fn an_empty_log_comes_back_empty() {
    let world = World::new();
    let (ledger, kept) = (world.create(), MemoryParts::default());
    let copied = copy(&ledger, &kept);
    let (_dir, again) = restored(&world, &copied, &kept);
    assert_eq!((again.size(), again.vkey()), (0, ledger.vkey()));
    decide(&again, 1);
}

/// Appends many, in batches as they come.
fn fill(ledger: &Ledger, many: u64) {
    for first in (0..many).step_by(500) {
        let waiting: Vec<_> =
            (first..many.min(first + 500)).map(|who| ledger.append(draft(who, None))).collect();
        waiting.into_iter().for_each(|appended| drop(block_on(appended).unwrap()));
    }
}

#[test]
fn what_cannot_be_restored_is_refused() {
    let world = World::new();
    let (ledger, kept) = (world.create(), MemoryParts::default());
    fill(&ledger, 4_200);
    let copied = copy(&ledger, &kept);
    let try_it = |copy: &LogCopy, kept: &MemoryParts| {
        let dir = tempfile::tempdir().unwrap();
        restore(copy, kept, &config(dir.path()), &MemoryStore::new(), &mut |_| {}).unwrap_err()
    };
    // Where there is a log already.
    let there = restore(&copied, &kept, &config(world.dir.path()), &*world.store, &mut |_| {});
    assert!(matches!(there, Err(RestoreError::Exists(_))));
    // Parts missing, swapped, or of another log.
    let lost = LogCopy { entries: vec![Hash([1; 32])], ..copied.clone() };
    assert!(matches!(try_it(&lost, &kept), RestoreError::Part { .. }));
    let swapped = vec![copied.entries[1], copied.entries[0]];
    assert!(matches!(try_it(&LogCopy { entries: swapped, ..copied.clone() }, &kept), RestoreError::Wrong(0)));
    let short = LogCopy { entries: copied.entries[..1].to_vec(), ..copied.clone() };
    assert!(matches!(try_it(&short, &kept), RestoreError::Wrong(_)));
    // The store's own refusal comes through.
    let dir = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    store.inject([None, None, Some(Fault::Refused)]);
    let failed = restore(&copied, &kept, &config(dir.path()), &store, &mut |_| {});
    assert!(matches!(failed, Err(RestoreError::Commit(_))));
}

/// A small log on a store that fails when it is told to.
fn on_a_faulty_store(world: &World) -> (Arc<Faulty>, Ledger) {
    let store = Faulty::on(MemoryStore::new());
    let ledger =
        Ledger::create(config(world.dir.path()), store.clone(), &operator(), world.outside()).unwrap();
    block_on(ledger.publish_notice(b"{\"a\":1}".to_vec())).unwrap();
    (0..8).for_each(|who| drop(append(&ledger, with_contact(who)).unwrap()));
    block_on(ledger.erase(subject(1), GoneReason::Asked, true)).unwrap();
    block_on(ledger.tell_erasures()).unwrap();
    block_on(ledger.restrict(subject(3), "dispute-1".into())).unwrap();
    (store, ledger)
}

#[test]
fn a_copy_may_fail_at_every_call_and_changes_nothing() {
    let world = World::new();
    let (store, ledger) = on_a_faulty_store(&world);
    let kept = MemoryParts::default();
    store.plan(None);
    let copied = copy(&ledger, &kept);
    let calls = store.calls();
    for call in ["head", "leaves", "rows", "document", "marks"] {
        assert!(calls.contains(&call), "a copy reads {call}: {calls:?}");
    }
    for (at, call) in calls.iter().enumerate() {
        for (fails, lasts) in ways(call).iter().flat_map(|fails| [(*fails, false), (*fails, true)]) {
            let context = format!("call {at} ({call}) {fails:?}, lasting: {lasts}");
            store.plan(Some(faulty::Fault { at, fails, lasts }));
            assert!(ledger.copy(&MemoryParts::default(), &mut |_| {}).is_err(), "{context}: it went on");
            store.plan(None);
            assert!(ledger.is_writable(), "{context}: nobody is held up");
            // Not busy with the one that failed, and the same as before.
            assert_eq!(copy(&ledger, &kept), copied, "{context}");
        }
    }
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn a_restore_may_fail_at_every_call_and_shows_no_part_of_the_log() {
    let world = World::new();
    let (_, ledger) = on_a_faulty_store(&world);
    let kept = MemoryParts::default();
    let copied = copy(&ledger, &kept);
    let restores = |dir: &std::path::Path, store: &Arc<Faulty>| {
        restore(&copied, &kept, &config(dir), &**store, &mut |_| {})
    };
    let (dir, store) = (tempfile::tempdir().unwrap(), Faulty::on(MemoryStore::new()));
    restores(dir.path(), &store).unwrap();
    let calls = store.calls();
    assert_eq!(calls.iter().filter(|call| **call == "commit").count(), 3, "begin, entries, marks: {calls:?}");
    for (at, call) in calls.iter().enumerate() {
        for fails in ways(call) {
            let context = format!("call {at} ({call}) {fails:?}");
            let (dir, store) = (tempfile::tempdir().unwrap(), Faulty::on(MemoryStore::new()));
            store.plan(Some(faulty::Fault { at, fails: *fails, lasts: false }));
            assert!(restores(dir.path(), &store).is_err(), "{context}: it went on");
            store.plan(None);
            // What is there is thrown away: it is not taken for the log, nor written over.
            let opened = Ledger::open(config(dir.path()), store.clone(), &operator(), world.outside());
            assert_eq!(opened.map_or(0, |ledger| ledger.size()), 0, "{context}: a part of the log is shown");
            if at > 0 {
                let again = restores(dir.path(), &store);
                assert!(matches!(again, Err(RestoreError::Exists(_))), "{context}: {again:?}");
            }
        }
    }
    restored(&world, &copied, &kept);
}
