//! The confirmation: what was chosen, and how its record fares.
//!
//! It says "recorded and checked" only when the receipt came and passed every check (`frontend/widget` decides that).

use crate::html::Html;
use crate::parts::{button, entry};
use crate::{BannerData, Progress, State};
use assent_core::decision::Act;

/// What was chosen.
pub(crate) fn confirmation(data: &BannerData, now: &State) -> String {
    let words = &data.words;
    let heading = match now.act {
        Act::AcceptAll => words.accepted(),
        Act::RejectAll => words.declined(),
        _ => words.saved(),
    };
    let mut html = Html::default();
    html.put(
        "<section class=\"bar\" aria-labelledby=\"title\" lang=\"{}\"><div class=\"say\">\
            <div role=\"alert\"><h2 id=\"title\" tabindex=\"-1\">{}</h2></div><ul class=\"told\">",
        &[&data.language, heading],
    );
    for purpose in &data.purposes {
        if purpose.is_choice() {
            let (class, word) =
                if now.is_on(&purpose.id) { ("yes", words.on()) } else { ("no", words.off()) };
            entry(&mut html, class, &purpose.text.name, word);
        }
    }
    let (state, said) = progress_words(data, now);
    html.put("</ul><p class=\"progress\" role=\"status\" data-state=\"{}\">", &[state]);
    progress_line(&mut html, data, now, said);
    html.put("</p><p>{}</p></div><div class=\"acts\">", &[words.change_any_time()]);
    button(&mut html, "act", "close", words.hide());
    html.put("</div></section>", &[]);
    html.finish()
}

/// How the record fares: the name of the state, and what stands inside the line. The line is filled again in its place,
/// not drawn anew, so that a screen reader reads out what it says now.
#[must_use]
pub fn progress(data: &BannerData, now: &State) -> (&'static str, String) {
    let (state, said) = progress_words(data, now);
    let mut html = Html::default();
    progress_line(&mut html, data, now, said);
    (state, html.finish())
}

fn progress_words<'a>(data: &'a BannerData, now: &State) -> (&'static str, &'a str) {
    let words = &data.words;
    match now.progress {
        Progress::Recording => ("recording", words.recording()),
        Progress::Waiting => ("waiting", words.record_waiting()),
        Progress::Recorded => ("recorded", words.recorded()),
        Progress::Doubtful => ("doubtful", words.record_doubtful()),
    }
}

fn progress_line(html: &mut Html, data: &BannerData, now: &State, said: &str) {
    html.put("{} ", &[said]);
    if now.receipt.is_some() {
        button(html, "link", "receipt", data.words.receipt());
    }
}
