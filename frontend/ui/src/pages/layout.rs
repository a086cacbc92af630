//! The document around every page: head, header with the controller's name, languages, footer.
//!
//! Also the small parts that several pages share (links, icons, sentences with a hole). It does not know what any
//! page is about.

use crate::fill;
use assent_core::hash::Hash;
use assent_core::languages::is_right_to_left;
use assent_core::notice::{Asked, Notice, Text};
use assent_core::words::Words;
use leptos::prelude::*;
use std::sync::Arc;

/// What every page of one site shares.
#[derive(Debug, Clone)]
pub struct SiteFrame {
    /// The site's current notice.
    pub notice: Arc<Notice>,
    /// Its hash. Forms carry it, so that an answer names the wording it answers.
    pub hash: Hash,
    /// The language to write in: a key of `notice.languages`, as [`Notice::text`] returns it.
    pub language: String,
    /// Where Assent answers for the site: `{public_url}/v1/{site}`, no slash at the end.
    pub api: String,
    /// Address of [`super::PAGES_CSS`].
    pub stylesheet: String,
    /// Where "back to the site" leads: an address on a declared origin, checked by the caller.
    pub back: Option<String>,
}

/// A page of a site: which one, for the header and the language links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here<'a> {
    Choices,
    Alerts,
    Log,
    /// Any other page, by its path after `{api}/`.
    Other(&'a str),
    /// The answer to a form: it cannot be asked for again, so not in another language either.
    Once,
}

impl Here<'_> {
    fn path(self) -> String {
        match self {
            Self::Choices => "choices".into(),
            Self::Alerts => "alerts".into(),
            Self::Log => "log".into(),
            Self::Other(path) => path.into(),
            Self::Once => String::new(),
        }
    }
}

impl SiteFrame {
    /// The texts in the page's language.
    #[must_use]
    pub fn text(&self) -> &Text {
        self.notice.text([self.language.as_str()]).1
    }

    /// The interface's words in the page's language, none of them empty.
    #[must_use]
    pub fn words(&self) -> Words {
        self.text().words.clone().filled(&self.language)
    }

    /// The address of one of the site's pages, in the page's language.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        format!("{}/{path}?lang={}", self.api, self.language)
    }

    /// The name of a purpose: as the current notice has it, else its id.
    pub(crate) fn name_of(&self, purpose: &str) -> String {
        self.text().purposes.get(purpose).map_or_else(|| purpose.to_string(), |text| text.name.clone())
    }

    /// Whether the site offers alerts.
    pub(crate) fn has_alerts(&self) -> bool {
        self.notice.asked_at(Asked::AlertForm).next().is_some()
    }

    /// The heading of the sign-up form, also the text of links to it.
    pub(crate) fn alerts_title(&self, words: &Words) -> String {
        let title = &self.text().alerts_title;
        if title.is_empty() { words.your_alerts.clone() } else { title.clone() }
    }
}

/// A whole document of one site. `title` is the page's own heading.
pub(crate) fn site_document(frame: &SiteFrame, here: Here<'_>, title: &str, main: AnyView) -> String {
    let words = frame.words();
    let controller = frame.notice.controller.clone();
    let full_title = format!("{title} – {}", controller.name);
    let header = view! {
        <header class="top">
            <div class="top-inner">
                <p class="whose">{controller.name.clone()}</p>
                {languages(frame, here, &words)}
                {site_nav(frame, here, &words)}
            </div>
        </header>
    };
    let body = view! {
        <a class="skip" href="#main">{words.skip.clone()}</a>
        {header}
        <main id="main" tabindex="-1">
            {frame.back.as_deref().map(|back| view! { <p class="back">{link(back, words.back.clone())}</p> })}
            {main}
        </main>
        {site_footer(frame, &words)}
    };
    document(&frame.language, &full_title, &frame.stylesheet, body.into_any())
}

/// A whole document that belongs to no site: English, no controller.
pub(crate) fn plain_document(stylesheet: &str, title: &str, main: AnyView) -> String {
    let body = view! {
        <a class="skip" href="#main">"Skip to the content"</a>
        <header class="top">
            <div class="top-inner">
                <p class="whose">"Assent"</p>
            </div>
        </header>
        <main id="main" tabindex="-1">{main}</main>
        <footer class="bottom">
            <div class="bottom-inner">
                <p>"Assent asks visitors, remembers what they said, lets them take it back, and proves all of it."</p>
            </div>
        </footer>
    };
    document("en", &format!("{title} – Assent"), stylesheet, body.into_any())
}

fn document(language: &str, title: &str, stylesheet: &str, body: AnyView) -> String {
    let page = view! {
        <html lang=language.to_string() dir=if is_right_to_left(language) { "rtl" } else { "ltr" }>
            <head>
                <meta charset="utf-8"/>
                <title>{title.to_string()}</title>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="robots" content="noindex"/>
                <link rel="stylesheet" href=stylesheet.to_string()/>
            </head>
            <body>{body}</body>
        </html>
    };
    // `<!>` separates texts for a hydrating client. No client follows here; in texts and attributes `<` is
    // escaped, so nothing else can look like it.
    format!("<!doctype html>\n{}\n", page.to_html().replace("<!>", ""))
}

