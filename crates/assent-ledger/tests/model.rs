//! Random lives of a log against a model of a few lines: decisions, retries, notices, everything that makes records leave, faults
//! and restarts.
//!
//! `ASSENT_TEST_HARDSHIP=20` lives twenty times as many.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use assent_core::export_format::ExportVerifier;
use assent_core::hash::Hash;
use assent_ledger::store::memory::Fault;
use assent_ledger::store::{GoneReason, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{
    AppendError, Draft, ErasureError, ExportFilter, Hold, Ledger, Opened, ReadError, ReceiptId, Retention,
};
use common::{DAY, START, World, append, assert_good, draft, keyed, subject};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Decide(u64),
    Retry(usize),
    Reuse(usize),
    Notice(u8),
    Erase(u64),
    Restrict(u64),
    Release(u64),
    Hold(u64),
    LetGo(u64),
    Tell,
    /// After so many days.
    Purge(u64),
    Reclaim,
    Restart,
}

const PEOPLE: u64 = 5;

/// What is done, and how its first commit fails at first, if it does.
fn step() -> impl Strategy<Value = (Step, Option<Fault>)> {
    let who = || 0..PEOPLE;
    let step = prop_oneof![
        8 => who().prop_map(Step::Decide),
        2 => any::<usize>().prop_map(Step::Retry),
        1 => any::<usize>().prop_map(Step::Reuse),
        1 => (0..3u8).prop_map(Step::Notice),
        2 => who().prop_map(Step::Erase),
        2 => who().prop_map(Step::Restrict),
        1 => who().prop_map(Step::Release),
        1 => who().prop_map(Step::Hold),
        1 => who().prop_map(Step::LetGo),
        1 => Just(Step::Tell),
        2 => (0..300u64).prop_map(Step::Purge),
        1 => Just(Step::Reclaim),
        1 => Just(Step::Restart),
    ];
    let fault = prop_oneof![Just(Fault::Refused), Just(Fault::Lost), Just(Fault::AppliedUnheard)];
    (step, prop::option::weighted(0.3, fault))
}

/// A record that is not gone.
#[derive(Debug, Clone)]
struct Known {
    id: ReceiptId,
    time: u64,
    /// Month it is due in, as things stand.
    period: u32,
    restricted: bool,
}

/// What a log should know.
#[derive(Default)]
struct Model {
    histories: BTreeMap<u64, Vec<Known>>,
    held: BTreeSet<u64>,
    /// Key, who, and the receipt.
    receipts: Vec<(String, u64, ReceiptId, String)>,
    notice: Option<u8>,
    entries: u64,
    untold: u64,
    /// Whether the rules were purged by before.
    planned: bool,
}

/// Year × 12 + month − 1.
fn month(time: u64) -> u32 {
    let date =
        jiff::Timestamp::from_millisecond(time as i64).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
    date.year() as u32 * 12 + date.month() as u32 - 1
}

impl Model {
    /// As `retention.rs` says: who is held or restricted stays, and so does what is not 400 days after its person's newest record.
    fn purge(&mut self, now: u64) {
        let this_month = month(now);
        let mut purged = BTreeSet::new();
        for (who, known) in &mut self.histories {
            let Some(newest) = known.iter().map(|known| known.time).max() else { continue };
            let due = month(newest + 400 * DAY) - 1;
            // Of whoever restricted what they said, also what they said since stays.
            let is_frozen = known.iter().any(|known| known.restricted);
            known.retain_mut(|known| {
                let stays = self.held.contains(who) || is_frozen;
                if known.period >= this_month {
                    // Under rules that are new, what stays for now is looked at again each month.
                    if stays && !self.planned {
                        known.period = this_month;
                    }
                    return true;
                }
                if !stays && due < this_month {
                    purged.insert(known.period);
                    return false;
                }
                known.period = if stays { this_month } else { due };
                true
            });
        }
        self.planned = true;
        self.entries += purged.len() as u64;
    }

    fn knows(&self, who: u64, id: ReceiptId) -> Option<&Known> {
        self.histories.get(&who)?.iter().find(|known| known.id == id)
    }
}

fn due(_: &Opened, newest: u64) -> Result<u64, ReadError> {
    Ok(newest + 400 * DAY)
}

/// Does it; with a fault, once in vain or unheard, and then again.
fn insists<T, E: std::fmt::Debug>(
    (world, log): (&World, &Ledger),
    fault: Option<Fault>,
    act: impl Fn() -> Result<T, E>,
) -> T {
    if let Some(fault) = fault {
        world.store.inject([Some(fault)]);
        drop(act());
        // It may not have committed anything; then something else takes the fault.
        while block_on(log.suppress(Hash([8; 32]), false)).is_err() {}
    }
    act().unwrap()
}

fn audit(log: &Ledger) {
    let mut out = Vec::new();
    log.export(&ExportFilter::default(), &mut out, &mut |_| {}).unwrap();
    let mut verifier = ExportVerifier::new(Some(log.vkey().clone()));
    std::str::from_utf8(&out).unwrap().lines().for_each(|line| drop(verifier.line(line).unwrap()));
    verifier.finish().unwrap();
}

