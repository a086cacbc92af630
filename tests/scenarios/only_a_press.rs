//! Only a person's press is a yes (PROMISES L-1): no scrolling, going on, closing, leaving or typing, and no program that presses.

use crate::harness::{Browser, CLINIC, Log, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::json;

const PAGE: &str = "<head><script src='%TAG%'></script>
    <script type=text/plain data-purpose=analytics src=/counted.js></script></head>
    <body><h1>A page</h1><p style='height:3000px'>Text.</p><a id=next href=/second>Next</a>";

in_every_browser!(nothing_but_a_persons_press_is_a_yes);

async fn nothing_but_a_persons_press_is_a_yes(browser: Browser) {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let before = Log(&api).size().await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    // A program presses the loader's button, then the widget's.
    let press =
        "document.querySelector('#assent-choices').shadowRoot.querySelector('[data-act=accept-all]').click()";
    visitor.runs(press).await;
    visitor.has_the_widget().await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.runs(press).await;
    let switch = "const root = document.querySelector('#assent-choices').shadowRoot;
        root.querySelector('#p-analytics').click(); root.querySelector('[data-act=save]').click()";
    visitor.runs(switch).await;
    visitor.presses("close").await;
    visitor.is_asked().await;
    // Going on reading, Escape, a key, a click beside it, the next page.
    visitor.runs("scrollTo(0, document.documentElement.scrollHeight)").await;
    until_so("the page to be scrolled", async || visitor.runs("return scrollY > 500").await == true).await;
    for key in ['\u{e00c}', 'y'] {
        visitor.types(key).await;
    }
    visitor.runs("scrollTo(0, 0)").await;
    visitor.presses_on_page("h1").await;
    visitor.is_asked().await;
    assert_eq!(visitor.runs("return Object.values(assent.state().choices)").await, json!([]));
    visitor.runs("document.querySelector('#next').click()").await;
    until_so("the next page", async || visitor.address().await.ends_with("/second")).await;
    visitor.is_asked().await;
    assert_eq!(visitor.runs("return window.ran ?? []").await, json!([]));
    assert_eq!(visitor.choice().await, None);
    assert_eq!(Log(&api).size().await, before, "nothing was recorded");

    // Their own press counts.
    visitor.presses("accept-all").await;
    until_so("the script to run", async || {
        visitor.runs("return window.ran ?? []").await == json!(["/counted.js"])
    })
    .await;
}
