//! What goes wrong and what happens then: failing commits, crashes between steps, altered stores and files.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, LazyLock, Mutex};

use assent_core::ids::SiteId;
use assent_core::merkle;
use assent_ledger::store::memory::{Fault, MemoryStore, Seen, SiteLog};
use assent_ledger::store::{Gone, GoneReason, RecordRow, Row, RowBody};
use assent_ledger::testing::block_on;
use assent_ledger::{
    AppendError, CheckError, KeyStoreError, Ledger, LogConfig, OpenError, OperatorKey, check_unopened,
};
use common::faulty::{self, Fails, Faulty};
use common::{World, append, assert_good, config, decide, draft, keyed, operator, site, subject};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Each of four commits × each way to fail: what the caller hears, and how many entries there are in the end.
#[test]
fn every_commit_may_fail_in_every_way() {
    for failing in 0..4usize {
        for fault in [Fault::Refused, Fault::Lost, Fault::AppliedUnheard] {
            let world = World::new();
            let ledger = world.create();
            let plan = (0..4).map(|commit| (commit == failing).then_some(fault));
            world.store.inject(plan);
            let mut receipts = Vec::new();
            for commit in 0..4usize {
                let draft = keyed(draft(commit as u64, None), &format!("key {commit}"), "body");
                let heard = append(&ledger, draft.clone());
                if commit == failing {
                    let expected = match fault {
                        Fault::Refused => AppendError::Unavailable,
                        _ => AppendError::OutcomeUnknown,
                    };
                    assert_eq!(heard.unwrap_err(), expected, "{commit} {fault:?}");
                    assert_eq!(ledger.size(), commit as u64, "nothing unheard is published");
                    // Asking again with the same key is always right, and is recorded once.
                    let again = append(&ledger, draft).unwrap();
                    assert_eq!(again.replayed, fault == Fault::AppliedUnheard);
                    receipts.push(again);
                } else {
                    receipts.push(heard.unwrap());
                }
                ledger.check(&mut |_| {}).unwrap();
                assert!(ledger.is_writable());
            }
            assert_eq!(ledger.size(), 4, "{failing} {fault:?}");
            drop(ledger);
            let ledger = world.open().unwrap();
            ledger.check(&mut |_| {}).unwrap();
            for (number, appended) in receipts.iter().enumerate() {
                assert_good(&ledger, appended);
                let kept = ledger.receipt(&subject(number as u64), appended.id).unwrap().unwrap();
                assert_eq!(kept.receipt.to_json(), appended.receipt.to_json());
            }
        }
    }
}

/// Waits until a commit begins.
fn begins(tells: &Receiver<Seen>) {
    while tells.recv().unwrap() != Seen::Commit {}
}

/// While one batch is landing the next is made on top of it. Whichever of them fails, and however: everybody hears the truth, and
/// who asks again is recorded once.
#[test]
fn a_batch_made_on_top_of_one_that_fails_is_not_stored() {
    const EACH: u64 = 10;
    for fault in [Fault::Refused, Fault::Lost, Fault::AppliedUnheard] {
        let world = World::new();
        let ledger = world.create();
        let wish = |one| keyed(draft(one, None), &format!("key {one}"), "body");
        let (tells, lets) = world.store.watch();
        world.store.inject([None, Some(fault)]);
        // The first is landed by the sequencer itself. While it waits, so do the others, and become one batch.
        let alone = ledger.append(wish(0));
        begins(&tells);
        let below: Vec<_> = (1..=EACH).map(|one| ledger.append(wish(one))).collect();
        lets.send(()).unwrap();
        begins(&tells);
        // These are judged on top of it while it is landing.
        let above: Vec<_> = (EACH + 1..=2 * EACH).map(|one| ledger.append(wish(one))).collect();
        (0..EACH).for_each(|_| assert_eq!(tells.recv().unwrap(), Seen::Newest));
        lets.send(()).unwrap();
        drop(lets);

        let mut receipts = vec![block_on(alone).unwrap()];
        let unheard =
            if fault == Fault::Refused { AppendError::Unavailable } else { AppendError::OutcomeUnknown };
        below.into_iter().for_each(|one| assert_eq!(block_on(one).unwrap_err(), unheard, "{fault:?}"));
        above.into_iter().for_each(|one| assert_eq!(block_on(one).unwrap_err(), AppendError::Unavailable));
        receipts.extend((1..=2 * EACH).map(|one| append(&ledger, wish(one)).unwrap()));
        assert_eq!(ledger.size(), 2 * EACH + 1, "{fault:?}");
        let stored: BTreeSet<u64> = receipts.iter().map(|appended| appended.index).collect();
        assert_eq!(stored.len(), receipts.len(), "everybody has a leaf of their own");
        let replayed = receipts.iter().filter(|appended| appended.replayed).count() as u64;
        assert_eq!(replayed, if fault == Fault::AppliedUnheard { EACH } else { 0 });
        receipts.iter().for_each(|appended| assert_good(&ledger, appended));
        drop(ledger);
        world.open().unwrap().check(&mut |_| {}).unwrap();
    }
}

