//! The strictest policy that pages have: nonces, `strict-dynamic`, Trusted Types, no inline style. Everything works, and nothing is
//! complained about.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::json;

const PAGE: &str = "<head><meta http-equiv=Content-Security-Policy content=\"script-src 'nonce-n1' 'strict-dynamic' 'wasm-unsafe-eval';
        style-src 'self'; object-src 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types assent\">
    <script nonce=n1>window.broken = [];
        document.addEventListener('securitypolicyviolation', event => broken.push(event.violatedDirective + ' ' + event.blockedURI))</script>
    <script nonce=n1 src='%TAG%'></script></head><body><h1>A page</h1>
    <script nonce=n1 type=text/plain data-purpose=analytics src=/counted.js></script>
    <script nonce=n1 type=text/plain data-purpose=analytics>ran.push('inline')</script>
    <iframe data-purpose=embeds data-src=/frame.html title='A film' width=400 height=260></iframe>
    <template data-purpose=analytics><p id=out>Out of the template.</p></template>";

in_every_browser!(the_strictest_policy_is_kept);

async fn the_strictest_policy_is_kept(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses_in_banner("#p-analytics").await;
    visitor.presses("save").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    until_so("both scripts to run", async || {
        visitor.runs("return window.ran ?? []").await == json!(["/counted.js", "inline"])
    })
    .await;
    assert_eq!(visitor.counts("#out").await, 1);
    visitor.presses("receipt").await;
    visitor.sees_in_banner("a[download]").await;
    assert_eq!(visitor.runs("return broken").await, json!([]));
}
