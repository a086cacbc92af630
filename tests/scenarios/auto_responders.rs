//! Programs that answer banners for people find ours, say no, and leave the page as it was: with the rules in
//! `examples/auto-responders`.

use crate::harness::{
    Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, npm, project, until, until_so,
};
use assent_core::decision::{Act, Choice};
use assent_core::record::Surface;
use serde_json::Value;

const PAGE: &str = "<head><script src='%TAG%'></script></head><body><h1>A page</h1><p>Text.</p>";

fn rule(file: &str) -> Value {
    let path = project().join("examples/auto-responders").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The answer is a no to everything, is recorded as such, and nothing of the banner is left on the screen.
async fn said_no(stack: &Stack, visitor: &Visitor) {
    until_so("the banner and its confirmation to be gone", async || !visitor.is_being_asked().await).await;
    let script = "const root = document.querySelector('#assent-choices').shadowRoot;
        return [...root.querySelectorAll('button')].filter(button => button.checkVisibility()).length";
    until_so("no button to be left", async || visitor.runs(script).await == 0).await;
    let choice = until("a choice", async || visitor.choice().await).await;
    assert!(choice.choices.values().all(|choice| *choice == Choice::No), "{choice:?}");
    visitor.has_sent_everything(CLINIC).await;
    let history = stack.api(CLINIC).history(&visitor.holder().await).await;
    let said: Vec<_> = history.iter().map(|record| (record.act, record.surface)).collect();
    assert_eq!(said, [(Act::RejectAll, Surface::FirstLayer)]);
}

in_every_browser!(autoconsent_says_no);

async fn autoconsent_says_no(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let program =
        std::fs::read_to_string(npm("@duckduckgo/autoconsent/dist/autoconsent.playwright.js")).unwrap();
    // What its extension does: hands over the rules, and takes what it is told.
    let config = serde_json::json!({
        "type": "initResp",
        "rules": { "autoconsent": [rule("autoconsent.json")] },
        "config": {
            "enabled": true, "autoAction": "optOut", "disabledCmps": [], "enablePrehide": true, "enableCosmeticRules": true,
            "enableGeneratedRules": true, "detectRetries": 20, "isMainWorld": true, "prehideTimeout": 2000,
            "enableHeuristicDetection": false, "logs": {},
        },
    });
    visitor.runs(&format!(
        "window.said = []; window.autoconsentSendMessage = async message => {{
            said.push(message);
            if (message.type == 'init') setTimeout(() => autoconsentReceiveMessage({config}));
            if (message.type == 'optOutResult') setTimeout(() => autoconsentReceiveMessage({{ type: 'selfTest' }}));
        }}; {program}"
    ))
    .await;
    let found = |kind: &'static str| {
        let script = format!("return said.find(message => message.type == '{kind}') ?? null");
        let visitor = &visitor;
        async move { until(kind, async || Some(visitor.runs(&script).await).filter(|it| !it.is_null())).await }
    };
    assert_eq!(found("popupFound").await["cmp"], "assent");
    let result = found("optOutResult").await;
    assert_eq!((&result["cmp"], &result["result"]), (&"assent".into(), &true.into()), "{result}");
    assert_eq!(found("selfTestResult").await["result"], true);
    said_no(&stack, &visitor).await;
}

in_every_browser!(the_rule_for_consent_o_matic_says_no);

/// Consent-O-Matic is no package, so its rule is walked through as its `Tools.find` does it: a parent's shadow root is where
/// the target is looked for, and what has no height is not displayed.
async fn the_rule_for_consent_o_matic_says_no(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let rule = rule("consent-o-matic.json");
    let find = "const find = ({ parent, target }) => {
        const top = parent ? document.querySelector(parent.selector) : document;
        return [...(top.shadowRoot ?? top).querySelectorAll(target.selector)]
            .find(found => !target.displayFilter || found.offsetHeight);
    };";
    let detector = &rule["assent"]["detectors"][0];
    for matcher in ["presentMatcher", "showingMatcher"] {
        let matcher = &detector[matcher][0];
        assert_eq!(visitor.runs(&format!("{find} return !!find({matcher})")).await, true, "{matcher}");
    }
    for action in rule["assent"]["methods"][0]["action"]["actions"].as_array().unwrap() {
        if action["type"] == "click" {
            until_so("the button to be there", async || {
                visitor
                    .runs(&format!("{find} const found = find({action}); found?.click(); return !!found"))
                    .await
                    == true
            })
            .await;
        }
    }
    said_no(&stack, &visitor).await;
    assert_eq!(
        visitor.runs(&format!("{find} return !!find({})", detector["showingMatcher"][0])).await,
        false
    );
}
