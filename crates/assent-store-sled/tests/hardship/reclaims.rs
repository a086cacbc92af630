//! Space given back again and again while people decide and are erased. Kills in the middle of it are in `kills.rs`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use assent_ledger::testing::block_on;

use crate::life::{self, decide, draft, erase, open, open_both, subject, times};

/// Which databases are in force stands in six bytes, and the databases must outlive them.
#[test]
fn without_knowing_which_databases_are_in_force_none_is_removed() {
    let home = life::folder();
    let (store, ledger) = open_both(home.path()).unwrap();
    (0..20).for_each(|number| drop(decide(&ledger, number)));
    store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
    drop((ledger, store));
    let current = home.path().join("store/current");
    let named = std::fs::read(&current).unwrap();
    assert_eq!(named, b"sled-1");
    let mut damaged: Vec<Option<Vec<u8>>> =
        vec![None, Some(b"../keys".to_vec()), Some(b"sled-01".to_vec()), Some(vec![])];
    for bit in 0..named.len() * 8 {
        let mut other = named.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        damaged.push(Some(other));
    }
    for damage in damaged {
        match &damage {
            Some(other) => std::fs::write(&current, other).unwrap(),
            None => std::fs::remove_file(&current).unwrap(),
        }
        let refused = open(home.path()).map(drop);
        std::fs::write(&current, &named).unwrap();
        assert!(matches!(refused, Err(life::Closed::Store(_))), "{damage:?}");
        let ledger = open(home.path()).unwrap_or_else(|error| panic!("{damage:?}: {error:?}"));
        assert_eq!(ledger.history(&subject(7)).unwrap().len(), 1);
    }
}

/// As many as fill what waits for sled several times over.
#[test]
fn who_decides_while_space_is_given_back_is_found_afterwards() {
    let decisions = 24_000 * times() as u64;
    let home = life::folder();
    let (store, ledger) = open_both(home.path()).unwrap();
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reclaimer = scope.spawn(|| {
            let mut reclaims = 0;
            while !ends.load(Ordering::Relaxed) {
                store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
                reclaims += 1;
            }
            reclaims
        });
        for first in (0..decisions).step_by(500) {
            let waiting: Vec<_> = (first..first + 500).map(|number| ledger.append(draft(number))).collect();
            waiting.into_iter().for_each(|answer| drop(block_on(answer).unwrap()));
        }
        ends.store(true, Ordering::Relaxed);
        println!("{} reclaims beside {decisions} decisions", reclaimer.join().unwrap());
    });
    let lost = (0..decisions).filter(|number| ledger.history(&subject(*number)).unwrap().len() != 1).count();
    assert_eq!(lost, 0, "nobody finds any more what so many people said");
}

#[test]
fn space_is_given_back_beside_decisions_and_erasures() {
    let home = life::folder();
    let (store, ledger) = open_both(home.path()).unwrap();
    let (ends, reclaims) = (AtomicBool::new(false), AtomicU64::new(0));
    let each = 400 * times() as u64;
    std::thread::scope(|scope| {
        let reclaimer = scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
                reclaims.fetch_add(1, Ordering::Relaxed);
            }
        });
        let threads = (0..4).map(|thread| {
            let ledger = &ledger;
            scope.spawn(move || {
                for number in (thread..each * 4).step_by(4) {
                    let appended = decide(ledger, number);
                    if number % 3 == 0 {
                        erase(ledger, number);
                    }
                    if number % 101 == 0 {
                        block_on(ledger.tell_erasures()).unwrap();
                    }
                    let there = ledger.receipt(&subject(number), appended.id).unwrap().is_some();
                    assert_eq!(there, number % 3 != 0, "{number}");
                }
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
        ends.store(true, Ordering::Relaxed);
        reclaimer.join().unwrap();
    });
    println!("{} reclaims beside {} decisions", reclaims.load(Ordering::Relaxed), each * 4);
    assert!(reclaims.load(Ordering::Relaxed) > 1);
    let check = |ledger: &assent_ledger::Ledger| {
        let report = ledger.check(&mut |_| {}).unwrap();
        let erased = (each * 4).div_ceil(3);
        assert_eq!((report.records, report.gone), (each * 4 - erased, erased));
        for number in 0..each * 4 {
            let there = ledger.history(&subject(number)).unwrap().len();
            assert_eq!(there, usize::from(number % 3 != 0), "{number}");
        }
    };
    check(&ledger);
    drop((ledger, store));
    check(&open(home.path()).unwrap());
}
