//! The fault table: every call that every operation makes to the store fails, once or from then on, in every way it can.
//!
//! Each case begins with the same small log, in which people decided, were restricted, held, erased, and are due to be
//! purged. After the fault: what the caller heard is true, the whole log checks, and doing it again ends as if nothing had
//! failed. Failing files are not here: the store's own package cuts and fails system calls.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic, and so may what they share; each case is named before it runs"
)]

mod common;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use assent_core::export_format::ExportVerifier;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_ledger::store::memory::{MemoryStore, SiteLog};
use assent_ledger::store::{
    Batch, CommitError, DocumentRef, GoneReason, Head, LeafBytes, MarkEntry, MarkKind, Reclaimed, RecordRef,
    Replaces, Row, Store, StoreError,
};
use assent_ledger::testing::block_on;
use assent_ledger::{
    AppendError, Contact, CreateError, Draft, ErasureError, ExportFilter, Hold, Ledger, OpenError, Opened,
    Outside, ReadError, ReceiptId, Retention, SystemRandom,
};
use common::{DAY, START, TestClock, append, config, draft, folder, keyed, operator, site, subject};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    /// Nothing happened, and that is known. The only way a read can fail.
    Known,
    /// Nothing happened, and nobody can tell.
    Unheard,
    /// It happened, and nobody can tell.
    Applied,
}

/// The fault to come: at which call, how, and whether every later call fails too.
#[derive(Clone, Copy, Debug)]
struct Fault {
    at: usize,
    fails: Fails,
    lasts: bool,
}

/// A store that counts its calls and fails when it is told to.
#[derive(Debug)]
struct Faulty {
    inner: MemoryStore,
    fault: Mutex<Option<Fault>>,
    /// Names of the calls since they were last taken.
    calls: Mutex<Vec<&'static str>>,
}

impl Faulty {
    fn on(inner: MemoryStore) -> Arc<Self> {
        Arc::new(Faulty { inner, fault: Mutex::default(), calls: Mutex::default() })
    }

    fn plan(&self, fault: Option<Fault>) {
        self.calls.lock().unwrap().clear();
        *self.fault.lock().unwrap() = fault;
    }

    fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    fn due(&self, call: &'static str) -> Option<Fails> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(call);
        let fault = (*self.fault.lock().unwrap())?;
        let now = calls.len() - 1;
        (now == fault.at || fault.lasts && now > fault.at).then_some(fault.fails)
    }

    fn read(&self, call: &'static str) -> Result<&MemoryStore, StoreError> {
        self.due(call).map_or(Ok(&self.inner), |_| Err(StoreError::new(call, "a fault was injected")))
    }
}

impl Store for Faulty {
    fn head(&self, site: &SiteId) -> Result<Option<Head>, StoreError> {
        self.read("head")?.head(site)
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let unwell = || StoreError::new("commit", "a fault was injected");
        match self.due("commit") {
            None => self.inner.commit(batch),
            Some(Fails::Known) => Err(CommitError::Failed(unwell())),
            Some(Fails::Unheard) => Err(CommitError::OutcomeUnknown(unwell())),
            Some(Fails::Applied) => {
                self.inner.commit(batch)?;
                Err(CommitError::OutcomeUnknown(unwell()))
            }
        }
    }

    fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError> {
        self.read("leaves")?.leaves(site, range)
    }

    fn hashes(&self, site: &SiteId, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.read("hashes")?.hashes(site, level, range)
    }

    fn row(&self, site: &SiteId, index: u64) -> Result<Option<Row>, StoreError> {
        self.read("row")?.row(site, index)
    }

    fn rows(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        self.read("rows")?.rows(site, range)
    }

    fn records(&self, site: &SiteId, subject: &SubjectId) -> Result<Vec<RecordRef>, StoreError> {
        self.read("records")?.records(site, subject)
    }

    fn newest(&self, site: &SiteId, subject: &SubjectId) -> Result<Option<RecordRef>, StoreError> {
        self.read("newest")?.newest(site, subject)
    }

    fn record(&self, site: &SiteId, subject: &SubjectId, id: ReceiptId) -> Result<Option<u64>, StoreError> {
        self.read("record")?.record(site, subject, id)
    }

    fn request(
        &self,
        site: &SiteId,
        subject: &SubjectId,
        key: &[u8; 16],
    ) -> Result<Option<(u64, [u8; 16])>, StoreError> {
        self.read("request")?.request(site, subject, key)
    }

    fn contact(&self, site: &SiteId, contact: &Hash) -> Result<Vec<u64>, StoreError> {
        self.read("contact")?.contact(site, contact)
    }

