//! The WordPress plugin of `examples/`, in Debian's own WordPress: activated and set by an administrator's presses, it puts the tag first in
//! the head of every page and the way back in every footer, and refuses what is no address of a site.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, WordPress, until_so};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_asks_on_every_page() {
    let stack = Stack::starts().await;
    let Some(blog) = WordPress::starts(CLINIC).await else { return };
    let site = stack.site(CLINIC);
    // The blog is one of the site's pages.
    let origin = format!("origins = [\"{}\", ", blog.origin);
    Pages::of(&stack, CLINIC, "", |file| file.replacen("origins = [", &origin, 1)).await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    let page = async |path: &str| visitor.opens(&format!("{}{path}", blog.origin)).await;

    page("/wp-login.php").await;
    visitor.runs(&format!("user_login.value = 'staff'; user_pass.value = {:?}", blog.password)).await;
    visitor.presses_on_page("#wp-submit").await;
    until_so("the dashboard", async || visitor.address().await.contains("/wp-admin/")).await;
    page("/wp-admin/plugins.php").await;
    visitor.presses_on_page("#activate-assent").await;
    until_so("the plugin to be active", async || visitor.counts("#deactivate-assent").await == 1).await;
    page("/").await;
    assert_eq!(
        visitor.counts("script[src*='/embed.js'], [data-assent]").await,
        0,
        "nothing before an address is set"
    );

    let sets = async |address: &str| {
        page("/wp-admin/options-general.php?page=assent").await;
        visitor.runs(&format!("assent_site.type = 'text'; assent_site.value = {}", json!(address))).await;
        visitor.presses_on_page("#submit").await;
        until_so("an answer", async || visitor.counts(".settings-error").await == 1).await;
        visitor.runs("return assent_site.value").await
    };
    assert_eq!(sets(&format!("{}/", site.api)).await, site.api);
    for bad in [
        "javascript:alert(1)",
        "http://privacy.example.org/v1/example",
        "https://privacy.example.org/",
        "\"><script>",
    ] {
        assert_eq!(sets(bad).await, site.api, "{bad} is refused, and the old one stays");
    }

    // Somebody else's browser.
    let visitor = Visitor::arrives(Browser::Chromium).await;
    visitor.visits(&format!("{}/", blog.origin)).await;
    visitor.is_asked().await;
    let first = "const [first] = document.scripts; return [first.getAttribute('src'), first.async]";
    assert_eq!(visitor.runs(first).await, json!([format!("{}/embed.js?lang=en-GB", site.api), true]));
    let gate = "const tag = document.querySelector('#held-js'); return [tag?.type, tag?.dataset.purpose, !!window.held]";
    assert_eq!(visitor.runs(gate).await, json!(["text/plain", "analytics", false]));
    visitor.photographs("wordpress").await;
    visitor.presses("accept-all").await;
    until_so("what another plugin enqueued to run", async || {
        visitor.runs("return window.held === true").await == true
    })
    .await;
    visitor.has_sent_everything(CLINIC).await;
    visitor.visits(&format!("{}/?p=1", blog.origin)).await;
    assert!(!visitor.is_being_asked().await, "the blog's other pages know");
    visitor.presses_on_page("p.assent-choices a[data-assent]").await;
    visitor.sees_in_banner("[data-act='save']").await;
    let way_back = "return document.querySelector('p.assent-choices a').getAttribute('href')";
    assert_eq!(visitor.runs(way_back).await, format!("{}/choices?lang=en-GB", site.api));
}
