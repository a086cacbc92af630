//! Where the question stands: the bar, the page itself, a dialog. None moves the page, and none is answered by anything but
//! a press.

use crate::axe;
use crate::harness::{Browser, CLINIC, Looks, Pages, Stack, Visitor, in_every_browser, until_so};
use crate::languages::also_in;
use serde_json::Value;
use std::fmt::Write as _;

pub(crate) const PAGE: &str = "<body style=margin:0><div data-assent=here></div><script src='%TAG%'></script>
    <main><h1>A page of the clinic</h1><p><a href='#end'>A link of the page</a></p><p style='height:1500px'>Text.</p><p id=end>End.</main>";

pub(crate) fn look(layout: &str, theme: &str) -> impl FnOnce(String) -> String {
    let line = format!("look = {{ layout = \"{layout}\", theme = \"{theme}\" }}\n\n[controller]");
    move |file| file.replacen("[controller]", &line, 1)
}

/// Notes where the heading stands in each frame, and how far the page moved by itself, as Chromium measures it; the others do not.
const WATCH: &str = "<script>
    window.stood = new Set(); window.moved = 0;
    if (PerformanceObserver.supportedEntryTypes.includes('layout-shift')) {
        window.watch = list => { for (const one of list) if (!one.hadRecentInput) moved += one.value };
        window.watcher = new PerformanceObserver(list => watch(list.getEntries()));
        watcher.observe({ type: 'layout-shift', buffered: true });
    }
    (function look() {
        const heading = document.querySelector('h1');
        if (heading) stood.add(Math.round(heading.getBoundingClientRect().top + scrollY));
        requestAnimationFrame(look);
    })()</script>";

/// Whether the page never moved by itself, up to the frame after next.
async fn stands_still(visitor: &Visitor, what: &str) {
    let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => {
        window.watcher && watch(watcher.takeRecords()); done([stood.size, moved, ...stood]) })))";
    let said = visitor.runs_to_its_end(script).await;
    assert_eq!((&said[0], &said[1]), (&1.into(), &0.into()), "{what}: {said}");
}

async fn where_it_stands(visitor: &Visitor) -> Value {
    let script = "const host = document.querySelector('#assent-choices'), root = host.shadowRoot.querySelector('#root');
        const box = root.querySelector('section').getBoundingClientRect(), h1 = document.querySelector('h1').getBoundingClientRect();
        return { top: box.top, bottom: box.bottom, h1: h1.top, height: innerHeight, layout: host.dataset.layout ?? null,
            modal: root.matches(':modal'), parent: host.parentElement.localName }";
    visitor.runs(script).await
}

in_every_browser!(no_layout_moves_the_page);

async fn no_layout_moves_the_page(browser: Browser) {
    let stack = Stack::starts().await;
    for layout in ["bar", "inline", "dialog"] {
        let pages = Pages::of(&stack, CLINIC, &format!("{WATCH}{PAGE}"), look(layout, "plain")).await;
        let visitor = Visitor::arrives(browser).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        visitor.has_the_widget().await;
        stands_still(&visitor, &format!("{layout}, asking")).await;
        let stands = where_it_stands(&visitor).await;
        assert_eq!(stands["modal"], layout == "dialog", "{stands}");
        if layout == "inline" {
            assert_eq!(
                (stands["top"].as_f64(), &stands["layout"]),
                (Some(0.0), &"inline".into()),
                "{stands}"
            );
            assert!(stands["h1"].as_f64() >= stands["bottom"].as_f64(), "the page begins below it: {stands}");
        } else if layout == "bar" {
            assert!(
                stands["bottom"].as_f64().unwrap() > stands["height"].as_f64().unwrap() - 40.0,
                "{stands}"
            );
        }
        visitor.presses("reject-all").await;
        visitor.sees_in_banner("[data-state='recorded']").await;
        visitor.presses("close").await;
        until_so("nothing to be left in the page", async || where_is_the_host(&visitor).await == "body:null")
            .await;
        if layout == "inline" {
            // The answer took away what stood above it.
            visitor.runs("stood.clear()").await;
        }
        stands_still(&visitor, &format!("{layout}, after the answer")).await;
        visitor.visits(&pages.origin).await;
        assert!(!visitor.is_being_asked().await);
        assert_eq!(where_is_the_host(&visitor).await, "body:null");
        stands_still(&visitor, &format!("{layout}, decided")).await;
    }
}

async fn where_is_the_host(visitor: &Visitor) -> Value {
    let script = "const host = document.querySelector('#assent-choices');
        return host.parentElement.localName + ':' + (host.dataset.layout ?? null)";
    visitor.runs(script).await
}

in_every_browser!(a_page_that_is_seen_already_gets_the_bar);

