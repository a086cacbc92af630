//! Random lives of a store, side by side with the memory store: every read gives the same, also after it was closed, killed or
//! rewritten.

use std::path::Path;
use std::sync::Arc;

use assent_core::commitment::Leaf;
use assent_core::hash::{Hash, sha256};
use assent_core::ids::SiteId;
use assent_core::merkle::EMPTY_ROOT;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::memory::MemoryStore;
use assent_ledger::store::{
    Batch, DocumentKind, Gone, GoneReason, Head, Mark, MarkKind, RecordRow, RequestId, Row, RowBody, Store,
};
use assent_store_sled::SledStore;
use proptest::prelude::*;

use crate::life::{self, copy, files_below, times};

#[derive(Debug, Clone)]
enum Step {
    /// Site, records, bytes of each.
    Add(u8, u64, usize),
    Document(u8, u8),
    /// Site, one in how many becomes a tombstone.
    Erase(u8, u64),
    /// Sealed anew.
    Carry(u8, u64),
    Mark(u8, u8, bool),
    /// A batch built on another head.
    Stale(u8),
    Reopen,
    /// Opened from a copy of what is on the disk while it is open.
    Kill,
    /// One in how many goes on the way.
    Reclaim(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let site = 0..2u8;
    prop_oneof![
        8 => (site.clone(), 1..40u64, 1..4000usize).prop_map(|(s, n, len)| Step::Add(s, n, len)),
        2 => (site.clone(), 0..3u8).prop_map(|(s, text)| Step::Document(s, text)),
        2 => (site.clone(), 2..9u64).prop_map(|(s, every)| Step::Erase(s, every)),
        1 => (site.clone(), 2..9u64).prop_map(|(s, every)| Step::Carry(s, every)),
        2 => (site.clone(), 0..4u8, any::<bool>()).prop_map(|(s, key, on)| Step::Mark(s, key, on)),
        1 => site.prop_map(Step::Stale),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => (3..20u64).prop_map(Step::Reclaim),
    ]
}

fn site(number: u8) -> SiteId {
    SiteId::new(["clinic", "charity"][usize::from(number)]).unwrap()
}

fn record(index: u64, len: usize) -> RecordRow {
    RecordRow {
        id: ReceiptId::from_parts(index, &[index as u8; 10]),
        subject: SubjectId([(index % 11) as u8; 16]),
        secret: index,
        period: 24_000,
        request: (!index.is_multiple_of(3)).then(|| RequestId { key: key(index), body: [7; 16] }),
        contacts: index.is_multiple_of(2).then(|| sha256(&[(index % 5) as u8])).into_iter().collect(),
        sealed: vec![index as u8; len],
    }
}

fn key(index: u64) -> [u8; 16] {
    index.to_be_bytes().repeat(2).try_into().unwrap()
}

fn add(head: Head, site: &SiteId, bodies: Vec<RowBody>) -> Batch {
    let mut batch = Batch::new(site.clone(), head);
    let size = head.size + bodies.len() as u64;
    batch.head = Head { size, root: sha256(&head.root.0), time: head.time + 1, secrets: size };
    for (index, body) in (head.size..).zip(bodies) {
        let leaf = Leaf::notice(&index.to_be_bytes()).to_bytes();
        batch.entries.push((leaf, Row { time: batch.head.time, covering: size, body }));
        if index % 256 == 255 {
            batch.hashes.push((1, index / 256, sha256(&index.to_be_bytes())));
        }
    }
    batch
}

fn begun(store: &dyn Store, site: &SiteId) -> Head {
    if let Some(head) = store.head(site).unwrap() {
        return head;
    }
    let head = Head { size: 0, root: EMPTY_ROOT, time: 5, secrets: 0 };
    store.commit(Batch { expected: None, ..Batch::new(site.clone(), head) }).unwrap();
    head
}

fn tombstone(row: &Row) -> Row {
    Row { body: RowBody::Gone(Gone { reason: GoneReason::Asked, day: 3, period: 0 }), ..row.clone() }
}

/// Rows of every n-th record, changed.
fn replaced(store: &dyn Store, site: &SiteId, every: u64, change: fn(&Row) -> Row) -> Vec<(u64, Row)> {
    let rows = store.rows(site, 0..u64::MAX).unwrap().into_iter();
    rows.filter(|(index, row)| index % every == 1 && row.record().is_some())
        .map(|(index, row)| (index, change(&row)))
        .collect()
}

fn sealed_anew(row: &Row) -> Row {
    match row.record() {
        Some(record) => {
            let sealed = vec![9; record.sealed.len() / 2 + 1];
            Row {
                body: RowBody::Record(RecordRow { period: 24_001, sealed, ..record.clone() }),
                ..row.clone()
            }
        }
        None => row.clone(),
    }
}

/// Every read of a site, in words.
fn read(store: &dyn Store, site: &SiteId) -> Vec<String> {
    let Some(head) = store.head(site).unwrap() else { return vec!["none".into()] };
    let mut said = vec![format!("{head:?}")];
    let mut say = |what: String| said.push(what);
    say(format!("{:?}", store.leaves(site, 0..head.size + 3).unwrap()));
    say(format!("{:?}", store.leaves(site, head.size / 3..head.size / 2).unwrap()));
    say(format!("{:?}", store.rows(site, 0..head.size + 3).unwrap()));
    say(format!("{:?}", store.rows(site, head.size / 2..head.size).unwrap()));
    say(format!("{:?}", store.hashes(site, 1, 0..9).unwrap()));
    for index in (0..head.size + 2).step_by(7) {
        say(format!("{:?}", store.row(site, index).unwrap()));
        let subject = SubjectId([(index % 11) as u8; 16]);
        say(format!("{:?}", store.record(site, &subject, record(index, 1).id).unwrap()));
        say(format!("{:?}", store.request(site, &subject, &key(index)).unwrap()));
    }
    for subject in (0..12).map(|number| SubjectId([number; 16])) {
        say(format!("{:?}", store.records(site, &subject).unwrap()));
        say(format!("{:?}", store.newest(site, &subject).unwrap()));
    }
    for contact in (0..6).map(|number| sha256(&[number])) {
        say(format!("{:?}", store.contact(site, &contact).unwrap()));
    }
    for document in (0..4u8).map(|text| sha256(&[text; 100])) {
        say(format!("{:?}", store.document(site, &document).unwrap()));
    }
    say(format!("{:?}", store.published(site).unwrap()));
    for kind in [MarkKind::Untold, MarkKind::Held] {
        say(format!("{:?}", store.marks(site, kind).unwrap()));
        say(format!("{:?}", store.mark(site, kind, &[1]).unwrap()));
    }
    said
}

/// A copy of a moment: made again when something was written meanwhile.
fn frozen_copy(dir: &Path) -> tempfile::TempDir {
    let written = || {
        let files = files_below(dir).into_iter();
        files.map(|path| (path.metadata().unwrap().modified().unwrap(), path)).collect::<Vec<_>>()
    };
    loop {
        let (next, before) = (life::folder(), written());
        copy(dir, next.path());
        if written() == before {
            return next;
        }
    }
}

fn lives_alike(steps: Vec<Step>) {
    let memory = MemoryStore::new();
    let mut home = life::folder();
    let open = |dir: &Path| Arc::new(SledStore::open_with_cache(dir, 8 << 20).unwrap());
    let mut sled = open(home.path());
    for step in steps {
        let commit = |site: &SiteId, make: &dyn Fn(Head) -> Batch| {
            let head = begun(&memory, site);
            assert_eq!(begun(&*sled, site), head);
            let (batch, again) = (make(head), make(head));
            memory.commit(batch).unwrap();
            sled.commit(again).unwrap();
        };
        match &step {
            Step::Add(number, count, len) => commit(&site(*number), &|head| {
                let bodies = (head.size..head.size + count).map(|index| RowBody::Record(record(index, *len)));
                add(head, &site(*number), bodies.collect())
            }),
            Step::Document(number, text) => commit(&site(*number), &|head| {
                let document = vec![*text; 100];
                let kind = if text % 2 == 0 { DocumentKind::Notice } else { DocumentKind::Change };
                let mut batch = add(head, &site(*number), vec![RowBody::Document(kind, sha256(&document))]);
                batch.documents.push((sha256(&document), document));
                batch
            }),
            Step::Erase(number, every) | Step::Carry(number, every) => commit(&site(*number), &|head| {
                let change = if matches!(step, Step::Erase(..)) { tombstone } else { sealed_anew };
                let replaced = replaced(&memory, &site(*number), *every, change);
                Batch { replaced, ..Batch::new(site(*number), head) }
            }),
            Step::Mark(number, of, on) => commit(&site(*number), &|head| {
                let kind = if of % 2 == 0 { MarkKind::Untold } else { MarkKind::Held };
                let mark = Mark { kind, key: vec![*of], value: on.then(|| vec![*of; 3]) };
                Batch { marks: vec![mark], ..Batch::new(site(*number), head) }
            }),
            Step::Stale(number) => {
                let head = Head { size: 1 << 40, root: Hash([1; 32]), time: 1, secrets: 0 };
                sled.commit(Batch::new(site(*number), head)).unwrap_err();
            }
            Step::Reopen => {
                drop(sled);
                sled = open(home.path());
            }
            Step::Kill => {
                let next = frozen_copy(home.path());
                drop(sled);
                home = next;
                sled = open(home.path());
            }
            Step::Reclaim(every) => {
                let goes = |_: &SiteId, index: u64, row: &Row| {
                    (index.is_multiple_of(*every) && row.record().is_some()).then(|| tombstone(row))
                };
                assert_eq!(memory.reclaim(&goes).unwrap().rows, sled.reclaim(&goes).unwrap().rows);
            }
        }
        for number in 0..2 {
            let (found, expected) = (read(&*sled, &site(number)), read(&memory, &site(number)));
            assert_eq!(found, expected, "after {step:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12 * times() as u32, max_shrink_iters: 40, ..ProptestConfig::default() })]
    #[test]
    fn the_store_remembers_what_memory_does(steps in prop::collection::vec(step(), 1..25)) {
        lives_alike(steps);
    }
}
