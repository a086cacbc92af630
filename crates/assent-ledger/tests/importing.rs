//! A log that is taken over: the same receipts, nothing more in it, and an import that goes on where it was cut short.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_core::commitment::Salt;
use assent_core::export_format::Line;
use assent_core::hash::{Hash, sha256};
use assent_core::tile::decode_bundle;
use assent_ledger::store::memory::MemoryStore;
use assent_ledger::store::{DocumentKind, GoneReason, Store};
use assent_ledger::testing::{MemoryParts, block_on};
use assent_ledger::{
    AppendError, Appended, Contact, CreateError, ExportFilter, Import, ImportError, Imported, ImportedBody,
    Ledger, Opened, Retention, is_unfinished, restore,
};
use common::faulty::{Fault, Faulty, ways};
use common::{DAY, START, World, append, config, decide, draft, operator, site, subject};

/// Everything that a bundle would bring.
struct Brought {
    entries: Vec<Imported>,
    checkpoints: BTreeMap<u64, String>,
    head: String,
}

fn brought(ledger: &Ledger) -> Brought {
    let mut bytes = Vec::new();
    ledger.export(&ExportFilter::default(), &mut bytes, &mut |_| ()).unwrap();
    let leaf = |index: u64| -> [u8; 34] {
        let width = (ledger.size() - index / 256 * 256).min(256) as u16;
        let bundle = ledger.entries(index / 256, width).unwrap().unwrap();
        decode_bundle(&bundle, width).unwrap()[(index % 256) as usize].try_into().unwrap()
    };
    let mut checkpoints = BTreeMap::new();
    let mut entries = Vec::new();
    for line in std::str::from_utf8(&bytes).unwrap().lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let Some(index) = line.index() else { continue };
        let body = match line {
            Line::Record(line) => {
                let (covering, due) = (line.covered_by, START + 400 * DAY);
                checkpoints.insert(covering, ledger.checkpoint_at(covering).unwrap().unwrap().to_string());
                let salt = Salt::from_base64(&line.salt).unwrap();
                ImportedBody::Record { record: line.record, salt, covering, due }
            }
            Line::Notice(line) => ImportedBody::Document(DocumentKind::Notice, line.document.into_bytes()),
            Line::Erasures(line) => {
                ImportedBody::Summary(line.document.into_bytes(), Salt::from_base64(&line.salt).unwrap())
            }
            Line::Gone(_) => ImportedBody::Gone(assent_ledger::store::Gone {
                reason: GoneReason::Asked,
                day: u32::try_from(START / DAY).unwrap(),
                period: 0,
            }),
            other => panic!("{other:?}"),
        };
        entries.push(Imported { leaf: leaf(index), body });
    }
    Brought { entries, checkpoints, head: ledger.checkpoint().to_string() }
}

fn import(world: &World, from: &Ledger, brought: &Brought, first: usize) -> Result<Ledger, ImportError> {
    import_on(world, world.store.clone(), from, brought, first)
}

fn import_on(
    world: &World,
    store: Arc<dyn Store>,
    from: &Ledger,
    brought: &Brought,
    first: usize,
) -> Result<Ledger, ImportError> {
    let cut = std::iter::once(Err(ImportError::Source("the cable was pulled".into())));
    let whole = first >= brought.entries.len();
    let entries = brought.entries.iter().take(first).cloned().map(Ok);
    let mut entries: Box<dyn Iterator<Item = _>> =
        if whole { Box::new(entries) } else { Box::new(entries.chain(cut)) };
    let from = Import {
        key: from.vkey().clone(),
        head: brought.head.clone(),
        bundle: sha256(brought.head.as_bytes()),
        entries: &mut *entries,
        checkpoints: &mut brought.checkpoints.iter().map(|(size, note)| Ok((*size, note.clone()))),
    };
    Ledger::import(config(world.dir.path()), store, &operator(), world.outside(), from)
}

/// 600 people, 50 of whom decide twice, one with an address, and two who left; the summary tells of one of them.
fn a_log() -> (World, Ledger, Vec<(u64, Appended)>) {
    let world = World::new();
    let ledger = world.create();
    block_on(ledger.publish_notice(b"{\"a\":1}".to_vec())).unwrap();
    let mut receipts: Vec<(u64, Appended)> = (0..600).map(|n| (n, decide(&ledger, n))).collect();
    receipts.extend((0..50).map(|n| (n, decide(&ledger, n))));
    let mut linked = draft(1000, None);
    let (channel, address) = (assent_core::notice::Channel::Email, "ann@example.org".to_string());
    linked.contacts.push(Contact { channel, address });
    receipts.push((1000, append(&ledger, linked).unwrap()));
    for (who, tell) in [(100, true), (101, false)] {
        block_on(ledger.erase(subject(who), GoneReason::Asked, false)).unwrap();
        if tell {
            block_on(ledger.tell_erasures()).unwrap();
        }
        receipts.retain(|(n, _)| *n != who);
    }
    (world, ledger, receipts)
}

