//! Taking an agreement back holds within a second, and asking what holds never changes it.

use crate::harness::{
    Browser, CLINIC, Holder, Log, Pages, Stack, Visitor, in_every_browser, project, until_so,
};
use assent_core::choice_cookie::{COOKIE_NAME, ChoiceCookie};
use assent_core::decision::{Act, Choice, Standing};
use assent_core::ids::PurposeId;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_holds_within_a_second() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    assert_eq!(api.state(&holder).await.purposes["analytics"], Standing::Granted);

    let withdrawal = api.saves(&[("analytics", Choice::No)]).await;
    let pressed = Instant::now();
    api.records(&holder, &withdrawal).await;
    let state = api.state(&holder).await;
    let took = pressed.elapsed();
    assert_eq!(state.purposes["analytics"], Standing::Withdrawn);
    assert_eq!(state.purposes["surveys"], Standing::Granted, "and nothing else");
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

in_every_browser!(windows_side_by_side_are_one_person);

// Both windows asked. The second did not hear of the first, drew a token of its own, and the answer to the first's yes
// came back over the second's no.
async fn windows_side_by_side_are_one_person(browser: Browser) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(browser).await;
    let analytics = async || visitor.runs("return assent.state().allowed.analytics").await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    let first = visitor.opens_a_window().await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    visitor.presses("accept-all").await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(analytics().await, true);

    let second = visitor.turns_to(first).await;
    until_so("the first window to hear of it", async || analytics().await == true).await;
    until_so("the question to go", async || !visitor.is_being_asked().await).await;
    visitor.runs("assent.open()").await;
    visitor.presses("reject-all").await;
    visitor.has_sent_everything(CLINIC).await;

    visitor.turns_to(second).await;
    until_so("the second window to obey", async || analytics().await == false).await;
    let holder = visitor.holder().await;
    assert_eq!(api.history(&holder).await.len(), 2, "one person said both");
    assert_eq!(api.state(&holder).await.purposes["analytics"], Standing::Withdrawn);
    assert_eq!(visitor.choice().await.unwrap().choices["analytics"], Choice::No);
}

in_every_browser!(a_late_answer_to_a_yes_does_not_undo_a_no);

// The answer to the yes set the yes again after the no was pressed. A tab closed before the no was answered left a browser
// that ran the tag on its next page.
async fn a_late_answer_to_a_yes_does_not_undo_a_no(browser: Browser) {
    let stack = Stack::starts().await;
    let site = stack.site(CLINIC);
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;
    // From now on the browser knows that it may send, and does not ask before.
    visitor.presses("reject-all").await;
    visitor.has_sent_everything(CLINIC).await;
    // The first decision goes out, the second never gets through.
    visitor
        .runs(
            "const send = window.fetch; let sent = 0; window.fetch = (address, options) =>
            options?.method == 'POST' && sent++ ? new Promise(() => {}) : send(address, options)",
        )
        .await;
    stack.assent().is_halted();
    for act in ["accept-all", "reject-all"] {
        visitor.runs("assent.open()").await;
        visitor.presses(act).await;
    }
    assert_eq!(visitor.waiting(CLINIC).await, 2);
    stack.assent().goes_on();
    until_so("the yes to be answered", async || visitor.waiting(CLINIC).await == 1).await;
    until_so("the cookie to say no", async || {
        visitor.choice().await.is_some_and(|choice| choice.choices["analytics"] == Choice::No)
    })
    .await;
}

in_every_browser!(a_page_is_loaded_anew_only_where_the_site_asks_for_it);

async fn a_page_is_loaded_anew_only_where_the_site_asks_for_it(browser: Browser) {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let reload = std::fs::read_to_string(project().join("examples/plain/reload.js")).unwrap();
    let reload = format!("<script>{reload}</script>");
    // Nowhere, before the tag, behind it.
    for (before, after, reloads) in [("", "", false), (&*reload, "", true), ("", &*reload, true)] {
        // How often this window loaded a page of the site.
        let counts = "<script>sessionStorage.loads = Number(sessionStorage.loads ?? 0) + 1</script>";
        let page = format!("{counts}{before}<script src='%TAG%'></script>{after}<h1>A page</h1><p>Text.");
        let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
        let visitor = Visitor::arrives(browser).await;
        let loads = async || visitor.runs("return Number(sessionStorage.loads)").await;
        visitor.visits(&pages.origin).await;
        // A no to what was never on, and a yes, are no reason.
        for (act, asks) in [("reject-all", false), ("accept-all", true)] {
            if asks {
                visitor.runs("assent.open()").await;
            }
            visitor.presses(act).await;
            visitor.sees_in_banner("[data-act='close']").await;
            visitor.has_sent_everything(CLINIC).await;
        }
        assert_eq!(loads().await, 1, "reloads: {reloads}");
        assert_eq!(visitor.runs("return assent.state().allowed.analytics").await, true);

        // The page stays until the no is on record, however long that takes.
        stack.assent().is_halted();
        visitor.runs("document.querySelector('h1').id = 'old'; assent.withdraw('analytics')").await;
        assert_eq!((visitor.waiting(CLINIC).await, loads().await), (1, 1.into()));
        stack.assent().goes_on();
        visitor.has_sent_everything(CLINIC).await;
        if reloads {
            until_so("a new page", async || visitor.counts("#old").await == 0).await;
            until_so("the embed to have run", async || visitor.runs("return !!window.assent").await == true)
                .await;
        }
        assert_eq!(visitor.runs("return assent.state().allowed.analytics").await, false);
        // The same no again, all the way to its receipt: nothing ends by it.
        visitor.runs("window.said = assent.withdraw('analytics')").await;
        visitor.runs_to_its_end("const done = arguments[0]; said.then(() => done(0))").await;
        assert_eq!(loads().await, if reloads { 2 } else { 1 }, "reloads: {reloads}");
        let holder = visitor.holder().await;
        assert_eq!(api.history(&holder).await.len(), 4, "everything is on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_changes_nothing() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let before = Log(&api).size().await;
    for path in
        ["embed.js", "notices/current", "state", "choices", "alerts", "log", "log/key", "log/checkpoint"]
    {
        let answer = api.get(path).header("assent-subject", Holder::new().0.reveal()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/reference", "/problems/stale-notice"] {
        let answer = api.get_address(&stack.address(path)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
    assert_eq!(Log(&api).size().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_reaches_a_browser_whose_clock_is_ahead() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let holder = Holder::new();
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    let (_, notice) = api.notice().await;
    let in_an_hour = jiff::Timestamp::now().as_second().cast_unsigned() + 3600;
    let cookie = ChoiceCookie {
        token: holder.0.clone(),
        notice: notice.to_hex()[..16].into(),
        decided: in_an_hour,
        choices: [(PurposeId::new("analytics").unwrap(), Choice::Yes)].into(),
        older: [].into(),
    };
    let form = [
        ("notice", notice.to_hex()),
        ("language", "en".into()),
        ("act", "save".into()),
        ("surface", "choices-page".into()),
        ("key", crate::harness::key()),
        ("choice.analytics", "no".into()),
    ];
    let answer = api
        .post("choices")
        .header(ORIGIN, api.site.assent())
        .header(COOKIE, format!("{COOKIE_NAME}={}", cookie.to_value()))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    let value =
        set.split(';').next().and_then(|pair| pair.strip_prefix("assent=")).expect("the choice is set");
    let now = ChoiceCookie::parse(value).unwrap();
    assert_eq!(now.choices["analytics"], Choice::No);
    assert!(now.decided > in_an_hour, "the page takes the newest of what it holds");
}
