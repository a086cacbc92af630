//! Scenario 10: a page whose policy forbids WebAssembly. The question still shows, every button still works, and the
//! failure grants nothing.

use crate::harness::{Browser, CLINIC, Stack, Visitor, in_every_browser, until, until_so};
use assent_core::decision::{Act, Choice};
use serde_json::Value;

in_every_browser!(declining_works_without_wasm);

async fn declining_works_without_wasm(browser: Browser) {
    works_without_wasm(browser, "reject-all").await;
}

in_every_browser!(accepting_works_without_wasm);

async fn accepting_works_without_wasm(browser: Browser) {
    works_without_wasm(browser, "accept-all").await;
}

async fn works_without_wasm(browser: Browser, press: &str) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&site.page("/?csp=no-wasm")).await;
    visitor.is_asked().await;
    until_so("the widget to have been tried", async || {
        visitor.requests().await.iter().any(|address| address.contains("assent_bg.wasm"))
    })
    .await;
    assert_eq!(page_runs_wasm(&visitor).await, "no", "the page really forbids it");
    visitor.photographs("no-wasm").await;
    assert_eq!(visitor.cookies().await, [], "nothing was granted by the failure");
    assert_eq!(stack.heard(CLINIC).await.len(), 0);

    visitor.presses(press).await;

    visitor.has_sent_everything(CLINIC).await;
    assert!(!visitor.is_being_asked().await, "the question goes with the press");
    let [record] = &api.history(&visitor.holder().await).await[..] else { panic!("one record") };
    if press == "accept-all" {
        assert_eq!(record.act, Act::AcceptAll);
        until_so("the tag to run", async || {
            stack.heard(CLINIC).await.iter().any(|heard| heard["kind"] == "hit")
        })
        .await;
    } else {
        assert_eq!(record.act, Act::RejectAll);
        let choice = visitor.choice().await.unwrap();
        assert!(choice.choices.values().all(|choice| *choice == Choice::No));
        assert_eq!(stack.heard(CLINIC).await.len(), 0);
    }
}

in_every_browser!(single_choices_are_on_their_own_page_without_wasm);

async fn single_choices_are_on_their_own_page_without_wasm(browser: Browser) {
    let stack = Stack::starts().await;
    let site = stack.site(CLINIC);
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&site.page("/?csp=no-wasm")).await;
    visitor.presses("choose").await;
    until_so("the choices page to open", async || {
        visitor.address().await.starts_with(&format!("{}/choices", site.api))
    })
    .await;
}

/// Whether the page itself may run WebAssembly. Asked by a script of the page's own: a driver's is under no policy.
async fn page_runs_wasm(visitor: &Visitor) -> Value {
    visitor
        .runs(
            "const own = document.createElement('script');
             own.text = `WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).then(
                 () => document.documentElement.dataset.wasm = 'yes', () => document.documentElement.dataset.wasm = 'no')`;
             document.head.append(own)",
        )
        .await;
    until("the page to have tried WebAssembly", async || {
        let said = visitor.runs("return document.documentElement.dataset.wasm ?? null").await;
        said.is_string().then_some(said)
    })
    .await
}
