//! Scenario 2: declining is one press, is obeyed, and is remembered without a further question.

use crate::harness::{Browser, CHARITY, CLINIC, Log, Stack, Visitor, in_every_browser};
use assent_core::decision::{Act, Decision, Standing};
use assent_core::record::Surface;

in_every_browser!(a_no_is_one_press_and_is_not_asked_again);

async fn a_no_is_one_press_and_is_not_asked_again(browser: Browser) {
    declines(CLINIC, browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_one_press_and_is_not_asked_again_at_the_charity() {
    declines(CHARITY, Browser::Chromium).await;
}

async fn declines(id: &'static str, browser: Browser) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(id), stack.api(id));
    let before = Log(&api).size().await;
    let visitor = Visitor::arrives(browser).await;

    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    visitor.presses("reject-all").await;
    assert!(!visitor.is_being_asked().await, "the question goes with the press");
    visitor.sees_in_banner("[data-state='recorded']").await;
    visitor.photographs(&format!("{id}-declined")).await;

    visitor.forgets_requests().await;
    let other = visitor.finds_another_page().await;
    visitor.visits(&other).await;
    assert!(!visitor.is_being_asked().await, "not asked again on {other}");
    visitor.has_sent_everything(id).await;
    // The way back stood in front of the last words of the page, which could not be scrolled away from under it.
    let covered = visitor
        .runs(
            "scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' });
             const back = document.getElementById('assent-choices').shadowRoot.getElementById('back');
             const { top } = back.getBoundingClientRect();
             const before = [...document.body.children].filter((child) => child.id != 'assent-choices' && child.offsetHeight);
             return { hidden: back.hidden, by: Math.max(...before.map((child) => child.getBoundingClientRect().bottom)) - top,
               scrolls: document.documentElement.scrollHeight > innerHeight };",
        )
        .await;
    assert_eq!((&covered["hidden"], &covered["scrolls"]), (&false.into(), &true.into()), "{covered}");
    assert!(covered["by"].as_f64().unwrap() <= 0.0, "{covered}");
    let requests = visitor.requests().await;
    let widget: Vec<_> = requests.iter().filter(|address| address.contains("/v1/assets/")).collect();
    assert!(widget.is_empty(), "who has decided loads no widget: {widget:?}");
    assert_eq!(stack.heard(id).await.len(), 0, "nobody else heard of the visit");
    assert_eq!(visitor.other_cookies().await.len(), 0, "no cookie but the choice");

    let holder = visitor.holder().await;
    assert_eq!(Log(&api).size().await, before + 1, "one record");
    let state = api.state(&holder).await;
    assert_eq!(state.receipts.len(), 1, "one receipt");
    assert!(state.purposes.values().all(|standing| match standing {
        Standing::Refused => true,
        // What is asked on the alert form was not asked here.
        Standing::NotAsked => true,
        _ => false,
    }));
    let [record] = &api.history(&holder).await[..] else { panic!("one record") };
    assert_eq!((record.act, record.surface), (Act::RejectAll, Surface::FirstLayer));
    assert!(
        record.decisions.values().all(|decision| *decision == Decision::Refused),
        "{:?}",
        record.decisions
    );
    assert_eq!(record.origin.as_deref(), Some(site.origin.as_str()), "the origin, never a path");
}
