//! Leaving: erasure, restriction, holds, suppression and purge, each followed by the whole sweep and an export that
//! verifies; and a crash at each of their steps.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use assent_core::checkpoint::Checkpoint;
use assent_core::decision::Act;
use assent_core::export_format::{ExportSummary, ExportVerifier};
use assent_core::hash::Hash;
use assent_core::merkle::verify_consistency;
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_ledger::store::memory::{Fault, MemoryStore};
use assent_ledger::store::{Gone, GoneReason, Row, RowBody, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{
    AppendError, Appended, ChangePlace, CheckError, Clock as _, Contact, Draft, ErasureError, ExportFilter,
    Hold, Ledger, Opened, Owed, PurgePlan, ReadError, Retention,
};
use common::faulty::Faulty;
use common::{DAY, START, World, append, assert_good, config, decide, draft, keyed, site, subject};

/// Exports everything and verifies it as an auditor would.
fn audit(ledger: &Ledger) -> ExportSummary {
    let mut out = Vec::new();
    ledger.export(&ExportFilter::default(), &mut out, &mut |_| {}).unwrap();
    let mut verifier = ExportVerifier::new(Some(ledger.vkey().clone()));
    for line in std::str::from_utf8(&out).unwrap().lines() {
        verifier.line(line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
    }
    verifier.finish().unwrap()
}

fn sweep(ledger: &Ledger) -> ExportSummary {
    ledger.check(&mut |_| {}).unwrap();
    grew_from_every_checkpoint_seen(ledger);
    audit(ledger)
}

thread_local! {
    /// Every checkpoint that a sweep of this test found, by the log's key.
    static SEEN: RefCell<BTreeMap<String, Vec<String>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whatever left, each earlier checkpoint is signed by the key of today, and today's tree grew from it.
fn grew_from_every_checkpoint_seen(ledger: &Ledger) {
    let read = |note: &str| {
        let signed = Checkpoint::verify(note, ledger.vkey()).unwrap();
        (signed.checkpoint().size, signed.checkpoint().root)
    };
    let now = ledger.checkpoint().to_string();
    let (size, root) = read(&now);
    SEEN.with_borrow_mut(|seen| {
        let seen = seen.entry(ledger.vkey().to_string()).or_default();
        for (old, old_root) in seen.iter().map(|note| read(note)).filter(|(old, _)| *old > 0) {
            let proof = ledger.consistency(old, size).unwrap();
            verify_consistency(old, &old_root, size, &root, &proof).unwrap();
        }
        seen.push(now);
    });
}

fn erase(ledger: &Ledger, who: u64) -> Result<u64, ErasureError> {
    block_on(ledger.erase(subject(who), GoneReason::Asked, true))
}

fn with_contact(who: u64) -> Draft {
    let address = format!("person-{who}@example.org");
    Draft { contacts: vec![Contact { channel: Channel::Email, address }], ..draft(who, None) }
}

fn contact(ledger: &Ledger, who: u64) -> Hash {
    ledger.contact_hash(Channel::Email, &format!("person-{who}@example.org"))
}

/// Every byte below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes_below(&path) } else { std::fs::read(path).unwrap() });
    }
    all
}

#[test]
fn an_erased_person_is_found_nowhere_and_everybody_else_is_as_before() {
    let world = World::new();
    let ledger = world.create();
    let stays: Vec<Appended> = (10..20).map(|who| decide(&ledger, who)).collect();
    let first = append(&ledger, with_contact(1)).unwrap();
    let second = decide(&ledger, 1);
    let checkpoint = ledger.checkpoint();
    let before = ledger.size();

    assert_eq!(erase(&ledger, 1).unwrap(), 2);
    assert_eq!(erase(&ledger, 1).unwrap(), 0, "there is nothing left to erase");
    assert_eq!(ledger.size(), before, "no leaf says when one person went");
    assert!(ledger.history(&subject(1)).unwrap().is_empty());
    assert!(ledger.newest(&subject(1)).unwrap().is_none());
    assert!(ledger.receipt(&subject(1), first.id).unwrap().is_none());
    assert!(ledger.by_contact(&contact(&ledger, 1)).unwrap().is_empty());
    assert!(
        ledger.suppressed(&contact(&ledger, 1)).unwrap().is_some(),
        "the suppression outlives the record"
    );
    assert!(ledger.suppressed(&contact(&ledger, 2)).unwrap().is_none());
    let untold = sweep(&ledger);
    assert_eq!((untold.records, untold.gone, untold.untold), (10, 2, 2));

    // Two people of one day are told of in one leaf.
    assert_eq!(erase(&ledger, 10).unwrap(), 1);
    assert_eq!(block_on(ledger.tell_erasures()).unwrap(), 3);
    assert_eq!(block_on(ledger.tell_erasures()).unwrap(), 0);
    assert_eq!(ledger.size(), before + 1);
    let told = sweep(&ledger);
    assert_eq!((told.records, told.gone, told.untold, told.summaries), (9, 3, 0, 1));

    // Receipts of before verify, also the erased person's own: it is their copy.
    for appended in stays.iter().chain([&first, &second]) {
        assert_good(&ledger, appended);
    }
    let kept = ledger.receipt(&subject(11), stays[1].id).unwrap().unwrap();
    assert_eq!(kept.receipt.to_json(), stays[1].receipt.to_json());
    assert!(assent_core::checkpoint::Checkpoint::verify(&checkpoint, ledger.vkey()).is_ok());

    // Who comes back is a new person, with a history that begins anew.
    let again = decide(&ledger, 1);
    assert_eq!(ledger.history(&subject(1)).unwrap().len(), 1);
    drop(ledger);
    let ledger = world.open().unwrap();
    assert!(ledger.receipt(&subject(1), first.id).unwrap().is_none());
    assert!(ledger.receipt(&subject(1), again.id).unwrap().is_some());
    sweep(&ledger);
}

#[test]
fn an_acknowledged_change_shows_to_whoever_remembers() {
    let world = World::new();
    let ledger = world.create();
    append(&ledger, with_contact(1)).unwrap();
    let places = |ledger: &Ledger, who| {
        [ChangePlace::of_subject(&subject(who)), ChangePlace::of_contact(&contact(ledger, who))]
    };
    let hash = contact(&ledger, 1);
    // What is done, and whether it is about the person, or the address.
    type Does<'a> = &'a dyn Fn(&Ledger);
    let all: [(&str, Does<'_>, bool, bool); 10] = [
        ("somebody new decides", &|ledger| drop(decide(ledger, 2)), false, false),
        ("decides again", &|ledger| drop(decide(ledger, 1)), true, false),
        (
            "jobs",
            &|ledger| _ = block_on(ledger.set_jobs(vec![(b"k".to_vec(), Some(b"v".to_vec()))])).unwrap(),
            false,
            false,
        ),
        ("restricted", &|ledger| _ = block_on(ledger.restrict(subject(1), "r".into())).unwrap(), true, false),
        ("released", &|ledger| _ = block_on(ledger.release(subject(1))).unwrap(), true, false),
        ("bounced", &|ledger| _ = block_on(ledger.set_bounced(hash, true)).unwrap(), false, true),
        ("suppressed", &|ledger| _ = block_on(ledger.suppress(hash, true)).unwrap(), false, true),
        ("erased", &|ledger| _ = erase(ledger, 1).unwrap(), true, false),
        ("told", &|ledger| _ = block_on(ledger.tell_erasures()).unwrap(), false, false),
        ("named anew", &|ledger| drop(append(ledger, with_contact(1)).unwrap()), false, true),
    ];
    for (what, does, about_person, about_address) in all {
        let is_over = || ledger.unchanged_since(ledger.moment(), places(&ledger, 1));
        while !is_over() {
            std::thread::yield_now();
        }
        let moment = ledger.moment();
        does(&ledger);
        // Whoever asked hears of some changes a moment before they are over.
        while !is_over() {
            std::thread::yield_now();
        }
        let [person, address] = places(&ledger, 1).map(|place| ledger.unchanged_since(moment, [place]));
        assert_eq!((!person, !address), (about_person, about_address), "{what}");
        assert!(ledger.unchanged_since(moment, places(&ledger, 7)), "{what}: nothing about anybody else");
    }
    let mut named = Vec::new();
    assert!(
        ledger
            .each_contact(&mut |hash| {
                named.push(*hash);
                Ok(true)
            })
            .unwrap()
    );
    assert_eq!(named, [hash]);
}

#[test]
fn the_keys_of_the_erased_are_gone_from_the_disk() {
    let world = World::new();
    let ledger = world.create();
    append(&ledger, with_contact(1)).unwrap();
    let row = world.store.row(&common::site(), 0).unwrap().unwrap();
    let slot = row.record().unwrap().secret as usize;
    let keys = config(world.dir.path()).keys;
    let wrapped =
        std::fs::read(keys.join("subjects-00000.keys")).unwrap()[slot * 64..slot * 64 + 60].to_vec();
    let there = |needle: &[u8]| bytes_below(world.dir.path()).windows(needle.len()).any(|at| at == needle);
    assert!(there(&wrapped));
    erase(&ledger, 1).unwrap();
    assert!(!there(&wrapped));
}

#[test]
fn a_crash_in_an_erasure_is_finished_at_the_next_start() {
    // The commit that dooms the secrets ends well, and what follows does not: the last commit of an erasure is lost.
    for fault in [Fault::Lost, Fault::Refused] {
        let world = World::new();
        let ledger = world.create();
        decide(&ledger, 1);
        decide(&ledger, 2);
        world.store.inject([None, Some(fault)]);
        // One that was refused and not lost has done its work.
        assert_eq!(erase(&ledger, 1).is_ok(), fault == Fault::Refused);
        // Asked again in the same process, or started anew: either finishes it.
        assert_eq!(erase(&ledger, 1).unwrap(), 0);
        drop(ledger);
        let ledger = world.open().unwrap();
        assert_eq!(sweep(&ledger).gone, 1);
        decide(&ledger, 2);
    }
    // The commit itself fails: nothing is erased, and asking again erases.
    for fault in [Fault::Refused, Fault::Lost, Fault::AppliedUnheard] {
        let world = World::new();
        let ledger = world.create();
        decide(&ledger, 1);
        world.store.inject([Some(fault)]);
        erase(&ledger, 1).unwrap_err();
        let again = erase(&ledger, 1).unwrap();
        assert_eq!(again, u64::from(fault != Fault::AppliedUnheard));
        assert!(ledger.history(&subject(1)).unwrap().is_empty());
        assert_eq!(sweep(&ledger).gone, 1);
        drop(ledger);
        sweep(&world.open().unwrap());
    }
}

#[test]
fn a_restricted_person_is_not_read_until_released() {
    let world = World::new();
    let ledger = world.create();
    let first = decide(&ledger, 1);
    decide(&ledger, 2);
    assert_eq!(block_on(ledger.restrict(subject(1), "dispute-7".into())).unwrap(), 1);
    assert_eq!(block_on(ledger.restrict(subject(9), "nobody".into())).unwrap(), 0);
    let restriction = ledger.restriction_of(&subject(1)).unwrap().unwrap();
    assert_eq!((restriction.reason.as_str(), restriction.since), ("dispute-7", START));
    let refused = |ledger: &Ledger| {
        assert!(ledger.history(&subject(1)).unwrap().iter().all(|opened| opened.id != first.id));
        let read = ledger.receipt(&subject(1), first.id);
        assert!(matches!(read, Err(ReadError::Restricted { index: 0 })));
        let shown = sweep(ledger);
        assert_eq!(shown.withheld_by_reason.get("restricted"), Some(&1));
    };
    refused(&ledger);
    drop(ledger);
    let ledger = world.open().unwrap();
    refused(&ledger);
    // They may decide on, and that is read.
    let second = decide(&ledger, 1);
    assert_eq!(ledger.history(&subject(1)).unwrap().iter().map(|o| o.id).collect::<Vec<_>>(), [second.id]);
    assert_eq!(block_on(ledger.release(subject(1))).unwrap(), 2);
    assert!(ledger.restriction_of(&subject(1)).unwrap().is_none());
    assert_eq!(ledger.history(&subject(1)).unwrap().len(), 2);
    assert!(ledger.receipt(&subject(1), first.id).unwrap().is_some());
    assert_eq!(sweep(&ledger).withheld, 0);
    // Erasure reaches what is restricted.
    block_on(ledger.restrict(subject(1), "again".into())).unwrap();
    assert_eq!(erase(&ledger, 1).unwrap(), 2);
    assert!(ledger.restriction_of(&subject(1)).unwrap().is_none());
    assert_eq!(sweep(&ledger).gone, 2);
}

#[test]
fn what_is_held_is_neither_erased_nor_purged() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    let hold = Hold { reason: "claim-4".into(), review: "2027-03-01".into() };
    block_on(ledger.hold(subject(1), hold.clone())).unwrap();
    let ErasureError::Held(found) = erase(&ledger, 1).unwrap_err() else { panic!("it is held") };
    assert_eq!(found, hold);
    assert_eq!(ledger.holds().unwrap(), [(subject(1), hold)]);
    world.advance(800 * DAY);
    let plan = purge(&ledger, START + 800 * DAY);
    assert_eq!((plan.held, plan.purged.len()), (1, 0));
    assert_eq!(ledger.history(&subject(1)).unwrap().len(), 1);
    block_on(ledger.let_go(subject(1))).unwrap();
    assert_eq!(erase(&ledger, 1).unwrap(), 1);
    sweep(&ledger);
}

#[test]
fn a_contact_can_be_suppressed_and_let_back() {
    let world = World::new();
    let ledger = world.create();
    let contact = contact(&ledger, 1);
    block_on(ledger.suppress(contact, true)).unwrap();
    assert_eq!(ledger.suppressed(&contact).unwrap(), Some(START));
    drop(ledger);
    let ledger = world.open().unwrap();
    assert_eq!(ledger.suppressed(&contact).unwrap(), Some(START));
    block_on(ledger.suppress(contact, false)).unwrap();
    assert_eq!(ledger.suppressed(&contact).unwrap(), None);
}

/// What was erased on a Tuesday and not told on a Monday, or by a server that was started anew each week, stayed in the store.
#[test]
fn what_went_is_owed_until_it_is_reclaimed_whatever_happens_between() {
    let world = World::new();
    let mut ledger = world.create();
    assert_eq!(ledger.owed().unwrap(), Owed::Unknown, "an earlier release did not say");
    let reclaim = |ledger: &Ledger, meanwhile: &dyn Fn()| {
        ledger.note_reclaim(false).unwrap();
        meanwhile();
        ledger.note_reclaim(true).unwrap();
    };
    let today = || Owed::Since(u32::try_from(world.clock.now() / DAY).unwrap());
    reclaim(&ledger, &|| ());
    assert_eq!(ledger.owed().unwrap(), Owed::Nothing);
    (0..4).for_each(|who| drop(decide(&ledger, who)));
    block_on(ledger.set_jobs(vec![(b"read".into(), Some(b"sealed".into()))])).unwrap();
    block_on(ledger.set_jobs(vec![(b"other".into(), None)])).unwrap();
    assert_eq!(erase(&ledger, 99).unwrap(), 0);
    assert_eq!(ledger.owed().unwrap(), Owed::Nothing, "nothing went");

    let first = today();
    assert_eq!(erase(&ledger, 0).unwrap(), 1);
    world.advance(3 * DAY);
    assert_eq!(erase(&ledger, 1).unwrap(), 1);
    block_on(ledger.tell_erasures()).unwrap();
    drop(ledger);
    ledger = world.open().unwrap();
    assert_eq!(ledger.owed().unwrap(), first, "the oldest counts, also after a start");

    reclaim(&ledger, &|| assert_eq!(erase(&ledger, 2).unwrap(), 1));
    assert_eq!(ledger.owed().unwrap(), today(), "what goes while bytes are copied may be among them");
    ledger.note_reclaim(false).unwrap();
    drop(ledger);
    ledger = world.open().unwrap();
    assert_eq!(ledger.owed().unwrap(), Owed::Unknown, "it did not come to its end");

    reclaim(&ledger, &|| ());
    block_on(ledger.forget_jobs(vec![b"read".into()])).unwrap();
    assert_eq!((ledger.job(b"read").unwrap(), ledger.owed().unwrap()), (None, today()));
    reclaim(&ledger, &|| ());
    world.advance(500 * DAY);
    purge(&ledger, START + 503 * DAY);
    assert_eq!(ledger.owed().unwrap(), today());
}

/// 400 days after its subject's newest record, as drafts here say too.
fn due(_: &Opened, newest: u64) -> Result<u64, ReadError> {
    Ok(newest + 400 * DAY)
}

fn purge(ledger: &Ledger, now: u64) -> PurgePlan {
    let retention = Retention { now, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge_plan(&retention, &mut |_| {}).unwrap();
    let size = ledger.size();
    let done = ledger.purge(&retention, &mut |_| {}).unwrap();
    assert_eq!(plan, done, "a dry run says what happens");
    assert_eq!(ledger.size(), size + done.purged.len() as u64, "one leaf for each month");
    done
}

/// A browser that did not hear the answer asks for it again, and says only then what it has to say next.
#[test]
fn who_asks_again_for_what_is_frozen_or_gone_is_told_so_and_not_to_wait() {
    let world = World::new();
    let ledger = world.create();
    let ask = |who: u64| append(&ledger, keyed(draft(who, None), "key", "the same"));
    for who in 1..3 {
        ask(who).unwrap();
    }
    block_on(ledger.restrict(subject(1), "dispute".into())).unwrap();
    assert_eq!(ask(1).unwrap_err(), AppendError::Restricted);
    block_on(ledger.release(subject(1))).unwrap();
    assert!(ask(1).unwrap().replayed);
    world.advance(500 * DAY);
    assert_eq!(purge(&ledger, START + 500 * DAY).purged.values().sum::<u64>(), 2);
    assert_eq!(ask(2).unwrap_err(), AppendError::Gone);
}

#[test]
fn a_month_is_purged_and_what_is_in_use_is_carried_over() {
    let world = World::new();
    let ledger = world.create();
    let old: Vec<Appended> = (0..5).map(|who| decide(&ledger, who)).collect();
    world.advance(200 * DAY);
    // Person 0 comes back; person 9 is new.
    let drafted = |who: u64, previous| Draft { retain_until: START + 600 * DAY, ..draft(who, previous) };
    append(&ledger, drafted(0, Some(old[0].id))).unwrap();
    append(&ledger, drafted(9, None)).unwrap();
    assert_eq!(purge(&ledger, START + 200 * DAY), PurgePlan::default(), "nothing is due yet");

    world.advance(300 * DAY);
    let plan = purge(&ledger, START + 500 * DAY);
    // 22 November 2026 and 400 days: due in December 2027, so they go with November.
    assert_eq!(plan.purged, [("2027-11".to_string(), 4)].into());
    assert_eq!((plan.carried, plan.held), (1, 0), "a chain's first event lives as long as its last");
    let check = |ledger: &Ledger| {
        assert_eq!(ledger.history(&subject(0)).unwrap().len(), 2);
        for (who, appended) in (0..).zip(&old).skip(1) {
            assert!(ledger.history(&subject(who)).unwrap().is_empty());
            assert!(ledger.receipt(&subject(who), appended.id).unwrap().is_none());
            assert_good(ledger, appended);
        }
        let shown = sweep(ledger);
        assert_eq!((shown.records, shown.gone, shown.summaries), (3, 4, 1));
        assert_eq!(shown.gone_by_reason.get("purged-retention"), Some(&4));
    };
    check(&ledger);
    assert_eq!(purge(&ledger, START + 500 * DAY), PurgePlan::default(), "done is done");
    drop(ledger);
    let ledger = world.open().unwrap();
    check(&ledger);
    // Somebody who was purged comes back, or asks to be erased.
    assert_eq!(erase(&ledger, 2).unwrap(), 1);
    check(&ledger);
    decide(&ledger, 3);
    // Space is given back: tombstones take the rows' place.
    let reclaimed = world.store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
    assert_eq!(reclaimed.rows, 3);
    ledger.check(&mut |_| {}).unwrap();
    assert_eq!(ledger.history(&subject(0)).unwrap().len(), 2);
    drop(ledger);
    let ledger = world.open().unwrap();
    let shown = sweep(&ledger);
    assert_eq!((shown.records, shown.gone), (4, 4));
    // And the next years go as well.
    world.advance(500 * DAY);
    purge(&ledger, START + 1000 * DAY);
    assert_eq!(sweep(&ledger).records, 0);
}

/// A month that was told of once was told of for ever: records could be hidden under its name.
#[test]
fn a_record_that_came_after_a_purge_is_not_gone_with_it() {
    let world = World::new();
    let ledger = world.create();
    (0..4).for_each(|who| drop(decide(&ledger, who)));
    world.advance(500 * DAY);
    purge(&ledger, START + 500 * DAY);
    let index = append(&ledger, Draft { retain_until: START + 900 * DAY, ..draft(9, None) }).unwrap().index;
    ledger.check(&mut |_| {}).unwrap();
    world.store.tamper(&site(), |log| {
        let row = log.rows.get_mut(&index).unwrap();
        let mut read = Row::from_bytes(row).unwrap();
        let (reason, period) = (GoneReason::Retention, 2027 * 12 + 10);
        read.body = RowBody::Gone(Gone { reason, day: 21_000, period });
        *row = read.to_bytes();
    });
    let wrong = ledger.check(&mut |_| {}).unwrap_err();
    assert!(matches!(wrong, CheckError::Entry { index: at, .. } if at == index), "{wrong}");
}

/// Somebody's export called the purged records of others "not asked for", and the purge's own summary contradicted it.
#[test]
fn one_persons_export_after_a_purge_adds_up() {
    let world = World::new();
    let ledger = world.create();
    (0..4).for_each(|who| drop(decide(&ledger, who)));
    world.advance(500 * DAY);
    purge(&ledger, START + 500 * DAY);
    append(&ledger, Draft { retain_until: START + 900 * DAY, ..draft(9, None) }).unwrap();
    let subjects = Some([subject(9)].into());
    let mut out = Vec::new();
    ledger.export(&ExportFilter { subjects, ..ExportFilter::default() }, &mut out, &mut |_| {}).unwrap();
    let mut verifier = ExportVerifier::new(None);
    std::str::from_utf8(&out).unwrap().lines().for_each(|line| drop(verifier.line(line).unwrap()));
    let shown = verifier.finish().unwrap();
    assert_eq!((shown.records, shown.gone, shown.untold), (1, 4, 0));
}

#[test]
fn a_crash_in_a_purge_is_finished_at_the_next_start() {
    for fault in [Fault::Refused, Fault::Lost, Fault::AppliedUnheard] {
        for step in 0..2 {
            let world = World::new();
            let ledger = world.create();
            (0..4).for_each(|who| drop(decide(&ledger, who)));
            purge(&ledger, START);
            world.advance(500 * DAY);
            let mut plan = vec![None; step];
            plan.push(Some(fault));
            world.store.inject(plan);
            let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
            let purged = ledger.purge(&retention, &mut |_| {});
            assert_eq!(purged.is_ok(), fault == Fault::Refused && step == 1);
            drop(ledger);
            let ledger = world.open().unwrap();
            sweep(&ledger);
            ledger.purge(&retention, &mut |_| {}).unwrap();
            let shown = sweep(&ledger);
            assert_eq!((shown.records, shown.gone, shown.summaries), (0, 4, 1), "{fault:?} at step {step}");
        }
    }
}

#[test]
fn a_clock_far_back_is_refused_and_accepted_on_purpose() {
    let world = World::new();
    world.advance(365 * DAY);
    let ledger = world.create();
    decide(&ledger, 1);
    drop(ledger);
    world.clock.0.store(START, std::sync::atomic::Ordering::Relaxed);
    let refused = world.open().unwrap_err().to_string();
    assert!(refused.contains("clock") && refused.contains("2027-11-22"), "{refused}");
    let accepting = assent_ledger::LogConfig { accept_clock: true, ..config(world.dir.path()) };
    let ledger = Ledger::open(accepting, world.store.clone(), &common::operator(), world.outside()).unwrap();
    decide(&ledger, 1);
}

/// A purge went by what it had seen when it looked: whoever was held meanwhile was purged, and whoever was erased meanwhile
/// was counted in a leaf that no tombstone agreed with.
#[test]
fn what_is_wished_while_a_purge_looks_is_done() {
    let world = World::new();
    let ledger = world.create();
    (0..6).for_each(|who| drop(decide(&ledger, who)));
    world.advance(500 * DAY);
    let (looked, hold) = (std::cell::Cell::new(0), Hold { reason: "x".into(), review: "2029-01-01".into() });
    let due = |_: &Opened, newest: u64| {
        looked.set(looked.get() + 1);
        match looked.get() {
            // One that was looked at, and one that is next; and again while they are looked at again.
            3 => drop((erase(&ledger, 0).unwrap(), block_on(ledger.hold(subject(4), hold.clone())).unwrap())),
            5 => drop(block_on(ledger.restrict(subject(1), "dispute".into())).unwrap()),
            8 => drop(erase(&ledger, 5).unwrap()),
            _ => {}
        }
        Ok(newest + 400 * DAY)
    };
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge(&retention, &mut |_| {}).unwrap();
    assert_eq!((plan.purged.values().sum::<u64>(), plan.held, plan.carried), (2, 2, 0));
    assert_eq!(ledger.history(&subject(4)).unwrap().len(), 1, "it was held");
    block_on(ledger.tell_erasures()).unwrap();
    let shown = sweep(&ledger);
    assert_eq!((shown.records, shown.gone, shown.summaries), (1, 4, 2));
    block_on(ledger.release(subject(1))).unwrap();
    assert_eq!(ledger.history(&subject(1)).unwrap().len(), 1, "it was restricted");
    sweep(&ledger);
}

/// Whoever came back between the look and the purge lost the records that their new one goes on from.
#[test]
fn who_comes_back_while_a_purge_looks_keeps_what_they_said_before() {
    let world = World::new();
    let ledger = world.create();
    (0..6).for_each(|who| drop(decide(&ledger, who)));
    world.advance(500 * DAY);
    let looked = std::cell::Cell::new(0);
    let back = |who: u64| {
        let previous = ledger.newest(&subject(who)).unwrap();
        append(&ledger, Draft { retain_until: START + 900 * DAY, ..draft(who, previous) }).unwrap();
    };
    let due = |_: &Opened, newest: u64| {
        looked.set(looked.get() + 1);
        match looked.get() {
            // One that was looked at, and one more while they are looked at again.
            3 => back(0),
            8 => back(1),
            _ => {}
        }
        Ok(newest + 400 * DAY)
    };
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge(&retention, &mut |_| {}).unwrap();
    assert_eq!((plan.purged.values().sum::<u64>(), plan.carried), (4, 2));
    for who in [0, 1] {
        assert_eq!(ledger.history(&subject(who)).unwrap().len(), 2, "{who}");
    }
    assert_eq!(sweep(&ledger).records, 4);
}

/// The log stood still for as long as it took to look up everybody who came back meanwhile.
#[test]
fn who_comes_back_while_a_purge_looks_is_looked_up_beside_what_others_decide() {
    let (world, store) = (World::new(), Faulty::on(MemoryStore::new()));
    let config = config(world.dir.path());
    let ledger = Ledger::create(config, store.clone(), &common::operator(), world.outside()).unwrap();
    (0..3).for_each(|who| drop(decide(&ledger, who)));
    world.advance(500 * DAY);
    let decides = |who: u64| {
        let previous = ledger.newest(&subject(who)).unwrap();
        append(&ledger, Draft { retain_until: START + 900 * DAY, ..draft(who, previous) }).unwrap();
    };
    (10..30).for_each(decides);
    store.plan(None);
    let looked = std::cell::Cell::new(false);
    let due = |_: &Opened, newest: u64| {
        if !looked.replace(true) {
            (10..30).for_each(decides);
        }
        Ok(newest + 400 * DAY)
    };
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge(&retention, &mut |_| {}).unwrap();
    assert_eq!(plan.purged, [("2027-11".to_string(), 3)].into());
    assert!(store.calls().contains(&"records"));
    assert!(!store.calls_on("log-clinic").contains(&"records"));
}

/// The month was fixed when a record was appended: shorter rules changed the schedule that people read, and nothing else.
#[test]
fn shorter_rules_reach_what_is_there() {
    let world = World::new();
    let ledger = world.create();
    (0..4).for_each(|who| drop(decide(&ledger, who)));
    block_on(ledger.hold(subject(3), Hold { reason: "x".into(), review: "2029-01-01".into() })).unwrap();
    let looked = std::cell::Cell::new(0);
    let purges = |policy: u8, days: u64, now: u64| {
        looked.set(0);
        let due = |_: &Opened, newest: u64| {
            looked.set(looked.get() + 1);
            Ok(newest + days * DAY)
        };
        let retention = Retention { now, policy: Hash([policy; 32]), due: &due };
        let plan = ledger.purge_plan(&retention, &mut |_| {}).unwrap();
        assert_eq!(ledger.purge(&retention, &mut |_| {}).unwrap(), plan, "a dry run says what happens");
        (plan.purged.values().sum::<u64>(), plan.carried, plan.held)
    };
    // Who is held is looked at each month.
    assert_eq!((purges(3, 400, START), looked.get()), ((0, 0, 1), 6));
    world.advance(100 * DAY);
    assert_eq!((purges(3, 400, START + 100 * DAY), looked.get()), ((0, 0, 1), 0), "nothing is new");
    // Due in 200 days: that month.
    assert_eq!(purges(4, 200, START + 100 * DAY), (0, 3, 0));
    // Over for long: as soon as this month is.
    assert_eq!((purges(5, 50, START + 100 * DAY), looked.get()), ((0, 3, 0), 6));
    assert_eq!((purges(5, 50, START + 101 * DAY), looked.get()), ((0, 0, 0), 0));
    world.advance(31 * DAY);
    assert_eq!(purges(5, 50, START + 131 * DAY), (3, 0, 1));
    assert_eq!(sweep(&ledger).records, 1);
    block_on(ledger.let_go(subject(3))).unwrap();
    world.advance(31 * DAY);
    assert_eq!(purges(5, 50, START + 162 * DAY), (1, 0, 0));
    assert_eq!(sweep(&ledger).records, 0);
}

/// Each sign-up has a subject of its own: an address that was used again while a purge looked was not seen to be.
#[test]
fn who_comes_back_by_an_address_while_a_purge_looks_keeps_what_they_said_before() {
    let world = World::new();
    let ledger = world.create();
    (0..3).for_each(|who| drop(append(&ledger, with_contact(who)).unwrap()));
    world.advance(500 * DAY);
    let looked = std::cell::Cell::new(0);
    let due = |opened: &Opened, _| {
        looked.set(looked.get() + 1);
        if looked.get() == 3 {
            let retain_until = START + 900 * DAY;
            append(&ledger, Draft { subject: subject(50), retain_until, ..with_contact(0) }).unwrap();
        }
        Ok(ledger.last_heard_of(&opened.record.contacts[0].hash)?.unwrap() + 400 * DAY)
    };
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge(&retention, &mut |_| {}).unwrap();
    assert_eq!((plan.purged.values().sum::<u64>(), plan.carried), (2, 1));
    assert_eq!(ledger.said_by(&contact(&ledger, 0)).unwrap().len(), 2);
    assert_eq!(sweep(&ledger).records, 2);
}

/// They gave that hour's records their month, and by night nothing seemed to have changed.
#[test]
fn rules_that_were_others_for_an_hour_leave_nothing_behind() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    purge(&ledger, START);
    block_on(ledger.publish_change(b"eighty years".to_vec())).unwrap();
    append(&ledger, Draft { retain_until: START + 29_000 * DAY, ..draft(2, None) }).unwrap();
    block_on(ledger.publish_change(b"as before".to_vec())).unwrap();
    assert_eq!(purge(&ledger, START).carried, 1);
    world.advance(500 * DAY);
    assert_eq!(purge(&ledger, START + 500 * DAY).purged, [("2027-11".to_string(), 2)].into());
}

/// Makes a record that does not open of one that does, and the other way round.
fn flip_row(world: &World, index: u64) {
    world.store.tamper(&site(), |log| {
        let row = log.rows.get_mut(&index).unwrap();
        let mut read = Row::from_bytes(row).unwrap();
        let RowBody::Record(record) = &mut read.body else { panic!("a record is one") };
        *record.sealed.last_mut().unwrap() ^= 1;
        *row = read.to_bytes();
    });
}

/// It ended the whole purge, of that month and of every later one.
#[test]
fn a_record_that_cannot_be_read_keeps_its_month_and_no_other() {
    let world = World::new();
    let ledger = world.create();
    (0..3).for_each(|who| drop(decide(&ledger, who)));
    append(&ledger, Draft { retain_until: START + 430 * DAY, ..draft(9, None) }).unwrap();
    world.advance(500 * DAY);
    flip_row(&world, 0);
    let plan = purge(&ledger, START + 500 * DAY);
    assert_eq!(plan.purged, [("2027-12".to_string(), 1)].into());
    assert_eq!(plan.blocked, ["2027-11".to_string()].into());
    flip_row(&world, 0);
    let plan = purge(&ledger, START + 500 * DAY);
    assert_eq!((plan.purged, plan.blocked), ([("2027-11".to_string(), 3)].into(), [].into()));
    assert_eq!(sweep(&ledger).records, 0);
}

/// What is held is carried over, and what does not open cannot be: that ended the purge, too.
#[test]
fn a_held_record_that_cannot_be_read_keeps_its_month_and_no_other() {
    let world = World::new();
    let ledger = world.create();
    (0..3).for_each(|who| drop(decide(&ledger, who)));
    append(&ledger, Draft { retain_until: START + 430 * DAY, ..draft(9, None) }).unwrap();
    block_on(ledger.hold(subject(0), Hold { reason: "x".into(), review: "2029-01-01".into() })).unwrap();
    world.advance(500 * DAY);
    flip_row(&world, 0);
    let plan = purge(&ledger, START + 500 * DAY);
    assert_eq!(plan.purged, [("2027-12".to_string(), 1)].into());
    assert_eq!(plan.blocked, ["2027-11".to_string()].into());
    flip_row(&world, 0);
    let plan = purge(&ledger, START + 500 * DAY);
    assert_eq!((plan.purged, plan.held), ([("2027-11".to_string(), 2)].into(), 1));
    assert_eq!(sweep(&ledger).records, 1);
}

/// What was looked at and is damaged when it is looked at again ended the purge, of every month.
#[test]
fn what_is_damaged_while_a_purge_looks_keeps_its_month_and_no_other() {
    let world = World::new();
    let ledger = world.create();
    (0..3).for_each(|who| drop(decide(&ledger, who)));
    append(&ledger, Draft { retain_until: START + 430 * DAY, ..draft(9, None) }).unwrap();
    world.advance(500 * DAY);
    let looked = std::cell::Cell::new(0);
    let due = |_: &Opened, newest: u64| {
        looked.set(looked.get() + 1);
        if looked.get() == 4 {
            world.store.tamper(&site(), |log| drop(log.rows.insert(0, Vec::new())));
            erase(&ledger, 1).unwrap();
        }
        Ok(newest + 400 * DAY)
    };
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge(&retention, &mut |_| {}).unwrap();
    assert_eq!(plan.purged, [("2027-12".to_string(), 1)].into());
    assert_eq!(plan.blocked, ["2027-11".to_string()].into());
}

/// A row that is none any more may be of any month since it was taken down, and of none before.
#[test]
fn a_row_that_is_damaged_keeps_what_it_may_be_of() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    world.advance(450 * DAY);
    let later = |who| append(&ledger, Draft { retain_until: START + 850 * DAY, ..draft(who, None) }).unwrap();
    let (_, damaged) = (later(2), later(3).index);
    let mut whole = Vec::new();
    world.store.tamper(&site(), |log| whole = std::mem::take(log.rows.get_mut(&damaged).unwrap()));
    assert_eq!(purge(&ledger, START + 500 * DAY).purged, [("2027-11".to_string(), 1)].into());
    world.advance(500 * DAY);
    let plan = purge(&ledger, START + 950 * DAY);
    assert_eq!((plan.purged.len(), plan.blocked.len()), (0, 1));
    world.store.tamper(&site(), |log| drop(log.rows.insert(damaged, whole)));
    assert_eq!(purge(&ledger, START + 950 * DAY).purged.values().sum::<u64>(), 2);
    assert_eq!(sweep(&ledger).records, 0);
}

