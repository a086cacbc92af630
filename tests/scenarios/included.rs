//! The question as a server includes it in its pages: people without script answer there, people with script meet the banner in its place, and
//! nothing moves.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use crate::layouts::look;
use assent_core::decision::Act;
use assent_core::record::Surface;
use serde_json::json;

/// A page with the printed markup at its beginning.
async fn pages(stack: &Stack) -> Pages {
    let file = stack.path("inline.toml");
    std::fs::write(&file, look("inline", "government")(stack.site_file(CLINIC))).unwrap();
    let markup = stack.runs_well(&["site", "tags", "--markup", "--lang", "en", file.to_str().unwrap()]);
    let page = format!(
        "<body style=margin:0>{markup}<main><h1>A page</h1>
        <script type=text/plain data-purpose=analytics src=/counted.js></script></main>"
    );
    Pages::of(stack, CLINIC, &page, look("inline", "government")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_included_forms_are_enough_in_chromium() {
    without_script_the_included_forms_are_enough(Browser::Chromium).await;
}

/// WebKit's driver cannot switch script off.
#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_included_forms_are_enough_in_firefox() {
    without_script_the_included_forms_are_enough(Browser::Firefox).await;
}

async fn without_script_the_included_forms_are_enough(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = pages(&stack).await;
    for act in [Act::AcceptAll, Act::RejectAll] {
        let visitor = Visitor::arrives(browser).await;
        visitor.allows_script(false).await;
        visitor.opens(&pages.origin).await;
        assert_eq!(visitor.counts("[data-assent=here] form button").await, 2);
        let name = if act == Act::AcceptAll { "accept-all" } else { "reject-all" };
        visitor.presses_on_page(&format!("form:has([value='{name}']) button")).await;
        until_so("the choices page to say that it is kept", async || {
            visitor.address().await.contains("done=")
        })
        .await;
        let [record] = &stack.api(CLINIC).history(&visitor.holder().await).await[..] else {
            panic!("one record")
        };
        assert_eq!((record.act, record.surface), (act, Surface::FirstLayer));
        assert_eq!(record.origin.as_deref(), Some(&*pages.origin));
        // With script the page knows.
        visitor.allows_script(true).await;
        visitor.visits(&pages.origin).await;
        assert!(!visitor.is_being_asked().await);
        assert_eq!(visitor.runs("return assent.state().allowed.analytics").await, act == Act::AcceptAll);
    }
}

in_every_browser!(with_script_the_banner_stands_in_its_place);

async fn with_script_the_banner_stands_in_its_place(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = pages(&stack).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let stands = "const host = document.querySelector('#assent-choices'), box = host.getBoundingClientRect();
        return [host.parentElement.dataset.assent, document.forms.length, box.top,
            document.querySelector('h1').getBoundingClientRect().top >= box.bottom]";
    assert_eq!(visitor.runs(stands).await, json!(["here", 0, 0, true]), "and nothing is asked twice");
    visitor.presses("reject-all").await;
    visitor.has_sent_everything(CLINIC).await;
}
