//! The suite that every store must pass, so that the ledger can rely on any of them.
//!
//! [`run`] checks what can be seen through the contract, reopening the store between steps. That a commit survives
//! a power cut cannot be seen from here: each store shows that in its own way.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};

use assent_core::commitment::Leaf;
use assent_core::hash::{Hash, sha256};
use assent_core::ids::SiteId;
use assent_core::merkle::{CompactTree, EMPTY_ROOT, leaf_hash};
use assent_core::subject::SubjectId;

use super::{Batch, CommitError, Head, NoticeRef, RecordRef, Row, RowBody, Store, SubjectRow, UsedKey};
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
    let head = Head { size: 0, root: EMPTY_ROOT, time: 5 };
    let batch = Batch { expected: None, ..Batch::new(site.clone(), head) };
    store.commit(batch).expect("a log can be begun");
    head
}

/// A batch of `count` records on top of `head`; leaf bytes tell the index.
fn batch(site: &SiteId, head: Head, count: u64) -> Batch {
    let mut batch = Batch::new(site.clone(), head);
    batch.head = Head { size: head.size + count, root: sha256(&head.root.0), time: head.time + 1 };
    for index in head.size..head.size + count {
        let leaf = Leaf::notice(&index.to_be_bytes()).to_bytes();
        let subject = SubjectId([u8::try_from(index % 7).unwrap_or(0); 16]);
        let bytes = vec![index as u8; 300 + (index % 100) as usize];
        let body = RowBody::Sealed { subject, period: 24_000, bytes };
        batch.entries.push((leaf, Row { time: batch.head.time, covering: batch.head.size, body }));
        let at = RecordRef { index, id: ReceiptId::from_parts(index, &[index as u8; 10]) };
        batch.records.push((subject, SubjectRow { secret: index * 3, latest: at }));
        batch.contacts.push((sha256(&[(index % 3) as u8]), index));
        batch.keys.push((sha256(&index.to_be_bytes()), UsedKey { request: sha256(b"request"), index }));
        if index % 256 == 255 {
            batch.hashes.push((1, index / 256, sha256(&index.to_be_bytes())));
        }
    }
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
    assert!(store.subject(&nobody, &subject).expect("subject").is_none());
    assert!(store.records(&nobody, &subject).expect("records").is_empty());
    assert!(store.record(&nobody, &subject, ReceiptId([0; 16])).expect("record").is_none());
    assert!(store.contact(&nobody, &hash).expect("contact").is_empty());
    assert!(store.used_key(&nobody, &hash).expect("key").is_none());
    assert!(store.notice(&nobody, &hash).expect("notice").is_none());
    assert!(store.notices(&nobody).expect("notices").is_empty());
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
    for count in [1, 2, 255, 300, 1] {
        let mut batch = batch(&site, head, count);
        let index = head.size;
        let document = format!("notice {index}").into_bytes();
        batch.notices.push((NoticeRef { index, hash: sha256(&document), time: head.time }, document));
        head = batch.head;
        store.commit(batch.clone()).expect("a commit on the right head succeeds");
        assert_all_there(&*store, &batch);
        batches.push(batch);
    }
    drop(store);
    let store = open();
    assert_eq!(head_of(&*store, &site), Some(head), "the head stays");
    batches.iter().for_each(|batch| assert_all_there(&*store, batch));

    let mut by_subject: BTreeMap<SubjectId, Vec<RecordRef>> = BTreeMap::new();
    let mut latest = BTreeMap::new();
    for batch in &batches {
        batch
            .records
            .iter()
            .for_each(|(subject, row)| by_subject.entry(*subject).or_default().push(row.latest));
        latest.extend(batch.records.iter().copied());
    }
    for (subject, records) in &by_subject {
        assert_eq!(store.records(&site, subject).expect("records"), *records, "oldest first, nobody else's");
        assert_eq!(store.subject(&site, subject).expect("subject"), latest.get(subject).copied());
    }
    let notices: Vec<_> = batches.iter().flat_map(|batch| batch.notices.iter().map(|(at, _)| *at)).collect();
    assert_eq!(store.notices(&site).expect("notices"), notices, "oldest first");
    for kind in 0..3u64 {
        let expected: Vec<u64> = (0..head.size).filter(|index| index % 3 == kind).collect();
        assert_eq!(store.contact(&site, &sha256(&[kind as u8])).expect("contact"), expected);
    }
}

fn assert_all_there(store: &dyn Store, batch: &Batch) {
    let site = &batch.site;
    let first = batch.expected.map_or(0, |head| head.size);
    let range = first..batch.head.size;
    let (leaves, rows): (Vec<_>, Vec<_>) = batch.entries.iter().cloned().unzip();
    assert_eq!(store.leaves(site, range.clone()).expect("leaves"), leaves);
    let numbered: Vec<_> = range.clone().zip(rows).collect();
    assert_eq!(store.rows(site, range).expect("rows"), numbered);
    for (index, row) in &numbered {
        assert_eq!(store.row(site, *index).expect("row").as_ref(), Some(row));
    }
    for (level, index, hash) in &batch.hashes {
        assert_eq!(store.hashes(site, *level, *index..index + 1).expect("hashes"), [*hash]);
    }
    for (subject, SubjectRow { latest: at, .. }) in &batch.records {
        assert_eq!(store.record(site, subject, at.id).expect("record"), Some(at.index));
        let other = SubjectId([99; 16]);
        assert_eq!(store.record(site, &other, at.id).expect("record"), None, "only its holder's");
    }
    for (key, used) in &batch.keys {
        assert_eq!(store.used_key(site, key).expect("key"), Some(*used));
    }
    for (at, document) in &batch.notices {
        assert_eq!(store.notice(site, &at.hash).expect("notice").as_ref(), Some(document));
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
        batch.keys = vec![(sha256(b"wrong"), UsedKey { request: Hash::default(), index: 1 })];
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
    assert_eq!(store.used_key(&site, &sha256(b"wrong")).expect("key"), None);
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
    assert!(store.contact(&two, &sha256(&[1])).expect("contact").is_empty());
    store.commit(batch(&two, other, 2)).expect("a commit");
    assert_eq!(store.leaves(&one, 0..10).expect("leaves").len(), 4);
    assert_eq!(store.contact(&one, &sha256(&[1])).expect("contact"), [1]);
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
    batch.notices.push((NoticeRef { index: 0, hash, time: 5 }, document.clone()));
    store.commit(batch.clone()).expect("a commit with a large document");
    drop(store);
    let store = open();
    assert_eq!(store.notice(&site, &hash).expect("notice"), Some(document));
    assert_all_there(&*store, &batch);
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