/// They were taken for compared with all rows, and a row that could not be read that night kept its month.
#[test]
fn new_rules_are_not_done_with_before_every_row_was_read() {
    let world = World::new();
    let ledger = world.create();
    (0..3).for_each(|who| drop(decide(&ledger, who)));
    let looked = std::cell::Cell::new(0);
    let carried = |policy: u8, days: u64| {
        looked.set(0);
        let due = |_: &Opened, newest: u64| {
            looked.set(looked.get() + 1);
            Ok(newest + days * DAY)
        };
        let retention = Retention { now: START, policy: Hash([policy; 32]), due: &due };
        ledger.purge(&retention, &mut |_| {}).unwrap().carried
    };
    assert_eq!(carried(3, 400), 0);
    let mut whole = Vec::new();
    world.store.tamper(&site(), |log| whole = std::mem::take(log.rows.get_mut(&1).unwrap()));
    assert_eq!(carried(4, 200), 2);
    assert_eq!((carried(4, 200), looked.get()), (0, 0), "but those that were are done");
    world.store.tamper(&site(), |log| drop(log.rows.insert(1, whole)));
    assert_eq!((carried(4, 200), carried(4, 200)), (1, 0));
    sweep(&ledger);
}

/// The server's own note that an alert ended made whoever did nothing look as if they had come back.
#[test]
fn that_an_alert_ended_is_no_use_of_it() {
    let world = World::new();
    let ledger = world.create();
    let first = append(&ledger, with_contact(1)).unwrap();
    world.advance(300 * DAY);
    let ended = Draft { act: Act::Expiry, surface: Surface::Server, ..with_contact(1) };
    append(&ledger, Draft { expect_previous: Some(first.id), ..ended }).unwrap();
    assert_eq!(ledger.last_heard_of(&contact(&ledger, 1)).unwrap(), Some(START));
    world.advance(200 * DAY);
    assert_eq!(purge(&ledger, START + 500 * DAY).purged, [("2027-11".to_string(), 2)].into());
    sweep(&ledger);
}

