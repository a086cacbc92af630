//! Scenario 3: single choices are recorded as they were made, with the notice and the language that were on screen.

use crate::harness::{Browser, CLINIC, Looks, Stack, Visitor, in_every_browser};
use assent_core::decision::{Act, Choice, Decision};
use assent_core::record::Surface;

in_every_browser!(exactly_what_was_switched_is_recorded);

async fn exactly_what_was_switched_is_recorded(browser: Browser) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let welsh = Looks { language: "cy", ..Looks::default() };
    let visitor = Visitor::arrives_with(browser, welsh).await;

    visitor.visits(&site.page("/")).await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.photographs("preferences").await;
    let switched_on =
        visitor.in_banner_script("[...root.querySelectorAll('input')].filter(i => i.checked).length").await;
    assert_eq!(switched_on, 0, "nothing is switched on for the person");
    visitor.presses_in_banner("#p-analytics").await;
    visitor.presses("save").await;
    visitor.sees_in_banner("[data-state='recorded']").await;

    let choice = visitor.choice().await.expect("the choice is kept");
    let yes: Vec<_> = choice
        .choices
        .iter()
        .filter(|(_, choice)| **choice == Choice::Yes)
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(yes, ["analytics"]);
    let [record] = &api.history(&visitor.holder().await).await[..] else { panic!("one record") };
    assert_eq!((record.act, record.surface), (Act::Save, Surface::Preferences));
    let decisions: Vec<_> = record.decisions.iter().map(|(id, decision)| (id.as_str(), *decision)).collect();
    assert_eq!(
        decisions,
        [
            ("analytics", Decision::Given),
            ("email-tracking", Decision::Refused),
            ("embeds", Decision::Refused),
            ("surveys", Decision::Refused),
        ]
    );
    let (notice, hash) = api.notice().await;
    assert_eq!(record.notice, hash);
    assert_eq!(record.language, "cy");
    let shown = &notice.languages["cy"];
    assert!(visitor.banner_text().await.contains(&shown.words.saved), "and it was in Welsh on the screen");
}

in_every_browser!(closing_the_choices_decides_nothing);

async fn closing_the_choices_decides_nothing(browser: Browser) {
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&stack.site(CLINIC).page("/")).await;
    visitor.presses("choose").await;
    visitor.presses_in_banner("#p-analytics").await;
    visitor.presses("close").await;
    visitor.is_asked().await;
    assert_eq!(visitor.choice().await, None);
    assert_eq!(stack.heard(CLINIC).await.len(), 0);
}
