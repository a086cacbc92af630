//! Scenario 1: a fresh browser on each example site. Nothing that is not necessary before a choice; after a yes the
//! tag runs, once.

use crate::harness::{Browser, CHARITY, CLINIC, Site, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Choice;
use serde_json::json;
use std::time::Duration;

in_every_browser!(the_clinic_holds_everything_back_until_a_yes);

async fn the_clinic_holds_everything_back_until_a_yes(browser: Browser) {
    everything_is_held_back_until_a_yes(CLINIC, browser).await;
}

in_every_browser!(the_charity_holds_everything_back_until_a_yes);

async fn the_charity_holds_everything_back_until_a_yes(browser: Browser) {
    everything_is_held_back_until_a_yes(CHARITY, browser).await;
}

async fn everything_is_held_back_until_a_yes(id: &'static str, browser: Browser) {
    let stack = Stack::starts().await;
    let site = stack.site(id);
    let visitor = Visitor::arrives(browser).await;

    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    // A person who reads, and presses nothing.
    tokio::time::sleep(Duration::from_secs(10)).await;
    visitor.photographs(&format!("{id}-asked")).await;

    assert!(visitor.is_being_asked().await, "the question waits for its answer");
    assert_eq!(visitor.cookies().await, [], "no cookie of anybody");
    assert_eq!(visitor.storage().await, json!({}), "nothing stored");
    let requests = visitor.requests().await;
    let needless: Vec<_> = requests.iter().filter(|address| !is_necessary(address, &site)).collect();
    assert!(needless.is_empty(), "asked for {needless:?}");
    assert!(
        requests.iter().any(|address| address.contains("/embed.js")),
        "the requests are seen at all: {requests:?}"
    );
    assert_eq!(stack.heard(id).await.len(), 0, "nobody else heard of the visit");

    visitor.presses("accept-all").await;

    until_so("the collector to hear of the visit", async || page_views(&stack, id).await > 0).await;
    visitor.has_sent_everything(id).await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    visitor.photographs(&format!("{id}-accepted")).await;
    assert_eq!(
        page_views(&stack, id).await,
        1,
        "one page view is one page view: {:#?}",
        stack.heard(id).await
    );
    let programs = stack.heard(id).await.iter().filter(|heard| heard["kind"] == "script").count();
    assert_eq!(programs, 1, "the tag was fetched once");
    if id == CLINIC {
        for kind in ["pixel", "frame"] {
            let count = stack.heard(id).await.iter().filter(|heard| heard["kind"] == kind).count();
            assert_eq!(count, 1, "the {kind} was let go as well, once");
        }
    }
    let cookies = visitor.other_cookies().await;
    let expected = if id == CLINIC { "_sp_id." } else { "_ga" };
    assert!(cookies.iter().any(|name| name.starts_with(expected)), "the tag's cookie is set: {cookies:?}");
    let choice = visitor.choice().await.expect("the choice is kept");
    assert!(choice.choices.values().all(|choice| *choice == Choice::Yes), "{choice:?}");
    let history = stack.api(id).history(&visitor.holder().await).await;
    assert_eq!(history.len(), 1, "one press, one record");
}

/// How many page views the collector heard of.
async fn page_views(stack: &Stack, id: &str) -> usize {
    let heard = stack.heard(id).await;
    let is_view = |detail: &str| detail == "pv" || detail.starts_with("page_view");
    heard
        .iter()
        .filter(|heard| heard["kind"] == "hit" && heard["detail"].as_str().is_some_and(is_view))
        .count()
}

/// The page and its own parts, the embed, and the widget's files.
fn is_necessary(address: &str, site: &Site) -> bool {
    let embed = format!("{}/embed.js", site.api);
    address.starts_with(&format!("{}/", site.origin))
        || address.split('?').next() == Some(&embed)
        || address.starts_with(&format!("{}/layers/", site.api))
        || address.starts_with(&format!("{}/v1/assets/", site.assent()))
}
