//! The statistics route: counting is told of, begins once it was, and ends with one press, which removes what it stored. What the law
//! wants to be true of it is checked when the notice is published, and not here.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::{Act, Decision};
use serde_json::json;

const PAGE: &str = "<head><script src='%TAG%'></script>
    <script type=text/plain data-purpose=analytics src=/counted.js></script></head><body><h1>A page</h1><p>Text.";

/// The clinic counts on the statistics route.
pub(crate) fn counts_unasked(file: String) -> String {
    let conditions = "route = \"statistics\"\nstatistics = { own_service = \"Ours.\", only_statistics = \"Counts.\", \
        not_shared = \"A processor.\", information = \"The banner.\", objection = \"A switch.\" }\n";
    let consent = "id = \"analytics\"\nroute = \"consent\"\n";
    assert!(file.contains(consent), "the example asks for it");
    let file = file.replacen(consent, &format!("id = \"analytics\"\n{conditions}"), 1);
    file.replacen(
        "    { name = \"pixel.gif\", kind = \"pixel\", days = 0, read_by = \"wayfinder\" },\n",
        "",
        1,
    )
}

in_every_browser!(counting_is_told_of_and_one_press_ends_it);

async fn counting_is_told_of_and_one_press_ends_it(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, counts_unasked).await;
    let visitor = Visitor::arrives(browser).await;
    let ran = async || visitor.runs("return window.ran ?? []").await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    until_so("counting to begin", async || ran().await == json!(["/counted.js"])).await;
    assert_eq!(visitor.choice().await, None, "nobody said anything");
    visitor.runs("document.cookie = '_sp_id.1=x;path=/'").await;

    // It is on, and the person is told so, with a switch.
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    let switches = "[...root.querySelectorAll('input')].map(one => [one.id, one.checked])";
    let on = visitor.in_banner_script(switches).await;
    let on: Vec<_> = on.as_array().unwrap().iter().filter(|one| one[1] == true).map(|one| &one[0]).collect();
    assert_eq!(on, ["p-analytics"], "nothing else is on");
    visitor.presses("close").await;
    visitor.is_asked().await;

    visitor.presses("reject-all").await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(visitor.other_cookies().await, Vec::<String>::new(), "what it stored is gone");
    let [record] = &stack.api(CLINIC).history(&visitor.holder().await).await[..] else {
        panic!("one record")
    };
    assert_eq!((record.act, record.decisions["analytics"]), (Act::RejectAll, Decision::Objected));
    assert_eq!(record.decisions["surveys"], Decision::Refused);
    visitor.visits(&pages.origin).await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!(ran().await, json!([]), "it does not begin again");
    assert_eq!(visitor.runs("return assent.state().allowed.analytics").await, false);
}
