//! The Tag Manager template of `examples/`: its parts can be read, its code stays within the sandbox's few words and the permissions that it
//! asks for, and what it does on a page holds Google's tags back until a yes. Tag Manager itself is not to be had here: what runs the
//! code is a stand-in of the calls that its sandbox documents.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, project, until_so};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The calls of Tag Manager's sandbox that the template requires, as its API documents them: what they do to a page.
const SANDBOX_STAND_IN: &str = "window.dataLayer = window.dataLayer || [];
    window.required = [];
    function gtag() { dataLayer.push(arguments) }
    const api = {
        gtagSet: (name, value) => gtag('set', name, value),
        setDefaultConsentState: state => gtag('consent', 'default', state),
        injectScript: (address, done, failed, token) => {
            const script = document.createElement('script');
            script.async = true; script.src = address; script.onload = done; script.onerror = failed;
            document.head.append(script);
            window.injected = [address, token];
        },
    };
    const run = (code, data) => new Function('require', 'data', code)(name => {
        required.push(name);
        if (!api[name]) throw new Error(name + ' is not in the sandbox');
        return api[name];
    }, data);";

/// The template's parts by name.
fn parts() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(project().join("examples/tag-manager/template.tpl")).unwrap();
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    let mut name = None;
    for line in text.lines() {
        match line.strip_prefix("___").and_then(|rest| rest.strip_suffix("___")) {
            Some(found) => {
                name = Some(found.to_string());
                parts.insert(found.to_string(), String::new());
            }
            None => {
                let Some(part) = name.as_ref().and_then(|name| parts.get_mut(name)) else { continue };
                part.push_str(line);
                part.push('\n');
            }
        }
    }
    parts
}

fn json_of(parts: &BTreeMap<String, String>, name: &str) -> Value {
    serde_json::from_str(&parts[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

const KEYS: [&str; 7] = [
    "ad_storage",
    "ad_user_data",
    "ad_personalization",
    "analytics_storage",
    "functionality_storage",
    "personalization_storage",
    "security_storage",
];

in_every_browser!(the_template_holds_back_until_a_yes);

async fn the_template_holds_back_until_a_yes(browser: Browser) {
    let parts = parts();
    let names: Vec<_> = parts.keys().map(String::as_str).collect();
    let expected =
        ["INFO", "NOTES", "SANDBOXED_JS_FOR_WEB_TEMPLATE", "TEMPLATE_PARAMETERS", "TESTS", "WEB_PERMISSIONS"];
    assert_eq!(names, expected);
    let info = json_of(&parts, "INFO");
    assert_eq!((&info["type"], &info["containerContexts"]), (&json!("TAG"), &json!(["WEB"])));
    let code = &parts["SANDBOXED_JS_FOR_WEB_TEMPLATE"];
    for outside in ["window", "document", "new ", "this", "=>", "class ", "async"] {
        assert!(!code.contains(outside), "the sandbox has no `{outside}`");
    }

    let stack = Stack::starts().await;
    let address = format!("{}/embed.js", stack.site(CLINIC).api);
    let file = |file: String| {
        file.replacen("id = \"analytics\"\n", "id = \"analytics\"\ngoogle = [\"analytics_storage\"]\n", 1)
    };
    let page = format!(
        "<head><script>{SANDBOX_STAND_IN}
            run({code}, {{ address: {address}, gtmOnSuccess() {{ window.ended = 'well' }}, gtmOnFailure() {{ window.ended = 'badly' }} }});
         </script><script type=text/plain data-purpose=analytics src=/counted.js></script></head><body><h1>A page</h1>",
        code = json!(code),
        address = json!(address),
    );
    let pages = Pages::of(&stack, CLINIC, &page, file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    until_so("the template to end well", async || {
        visitor.runs("return window.ended ?? null").await == "well"
    })
    .await;
    assert_eq!(visitor.runs("return injected").await, json!([address, address]));

    // Nothing is used that no permission is asked for, and no permission that nothing uses.
    let permissions = json_of(&parts, "WEB_PERMISSIONS");
    let permissions: BTreeMap<_, _> = permissions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["instance"]["key"]["publicId"].as_str().unwrap(),
                &one["instance"]["param"][0]["value"]["listItem"],
            )
        })
        .collect();
    assert_eq!(
        visitor.runs("return required.sort()").await,
        json!(["gtagSet", "injectScript", "setDefaultConsentState"])
    );
    assert_eq!(
        permissions.keys().copied().collect::<Vec<_>>(),
        ["access_consent", "inject_script", "write_data_layer"]
    );
    let written: Vec<_> = permissions["access_consent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(
                [&one["mapValue"][1]["boolean"], &one["mapValue"][2]["boolean"]],
                [false, true],
                "written, not read"
            );
            one["mapValue"][0]["string"].as_str().unwrap()
        })
        .collect();
    assert_eq!(written, KEYS);
    assert_eq!(permissions["write_data_layer"][0]["string"], "ads_data_redaction");
    let field = &json_of(&parts, "TEMPLATE_PARAMETERS")[0];
    let valid = async |address: &str| {
        let pattern = &field["valueValidators"][0]["args"][0];
        let matches = visitor.runs(&format!("return new RegExp({pattern}).test({})", json!(address))).await;
        matches == true
    };
    for address in [
        "https://privacy.example.org/v1/example/embed.js",
        "https://p.example.org/v1/a/embed.js?lang=zh-Hant",
    ] {
        assert!(valid(address).await, "{address}");
    }
    for address in [
        "http://privacy.example.org/v1/example/embed.js",
        "https://privacy.example.org/v1/example/",
        "//x/v1/a/embed.js",
    ] {
        assert!(!valid(address).await, "{address}");
    }

    // Everything is denied first, once, and what was said follows.
    let consent = "return dataLayer.filter(one => one[0] == 'consent').map(one => [one[1], one[2]])";
    let commands = visitor.runs(consent).await;
    let defaults: Vec<_> = commands.as_array().unwrap().iter().filter(|one| one[0] == "default").collect();
    let [default] = defaults[..] else { panic!("one default, not {}", defaults.len()) };
    assert_eq!(commands[0], *default, "before everything else");
    for key in KEYS {
        assert_eq!(default[1][key], "denied", "{key}");
    }
    assert_eq!(visitor.runs("return window.ran ?? []").await, json!([]));
    visitor.presses("accept-all").await;
    until_so("the script to run", async || {
        visitor.runs("return window.ran ?? []").await == json!(["/counted.js"])
    })
    .await;
    let commands = visitor.runs(consent).await;
    let last = commands.as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last[0], &last[1]["analytics_storage"]),
        (&json!("update"), &json!("granted")),
        "{commands}"
    );
    assert_ne!(last[1]["ad_storage"], "granted", "no purpose names it");
}
