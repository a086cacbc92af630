//! The gateways that cannot be run here, against contract fakes of their published interfaces: what Assent sends fits, and what they
//! answer is understood.

use crate::harness::{CLINIC, Contract, Mood, Stack, until_so};
use crate::texts::{NUMBER, code, enters, signs_up};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use reqwest::StatusCode;

#[tokio::test(flavor = "multi_thread")]
async fn notifys_contract_is_kept() {
    keeps(Contract::Notify).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_contract_is_kept() {
    keeps(Contract::Twilio).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signed_webhooks_contract_is_kept() {
    keeps(Contract::Webhook).await;
}

async fn keeps(contract: Contract) {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(contract, []).await;
    let api = stack.api(CLINIC);
    fake.is(Mood::Failing);
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "cy").await;
    until_so("Assent to have tried in vain", async || fake.asked() > 0).await;
    fake.is(Mood::Good);
    let text = fake.text(1).await;
    assert_eq!(text.to, NUMBER);
    assert!(text.text.contains("Glanmôr") && text.text.contains("72 awr"), "{}", text.text);
    assert_eq!(enters(&api, NUMBER, &code(&text.text)).await, StatusCode::OK);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.may, Choice::Yes);

    fake.is(Mood::Refusing);
    let asked = fake.asked();
    signs_up(&api, None, Some("+447700900124"), &["text-clinic-changes"], "en").await;
    until_so("Assent to give this number up", async || stack.said().contains("refused for good")).await;
    assert_eq!(fake.asked(), asked + 1, "and it does not try again");
    assert!(!stack.said().contains("900124"));
}
