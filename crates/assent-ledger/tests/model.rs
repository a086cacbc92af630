//! Random lives of a log against a model of a few lines: decisions, retries, notices, faults and restarts.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::collections::BTreeMap;

use assent_ledger::store::memory::Fault;
use assent_ledger::testing::block_on;
use assent_ledger::{AppendError, ReceiptId};
use common::{World, append, assert_good, draft, keyed, subject};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Decide(u64),
    Retry(usize),
    Reuse(usize),
    Notice(u8),
    Fail(Fault, u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![Just(Fault::Refused), Just(Fault::Lost), Just(Fault::AppliedUnheard)];
    prop_oneof![
        6 => (0..5u64).prop_map(Step::Decide),
        2 => any::<usize>().prop_map(Step::Retry),
        1 => any::<usize>().prop_map(Step::Reuse),
        1 => (0..3u8).prop_map(Step::Notice),
        2 => (fault, 0..5u64).prop_map(|(fault, who)| Step::Fail(fault, who)),
        1 => Just(Step::Restart),
    ]
}

/// What a log should know.
#[derive(Default)]
struct Model {
    histories: BTreeMap<u64, Vec<ReceiptId>>,
    receipts: Vec<(String, u64, String)>,
    notice: Option<u8>,
    entries: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_log_remembers_what_the_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let world = World::new();
        let mut ledger = Some(world.create());
        let mut model = Model::default();
        for (number, step) in steps.into_iter().enumerate() {
            let log = ledger.as_ref().unwrap();
            let key = format!("key {number}");
            world.advance(1);
            match step {
                Step::Decide(who) | Step::Fail(_, who) => {
                    let known = model.histories.entry(who).or_default();
                    let draft = keyed(draft(who, known.last().copied()), &key, "body");
                    if let Step::Fail(fault, _) = step {
                        world.store.inject([Some(fault)]);
                        let heard = append(log, draft.clone()).unwrap_err();
                        let expected = if fault == Fault::Refused { AppendError::Unavailable } else { AppendError::OutcomeUnknown };
                        prop_assert_eq!(heard, expected);
                    }
                    let appended = append(log, draft).unwrap();
                    assert_good(log, &appended);
                    known.push(appended.id);
                    model.receipts.push((key, who, appended.receipt.to_json()));
                    model.entries += 1;
                }
                Step::Retry(which) if !model.receipts.is_empty() => {
                    let (key, who, text) = &model.receipts[which % model.receipts.len()];
                    let again = append(log, keyed(draft(*who, None), key, "body")).unwrap();
                    prop_assert!(again.replayed && again.receipt.to_json() == *text);
                }
                Step::Reuse(which) if !model.receipts.is_empty() => {
                    let (key, who, _) = &model.receipts[which % model.receipts.len()];
                    let reused = append(log, keyed(draft(*who, None), key, "another"));
                    prop_assert_eq!(reused.unwrap_err(), AppendError::KeyReused);
                }
                Step::Retry(_) | Step::Reuse(_) => {}
                Step::Notice(text) => {
                    let published = block_on(log.publish_notice(vec![text])).unwrap();
                    prop_assert_eq!(published.changed, model.notice != Some(text));
                    model.entries += u64::from(published.changed);
                    model.notice = Some(text);
                }
                Step::Restart => {
                    drop(ledger.take());
                    ledger = Some(world.open().unwrap());
                }
            }
            let log = ledger.as_ref().unwrap();
            prop_assert_eq!(log.size(), model.entries);
            log.check(&mut |_| {}).unwrap();
            for (who, expected) in &model.histories {
                let found: Vec<_> = log.history(&subject(*who)).unwrap().iter().map(|opened| opened.id).collect();
                prop_assert_eq!(&found, expected);
            }
        }
    }
}
