//! The suite that every store must pass, so that the ledger can rely on any of them.
//!
//! [`run`] checks what can be seen through the contract, reopening the store between steps. That a commit survives
//! a power cut cannot be seen from here: each store shows that in its own way.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};

use assent_core::commitment::Leaf;
use assent_core::hash::sha256;
use assent_core::ids::SiteId;
use assent_core::merkle::{CompactTree, EMPTY_ROOT, leaf_hash};
use assent_core::subject::SubjectId;

use super::{
    Batch, CommitError, DocumentKind, DocumentRef, Gone, GoneReason, Head, Mark, MarkKind, RecordRef,
    RecordRow, RequestId, Row, RowBody, Store,
};
use crate::id::ReceiptId;

/// Runs the whole suite. `open` opens the same store again each time, after every handle to it was dropped; a store
/// that forgets when it is closed answers a handle to the same one.
///
/// # Panics
/// With the first promise that is not kept.
pub fn run(open: &mut dyn FnMut() -> Arc<dyn Store>) {
    nothing_there(&*open());
    begins_once(&*open());
    everything_lands_and_stays(open);
    wrong_head_changes_nothing(&*open());
    sites_are_apart(&*open());
    ranges_end_where_the_log_ends(&*open());
    one_of_many_wins(&open());
    large_values(open);
    replaced_rows_are_found_no_more(open);
    marks_come_and_go(open);
    space_is_reclaimed(open);
}

fn site(name: &str) -> SiteId {
    SiteId::new(name).expect("a name")
}

fn head_of(store: &dyn Store, site: &SiteId) -> Option<Head> {
    store.head(site).expect("a head can be read")
}

/// Begins a log if it is not there and answers its head.
fn begun(store: &dyn Store, site: &SiteId) -> Head {
    if let Some(head) = head_of(store, site) {
        return head;
    }
    let head = Head { size: 0, root: EMPTY_ROOT, time: 5, secrets: 0 };
    let batch = Batch { expected: None, ..Batch::new(site.clone(), head) };
    store.commit(batch).expect("a log can be begun");
    head
}

fn subject_of(index: u64) -> SubjectId {
    SubjectId([u8::try_from(index % 7).unwrap_or(0); 16])
}

fn id_of(index: u64) -> ReceiptId {
    ReceiptId::from_parts(index, &[index as u8; 10])
}

fn key_of(index: u64) -> [u8; 16] {
    index.to_be_bytes().repeat(2).try_into().expect("two numbers of eight bytes")
}

fn record_of(index: u64) -> RecordRow {
    RecordRow {
        id: id_of(index),
        subject: subject_of(index),
        secret: index * 3,
        period: 24_000,
        request: (!index.is_multiple_of(5)).then(|| RequestId { key: key_of(index), body: [7; 16] }),
        contacts: index.is_multiple_of(2).then(|| sha256(&[(index % 3) as u8])).into_iter().collect(),
        sealed: vec![index as u8; 300 + (index % 100) as usize],
    }
}

/// A batch of `count` records on top of `head`; leaf bytes tell the index. The first batch's `expected` is to be taken away.
#[must_use]
pub fn batch(site: &SiteId, head: Head, count: u64) -> Batch {
    let mut batch = Batch::new(site.clone(), head);
    let size = head.size + count;
    batch.head = Head { size, root: sha256(&head.root.0), time: head.time + 1, secrets: size * 3 };
    for index in head.size..size {
        let leaf = Leaf::notice(&index.to_be_bytes()).to_bytes();
        let body = RowBody::Record(record_of(index));
        batch.entries.push((leaf, Row { time: batch.head.time, covering: size, body }));
        if index % 256 == 255 {
            batch.hashes.push((1, index / 256, sha256(&index.to_be_bytes())));
        }
    }
    batch
}

