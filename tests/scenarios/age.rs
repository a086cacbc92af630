//! Children (PROMISES SEED-A-31, SEED-A-32): a site that asks how old people are takes no yes from who is too young, on the banner or the
//! form, and a yes of who is young counts only once staff talked with them.

use crate::axe;
use crate::harness::{Api, Browser, CLINIC, Stack, Visitor, in_every_browser, until_so};
use crate::s13_confirmed::{ADDRESS, presses, stack_entries};
use assent_core::age::AgeBand;
use assent_core::decision::{Choice, Decision};
use assent_core::notice::Channel;
use assent_core::wire::{MayReason, ToContactResponse};
use reqwest::StatusCode;
use serde_json::json;

/// The clinic asks everywhere.
async fn asks(stack: &Stack) -> Api {
    let api = stack.api(CLINIC);
    let age = "[age]\nasked = [\"banner\", \"alert-form\"]\n\n[controller]\n";
    let file =
        stack.site_file(CLINIC).replacen("[controller]\n", age, 1) + "\n[log]\ncheckpoint_seconds = 0\n";
    let request = api.as_staff(api.request(reqwest::Method::PUT, "site-file"));
    let answer = request.header("content-type", "application/toml").body(file).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    api
}

in_every_browser!(the_banner_takes_no_yes_without_an_age);

async fn the_banner_takes_no_yes_without_an_age(browser: Browser) {
    let stack = Stack::starts().await;
    let api = asks(&stack).await;
    let site = stack.site(CLINIC);
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    let entries = stack_entries(&api).await;
    visitor.presses("accept-all").await;
    let choices = format!("{}/choices", site.api);
    until_so("the choices page", async || visitor.address().await.starts_with(&choices)).await;
    assert!(visitor.choice().await.is_none(), "nothing was said yet");
    assert_eq!(visitor.other_cookies().await, [] as [String; 0], "and nothing ran");
    let may_agree = async || visitor.counts("input[type=hidden][value=yes]").await;
    assert_eq!(may_agree().await, 0, "only a no can be pressed");
    axe::finds_nothing(&visitor, "the choices page that asks an age").await;
    visitor.photographs("age-choices").await;

    let says = async |band: &str| {
        visitor.presses_on_page(&format!("#age-{band}")).await;
        visitor.presses_on_page("form[method=get] button").await;
        let wanted = format!("age={band}");
        until_so("the page to know", async || visitor.address().await.contains(&wanted)).await;
    };
    says("under-13").await;
    assert_eq!(may_agree().await, 0);
    assert!(visitor.reads("main").await.contains("you need to be 13 or over"));
    says("13-15").await;
    assert_eq!(stack_entries(&api).await, entries, "saying an age records nothing");
    visitor.presses_on_page("input[name=act][value=accept-all] ~ button").await;
    until_so("the page to say that it is recorded", async || visitor.counts("[role=status]").await == 1)
        .await;
    let records = api.history(&visitor.holder().await).await;
    let [record] = &records[..] else { panic!("one record") };
    assert_eq!(record.age, Some(AgeBand::Between(13, 15)), "flagged");
    assert!(record.decisions.values().all(|decision| *decision == Decision::Given));
    visitor.visits(&site.page("/")).await;
    assert!(!visitor.is_being_asked().await, "and the site knows");
    assert_eq!(visitor.runs("return assent.state().allowed.analytics").await, true);

    // A no is one press, as everywhere.
    let other = Visitor::arrives(browser).await;
    other.visits(&site.page("/")).await;
    other.presses("reject-all").await;
    other.has_sent_everything(CLINIC).await;
    let records = api.history(&other.holder().await).await;
    assert!(records[0].age.is_none() && records[0].decisions.values().all(|decision| !decision.is_yes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_of_14_is_written_to_only_once_staff_talked_with_them() {
    let mut stack = Stack::starts().await;
    let api = asks(&stack).await;
    let mail_server = stack.mail_server_starts().await;
    let visitor = Visitor::arrives(Browser::Firefox).await;
    visitor.opens(&format!("{}/alerts", api.site.api)).await;
    visitor.presses_on_page("#wanted-email-clinic-changes").await;
    visitor.writes("#email", ADDRESS).await;
    visitor.presses_on_page("#age-under-13").await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say why not", async || visitor.counts("[role=alert]").await == 1).await;
    assert!(visitor.reads("[role=alert]").await.contains("you need to be 13 or over"));
    visitor.photographs("age-too-young").await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "clinic-changes").await.reason, MayReason::NotAsked);

    visitor.presses_on_page("#age-13-15").await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say what happens next", async || visitor.counts("[role=status]").await == 1).await;
    assert!(visitor.reads("[role=status]").await.contains("until we have talked with you"));
    let mail = mail_server.mail(1).await;
    let page = presses(&api, &mail.link("confirm")).await;
    assert!(page.contains("until we have talked with you"), "{page}");
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::PendingContact));
    visitor.opens(&mail.link("your-alerts")).await;
    assert!(visitor.reads("main").await.contains("until we have talked with you"));
    axe::finds_nothing(&visitor, "the page of an address that waits for a talk").await;
    visitor.photographs("age-waits").await;

    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    assert_eq!(api.get("to-contact").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let people = async || -> ToContactResponse {
        api.as_staff(api.get("to-contact")).send().await.unwrap().json().await.unwrap()
    };
    let waiting = people().await.people;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].address, ADDRESS);
    let outcome = json!({ "id": waiting[0].id, "by": "phone", "recording": "not-recorded", "script": "Young people, 2",
        "staff": "M. Rees", "said": "2026-11-20T09:30:00Z", "choices": { "email-clinic-changes": "yes" } });
    let answer = api.as_staff(api.post("contacted")).json(&outcome).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap());
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::Yes, MayReason::Granted), "the very next answer");
    assert!(people().await.people.is_empty());
    visitor.opens(&mail.link("your-alerts")).await;
    let history = visitor.reads("main").await;
    assert!(history.contains("Written down by M. Rees. Words used: Young people, 2."), "{history}");
    assert!(!stack.said().contains("gwenllian"), "no address in the server's log");
}
