//! A ledger on sled: many at once, reopened, checked, and nothing in clear on disk. Kills and worse are in `hardship`.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

use std::path::Path;
use std::sync::Arc;

use assent_core::decision::{Act, Decision};
use assent_core::hash::{Hash, sha256};
use assent_core::ids::{PurposeId, SiteId};
use assent_core::notice::Channel;
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectId;
use assent_ledger::store::Store;
use assent_ledger::testing::block_on;
use assent_ledger::{Contact, Draft, Ledger, LogConfig, OperatorKey, Outside};
use assent_store_sled::SledStore;

fn config(dir: &Path, site: &str) -> LogConfig {
    LogConfig {
        site: SiteId::new(site).unwrap(),
        origin: format!("privacy.example.org/v1/{site}/log"),
        keys: dir.join("keys").join(site),
        checkpoint: dir.join("checkpoints").join(site),
        queue: LogConfig::DEFAULT_QUEUE,
        accept_clock: false,
    }
}

fn operator() -> OperatorKey {
    OperatorKey::from_bytes([42; 32])
}

fn draft(number: u64) -> Draft {
    let mut subject = [0; 16];
    subject.copy_from_slice(&sha256(&number.to_be_bytes()).0[..16]);
    Draft {
        subject: SubjectId(subject),
        acted: None,
        notice: Hash([9; 32]),
        language: "en".into(),
        act: Act::AcceptAll,
        surface: Surface::FirstLayer,
        origin: Some("https://www.example.org".into()),
        decisions: [(PurposeId::new("analytics").unwrap(), Decision::Given)].into(),
        signals: Signals::default(),
        age: None,
        told: None,
        contacts: vec![Contact { channel: Channel::Email, address: format!("ada-{number}@example.org") }],
        retain_until: 0,
        expect_previous: None,
        idempotency: None,
    }
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
