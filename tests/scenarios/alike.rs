//! A yes and a no are alike in every look: the same element, size, colours and type, on both layers that have them.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser};
use crate::layouts::{LAYOUTS, PAGE, THEMES, look};

in_every_browser!(yes_and_no_are_alike_in_every_look);

async fn yes_and_no_are_alike_in_every_look(browser: Browser) {
    let stack = Stack::starts().await;
    let mut visitors = Vec::new();
    for (name, looks) in browser.colours() {
        visitors.push((name, Visitor::arrives_with(browser, looks).await));
    }
    for layout in LAYOUTS {
        for theme in THEMES {
            let page = PAGE.replace("%TAG%", &format!("%TAG%?{layout}-{theme}"));
            let pages = Pages::of(&stack, CLINIC, &page, look(layout, theme)).await;
            for (name, visitor) in &visitors {
                visitor.visits(&pages.origin).await;
                visitor.is_asked().await;
                let (yes, no) = (visitor.look_of("accept-all").await, visitor.look_of("reject-all").await);
                assert_eq!(yes, no, "{layout}, {theme}, {name}: the question");
                visitor.presses("choose").await;
                visitor.sees_in_banner("[data-act='save']").await;
                let (yes, no) = (visitor.look_of("accept-all").await, visitor.look_of("reject-all").await);
                assert_eq!(yes, no, "{layout}, {theme}, {name}: single choices");
            }
        }
    }
}

/// What moves by itself: animations and transitions that are not over at once.
const MOVES: &str = "[root, ...root.querySelectorAll('*')].filter(one => {
        const style = getComputedStyle(one);
        return style.animationName != 'none' || style.transitionDuration.split(', ').some(time => parseFloat(time) > 0);
    }).map(one => one.outerHTML.slice(0, 60))";

/// Chromium, which can be told both; everybody else's browser reads the same rule.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_for_who_wants_it_still() {
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    for theme in THEMES {
        let page = PAGE.replace("%TAG%", &format!("%TAG%?{theme}"));
        let pages = Pages::of(&stack, CLINIC, &page, look("bar", theme)).await;
        for still in [true, false] {
            visitor.wants_it_still(still).await;
            visitor.visits(&pages.origin).await;
            visitor.is_asked().await;
            visitor.presses("choose").await;
            visitor.sees_in_banner("[data-act='save']").await;
            let moves = visitor.in_banner_script(MOVES).await;
            assert_eq!(moves.as_array().unwrap().is_empty(), still, "{theme}: {moves}");
        }
    }
}