#[test]
fn the_same_receipts_come_out_and_nothing_goes_in() {
    let (_origin, ledger, receipts) = a_log();
    let brought = brought(&ledger);
    let world = World::new();
    // Cut short in the middle of a commit, and between two.
    for first in [300, 512] {
        assert!(matches!(import(&world, &ledger, &brought, first), Err(ImportError::Source(_))));
        assert!(world.open().is_err(), "a part of a log is not opened");
    }
    let copy = import(&world, &ledger, &brought, usize::MAX).unwrap();
    assert_eq!(
        (copy.vkey(), copy.checkpoint(), copy.is_imported()),
        (ledger.vkey(), ledger.checkpoint(), true)
    );
    let same = |copy: &Ledger| {
        for (who, appended) in &receipts {
            let found = copy.receipt(&subject(*who), appended.id).unwrap().unwrap();
            assert_eq!(found.receipt.to_json(), appended.receipt.to_json());
        }
        let report = copy.check(&mut |_| ()).unwrap();
        assert_eq!((report.records, report.gone), (receipts.len() as u64, 2));
        let exported = |ledger: &Ledger| {
            let mut bytes = Vec::new();
            ledger.export(&ExportFilter::default(), &mut bytes, &mut |_| ()).unwrap();
            bytes
        };
        assert!(exported(copy) == exported(&ledger), "the same export");
    };
    same(&copy);
    assert!(matches!(
        import(&world, &ledger, &brought, usize::MAX),
        Err(ImportError::Create(CreateError::Exists { .. }))
    ));
    let newest = copy.newest(&subject(3)).unwrap();
    assert_eq!(append(&copy, draft(3, newest)).unwrap_err(), AppendError::TakenOver);
    assert!(block_on(copy.publish_notice(b"{\"b\":1}".to_vec())).is_err());
    assert!(block_on(copy.tell_erasures()).is_err());
    assert!(copy.is_writable(), "what is refused stops nothing");
    drop(copy);
    let copy = world.open().unwrap();
    same(&copy);
    // People can still leave it.
    assert_eq!(block_on(copy.erase(subject(3), GoneReason::Asked, true)).unwrap(), 2);
    assert!(copy.history(&subject(3)).unwrap().is_empty());
    copy.check(&mut |_| ()).unwrap();
}

/// Whoever was erased between two exports came out half of the first and half of the second.
#[test]
fn an_import_goes_on_with_the_bundle_it_was_begun_with() {
    let (_origin, ledger, _) = a_log();
    let first = brought(&ledger);
    let world = World::new();
    assert!(matches!(import(&world, &ledger, &first, 300), Err(ImportError::Source(_))));
    decide(&ledger, 2000);
    let second = brought(&ledger);
    for _ in 0..2 {
        assert!(matches!(import(&world, &ledger, &second, usize::MAX), Err(ImportError::OtherBundle)));
    }
    let unfinished = || is_unfinished(&*world.store, &site(), &config(world.dir.path()).checkpoint).unwrap();
    assert!(unfinished());
    let copy = import(&world, &ledger, &first, usize::MAX).unwrap();
    assert_eq!(&*copy.checkpoint(), first.head);
    assert!(!unfinished());
}

/// Nothing was ever purged from such a log, and each night failed for it.
#[test]
fn who_is_due_in_a_log_that_was_taken_over_is_erased_one_by_one() {
    let (_origin, ledger, receipts) = a_log();
    let world = World::new();
    let copy = import(&world, &ledger, &brought(&ledger), usize::MAX).unwrap();
    world.advance(500 * DAY);
    let kept = copy.receipt(&subject(7), receipts[7].1.id).unwrap().unwrap().index;
    // All of them but one of the two records of person 7.
    let due = |opened: &Opened, _: u64| Ok(START + if opened.index == kept { 900 } else { 400 } * DAY);
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = copy.purge_plan(&retention, &mut |_| ()).unwrap();
    let done = copy.purge(&retention, &mut |_| ()).unwrap();
    assert_eq!((&plan, done.purged.values().sum::<u64>()), (&done, receipts.len() as u64 - 2));
    assert_eq!(copy.history(&subject(7)).unwrap().len(), 2);
    assert_eq!(copy.check(&mut |_| ()).unwrap().records, 2);
    assert_eq!(copy.checkpoint(), ledger.checkpoint());
}