/// The same, whose first entry is a document.
fn batch_with_document(site: &SiteId, head: Head, count: u64) -> Batch {
    let mut batch = batch(site, head, count);
    let document = format!("notice {}", head.size).into_bytes();
    let hash = sha256(&document);
    let kind = if count.is_multiple_of(2) { DocumentKind::Change } else { DocumentKind::Notice };
    batch.entries[0].1.body = RowBody::Document(kind, hash);
    batch.documents.push((hash, document));
    batch
}

fn nothing_there(store: &dyn Store) {
    let nobody = site("nobody");
    let subject = SubjectId([1; 16]);
    let hash = sha256(b"nothing");
    assert_eq!(head_of(store, &nobody), None, "a site without a log has no head");
    assert!(store.leaves(&nobody, 0..10).expect("leaves").is_empty());
    assert!(store.hashes(&nobody, 1, 0..10).expect("hashes").is_empty());
    assert!(store.row(&nobody, 0).expect("row").is_none());
    assert!(store.rows(&nobody, 0..10).expect("rows").is_empty());
    assert!(store.newest(&nobody, &subject).expect("newest").is_none());
    assert!(store.records(&nobody, &subject).expect("records").is_empty());
    assert!(store.record(&nobody, &subject, ReceiptId([0; 16])).expect("record").is_none());
    assert!(store.request(&nobody, &subject, &[0; 16]).expect("request").is_none());
    assert!(store.contact(&nobody, &hash).expect("contact").is_empty());
    assert!(store.document(&nobody, &hash).expect("document").is_none());
    assert!(store.published(&nobody).expect("documents").is_empty());
    assert!(store.mark(&nobody, MarkKind::Held, b"x").expect("mark").is_none());
    assert!(store.marks(&nobody, MarkKind::Held).expect("marks").is_empty());
}

fn begins_once(store: &dyn Store) {
    let site = site("begins");
    let head = begun(store, &site);
    assert_eq!(head_of(store, &site), Some(head));
    let again = Batch { expected: None, ..Batch::new(site.clone(), Head { time: 9, ..head }) };
    let refused = store.commit(again);
    assert!(
        matches!(refused, Err(CommitError::HeadMoved { found: Some(found) }) if found == head),
        "a log begins once, not twice: {refused:?}"
    );
    assert_eq!(head_of(store, &site), Some(head));
}

fn everything_lands_and_stays(open: &mut dyn FnMut() -> Arc<dyn Store>) {
    let site = site("stays");
    let store = open();
    let mut head = begun(&*store, &site);
    let mut batches = Vec::new();
    for count in [1, 2, 255, 300, 1, 2000, 1] {
        let batch = batch_with_document(&site, head, count);
        head = batch.head;
        store.commit(batch.clone()).expect("a commit on the right head succeeds");
        assert_all_there(&*store, &batch);
        batches.push(batch);
    }
    assert_everything_is_found(&*store, &batches);
    drop(store);
    let store = open();
    assert_eq!(head_of(&*store, &site), Some(head), "the head stays");
    batches.iter().for_each(|batch| assert_all_there(&*store, batch));
    assert_everything_is_found(&*store, &batches);
}