async fn a_page_that_is_seen_already_gets_the_bar(browser: Browser) {
    let stack = Stack::starts().await;
    let late = "<body><div data-assent=here></div><h1>A page</h1><p>Text.</p>
        <script>new PerformanceObserver((list, watch) => {
            watch.disconnect(); document.head.append(Object.assign(document.createElement('script'), { src: '%TAG%' }))
        }).observe({ type: 'paint', buffered: true })</script>";
    let pages = Pages::of(&stack, CLINIC, &format!("{WATCH}{late}"), look("inline", "plain")).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert_eq!(where_is_the_host(&visitor).await, "body:null");
    stands_still(&visitor, "a bar that comes late").await;
}

in_every_browser!(a_dialog_keeps_the_focus);

async fn a_dialog_keeps_the_focus(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, look("dialog", "plain")).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;
    for _ in 0..3 {
        visitor.types('\u{e00c}').await;
    }
    until_so("Escape to take nothing away", async || where_it_stands(&visitor).await["modal"] == true).await;
    assert!(visitor.is_being_asked().await);
    assert_eq!(visitor.choice().await, None);
    for _ in 0..12 {
        visitor.types('\u{e004}').await;
        let at = visitor.runs("return document.activeElement.id || document.activeElement.localName").await;
        assert!(at == "assent-choices" || at == "body", "the page behind took the focus: {at}");
    }
    // Single choices stand in the same dialog, and leaving them leads back to the question.
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    assert_eq!(where_it_stands(&visitor).await["modal"], true);
    visitor.presses("close").await;
    visitor.is_asked().await;
    visitor.presses("reject-all").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    assert_eq!(where_it_stands(&visitor).await["modal"], false, "answered, the page can be used");
    let at = visitor.runs("return document.activeElement.id").await;
    assert_eq!(at, "assent-choices", "what was recorded is read next");
    visitor.presses_on_page("h1 + p a").await;
}

pub(crate) const LAYOUTS: [&str; 3] = ["bar", "inline", "dialog"];
pub(crate) const THEMES: [&str; 3] = ["plain", "government", "health"];
in_every_browser!(nothing_to_complain_about_in_any_look);

async fn nothing_to_complain_about_in_any_look(browser: Browser) {
    let stack = Stack::starts().await;
    let mut visitors = Vec::new();
    for (colours, looks) in browser.colours() {
        visitors.push((colours, Visitor::arrives_with(browser, looks).await));
    }
    for (row, layout) in LAYOUTS.into_iter().enumerate() {
        for (column, theme) in THEMES.into_iter().enumerate() {
            // Layouts and themes know nothing of each other: elsewhere than in Chromium each is looked at once.
            if browser != Browser::Chromium && row != column {
                continue;
            }
            let pages = Pages::of(&stack, CLINIC, PAGE, look(layout, theme)).await;
            for (colours, visitor) in &visitors {
                visitor.visits(&pages.origin).await;
                visitor.is_asked().await;
                axe::finds_nothing(visitor, &format!("{layout}, {theme}, {colours}: the question")).await;
                visitor.has_the_widget().await;
                visitor.presses("choose").await;
                visitor.sees_in_banner("[data-act='save']").await;
                axe::finds_nothing(visitor, &format!("{layout}, {theme}, {colours}: single choices")).await;
            }
        }
    }
}

/// Takes pictures of every layout, theme, size and kind of colours, and of each layout and theme from right to left. Gives what
/// shows them side by side.
pub(crate) async fn pictures_of_every_look(stack: &Stack) -> String {
    let visitor = Visitor::arrives(Browser::Chromium).await;
    let colours = Browser::Chromium.colours();
    let mut sheet = String::new();
    for layout in LAYOUTS {
        for theme in THEMES {
            let _ = write!(sheet, "<h2>{layout}, {theme}</h2><div>");
            for (language, colours) in [("en", &colours[..]), ("ar", &colours[..1])] {
                let page = PAGE.replace("%TAG%", &format!("%TAG%?lang={language}"));
                let changed = |file| also_in(&look(layout, theme)(file), &["ar"]);
                let pages = Pages::of(stack, CLINIC, &page, changed).await;
                for (size, width) in [((1280, 800), "desktop"), ((390, 844), "phone")] {
                    for (colours, looks) in colours.iter().copied() {
                        visitor.looks(Looks { size, ..looks }).await;
                        visitor.visits(&pages.origin).await;
                        visitor.is_asked().await;
                        visitor.has_the_widget().await;
                        let name = format!("look-{layout}-{theme}-{language}-{width}-{colours}");
                        visitor.takes_picture(&name).await;
                        visitor.presses("choose").await;
                        visitor.sees_in_banner("[data-act='save']").await;
                        visitor.takes_picture(&format!("{name}-choices")).await;
                        for file in [name.clone(), format!("{name}-choices")] {
                            let _ = write!(
                                sheet,
                                "<figure><a href={file}.png><img src={file}.png alt=''></a><figcaption>{language}, {width}, {colours}</figcaption></figure>"
                            );
                        }
                    }
                }
            }
            sheet.push_str("</div>");
        }
    }
    sheet
}
