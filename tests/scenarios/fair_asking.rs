//! The question is put fairly: both answers alike, reachable by keyboard, nothing in the way, nothing that a machine
//! can find wrong for people who need help to read.

use crate::axe;
use crate::harness::{Browser, CHARITY, CLINIC, Looks, Stack, Visitor};
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
    async fn look_of(&self, act: &str) -> Value {
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
