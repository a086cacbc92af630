//! What only the inside of the store can be asked: how it goes on after a write that failed, and what a copy must be told. What it promises
//! is in `tests/`.

use std::sync::mpsc;

use assent_core::merkle::EMPTY_ROOT;
use assent_core::subject::SubjectId;
use assent_ledger::store::{Gone, GoneReason, Mark, MarkKind, Row, RowBody, Store as _, contract};

use super::*;

const RECORDS: u64 = 100;

fn site() -> SiteId {
    SiteId::new("clinic").unwrap()
}

/// Commits so many records on top of what is there.
fn commit(store: &SledStore) {
    let found = store.head(&site()).unwrap();
    let empty = Head { size: 0, root: EMPTY_ROOT, time: 0, secrets: 0 };
    let batch = contract::batch(&site(), found.unwrap_or(empty), RECORDS);
    store.commit(Batch { expected: found, ..batch }).unwrap();
}

#[test]
fn what_the_absorber_does_while_a_copy_is_made_is_noted_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    let inner = &store.inner;
    commit(&store);
    inner.absorb_down_to(0).unwrap();
    *lock(&inner.touched) = Some(BTreeSet::new());
    commit(&store);
    inner.absorb_down_to(0).unwrap();
    let touched = lock(&inner.touched).take().unwrap();
    let records = touched.iter().filter(|key| matches!(keys::parse(key), Some((_, b'I', _)))).count();
    assert_eq!(records as u64, RECORDS);
}

/// A step whose flush failed is in sled's memory, and nowhere else.
#[test]
fn what_is_revived_goes_on_from_what_is_durable_and_not_from_what_sled_says() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    let mut says = sled::Batch::default();
    says.insert(keys::ABSORBED, u64::MAX.to_be_bytes().as_slice());
    store.inner.sled().unwrap().main.write(says).unwrap();
    store.inner.tidy_journal(true).unwrap();
    store.inner.failed.store(true, Ordering::Release);
    assert_eq!(store.head(&site()).unwrap().map(|head| head.size), Some(RECORDS));
    assert_eq!(store.rows(&site(), 0..RECORDS).unwrap().len() as u64, RECORDS);
    commit(&store);
    drop(store);
    let store = SledStore::open(dir.path()).unwrap();
    assert_eq!(store.rows(&site(), 0..2 * RECORDS).unwrap().len() as u64, 2 * RECORDS);
}

/// The absorber asks for the journal with the lock on `ends` in its hand.
#[test]
fn reviving_takes_nothing_that_the_absorber_may_hold_while_it_waits_for_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    store.inner.failed.store(true, Ordering::Release);
    std::thread::scope(|scope| {
        let ends = lock(&store.inner.ends);
        let (say, hear) = mpsc::channel();
        let inner = &store.inner;
        scope.spawn(move || say.send(inner.revive().is_ok()).unwrap());
        let revived = hear.recv_timeout(Duration::from_secs(60));
        drop(ends);
        assert_eq!(revived, Ok(true));
    });
}

/// Marks that take so many bytes, on top of what is there.
fn commit_marks(store: &SledStore, number: u32, bytes: usize) -> Result<(), CommitError> {
    let mut batch = Batch::new(site(), store.head(&site()).unwrap().unwrap());
    let key = number.to_be_bytes().to_vec();
    batch.marks.push(Mark { kind: MarkKind::Job, key, value: Some(vec![7; bytes]) });
    store.commit(batch)
}

/// sled needs an fdatasync before half a segment is written, whatever a step is made of.
#[test]
fn a_step_puts_no_more_than_a_quarter_of_its_size_into_sled() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    store.inner.absorb_down_to(0).unwrap();
    for number in 0..10 {
        commit_marks(&store, number, STEP / 32).unwrap();
    }
    let step = store.inner.recent().oldest(STEP);
    assert!((5..=8).contains(&step.len()), "{} marks in one step", step.len());
}

/// What is recent is in memory and in the journal, and neither may grow for ever.
#[test]
fn what_cannot_be_absorbed_is_refused_once_too_much_of_it_waits_and_is_taken_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    store.inner.absorb_down_to(0).unwrap();
    let (rows, away) = (dir.path().join("rows"), dir.path().join("away"));
    std::fs::rename(&rows, &away).unwrap();
    std::fs::write(&rows, "in the way").unwrap();
    commit(&store);
    let most = (RECENT_MAX >> 20) as u32 + 2;
    let refused = (0..most).find_map(|number| commit_marks(&store, number, 1 << 20).err());
    assert!(matches!(refused, Some(CommitError::Failed(_))), "{refused:?}");
    assert!(store.inner.recent().bytes() < RECENT_MAX + (2 << 20));
    std::fs::remove_file(&rows).unwrap();
    std::fs::rename(&away, &rows).unwrap();
    commit_marks(&store, most, 1).unwrap();
    assert_eq!(store.rows(&site(), 0..2 * RECORDS).unwrap().len() as u64, 2 * RECORDS);
}

/// Commits tombstones in the place of records.
fn commit_gone(store: &SledStore, indices: &[u64]) {
    let mut batch = Batch::new(site(), store.head(&site()).unwrap().unwrap());
    for index in indices {
        let row = store.row(&site(), *index).unwrap().unwrap();
        let gone = Gone { reason: GoneReason::Asked, day: 20_000, period: 0 };
        batch.replaced.push((*index, Row { body: RowBody::Gone(gone), ..row }));
    }
    store.commit(batch).unwrap();
}

