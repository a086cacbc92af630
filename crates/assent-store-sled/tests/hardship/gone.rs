//! What was erased or purged is in no byte of the directory, nor of a copy made before, for whoever has the keys that remain.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assent_core::commitment::Salt;
use assent_core::hash::Hash;
use assent_core::notice::Channel;
use assent_core::proof::TlogProof;
use assent_ledger::store::Store;
use assent_ledger::{Clock, Draft, Ledger, Opened, Outside, ReadError, Retention, SystemRandom};
use assent_store_sled::SledStore;

use crate::life::{self, config, copy, draft, erase, files_below, operator, subject};

const DAY: u64 = 24 * 60 * 60 * 1000;
const START: u64 = 1_795_305_600_000; // 2026-11-22T00:00:00Z

#[derive(Clone)]
struct Turned(Arc<AtomicU64>);

impl Clock for Turned {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn outside(clock: &Turned) -> Outside {
    Outside { clock: Box::new(clock.clone()), random: Box::new(SystemRandom) }
}

fn store(dir: &Path) -> Arc<dyn Store> {
    Arc::new(SledStore::open_with_cache(&dir.join("store"), 8 << 20).unwrap())
}

fn open(dir: &Path, clock: &Turned) -> Ledger {
    Ledger::open(config(dir), store(dir), &operator(), outside(clock)).unwrap()
}

fn decide(ledger: &Ledger, number: u64, retain_until: u64) -> assent_ledger::Appended {
    assent_ledger::testing::block_on(ledger.append(Draft { retain_until, ..draft(number) })).unwrap()
}

/// Where a needle is, if anywhere.
fn found_in(dir: &Path, needles: &[(&str, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files_below(dir) {
        let bytes = std::fs::read(&path).unwrap();
        for (what, needle) in needles {
            assert!(needle.len() >= 16, "{what}: so short a needle is found by chance");
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(format!("{what} in {}", path.display()));
            }
        }
    }
    found
}

/// Runs of bytes of `before` that are not at the same place in `after`: what was overwritten.
fn overwritten(before: &Path, after: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut runs = Vec::new();
    for path in files_below(before).iter().filter(|path| path.to_string_lossy().contains("subjects-")) {
        let old = std::fs::read(path).unwrap();
        let new = std::fs::read(after.join(path.strip_prefix(before).unwrap())).unwrap();
        let differs: Vec<usize> = (0..old.len()).filter(|at| old[*at] != new[*at]).collect();
        // One slot: what differs lies together.
        if let (Some(first), Some(last)) = (differs.first(), differs.last()) {
            assert!(last - first < 128, "one slot was overwritten");
            runs.push(("the wrapped secret", old[*first..=*last].to_vec()));
        }
    }
    runs
}

/// Pieces of a record that would show it.
fn pieces(appended: &assent_ledger::Appended, number: u64) -> Vec<(&'static str, Vec<u8>)> {
    let record = appended.receipt.unverified_record().as_bytes();
    let receipt: serde_json::Value = serde_json::from_str(&appended.receipt.to_json()).unwrap();
    let proof = TlogProof::parse(receipt["proof"].as_str().unwrap()).unwrap();
    let salt = Salt::from_slice(&proof.extra.unwrap()).unwrap();
    vec![
        ("the record's beginning", record[..32].to_vec()),
        ("the record's end", record[record.len() - 32..].to_vec()),
        ("the salt", salt.as_bytes().to_vec()),
        ("the salt in base64", salt.to_base64().into_bytes()),
        ("the address", format!("ada-{number}@example.org").into_bytes()),
    ]
}

#[test]
fn what_was_erased_or_purged_is_in_no_byte() {
    for purged in [false, true] {
        let (home, before) = (life::folder(), life::folder());
        let (dir, clock) = (home.path(), Turned(Arc::new(AtomicU64::new(START))));
        let kept = store(dir);
        let ledger = Ledger::create(config(dir), Arc::clone(&kept), &operator(), outside(&clock)).unwrap();
        (0..40).for_each(|number| drop(decide(&ledger, number, START + 900 * DAY)));
        let appended = decide(&ledger, 77, START + 10 * DAY);
        let mut needles = pieces(&appended, 77);
        copy(dir, before.path());
        if purged {
            clock.0.store(START + 100 * DAY, Ordering::Relaxed);
            let due = |_: &Opened, newest: u64| -> Result<u64, ReadError> { Ok(newest + 10 * DAY) };
            // Everybody else is due later, and carried over or not looked at at all.
            let retention = Retention { now: START + 100 * DAY, policy: Hash([3; 32]), due: &due };
            let plan = ledger.purge(&retention, &mut |_| {}).unwrap();
            assert_eq!(plan.purged.values().sum::<u64>(), 1);
            // What wrapped the month's secret: the whole file was written anew.
            let keys = std::fs::read(before.path().join("keys/clinic/log.keys")).unwrap();
            needles.push(("the wrapped secrets of months", keys[28..76].to_vec()));
        } else {
            erase(&ledger, 77);
            let wrapped = overwritten(before.path(), dir);
            assert_eq!(wrapped.len(), 1);
            needles.extend(wrapped);
        }
        // In the copy from before there is nothing in clear either, and the wrapped secret is: the search can find.
        let there = found_in(before.path(), &needles);
        assert!(there.len() == 1 && there[0].contains("wrapped"), "{there:?}");
        assert_eq!(found_in(dir, &needles), Vec::<String>::new(), "beside an open log");
        kept.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
        // What a record was found by stays until then.
        needles.push(("the receipt's id", appended.id.0.to_vec()));
        needles.push(("the subject's id", subject(77).0.to_vec()));
        let address = ledger.contact_hash(Channel::Email, "ada-77@example.org");
        needles.push(("the hash of the address", address.0.to_vec()));
        assert_eq!(found_in(dir, &needles), Vec::<String>::new(), "after space was reclaimed");
        let size = ledger.size();
        drop((ledger, kept));
        assert_eq!(found_in(dir, &needles), Vec::<String>::new(), "after it was closed");

        // The old store with the keys there are now: whoever kept a copy opens the record no more.
        std::fs::remove_dir_all(before.path().join("keys")).unwrap();
        copy(&dir.join("keys"), &before.path().join("keys"));
        let old = open(before.path(), &clock);
        assert!(old.size() <= size);
        for number in 0..40 {
            assert_eq!(old.history(&subject(number)).unwrap().len(), 1, "everybody else is there");
        }
        let refused = old.receipt(&subject(77), appended.id);
        assert!(!matches!(refused, Ok(Some(_))), "{refused:?}");
        let mut shown = Vec::new();
        drop(old.export(&assent_ledger::ExportFilter::default(), &mut shown, &mut |_| {}));
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains(&appended.id.to_string()));
        drop(old);
        needles.truncate(needles.len() - 3);
        assert_eq!(found_in(before.path(), &needles), Vec::<String>::new());
    }
}
