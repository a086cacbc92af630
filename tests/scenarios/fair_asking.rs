//! The question is put fairly: both answers alike, reachable by keyboard, nothing in the way, nothing that a machine
//! can find wrong for people who need help to read.

use crate::axe;
use crate::harness::{Browser, CHARITY, CLINIC, Looks, Pages, Stack, Visitor};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn yes_and_no_look_alike() {
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    for dark in [false, true] {
        for size in [(1280, 900), (390, 844), (320, 640)] {
            visitor.looks(Looks { dark, size, ..Looks::default() }).await;
            visitor.visits(&stack.site(CLINIC).page("/")).await;
            visitor.is_asked().await;
            let (yes, no) = (visitor.look_of("accept-all").await, visitor.look_of("reject-all").await);
            assert_eq!(yes, no, "dark: {dark}, size: {size:?}");
            assert!(
                yes["height"].as_f64().unwrap() >= 24.0 && yes["width"].as_f64().unwrap() >= 24.0,
                "{yes}"
            );
        }
    }
}

/// Rules that a page has for all of its elements, with and without `!important`: none reaches the banner, and none of the banner's the page.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_styles_and_the_banners_leave_each_other_alone() {
    const RULES: &str = "font: italic 40px/3 fantasy; color: red; text-align: right; letter-spacing: 9px; text-transform: uppercase;
        background: lime; border: 9px solid; padding: 30px; border-radius: 0; opacity: .5; box-shadow: 0 0 9px";
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    let mut looks = Vec::new();
    for style in [
        "",
        &format!("* {{ {RULES} }}"),
        &format!("button, p, div, section {{ {} }}", RULES.replace(';', " !important;")),
    ] {
        let page = format!("<style>{style} assent-choices {{ padding: 0; border: 0; opacity: 1 }}</style>
            <script src='%TAG%'></script><main><h1>A page</h1><button id=own>Own</button><p class=bar>Own text.");
        let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        let own = "const own = document.querySelector('#own'), text = document.querySelector('p');
            return [getComputedStyle(own).cssText, getComputedStyle(own).font, getComputedStyle(text).display, getComputedStyle(text).position]";
        let shown = visitor.runs(own).await;
        let without = "const tag = document.querySelector('#assent-choices'); tag.remove(); document.adoptedStyleSheets = [];";
        let mut banner = Vec::new();
        for act in ["accept-all", "reject-all", "choose"] {
            banner.push(visitor.look_of(act).await);
        }
        banner.push(visitor.in_banner_script("getComputedStyle(root.querySelector('h2')).font + getComputedStyle(root.querySelector('p')).letterSpacing").await);
        looks.push(banner);
        assert_eq!(
            visitor.runs(&format!("{without} {own}")).await,
            shown,
            "the page is as without the banner"
        );
    }
    assert_eq!(looks[1], looks[0], "a page's rules for all elements");
    assert_eq!(looks[2], looks[0], "even where they are important");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_complain_about_in_the_banner() {
    let stack = Stack::starts().await;
    for dark in [false, true] {
        let visitor = Visitor::arrives_with(Browser::Chromium, Looks { dark, ..Looks::default() }).await;
        visitor.visits(&stack.site(CLINIC).page("/")).await;
        visitor.is_asked().await;
        axe::finds_nothing(&visitor, "the first layer").await;
        visitor.presses("choose").await;
        visitor.sees_in_banner("[data-act='save']").await;
        axe::finds_nothing(&visitor, "the preferences").await;
        visitor.presses("save").await;
        visitor.sees_in_banner("[data-state='recorded']").await;
        axe::finds_nothing(&visitor, "the confirmation").await;
        visitor.presses("receipt").await;
        visitor.sees_in_banner("a[download]").await;
        axe::finds_nothing(&visitor, "the receipt").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_complain_about_on_the_pages() {
    let stack = Stack::starts().await;
    for id in [CLINIC, CHARITY] {
        let site = stack.site(id);
        for dark in [false, true] {
            let visitor = Visitor::arrives_with(Browser::Chromium, Looks { dark, ..Looks::default() }).await;
            for page in ["choices", "alerts", "log", "choices?lang=cy", "alerts?lang=cy"] {
                visitor.opens(&format!("{}/{page}", site.api)).await;
                axe::finds_nothing(&visitor, page).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_policy_is_kept_without_a_single_violation() {
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    visitor.visits(&stack.site(CLINIC).page("/?csp=strict")).await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses("save").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    let complaints: Vec<_> =
        visitor.complaints().await.into_iter().filter(|said| is_about_policy(said)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn is_about_policy(complaint: &str) -> bool {
    ["Content Security Policy", "Trusted", "violat"].iter().any(|word| complaint.contains(word))
}

impl Visitor {
    /// How something in the banner looks: its element, size, colours and type.
    pub(crate) async fn look_of(&self, act: &str) -> Value {
        let script = format!(
            "(() => {{
                const it = root.querySelector(\"[data-act='{act}']\"), box = it.getBoundingClientRect();
                const style = getComputedStyle(it), look = {{ element: it.localName, height: box.height, width: box.width }};
                for (const name of ['color', 'backgroundColor', 'borderColor', 'borderWidth', 'borderRadius', 'fontSize',
                    'fontWeight', 'fontFamily', 'fontStyle', 'textTransform', 'textDecoration', 'opacity', 'padding', 'boxShadow'])
                    look[name] = style[name];
                return look;
            }})()"
        );
        self.in_banner_script(&script).await
    }
}
