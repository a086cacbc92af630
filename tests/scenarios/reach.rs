//! Everybody can reach the answers: by keys alone, at four times the size, and without losing what has the focus; and a no takes as many
//! presses as a yes, from wherever one comes.

use crate::harness::{Browser, CLINIC, Looks, Pages, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Act;
use serde_json::{Value, json};
use std::fmt::Write as _;

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const SPACE: char = ' ';

/// A page as long as pages are, with something to focus everywhere.
fn page() -> String {
    let mut page = String::from("<head><script src='%TAG%'></script></head><body><h1>A page</h1>");
    for number in 0..40 {
        let _ = write!(
            page,
            "<p>Some text before it. <a id=link{number} href='#link{number}'>Link {number}</a></p>"
        );
    }
    page + "<p><a data-assent=open href='/choices'>Your choices</a></p>"
}

/// What of the banner has the focus: its `data-act`, its id or its kind; nothing while the focus is elsewhere.
async fn focus(visitor: &Visitor) -> Value {
    let script = "const at = document.querySelector('#assent-choices').shadowRoot.activeElement;
        return at && (at.dataset.act || at.id || at.localName)";
    visitor.runs(script).await
}

/// Presses Tab until this of the banner has the focus.
async fn tabs_to(visitor: &Visitor, wanted: &str) {
    for _ in 0..80 {
        visitor.types(TAB).await;
        if focus(visitor).await == wanted {
            return;
        }
    }
    panic!("`{wanted}` is not reached by Tab");
}

in_every_browser!(keys_alone_are_enough);

async fn keys_alone_are_enough(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, &page(), |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;
    tabs_to(&visitor, "accept-all").await;
    visitor.types(TAB).await;
    assert_eq!(focus(&visitor).await, "reject-all", "the no is next to the yes");
    visitor.types(TAB).await;
    assert_eq!(focus(&visitor).await, "choose");
    visitor.types(ENTER).await;
    visitor.sees_in_banner("[data-act='save']").await;
    assert_eq!(focus(&visitor).await, "title", "the new layer is read from its heading");
    tabs_to(&visitor, "p-analytics").await;
    visitor.types(SPACE).await;
    assert_eq!(visitor.in_banner_script("root.querySelector('#p-analytics').checked").await, true);
    tabs_to(&visitor, "save").await;
    visitor.types(ENTER).await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    tabs_to(&visitor, "close").await;
    visitor.types(ENTER).await;
    until_so("the confirmation to go", async || !visitor.shows_in_banner("[data-act='close']").await).await;
    let choices = visitor.runs("return assent.state().choices").await;
    assert_eq!((&choices["analytics"], &choices["surveys"]), (&json!("yes"), &json!("no")));

    // The way back, from the page's last link: leaving leads to it again.
    visitor.runs("document.querySelector('[data-assent]').focus()").await;
    visitor.types(ENTER).await;
    visitor.sees_in_banner("[data-act='save']").await;
    tabs_to(&visitor, "close").await;
    visitor.types(ENTER).await;
    let back = "return document.activeElement.dataset.assent ?? null";
    until_so("the focus to be where it was", async || visitor.runs(back).await == "open").await;
}

in_every_browser!(everything_fits_at_four_times_the_size);

/// A window of 1280 by 1024 at 400 % (WCAG 2.2, 1.4.10): nothing is cut off, and nobody has to scroll sideways.
async fn everything_fits_at_four_times_the_size(browser: Browser) {
    let stack = Stack::starts().await;
    let site = stack.site(CLINIC);
    for layout in ["bar", "inline", "dialog"] {
        let look = format!("look = {{ layout = \"{layout}\" }}\n\n[controller]");
        let body = page().replacen("<body>", "<body><div data-assent=here></div>", 1);
        let pages = Pages::of(&stack, CLINIC, &body, |file| file.replacen("[controller]", &look, 1)).await;
        let visitor = Visitor::arrives(browser).await;
        visitor.zooms().await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        visitor.has_the_widget().await;
        let sideways = "[...root.querySelectorAll('*'), root].filter(one => one.checkVisibility() && (one.scrollWidth > one.clientWidth + 1
                && getComputedStyle(one).overflowX != 'visible' || one.getBoundingClientRect().right > innerWidth + 1))
            .map(one => one.outerHTML.slice(0, 80))";
        let fits = async |what: &str| {
            assert_eq!(visitor.in_banner_script(sideways).await, json!([]), "{layout}, {what}");
            let wide = visitor.runs("return document.scrollingElement.scrollWidth <= innerWidth").await;
            assert_eq!(wide, true, "{layout}, {what}: the page");
        };
        fits("the question").await;
        visitor.presses("choose").await;
        visitor.sees_in_banner("[data-act='save']").await;
        fits("single choices").await;
        visitor.presses_in_banner("#p-analytics").await;
        visitor.presses("save").await;
        visitor.sees_in_banner("[data-state='recorded']").await;
        fits("the confirmation").await;
        visitor.presses("receipt").await;
        visitor.sees_in_banner("a[download]").await;
        fits("the receipt").await;
        visitor.presses("close").await;
        for path in ["choices", "alerts", "log"] {
            visitor.opens(&format!("{}/{path}", site.api)).await;
            let wide = visitor.runs("return document.scrollingElement.scrollWidth <= innerWidth").await;
            assert_eq!(wide, true, "{path}");
        }
    }
}

in_every_browser!(the_bar_never_covers_what_has_the_focus);

/// WCAG 2.2, 2.4.11: wherever the focus goes in the page, the bar does not stand on it.
async fn the_bar_never_covers_what_has_the_focus(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, &page(), |file| file).await;
    for size in [(1280, 900), (390, 844)] {
        let visitor = Visitor::arrives_with(browser, Looks { size, ..Looks::default() }).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        visitor.has_the_widget().await;
        let mut seen = 0;
        for _ in 0..41 {
            visitor.types(TAB).await;
            // A smooth scroll may be on its way.
            until_so("the focused link to be in sight", async || {
                let script = "const at = document.activeElement, box = at.getBoundingClientRect();
                    return !at.href || document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) == at";
                visitor.runs(script).await == true
            })
            .await;
            seen += u32::from(visitor.runs("return !!document.activeElement.href").await == true);
        }
        assert_eq!(seen, 41, "every link of the page had the focus: {size:?}");
    }
}

in_every_browser!(a_no_takes_as_many_presses_as_a_yes);

async fn a_no_takes_as_many_presses_as_a_yes(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, &page(), |file| file).await;
    for (button, act) in [("accept-all", Act::AcceptAll), ("reject-all", Act::RejectAll)] {
        let visitor = Visitor::arrives(browser).await;
        let acts = async || {
            visitor.has_sent_everything(CLINIC).await;
            let history = stack.api(CLINIC).history(&visitor.holder().await).await;
            history.iter().map(|record| record.act).collect::<Vec<_>>()
        };
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        visitor.has_the_widget().await;
        // The question: one. From its single choices, and from the way back: two.
        visitor.presses(button).await;
        assert_eq!(acts().await, [act]);
        visitor.presses("close").await;
        visitor.presses_on_page("[data-assent]").await;
        visitor.presses(button).await;
        assert_eq!(acts().await, [act; 2]);
        // The choices page, without a script: one.
        visitor.opens(&format!("{}/choices", stack.site(CLINIC).api)).await;
        visitor.presses_on_page(&format!("form:has([value='{button}']) button")).await;
        until_so("the page to say that it is kept", async || visitor.address().await.contains("done=")).await;
        assert_eq!(stack.api(CLINIC).history(&visitor.holder().await).await.len(), 3);
    }
}