/// The mark was there and the secret could not be moved: the records could be read until somebody wrote something.
#[test]
fn a_restriction_that_cannot_be_finished_is_one() {
    let world = World::new();
    let ledger = world.create();
    let appended = decide(&ledger, 1);
    decide(&ledger, 2);
    let in_the_way = config(world.dir.path()).keys.join("escrow.new");
    std::fs::create_dir(&in_the_way).unwrap();
    assert!(block_on(ledger.restrict(subject(1), "dispute".into())).is_err());
    assert!(ledger.history(&subject(1)).unwrap().is_empty());
    assert!(matches!(ledger.receipt(&subject(1), appended.id), Err(ReadError::Restricted { .. })));
    assert_eq!(ledger.history(&subject(2)).unwrap().len(), 1);
    std::fs::remove_dir(&in_the_way).unwrap();
    block_on(ledger.settle()).unwrap();
    assert!(ledger.history(&subject(1)).unwrap().is_empty());
    block_on(ledger.release(subject(1))).unwrap();
    assert_eq!(ledger.history(&subject(1)).unwrap().len(), 1);
    sweep(&ledger);
}

/// A check, an export or a reader that met an erasure half way called the log damaged.
#[test]
fn readers_beside_erasures_and_purges_see_no_damage() {
    const PEOPLE: u64 = 300;
    let world = World::new();
    let ledger = world.create();
    let receipts: Vec<_> = (0..PEOPLE).map(|who| decide(&ledger, who).id).collect();
    world.advance(500 * DAY);
    let done = std::sync::atomic::AtomicBool::new(false);
    let ends = || done.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        let readers = [
            scope.spawn(|| {
                while !ends() {
                    ledger.check(&mut |_| {}).unwrap();
                }
            }),
            scope.spawn(|| {
                while !ends() {
                    audit(&ledger);
                }
            }),
            scope.spawn(|| {
                while !ends() {
                    for (who, id) in (0..).zip(&receipts) {
                        ledger.receipt(&subject(who), *id).unwrap();
                        ledger.history(&subject(who)).unwrap();
                    }
                }
            }),
        ];
        let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
        for who in 0..PEOPLE / 2 {
            erase(&ledger, who).unwrap();
            if who % 8 == 0 {
                block_on(ledger.tell_erasures()).unwrap();
            }
        }
        ledger.purge(&retention, &mut |_| {}).unwrap();
        block_on(ledger.tell_erasures()).unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        readers.map(|reader| reader.join().unwrap())
    });
    let shown = sweep(&ledger);
    assert_eq!((shown.records, shown.gone), (0, PEOPLE));
}