/// What is found by subject, contact and kind, over all batches of a site.
fn assert_everything_is_found(store: &dyn Store, batches: &[Batch]) {
    let site = &batches[0].site;
    let mut by_subject: BTreeMap<SubjectId, Vec<RecordRef>> = BTreeMap::new();
    let mut by_contact: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    let mut published = Vec::new();
    for batch in batches {
        for (index, (_, row)) in (batch.first()..).zip(&batch.entries) {
            match &row.body {
                RowBody::Record(record) => {
                    by_subject.entry(record.subject).or_default().push(RecordRef { index, id: record.id });
                    record
                        .contacts
                        .iter()
                        .for_each(|contact| by_contact.entry(*contact).or_default().push(index));
                }
                RowBody::Document(kind, hash) => {
                    published.push(DocumentRef { kind: *kind, index, hash: *hash, time: row.time });
                }
                _ => {}
            }
        }
    }
    for (subject, records) in &by_subject {
        assert_eq!(store.records(site, subject).expect("records"), *records, "oldest first, nobody else's");
        assert_eq!(store.newest(site, subject).expect("newest"), records.last().copied());
    }
    let (mut paged, mut after) = (Vec::new(), None);
    while let [.., last] = store.contacts(site, after.as_ref(), 2).expect("contacts")[..] {
        paged.extend(store.contacts(site, after.as_ref(), 2).expect("contacts"));
        after = Some(last);
    }
    // What no leaf names any more may still be among them.
    paged.retain(|contact| !store.contact(site, contact).expect("contact").is_empty());
    assert_eq!(paged, by_contact.keys().copied().collect::<Vec<_>>());
    for (contact, indices) in &by_contact {
        assert_eq!(store.contact(site, contact).expect("contact"), *indices);
    }
    assert_eq!(store.published(site).expect("documents"), published, "oldest first");
}

fn assert_all_there(store: &dyn Store, batch: &Batch) {
    let site = &batch.site;
    let range = batch.first()..batch.head.size;
    let (leaves, rows): (Vec<_>, Vec<_>) = batch.entries.iter().cloned().unzip();
    assert_eq!(store.leaves(site, range.clone()).expect("leaves"), leaves);
    let numbered: Vec<_> = range.clone().zip(rows).collect();
    assert_eq!(store.rows(site, range).expect("rows"), numbered);
    for (index, row) in &numbered {
        assert_eq!(store.row(site, *index).expect("row").as_ref(), Some(row));
        let Some(record) = row.record() else { continue };
        assert_eq!(store.record(site, &record.subject, record.id).expect("record"), Some(*index));
        let other = SubjectId([99; 16]);
        assert_eq!(store.record(site, &other, record.id).expect("record"), None, "only its holder's");
        if let Some(RequestId { key, body }) = record.request {
            assert_eq!(store.request(site, &record.subject, &key).expect("request"), Some((*index, body)));
            assert_eq!(store.request(site, &other, &key).expect("request"), None, "a key is the subject's");
        }
    }
    for (level, index, hash) in &batch.hashes {
        assert_eq!(store.hashes(site, *level, *index..index + 1).expect("hashes"), [*hash]);
    }
    for (hash, document) in &batch.documents {
        assert_eq!(store.document(site, hash).expect("document").as_ref(), Some(document));
    }
}

fn wrong_head_changes_nothing(store: &dyn Store) {
    let site = site("wrong-head");
    let head = begun(store, &site);
    store.commit(batch(&site, head, 3)).expect("a commit");
    let now = head_of(store, &site).expect("a head");
    let wrong = [
        head,
        Head { root: EMPTY_ROOT, ..now },
        Head { time: now.time + 1, ..now },
        Head { size: now.size + 1, ..now },
    ];
    for head in wrong {
        let mut batch = batch(&site, head, 2);
        batch.marks.push(Mark { kind: MarkKind::Held, key: vec![1], value: Some(vec![1]) });
        let refused = store.commit(batch);
        assert!(
            matches!(refused, Err(CommitError::HeadMoved { found: Some(found) }) if found == now),
            "{refused:?}"
        );
    }
    let unbegun = batch(&SiteId::new("unbegun").expect("a name"), head, 1);
    assert!(matches!(store.commit(unbegun), Err(CommitError::HeadMoved { found: None })));
    assert_eq!(head_of(store, &site), Some(now));
    assert_eq!(store.leaves(&site, 0..10).expect("leaves").len(), 3);
    assert_eq!(store.rows(&site, 0..10).expect("rows").len(), 3);
    assert_eq!(store.mark(&site, MarkKind::Held, &[1]).expect("mark"), None);
}

