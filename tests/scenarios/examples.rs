//! The small examples that people copy do what they say, as they are: only the addresses in them are this run's.

use crate::harness::{
    Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, npm, project, tests_folder, until_so,
};
use serde_json::{Value, json};
use std::process::Command;

/// A file of `examples/`.
fn example(path: &str) -> String {
    std::fs::read_to_string(project().join("examples").join(path)).unwrap()
}

/// The example's addresses, made those of this run.
fn here(text: &str, stack: &Stack) -> String {
    let mut text = text.replace("https://privacy.example.org/v1/example", &stack.site(CLINIC).api);
    for (there, here) in [
        ("https://stats.example", ""),
        ("https://video.example/42", "/film.html"),
        ("https://maps.example/embed/clinic", "/map.html"),
    ] {
        text = text.replace(there, here);
    }
    assert!(!text.contains(".example/"), "another address stands in it");
    text
}

/// The site's purpose for frames, under the name that the example gives it.
fn named(purpose: &'static str) -> impl FnOnce(String) -> String {
    move |file| {
        file.replace("\"embeds\"", &format!("\"{purpose}\""))
            .replace("purposes.embeds]", &format!("purposes.{purpose}]"))
    }
}

async fn frame(visitor: &Visitor) -> Value {
    visitor.runs("return document.querySelector('iframe')?.getAttribute('src') ?? null").await
}

async fn ran(visitor: &Visitor) -> Value {
    visitor.runs("return window.ran ?? []").await
}

in_every_browser!(the_plain_page);

async fn the_plain_page(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, &here(&example("plain/index.html"), &stack), named("video")).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert_eq!(visitor.runs("return document.compatMode").await, "CSS1Compat", "served as it is");
    assert_eq!((ran(&visitor).await, frame(&visitor).await), (json!([]), Value::Null));
    until_so("something to stand in the film's place", async || visitor.counts("assent-frame").await == 1)
        .await;
    visitor.presses("accept-all").await;
    until_so("the script to run", async || ran(&visitor).await == json!(["/tracker.js"])).await;
    assert_eq!(frame(&visitor).await, "/film.html");
    visitor.has_sent_everything(CLINIC).await;

    visitor.presses_on_page("footer a").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses("reject-all").await;
    until_so("the film to be held back again", async || frame(&visitor).await.is_null()).await;
    visitor.visits(&pages.origin).await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!((ran(&visitor).await, frame(&visitor).await), (json!([]), Value::Null));
}

in_every_browser!(the_single_page);

async fn the_single_page(browser: Browser) {
    let stack = Stack::starts().await;
    let hears = "<head><script>navigator.sendBeacon = (where, what) => !!(window.counted ||= []).push([where, what])</script>";
    let page = here(&example("single-page/index.html"), &stack);
    assert!(page.contains("<head>"), "{page}");
    let page = page.replacen("<head>", hears, 1);
    let pages = Pages::of(&stack, CLINIC, &page, named("video")).await;
    let visitor = Visitor::arrives(browser).await;
    let counted = async || visitor.runs("return window.counted ?? []").await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    visitor.presses_on_page("nav a[href='#/film']").await;
    until_so("something to stand in the late film's place", async || {
        visitor.counts("assent-frame").await == 1
    })
    .await;
    assert_eq!((counted().await, frame(&visitor).await), (json!([]), Value::Null));
    visitor.presses("accept-all").await;
    until_so("the film to be shown", async || frame(&visitor).await == "/film.html").await;
    visitor.presses_on_page("nav a[href='#/']").await;
    until_so("the view to be counted", async || counted().await == json!([["/view", "#/"]])).await;
    visitor.presses_on_page("nav a[href='#/film']").await;
    until_so("a film that comes later to be shown", async || frame(&visitor).await == "/film.html").await;

    visitor.runs("assent.withdraw()").await;
    until_so("the film to be held back again", async || frame(&visitor).await.is_null()).await;
    let before = counted().await;
    visitor.presses_on_page("nav a[href='#/']").await;
    until_so("the other view", async || visitor.reads("h1").await == "Start").await;
    assert_eq!(counted().await, before, "and nothing is counted");
}