fn live(steps: Vec<(Step, Option<Fault>)>) {
    let world = World::new();
    let mut ledger = Some(world.create());
    let mut model = Model::default();
    for (number, (step, fault)) in steps.into_iter().enumerate() {
        let log = ledger.as_ref().unwrap();
        let key = format!("key {number}");
        world.advance(1);
        let now = || world.clock.0.load(std::sync::atomic::Ordering::Relaxed);
        match step {
            Step::Decide(who) => {
                let retain_until = now() + 400 * DAY;
                let previous = log.newest(&subject(who)).unwrap();
                let draft = keyed(Draft { retain_until, ..draft(who, previous) }, &key, "body");
                if let Some(fault) = fault {
                    world.store.inject([Some(fault)]);
                    let heard = append(log, draft.clone()).unwrap_err();
                    let unheard = fault != Fault::Refused;
                    assert_eq!(
                        heard,
                        if unheard { AppendError::OutcomeUnknown } else { AppendError::Unavailable }
                    );
                }
                let appended = append(log, draft).unwrap();
                assert_good(log, &appended);
                let known = Known {
                    id: appended.id,
                    time: now(),
                    period: month(retain_until) - 1,
                    restricted: false,
                };
                model.histories.entry(who).or_default().push(known);
                model.receipts.push((key, who, appended.id, appended.receipt.to_json()));
                model.entries += 1;
            }
            Step::Retry(which) if !model.receipts.is_empty() => {
                let (key, who, id, text) = &model.receipts[which % model.receipts.len()];
                // What is gone is found by no key; who asks again then decides anew, and must name what there is.
                if model.knows(*who, *id).is_some_and(|known| !known.restricted) {
                    let again = append(log, keyed(draft(*who, None), key, "body")).unwrap();
                    assert!(again.replayed && again.receipt.to_json() == *text);
                }
            }
            Step::Reuse(which) if !model.receipts.is_empty() => {
                let (key, who, id, _) = &model.receipts[which % model.receipts.len()];
                if model.knows(*who, *id).is_some() {
                    let reused = append(log, keyed(draft(*who, None), key, "another"));
                    assert_eq!(reused.unwrap_err(), AppendError::KeyReused);
                }
            }
            Step::Retry(_) | Step::Reuse(_) => {}
            Step::Notice(text) => {
                insists((&world, log), fault, || block_on(log.publish_notice(vec![text])));
                model.entries += u64::from(model.notice != Some(text));
                model.notice = Some(text);
            }
            Step::Erase(who) => {
                let erase = || block_on(log.erase(subject(who), GoneReason::Asked, false));
                if model.held.contains(&who) {
                    assert!(matches!(erase(), Err(ErasureError::Held(_))));
                } else {
                    insists((&world, log), fault, erase);
                    model.untold += model.histories.remove(&who).map_or(0, |known| known.len() as u64);
                }
            }
            Step::Restrict(who) => {
                insists((&world, log), fault, || block_on(log.restrict(subject(who), "dispute".into())));
                model.histories.entry(who).or_default().iter_mut().for_each(|known| known.restricted = true);
            }
            Step::Release(who) => {
                insists((&world, log), fault, || block_on(log.release(subject(who))));
                model.histories.entry(who).or_default().iter_mut().for_each(|known| known.restricted = false);
            }
            Step::Hold(who) => {
                let hold = || Hold { reason: "claim".into(), review: "2030-01-01".into() };
                insists((&world, log), fault, || block_on(log.hold(subject(who), hold())));
                model.held.insert(who);
            }
            Step::LetGo(who) => {
                insists((&world, log), fault, || block_on(log.let_go(subject(who))));
                model.held.remove(&who);
            }
            Step::Tell => {
                insists((&world, log), fault, || block_on(log.tell_erasures()));
                model.entries += u64::from(model.untold > 0);
                model.untold = 0;
            }
            Step::Purge(days) => {
                world.advance(days * DAY);
                let retention = Retention { now: now(), policy: Hash([3; 32]), due: &due };
                insists((&world, log), fault, || log.purge(&retention, &mut |_| {}));
                model.purge(now());
            }
            Step::Reclaim => drop(world.store.reclaim(&|_, _, row| log.replaces(row)).unwrap()),
            Step::Restart => {
                drop(ledger.take());
                ledger = Some(world.open().unwrap());
                audit(ledger.as_ref().unwrap());
            }
        }
        agree(ledger.as_ref().unwrap(), &model);
    }
    audit(ledger.as_ref().unwrap());
}

fn agree(log: &Ledger, model: &Model) {
    assert_eq!(log.size(), model.entries);
    log.check(&mut |_| {}).unwrap();
    for who in 0..PEOPLE {
        let known = model.histories.get(&who).map(Vec::as_slice).unwrap_or_default();
        let open = known.iter().filter(|known| !known.restricted).map(|known| known.id);
        let found = log.history(&subject(who)).unwrap();
        assert!(found.iter().map(|opened| opened.id).eq(open), "{who}: {found:?} {known:?}");
        assert_eq!(log.hold_of(&subject(who)).unwrap().is_some(), model.held.contains(&who));
    }
    for (_, who, id, text) in &model.receipts {
        let kept = log.receipt(&subject(*who), *id);
        match model.knows(*who, *id) {
            None => assert!(kept.unwrap().is_none()),
            Some(known) if known.restricted => assert!(matches!(kept, Err(ReadError::Restricted { .. }))),
            Some(_) => assert_eq!(kept.unwrap().unwrap().receipt.to_json(), *text),
        }
    }
}

fn cases() -> u32 {
    let times = std::env::var("ASSENT_TEST_HARDSHIP").ok().and_then(|times| times.parse().ok());
    32 * times.unwrap_or(1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_log_remembers_what_the_model_does(steps in prop::collection::vec(step(), 1..50)) {
        live(steps);
    }
}

#[test]
fn months_are_those_of_the_calendar() {
    assert_eq!((month(START), month(START + 40 * DAY)), (2026 * 12 + 10, 2027 * 12));
}
