//! What documents say is true: the README's line for tools that Assent does not know, and the tables of what shows each promise.

use crate::harness::{
    Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, project, tests_folder, until_so,
};
use serde_json::json;

in_every_browser!(the_line_for_any_other_tool_tells_it);

async fn the_line_for_any_other_tool_tells_it(browser: Browser) {
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("takes one listener: `").expect("the README has the line");
    let line = rest.split('`').next().unwrap();
    let stack = Stack::starts().await;
    let page = format!(
        "<head><script>window.told = []; window.other = {{ allow: yes => told.push(yes) }}; {line}</script>
        <script src='%TAG%'></script></head><body><h1>A page</h1>"
    );
    let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let told = async || visitor.runs("return told").await.as_array().unwrap().clone();
    let before = told().await;
    assert!(!before.is_empty() && before.iter().all(|one| one == &json!(false)), "no, first: {before:?}");
    for (act, expected) in [("accept-all", true), ("reject-all", false)] {
        visitor.presses(act).await;
        until_so("the tool to be told", async || told().await.last() == Some(&json!(expected))).await;
        visitor.has_sent_everything(CLINIC).await;
        visitor.runs("assent.open()").await;
    }
}

#[test]
fn each_promise_names_tests_that_are_there() {
    let readme = std::fs::read_to_string(tests_folder().join("README.md")).unwrap();
    let tables: Vec<&str> = readme.split("| promise | shown by |\n| --- | --- |\n").skip(1).collect();
    assert_eq!(tables.len(), 3, "the banner's, the ledger's and that of alerts");
    let mut named = 0;
    for row in tables.iter().flat_map(|table| table.lines().take_while(|line| line.starts_with('|'))) {
        let (promise, tests) = row.rsplit_once(" | ").expect("two columns");
        let tests: Vec<&str> = tests.split('`').filter(|part| part.contains("::")).collect();
        // A headline has none.
        assert!(!tests.is_empty() || promise.contains("**"), "nothing shows: {promise}");
        for test in tests {
            let (file, function) = test.rsplit_once("::").unwrap();
            let file = match file.split_once("::") {
                Some(("http", file)) => format!("server/tests/http/{file}.rs"),
                Some(("ledger", file)) => format!("crates/assent-ledger/tests/{file}.rs"),
                Some(("store", "power")) => "crates/assent-store-sled/tests/power/main.rs".into(),
                Some(("store", file @ ("backup" | "contract"))) => {
                    format!("crates/assent-store-sled/tests/{file}.rs")
                }
                Some(("store", file)) => format!("crates/assent-store-sled/tests/hardship/{file}.rs"),
                Some(("server", "witness")) => "server/src/witness/tests.rs".into(),
                Some(("vectors", file)) => format!("tests/scenarios/vectors/{file}.rs"),
                Some(("core", "lint")) => "crates/assent-core/src/lint/tests.rs".into(),
                Some(("core", file)) => format!("crates/assent-core/src/{file}.rs"),
                _ if file == "ui" => "frontend/ui/src/banner_tests.rs".into(),
                _ => format!("tests/scenarios/{file}.rs"),
            };
            let text = std::fs::read_to_string(project().join(&file))
                .unwrap_or_else(|_| panic!("no {file}: {test}"));
            assert!(text.contains(&format!("fn {function}(")), "{file} has no {function}");
            named += 1;
        }
    }
    assert!(named > 220, "the tables were read whole: {named}");
}
