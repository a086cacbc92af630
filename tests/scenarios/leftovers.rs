//! What a purpose left behind goes with a no: on every path and parent domain that a script may reach, on whatever subdomain the no is
//! said. And what the notice does not know never runs.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::{Value, json};

const PAGE: &str =
    "<head><script>window.warned = []; console.warn = (...all) => warned.push(all.join(' '))</script>
    <script src='%TAG%'></script></head><body><h1>A page</h1>
    <script type=text/plain data-purpose=analytics src=/counted.js></script>
    <script type=text/plain data-purpose=spying src=/spying.js></script>
    <iframe data-purpose=spying data-src=/frame.html title='A stranger' width=400 height=260></iframe>";

/// The same page under `www.`, too.
fn also_under_www(file: String) -> String {
    let (_, rest) = file.split_once("origins = [\"http://").expect("the file declares origins");
    let host = rest.split('"').next().unwrap().to_string();
    file.replacen("origins = [", &format!("origins = [\"http://www.{host}\", "), 1)
}

in_every_browser!(what_a_purpose_left_is_removed_everywhere);

async fn what_a_purpose_left_is_removed_everywhere(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, also_under_www).await;
    let visitor = Visitor::arrives(browser).await;
    let www = pages.origin.replacen("http://", "http://www.", 1);
    visitor.visits(&format!("{www}/a/b/c")).await;
    visitor.presses("accept-all").await;
    until_so("the script to run", async || {
        visitor.runs("return window.ran ?? []").await == json!(["/counted.js"])
    })
    .await;
    let left = visitor
        .runs(
            "for (const path of ['/', '/a', '/a/', '/a/b', '/a/b/', '/a/b/c'])
                 for (const domain of ['', ';domain=www.clinic.localhost', ';domain=clinic.localhost'])
                     document.cookie = `_sp_id.${path.length}${domain.length}=x;path=${path}${domain}`;
             document.cookie = 'own=x;path=/';
             localStorage['clinic.survey'] = 'x'; localStorage['the.sites.own'] = 'x';
             return document.cookie.split('; ').filter(cookie => cookie.startsWith('_sp_id.')).length",
        )
        .await;
    assert_eq!(left, 18, "each of them is there");
    visitor.runs("assent.withdraw()").await;
    let left = visitor.runs("return [document.cookie.split('; ').map(one => one.split('=')[0]).filter(name => name != 'assent'), { ...localStorage }]").await;
    assert_eq!(left[0], json!(["own"]), "what was not declared stays");
    assert_eq!((&left[1]["clinic.survey"], &left[1]["the.sites.own"]), (&Value::Null, &json!("x")));
    visitor.has_sent_everything(CLINIC).await;

    // The domain above heard it, too.
    visitor.visits(&pages.origin).await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!(
        visitor.runs("return [assent.state().choices.analytics, window.ran ?? []]").await,
        json!(["no", []])
    );
}

in_every_browser!(what_nobody_declared_never_runs_and_says_so);

async fn what_nobody_declared_never_runs_and_says_so(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let said = "return warned.filter(said => said.includes('no purpose \"spying\"')).length";
    until_so("both to be named", async || visitor.runs(said).await == 2).await;
    visitor.presses("accept-all").await;
    until_so("the script to run", async || {
        visitor.runs("return window.ran ?? []").await == json!(["/counted.js"])
    })
    .await;
    let place = "const place = document.querySelector('assent-frame'), root = place.shadowRoot;
        return [root.querySelectorAll('.act').length, document.querySelector('iframe').getAttribute('src')]";
    assert_eq!(visitor.runs(place).await, json!([0, null]), "nobody is offered to agree to it");
    assert_eq!(visitor.runs(said).await, 2, "each is named once");
}
