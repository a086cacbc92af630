//! A checkpoint becomes public at the site's interval. Receipts do not wait for it: they carry the checkpoint that covers them.

use crate::app::{SITE, TestApp};
use assent_core::checkpoint::Checkpoint;
use assent_core::note::VerifierKey;
use assent_core::receipt::Receipt;
use axum::http::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant};

async fn public(app: &TestApp, key: &VerifierKey) -> Checkpoint {
    let answer = app.get("/v1/clinic/log/checkpoint").await;
    assert_eq!(answer.status, StatusCode::OK);
    Checkpoint::verify(&answer.text(), key).unwrap().checkpoint().clone()
}

#[tokio::test]
async fn a_receipt_does_not_wait_for_the_public_checkpoint() {
    let app = TestApp::new().await;
    let key = VerifierKey::parse(app.get("/v1/clinic/log/key").await.text().trim()).unwrap();
    let before = public(&app, &key).await;
    assert_eq!(before.size, app.entries());

    // Nobody publishes here by the clock, as if the interval never ended.
    let answer = app.records(json!({ "analytics": "yes" })).await.text();
    let receipt = Receipt::parse(&answer).unwrap().verify(Some(&key)).unwrap();
    let covering = receipt.checkpoint().clone();
    assert_eq!((covering.size, app.entries()), (before.size + 1, before.size + 1));
    assert_eq!(public(&app, &key).await, before, "what is public stands still until the interval ends");

    let site = app.app.sites.all().remove(0);
    site.publication.publish(&site.ledger, "clinic").unwrap();
    drop(site);
    assert_eq!(
        public(&app, &key).await,
        covering,
        "then it is the very head that the receipt was given under"
    );
    let app = app.restarted();
    assert_eq!(public(&app, &key).await, covering);
}

#[tokio::test]
async fn a_checkpoint_is_due_when_there_is_news_and_once_in_an_interval() {
    let app = TestApp::new().await;
    let site = app.app.sites.all().remove(0);
    assert_eq!(site.file.log.checkpoint_seconds, 5, "unless the site file says otherwise");
    let start = Instant::now();
    let due = |seconds: f32| {
        let due = site.publication.begins(&site.ledger, start + Duration::from_secs_f32(seconds));
        if due {
            site.publication.ended();
        }
        due
    };
    site.publication.publish(&site.ledger, "clinic").unwrap();
    assert!(!due(1000.0), "nothing is new");
    app.records(json!({ "analytics": "yes" })).await;
    assert!(due(0.0), "the first is due at once");
    assert_eq!([4.9, 5.0, 9.9, 10.1].map(due), [false, true, false, true]);
    // One at a time, however long it takes.
    assert!(site.publication.begins(&site.ledger, start + Duration::from_secs(20)));
    assert!(!due(1000.0));
    site.publication.ended();
    assert!(due(1000.0));
    site.publication.publish(&site.ledger, "clinic").unwrap();
    assert!(!due(2000.0), "it is public");
}

#[tokio::test]
async fn rules_that_a_cut_short_publication_left_out_of_the_log_are_told_at_the_start() {
    let app = TestApp::new().await;
    let before = app.entries();
    // Killed after the notice, which is as it was: the start puts the file in force.
    let next = format!("{SITE}\n[retention]\nlinked_days = 100\n");
    std::fs::write(app.path("data/sites/clinic/next.toml"), next).unwrap();
    let app = app.restarted();
    assert_eq!(app.app.sites.all()[0].file.retention_rules().linked_days, 100);
    assert_eq!(app.entries(), before + 1);
    assert_eq!(app.restarted().entries(), before + 1, "once");
}