/// A step that is cut short may leave a row that was overwritten under its old checksum. The journal has it whole.
#[test]
fn a_row_that_was_half_overwritten_is_read_from_what_waits_to_be_absorbed() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    store.inner.absorb_down_to(0).unwrap();
    let before = store.rows(&site(), 0..RECORDS).unwrap();
    commit_gone(&store, &[7, RECORDS - 1]);
    let path = dir.path().join("rows/0/0000000.rows");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let whole = |store: &SledStore| {
        let rows = store.rows(&site(), 0..RECORDS).unwrap();
        let gone: Vec<u64> =
            rows.iter().filter(|(_, row)| row.record().is_none()).map(|(index, _)| *index).collect();
        assert_eq!(gone, [7, RECORDS - 1]);
        assert_eq!(rows.len() as u64, RECORDS);
        assert!(rows[..7] == before[..7] && rows[8..99] == before[8..99]);
        assert_eq!(store.rows(&site(), 40..RECORDS).unwrap(), rows[40..]);
    };
    whole(&store);
    drop(store);
    whole(&SledStore::open(dir.path()).unwrap());
}

/// "The disk is away" was said of them, and nobody went on past them.
#[test]
fn a_file_of_rows_that_is_too_short_or_gone_is_damaged_and_its_people_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    let people = people(&store);
    drop(store);
    let path = dir.path().join("rows/0/0000000.rows");
    let whole = std::fs::read(&path).unwrap();
    for left in [Some(whole.len() - 5), Some(1000), None] {
        match left {
            Some(left) => std::fs::write(&path, &whole[..left]).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let store = SledStore::open(dir.path()).unwrap();
        assert!(store.row(&site(), RECORDS - 1).unwrap_err().is_damage(), "{left:?}");
        assert!(store.rows(&site(), 0..RECORDS).unwrap_err().is_damage(), "{left:?}");
        let newest = people.iter().map(|who| store.newest(&site(), who).unwrap().unwrap().index).max();
        assert_eq!(newest, Some(RECORDS - 1), "{left:?}");
    }
}

/// Somebody decides all the time: webhooks alone write each second.
#[test]
fn nothing_of_before_is_in_the_journal_or_an_old_index_once_space_was_reclaimed() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    let needle = [0xa5; 64];
    let mut batch = Batch::new(site(), store.head(&site()).unwrap().unwrap());
    batch.marks.push(Mark { kind: MarkKind::Job, key: b"said".to_vec(), value: Some(needle.to_vec()) });
    store.commit(batch).unwrap();
    // As one that could not be removed.
    std::fs::create_dir(dir.path().join("sled-9")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                commit_marks(&store, 1, 10).unwrap();
            }
        });
        let reclaimed = store.reclaim(&|_, _, _| None);
        done.store(true, Ordering::Release);
        reclaimed.unwrap();
    });
    for file in std::fs::read_dir(journal_folder(dir.path())).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
    assert!(!dir.path().join("sled-9").exists());
}

/// The people of a log of so many batches, as [`commit`] makes them.
fn people(store: &SledStore) -> Vec<SubjectId> {
    let size = store.head(&site()).unwrap().unwrap().size;
    let rows = store.rows(&site(), 0..size).unwrap();
    rows.iter().filter_map(|(_, row)| row.record().map(|record| record.subject)).collect()
}

#[test]
fn nobody_who_has_records_is_called_new_whatever_became_of_the_file_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("sled-0/seen");
    let knows_all = |store: &SledStore| {
        let people = people(store);
        assert!(!people.is_empty());
        assert!(people.iter().all(|who| store.newest(&site(), who).unwrap().is_some()));
    };
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    knows_all(&store);
    drop(store);
    let first = std::fs::read(&saved).unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    commit(&store);
    drop(store);
    let second = std::fs::read(&saved).unwrap();
    assert_ne!(first, second);
    // Put back from before; gone; as it was.
    let now = |name: &str| match name {
        "old" => std::fs::write(&saved, &first).unwrap(),
        "gone" => std::fs::remove_file(&saved).unwrap(),
        _ => std::fs::write(&saved, &second).unwrap(),
    };
    for (name, reads) in [("old", true), ("gone", true), ("whole", false)] {
        now(name);
        let store = SledStore::open(dir.path()).unwrap();
        let sled = store.inner.sled().unwrap();
        assert_eq!(sled.seen.reads_from().is_some(), reads, "{name}");
        store.open_index().unwrap();
        knows_all(&store);
        while sled.looks_back() {
            std::thread::yield_now();
        }
        drop(sled);
        knows_all(&store);
        // A copy begins with nobody and takes in whoever is copied.
        store.reclaim(&|_, _, _| None).unwrap();
        assert!(store.inner.sled().unwrap().seen.reads_from().is_none());
        knows_all(&store);
        drop(store);
        std::fs::rename(dir.path().join("sled-1"), dir.path().join("sled-0")).unwrap();
        std::fs::remove_file(dir.path().join("current")).unwrap();
    }
}