    fn contacts(&self, site: &SiteId, after: Option<&Hash>, most: usize) -> Result<Vec<Hash>, StoreError> {
        self.read("contacts")?.contacts(site, after, most)
    }

    fn document(&self, site: &SiteId, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("document")?.document(site, hash)
    }

    fn published(&self, site: &SiteId) -> Result<Vec<DocumentRef>, StoreError> {
        self.read("published")?.published(site)
    }

    fn mark(&self, site: &SiteId, kind: MarkKind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("mark")?.mark(site, kind, key)
    }

    fn marks(&self, site: &SiteId, kind: MarkKind) -> Result<Vec<MarkEntry>, StoreError> {
        self.read("marks")?.marks(site, kind)
    }

    fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        self.read("reclaim")?.reclaim(replaces)
    }
}

/// A log that every case begins with, as it lies on the disk and in the store.
struct Begun {
    dir: tempfile::TempDir,
    log: SiteLog,
    /// Receipts of people 1 to 9, by person.
    receipts: Vec<(u64, ReceiptId, String)>,
}

/// One case's own copy.
struct Case {
    dir: tempfile::TempDir,
    store: Arc<Faulty>,
    clock: TestClock,
}

const NOW: u64 = START + 500 * DAY;
const ERASED: u64 = 3;

fn at(now: u64) -> TestClock {
    let clock = TestClock::default();
    clock.0.store(now, std::sync::atomic::Ordering::Relaxed);
    clock
}

