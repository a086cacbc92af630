//! Taking an agreement back holds within a second, and asking what holds never changes it.

use crate::harness::{CLINIC, Holder, Log, Stack};
use assent_core::choice_cookie::{COOKIE_NAME, ChoiceCookie};
use assent_core::decision::{Act, Choice, Standing};
use assent_core::ids::PurposeId;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_holds_within_a_second() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    assert_eq!(api.state(&holder).await.purposes["analytics"], Standing::Granted);

    let withdrawal = api.saves(&[("analytics", Choice::No)]).await;
    let pressed = Instant::now();
    api.records(&holder, &withdrawal).await;
    let state = api.state(&holder).await;
    let took = pressed.elapsed();
    assert_eq!(state.purposes["analytics"], Standing::Withdrawn);
    assert_eq!(state.purposes["surveys"], Standing::Granted, "and nothing else");
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_changes_nothing() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let before = Log(&api).size().await;
    for path in
        ["embed.js", "notices/current", "state", "choices", "alerts", "log", "log/key", "log/checkpoint"]
    {
        let answer = api.get(path).header("assent-subject", Holder::new().0.reveal()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/reference", "/problems/stale-notice"] {
        let answer = api.get_address(&stack.address(path)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
    assert_eq!(Log(&api).size().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_reaches_a_browser_whose_clock_is_ahead() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    let (_, notice) = api.notice().await;
    let in_an_hour = jiff::Timestamp::now().as_second().cast_unsigned() + 3600;
    let cookie = ChoiceCookie {
        token: holder.0.clone(),
        notice: notice.to_hex()[..16].into(),
        decided: in_an_hour,
        choices: [(PurposeId::new("analytics").unwrap(), Choice::Yes)].into(),
    };
    let form = [
        ("notice", notice.to_hex()),
        ("language", "en".into()),
        ("act", "save".into()),
        ("surface", "choices-page".into()),
        ("key", crate::harness::key()),
        ("choice.analytics", "no".into()),
    ];
    let answer = api
        .post("choices")
        .header(ORIGIN, api.site.assent())
        .header(COOKIE, format!("{COOKIE_NAME}={}", cookie.to_value()))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    let value =
        set.split(';').next().and_then(|pair| pair.strip_prefix("assent=")).expect("the choice is set");
    let now = ChoiceCookie::parse(value).unwrap();
    assert_eq!(now.choices["analytics"], Choice::No);
    assert!(now.decided > in_an_hour, "the page takes the newest of what it holds");
}
