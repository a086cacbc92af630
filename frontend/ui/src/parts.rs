//! Small pieces that the layers share, so that a thing looks and works the same wherever it stands.
//!
//! What each button does is told by its `data-act` alone: one listener hears them all (`frontend/widget`).

use crate::html::Html;

/// A button that says `word` and is called `act`.
pub(crate) fn button(html: &mut Html, class: &str, act: &str, word: &str) {
    html.put("<button type=\"button\" data-act=\"{}\" class=\"{}\">{}</button>", &[act, class, word]);
}

/// An entry of a list: something short in bold, then a word about it.
pub(crate) fn entry(html: &mut Html, class: &str, name: &str, word: &str) {
    html.put("<li class=\"{}\"><b>{}</b> {}</li>", &[class, name, word]);
}