fn sites_are_apart(store: &dyn Store) {
    // One name begins with the other: a store that joins names and keys carelessly mixes them up.
    let (one, two) = (site("apart"), site("apart-2"));
    let (head, other) = (begun(store, &one), begun(store, &two));
    store.commit(batch(&one, head, 4)).expect("a commit");
    assert_eq!(head_of(store, &two), Some(other));
    assert!(store.leaves(&two, 0..10).expect("leaves").is_empty());
    assert!(store.rows(&two, 0..10).expect("rows").is_empty());
    assert!(store.records(&two, &SubjectId([1; 16])).expect("records").is_empty());
    assert!(store.contact(&two, &sha256(&[2])).expect("contact").is_empty());
    store.commit(batch(&two, other, 2)).expect("a commit");
    assert_eq!(store.leaves(&one, 0..10).expect("leaves").len(), 4);
    assert_eq!(store.contact(&one, &sha256(&[2])).expect("contact"), [2]);
    assert_eq!(store.records(&one, &SubjectId([1; 16])).expect("records").len(), 1);
}

fn ranges_end_where_the_log_ends(store: &dyn Store) {
    let site = site("ranges");
    let head = begun(store, &site);
    store.commit(batch(&site, head, 600)).expect("a commit");
    let leaves = store.leaves(&site, 0..u64::MAX).expect("leaves");
    assert_eq!(leaves.len(), 600);
    assert_eq!(store.leaves(&site, 250..260).expect("leaves"), leaves[250..260]);
    assert_eq!(store.leaves(&site, 598..700).expect("leaves"), leaves[598..]);
    assert!(store.leaves(&site, 600..700).expect("leaves").is_empty());
    assert!(store.leaves(&site, 5..5).expect("leaves").is_empty());
    let rows = store.rows(&site, 595..u64::MAX).expect("rows");
    assert_eq!(rows.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [595, 596, 597, 598, 599]);
    assert!(store.row(&site, 600).expect("row").is_none());
    assert_eq!(store.hashes(&site, 1, 0..100).expect("hashes").len(), 2);
    assert!(store.hashes(&site, 1, 2..100).expect("hashes").is_empty());
    assert!(store.hashes(&site, 2, 0..100).expect("hashes").is_empty());
    let mut tree = CompactTree::new();
    leaves.iter().for_each(|leaf| tree.append(leaf_hash(leaf)));
    assert_eq!(tree.size(), 600, "leaves come in order: {}", tree.root());
}

/// Many threads commit on the same head at once: exactly one may win each round.
fn one_of_many_wins(store: &Arc<dyn Store>) {
    let site = site("race");
    let mut head = begun(&**store, &site);
    for _ in 0..8 {
        let barrier = Barrier::new(8);
        let wins = std::thread::scope(|scope| {
            let commits: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        store.commit(batch(&site, head, 2)).is_ok()
                    })
                })
                .collect();
            commits.into_iter().map(|won| won.join().expect("no panic")).filter(|won| *won).count()
        });
        assert_eq!(wins, 1, "one head, one successor");
        let now = head_of(&**store, &site).expect("a head");
        assert_eq!(now.size, head.size + 2);
        assert_eq!(store.leaves(&site, 0..u64::MAX).expect("leaves").len() as u64, now.size);
        head = now;
    }
}

fn large_values(open: &mut dyn FnMut() -> Arc<dyn Store>) {
    let site = site("large");
    let store = open();
    let head = begun(&*store, &site);
    let mut batch = batch(&site, head, 1);
    let document = vec![b'x'; 3_000_000];
    let hash = sha256(&document);
    batch.documents.push((hash, document.clone()));
    store.commit(batch.clone()).expect("a commit with a large document");
    drop(store);
    let store = open();
    assert_eq!(store.document(&site, &hash).expect("document"), Some(document));
    assert_all_there(&*store, &batch);
}

fn tombstone(row: &Row) -> Row {
    let gone = Gone { reason: GoneReason::Asked, day: 20_000, period: 0 };
    Row { body: RowBody::Gone(gone), ..row.clone() }
}

