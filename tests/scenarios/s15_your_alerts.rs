//! Scenario 15: everything an address told us on one page, without account or script; stopping it all; moving it elsewhere.

use crate::axe;
use crate::harness::{Browser, CLINIC, Looks, MailServer, Stack, Visitor, until_so};
use crate::s13_confirmed::{ADDRESS, presses, signs_up_and_confirms, token_of_centre};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::receipt::Receipt;
use assent_core::wire::MayReason;
use reqwest::StatusCode;
use std::io::Read as _;

const NEW_ADDRESS: &str = "gwenllian@elsewhere.example.org";

#[tokio::test(flavor = "multi_thread")]
async fn seen_changed_moved_and_stopped_without_script() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    let mail = signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    visitor.opens(&mail.link("your-alerts")).await;
    axe::finds_nothing(&visitor, "the page with everything").await;
    for (name, size) in [("desktop", (1280, 860)), ("phone", (390, 844))] {
        for dark in [false, true] {
            visitor.looks(Looks { language: "en", dark, size, ..Looks::default() }).await;
            let scheme = if dark { "dark" } else { "light" };
            if std::env::var_os("ASSENT_SCREENSHOTS").is_some() {
                visitor.takes_long_picture(&format!("your-alerts-{name}-{scheme}")).await;
            }
        }
    }
    visitor.looks(Looks { language: "en", size: (1280, 860), ..Looks::default() }).await;
    visitor.allows_script(false).await;
    visitor.opens(&mail.link("your-alerts")).await;
    let text = visitor.reads("main").await;
    assert!(text.contains(ADDRESS), "{text}");
    assert_eq!(visitor.counts("ol.entries > li").await, 2, "the request and the confirmation");
    assert_eq!(visitor.counts("input[type=checkbox]").await, 2, "one switch for each topic on this channel");
    assert_eq!(visitor.counts("input[type=checkbox]:checked").await, 1);

    // One on, one off.
    visitor.presses_on_page("#wanted-email-clinic-changes").await;
    visitor.presses_on_page("#wanted-email-health-campaigns").await;
    visitor.presses_on_page("button[value=save]").await;
    until_so("the page to say that it is saved", async || visitor.counts("[role=status]").await == 1).await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::Withdrawn);
    assert_eq!(api.may(Channel::Email, ADDRESS, "health-campaigns").await.may, Choice::Yes);

    // Another address, confirmed before the old one is let go of.
    visitor.writes("#address", NEW_ADDRESS).await;
    visitor.presses_on_page("button[value=move]").await;
    until_so("the page to say that nothing has changed yet", async || {
        visitor.address().await.contains("done=asked")
    })
    .await;
    let moved = mail_server.mail(2).await;
    assert_eq!(moved.header("to"), NEW_ADDRESS);
    assert_eq!(
        api.may(Channel::Email, ADDRESS, "health-campaigns").await.may,
        Choice::Yes,
        "the old one stays"
    );
    assert_eq!(api.may(Channel::Email, NEW_ADDRESS, "health-campaigns").await.may, Choice::No);
    presses(&api, &moved.link("confirm")).await;
    assert_eq!(api.may(Channel::Email, NEW_ADDRESS, "health-campaigns").await.may, Choice::Yes);
    assert_eq!(api.may(Channel::Email, ADDRESS, "health-campaigns").await.reason, MayReason::Withdrawn);

    visitor.opens(&moved.link("your-alerts")).await;
    visitor.presses_on_page("button[value=stop-all]").await;
    until_so("the page to say that all is stopped", async || visitor.counts("[role=status]").await == 1)
        .await;
    visitor.photographs("your-alerts-stopped").await;
    assert_eq!(visitor.counts("input[type=checkbox]:checked").await, 0);
    assert_eq!(api.may(Channel::Email, NEW_ADDRESS, "health-campaigns").await.reason, MayReason::Withdrawn);

    // Every language of the site.
    for language in ["en", "cy"] {
        let page = api.get(&format!("your-alerts/{}?lang={language}", token_of_centre(&mail)));
        let page = page.send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("<html lang=\"{language}\"")), "{language}");
    }

    // Every receipt, in one file and one by one, each good.
    let centre = format!("your-alerts/{}", token_of_centre(&mail));
    let file = api.get(&format!("{centre}/receipts.zip")).send().await.unwrap().bytes().await.unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    assert!(zip.len() >= 5, "request, confirmation, stopped, given and confirmed: {}", zip.len());
    let log_key = api.log_key().await;
    for place in 0..zip.len() {
        let mut text = String::new();
        let mut entry = zip.by_index(place).unwrap();
        entry.read_to_string(&mut text).unwrap();
        Receipt::parse(&text).unwrap().verify(Some(&log_key)).unwrap();
        let name = entry.name().unwrap();
        let id = name.strip_prefix("receipt-").and_then(|name| name.strip_suffix(".json")).unwrap();
        let one = api.get(&format!("{centre}/receipts/{id}")).send().await.unwrap();
        assert_eq!(one.text().await.unwrap(), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_link_goes_to_the_address_and_says_nothing_to_anybody_else() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    let mut pages = Vec::new();
    for address in ["not an address", "nobody@example.org", ADDRESS] {
        visitor.opens(&format!("{}/your-alerts?lang=cy", site.api)).await;
        visitor.writes("#email", address).await;
        visitor.presses_on_page("form.sign-up button[type=submit]").await;
        until_so("an answer", async || visitor.counts("[role=status], [role=alert]").await == 1).await;
        visitor.photographs(&format!("link-{}", pages.len())).await;
        axe::finds_nothing(&visitor, "asking for a link").await;
        pages.push(visitor.reads("main").await);
    }
    assert_ne!(pages[0], pages[1]);
    assert_eq!(pages[1], pages[2], "nobody learns whether an address is known");
    let mail = mail_server.mail(2).await;
    assert_eq!((mail.header("to"), mail.header("content-language")), (ADDRESS, "cy"));
    let page = api.get_address(&mail.link("your-alerts")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains(ADDRESS));
    asked_again_at_once_sends_nothing(&visitor, &mail_server, &site.api).await;
}

async fn asked_again_at_once_sends_nothing(visitor: &Visitor, mail_server: &MailServer, api: &str) {
    visitor.opens(&format!("{api}/your-alerts")).await;
    visitor.writes("#email", ADDRESS).await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("an answer", async || visitor.counts("[role=status]").await == 1).await;
    assert_eq!(mail_server.mails().len(), 2, "nobody's mailbox is filled by typing their address");
}
