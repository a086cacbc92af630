//! Tools of others on a page are told what a person said: Google (basic and advanced), Tag Manager, Microsoft, Matomo.
//!
//! What each is told in which order is tested without a browser in `frontend/loader/test/tools.test.js`; here it is the
//! embed that the server sends.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::{Value, json};

/// What the page's tools have been told, as plain values, with a mark for real `arguments` objects.
const HEARD: &str = "const plain = entry => Object.prototype.toString.call(entry) == '[object Arguments]' ? ['arguments', ...entry] : entry;
    return JSON.parse(JSON.stringify({ google: (window.dataLayer || []).map(plain), uet: window.uetq,
        clarity: window.clarity?.q?.map(plain), matomo: window._paq }))";

/// Those that count follow one purpose, those that advertise another.
fn all_tools(file: String) -> String {
    let counts = "google = [\"analytics_storage\"]\ntools = [\"gtm\", \"clarity\", \"matomo\"]\n";
    let advertises = "sharing = true\ngoogle = [\"ad_storage\"]\ntools = [\"uet\", \"clarity-ads\"]\n";
    let on = |file: String, id: &str, lines: &str| {
        let id = format!("id = \"{id}\"\n");
        file.replacen(&id, &format!("{id}{lines}"), 1)
    };
    on(on(file, "analytics", counts), "surveys", advertises)
}

fn names(entries: &Value) -> Vec<String> {
    let name = |entry: &Value| match entry {
        Value::Array(parts) => {
            // `js` comes with the time.
            let words = parts
                .iter()
                .filter_map(Value::as_str)
                .filter(|part| *part != "arguments" && !part.ends_with('Z'));
            words.take(2).collect::<Vec<_>>().join(" ")
        }
        other => other["event"].as_str().unwrap_or_default().to_string(),
    };
    entries.as_array().unwrap().iter().map(name).collect()
}

in_every_browser!(tools_hear_no_first_and_then_what_was_said);

async fn tools_hear_no_first_and_then_what_was_said(browser: Browser) {
    let stack = Stack::starts().await;
    // The tag of Google waits for its purpose; what the page says to it is already in the queue.
    let page = "<script>window.dataLayer = []; function gtag() { dataLayer.push(arguments) } gtag('js', new Date()); gtag('config', 'G-1')</script>
        <script src='%TAG%'></script><body><h1>A page</h1>";
    let pages = Pages::of(&stack, CLINIC, page, all_tools).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let heard = visitor.runs(HEARD).await;
    assert_eq!(
        names(&heard["google"])[..4],
        ["consent default", "set ads_data_redaction", "js", "config G-1"]
    );
    let default = &heard["google"][0];
    assert_eq!(default[0], "arguments");
    let states: Vec<_> = default[3].as_object().unwrap().iter().collect();
    assert_eq!(states.len(), 7);
    assert!(states.iter().all(|(_, state)| **state == "denied"), "{default}");
    assert_eq!(heard["uet"], json!(["consent", "default", { "ad_storage": "denied" }]));
    assert_eq!(heard["matomo"], json!([["requireConsent"]]));
    assert_eq!(heard["clarity"][0][2], json!({ "ad_Storage": "denied", "analytics_Storage": "denied" }));

    visitor.presses("accept-all").await;
    let heard = visitor.runs(HEARD).await;
    let google = heard["google"].as_array().unwrap();
    assert_eq!(
        google[google.len() - 2],
        json!(["arguments", "consent", "update", { "analytics_storage": "granted", "ad_storage": "granted" }])
    );
    assert_eq!(google.last().unwrap(), &json!({ "event": "assent", "assent": { "analytics": "granted" } }));
    assert_eq!(heard["uet"].as_array().unwrap().last().unwrap(), &json!({ "ad_storage": "granted" }));
    assert_eq!(heard["matomo"][1], json!(["setConsentGiven"]));
    visitor.has_sent_everything(CLINIC).await;

    // On the next page the answer is there before anything else could ask; taking it back is heard at once.
    visitor.visits(&pages.origin).await;
    let again = visitor.runs(HEARD).await;
    assert_eq!(
        names(&again["google"]),
        ["consent default", "set ads_data_redaction", "js", "config G-1", "consent update", "assent"]
    );
    visitor.runs("assent.rejectAll()").await;
    let heard = visitor.runs(HEARD).await;
    assert_eq!(heard["matomo"].as_array().unwrap().last().unwrap(), &json!(["forgetConsentGiven"]));
    assert_eq!(heard["google"].as_array().unwrap().last().unwrap()["assent"]["analytics"], "denied");
    assert_eq!(heard["clarity"].as_array().unwrap().last().unwrap()[2]["analytics_Storage"], "denied");
}

in_every_browser!(googles_own_tag_may_run_first_where_a_site_chose_the_advanced_mode);

async fn googles_own_tag_may_run_first_where_a_site_chose_the_advanced_mode(browser: Browser) {
    let stack = Stack::starts().await;
    Pages::of(&stack, CLINIC, "", all_tools).await;
    let file = stack.path("pages.toml");
    let tags = stack.runs_well(&["site", "tags", "--advanced", file.to_str().unwrap()]);
    let (stub, tag) = tags.trim_end().split_once('\n').unwrap();
    let inside = stub.strip_prefix("<script>").and_then(|rest| rest.strip_suffix("</script>")).unwrap();
    assert!(inside.len() <= 400, "{} bytes", inside.len());
    assert!(tag.starts_with("<script async src=\"http"), "{tag}");
    // The embed comes when Google's tag could have run long since.
    let page = format!(
        "{stub}<script>gtag('js', new Date()); gtag('config', 'G-1')</script>
        <script>setTimeout(() => document.head.append(Object.assign(document.createElement('script'), {{ src: '%TAG%' }})), 1000)</script>
        <body><h1>A page</h1>"
    );
    let pages = Pages::of(&stack, CLINIC, &page, all_tools).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let heard = visitor.runs(HEARD).await;
    assert_eq!(
        names(&heard["google"])[..4],
        ["consent default", "set ads_data_redaction", "js", "config G-1"]
    );
    assert_eq!(heard["google"][0][0], "arguments");
    assert_eq!(heard["google"][0][3]["wait_for_update"], 500);
    assert_eq!(names(&heard["google"]).iter().filter(|name| *name == "consent default").count(), 1);
    visitor.presses("reject-all").await;
    until_so("the answer to be told", async || {
        let heard = visitor.runs(HEARD).await;
        names(&heard["google"]).contains(&"consent update".to_string())
    })
    .await;
    let heard = visitor.runs(HEARD).await;
    let update = heard["google"].as_array().unwrap().iter().find(|entry| entry[2] == "update").unwrap();
    assert_eq!(update[3], json!({ "analytics_storage": "denied", "ad_storage": "denied" }));

    // Nothing to tell, no stub.
    let none = stack.path("none.toml");
    std::fs::write(&none, stack.site_file(CLINIC)).unwrap();
    assert!(!stack.runs(&["site", "tags", "--advanced", none.to_str().unwrap()]).status.success());
    assert!(stack.runs_well(&["site", "tags", none.to_str().unwrap()]).starts_with("<script async src="));
}
