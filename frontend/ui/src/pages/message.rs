//! A page with a heading, a few sentences and where to go next: not found, a site without a notice, and the like.
//!
//! The caller brings the words; for a site they should be the notice's own. Problem codes are explained by
//! [`super::problem`].

use super::layout::{Here, SiteFrame, link, plain_document, site_document};
use leptos::prelude::*;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct MessageProps {
    /// Whose page it is.
    pub around: Around,
    /// The heading.
    pub title: String,
    /// What there is to say, one paragraph each.
    pub paragraphs: Vec<String>,
    /// Where to go next: address (absolute) and text.
    pub links: Vec<(String, String)>,
}

/// Whose page a message is on.
#[derive(Debug, Clone)]
pub enum Around {
    /// A site's, in its language.
    Site(Box<SiteFrame>),
    /// Nobody's: in English.
    Nobody {
        /// Address of the stylesheet.
        stylesheet: String,
    },
}

impl MessageProps {
    /// There is no such page on this site.
    #[must_use]
    pub fn not_found(frame: SiteFrame) -> Self {
        let words = frame.words();
        let mut links = vec![(frame.page("choices"), words.your_choices.clone())];
        if frame.has_alerts() {
            links.push((frame.page("alerts"), frame.alerts_title(&words)));
        }
        links.push((frame.page("log"), words.log));
        Self {
            around: Around::Site(Box::new(frame)),
            title: words.not_found,
            paragraphs: vec![words.not_found_help],
            links,
        }
    }

    /// There is no such site, or nothing is published for it yet. The same page for both: which sites exist is
    /// not a visitor's business.
    #[must_use]
    pub fn no_site(stylesheet: String) -> Self {
        Self {
            around: Around::Nobody { stylesheet },
            title: "Nothing is published here".into(),
            paragraphs: vec![
                "No site with this name asks anything of its visitors yet. Please check the address.".into(),
                "If this is your site: begin its log once with “assent log create site.toml”.".into(),
            ],
            links: Vec::new(),
        }
    }
}

/// The whole document.
#[must_use]
pub fn render(props: &MessageProps) -> String {
    let paragraphs = props.paragraphs.iter().map(|text| view! { <p>{text.clone()}</p> }).collect_view();
    let links = props
        .links
        .iter()
        .map(|(address, text)| view! { <li>{link(address, text.clone())}</li> })
        .collect_view();
    let links = (!props.links.is_empty()).then(|| view! { <ul class="addresses">{links}</ul> });
    let main = view! {
        <h1>{props.title.clone()}</h1>
        {paragraphs}
        {links}
    }
    .into_any();
    match &props.around {
        Around::Site(frame) => site_document(frame, Here::Other("choices"), &props.title, main),
        Around::Nobody { stylesheet } => plain_document(stylesheet, &props.title, main),
    }
}
