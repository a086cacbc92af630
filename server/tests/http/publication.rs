//! A checkpoint becomes public at the site's interval. Receipts do not wait for it: they carry the checkpoint that covers them.

use crate::app::TestApp;
use assent_core::checkpoint::Checkpoint;
use assent_core::note::VerifierKey;
use assent_core::receipt::Receipt;
use axum::http::StatusCode;
use serde_json::json;

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
