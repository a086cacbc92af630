//! A tag with `integrity`: browsers run the script that it was printed for, and no other.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::Value;

/// Notes what the browser fetches in vain or refuses to run.
const BEFORE: &str = "<script>addEventListener('error', event => (window.failed ||= []).push(event.target.src), true)</script>";
const AFTER: &str =
    "<h1>A page</h1><p>Text.</p><script type='text/plain' data-purpose=analytics src='/tracker.js'></script>";

/// Publishes the clinic's notice with another word in it.
fn again(round: &'static str) -> impl FnOnce(String) -> String {
    move |file: String| file.replacen("title = \"", &format!("title = \"{round} "), 1)
}

/// What prints the tag.
const TAGS: [&str; 5] = ["site", "tags", "--pinned", "--lang", "en"];

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_is_of_what_is_published() {
    let mut stack = Stack::starts().await;
    let file = stack.path("clinic.toml");
    let arguments = [&TAGS[..], &[file.to_str().unwrap()]].concat();
    let tag = stack.runs_well(&arguments);
    assert!(tag.contains(&format!("{}/embed/", stack.site(CLINIC).api)), "{tag}");
    stack.assent_is_killed();
    assert_eq!(stack.runs_well(&arguments), tag, "without a server the same is read from the store");
    stack.assent_starts().await;
    Pages::of(&stack, CLINIC, "", again("One")).await;
    let said = stack.runs(&arguments);
    assert!(String::from_utf8_lossy(&said.stderr).contains("publish the file first"), "{said:?}");
    let file = stack.path("pages.toml");
    let now = stack.runs_well(&["site", "tags", "--pinned", file.to_str().unwrap()]);
    assert_ne!(now, tag);
}

in_every_browser!(a_tag_runs_one_script_and_no_other);

async fn a_tag_runs_one_script_and_no_other(browser: Browser) {
    let stack = Stack::starts().await;
    let file = stack.path("clinic.toml");
    let tag = stack.runs_well(&[&TAGS[..], &[file.to_str().unwrap()]].concat());
    let pages = Pages::of(&stack, CLINIC, &format!("{tag}{AFTER}"), |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses("accept-all").await;
    until_so("the script to run", async || visitor.runs("return window.ran?.length ?? 0").await == 1).await;
    visitor.has_sent_everything(CLINIC).await;

    // The hash of anything else: the browser does not run it, and the page stays without a yes.
    let (before, rest) = tag.split_once("sha384-").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    let other = format!("{before}sha384-{}\"{after}", "A".repeat(64));
    let pages = Pages::of(&stack, CLINIC, &format!("{BEFORE}{other}{AFTER}"), |file| file).await;
    nobody_is_asked(browser, &pages).await;

    // Published anew twice, and the tag is as it was.
    Pages::of(&stack, CLINIC, "", again("One")).await;
    let pages = Pages::of(&stack, CLINIC, &format!("{BEFORE}{tag}{AFTER}"), again("Two")).await;
    nobody_is_asked(browser, &pages).await;
}

async fn nobody_is_asked(browser: Browser, pages: &Pages) {
    let visitor = Visitor::arrives(browser).await;
    visitor.opens(&pages.origin).await;
    let failed = "return window.failed?.some(address => address.includes('/embed/')) ?? false";
    until_so("the browser to refuse the script", async || visitor.runs(failed).await == true).await;
    let state = visitor.runs("return [window.assent ?? null, window.ran ?? null]").await;
    assert_eq!(state, Value::Array(vec![Value::Null, Value::Null]));
    assert_eq!(visitor.other_cookies().await, Vec::<String>::new());
}