/// Two decisions of one person, the second asked for while the first is landing among others: it is judged by what came of the first.
#[test]
fn a_person_who_decides_again_meanwhile_is_judged_by_the_first_decision() {
    let world = World::new();
    let ledger = world.create();
    let (tells, lets) = world.store.watch();
    let everybody = |key: &str| -> Vec<_> {
        (0..8).map(|number| ledger.append(keyed(draft(number, None), key, "body"))).collect()
    };
    let alone = ledger.append(keyed(draft(8, None), "key", "body"));
    begins(&tells);
    let first = everybody("key");
    lets.send(()).unwrap();
    begins(&tells);
    let (again, other) = (everybody("key"), everybody("other"));
    drop(lets);
    block_on(alone).unwrap();
    for ((first, again), other) in first.into_iter().zip(again).zip(other) {
        let (first, again) = (block_on(first).unwrap(), block_on(again).unwrap());
        assert_eq!((first.index, again.replayed), (again.index, true));
        assert_eq!(block_on(other).unwrap_err(), AppendError::SubjectMoved { latest: Some(first.id) });
    }
    assert_eq!(ledger.size(), 9);
}

#[test]
fn whatever_waited_for_a_commit_shares_the_next_and_its_signature() {
    let world = World::new();
    let ledger = world.create();
    let (tells, lets) = world.store.watch();
    let alone = ledger.append(draft(0, None));
    begins(&tells);
    let waiting: Vec<_> = (1..64).map(|number| ledger.append(draft(number, None))).collect();
    let before = ledger.stats().now().commits;
    drop(lets);
    block_on(alone).unwrap();
    let mut checkpoints = BTreeSet::new();
    for waited in waiting {
        let verified = block_on(waited).unwrap().receipt.verify(Some(ledger.vkey())).unwrap();
        checkpoints.insert(verified.signed_checkpoint().note().to_string());
    }
    assert_eq!(checkpoints, [ledger.checkpoint().to_string()].into());
    assert_eq!(
        ledger.stats().now().commits - before,
        2,
        "the one that was on its way, and one for all of them"
    );
}

/// Whoever reads waits for nobody who writes: a commit that hangs holds up no receipt, tile, checkpoint, notice or export.
#[test]
fn everything_can_be_read_while_a_batch_is_on_its_way_to_the_disk() {
    let world = World::new();
    let ledger = world.create();
    let notice = block_on(ledger.publish_notice(b"{}".to_vec())).unwrap();
    let first = decide(&ledger, 1);
    let (tells, lets) = world.store.watch();
    let hangs = ledger.append(draft(2, None));
    begins(&tells);
    let (size, checkpoint) = (ledger.size(), ledger.checkpoint());
    assert_eq!(size, 2);
    let kept = ledger.receipt(&subject(1), first.id).unwrap().unwrap();
    assert_eq!(kept.receipt.to_json(), first.receipt.to_json());
    assert_eq!(ledger.history(&subject(1)).unwrap().len(), 1);
    assert!(ledger.history(&subject(2)).unwrap().is_empty(), "what is not on the disk is shown to nobody");
    assert_eq!(ledger.tile(0, 0, 2).unwrap().map(|tile| tile.len()), Some(64));
    assert!(ledger.tile(0, 0, 3).unwrap().is_none());
    assert!(ledger.notice(&notice.hash).unwrap().is_some());
    assert_eq!(ledger.consistency(1, 2).unwrap().len(), 1);
    ledger.check(&mut |_| {}).unwrap();
    assert_eq!(ledger.checkpoint(), checkpoint);
    drop(lets);
    assert_eq!(block_on(hangs).unwrap().index, size);
}

