//! What people see: the layers of the banner and the HTML pages, as Leptos components and markup.
//!
//! The banner's first layer is rendered to text on the server (feature `ssr`) and taken over in the browser (feature
//! `hydrate`, see `frontend/widget`); the layers behind it are only drawn in the browser, as text (`html.rs`). All draw
//! what they are given; they decide nothing, keep nothing and send nothing. Every word on screen comes from the notice.

pub mod app;
pub mod data;
pub mod first_layer;
#[cfg(feature = "ssr")]
pub mod pages;

mod confirmation;
mod html;
mod parts;
mod preferences;
mod purpose_details;
mod receipt_view;

#[cfg(test)]
#[cfg(feature = "ssr")]
mod banner_tests;

pub use app::{Choices, Press, Progress, ReceiptFacts, State, View, layer_html};
pub use confirmation::progress;
pub use data::{BannerData, BannerPurpose, BannerWords, Stored};
pub use first_layer::FirstLayer;
#[cfg(feature = "ssr")]
pub use first_layer::first_layer_html;

/// The stylesheet of the banner's shadow root, without comments and needless space, as the embed carries it: what the first
/// layer needs, in this layout and theme.
#[cfg(feature = "ssr")]
#[must_use]
pub fn banner_css(look: assent_core::notice::Look) -> String {
    use assent_core::notice::{Layout, Theme};
    let layout = match look.layout {
        Layout::Bar => "",
        Layout::Inline => include_str!("layout-inline.css"),
        Layout::Dialog => include_str!("layout-dialog.css"),
    };
    let theme = match look.theme {
        Theme::Plain => "",
        Theme::Government => include_str!("theme-government.css"),
        Theme::Health => include_str!("theme-health.css"),
    };
    [include_str!("banner.css"), theme, layout].map(short).concat()
}

/// The stylesheet of the layers behind the first, which the widget brings along.
#[cfg(feature = "ssr")]
#[must_use]
pub fn layers_css() -> String {
    short(include_str!("layers.css"))
}

/// A stylesheet without comments and needless space.
#[cfg(feature = "ssr")]
fn short(long: &str) -> String {
    let mut short = String::with_capacity(long.len());
    let mut rest = long;
    while let Some(start) = rest.find("/*") {
        short.push_str(&rest[..start]);
        rest = rest[start..].split_once("*/").map_or("", |(_, after)| after);
    }
    short.push_str(rest);
    let mut css = String::with_capacity(short.len());
    for line in short.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if css.ends_with(|c: char| !matches!(c, '{' | '}' | ';' | ',' | ':')) {
            css.push(' ');
        }
        css.push_str(line);
    }
    for (long, short) in
        [(": ", ":"), (", ", ","), (" {", "{"), (" > ", ">"), (";}", "}"), (" ~ ", "~"), (" !", "!")]
    {
        css = css.replace(long, short);
    }
    css
}

/// Puts `value` where a sentence of the notice says `{}`.
#[must_use]
pub fn fill(sentence: &str, value: &str) -> String {
    let Some(at) = sentence.as_bytes().windows(2).position(|pair| pair == b"{}") else {
        return sentence.to_owned();
    };
    [&sentence[..at], value, &sentence[at + 2..]].concat()
}