/// Replaces entries of a log, some just committed and some long there: by a tombstone if `index % 3 == 0`, else by the
/// same record sealed anew.
fn replace(store: &dyn Store, site: &SiteId, indices: impl Iterator<Item = u64>) {
    let head = head_of(store, site).expect("a head");
    let mut batch = Batch::new(site.clone(), head);
    for index in indices {
        let old = store.row(site, index).expect("row").expect("it is there");
        let new = match old.record() {
            Some(record) if index % 3 != 0 => {
                let again = RecordRow { period: 30_000, sealed: vec![9; 200], ..record.clone() };
                Row { body: RowBody::Record(again), ..old }
            }
            _ => tombstone(&old),
        };
        batch.replaced.push((index, new));
    }
    store.commit(batch).expect("a commit that only replaces");
    assert_eq!(head_of(store, site), Some(head), "no leaf was added");
}

fn assert_replaced(store: &dyn Store, site: &SiteId, indices: impl Iterator<Item = u64>) {
    for index in indices {
        let row = store.row(site, index).expect("row").expect("a row stays a row");
        assert_eq!(store.rows(site, index..index + 1).expect("rows"), [(index, row.clone())]);
        let found = store.record(site, &subject_of(index), id_of(index)).expect("record");
        let listed = store.records(site, &subject_of(index)).expect("records");
        let request = store.request(site, &subject_of(index), &key_of(index)).expect("request");
        let contact = store.contact(site, &sha256(&[(index % 3) as u8])).expect("contact");
        let is_there = index % 3 != 0;
        assert_eq!(found, is_there.then_some(index));
        assert_eq!(listed.iter().any(|record| record.index == index), is_there);
        assert_eq!(request.is_some(), is_there && index % 5 != 0);
        assert_eq!(contact.contains(&index), is_there && index % 2 == 0);
        match row.body {
            RowBody::Record(record) => assert!(is_there && record.period == 30_000),
            body => assert!(!is_there && matches!(body, RowBody::Gone(_))),
        }
    }
}

fn replaced_rows_are_found_no_more(open: &mut dyn FnMut() -> Arc<dyn Store>) {
    let site = site("replaced");
    let store = open();
    let head = begun(&*store, &site);
    store.commit(batch(&site, head, 700)).expect("a commit");
    // Replaced while the commit that brought them is fresh, and after the store was closed and opened.
    replace(&*store, &site, 10..40);
    assert_replaced(&*store, &site, 10..40);
    drop(store);
    let store = open();
    assert_replaced(&*store, &site, 10..40);
    replace(&*store, &site, (300..330).chain([0, 699]));
    assert_replaced(&*store, &site, (10..40).chain(300..330).chain([0, 699]));
    // The newest record of a subject may be the one that went.
    let newest = store.newest(&site, &subject_of(699)).expect("newest").map(|record| record.index);
    assert_eq!(newest, Some(692), "the one before");
    drop(store);
    let store = open();
    assert_replaced(&*store, &site, (10..40).chain(300..330).chain([0, 699]));
    let leaves = store.leaves(&site, 0..700).expect("leaves");
    assert_eq!(leaves.len(), 700, "leaves stay");
    assert!(store.rows(&site, 0..700).expect("rows").len() == 700, "and so does a row for each");
}

