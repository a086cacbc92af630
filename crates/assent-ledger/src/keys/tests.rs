//! Tests of the key store: what is kept, what is destroyed, and what a copy of the folder may still give away.

use super::*;
use crate::outside::SystemRandom;

fn site() -> SiteId {
    SiteId::new("clinic").unwrap()
}

fn operator() -> OperatorKey {
    OperatorKey::from_bytes([1; 32])
}

fn created(folder: &Path) -> KeyStore {
    KeyStore::create(folder, &site(), &operator(), &SystemRandom).unwrap();
    KeyStore::open(folder, &site(), &operator()).unwrap()
}

fn secret(keys: &KeyStore, slot: u64) -> Option<Secret> {
    match keys.subject(slot).unwrap() {
        Slot::Secret(secret) => Some(secret),
        _ => None,
    }
}

#[test]
fn secrets_come_back_and_only_with_the_right_key() {
    let dir = tempfile::tempdir().unwrap();
    let keys = created(dir.path());
    keys.resume(0).unwrap();
    let taken = keys.take(5, &SystemRandom).unwrap();
    assert_eq!(taken.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let month = keys.period_or_new(24_321, &SystemRandom).unwrap();
    let seed = keys.signing_seed();
    drop(keys);

    let again = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    for (slot, drawn) in &taken {
        assert_eq!(secret(&again, *slot).as_ref(), Some(drawn));
    }
    assert_eq!(again.subject(1_000_000).unwrap(), Slot::Empty);
    assert_eq!(again.period(24_321).unwrap(), month);
    assert!(again.period(24_322).is_none());
    assert_eq!(again.signing_seed(), seed);
    // What was drawn ahead and given to nobody is given out now.
    again.resume(5).unwrap();
    let next = again.take(3000, &SystemRandom).unwrap();
    assert_eq!(next.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(), (5..3005).collect::<Vec<_>>());
    for (slot, drawn) in &next {
        assert_eq!(secret(&again, *slot).as_ref(), Some(drawn));
    }
    assert!(matches!(again.resume(1 << 40), Err(KeyStoreError::Behind { .. })));

    let other = OperatorKey::from_bytes([2; 32]);
    assert!(matches!(KeyStore::open(dir.path(), &site(), &other), Err(KeyStoreError::WrongKey { .. })));
    let elsewhere = SiteId::new("charity").unwrap();
    assert!(matches!(
        KeyStore::open(dir.path(), &elsewhere, &operator()),
        Err(KeyStoreError::WrongKey { .. })
    ));
}

/// Every byte of every file in the folder.
fn on_disk(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.collect::<Vec<_>>().concat()
}

#[test]
fn no_secret_stands_on_disk_in_clear_and_torn_slots_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let keys = created(dir.path());
    keys.resume(0).unwrap();
    let taken = keys.take(2, &SystemRandom).unwrap();
    let all = on_disk(dir.path());
    for (_, secret) in &taken {
        assert!(!all.windows(32).any(|window| window == &secret[..]));
    }
    drop(keys);
    // The last write was cut short: two slots and a bit are there.
    let segment = slots::segment_path(dir.path(), 0);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes.truncate(2 * 64 + 10);
    std::fs::write(&segment, bytes).unwrap();
    let keys = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    assert_eq!(keys.subject(2).unwrap(), Slot::Empty);
    keys.resume(2).unwrap();
    let [(slot, drawn)] = &keys.take(1, &SystemRandom).unwrap()[..] else { panic!("one was asked for") };
    assert_eq!((*slot, secret(&keys, 3)), (3, Some(drawn.clone())));
    assert_eq!(secret(&keys, 1).as_ref(), Some(&taken[1].1));
}

#[test]
fn a_run_of_slots_may_cross_segments() {
    let dir = tempfile::tempdir().unwrap();
    let keys = created(dir.path());
    keys.slots.extend_to(slots::PER_SEGMENT - 1);
    keys.resume(slots::PER_SEGMENT - 1).unwrap();
    let taken = keys.take(2, &SystemRandom).unwrap();
    assert_eq!(taken.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(), [65_535, 65_536]);
    let keys = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    assert_eq!(secret(&keys, 65_535).as_ref(), Some(&taken[0].1));
    assert_eq!(secret(&keys, 65_536).as_ref(), Some(&taken[1].1));
    assert_eq!(keys.subject(3).unwrap(), Slot::Empty);
}

