//! For how long a choice is remembered: as the site's notice says, and by what the server set, so that it outlives what a browser
//! throws away of scripts' (Safari: after seven days).

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::json;

const GATE: &str =
    "<script type=text/plain data-purpose=analytics src=/counted.js></script></head><body><h1>A page</h1>";

in_every_browser!(a_choice_is_remembered_as_long_as_the_site_says);

async fn a_choice_is_remembered_as_long_as_the_site_says(browser: Browser) {
    let stack = Stack::starts().await;
    let memory = |file: String| {
        let file = file.replacen("refusal_days = 182", "refusal_days = 200", 1);
        let file = file.replacen("grant_days = 365", "grant_days = 190", 1);
        // The notice says how long its own cookie stays.
        file.replacen("days = 365, read_by = \"controller\"", "days = 200, read_by = \"controller\"", 1)
    };
    let page = format!("<head><script src='%TAG%'></script>{GATE}");
    let pages = Pages::of(&stack, CLINIC, &page, memory).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    for (said, days, holds) in [("y", 189, true), ("y", 191, false), ("n", 199, true), ("n", 201, false)] {
        let script = format!(
            "const at = Math.floor(Date.now() / 1000) - {days} * 86400;
            document.cookie = `assent=v1.BwcHBwcHBwcHBwcHBwcHBw.0123456789abcdef.${{at}}.analytics:{said}~email-tracking:{said}~embeds:{said}~surveys:{said};path=/`"
        );
        visitor.runs(&script).await;
        visitor.visits(&pages.origin).await;
        if holds {
            assert!(!visitor.is_being_asked().await, "{said}, {days} days ago");
        } else {
            visitor.is_asked().await;
        }
        let allowed = visitor.runs("return assent.state().allowed.analytics").await;
        assert_eq!(allowed, said == "y" && holds, "{said}, {days} days ago");
    }
}

in_every_browser!(what_scripts_wrote_is_lost_and_the_choice_stays);

async fn what_scripts_wrote_is_lost_and_the_choice_stays(browser: Browser) {
    let stack = Stack::starts().await;
    // No cookie that a script writes is kept, as if its days were over.
    let page = format!(
        "<head><script>const real = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
            Object.defineProperty(document, 'cookie', {{ get: () => real.get.call(document),
                set(text) {{ if (text.startsWith('assent=')) window.written = (window.written ?? 0) + 1 }} }})</script>
        <script src='%TAG%'></script>{GATE}"
    );
    let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
    for (act, allowed) in [("accept-all", true), ("reject-all", false)] {
        let visitor = Visitor::arrives(browser).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        visitor.presses(act).await;
        until_so("the server's cookie to be set", async || visitor.choice().await.is_some()).await;
        let days = visitor.choice_is_kept_for().await;
        assert!((363..=365).contains(&days), "as long as the longer memory: {days} days");
        visitor.has_sent_everything(CLINIC).await;
        // A script that wrote it again would shorten its life to a week.
        assert_eq!(
            visitor.runs("return window.written").await,
            1,
            "written once, at the press, and not over the server's"
        );
        visitor.runs("localStorage.clear(); sessionStorage.clear()").await;

        visitor.visits(&pages.origin).await;
        assert!(!visitor.is_being_asked().await, "{act}: nobody is asked again");
        let ran = if allowed { json!(["/counted.js"]) } else { json!([]) };
        until_so("the page to obey", async || visitor.runs("return window.ran ?? []").await == ran).await;
        let holder = visitor.holder().await;
        assert_eq!(stack.api(CLINIC).history(&holder).await.len(), 1, "recorded once");
    }
}
