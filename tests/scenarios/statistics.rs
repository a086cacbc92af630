//! The statistics route as people meet it: told on the first layer, on from then on, off by one press, and what it stored is gone.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Decision;
use serde_json::{Value, json};

const PAGE: &str = "<head><script src='%TAG%'></script>
    <script type=text/plain data-purpose=analytics src=/counted.js></script></head><body><h1>A page</h1>";

/// Counting on the statistics route, with its conditions declared.
pub(crate) fn counts(file: String) -> String {
    let conditions = "route = \"statistics\"\nstatistics = { own_service = \"Ours.\", only_statistics = \"Counts.\", \
        not_shared = \"A processor.\", information = \"The banner.\", objection = \"A switch.\" }\n";
    let old = "id = \"analytics\"\nroute = \"consent\"\n";
    let pixel = "    { name = \"pixel.gif\", kind = \"pixel\", days = 0, read_by = \"wayfinder\" },\n";
    file.replacen(old, &format!("id = \"analytics\"\n{conditions}"), 1).replacen(pixel, "", 1)
}

in_every_browser!(statistics_are_told_and_one_press_ends_them);

async fn statistics_are_told_and_one_press_ends_them(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, counts).await;
    let (notice, _) = stack.api(CLINIC).notice().await;
    let visitor = Visitor::arrives(browser).await;
    let ran = async || visitor.runs("return window.ran ?? []").await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let words = &notice.languages["en"].words;
    let told = visitor.banner_text().await;
    assert!(told.contains("Website statistics") && told.contains(&words.route_statistics), "{told}");
    until_so("counting to begin", async || ran().await == json!(["/counted.js"])).await;
    assert_eq!(visitor.choice().await, None, "told, not asked");
    visitor.runs("document.cookie = '_sp_id.1=x;path=/'").await;

    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    let on = visitor
        .in_banner_script("['analytics', 'surveys'].map(id => root.querySelector('#p-' + id).checked)")
        .await;
    assert_eq!(on, json!([true, false]), "the one is on, what needs a yes is off");
    visitor.presses("close").await;
    visitor.is_asked().await;

    visitor.presses("reject-all").await;
    assert_eq!(visitor.runs("return document.cookie.includes('_sp_id')").await, false, "at once");
    visitor.has_sent_everything(CLINIC).await;
    let [record] = &stack.api(CLINIC).history(&visitor.holder().await).await[..] else {
        panic!("one record")
    };
    assert_eq!(record.decisions["analytics"], Decision::Objected);
    assert_eq!(record.decisions["surveys"], Decision::Refused);
    visitor.visits(&pages.origin).await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!(
        (ran().await, visitor.runs("return assent.state().allowed.analytics").await),
        (json!([]), Value::Bool(false))
    );
}
