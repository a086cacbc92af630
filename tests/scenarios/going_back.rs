//! Back and forward: a page that the browser kept as it was finds out what was decided meanwhile, before the person does anything.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::{Value, json};

const PAGE: &str = "<head><script>
        window.mark = Math.random();
        addEventListener('pageshow', event => window.kept = event.persisted);
    </script><script src='%TAG%'></script></head>
    <body><h1>A page</h1><a id=next href=/second>Next</a> <button id=yes>Count my visits</button>
    <script type=text/plain data-purpose=analytics src=/counted.js></script>
    <iframe data-purpose=embeds data-src=/frame.html title='A film' width=400 height=260></iframe>
    <template data-purpose=embeds><p id=out>Out of the template.</p></template>
    <script>document.querySelector('#yes').onclick = () => assent.acceptAll()</script>";

/// What the page lets through now, and what it says holds.
async fn page(visitor: &Visitor) -> Value {
    visitor
        .runs(
            "return { ran: window.ran ?? [], out: document.querySelectorAll('#out').length,
                 frame: document.querySelector('iframe').getAttribute('src'),
                 places: document.querySelectorAll('assent-frame').length,
                 analytics: assent.state().allowed.analytics, embeds: assent.state().allowed.embeds }",
        )
        .await
}

/// Decides by the banner on one page and otherwise by the page's own controls on the next, then goes back to the first. Gives
/// whether the browser had kept that page as it was.
async fn goes_back(browser: Browser, to_yes: bool) -> bool {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    let open = json!({ "ran": ["/counted.js"], "out": 1, "frame": "/frame.html", "places": 0,
        "analytics": true, "embeds": true });
    let held = json!({ "ran": [], "out": 0, "frame": null, "places": 1,
        "analytics": false, "embeds": false });
    let (before, act) = if to_yes { (&held, "reject-all") } else { (&open, "accept-all") };

    visitor.visits(&format!("{}/first", pages.origin)).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;
    visitor.presses(act).await;
    visitor.has_sent_everything(CLINIC).await;
    until_so("the first answer to hold", async || page(&visitor).await == *before).await;
    let mark = visitor.runs("return window.mark").await;

    visitor.presses_on_page("#next").await;
    until_so("the second page", async || visitor.address().await.ends_with("/second")).await;
    until_so("its scripts to have run", async || visitor.runs("return !!window.assent").await == true).await;
    if to_yes {
        visitor.presses_on_page("#yes").await;
    } else {
        visitor.runs("assent.rejectAll()").await;
    }
    visitor.has_sent_everything(CLINIC).await;
    visitor.runs("history.back()").await;
    until_so("the first page to be back", async || visitor.address().await.ends_with("/first")).await;
    until_so("its scripts to have run", async || visitor.runs("return !!window.assent").await == true).await;

    let kept = visitor.runs("return window.mark").await == mark;
    assert_eq!(kept, visitor.runs("return window.kept === true").await == true);
    // What ran cannot be undone on a page that was kept; everything else goes back.
    let ran = if to_yes || kept { json!(["/counted.js"]) } else { json!([]) };
    let mut after = if to_yes { open.clone() } else { held.clone() };
    after["ran"] = ran;
    until_so("the page to obey the later answer", async || page(&visitor).await == after).await;
    assert!(!visitor.is_being_asked().await, "and nobody is asked again");
    let expected = if to_yes { "yes" } else { "no" };
    assert_eq!(visitor.runs("return assent.state().choices.analytics").await, expected);
    let history = stack.api(CLINIC).history(&visitor.holder().await).await;
    assert_eq!(history.len(), 2, "each was recorded once");
    kept
}

in_every_browser!(a_page_that_is_gone_back_to_hears_of_a_no);

async fn a_page_that_is_gone_back_to_hears_of_a_no(browser: Browser) {
    assert_eq!(goes_back(browser, false).await, keeps_pages(browser));
}

in_every_browser!(a_page_that_is_gone_back_to_hears_of_a_yes);

async fn a_page_that_is_gone_back_to_hears_of_a_yes(browser: Browser) {
    assert_eq!(goes_back(browser, true).await, keeps_pages(browser));
}

/// Firefox keeps no page that its driver looks into (the driver listens for its unloading), so there it is loaded anew.
fn keeps_pages(browser: Browser) -> bool {
    browser != Browser::Firefox
}
