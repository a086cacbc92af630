//! Scenario 8: `kill -9` in the middle of a thousand decisions. What was acknowledged is there, and the log only grew.

use crate::harness::{CLINIC, Holder, Log, Stack, key, until_so};
use assent_core::checkpoint::Checkpoint;
use assent_core::decision::Act;
use assent_core::receipt::Receipt;
use reqwest::StatusCode;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const DECISIONS: usize = 1000;
const AT_ONCE: usize = 64;

struct Sent {
    holder: Holder,
    key: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let log_key = api.log_key().await;
    let before = Log(&api).size().await;
    let body = Arc::new(api.says(Act::RejectAll).await);
    let sent: Arc<Vec<Sent>> =
        Arc::new((0..DECISIONS).map(|_| Sent { holder: Holder::new(), key: key() }).collect());
    let acknowledged: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();

    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut senders = JoinSet::new();
    for number in 0..DECISIONS {
        let (api, body, sent) = (api.clone(), Arc::clone(&body), Arc::clone(&sent));
        let (acknowledged, turns) = (Arc::clone(&acknowledged), Arc::clone(&turns));
        senders.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let Sent { holder, key } = &sent[number];
            // Once the server is gone there is no answer, and nothing was promised.
            let Ok(answer) = api.decides(holder, key, &body).send().await else { return };
            assert_eq!(answer.status(), StatusCode::CREATED);
            let Ok(text) = answer.text().await else { return };
            acknowledged.lock().unwrap().push((number, text));
        });
    }
    let mut heads = Vec::new();
    until_so("a third to be acknowledged", async || {
        heads.push(Log(&api).head().await.checkpoint().clone());
        acknowledged.lock().unwrap().len() >= DECISIONS / 3
    })
    .await;
    stack.assent_is_killed();
    senders.join_all().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    assert!(acknowledged.len() < DECISIONS, "the server was killed too late to show anything");

    stack.assent_starts().await;

    let after = Log(&api).head().await.checkpoint().clone();
    let leaves = Log(&api).leaves(&after).await;
    assert!(after.size >= before + acknowledged.len() as u64);
    assert!(after.size <= before + DECISIONS as u64);
    let mut places = std::collections::BTreeSet::new();
    for (number, text) in &acknowledged {
        let receipt = Receipt::parse(text).unwrap().verify(Some(&log_key)).unwrap();
        assert!(places.insert(receipt.index()), "two receipts for entry {}", receipt.index());
        heads.push(receipt.checkpoint().clone());
        let id = crate::harness::record(&receipt).id;
        let found = api.receipt(&sent[*number].holder, &id).await;
        assert_eq!(found.status(), StatusCode::OK, "receipt {id} is found");
        let found = Receipt::parse(&found.text().await.unwrap()).unwrap().verify(Some(&log_key)).unwrap();
        assert_eq!(found.record(), receipt.record());
    }
    heads.sort_by_key(|head: &Checkpoint| head.size);
    heads.dedup();
    Log::grew_from(&after, &leaves, heads.iter());

    // Browsers send again what was not acknowledged, with the same keys; what was recorded all the same is not
    // recorded twice.
    for (number, Sent { holder, key }) in sent.iter().enumerate() {
        let receipt = crate::harness::receipt(api.decides(holder, key, &body).send().await.unwrap()).await;
        let first = acknowledged
            .iter()
            .find(|(done, _)| *done == number)
            .map(|(_, text)| Receipt::parse(text).unwrap());
        if let Some(first) = first {
            assert_eq!(
                receipt.unverified_record(),
                first.unverified_record(),
                "the same answer as before the kill"
            );
        }
    }
    let last = Log(&api).head().await.checkpoint().clone();
    assert_eq!(last.size, before + DECISIONS as u64, "each decision once");
    Log::grew_from(&last, &Log(&api).leaves(&last).await, [&after].into_iter().chain(&heads));
}
