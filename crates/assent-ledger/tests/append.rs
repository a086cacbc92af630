//! Appending and reading back: receipts, replays, moved subjects, notices, contacts, tiles, many at once.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_core::checkpoint::Checkpoint;
use assent_core::decision::Decision;
use assent_core::hash::sha256;
use assent_core::merkle::{leaf_hash, root_of};
use assent_core::notice::Channel;
use assent_core::tile::{decode_bundle, decode_hashes};
use assent_ledger::store::{Row, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{AppendError, Contact, CreateError, Draft, Ledger, LogConfig, OpenError};
use common::{World, append, assert_good, config, decide, draft, keyed, operator, subject};

/// An auditor asks of each withdrawal which receipt it takes back.
#[test]
fn nothing_is_withdrawn_by_somebody_who_said_nothing() {
    let world = World::new();
    let ledger = world.create();
    let withdraws = |who: u64, previous| Draft {
        decisions: [(common::purpose("analytics"), Decision::Withdrawn)].into(),
        ..draft(who, previous)
    };
    let refused = append(&ledger, withdraws(1, None)).unwrap_err();
    assert!(matches!(refused, AppendError::Invalid { .. }), "{refused}");
    let given = append(&ledger, draft(1, None)).unwrap();
    append(&ledger, withdraws(1, Some(given.id))).unwrap();
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn a_decision_becomes_a_receipt_and_stays() {
    let world = World::new();
    let ledger = world.create();
    let first = decide(&ledger, 1);
    world.advance(1000);
    let second = decide(&ledger, 1);
    let other = decide(&ledger, 2);
    assert_eq!([first.index, second.index, other.index], [0, 1, 2]);
    drop(ledger);

    let ledger = world.open().unwrap();
    let history = ledger.history(&subject(1)).unwrap();
    assert_eq!(history.iter().map(|opened| opened.id).collect::<Vec<_>>(), [first.id, second.id]);
    assert_eq!(history[1].record.previous, Some(first.id.to_string()));
    assert_eq!(history[1].record.after.size, 1);
    assert_eq!(history[0].record.time, "2026-11-22T00:00:00.000Z");
    assert_eq!(history[1].record.time, "2026-11-22T00:00:01.000Z");
    for appended in [&first, &second] {
        let again = ledger.receipt(&subject(1), appended.id).unwrap().unwrap();
        assert_eq!(again.receipt.to_json(), appended.receipt.to_json(), "the same bytes");
    }
    assert!(ledger.receipt(&subject(2), first.id).unwrap().is_none(), "only to its holder");
    assert!(ledger.history(&subject(3)).unwrap().is_empty());
    let report = ledger.check(&mut |_| {}).unwrap();
    assert_eq!((report.entries, report.records), (3, 3));
}

#[test]
fn a_log_begins_once_and_on_purpose() {
    let world = World::new();
    let open = world.open().unwrap_err();
    assert!(
        matches!(open, OpenError::NoLog { .. }) && open.to_string().contains("create it on purpose"),
        "{open}"
    );
    let ledger = world.create();
    assert_eq!(ledger.size(), 0);
    Checkpoint::verify(&ledger.checkpoint(), ledger.vkey()).unwrap();
    let store: Arc<dyn Store> = world.store.clone();
    let again = Ledger::create(config(world.dir.path()), store, &operator(), world.outside());
    assert!(matches!(again, Err(CreateError::Exists { .. })));

    // The store is lost: neither opening nor creating starts a second history under the same key.
    decide(&ledger, 1);
    drop(ledger);
    let empty = World { store: Arc::default(), ..world };
    assert!(matches!(empty.open(), Err(OpenError::NoLog { .. })));
    let store: Arc<dyn Store> = empty.store.clone();
    let second = Ledger::create(config(empty.dir.path()), store, &operator(), empty.outside());
    assert!(matches!(second, Err(CreateError::Leftovers { .. })));
}

#[test]
fn the_same_request_twice_is_one_record_and_the_same_answer() {
    let world = World::new();
    let ledger = world.create();
    let first = append(&ledger, keyed(draft(1, None), "key", "body")).unwrap();
    decide(&ledger, 2);
    // The second time the caller worked it out against a longer history; the key decides all the same.
    let again = append(&ledger, keyed(draft(1, Some(first.id)), "key", "body")).unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.receipt.to_json(), first.receipt.to_json());
    assert_good(&ledger, &again);
    let other = append(&ledger, keyed(draft(1, Some(first.id)), "key", "another body"));
    assert_eq!(other.unwrap_err(), AppendError::KeyReused);
    drop(ledger);
    let ledger = world.open().unwrap();
    let later = append(&ledger, keyed(draft(1, None), "key", "body")).unwrap();
    assert_eq!(later.receipt.to_json(), first.receipt.to_json());
    assert_eq!(ledger.size(), 2);
    assert_eq!(ledger.stats().now().replays, 1);
    // A key is its subject's: nobody gets another's receipt for having drawn the same one.
    let stranger = append(&ledger, keyed(draft(7, None), "key", "body")).unwrap();
    assert!(!stranger.replayed);
    assert_eq!(ledger.size(), 3);
}

#[test]
fn one_batch_knows_its_own_keys_and_subjects() {
    let world = World::new();
    let ledger = world.create();
    for round in 0..50u64 {
        let (key, name) = (format!("key {round}"), 1000 + round);
        let futures = [
            ledger.append(keyed(draft(name, None), &key, "body")),
            ledger.append(keyed(draft(name, None), &key, "body")),
            ledger.append(keyed(draft(name, None), &key, "other")),
            ledger.append(draft(name, None)),
        ];
        let [first, same, reused, moved] = futures.map(block_on);
        let first = first.unwrap();
        assert_eq!(same.unwrap().receipt.to_json(), first.receipt.to_json());
        assert_eq!(reused.unwrap_err(), AppendError::KeyReused);
        assert_eq!(moved.unwrap_err(), AppendError::SubjectMoved { latest: Some(first.id) });
    }
    assert_eq!(ledger.size(), 50);
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn a_moved_subject_and_an_impossible_draft_are_refused() {
    let world = World::new();
    let ledger = world.create();
    let first = decide(&ledger, 1);
    let unaware = append(&ledger, draft(1, None)).unwrap_err();
    assert_eq!(unaware, AppendError::SubjectMoved { latest: Some(first.id) });
    let ahead = append(&ledger, draft(2, Some(first.id))).unwrap_err();
    assert_eq!(ahead, AppendError::SubjectMoved { latest: None });
    let empty = append(&ledger, Draft { decisions: [].into(), ..draft(3, None) }).unwrap_err();
    assert!(matches!(empty, AppendError::Invalid { .. }));
    let long = append(&ledger, Draft { origin: Some("x".repeat(1000)), ..draft(3, None) }).unwrap_err();
    assert!(matches!(long, AppendError::Invalid { .. }));
    assert_eq!(ledger.size(), 1);
}

#[test]
fn notices_are_published_once_and_kept_for_ever() {
    let world = World::new();
    let ledger = world.create();
    assert!(ledger.current_notice().unwrap().is_none());
    let publish = |document: &str| block_on(ledger.publish_notice(document.as_bytes().to_vec())).unwrap();
    let one = publish("one");
    assert!(one.changed && one.hash == sha256(b"one") && one.index == 0);
    assert!(!publish("one").changed);
    world.advance(5);
    let two = publish("two");
    decide(&ledger, 1);
    world.advance(5);
    let back = publish("one");
    assert!(back.changed && back.index == 3);
    let versions = ledger.notices().unwrap();
    let seen: Vec<_> = versions.iter().map(|v| (v.hash, v.replaced.map(|at| at - common::START))).collect();
    assert_eq!(seen, [(one.hash, Some(5)), (two.hash, Some(10)), (one.hash, None)]);
    assert_eq!(ledger.notice(&two.hash).unwrap().unwrap(), b"two");
    assert!(ledger.notice(&sha256(b"three")).unwrap().is_none());
    let (current, document) = ledger.current_notice().unwrap().unwrap();
    assert_eq!((current.index, document.as_slice()), (3, b"one".as_slice()));
    let report = ledger.check(&mut |_| {}).unwrap();
    assert_eq!((report.documents, report.records), (3, 1));
    drop(ledger);
    let ledger = world.open().unwrap();
    assert!(!block_on(ledger.publish_notice(b"one".to_vec())).unwrap().changed);
}

#[test]
fn contacts_are_found_by_hash_and_stand_nowhere_in_clear() {
    let world = World::new();
    let ledger = world.create();
    let email = Contact { channel: Channel::Email, address: "ada@example.org".into() };
    let phone = Contact { channel: Channel::Text, address: "+447700900123".into() };
    let signed_up = Draft { contacts: vec![email.clone(), phone.clone()], ..draft(1, None) };
    let appended = append(&ledger, signed_up).unwrap();
    decide(&ledger, 2);
    let hash = ledger.contact_hash(Channel::Email, "ada@example.org");
    let found = ledger.by_contact(&hash).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, &found[0].contacts), (appended.id, &vec![email, phone]));
    assert_eq!(found[0].record.contacts[0].hash, hash);
    assert!(ledger.by_contact(&ledger.contact_hash(Channel::Text, "ada@example.org")).unwrap().is_empty());
    assert!(!appended.receipt.to_json().contains("ada@"));
    assert!(!format!("{found:?}").contains("ada@") && !format!("{found:?}").contains("77009001"));
    ledger.check(&mut |_| {}).unwrap();
    // In the store: everything as bytes.
    world.store.tamper(&common::site(), |log| {
        let everything = format!("{log:?}");
        let address: Vec<String> = b"ada@example.org".iter().map(u8::to_string).collect();
        assert!(!everything.contains("ada@") && !everything.contains(&address.join(", ")));
    });
}