fn languages(frame: &SiteFrame, here: Here<'_>, words: &Words) -> Option<AnyView> {
    if frame.notice.languages.len() < 2 || here == Here::Once {
        return None;
    }
    let each = frame.notice.languages.iter().map(|(tag, text)| {
        let name = text.words.language_name.clone();
        let tag = tag.clone();
        if tag == frame.language {
            view! { <li><span lang=tag aria-current="true">{name}</span></li> }.into_any()
        } else {
            let address = format!("{}/{}?lang={tag}", frame.api, here.path());
            view! { <li><a lang=tag.clone() hreflang=tag href=address>{name}</a></li> }.into_any()
        }
    });
    let each = each.collect_view();
    Some(view! { <nav class="languages" aria-label=words.languages.clone()><ul>{each}</ul></nav> }.into_any())
}

fn site_nav(frame: &SiteFrame, here: Here<'_>, words: &Words) -> AnyView {
    let alerts = frame.has_alerts().then(|| (Here::Alerts, frame.alerts_title(words)));
    let pages = [(Here::Choices, words.your_choices.clone())]
        .into_iter()
        .chain(alerts)
        .chain([(Here::Log, words.log.clone())]);
    let each = pages
        .map(|(page, name)| {
            let current = (page == here).then_some("page");
            view! { <li><a href=frame.page(&page.path()) aria-current=current>{name}</a></li> }
        })
        .collect_view();
    view! { <nav class="pages" aria-label=words.pages.clone()><ul>{each}</ul></nav> }.into_any()
}

fn site_footer(frame: &SiteFrame, words: &Words) -> AnyView {
    let controller = &frame.notice.controller;
    let mail = view! { <a href=format!("mailto:{}", controller.email)>{controller.email.clone()}</a> };
    let regulator = link(&controller.regulator.url, controller.regulator.name.clone());
    let privacy = link(&controller.privacy_url, fill(&words.privacy_of, &controller.name));
    let phone = controller.phone.as_deref().map(|number| {
        let dial: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let number = view! { <a href=format!("tel:{dial}")>{number.to_string()}</a> };
        view! { <li>{sentence(&words.telephone, number.into_any())}</li> }
    });
    view! {
        <footer class="bottom">
            <div class="bottom-inner">
                <p class="whose">{controller.name.clone()}</p>
                <p>{controller.address.clone()}</p>
                <ul>
                    <li>{sentence(&words.contact, mail.into_any())}</li>
                    {phone}
                    <li>{sentence(&words.complain, regulator)}</li>
                    <li>{privacy}</li>
                    <li><a href=frame.page("log")>{words.proven.clone()}</a></li>
                    <li><a href=frame.page("schedule")>{words.schedule.clone()}</a></li>
                </ul>
            </div>
        </footer>
    }
    .into_any()
}

/// A link to a web address or to a path of our own, or only its text where the address is of another kind (`javascript:`
/// and the like).
pub(crate) fn link(address: &str, text: String) -> AnyView {
    // Browsers read `//` and `/\` as the beginning of another host.
    let own = address.strip_prefix('/').is_some_and(|path| !path.starts_with(['/', '\\']));
    if own {
        view! { <a href=address.to_string()>{text}</a> }.into_any()
    } else if address.starts_with("https://") || address.starts_with("http://") {
        // Who reads whose privacy statement is nobody's business.
        view! { <a href=address.to_string() rel="noreferrer">{text}</a> }.into_any()
    } else {
        view! { <span>{text}</span> }.into_any()
    }
}

/// A sentence with `{}` replaced by a part of the page.
pub(crate) fn sentence(sentence: &str, part: AnyView) -> AnyView {
    let (before, after) = sentence.split_once("{}").unwrap_or((sentence, ""));
    (before.to_string(), part, after.to_string()).into_any()
}

/// A small drawing that says again what the words beside it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    On,
    Off,
    Always,
    Waiting,
    Alert,
}

/// The icon's drawing, hidden from those who listen.
pub(crate) fn icon(icon: Icon) -> AnyView {
    let path = match icon {
        Icon::On => {
            "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm5 7.7-5.9 6.2a1 1 0 0 1-1.4 0L7 13.2l1.4-1.4 2 2 5.2-5.5Z"
        }
        Icon::Off => {
            "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm0 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16Zm-4.5 7v2h9v-2Z"
        }
        Icon::Always => {
            "M12 1.8 4 5v6.2c0 5 3.4 9.5 8 11 4.600-1.500 8-6 8-11V5Zm-1 14.400-3.400-3.400L9 11.400l2 2 4.300-4.300 1.400 1.400Z"
        }
        Icon::Waiting => {
            "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm0 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16Zm-1 3v5.400l4 3.200 1.200-1.600L13 11.500V7Z"
        }
        Icon::Alert => "M12 2 1 21h22Zm-1 7h2v6h-2Zm0 7.500h2v2h-2Z",
    };
    view! {
        <svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
            <path fill="currentColor" fill-rule="evenodd" d=path></path>
        </svg>
    }
    .into_any()
}
