//! The HTML pages that Assent itself serves: props in, one whole HTML document out.
//!
//! Every page works without script and under a strict content security policy: no inline style, no inline
//! script, one stylesheet ([`PAGES_CSS`]) at an address the caller gives. Not here: routing, cookies, status codes
//! and what a form post does (all in `server`), and the banner inside a visitor's page (the rest of this package).
//!
//! The sign-up form also stands in sites' own pages: its middle is carried there by `frontend/loader/src/alerts.js`.
//!
//! What a visitor reads comes from the notice's own words. Only the pages for programmers ([`mod@reference`],
//! [`problem`]) are in English alone.

pub mod layout;

pub mod alerts;
pub mod choices;
pub mod hand_over;
pub mod link;
pub mod log;
pub mod message;
pub mod notice;
pub mod problem;
pub mod reference;
pub mod schedule;
pub mod your_alerts;

mod age;
mod details;
pub mod when;

#[cfg(test)]
mod tests;

/// The stylesheet of every page; serve it as `text/css` at the address handed to the pages.
pub const PAGES_CSS: &str = include_str!("pages/pages.css");

/// The same for the middle of a page in a shadow root of a site's own page: an element with the class `middle`.
#[must_use]
pub fn part_css() -> String {
    // There `rem` is the size of the site's page, whatever that is.
    let mut css = String::new();
    let mut rest = PAGES_CSS;
    while let Some((before, after)) = rest.split_once("rem") {
        let number = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let line = before.rsplit('\n').next().unwrap_or_default();
        if number.len() < before.len() && !line.starts_with("@media") {
            css += number;
            css += &format!("calc({} * var(--assent-rem, 1rem))", &before[number.len()..]);
        } else {
            css += before;
            css += "rem";
        }
        rest = after;
    }
    (css + rest).replace(":root", ":host") + include_str!("pages/part.css")
}