#[test]
fn a_crash_before_the_checkpoint_is_repaired_at_start() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    let checkpoint = config(world.dir.path()).checkpoint;
    let before = std::fs::read(&checkpoint).unwrap();
    let appended = decide(&ledger, 2);
    drop(ledger);
    std::fs::write(&checkpoint, before).unwrap();
    let ledger = world.open().unwrap();
    assert_eq!(ledger.size(), 2);
    let again = ledger.receipt(&subject(2), appended.id).unwrap().unwrap();
    assert_eq!(again.receipt.to_json(), appended.receipt.to_json());
    ledger.check(&mut |_| {}).unwrap();
    decide(&ledger, 2);
}

#[test]
fn a_crash_while_creating_is_picked_up() {
    // Keys but no log: creating again takes the keys.
    let world = World::new();
    world.store.inject([Some(Fault::Refused)]);
    let store = world.store.clone();
    Ledger::create(config(world.dir.path()), store, &common::operator(), world.outside()).unwrap_err();
    let keys = std::fs::read(config(world.dir.path()).keys.join("log.keys")).unwrap();
    let ledger = world.create();
    assert_eq!(std::fs::read(config(world.dir.path()).keys.join("log.keys")).unwrap(), keys);
    drop(ledger);
    // An empty log but no checkpoint: opening signs it.
    std::fs::remove_file(config(world.dir.path()).checkpoint).unwrap();
    let ledger = world.open().unwrap();
    decide(&ledger, 1);
}

fn snapshot(world: &World) -> SiteLog {
    let mut copy = SiteLog::default();
    world.store.tamper(&site(), |log| copy = log.clone());
    copy
}

#[test]
fn what_a_crash_cannot_leave_is_refused_with_the_way_out() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    let old = snapshot(&world);
    (2..300).for_each(|n| drop(decide(&ledger, n)));
    let good = snapshot(&world);
    drop(ledger);
    let refused = |what: &str| {
        let error = world.open().unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        error
    };

    // The store was rolled back.
    world.store.tamper(&site(), |log| *log = old.clone());
    assert!(matches!(refused("rolled back"), OpenError::StoreBehind { store: 1, signed: 299, .. }));
    // Rolled back, and then another history grew beyond the checkpoint.
    world.store.tamper(&site(), |log| {
        *log = good.clone();
        log.leaves[280][5] ^= 1;
    });
    assert!(matches!(refused("do not have the root"), OpenError::StoreDiffers { .. }));
    // A leaf after the checkpoint was altered: never signed.
    let checkpoint = config(world.dir.path()).checkpoint;
    let newest = std::fs::read(&checkpoint).unwrap();
    world.store.tamper(&site(), |log| *log = good.clone());
    let ledger = world.open().unwrap();
    decide(&ledger, 900);
    drop(ledger);
    let more = snapshot(&world);
    std::fs::write(&checkpoint, &newest).unwrap();
    world.store.tamper(&site(), |log| log.leaves[299][5] ^= 1);
    assert!(matches!(refused("do not give the root"), OpenError::StoreDamaged { .. }));
    world.store.tamper(&site(), |log| *log = more);
    drop(world.open().unwrap());

    // The checkpoint is gone, or another log's.
    let newest = std::fs::read(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(refused("is missing"), OpenError::CheckpointMissing { .. }));
    std::fs::write(&checkpoint, b"nothing of the kind").unwrap();
    refused("is missing");
    let foreign = World::new();
    drop(foreign.create());
    std::fs::copy(config(foreign.dir.path()).checkpoint, &checkpoint).unwrap();
    assert!(matches!(refused("does not belong"), OpenError::CheckpointForeign { .. }));
    std::fs::write(&checkpoint, newest).unwrap();

    // Another operator key; no keys.
    let store = world.store.clone();
    let other = OperatorKey::from_bytes([1; 32]);
    let error = Ledger::open(config(world.dir.path()), store, &other, world.outside()).unwrap_err();
    assert!(matches!(error, OpenError::Keys(_)), "{error}");
    let keys = config(world.dir.path()).keys;
    std::fs::rename(&keys, keys.with_extension("away")).unwrap();
    refused("keys could not be opened");
    std::fs::rename(keys.with_extension("away"), &keys).unwrap();
    // People's secrets are gone, or older than the store: their records could not be opened, and nobody would know until asked.
    let segment = keys.join("subjects-00000.keys");
    let secrets = std::fs::read(&segment).unwrap();
    for left in [0, 64 * 5] {
        std::fs::write(&segment, &secrets[..left]).unwrap();
        let error = world.open().unwrap_err();
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(matches!(error, OpenError::Keys(KeyStoreError::Behind { given: 300, .. })), "{error:?}");
        assert!(why.contains(keys.to_str().unwrap()) && why.contains("Restore the newest backup"), "{why}");
    }
    std::fs::write(&segment, secrets).unwrap();
    world.open().unwrap().check(&mut |_| {}).unwrap();
}

