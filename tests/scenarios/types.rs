//! The types that are published with the script: TypeScript takes what a site's own code does with them, refuses what it must not do, and
//! they name exactly what is really on a page.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, npm, tests_folder, until_so};
use serde_json::{Value, json};
use std::process::Command;

const PAGE: &str = "<head><script>
        window.heard = {};
        for (const what of ['ready', 'change', 'recorded'])
            document.addEventListener('assent:' + what, event => heard[what] = event.detail);
    </script><script src='%TAG%'></script></head><body><h1>A page</h1>";

in_every_browser!(the_types_are_those_of_the_page);

async fn the_types_are_those_of_the_page(browser: Browser) {
    npm("typescript/package.json");
    let checked =
        Command::new("node").arg(tests_folder().join("scenarios/types/check.mjs")).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked["complaints"], json!([]), "what the compiler says of usage.ts");
    let declared = &checked["members"];

    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let sorted = async |what: &str| visitor.runs(&format!("return Object.keys({what}).sort()")).await;
    assert_eq!(sorted("window.assent").await, declared["Assent"]);
    let functions = "return Object.values(window.assent).every(member => typeof member == 'function')";
    assert_eq!(visitor.runs(functions).await, true);
    assert_eq!(sorted("assent.state()").await, declared["State"]);
    visitor.presses("reject-all").await;
    visitor.has_sent_everything(CLINIC).await;
    until_so("the receipt to be told", async || visitor.runs("return !!heard.recorded").await == true).await;
    assert_eq!(sorted("heard").await, declared["Events"], "each event that is declared happened");
    assert_eq!(sorted("heard.ready").await, declared["State"]);
    assert_eq!(sorted("heard.change").await, declared["State"]);
    let kinds = "const { decided, allowed, choices, notice, language, signals } = heard.change;
        return [typeof decided, [...new Set(Object.values(allowed).map(one => typeof one))],
            [...new Set(Object.values(choices))], typeof notice, typeof language, Object.keys(signals), typeof heard.recorded]";
    let expected = json!(["boolean", ["boolean"], ["no"], "string", "string", ["gpc", "dnt"], "string"]);
    assert_eq!(visitor.runs(kinds).await, expected);
}
