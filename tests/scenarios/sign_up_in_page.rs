//! The sign-up form in a page of the site: the same questions, checks and records as on Assent's own page, which the browser need
//! not leave for it.

use crate::axe;
use crate::harness::{Api, Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Choice;
use assent_core::hash::base64_decode;
use assent_core::notice::Channel;
use assent_core::receipt::Receipt;
use assent_core::wire::MayReason;
use serde_json::Value;

const PLACE: &str = "[data-assent=alerts]";
const ADDRESS: &str = "gwenllian@post.example.org";
const SEND: &str = "form.sign-up button[type=submit]";

in_every_browser!(somebody_signs_up_without_leaving_the_page);

async fn presses(visitor: &Visitor, css: &str) {
    until_so(&format!("`{css}` to be pressed"), async || match visitor.in_shadow(PLACE, css).await {
        Some(element) => element.click().await.is_ok(),
        None => false,
    })
    .await;
}

async fn shows(visitor: &Visitor, css: &str) {
    until_so(&format!("`{css}` to show"), async || visitor.in_shadow(PLACE, css).await.is_some()).await;
}

async fn has_focus(visitor: &Visitor, css: &str) {
    let script =
        format!("return !!document.querySelector('{PLACE}').shadowRoot.activeElement?.matches({css:?})");
    until_so(&format!("`{css}` to have the focus"), async || visitor.runs(&script).await == true).await;
}

async fn writes(visitor: &Visitor, css: &str, text: &str) {
    let field = visitor.in_shadow(PLACE, css).await.expect(css);
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn reason(api: &Api) -> MayReason {
    let answer = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!(answer.may, Choice::No);
    answer.reason
}

async fn somebody_signs_up_without_leaving_the_page(browser: Browser) {
    let mut stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(browser).await;
    let page = site.page("/alerts/");
    visitor.visits(&page).await;
    visitor.is_asked().await;
    visitor.presses("reject-all").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    visitor.presses("close").await;

    shows(&visitor, SEND).await;
    let ticked = visitor.in_shadow(PLACE, "input:checked").await;
    assert!(ticked.is_none(), "nothing is ticked for the person");
    axe::finds_nothing(&visitor, "the form in a page").await;
    visitor.photographs("alerts-in-page").await;

    presses(&visitor, SEND).await;
    shows(&visitor, "[role=alert]").await;
    has_focus(&visitor, "[role=alert]").await;
    axe::finds_nothing(&visitor, "what is wrong with it").await;
    presses(&visitor, "[role=alert] a").await;
    has_focus(&visitor, "#wanted-email-clinic-changes").await;
    presses(&visitor, "#wanted-email-clinic-changes").await;
    writes(&visitor, "#email", "no address").await;
    presses(&visitor, SEND).await;
    shows(&visitor, "#email-error").await;
    let kept = visitor.in_shadow(PLACE, "#wanted-email-clinic-changes:checked").await;
    assert!(kept.is_some(), "what was ticked stays ticked");
    assert_eq!(reason(&api).await, MayReason::NotAsked, "nothing was recorded");

    // The service is away; nothing that was typed is lost, and it is taken once.
    writes(&visitor, "#email", ADDRESS).await;
    stack.assent_is_killed();
    presses(&visitor, SEND).await;
    shows(&visitor, "#again[role=alert]").await;
    stack.assent_starts().await;
    presses(&visitor, SEND).await;
    shows(&visitor, "[role=status]").await;
    has_focus(&visitor, "[role=status]").await;
    let in_view = format!(
        "const {{ top, bottom }} = document.querySelector('{PLACE}').shadowRoot.querySelector('[role=status]').getBoundingClientRect();
         return top >= 0 && bottom <= innerHeight"
    );
    until_so("it to be in view", async || visitor.runs(&in_view).await == true).await;
    assert_eq!(visitor.address().await, page);
    axe::finds_nothing(&visitor, "what happens next").await;
    visitor.photographs("alerts-in-page-signed-up").await;
    assert_eq!(reason(&api).await, MayReason::Unconfirmed, "nothing is sent before it is confirmed");
    let export = api.export("ndjson", "&purpose=email-clinic-changes").await;
    assert_eq!(export.matches("\"kind\":\"record\"").count(), 1);

    let receipt = visitor.in_shadow(PLACE, "a[download]").await.expect("the receipt can be had");
    let address = receipt.attr("href").await.unwrap().unwrap();
    let receipt = base64_decode(address.strip_prefix("data:application/json;base64,").unwrap()).unwrap();
    let receipt = Receipt::parse(&String::from_utf8(receipt).unwrap()).unwrap().verify(None).unwrap();
    assert!(receipt.record().contains("email-clinic-changes"), "{}", receipt.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_policies_let_it_in_and_what_fails_leaves_the_link() {
    let stack = Stack::starts().await;
    let site = stack.site(CLINIC);
    let (api, assent) = (&site.api, site.assent());
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>A page</title>
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src 'nonce-r4nd0m'; connect-src {assent}; \
         require-trusted-types-for 'script'; trusted-types %POLICY%\">
         <main><h1>Alerts</h1><div data-assent=alerts><a href='{api}/alerts'>Choose your alerts</a></div></main>
         <script nonce=r4nd0m async src='{api}/alerts.js'></script>"
    );
    let visitor = Visitor::arrives(Browser::Chromium).await;
    let strict = Pages::of(&stack, CLINIC, &page.replace("%POLICY%", "assent-alerts"), |file| file).await;
    visitor.opens(&strict.origin).await;
    shows(&visitor, SEND).await;
    let looks = visitor
        .runs(&format!(
            "const root = document.querySelector('{PLACE}').shadowRoot;
             return getComputedStyle(root.querySelector('.press')).minHeight;"
        ))
        .await;
    assert_eq!(looks, "44px", "its styles are there, inline ones being forbidden");
    assert_eq!(visitor.complaints().await, Vec::<String>::new());

    let stricter = Pages::of(&stack, CLINIC, &page.replace("%POLICY%", "'none'"), |file| file).await;
    visitor.opens(&stricter.origin).await;
    until_so("the refusal to be said", async || !visitor.complaints().await.is_empty()).await;
    assert_eq!(visitor.reads(PLACE).await, "Choose your alerts");

    // A page that is no declared one may not read the form.
    let elsewhere = stricter.origin.replacen("clinic.localhost", "other.localhost", 1);
    visitor.opens(&elsewhere).await;
    until_so("the refusal to be said", async || !visitor.complaints().await.is_empty()).await;
    let form = visitor.runs(&format!("return document.querySelector('{PLACE}').shadowRoot")).await;
    assert_eq!(form, Value::Null);
}