#[test]
fn an_altered_entry_is_named() {
    let world = World::new();
    let ledger = world.create();
    (0..300).for_each(|n| drop(decide(&ledger, n)));
    let good = snapshot(&world);
    let named = |change: &dyn Fn(&mut SiteLog)| {
        world.store.tamper(&site(), |log| change(log));
        let error = ledger.check(&mut |_| {}).unwrap_err();
        world.store.tamper(&site(), |log| *log = good.clone());
        error.to_string()
    };
    assert_eq!(named(&|log| log.leaves[17][9] ^= 1), "entry 17: its record and salt do not give its leaf");
    assert_eq!(
        named(&|log| log.rows.get_mut(&4).unwrap()[90] ^= 1),
        "entry 4 is damaged: its row does not open"
    );
    let swap = |log: &mut SiteLog| {
        let row = log.rows[&8].clone();
        log.rows.insert(9, row);
    };
    assert_eq!(named(&swap), "entry 9: no checkpoint of the size it names covers it");
    assert_eq!(named(&|log| drop(log.rows.remove(&200))), "entry 200: its row is missing");
    let backdate = |log: &mut SiteLog| {
        let mut row = Row::from_bytes(&log.rows[&50]).unwrap();
        row.time -= 86_400_000;
        log.rows.insert(50, row.to_bytes());
    };
    assert_eq!(named(&backdate), "entry 50: its time is before that of the entry before it");
    let claim = |change: fn(&mut RecordRow)| {
        move |log: &mut SiteLog| {
            let mut row = Row::from_bytes(&log.rows[&60]).unwrap();
            let RowBody::Record(record) = &mut row.body else { panic!("entry 60 is a record") };
            change(record);
            log.rows.insert(60, row.to_bytes());
        }
    };
    let other = "entry 60: its record and its row name another receipt, subject or time";
    assert_eq!(named(&claim(|record| record.id.0[0] ^= 1)), other);
    assert_eq!(
        named(&claim(|record| record.subject.0[0] ^= 1)),
        "entry 60 is damaged: its row does not open"
    );
    assert_eq!(
        named(&claim(|record| record.secret = 1 << 40)),
        "entry 60 is damaged: its subject's secret is missing from the keystore"
    );
    let gone = |log: &mut SiteLog| {
        let gone = Gone { reason: GoneReason::Asked, day: 20_000, period: 0 };
        let row = Row { body: RowBody::Gone(gone), ..Row::from_bytes(&log.rows[&70]).unwrap() };
        log.rows.insert(70, row.to_bytes());
    };
    assert_eq!(named(&gone), "entry 70: its erasure is told of nowhere");
    assert!(
        named(&|log| log.hashes.get_mut(&(1, 0)).unwrap().0[0] ^= 1).starts_with("tree hash 0 of level 1")
    );
    // A leaf and its row removed together, and everything after moved up.
    let cut = |log: &mut SiteLog| _ = log.leaves.remove(100);
    assert_eq!(named(&cut), "entry 100: its record and salt do not give its leaf");
    ledger.check(&mut |_| {}).unwrap();
}

/// An old checkpoint was put back, and entries beyond it altered: it held at the old size, though a later head lay beside it.
#[test]
fn what_was_public_is_looked_at_beside_an_older_checkpoint() {
    let world = World::new();
    let ledger = world.create();
    let [own, old, public] = ["own", "old", "public"].map(|name| world.dir.path().join(name));
    (0..3).for_each(|who| drop(decide(&ledger, who)));
    std::fs::write(&old, ledger.checkpoint().as_bytes()).unwrap();
    (3..6).for_each(|who| drop(decide(&ledger, who)));
    let (size, note) = (ledger.size(), ledger.checkpoint());
    std::fs::write(&own, note.as_bytes()).unwrap();
    let judged = |own: &Path, public: &Path| {
        check_unopened(&*world.store, &site(), (own, public), Some(ledger.vkey()), &mut |_| {})
            .map(|(head, _)| head.size)
    };
    assert_eq!(judged(&own, &public).unwrap(), size, "nothing was public yet");
    std::fs::write(&public, note.as_bytes()).unwrap();
    assert_eq!(judged(&old, &public).unwrap(), size, "the later one counts");
    assert_eq!(judged(&own, &old).unwrap(), size, "it grew from the earlier one");
    std::fs::write(&public, note.replace("clinic/log", "other/log")).unwrap();
    assert!(matches!(judged(&own, &public), Err(CheckError::PublishedForeign)));
    std::fs::write(&public, note.as_bytes()).unwrap();
    world.store.tamper(&site(), |log| log.leaves[4][9] ^= 1);
    assert!(matches!(judged(&old, &public), Err(CheckError::Root { .. })));
    world.store.tamper(&site(), |log| log.leaves.truncate(4));
    assert!(matches!(judged(&old, &public), Err(CheckError::Entry { index: 4, .. })));
}