impl Case {
    fn open(&self) -> Result<Ledger, OpenError> {
        let outside = Outside { clock: Box::new(self.clock.clone()), random: Box::new(SystemRandom) };
        Ledger::open(config(self.dir.path()), self.store.clone(), &operator(), outside)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Due in the second month after now: nobody is purged but whom it is meant for.
fn living(who: u64, previous: Option<ReceiptId>) -> Draft {
    Draft { retain_until: NOW + 60 * DAY, ..draft(who, previous) }
}

fn begin() -> Begun {
    let dir = folder();
    let case = Case { dir, store: Faulty::on(MemoryStore::new()), clock: at(START) };
    let outside = Outside { clock: Box::new(case.clock.clone()), random: Box::new(SystemRandom) };
    let ledger = Ledger::create(config(case.dir.path()), case.store.clone(), &operator(), outside).unwrap();
    let mut receipts = Vec::new();
    let mut decides = |draft: Draft, who: u64| {
        let appended = append(&ledger, draft).unwrap();
        receipts.push((who, appended.id, appended.receipt.to_json()));
        appended.id
    };
    block_on(ledger.publish_notice(b"notice 1".to_vec())).unwrap();
    // 7 is due long before now; 8 too, but is held.
    decides(draft(7, None), 7);
    decides(draft(8, None), 8);
    let contacts = vec![Contact { channel: Channel::Email, address: "person-1@example.org".into() }];
    let first = decides(keyed(Draft { contacts, ..living(1, None) }, "known", "body"), 1);
    decides(living(1, Some(first)), 1);
    decides(living(2, None), 2);
    decides(living(ERASED, None), ERASED);
    decides(living(4, None), 4);
    block_on(ledger.restrict(subject(2), "dispute".into())).unwrap();
    block_on(ledger.hold(subject(8), hold())).unwrap();
    block_on(ledger.hold(subject(4), hold())).unwrap();
    block_on(ledger.erase(subject(ERASED), GoneReason::Asked, false)).unwrap();
    drop(ledger);
    let mut log = SiteLog::default();
    case.store.inner.tamper(&site(), |there| log = there.clone());
    Begun { dir: case.dir, log, receipts }
}

impl Begun {
    fn case(&self) -> Case {
        let (dir, store) = (folder(), MemoryStore::new());
        copy(self.dir.path(), dir.path());
        store.tamper(&site(), |log| *log = self.log.clone());
        Case { dir, store: Faulty::on(store), clock: at(NOW) }
    }
}

fn hold() -> Hold {
    Hold { reason: "claim-4".into(), review: "2029-01-01".into() }
}

fn due(_: &Opened, newest: u64) -> Result<u64, ReadError> {
    Ok(newest + 400 * DAY)
}

/// What a caller may conclude.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Done,
    /// Nothing was changed.
    Nothing,
    /// It may be done, or in part.
    Unknown,
}

fn heard<T>(answer: Result<T, AppendError>) -> Heard {
    match answer {
        Ok(_) => Heard::Done,
        Err(AppendError::OutcomeUnknown) => Heard::Unknown,
        Err(AppendError::Unavailable) => Heard::Nothing,
        Err(other) => panic!("no caller can do anything with {other:?}"),
    }
}

fn changed<T>(answer: Result<T, ErasureError>) -> Heard {
    match answer {
        Err(ErasureError::Append(error)) => heard::<T>(Err(error)),
        Err(ErasureError::Read(ReadError::Store(_))) => Heard::Nothing,
        Err(other) => panic!("no caller can do anything with {other:?}"),
        Ok(_) => Heard::Done,
    }
}

type Operation = (&'static str, fn(&Ledger, &Case) -> Heard);

/// Everything that changes a log.
const OPERATIONS: [Operation; 16] = [
    ("a new person decides", |ledger, _| heard(append(ledger, keyed(living(9, None), "new", "body")))),
    ("a known person decides", |ledger, _| {
        let Ok(previous) = ledger.newest(&subject(1)) else { return Heard::Nothing };
        match append(ledger, keyed(living(1, previous), "more", "body")) {
            // Asked again after an unheard success, with the history read anew.
            Err(AppendError::SubjectMoved { .. }) => panic!("nobody else decides"),
            answer => heard(answer),
        }
    }),
    ("a restricted person decides", |ledger, _| {
        let Ok(previous) = ledger.newest(&subject(2)) else { return Heard::Nothing };
        heard(append(ledger, keyed(living(2, previous), "on", "body")))
    }),
    ("a request comes again", |ledger, _| heard(append(ledger, keyed(living(1, None), "known", "body")))),
    ("a notice is published", |ledger, _| heard(block_on(ledger.publish_notice(b"notice 2".to_vec())))),
    ("rules are published", |ledger, _| heard(block_on(ledger.publish_change(b"rules".to_vec())))),
    ("a person is erased", |ledger, _| {
        changed(block_on(ledger.erase(subject(1), GoneReason::Controller, true)))
    }),
    ("a restricted person is erased", |ledger, _| {
        changed(block_on(ledger.erase(subject(2), GoneReason::Asked, false)))
    }),
    ("a person is restricted", |ledger, _| changed(block_on(ledger.restrict(subject(1), "claim".into())))),
    ("a person is released", |ledger, _| changed(block_on(ledger.release(subject(2))))),
    ("a person is held", |ledger, _| changed(block_on(ledger.hold(subject(1), hold())))),
    ("a person is let go", |ledger, _| changed(block_on(ledger.let_go(subject(4))))),
    ("a contact is suppressed", |ledger, _| {
        let contact = ledger.contact_hash(Channel::Email, "person-1@example.org");
        changed(block_on(ledger.suppress(contact, true)))
    }),
    ("erasures are told of", |ledger, _| changed(block_on(ledger.tell_erasures()))),
    ("a month is purged", |ledger, case| {
        case.clock.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        changed(ledger.purge(&Retention { now: NOW, policy: Hash([3; 32]), due: &due }, &mut |_| {}))
    }),
    ("space is reclaimed", |ledger, case| {
        let reclaimed = case.store.reclaim(&|_, _, row| ledger.replaces(row));
        reclaimed.map_or(Heard::Nothing, |_| Heard::Done)
    }),
];

/// Everything a log can be asked, in words, but for random ids and times.
fn told(ledger: &Ledger) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut say = |what: String, said: String| drop(told.insert(what, said));
    for who in 1..=9 {
        let subject = subject(who);
        let history = ledger.history(&subject).unwrap();
        say(format!("{who} history"), history.len().to_string());
        say(format!("{who} is known"), ledger.newest(&subject).unwrap().is_some().to_string());
        say(format!("{who} restricted"), ledger.restriction_of(&subject).unwrap().is_some().to_string());
        say(format!("{who} held"), ledger.hold_of(&subject).unwrap().is_some().to_string());
    }
    let contact = ledger.contact_hash(Channel::Email, "person-1@example.org");
    say("suppressed".into(), ledger.suppressed(&contact).unwrap().is_some().to_string());
    say("by contact".into(), ledger.by_contact(&contact).unwrap().len().to_string());
    say("notice".into(), format!("{:?}", ledger.current_notice().unwrap().map(|(_, document)| document)));
    say("size".into(), ledger.size().to_string());
    let mut out = Vec::new();
    ledger.export(&ExportFilter::default(), &mut out, &mut |_| {}).unwrap();
    let mut verifier = ExportVerifier::new(Some(ledger.vkey().clone()));
    for line in std::str::from_utf8(&out).unwrap().lines() {
        verifier.line(line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
    }
    let shown = verifier.finish().unwrap();
    let counts = (shown.records, shown.notices, shown.changes, shown.summaries, shown.gone, shown.untold);
    say("export".into(), format!("{counts:?} {:?} {:?}", shown.withheld_by_reason, shown.gone_by_reason));
    say("check".into(), format!("{:?}", ledger.check(&mut |_| {}).unwrap()));
    told
}

/// What was acknowledged before is as it was, or gone for good.
fn nothing_is_lost(ledger: &Ledger, begun: &Begun, context: &str) {
    for (who, id, text) in &begun.receipts {
        match ledger.receipt(&subject(*who), *id) {
            Ok(Some(kept)) => {
                assert_ne!(*who, ERASED, "{context}: what was erased came back");
                assert_eq!(kept.receipt.to_json(), *text, "{context}");
            }
            Ok(None) => assert!([ERASED, 1, 2, 7].contains(who), "{context}: {who}'s record is lost"),
            Err(ReadError::Restricted { .. }) => assert!([1, 2].contains(who), "{context}"),
            Err(error) => panic!("{context}: {error}"),
        }
        let receipt = assent_core::receipt::Receipt::parse(text).unwrap();
        receipt.verify(Some(ledger.vkey())).unwrap();
    }
}

#[test]
fn every_call_may_fail_in_every_way() {
    let begun = begin();
    let (cases, seen) = std::thread::scope(|scope| {
        let parts = OPERATIONS.chunks(OPERATIONS.len() / 2);
        let parts: Vec<_> = parts.map(|part| scope.spawn(|| every_call_of(&begun, part))).collect();
        let mut all: (usize, BTreeMap<&str, usize>) = (0, BTreeMap::new());
        for part in parts {
            let (cases, seen) = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.0 += cases;
            seen.into_iter().for_each(|(call, count)| *all.1.entry(call).or_default() += count);
        }
        all
    });
    println!("{cases} cases: {seen:?}");
    // A store that is asked nothing would pass.
    for call in [
        "commit", "head", "leaves", "row", "rows", "records", "newest", "request", "mark", "marks", "reclaim",
    ] {
        assert!(seen.contains_key(call), "no operation made the call {call}");
    }
}

/// How many cases there were, and which calls.
fn every_call_of(begun: &Begun, operations: &[Operation]) -> (usize, BTreeMap<&'static str, usize>) {
    let mut cases = 0;
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (name, operation) in operations {
        // Without a fault: which calls there are, and what is so afterwards.
        let case = begun.case();
        let ledger = case.open().unwrap();
        let before = told(&ledger);
        case.store.plan(None);
        assert_eq!(operation(&ledger, &case), Heard::Done, "{name}");
        let calls = case.store.calls();
        let after = told(&ledger);
        drop(ledger);
        for (at, call) in calls.iter().enumerate() {
            *seen.entry(*call).or_default() += 1;
            let ways: &[Fails] = if *call == "commit" {
                &[Fails::Known, Fails::Unheard, Fails::Applied]
            } else {
                &[Fails::Known]
            };
            for fails in ways {
                for lasts in [false, true] {
                    cases += 1;
                    let context = format!("{name}: call {at} ({call}) {fails:?}, lasting: {lasts}");
                    one_case(
                        begun,
                        *operation,
                        (&before, &after),
                        Fault { at, fails: *fails, lasts },
                        &context,
                    );
                }
            }
        }
    }
    (cases, seen)
}

fn one_case(
    begun: &Begun,
    operation: fn(&Ledger, &Case) -> Heard,
    (before, after): (&BTreeMap<String, String>, &BTreeMap<String, String>),
    fault: Fault,
    context: &str,
) {
    // Shown when the case fails.
    println!("{context}");
    let case = begun.case();
    let ledger = case.open().unwrap();
    case.store.plan(Some(fault));
    let heard = operation(&ledger, &case);
    if fault.lasts && heard == Heard::Unknown {
        // As long as nothing can be read, nothing is taken. A request that came again wrote nothing.
        assert!(!ledger.is_writable() || !case.store.calls().contains(&"commit"), "{context}");
        assert_eq!(append(&ledger, living(50, None)).unwrap_err(), AppendError::Unavailable, "{context}");
    }
    case.store.plan(None);
    // Readers are right at once.
    nothing_is_lost(&ledger, begun, context);
    let standing = case.open_beside(&ledger);
    match heard {
        Heard::Done => same(&standing, after, &format!("{context}: it was said to be done")),
        Heard::Nothing => same(&standing, before, &format!("{context}: nothing was said to be changed")),
        Heard::Unknown => {}
    }
    // Doing it again is right, and ends as if nothing had failed.
    assert_eq!(operation(&ledger, &case), Heard::Done, "{context}");
    // A batch that was not stored is remembered for a minute, unless one was since.
    case.clock.0.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    assert!(ledger.is_writable(), "{context}");
    same(&told(&ledger), after, context);
    nothing_is_lost(&ledger, begun, context);
    drop(ledger);
    let ledger = case.open().unwrap_or_else(|error| panic!("{context}: {error}"));
    same(&told(&ledger), after, &format!("{context}, opened again"));
    nothing_is_lost(&ledger, begun, context);
    append(&ledger, living(51, None)).unwrap();
}

#[track_caller]
fn same(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>, context: &str) {
    let differ = |(what, said): &(&String, &String)| expected.get(*what) != Some(*said);
    let different: Vec<_> =
        found.iter().filter(differ).map(|(what, said)| (what, said, &expected[what])).collect();
    assert!(different.is_empty(), "{context}: found and expected: {different:?}");
}

impl Case {
    /// What a new start would find now, in a copy: the log that is open goes on.
    fn open_beside(&self, _open: &Ledger) -> BTreeMap<String, String> {
        let (dir, store) = (folder(), MemoryStore::new());
        copy(self.dir.path(), dir.path());
        self.store.inner.tamper(&site(), |log| {
            let log = log.clone();
            store.tamper(&site(), |copy| *copy = log);
        });
        let beside = Case { dir, store: Faulty::on(store), clock: self.clock.clone() };
        told(&beside.open().unwrap())
    }
}

/// Starting reads and may repair; whatever fails, the next start does it.
#[test]
fn a_start_may_fail_at_every_call() {
    let begun = begin();
    let case = begun.case();
    let after = told(&case.open().unwrap());
    let erase = |fault: Option<Fault>| {
        let case = begun.case();
        let ledger = case.open().unwrap();
        case.store.plan(fault);
        drop(block_on(ledger.erase(subject(2), GoneReason::Asked, false)));
        drop(ledger);
        case
    };
    // Something to repair: a secret is doomed still, because the commit that says it is destroyed did not end well.
    let at = erase(None).store.calls().iter().rposition(|call| *call == "commit").unwrap();
    let damaged = || erase(Some(Fault { at, fails: Fails::Unheard, lasts: true }));
    for (make, repairs) in [(&(|| begun.case()) as &dyn Fn() -> Case, false), (&damaged, true)] {
        let case = make();
        case.store.plan(None);
        let ledger = case.open().unwrap();
        let calls = case.store.calls();
        assert_eq!(calls.contains(&"commit"), repairs);
        let after = told(&ledger);
        drop(ledger);
        for (at, call) in calls.iter().enumerate() {
            let ways: &[Fails] = if *call == "commit" {
                &[Fails::Known, Fails::Unheard, Fails::Applied]
            } else {
                &[Fails::Known]
            };
            for fails in ways {
                let case = make();
                case.store.plan(Some(Fault { at, fails: *fails, lasts: false }));
                let refused = case.open().err();
                // But for a store that is full: what was to be destroyed is, and that it is done can be noted later.
                let goes_on = *call == "commit" && *fails == Fails::Known;
                assert_eq!(
                    refused.is_none(),
                    goes_on,
                    "call {at} ({call}) {fails:?} of a start failed: {refused:?}"
                );
                case.store.plan(None);
                assert_eq!(told(&case.open().unwrap()), after, "call {at} ({call}) {fails:?}");
            }
        }
    }
    drop(after);
}

#[test]
fn a_log_can_be_begun_again_after_every_failing_call() {
    let fresh = || Case { dir: folder(), store: Faulty::on(MemoryStore::new()), clock: at(NOW) };
    let create = |case: &Case| {
        let outside = Outside { clock: Box::new(case.clock.clone()), random: Box::new(SystemRandom) };
        Ledger::create(config(case.dir.path()), case.store.clone(), &operator(), outside)
    };
    let case = fresh();
    drop(create(&case).unwrap());
    for (at, call) in case.store.calls().iter().enumerate() {
        for fails in [Fails::Known, Fails::Unheard, Fails::Applied] {
            let case = fresh();
            case.store.plan(Some(Fault { at, fails, lasts: false }));
            create(&case).unwrap_err();
            case.store.plan(None);
            let ledger = match create(&case) {
                Err(CreateError::Exists { .. }) => case.open().unwrap(),
                created => created.unwrap_or_else(|error| panic!("call {at} ({call}) {fails:?}: {error}")),
            };
            append(&ledger, living(1, None)).unwrap();
            ledger.check(&mut |_| {}).unwrap();
        }
    }
}
