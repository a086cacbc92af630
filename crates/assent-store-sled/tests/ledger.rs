//! A ledger on sled: many at once, reopened, checked, and nothing in clear on disk. Kills and worse are in `hardship`.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

#[path = "../../assent-ledger/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::sync::Arc;

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::notice::Channel;
use assent_ledger::store::{GoneReason, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{Contact, Draft, Ledger, LogConfig, Opened, Outside, Retention};
use assent_store_sled::SledStore;
use common::{DAY, START, World, append, operator};

fn config(dir: &Path, site: &str) -> LogConfig {
    LogConfig {
        site: SiteId::new(site).unwrap(),
        origin: format!("privacy.example.org/v1/{site}/log"),
        keys: dir.join("keys").join(site),
        checkpoint: dir.join("checkpoints").join(site),
        ..common::config(dir)
    }
}

fn draft(number: u64) -> Draft {
    let contact = Contact { channel: Channel::Email, address: format!("ada-{number}@example.org") };
    Draft { contacts: vec![contact], retain_until: 0, ..common::draft(number, None) }
}

/// Every byte below a folder.
fn bytes_below(dir: &Path, all: &mut Vec<u8>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_below(&path, all);
        } else {
            all.extend(std::fs::read(path).unwrap());
        }
    }
}

#[test]
fn two_sites_share_a_store_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut receipts = Vec::new();
    for round in 0..3u64 {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&dir.path().join("store")).unwrap());
        let ledgers = ["clinic", "charity"].map(|site| {
            let (config, store) = (config(dir.path(), site), Arc::clone(&store));
            if round == 0 {
                Ledger::create(config, store, &operator(), Outside::system()).unwrap()
            } else {
                Ledger::open(config, store, &operator(), Outside::system()).unwrap()
            }
        });
        let [clinic, charity] = &ledgers;
        block_on(charity.publish_notice(b"{}".to_vec())).unwrap();
        let appended: Vec<_> = std::thread::scope(|scope| {
            let threads = (0..16).map(|thread| {
                scope.spawn(move || {
                    let numbers = (0..10).map(|n| round * 1000 + thread * 10 + n);
                    numbers
                        .map(|n| (draft(n).subject, block_on(clinic.append(draft(n))).unwrap()))
                        .collect::<Vec<_>>()
                })
            });
            threads.collect::<Vec<_>>().into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        receipts.extend(appended);
        assert_eq!((clinic.size(), charity.size()), ((round + 1) * 160, 1));
        assert_eq!(clinic.check(&mut |_| {}).unwrap().records, (round + 1) * 160);
        charity.check(&mut |_| {}).unwrap();
        for (subject, appended) in &receipts {
            let kept = clinic.receipt(subject, appended.id).unwrap().unwrap();
            assert_eq!(kept.receipt.to_json(), appended.receipt.to_json());
            kept.receipt.verify(Some(clinic.vkey())).unwrap();
        }
    }
    let mut all = Vec::new();
    bytes_below(dir.path(), &mut all);
    let record = receipts[7].1.receipt.unverified_record().as_bytes();
    for clear in [&b"@example.org"[..], &record[..40], b"accept-all"] {
        assert!(!all.windows(clear.len()).any(|window| window == clear));
    }
}

fn open(world: &World, dir: &Path, create: bool) -> Ledger {
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&dir.join("store")).unwrap());
    let config = config(dir, "clinic");
    if create {
        Ledger::create(config, store, &operator(), world.outside()).unwrap()
    } else {
        Ledger::open(config, store, &operator(), world.outside()).unwrap()
    }
}

fn flip_last_row(dir: &Path) {
    let rows = dir.join("store/rows/0/0000000.rows");
    let mut bytes = std::fs::read(&rows).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&rows, bytes).unwrap();
}

/// One damaged row kept its person from saying no, and their other records from being erased.
#[test]
fn a_damaged_row_keeps_nobody_from_deciding_on_or_being_erased() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let ledger = open(&world, dir.path(), true);
    let first = append(&ledger, draft(1)).unwrap();
    append(&ledger, Draft { expect_previous: Some(first.id), ..draft(1) }).unwrap();
    drop(ledger);
    flip_last_row(dir.path());

    let (ledger, who) = (open(&world, dir.path(), false), draft(1).subject);
    let expect_previous = ledger.newest(&who).unwrap();
    append(&ledger, Draft { expect_previous, ..draft(1) }).unwrap();
    let readable = |ledger: &Ledger| {
        let (history, damage) = ledger.readable_history(&who).unwrap();
        (history.len(), damage.is_some())
    };
    assert_eq!(readable(&ledger), (2, true));
    let address = ledger.contact_hash(Channel::Email, "ada-1@example.org");
    assert_eq!(ledger.subjects_of(&address).unwrap(), [who]);
    assert!(ledger.last_heard_of(&address).is_err(), "when, nobody knows");
    assert_eq!(block_on(ledger.restrict(who, "dispute".into())).unwrap(), 2);
    assert_eq!(readable(&ledger), (0, true));
    assert_eq!(block_on(ledger.release(who)).unwrap(), 3);
    assert_eq!(block_on(ledger.erase(who, GoneReason::Asked, false)).unwrap(), 2);
    assert_eq!(readable(&ledger), (0, true));
    let secrets = std::fs::read(dir.path().join("keys/clinic/subjects-00000.keys")).unwrap();
    assert!([0, 1].iter().all(|slot| secrets[slot * 64 + 60..][..4] == *b"gone"));
    // Nothing is left that could be destroyed.
    assert!(block_on(ledger.erase(who, GoneReason::Asked, false)).is_err());
}

/// Whether somebody is still heard of is read from their newest row: one that is damaged ended every purge of the site.
#[test]
fn a_damaged_row_keeps_the_months_of_its_person_and_no_others() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let open = |create: bool| open(&world, dir.path(), create);
    let kept = |days: u64, draft: Draft| Draft { retain_until: START + days * DAY, ..draft };
    let ledger = open(true);
    let first = append(&ledger, common::draft(1, None)).unwrap();
    append(&ledger, common::draft(2, None)).unwrap();
    append(&ledger, kept(430, common::draft(3, None))).unwrap();
    world.advance(450 * DAY);
    append(&ledger, kept(850, common::draft(4, None))).unwrap();
    append(&ledger, kept(850, common::draft(1, Some(first.id)))).unwrap();
    drop(ledger);
    flip_last_row(dir.path());

    let ledger = open(false);
    let due = |_: &Opened, newest: u64| Ok(newest + 400 * DAY);
    let retention = Retention { now: START + 500 * DAY, policy: Hash([3; 32]), due: &due };
    let plan = ledger.purge_plan(&retention, &mut |_| {}).unwrap();
    assert_eq!(plan.purged, [("2027-12".to_string(), 1)].into());
    assert_eq!(plan.blocked, ["2027-11".to_string()].into());
    assert_eq!(ledger.purge(&retention, &mut |_| {}).unwrap(), plan);
}
