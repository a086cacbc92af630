//! What a page loads and holds of ours has no name that filter lists block or hide: a banner that is blocked asks nobody, and
//! what it holds back can never be let go.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use serde_json::Value;

/// Parts of addresses, ids and classes that filter lists (EasyList Cookie, EasyPrivacy, AdGuard's annoyances, Fanboy's) look for. A name
/// is written in small letters, with `-` for `_` and between slashes, before it is looked at.
const BLOCKED: &[&str] = &[
    "cookie",
    "gdpr",
    "ccpa",
    "dsgvo",
    "eprivacy",
    "consent",
    "-cmp",
    "cmp-",
    "/cmp",
    "cmp.",
    "cmp/",
    "onetrust",
    "osano",
    "didomi",
    "klaro",
    "privacy-banner",
    "privacy-popup",
    "privacy-notice",
    "privacy-manager",
    "tracking",
    "tracker",
    "/track",
    "analytics",
    "telemetry",
    "beacon",
    "pixel",
    "/collect",
    "/stats",
    "/log/",
    "/event",
    "/hit",
    "/ads",
    "-ads",
    "ads-",
    "advert",
    "banner",
    "popup",
    "overlay",
    "opt-out",
    "optout",
    "fingerprint",
    "metrics",
];

fn blocked(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace('_', "-");
    BLOCKED.iter().copied().find(|part| name.contains(part))
}

/// Ids, classes, names of elements and keys of storage: everything of ours that a list could name.
const NAMES: &str = "const names = new Set(), look = root => { for (const it of root.querySelectorAll('*')) {
        names.add(it.localName); if (it.id) names.add('#' + it.id); for (const one of it.classList) names.add('.' + one);
        if (it.shadowRoot) look(it.shadowRoot);
    } };
    for (const ours of document.querySelectorAll('assent-choices, assent-frame')) look({ querySelectorAll: () => [ours] });
    return [...names, ...Object.keys(localStorage), ...document.cookie.split('; ').map(pair => pair.split('=')[0])]";

in_every_browser!(no_name_is_one_that_filter_lists_block);

async fn no_name_is_one_that_filter_lists_block(browser: Browser) {
    // The list finds what it is for.
    for bad in [
        "/assets/cookieconsent.min.js",
        "/v1/Cookie_Banner/x.js",
        "/api/cmp/v2",
        "#gdpr-box",
        "/consent-manager/a.js",
    ] {
        assert!(blocked(bad).is_some(), "{bad}");
    }
    let stack = Stack::starts().await;
    let page = "<script src='%TAG%'></script><h1>A page</h1><iframe data-purpose=embeds data-src=/film.html title='A film'></iframe>";
    let pages = Pages::of(&stack, CLINIC, page, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    let mut names = std::collections::BTreeSet::new();
    let mut asked = Vec::new();
    let mut reads = async || {
        asked.extend(visitor.requests().await);
        let found = visitor.runs(NAMES).await;
        names.extend(found.as_array().unwrap().iter().filter_map(Value::as_str).map(String::from));
    };
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    reads().await;
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    reads().await;
    // Kept in storage as long as the service is away.
    stack.assent().is_halted();
    visitor.presses("save").await;
    until_so("the decision to wait", async || visitor.waiting(CLINIC).await == 1).await;
    reads().await;
    stack.assent().goes_on();
    visitor.sees_in_banner("[data-state='recorded']").await;
    reads().await;
    visitor.presses("receipt").await;
    visitor.sees_in_banner("a[download]").await;
    reads().await;
    visitor.opens(&format!("{}/choices", stack.site(CLINIC).api)).await;
    reads().await;
    let classes = visitor
        .runs("return [...document.querySelectorAll('[class]')].flatMap(it => [...it.classList].map(one => '.' + one))")
        .await;
    assert_ne!(classes, Value::Array(Vec::new()));
    names.extend(classes.as_array().unwrap().iter().filter_map(Value::as_str).map(String::from));

    // The operator's own part of the address is theirs to name; ours begins behind the site.
    let origin = stack.site(CLINIC).assent().to_string();
    let paths: Vec<_> = asked.iter().filter_map(|address| address.strip_prefix(&origin)).collect();
    for part in
        ["/embed.js", "/layers/", "/assent.js", "/assent_bg.wasm", "/pages.css", "/decisions", "/choices"]
    {
        assert!(paths.iter().any(|path| path.contains(part)), "{part} was not asked for: {paths:#?}");
    }
    for name in [
        "assent-choices",
        "#assent-choices",
        "#root",
        "assent-frame",
        ".frame",
        "assent",
        "assent.queue.clinic",
    ] {
        assert!(names.contains(name), "{name} was not seen: {names:?}");
    }
    // So is the name of a purpose.
    let ours =
        names.iter().map(String::as_str).filter(|name| !name.starts_with("#p-") && !name.starts_with("#r-"));
    let found: Vec<_> =
        paths.into_iter().chain(ours).filter_map(|name| Some((name, blocked(name)?))).collect();
    assert!(found.is_empty(), "{found:#?}");
}