#[test]
fn the_clock_may_go_back_but_times_do_not() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    world.clock.0.store(common::START - 60_000, std::sync::atomic::Ordering::Relaxed);
    decide(&ledger, 2);
    drop(ledger);
    let ledger = world.open().unwrap();
    decide(&ledger, 3);
    let times = [1, 2, 3].map(|n| ledger.history(&subject(n)).unwrap()[0].time);
    assert_eq!(times, [common::START, common::START + 1, common::START + 2]);
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn every_month_that_records_are_due_in_has_a_secret_of_its_own() {
    let world = World::new();
    let ledger = world.create();
    let mut ids = Vec::new();
    for month in 2..5 {
        let retain_until = common::START + month * 31 * common::DAY;
        ids.push(append(&ledger, Draft { retain_until, ..draft(1, ids.last().copied()) }).unwrap().id);
    }
    drop(ledger);
    let ledger = world.open().unwrap();
    assert_eq!(ledger.history(&subject(1)).unwrap().iter().map(|opened| opened.id).collect::<Vec<_>>(), ids);
    let mut periods = BTreeSet::new();
    world.store.tamper(&common::site(), |log| {
        for row in log.rows.values() {
            periods.extend(Row::from_bytes(row).unwrap().record().map(|record| record.period));
        }
    });
    assert_eq!(periods.len(), 3);
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn tiles_and_bundles_are_the_published_tree() {
    let world = World::new();
    let ledger = world.create();
    let futures: Vec<_> = (0..600).map(|n| ledger.append(draft(n, None))).collect();
    futures.into_iter().for_each(|future| drop(block_on(future).unwrap()));
    let mut leaves = Vec::new();
    for (n, width) in [(0, 256), (1, 256), (2, 88)] {
        let bundle = ledger.entries(n, width).unwrap().unwrap();
        let entries = decode_bundle(&bundle, width).unwrap();
        let hashes: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let tile = ledger.tile(0, n, width).unwrap().unwrap();
        assert_eq!(decode_hashes(&tile, width).unwrap(), hashes);
        leaves.extend(hashes);
    }
    let signed = Checkpoint::verify(&ledger.checkpoint(), ledger.vkey()).unwrap();
    assert_eq!((signed.checkpoint().size, signed.checkpoint().root), (600, root_of(&leaves)));
    let upper = decode_hashes(&ledger.tile(1, 0, 2).unwrap().unwrap(), 2).unwrap();
    assert_eq!(upper, [root_of(&leaves[..256]), root_of(&leaves[256..512])]);
    // Partial tiles of earlier sizes stay; nothing wider than the tree is served.
    assert_eq!(ledger.tile(0, 2, 5).unwrap().unwrap().len(), 160);
    for (level, n, width) in [(0, 2, 89), (0, 3, 1), (1, 0, 3), (2, 0, 1), (0, 0, 0), (0, 0, 257), (63, 0, 1)]
    {
        assert!(ledger.tile(level, n, width).unwrap().is_none(), "{level} {n} {width}");
    }
    assert!(ledger.entries(2, 89).unwrap().is_none());
    ledger.check(&mut |_| {}).unwrap();
}

#[test]
fn many_at_once_share_commits() {
    let world = World::new();
    let ledger = world.create();
    let indices: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|thread| {
                let ledger = &ledger;
                scope.spawn(move || {
                    (0..20).map(|n| decide(ledger, thread * 100 + n % 5).index).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(indices.iter().collect::<BTreeSet<_>>().len(), 64 * 20, "every index once");
    let stats = ledger.stats().now();
    assert_eq!(stats.records, 64 * 20);
    assert!(stats.commits < stats.records, "{stats:?}");
    assert_eq!(ledger.check(&mut |_| {}).unwrap().records, 64 * 20);
    for receipt in ledger.history(&subject(3)).unwrap() {
        assert_good(&ledger, &ledger.receipt(&subject(3), receipt.id).unwrap().unwrap());
    }
}

#[test]
fn a_full_queue_says_busy_and_loses_nothing() {
    let world = World::new();
    drop(world.create());
    let store: Arc<dyn Store> = world.store.clone();
    let narrow = LogConfig { queue: 4, ..config(world.dir.path()) };
    let ledger = Ledger::open(narrow, store, &operator(), world.outside()).unwrap();
    let futures: Vec<_> = (0..2000).map(|n| ledger.append(draft(n, None))).collect();
    let outcomes: Vec<_> = futures.into_iter().map(block_on).collect();
    let recorded = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
    let busy = outcomes.iter().filter(|outcome| **outcome == Err(AppendError::Busy)).count() as u64;
    assert_eq!(recorded + busy, 2000);
    assert!(busy > 0);
    assert_eq!((ledger.size(), ledger.stats().now().busy), (recorded, busy));
}