in_every_browser!(the_react_component);

async fn the_react_component(browser: Browser) {
    let stack = Stack::starts().await;
    let entry = format!(
        "import {{ createRoot }} from 'react-dom/client'; import {{ createElement }} from 'react';
         import {{ Map }} from {:?}; createRoot(document.querySelector('main')).render(createElement(Map));",
        project().join("examples/react/Map.jsx")
    );
    shows_the_map(&stack, browser, &entry).await;
}

in_every_browser!(the_vue_component);

async fn the_vue_component(browser: Browser) {
    let stack = Stack::starts().await;
    let folder = project().join("examples/vue");
    // What the bundlers' plugins for Vue do.
    let compiled = Command::new("node")
        .args(["-e", "const { parse, compileScript } = require(process.argv[1]), file = process.argv[2];
            const { descriptor, errors } = parse(require('fs').readFileSync(file, 'utf8'), { filename: file });
            if (errors.length) throw errors[0];
            process.stdout.write(compileScript(descriptor, { id: 'map', inlineTemplate: true }).content)"])
        .args([npm("vue/compiler-sfc/index.js"), folder.join("Map.vue")])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let component = String::from_utf8(compiled.stdout).unwrap();
    let component = component.replace("'./assent.js'", &format!("{:?}", folder.join("assent.js")));
    let path = stack.path("map.js");
    std::fs::write(&path, component).unwrap();
    let entry = format!(
        "import {{ createApp }} from 'vue'; import Map from {path:?}; createApp(Map).mount(document.querySelector('main'));"
    );
    shows_the_map(&stack, browser, &entry).await;
}

/// Bundles a script with npm's esbuild, as a project of somebody's would be.
fn bundled(stack: &Stack, entry: &str) -> String {
    let modules = npm("react-dom/package.json").ancestors().nth(2).unwrap().to_path_buf();
    let path = stack.path("entry.js");
    std::fs::write(&path, entry).unwrap();
    let built = Command::new(npm(".bin/esbuild"))
        .arg(&path)
        .args(["--bundle", "--jsx=automatic", "--log-level=error"])
        .args(["NODE_ENV=\"production\""].map(|value| format!("--define:process.env.{value}")))
        .args(
            ["__VUE_OPTIONS_API__", "__VUE_PROD_DEVTOOLS__", "__VUE_PROD_HYDRATION_MISMATCH_DETAILS__"]
                .map(|flag| format!("--define:{flag}=false")),
        )
        .env("NODE_PATH", &modules)
        .current_dir(tests_folder())
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    String::from_utf8(built.stdout).unwrap()
}

/// A component that draws a map into `main` when it may, and asks in its place when not.
async fn shows_the_map(stack: &Stack, browser: Browser, entry: &str) {
    let bundle = here(&bundled(stack, entry), stack).replace("</script", "<\\/script");
    // The tag before the component, and behind it: it must not care.
    for (before, after) in
        [("<script src='%TAG%'></script>", ""), ("", "<script async src='%TAG%'></script>")]
    {
        let page = format!(
            "<head>{before}</head><body><h1>A page</h1><main></main><script>{bundle}</script>{after}"
        );
        let pages = Pages::of(stack, CLINIC, &page, named("maps")).await;
        let visitor = Visitor::arrives(browser).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        assert!(visitor.reads("main p").await.contains("off until you agree"));
        assert_eq!(frame(&visitor).await, Value::Null);
        visitor.presses_on_page("main button").await;
        until_so("the map to be drawn", async || frame(&visitor).await == "/map.html").await;
        visitor.has_sent_everything(CLINIC).await;
        let choices = visitor.choice().await.unwrap().choices;
        assert_eq!(
            choices.keys().map(|id| id.as_str()).collect::<Vec<_>>(),
            ["maps"],
            "only that was agreed to"
        );
        visitor.runs("assent.withdraw('maps')").await;
        until_so("the map to go", async || frame(&visitor).await.is_null()).await;
        visitor.presses_on_page("main a[data-assent]").await;
        visitor.sees_in_banner("[data-act='save']").await;
    }
}
