//! The fault table: every call that every operation makes to the store fails, once or from then on, in every way it can.
//!
//! Each case begins with the same small log, in which people decided, were restricted, held, erased, and are due to be
//! purged. After the fault: what the caller heard is true, the whole log checks, and doing it again ends as if nothing had
//! failed. What only reads says that it could not, and never another answer. Failing files are not here: the store's own
//! package cuts and fails system calls.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic, and so may what they share; each case is named before it runs"
)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use assent_core::export_format::ExportVerifier;
use assent_core::hash::Hash;
use assent_core::notice::Channel;
use assent_ledger::store::memory::{MemoryStore, SiteLog};
use assent_ledger::store::{GoneReason, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{
    AppendError, Contact, CreateError, Draft, ErasureError, ExportFilter, Hold, Ledger, OpenError, Opened,
    Outside, Owed, ReadError, ReceiptId, Retention, SystemRandom,
};
use common::faulty::{Fails, Fault, Faulty, ways};
use common::{DAY, START, TestClock, append, config, draft, folder, keyed, operator, site, subject};

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
    block_on(ledger.set_jobs(vec![(b"job 1".to_vec(), Some(b"sealed".to_vec()))])).unwrap();
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

fn person_1(ledger: &Ledger) -> Hash {
    ledger.contact_hash(Channel::Email, "person-1@example.org")
}

/// Everything that changes a log, but for giving back space.
const OPERATIONS: [Operation; 18] = [
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
    ("a contact is suppressed", |ledger, _| changed(block_on(ledger.suppress(person_1(ledger), true)))),
    ("erasures are told of", |ledger, _| changed(block_on(ledger.tell_erasures()))),
    ("a month is purged", |ledger, case| {
        case.clock.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        changed(ledger.purge(&Retention { now: NOW, policy: Hash([3; 32]), due: &due }, &mut |_| {}))
    }),
    ("a job is kept", |ledger, _| {
        changed(block_on(ledger.set_jobs(vec![(b"job 2".to_vec(), Some(b"sealed".to_vec()))])))
    }),
    ("a job about somebody is forgotten", |ledger, _| {
        changed(block_on(ledger.forget_jobs(vec![b"job 1".to_vec()])))
    }),
    ("messages to a contact come back", |ledger, _| {
        changed(block_on(ledger.set_bounced(person_1(ledger), true)))
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
    let contact = person_1(ledger);
    say("bounced".into(), ledger.bounced(&contact).unwrap().is_some().to_string());
    say("jobs".into(), format!("{:?}", ledger.jobs().unwrap()));
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
    for call in ["commit", "head", "leaves", "row", "rows", "records", "newest", "request", "mark", "marks"] {
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
            for fails in ways(call) {
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

/// Starting reads and may repair; whatever fails, it says that and nothing else, and the next start does it.
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
            for fails in ways(call) {
                let case = make();
                case.store.plan(Some(Fault { at, fails: *fails, lasts: false }));
                let refused = case.open().err();
                // But for a store that is full: what was to be destroyed is, and that it is done can be noted later.
                let goes_on = *call == "commit" && *fails == Fails::Known;
                let said = refused.as_ref().map(|error| assent_ledger::causes(error)).unwrap_or_default();
                let names_it = said.contains("a fault was injected");
                assert!(
                    if goes_on { refused.is_none() } else { names_it },
                    "call {at} ({call}) {fails:?}: {said:?}"
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

/// Space is given back as the server does it: noted before, and after when it was done. Answers whether it was said to be done.
fn reclaims(ledger: &Ledger, case: &Case) -> bool {
    // Where it cannot be noted it stays owed, and is done once more.
    drop(ledger.note_reclaim(false));
    let done = case.store.reclaim(&|_, _, row| ledger.replaces(row)).is_ok();
    if done {
        drop(ledger.note_reclaim(true));
    }
    done
}

#[test]
fn reclaiming_may_fail_at_every_call_and_stays_owed_until_it_is_done() {
    let begun = begin();
    let purged = || {
        let case = begun.case();
        let ledger = case.open().unwrap();
        let retention = Retention { now: NOW, policy: Hash([3; 32]), due: &due };
        assert_eq!(ledger.purge(&retention, &mut |_| {}).unwrap().purged.values().sum::<u64>(), 1);
        (case, ledger)
    };
    // The row of person 7, who was purged: entry 0 is the notice.
    let is_replaced = |case: &Case| case.store.inner.row(&site(), 1).unwrap().unwrap().record().is_none();
    let (case, ledger) = purged();
    let before = told(&ledger);
    assert!(!is_replaced(&case) && ledger.owed().unwrap() == Owed::Unknown);
    case.store.plan(None);
    assert!(reclaims(&ledger, &case));
    let calls = case.store.calls();
    assert!(is_replaced(&case) && ledger.owed().unwrap() == Owed::Nothing);
    let after = told(&ledger);
    drop(ledger);
    assert_eq!(calls.iter().filter(|call| **call == "commit").count(), 2, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| **call == "reclaim").count(), 1, "{calls:?}");
    for (at, call) in calls.iter().enumerate() {
        for fails in ways(call) {
            for lasts in [false, true] {
                let context = format!("call {at} ({call}) {fails:?}, lasting: {lasts}");
                println!("{context}");
                let (case, ledger) = purged();
                case.store.plan(Some(Fault { at, fails: *fails, lasts }));
                let done = reclaims(&ledger, &case);
                case.store.plan(None);
                let replaced = is_replaced(&case);
                assert!(replaced || !done, "{context}: said to be done");
                let owed = ledger.owed().unwrap();
                assert!(replaced || owed != Owed::Nothing, "{context}: nothing is owed, and it is there");
                same(&told(&ledger), if replaced { &after } else { &before }, &context);
                nothing_is_lost(&ledger, &begun, &context);
                assert!(reclaims(&ledger, &case), "{context}");
                assert!(is_replaced(&case) && ledger.owed().unwrap() == Owed::Nothing, "{context}");
                drop(ledger);
                let ledger = case.open().unwrap_or_else(|error| panic!("{context}: {error}"));
                same(&told(&ledger), &after, &context);
                assert_eq!(ledger.owed().unwrap(), Owed::Nothing, "{context}");
            }
        }
    }
}

type Read = (&'static str, fn(&Ledger, &Begun) -> Result<String, String>);

fn say<T: Debug, E: Debug>(answer: Result<T, E>) -> Result<String, String> {
    answer.map(|said| format!("{said:?}")).map_err(|error| format!("{error:?}"))
}

/// Everything a log can be asked that reads its store.
const READS: [Read; 31] = [
    ("a receipt", |ledger, begun| {
        let found = ledger.receipt(&subject(1), begun.receipts[2].1);
        say(found.map(|found| found.map(|found| found.receipt.to_json())))
    }),
    ("a receipt under the newest head", |ledger, begun| {
        let found = ledger.receipt_under(&subject(1), begun.receipts[2].1, &ledger.checkpoint());
        say(found.map(|found| found.map(|receipt| receipt.to_json())))
    }),
    ("a history", |ledger, _| say(ledger.history(&subject(1)))),
    ("the newest", |ledger, _| say(ledger.newest(&subject(1)))),
    ("how many records", |ledger, _| say(ledger.records_of(&subject(1)))),
    ("whose", |ledger, begun| say(ledger.subject_of(begun.receipts[2].1))),
    ("by contact", |ledger, _| say(ledger.by_contact(&person_1(ledger)))),
    ("subjects of a contact", |ledger, _| say(ledger.subjects_of(&person_1(ledger)))),
    ("said by a contact", |ledger, _| say(ledger.said_by(&person_1(ledger)))),
    ("last heard of", |ledger, _| say(ledger.last_heard_of(&person_1(ledger)))),
    ("each contact", |ledger, _| {
        let mut all = Vec::new();
        let done = ledger.each_contact(&mut |contact| {
            all.push(*contact);
            Ok(true)
        });
        say(done.map(|whole| (whole, all)))
    }),
    ("suppressed", |ledger, _| say(ledger.suppressed(&person_1(ledger)))),
    ("bounced", |ledger, _| say(ledger.bounced(&person_1(ledger)))),
    ("suppressions", |ledger, _| say(ledger.suppressions())),
    ("holds", |ledger, _| say(ledger.holds())),
    ("a hold", |ledger, _| say(ledger.hold_of(&subject(4)))),
    ("a restriction", |ledger, _| say(ledger.restriction_of(&subject(2)))),
    ("jobs", |ledger, _| say(ledger.jobs())),
    ("what is owed", |ledger, _| say(ledger.owed())),
    ("notices", |ledger, _| say(ledger.notices())),
    ("the notice", |ledger, _| say(ledger.current_notice())),
    ("an entry", |ledger, _| say(ledger.entry(1))),
    ("the first since", |ledger, _| say(ledger.first_since(START + 1))),
    ("a tile and a bundle", |ledger, _| {
        let width = u16::try_from(ledger.size()).unwrap();
        say(ledger.tile(0, 0, width).and_then(|tile| Ok((tile, ledger.entries(0, width)?))))
    }),
    ("a proof of growth", |ledger, _| say(ledger.consistency(3, ledger.size()))),
    ("an earlier root", |ledger, _| say(ledger.root(3))),
    ("an earlier checkpoint", |ledger, _| say(ledger.checkpoint_at(ledger.size()))),
    ("an export", |ledger, _| {
        let mut out = Vec::new();
        let done = ledger.export(&ExportFilter::default(), &mut out, &mut |_| {});
        say(done.map(|done| (done, String::from_utf8(out).unwrap())))
    }),
    ("a table", |ledger, _| {
        let mut out = Vec::new();
        let done = ledger.export_csv(&ExportFilter::default(), &mut out, &mut |_| {});
        say(done.map(|done| (done, String::from_utf8(out).unwrap())))
    }),
    ("a plan of a purge", |ledger, _| {
        let retention = Retention { now: NOW, policy: Hash([3; 32]), due: &due };
        say(ledger.purge_plan(&retention, &mut |_| {}))
    }),
    ("the sweep", |ledger, _| say(ledger.check(&mut |_| {}))),
];

/// What cannot be read is no answer: nobody is unknown, nothing is damaged, nobody may be written to because a disk was busy.
#[test]
fn a_read_that_fails_is_an_error_and_never_another_answer() {
    let begun = begin();
    let mut cases = 0;
    for (name, read) in READS {
        let case = begun.case();
        let ledger = case.open().unwrap();
        case.store.plan(None);
        let expected = read(&ledger, &begun).unwrap_or_else(|error| panic!("{name}: {error}"));
        let calls = case.store.calls();
        drop(ledger);
        for (at, call) in calls.iter().enumerate() {
            let context = format!("{name}: call {at} ({call})");
            println!("{context}");
            let case = begun.case();
            let ledger = case.open().unwrap();
            case.store.plan(Some(Fault { at, fails: Fails::Known, lasts: false }));
            let said = read(&ledger, &begun).expect_err(&context);
            assert!(said.contains("a fault was injected"), "{context}: {said}");
            case.store.plan(None);
            assert_eq!(read(&ledger, &begun).as_ref(), Ok(&expected), "{context}: asked again");
            assert!(ledger.is_writable(), "{context}");
            cases += 1;
        }
    }
    assert!(cases > READS.len(), "{cases} cases: a store that is asked nothing would pass");
}
