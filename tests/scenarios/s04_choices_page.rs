//! Scenario 4: the choices page takes an agreement back in one press, with script and without; the next page view obeys.

use crate::harness::{Browser, CLINIC, Looks, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::{Act, Decision};
use assent_core::record::Surface;

in_every_browser!(one_press_takes_it_back);

async fn one_press_takes_it_back(browser: Browser) {
    takes_it_back(browser, true).await;
}

// WebKit's driver cannot switch script off once something was agreed to on a page that needs it; what is agreed to and taken back
// without any script there is below.
in_every_browser!(one_press_takes_it_back_without_script: in_chromium Chromium, in_firefox Firefox);

async fn one_press_takes_it_back_without_script(browser: Browser) {
    takes_it_back(browser, false).await;
}

async fn takes_it_back(browser: Browser, script: bool) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(browser).await;
    let tag_runs =
        async || stack.heard(CLINIC).await.iter().filter(|heard| heard["detail"] == "wayfinder").count();
    let counters = async || {
        let cookies = visitor.other_cookies().await;
        cookies.into_iter().filter(|name| name.starts_with("_sp_")).collect::<Vec<_>>()
    };

    visitor.visits(&site.page("/")).await;
    visitor.presses("accept-all").await;
    visitor.has_sent_everything(CLINIC).await;
    until_so("the tag's cookies to be set", async || !counters().await.is_empty()).await;
    assert_eq!(tag_runs().await, 1);

    if !script {
        visitor.allows_script(false).await;
    }
    visitor.opens(&format!("{}/choices", site.api)).await;
    visitor.photographs("choices-granted").await;
    visitor.presses_on_page("[aria-labelledby='purpose-analytics'] form button").await;
    until_so("the page to say that it is taken back", async || {
        visitor
            .reads("[aria-labelledby='purpose-analytics'] .state")
            .await
            .contains("took your agreement back")
    })
    .await;
    visitor.photographs("choices-withdrawn").await;
    let history = visitor.reads("section[aria-labelledby='history']").await;
    assert!(history.contains("you agreed") && history.contains("took your agreement back"), "{history}");

    if !script {
        visitor.allows_script(true).await;
    }
    visitor.visits(&site.page("/")).await;
    assert!(!visitor.is_being_asked().await, "the answer is known");
    until_so("the tag's cookies to be gone", async || counters().await.is_empty()).await;
    assert_eq!(tag_runs().await, 1, "the tag did not run again");
    assert_eq!(visitor.runs("return window.assent.state().allowed.analytics").await, false);
    assert_eq!(
        visitor.runs("return window.assent.state().allowed.embeds").await,
        true,
        "nothing else changed"
    );

    let records = api.history(&visitor.holder().await).await;
    let [grant, withdrawal] = &records[..] else { panic!("two records, not {}", records.len()) };
    assert_eq!(grant.decisions["analytics"], Decision::Given);
    assert_eq!(withdrawal.decisions.len(), 1, "only what was pressed");
    assert_eq!(withdrawal.decisions["analytics"], Decision::Withdrawn);
    assert_eq!((withdrawal.act, withdrawal.surface), (Act::Save, Surface::ChoicesPage));
    assert_eq!(withdrawal.previous.as_ref(), Some(&grant.id));
}

in_every_browser!(a_first_choice_can_be_made_without_script);

async fn a_first_choice_can_be_made_without_script(browser: Browser) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives_with(browser, Looks { script: false, ..Looks::default() }).await;
    visitor.opens(&format!("{}/choices", site.api)).await;
    visitor.presses_on_page("section.all form:has([value='accept-all']) button").await;
    until_so("the page to say that it is kept", async || visitor.choice().await.is_some()).await;
    visitor.presses_on_page("[aria-labelledby='purpose-embeds'] form button").await;
    until_so("the page to say that it is taken back", async || {
        visitor.reads("[aria-labelledby='purpose-embeds'] .state").await.contains("took your agreement back")
    })
    .await;
    let [record, withdrawal] = &api.history(&visitor.holder().await).await[..] else { panic!("two records") };
    assert_eq!((record.act, record.surface), (Act::AcceptAll, Surface::ChoicesPage));
    assert_eq!(withdrawal.decisions.len(), 1, "only what was pressed");
    if browser == Browser::WebKit {
        // Its driver cannot switch script on again.
        return;
    }
    visitor.allows_script(true).await;
    visitor.visits(&site.page("/")).await;
    assert!(!visitor.is_being_asked().await, "the site sees the same choice");
    until_so("the tag to run", async || stack.heard(CLINIC).await.iter().any(|heard| heard["kind"] == "hit"))
        .await;
}
