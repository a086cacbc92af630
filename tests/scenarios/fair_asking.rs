//! The question is put fairly: both answers alike, reachable by keyboard, nothing in the way, nothing that a machine
//! can find wrong for people who need help to read.

use crate::axe;
use crate::harness::{Browser, CHARITY, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::Value;

in_every_browser!(yes_and_no_look_alike);

async fn yes_and_no_look_alike(browser: Browser) {
    let stack = Stack::starts().await;
    for (colours, looks) in browser.colours() {
        let visitor = Visitor::arrives_with(browser, looks).await;
        for size in [(1280, 900), (390, 844), (320, 640)] {
            visitor.has_size(size).await;
            visitor.visits(&stack.site(CLINIC).page("/")).await;
            visitor.is_asked().await;
            let (yes, no) = (visitor.look_of("accept-all").await, visitor.look_of("reject-all").await);
            assert_eq!(yes, no, "{colours}, {size:?}");
            assert!(
                yes["height"].as_f64().unwrap() >= 24.0 && yes["width"].as_f64().unwrap() >= 24.0,
                "{yes}"
            );
        }
    }
}

in_every_browser!(the_pages_styles_and_the_banners_leave_each_other_alone);

/// Rules that a page has for all of its elements, with and without `!important`: none reaches the banner, and none of the banner's the page.
async fn the_pages_styles_and_the_banners_leave_each_other_alone(browser: Browser) {
    const RULES: &str = "font: italic 40px/3 fantasy; color: red; text-align: right; letter-spacing: 9px; text-transform: uppercase;
        background: lime; border: 9px solid; padding: 30px; border-radius: 0; opacity: .5; box-shadow: 0 0 9px";
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(browser).await;
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

in_every_browser!(nothing_to_complain_about_in_the_banner);

async fn nothing_to_complain_about_in_the_banner(browser: Browser) {
    let stack = Stack::starts().await;
    for (colours, looks) in browser.colours() {
        let visitor = Visitor::arrives_with(browser, looks).await;
        let finds_nothing = async |what| axe::finds_nothing(&visitor, &format!("{what}, {colours}")).await;
        visitor.visits(&stack.site(CLINIC).page("/")).await;
        visitor.is_asked().await;
        finds_nothing("the first layer").await;
        visitor.presses("choose").await;
        visitor.sees_in_banner("[data-act='save']").await;
        finds_nothing("the preferences").await;
        // Away for a while.
        stack.assent().is_halted();
        visitor.presses("save").await;
        visitor.sees_in_banner("[data-state='recording']").await;
        finds_nothing("the confirmation on its way").await;
        stack.assent().goes_on();
        visitor.sees_in_banner("[data-state='recorded']").await;
        finds_nothing("the confirmation").await;
        visitor.presses("receipt").await;
        visitor.sees_in_banner("a[download]").await;
        finds_nothing("the receipt").await;
    }
}

in_every_browser!(nothing_to_complain_about_on_the_pages);

/// Every page of Assent's that people come to without a message; those behind links in messages are looked at where the messages are.
async fn nothing_to_complain_about_on_the_pages(browser: Browser) {
    let stack = Stack::starts().await;
    let clinic = stack.site(CLINIC);
    for (colours, looks) in browser.colours() {
        let visitor = Visitor::arrives_with(browser, looks).await;
        let looks_at = async |address: String| {
            visitor.opens(&address).await;
            axe::finds_nothing(&visitor, &format!("{address}, {colours}")).await;
        };
        looks_at(format!("{}/choices", clinic.api)).await;
        visitor.presses_on_page("section.all form:has([value='reject-all']) button").await;
        until_so("the page to say that it is kept", async || visitor.choice().await.is_some()).await;
        axe::finds_nothing(&visitor, &format!("the choices page afterwards, {colours}")).await;
        for page in [
            "choices?lang=cy",
            "alerts",
            "alerts?lang=cy",
            "your-alerts",
            "code",
            "schedule",
            "log",
            "notices/current",
            "nowhere",
        ] {
            looks_at(format!("{}/{page}", clinic.api)).await;
        }
        for page in ["/", "/problems/stale-notice"] {
            looks_at(format!("{}{page}", clinic.assent())).await;
        }
        if browser == Browser::Chromium && colours == "light" {
            // The same pages with other words.
            for page in ["choices", "alerts", "log"] {
                looks_at(format!("{}/{page}", stack.site(CHARITY).api)).await;
            }
        }
    }
}

in_every_browser!(a_strict_policy_is_kept_without_a_single_violation);

async fn a_strict_policy_is_kept_without_a_single_violation(browser: Browser) {
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&stack.site(CLINIC).page("/?csp=strict")).await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses("save").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    let reports = async || {
        let heard = stack.heard(CLINIC).await;
        let reports = heard.iter().filter(|heard| heard["kind"] == "violation");
        reports.map(|heard| heard["detail"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    // Reports come in the order in which they were sent: one that is caused on purpose is the first.
    visitor
        .runs("document.body.append(Object.assign(new Image(), { src: 'http://nobody.localhost/' }))")
        .await;
    until_so("the browser to report what breaks the policy", async || !reports().await.is_empty()).await;
    assert_eq!(reports().await, ["img-src http://nobody.localhost/"]);
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