#[test]
fn a_receipt_is_never_signed_over_an_altered_tree() {
    let world = World::new();
    let ledger = world.create();
    let appended: Vec<_> = (0..600).map(|n| decide(&ledger, n)).collect();
    let good = snapshot(&world);
    // Entry 10 is in a full tile, so only its hash above vouches for it; its receipt was given at size 11.
    world.store.tamper(&site(), |log| log.leaves[10][9] ^= 1);
    assert!(ledger.receipt(&subject(10), appended[10].id).is_err());
    assert!(ledger.receipt(&subject(11), appended[11].id).is_err());
    world.store.tamper(&site(), |log| *log = good.clone());
    let again = ledger.receipt(&subject(11), appended[11].id).unwrap().unwrap();
    assert_eq!(again.receipt.to_json(), appended[11].receipt.to_json());
}

/// What witnesses and monitors are given: a damaged tree gives no proof, and one that was mended gives the right one.
#[test]
fn no_proof_is_made_of_an_altered_tree_and_a_mended_one_is_believed_again() {
    let world = World::new();
    let ledger = world.create();
    let appended: Vec<_> = (0..600).map(|n| decide(&ledger, n)).collect();
    let good = snapshot(&world);
    let root = |size: u64| {
        let mut tree = merkle::CompactTree::new();
        good.leaves[..size as usize].iter().for_each(|leaf| tree.append(merkle::leaf_hash(leaf)));
        tree.root()
    };
    type Flip<'a> = &'a dyn Fn(&mut SiteLog);
    let flips: [(u64, Flip<'_>); 2] =
        [(11, &|log| log.leaves[10][9] ^= 1), (300, &|log| log.hashes.get_mut(&(1, 0)).unwrap().0[3] ^= 1)];
    drop(ledger);
    for (size, flip) in flips {
        // Nothing of it was read yet.
        let ledger = world.open().unwrap();
        world.store.tamper(&site(), flip);
        assert!(ledger.root(size).is_err(), "{size}");
        assert!(ledger.consistency(size, 600).is_err(), "{size}");
        assert!(ledger.consistency(size, 599).is_err(), "{size}");
        world.store.tamper(&site(), |log| *log = good.clone());
        assert_eq!(ledger.root(size).unwrap(), root(size));
        for new in [599, 600] {
            let grown = ledger.consistency(size, new).unwrap();
            merkle::verify_consistency(size, &root(size), new, &root(new), &grown).unwrap();
        }
    }
    // So too a receipt under the newest checkpoint.
    let ledger = world.open().unwrap();
    let newest = ledger.checkpoint();
    world.store.tamper(&site(), |log| log.leaves[590][9] ^= 1);
    assert!(ledger.receipt_under(&subject(570), appended[570].id, &newest).is_err());
    world.store.tamper(&site(), |log| *log = good.clone());
    let receipt = ledger.receipt_under(&subject(570), appended[570].id, &newest).unwrap().unwrap();
    receipt.verify(Some(ledger.vkey())).unwrap();
}

#[test]
fn keys_that_cannot_be_written_stop_decisions_without_a_trace() {
    let world = World::new();
    let ledger = world.create();
    let keys = config(world.dir.path()).keys;
    std::fs::rename(&keys, keys.with_extension("away")).unwrap();
    assert_eq!(append(&ledger, draft(1, None)).unwrap_err(), AppendError::Unavailable);
    assert_eq!(ledger.size(), 0);
    std::fs::rename(keys.with_extension("away"), &keys).unwrap();
    decide(&ledger, 1);
    ledger.check(&mut |_| {}).unwrap();
}

/// They were told to try again later, for ever, and the log did not say why.
#[test]
fn a_damaged_secret_keeps_nobody_from_deciding_on_or_being_erased() {
    let world = World::new();
    let ledger = world.create();
    (1..3).for_each(|who| drop(decide(&ledger, who)));
    let segment = config(world.dir.path()).keys.join("subjects-00000.keys");
    let mut secrets = std::fs::read(&segment).unwrap();
    secrets[20] ^= 1;
    std::fs::write(&segment, secrets).unwrap();
    assert!(ledger.history(&subject(1)).unwrap_err().is_damage());
    let second = decide(&ledger, 1);
    let (history, damage) = ledger.readable_history(&subject(1)).unwrap();
    assert_eq!(history.iter().map(|opened| opened.id).collect::<Vec<_>>(), [second.id]);
    assert!(damage.unwrap().is_damage());
    assert!(ledger.readable_history(&subject(2)).unwrap().1.is_none());
    assert_eq!(block_on(ledger.erase(subject(1), GoneReason::Asked, false)).unwrap(), 2);
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn a_damaged_store_stays_closed_until_it_is_whole() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    // The outcome is unknown, and when the sequencer looks, an entry is not what was signed.
    world.store.inject([Some(Fault::Lost)]);
    append(&ledger, draft(2, None)).unwrap_err();
    assert!(!ledger.is_writable());
    world.store.tamper(&site(), |log| log.leaves[0][5] ^= 1);
    for _ in 0..2 {
        assert_eq!(append(&ledger, draft(2, None)).unwrap_err(), AppendError::Unavailable);
        assert!(!ledger.is_writable());
    }
    assert!(matches!(ledger.check(&mut |_| {}), Err(CheckError::Entry { index: 0, .. })));
    world.store.tamper(&site(), |log| log.leaves[0][5] ^= 1);
    decide(&ledger, 2);
    assert!(ledger.is_writable());
    let _: Arc<str> = ledger.checkpoint();
}

/// What the log's packages said.
struct Said(Arc<Mutex<Vec<String>>>);

impl Subscriber for Said {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("assent_ledger")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

/// What was said so far, with all of these words in it. Other tests may have the same process.
fn told(words: &[&str]) -> usize {
    static SAID: LazyLock<Arc<Mutex<Vec<String>>>> = LazyLock::new(|| {
        let said = Arc::default();
        tracing::subscriber::set_global_default(Said(Arc::clone(&said))).unwrap();
        said
    });
    SAID.lock().unwrap().iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

#[test]
fn why_a_secret_could_not_be_moved_is_told_when_it_happens() {
    let world = World::new();
    assert_eq!(told(&["dispensary"]), 0);
    let config = LogConfig { site: SiteId::new("dispensary").unwrap(), ..config(world.dir.path()) };
    let in_the_way = config.keys.join("escrow.new");
    let ledger = Ledger::create(config, world.store.clone(), &operator(), world.outside()).unwrap();
    append(&ledger, draft(1, None)).unwrap();
    std::fs::create_dir(&in_the_way).unwrap();
    assert!(block_on(ledger.restrict(subject(1), "dispute".into())).is_err());
    assert_eq!(told(&["dispensary", "could not be destroyed or moved", "escrow.keys"]), 1);
}

/// Everybody is answered that the operator's log says why; the operator is not buried in what it says.
#[test]
fn why_a_log_stands_still_is_told_once_for_each_time() {
    let (world, store) = (World::new(), Faulty::on(MemoryStore::new()));
    assert_eq!(told(&["surgery"]), 0);
    let config = LogConfig { site: SiteId::new("surgery").unwrap(), ..config(world.dir.path()) };
    let ledger = Ledger::create(config, store.clone(), &operator(), world.outside()).unwrap();
    let told = || told(&["surgery", "could not be read again", "a fault was injected"]);
    for time in 1..=2 {
        // The first reads the log again, the second shows the way of one that does not have to.
        for who in 0..2 {
            store.plan(None);
            append(&ledger, draft(time * 10 + who, None)).unwrap();
        }
        let at = store.calls().iter().position(|call| *call == "commit").unwrap();
        store.plan(Some(faulty::Fault { at, fails: Fails::Unheard, lasts: true }));
        assert_eq!(append(&ledger, draft(time * 10 + 2, None)).unwrap_err(), AppendError::OutcomeUnknown);
        for who in 3..7 {
            assert_eq!(append(&ledger, draft(time * 10 + who, None)).unwrap_err(), AppendError::Unavailable);
        }
        assert_eq!(told() as u64, time);
    }
}