#[test]
fn destroyed_secrets_are_gone_from_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let keys = created(dir.path());
    keys.resume(0).unwrap();
    let taken = keys.take(3, &SystemRandom).unwrap();
    let wrapped = std::fs::read(slots::segment_path(dir.path(), 0)).unwrap()[64..124].to_vec();
    keys.destroy_subject(1, &SystemRandom).unwrap();
    keys.destroy_subject(1, &SystemRandom).unwrap();
    assert_eq!(keys.subject(1).unwrap(), Slot::Destroyed);
    assert!(!on_disk(dir.path()).windows(60).any(|window| window == wrapped));
    assert_eq!(secret(&keys, 2).as_ref(), Some(&taken[2].1));

    keys.period_or_new(7, &SystemRandom).unwrap();
    let eight = keys.period_or_new(8, &SystemRandom).unwrap();
    keys.destroy_period(7, &SystemRandom).unwrap();
    keys.destroy_period(7, &SystemRandom).unwrap();
    let keys = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    assert!(keys.period(7).is_none());
    assert_eq!(keys.period(8), Some(eight));
}

#[test]
fn a_secret_in_escrow_is_out_of_reach_until_it_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let keys = created(dir.path());
    keys.resume(0).unwrap();
    let taken = keys.take(3, &SystemRandom).unwrap();
    keys.restrict(1, &SystemRandom).unwrap();
    keys.restrict(1, &SystemRandom).unwrap();
    let keys = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    assert_eq!(keys.subject(1).unwrap(), Slot::Escrowed);
    assert_eq!(keys.escrowed(1).as_ref(), Some(&taken[1].1));
    assert_eq!(keys.escrowed(2), None);
    keys.release(1, &SystemRandom).unwrap();
    keys.release(1, &SystemRandom).unwrap();
    let keys = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    assert_eq!(secret(&keys, 1).as_ref(), Some(&taken[1].1));
    assert_eq!(keys.escrowed(1), None);
    // Erasure reaches into escrow.
    keys.restrict(2, &SystemRandom).unwrap();
    keys.destroy_subject(2, &SystemRandom).unwrap();
    let keys = KeyStore::open(dir.path(), &site(), &operator()).unwrap();
    assert_eq!((keys.subject(2).unwrap(), keys.escrowed(2)), (Slot::Destroyed, None));
}

#[test]
fn rotation_wraps_everything_anew_and_finishes_what_was_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("clinic");
    let new = OperatorKey::from_bytes([9; 32]);
    let (taken, month, seed) = {
        let keys = created(&folder);
        keys.resume(0).unwrap();
        let taken = keys.take(5000, &SystemRandom).unwrap();
        keys.destroy_subject(3, &SystemRandom).unwrap();
        keys.restrict(4, &SystemRandom).unwrap();
        let month = keys.period_or_new(8, &SystemRandom).unwrap();
        (taken, month, keys.signing_seed())
    };
    let old_bytes = on_disk(&folder);
    let wrong = rotate(&folder, &site(), &new, &operator(), &SystemRandom, &mut |_, _| {});
    assert_eq!(wrong.unwrap(), Rotated::Before, "it is under that key already");
    let mut seen = 0;
    let turn = |progress: &mut dyn FnMut(u64, u64)| {
        rotate(&folder, &site(), &operator(), &new, &SystemRandom, progress).unwrap()
    };
    let Rotated::Now(count) = turn(&mut |done, _| seen = done) else { panic!("it was under the old key") };
    assert!(count >= 4998 && seen >= 5000, "{count} {seen}");
    assert_eq!(turn(&mut |_, _| {}), Rotated::Before);
    assert!(KeyStore::open(&folder, &site(), &operator()).is_err());
    let check = || {
        let keys = KeyStore::open(&folder, &site(), &new).unwrap();
        for (slot, drawn) in taken.iter().filter(|(slot, _)| !(3..5).contains(slot)) {
            assert_eq!(secret(&keys, *slot).as_ref(), Some(drawn));
        }
        assert_eq!(keys.subject(3).unwrap(), Slot::Destroyed);
        assert_eq!(keys.subject(4).unwrap(), Slot::Escrowed);
        assert_eq!(keys.escrowed(4).as_ref(), Some(&taken[4].1));
        assert_eq!((keys.period(8), keys.signing_seed()), (Some(month.clone()), seed.clone()));
    };
    check();
    let new_bytes = on_disk(&folder);
    assert!(!new_bytes.windows(48).any(|window| window == &old_bytes[76..124]));
    // Cut short between the two renames.
    std::fs::rename(&folder, dir.path().join("clinic.next")).unwrap();
    check();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    // Cut short before them: what was written for the other key opens what is erased later, so it goes.
    let left = dir.path().join("clinic.next");
    std::fs::create_dir(&left).unwrap();
    for file in std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap()) {
        std::fs::copy(file.path(), left.join(file.file_name())).unwrap();
    }
    check();
    assert!(!left.exists());
}