fn marks_come_and_go(open: &mut dyn FnMut() -> Arc<dyn Store>) {
    let (here, there) = (site("marks"), site("marks-2"));
    let store = open();
    let head = begun(&*store, &here);
    begun(&*store, &there);
    let mark = |kind, key: &[u8], value: Option<&[u8]>| Mark {
        kind,
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
    };
    let commit = |store: &dyn Store, marks: Vec<Mark>| {
        store.commit(Batch { marks, ..Batch::new(here.clone(), head) }).expect("marks alone are a commit");
    };
    commit(
        &*store,
        vec![
            mark(MarkKind::Held, b"b", Some(b"2")),
            mark(MarkKind::Held, b"a", Some(b"1")),
            mark(MarkKind::Restricted, b"a", Some(b"")),
        ],
    );
    drop(store);
    let store = open();
    let held = |store: &dyn Store| store.marks(&here, MarkKind::Held).expect("marks");
    assert_eq!(held(&*store), [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"2".to_vec())]);
    assert_eq!(store.mark(&here, MarkKind::Restricted, b"a").expect("mark"), Some(Vec::new()));
    assert!(store.marks(&there, MarkKind::Held).expect("marks").is_empty());
    commit(
        &*store,
        vec![
            mark(MarkKind::Held, b"a", None),
            mark(MarkKind::Held, b"b", Some(b"3")),
            mark(MarkKind::Held, b"c", None),
        ],
    );
    assert_eq!(held(&*store), [(b"b".to_vec(), b"3".to_vec())]);
    assert_eq!(store.mark(&here, MarkKind::Held, b"a").expect("mark"), None);
    drop(store);
    let store = open();
    assert_eq!(held(&*store), [(b"b".to_vec(), b"3".to_vec())]);
    assert_eq!(store.mark(&here, MarkKind::Restricted, b"a").expect("mark"), Some(Vec::new()));
}

fn space_is_reclaimed(open: &mut dyn FnMut() -> Arc<dyn Store>) {
    let (here, there) = (site("reclaimed"), site("reclaimed-2"));
    let store = open();
    let head = begun(&*store, &here);
    let other = begun(&*store, &there);
    store.commit(batch(&here, head, 900)).expect("a commit");
    let kept = batch_with_document(&there, other, 300);
    store.commit(kept.clone()).expect("a commit");
    let marks = vec![Mark { kind: MarkKind::Purged, key: vec![4], value: Some(vec![5]) }];
    store.commit(Batch { marks, ..Batch::new(there.clone(), kept.head) }).expect("a commit");
    let goes = |index: u64| index < 450;
    let replaces = |site: &SiteId, index: u64, row: &Row| {
        (*site == here && goes(index) && row.record().is_some()).then(|| tombstone(row))
    };
    // Somebody decides while it goes on.
    let during = std::thread::scope(|scope| {
        let reclaiming = scope.spawn(|| store.reclaim(&replaces).expect("space can be reclaimed"));
        let mut head = head_of(&*store, &here).expect("a head");
        for _ in 0..20 {
            let batch = batch(&here, head, 10);
            head = batch.head;
            store.commit(batch).expect("commits go on");
        }
        reclaiming.join().expect("no panic")
    });
    assert_eq!(during.rows, 450);
    let check = |store: &dyn Store| {
        for index in 0..1100 {
            let row = store.row(&here, index).expect("row").expect("every leaf keeps a row");
            assert_eq!(row.record().is_none(), goes(index), "{index}");
            let found = store.record(&here, &subject_of(index), id_of(index)).expect("record");
            assert_eq!(found, (!goes(index)).then_some(index));
        }
        let contact = store.contact(&here, &sha256(&[0])).expect("contact");
        assert_eq!(contact, (450..1100).filter(|index| index % 6 == 0).collect::<Vec<_>>());
        assert_eq!(store.leaves(&here, 0..2000).expect("leaves").len(), 1100);
        assert_all_there(store, &kept);
        assert_everything_is_found(store, std::slice::from_ref(&kept));
        assert_eq!(store.mark(&there, MarkKind::Purged, &[4]).expect("mark"), Some(vec![5]));
    };
    check(&*store);
    drop(store);
    let store = open();
    check(&*store);
    let head = head_of(&*store, &here).expect("a head");
    store.commit(batch(&here, head, 3)).expect("a commit afterwards");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[test]
    fn memory_keeps_the_contract() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        run(&mut || Arc::clone(&store));
    }
}
