//! The banner's markup as a whole: what the embed carries, that refusing looks like accepting, and that no page's rules
//! against inline code can be broken by it.

use crate::app::{Check, ReceiptFacts};
use crate::{
    BannerData, Progress, State, View, banner_css, first_layer_html, layer_html, layers_css, progress,
};
use assent_core::decision::{Act, Choice};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::wire::LayerData;
use assent_core::words::Words;

fn data() -> LayerData {
    let said = |name: &str| serde_json::json!({ "name": name, "description": "Why.", "data": ["Pages"], "retention": "A year." });
    serde_json::from_value(serde_json::json!({
        "site": "clinic",
        "notice": Hash([5; 32]),
        "language": "en",
        "log_key": "",
        "controller": "Example <Health>",
        "privacy_url": "https://www.example.org/privacy",
        "purposes": [
            { "id": "choices", "route": "necessary", "asked": "banner" },
            { "id": "analytics", "route": "consent", "asked": "banner", "recipients": ["counter"],
              "storage": [
                { "name": "_c*", "kind": "cookie", "days": 30, "read_by": "counter" },
                { "name": "_visit", "kind": "cookie", "days": 1, "read_by": "counter" },
                { "name": "dot.gif", "kind": "pixel", "days": 0, "read_by": "counter" },
              ] },
            { "id": "search", "route": "statistics", "asked": "banner" },
        ],
        "css": "",
        "recipients": { "counter": ["Counter Ltd", "https://counter.example/"] },
        "text": {
            "title": "Your choices",
            "intro": "We would like to count visits.",
            "purposes": { "choices": said("Choices"), "analytics": said("Visits"), "search": said("Search") },
            "words": Words::built_in("en"),
        },
    }))
    .unwrap()
}

fn state(view: View) -> State {
    let choice = |id, choice| (PurposeId::new(id).unwrap(), choice);
    State {
        view,
        choices: vec![choice("analytics", Choice::No), choice("search", Choice::Yes)],
        act: Act::Save,
        progress: Progress::Recorded,
        receipt: Some(ReceiptFacts {
            text: "{}".into(),
            id: "0190".into(),
            time: "2026-07-01T10:00:00.000Z".into(),
            record: Check::Passed,
            signature: Check::Passed,
            wording: Check::Failed,
        }),
        has_receipt: true,
    }
}

fn html(view: View) -> String {
    let data = data();
    match view {
        View::FirstLayer => first_layer_html(&data),
        _ => layer_html(&BannerData::from(&data), &state(view)),
    }
}

/// One element a line, so that a change can be read.
fn lines(html: &str) -> String {
    html.replace("><", ">\n<")
}

/// The opening tag of the button with this act.
fn button<'a>(html: &'a str, act: &str) -> &'a str {
    let at = html.find(&format!("data-act=\"{act}\"")).unwrap();
    let start = html[..at].rfind('<').unwrap();
    &html[start..=at + html[at..].find('>').unwrap()]
}

#[test]
fn the_layers_are_as_they_were() {
    insta::assert_snapshot!("first-layer", lines(&first_layer_html(&data())));
    insta::assert_snapshot!("preferences", lines(&html(View::Preferences)));
    insta::assert_snapshot!("confirmation", lines(&html(View::Confirmation)));
    insta::assert_snapshot!("receipt", lines(&html(View::Receipt)));
    assert_eq!(html(View::Nothing), "");
}

#[test]
fn refusing_is_the_same_element_as_accepting() {
    for html in [html(View::FirstLayer), html(View::Preferences)] {
        let accept = button(&html, "accept-all");
        let decline = button(&html, "reject-all");
        assert_eq!(accept.replace("accept-all", ""), decline.replace("reject-all", ""));
        assert!(html.find(accept).unwrap() < html.find(decline).unwrap(), "one order on every layer");
    }
    // The stylesheet cannot tell them apart.
    for css in every_css() {
        assert!(!css.contains("data-act") && !css.contains("nth-") && !css.contains("first-of"));
    }
}

#[test]
fn the_progress_line_is_filled_with_what_a_new_one_holds() {
    let (name, inside) = progress(&BannerData::from(&data()), &state(View::Confirmation));
    let line = format!("<p class=\"progress\" role=\"status\" data-state=\"{name}\">{inside}</p>");
    assert!(html(View::Confirmation).contains(&line), "{line}");
}

#[test]
fn what_is_a_choice_is_as_the_rules_say() {
    let data = data();
    for (ours, theirs) in BannerData::from(&data).purposes.iter().zip(&data.purposes) {
        assert_eq!(ours.is_choice(), theirs.is_choice());
    }
}

#[test]
fn consent_is_off_and_statistics_told_on_the_first_layer() {
    let first = first_layer_html(&data());
    assert!(first.contains("Search") && first.contains("On unless you object"));
    let preferences = html(View::Preferences);
    let analytics = preferences.find("id=\"p-analytics\"").unwrap();
    let end = preferences[analytics..].find('>').unwrap();
    assert!(!preferences[analytics..analytics + end].contains("checked"));
    assert!(!preferences.contains("id=\"p-choices\""), "what is only told has no switch");
}

#[test]
fn what_was_heard_of_the_browser_stands_on_both_layers() {
    let mut data = data();
    data.heard = "Your browser says no to <Ads>.".into();
    let layers = [first_layer_html(&data), layer_html(&BannerData::from(&data), &state(View::Preferences))];
    for html in layers {
        assert!(html.contains("<p class=\"heard\">Your browser says no to &lt;Ads&gt;.</p>"), "{html}");
    }
    // Until the loader says so, nobody sees it.
    assert!(
        banner_css(Default::default())
            .contains(".heard{display:none}:host([data-heard]) .heard{display:block}")
    );
}

#[test]
fn nothing_inline_and_everything_escaped() {
    for view in [View::FirstLayer, View::Preferences, View::Confirmation, View::Receipt] {
        let html = html(view);
        assert!(!html.contains("style=") && !html.contains("<script") && !html.contains("onclick"), "{html}");
        assert!(!html.contains("<Health>"));
    }
}

/// The embed's stylesheet in every look, and the later layers'.
fn every_css() -> Vec<String> {
    use assent_core::notice::{Layout, Look, Theme};
    let layouts = [Layout::Bar, Layout::Inline, Layout::Dialog];
    let themes = [Theme::Plain, Theme::Government, Theme::Health];
    let looks = layouts.into_iter().flat_map(|layout| themes.map(|theme| Look { layout, theme }));
    looks.map(banner_css).chain([layers_css()]).collect()
}

#[test]
fn the_short_stylesheets_say_the_same() {
    for css in every_css() {
        assert!(!css.contains("/*") && !css.contains('\n'));
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }
    // A descendant is not the element itself, and `and` needs its spaces.
    assert!(layers_css().contains(".sheet .list"));
    assert!(banner_css(Default::default()).contains("100dvh - 32px"));
}