/// Each try that failed gave up its slots: after enough of them a segment was left out, no backup could be made, and nothing started.
#[test]
fn slots_that_could_not_be_written_are_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let keys = created(dir.path());
    let next = slots::PER_SEGMENT - 10;
    keys.slots.extend_to(next);
    keys.resume(next).unwrap();
    let in_the_way = slots::segment_path(dir.path(), 1);
    std::fs::create_dir(&in_the_way).unwrap();
    for _ in 0..40 {
        assert!(keys.take(20, &SystemRandom).is_err());
    }
    std::fs::remove_dir(&in_the_way).unwrap();
    let taken = keys.take(20, &SystemRandom).unwrap();
    assert_eq!(
        taken.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(),
        (next..next + 20).collect::<Vec<_>>()
    );
    for (slot, drawn) in &taken {
        assert_eq!(secret(&keys, *slot).as_ref(), Some(drawn));
    }
    KeyStore::open(dir.path(), &site(), &operator()).unwrap().resume(next + 20).unwrap();
}

/// Folders that have such holes from before: they are copied, opened and rotated, and nothing behind a hole is lost.
#[test]
fn secrets_behind_a_hole_are_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("clinic");
    let keys = created(&folder);
    keys.resume(0).unwrap();
    let first = keys.take(1, &SystemRandom).unwrap();
    // The rest of the first segment and all of the second were never written.
    keys.slots.extend_to(2 * slots::PER_SEGMENT);
    keys.resume(2 * slots::PER_SEGMENT).unwrap();
    let behind = keys.take(2, &SystemRandom).unwrap();
    let end = 2 * slots::PER_SEGMENT + 2;
    drop(keys);
    let new = OperatorKey::from_bytes([9; 32]);
    let check = |operator: &OperatorKey| {
        let keys = KeyStore::open(&folder, &site(), operator).unwrap();
        keys.resume(end).unwrap();
        for (slot, drawn) in first.iter().chain(&behind) {
            assert_eq!(secret(&keys, *slot).as_ref(), Some(drawn));
        }
        for nothing in [4096, slots::PER_SEGMENT, end - 4096] {
            assert_eq!(keys.raw_slots(nothing..nothing + 4).unwrap(), vec![0; 4 * 64]);
            assert_eq!(keys.subject(nothing).unwrap(), Slot::Empty);
        }
        assert!(KeyStore::used_segment(&folder).is_some());
    };
    check(&operator());
    rotate(&folder, &site(), &operator(), &new, &SystemRandom, &mut |_, _| {}).unwrap();
    check(&new);
}

/// A flipped bit costs one person's records. It stopped every start where the slot was nobody's or its person restricted, and each
/// rotation half way.
#[test]
fn a_damaged_slot_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("clinic");
    let keys = created(&folder);
    keys.resume(0).unwrap();
    let taken = keys.take(3, &SystemRandom).unwrap();
    drop(keys);
    let segment = slots::segment_path(&folder, 0);
    let mut bytes = std::fs::read(&segment).unwrap();
    for slot in [1, 4] {
        bytes[slot * 64 + 20] ^= 1;
    }
    std::fs::write(&segment, bytes).unwrap();
    let new = OperatorKey::from_bytes([9; 32]);
    for operator in [operator(), new.clone()] {
        let keys = KeyStore::open(&folder, &site(), &operator).unwrap();
        keys.resume(3).unwrap();
        let next = keys.take(2, &SystemRandom).unwrap();
        assert_eq!(
            next.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(),
            [3, 5],
            "nobody gets a damaged one"
        );
        keys.restrict(1, &SystemRandom).unwrap();
        assert!(matches!(keys.subject(1), Err(KeyStoreError::WrongKey { .. })), "it stays named");
        assert_eq!(secret(&keys, 2).as_ref(), Some(&taken[2].1));
        drop(keys);
        rotate(&folder, &site(), &operator, &new, &SystemRandom, &mut |_, _| {}).unwrap();
    }
}

#[test]
fn a_rotation_wants_whole_keys_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("clinic");
    let new = OperatorKey::from_bytes([9; 32]);
    std::fs::create_dir(&folder).unwrap();
    let can = || can_rotate(&folder, &site(), &operator(), &new);
    // Whoever began the log came no further than its folder.
    can().unwrap();
    let done = rotate(&folder, &site(), &operator(), &new, &SystemRandom, &mut |_, _| {});
    assert_eq!(done.unwrap(), Rotated::Now(0));
    let keys = created(&folder);
    can().unwrap();
    keys.resume(0).unwrap();
    keys.take(1, &SystemRandom).unwrap();
    let log_keys = folder.join("log.keys");
    let whole = std::fs::read(&log_keys).unwrap();
    std::fs::remove_file(&log_keys).unwrap();
    assert!(matches!(can(), Err(KeyStoreError::Missing { .. })));
    std::fs::write(&log_keys, &whole[1..]).unwrap();
    assert!(matches!(can(), Err(KeyStoreError::WrongKey { .. })));
}
