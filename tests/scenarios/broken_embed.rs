//! An embed that arrives broken, and a widget that is not the one it names: the page works, nothing runs that waits, and people can
//! still choose.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Act;
use serde_json::json;

/// Notes warnings, and how often anything is made of WebAssembly.
const LISTEN: &str = "<script>window.warned = []; const warn = console.warn; console.warn = (...all) => { warned.push(all.join(' ')); warn(...all) };
    window.compiled = 0;
    for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming']) {
        const real = WebAssembly[name];
        if (real) WebAssembly[name] = (...all) => { compiled++; return real.apply(WebAssembly, all) };
    }</script>";

/// The embed of the site as it is, to stand in a page itself.
async fn embed(stack: &Stack) -> String {
    stack.api(CLINIC).get("embed.js?lang=en").send().await.unwrap().text().await.unwrap()
}

fn page(stack: &Stack, script: &str) -> String {
    let choices = format!("{}/choices", stack.site(CLINIC).api);
    format!(
        "<head>{LISTEN}<script>{script}</script>
        <script type=text/plain data-purpose=analytics src=/counted.js></script></head>
        <body><h1>A page</h1><a data-assent=open href='{choices}'>Your choices</a>"
    )
}

in_every_browser!(a_widget_that_is_not_the_one_is_never_compiled);

async fn a_widget_that_is_not_the_one_is_never_compiled(browser: Browser) {
    let stack = Stack::starts().await;
    let good = embed(&stack).await;
    let pages = Pages::of(&stack, CLINIC, &page(&stack, &good), |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    until_so("the widget to be made", async || visitor.runs("return compiled > 0").await == true).await;

    // The widget, and the texts that it draws, are others than the embed names.
    for named in ["\"integrity\":\"sha384-", "\"layers_integrity\":\"sha384-"] {
        let (before, rest) = good.split_once(named).expect("it names a hash");
        let other = if rest.starts_with('A') { 'B' } else { 'A' };
        let bad = format!("{before}{named}{other}{}", &rest[1..]);
        let pages = Pages::of(&stack, CLINIC, &page(&stack, &bad), |file| file).await;
        let visitor = Visitor::arrives(browser).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        let gave_up = "return warned.some(said => said.includes('no widget'))";
        until_so("the widget to be given up", async || visitor.runs(gave_up).await == true).await;
        assert_eq!(visitor.runs("return window.ran ?? []").await, json!([]));
        visitor.presses("reject-all").await;
        visitor.has_sent_everything(CLINIC).await;
        let history = stack.api(CLINIC).history(&visitor.holder().await).await;
        assert_eq!(history.iter().map(|record| record.act).collect::<Vec<_>>(), [Act::RejectAll]);
        if named.starts_with("\"integrity") {
            assert_eq!(visitor.runs("return compiled").await, 0, "never compiled");
        }
        // Single choices have their own page.
        visitor.runs("assent.open()").await;
        let choices = format!("{}/choices", stack.site(CLINIC).api);
        until_so("the choices page to open", async || visitor.address().await.starts_with(&choices)).await;
    }
}

in_every_browser!(half_an_embed_runs_nothing);

async fn half_an_embed_runs_nothing(browser: Browser) {
    let stack = Stack::starts().await;
    let good = embed(&stack).await;
    let visitor = Visitor::arrives(browser).await;
    let middle = (good.len() / 2..).find(|at| good.is_char_boundary(*at)).unwrap();
    // Cut off, and with something of a stranger's before it.
    for script in [&good[..middle], &format!("<html>Please log in{good}")] {
        let pages = Pages::of(&stack, CLINIC, &page(&stack, script), |file| file).await;
        visitor.opens(&pages.origin).await;
        assert_eq!(visitor.reads("h1").await, "A page");
        assert_eq!(visitor.runs("return [!!window.assent, window.ran ?? []]").await, json!([false, []]));
        visitor.presses_on_page("a[data-assent]").await;
        let choices = format!("{}/choices", stack.site(CLINIC).api);
        until_so("the choices page to open", async || visitor.address().await.starts_with(&choices)).await;
    }
    assert_eq!(visitor.cookies().await, []);
}
