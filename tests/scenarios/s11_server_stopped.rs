//! Scenario 11: the server is gone while a visitor decides. The page obeys at once; the record arrives later, once.

use crate::harness::{Browser, CLINIC, Log, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Act;

in_every_browser!(the_page_obeys_and_the_record_arrives_later);

async fn the_page_obeys_and_the_record_arrives_later(browser: Browser) {
    let mut stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let before = Log(&api).size().await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;

    stack.assent_is_killed();
    visitor.presses("accept-all").await;

    until_so("the tag to run all the same", async || {
        stack.heard(CLINIC).await.iter().any(|heard| heard["kind"] == "hit")
    })
    .await;
    visitor.sees_in_banner("[data-state='waiting']").await;
    visitor.photographs("server-away").await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!(visitor.waiting(CLINIC).await, 1, "the record waits in the browser");
    let holder = visitor.holder().await;

    stack.assent_starts().await;
    assert_eq!(Log(&api).size().await, before, "nothing was recorded while it was away");
    visitor.visits(&site.page("/")).await;
    visitor.has_sent_everything(CLINIC).await;

    let records = api.history(&holder).await;
    assert_eq!(records.len(), 1, "exactly one record");
    assert_eq!(records[0].act, Act::AcceptAll);
    let (acted, taken) = (records[0].acted.as_deref().expect("it was queued"), records[0].time.as_str());
    assert!(
        acted.parse::<jiff::Timestamp>().unwrap() < taken.parse().unwrap(),
        "pressed {acted}, taken down {taken}"
    );
    assert_eq!(Log(&api).size().await, before + 1);

    visitor.visits(&site.page("/")).await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(Log(&api).size().await, before + 1, "and it is not sent again");
}