#[test]
fn a_backup_of_it_comes_back_as_a_log_that_was_taken_over() {
    let (_origin, ledger, receipts) = a_log();
    let world = World::new();
    let copy = import(&world, &ledger, &brought(&ledger), usize::MAX).unwrap();
    // Leaving it goes into the backup, too.
    block_on(copy.erase(subject(3), GoneReason::Asked, false)).unwrap();
    let kept = MemoryParts::default();
    let backup = copy.copy(&kept, &mut |_| {}).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    restore(&backup, &kept, &config(dir.path()), &*store, &mut |_| {}).unwrap();
    let again = Ledger::open(config(dir.path()), store, &operator(), world.outside()).unwrap();
    assert_eq!(
        (again.vkey(), again.checkpoint(), again.is_imported()),
        (ledger.vkey(), ledger.checkpoint(), true)
    );
    for (who, appended) in &receipts {
        let found = again.receipt(&subject(*who), appended.id).unwrap();
        let json = found.map(|found| found.receipt.to_json());
        assert_eq!(json, (*who != 3).then(|| appended.receipt.to_json()), "{who}");
    }
    again.check(&mut |_| ()).unwrap();
    assert_eq!(append(&again, draft(2000, None)).unwrap_err(), AppendError::TakenOver);
}

#[test]
fn what_is_not_the_log_is_not_taken_over() {
    let (_origin, ledger, _) = a_log();
    let good = brought(&ledger);
    let refused = |change: &dyn Fn(&mut Brought)| {
        let mut bad = Brought {
            entries: good.entries.clone(),
            checkpoints: good.checkpoints.clone(),
            head: good.head.clone(),
        };
        change(&mut bad);
        let world = World::new();
        let error = import(&world, &ledger, &bad, usize::MAX).unwrap_err();
        assert!(world.open().is_err());
        error
    };
    assert!(
        matches!(refused(&|bad| drop(bad.entries.pop())), ImportError::Differs { index } if index + 1 == ledger.size())
    );
    assert!(matches!(refused(&|bad| bad.entries.swap(7, 8)), ImportError::Differs { .. }));
    assert!(matches!(refused(&|bad| bad.entries[9].leaf[5] ^= 1), ImportError::Differs { index: 9 }));
    assert!(matches!(refused(&|bad| bad.head = bad.head.replacen("log\n6", "log\n7", 1)), ImportError::Head));
}

/// Whatever fails: the import says so, no part of the log is shown, and the same import again makes it whole.
#[test]
fn an_import_may_fail_at_every_call_in_every_way() {
    // Every call of a small log; of one that takes several commits, only those.
    for (people, commits_only) in [(6, false), (300, true)] {
        let origin = World::new();
        let ledger = origin.create();
        block_on(ledger.publish_notice(b"{\"a\":1}".to_vec())).unwrap();
        let mut receipts: Vec<(u64, Appended)> = (0..people).map(|n| (n, decide(&ledger, n))).collect();
        block_on(ledger.erase(subject(2), GoneReason::Asked, false)).unwrap();
        block_on(ledger.tell_erasures()).unwrap();
        receipts.retain(|(n, _)| *n != 2);
        let brought = brought(&ledger);
        let into = |world: &World, store: &Arc<Faulty>| {
            import_on(world, store.clone(), &ledger, &brought, usize::MAX)
        };
        let (world, store) = (World::new(), Faulty::on(MemoryStore::new()));
        drop(into(&world, &store).unwrap());
        let calls = store.calls();
        let commits = calls.iter().filter(|call| **call == "commit").count();
        let parts = brought.entries.len().div_ceil(256) + brought.checkpoints.len() / 256 + 1;
        assert_eq!(commits, 1 + parts, "{people} people");
        for (at, call) in calls.iter().enumerate().filter(|(_, call)| !commits_only || **call == "commit") {
            for (fails, lasts) in ways(call).iter().flat_map(|fails| [(*fails, false), (*fails, true)]) {
                let context = format!("{people} people, call {at} ({call}) {fails:?}, lasting: {lasts}");
                let (world, store) = (World::new(), Faulty::on(MemoryStore::new()));
                store.plan(Some(Fault { at, fails, lasts }));
                assert!(into(&world, &store).is_err(), "{context}: it went on");
                store.plan(None);
                let open =
                    || Ledger::open(config(world.dir.path()), store.clone(), &operator(), world.outside());
                match open() {
                    // Only what came after the last step failed.
                    Ok(copy) => assert_eq!(copy.checkpoint(), ledger.checkpoint(), "{context}"),
                    Err(_) => drop(into(&world, &store).unwrap_or_else(|error| panic!("{context}: {error}"))),
                }
                let copy = open().unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!(copy.checkpoint(), ledger.checkpoint(), "{context}");
                assert!(copy.is_imported(), "{context}");
                for (who, appended) in receipts.iter().step_by(if commits_only { 60 } else { 1 }) {
                    let found = copy.receipt(&subject(*who), appended.id).unwrap().unwrap();
                    assert_eq!(found.receipt.to_json(), appended.receipt.to_json(), "{context}");
                }
                let report = copy.check(&mut |_| ()).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!((report.records, report.gone), (receipts.len() as u64, 1), "{context}");
            }
        }
    }
}
