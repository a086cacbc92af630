//! The page behind a problem code: what it means and what to do, for the programmer who met it.
//!
//! English only. The texts belong to the list of codes in `server`; this only sets them.

use super::layout::{link, plain_document};
use leptos::prelude::*;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct ProblemProps {
    /// Address of the stylesheet.
    pub stylesheet: String,
    /// The stable code, as `notice-unknown`.
    pub code: String,
    /// The HTTP status it comes with.
    pub status: u16,
    /// The problem's title, as in its document.
    pub title: String,
    /// What it means, one paragraph each.
    pub meaning: Vec<String>,
    /// What to do, one step each.
    pub to_do: Vec<String>,
    /// Address of the API reference.
    pub reference: String,
}

/// The whole document.
#[must_use]
pub fn render(props: &ProblemProps) -> String {
    let meaning = props.meaning.iter().map(|text| view! { <p>{text.clone()}</p> }).collect_view();
    let steps = props.to_do.iter().map(|text| view! { <li>{text.clone()}</li> }).collect_view();
    let steps = (!props.to_do.is_empty()).then(|| {
        view! {
            <h2>"What to do"</h2>
            <ul>{steps}</ul>
        }
    });
    let main = view! {
        <p class="who">"Problem "<code>{props.code.clone()}</code>" · status "{props.status}</p>
        <h1>{props.title.clone()}</h1>
        <h2>"What it means"</h2>
        {meaning}
        {steps}
        <p>{link(&props.reference, "API reference".into())}</p>
    };
    plain_document(&props.stylesheet, &props.title, main.into_any())
}
