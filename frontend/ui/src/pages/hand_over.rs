//! The page on which a choice made on another site of the controller is taken over, and the part of the choices page that leads there.
//!
//! It shows what was said, and has one button. It does not decide what is taken over; `server` does.

use super::layout::{Here, Icon, SiteFrame, icon, site_document};
use crate::fill;
use assent_core::decision::Choice;
use assent_core::ids::PurposeId;
use assent_core::words::Words;
use leptos::prelude::*;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct HandOverProps {
    /// The site that it is taken over to.
    pub frame: SiteFrame,
    /// What it is about.
    pub about: About,
}

/// What the page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Take these over.
    Asks {
        /// Where they were said, as people know it.
        from: String,
        /// What was said.
        choices: Vec<(PurposeId, Choice)>,
        /// The form's `ticket`.
        ticket: String,
        /// Whether it was pressed and could not be recorded.
        failed: bool,
    },
    /// The ticket is too old, or none of ours. Nothing is recorded.
    Over,
    /// The ticket was used before. Nothing is recorded.
    Used,
}

/// Another site that the choices page offers to take choices on to.
#[derive(Debug, Clone)]
pub struct Onward {
    /// The site, as people know it.
    pub name: String,
    /// Its page, with scheme and host.
    pub address: String,
    /// What would be taken over.
    pub choices: Vec<(PurposeId, Choice)>,
    /// The form's `ticket`.
    pub ticket: String,
}

/// The whole document.
#[must_use]
pub fn render(props: &HandOverProps) -> String {
    let HandOverProps { frame, about } = props;
    let words = frame.words();
    let (title, main) = match about {
        About::Asks { from, choices, ticket, failed } => {
            let title = fill(&words.hand_over_from, from);
            let main = view! {
                {failed.then(|| bad(&words.not_changed, &words.try_again))}
                <h1>{title.clone()}</h1>
                <p>{fill(&words.hand_over_ask, from)}</p>
                {said(frame, choices, &words)}
                {form(&format!("{}/hand-over/take", frame.api), ticket, &words.hand_over_press)}
                <ul class="ways"><li><a href=frame.page("choices")>{words.your_choices.clone()}</a></li></ul>
            };
            (title, main.into_any())
        }
        About::Over => (words.not_changed.clone(), refused(frame, &words.hand_over_over, &words)),
        About::Used => (words.not_changed.clone(), refused(frame, &words.hand_over_used, &words)),
    };
    site_document(frame, Here::Once, &title, main)
}

/// The part of the choices page.
pub(super) fn onward(frame: &SiteFrame, others: &[Onward], words: &Words) -> Option<AnyView> {
    if others.is_empty() {
        return None;
    }
    let each = others.iter().map(|other| {
        view! {
            <article class="card">
                {said(frame, &other.choices, words)}
                {form(&other.address, &other.ticket, &fill(&words.hand_over_go, &other.name))}
            </article>
        }
    });
    let view = view! {
        <section aria-labelledby="hand-over">
            <h2 id="hand-over">{words.hand_over_title.clone()}</h2>
            <p>{words.hand_over_what.clone()}</p>
            {each.collect_view()}
        </section>
    };
    Some(view.into_any())
}

fn said(frame: &SiteFrame, choices: &[(PurposeId, Choice)], words: &Words) -> AnyView {
    let each = choices.iter().map(|(id, choice)| {
        let word = match choice {
            Choice::Yes => &words.on,
            Choice::No => &words.off,
        };
        view! { <li><strong>{frame.name_of(id.as_str())}</strong>": "{word.clone()}</li> }
    });
    view! { <ul class="said">{each.collect_view()}</ul> }.into_any()
}

fn form(address: &str, ticket: &str, label: &str) -> AnyView {
    view! {
        <form method="post" action=address.to_string()>
            <input type="hidden" name="ticket" value=ticket.to_string()/>
            <button type="submit" class="press">{label.to_string()}</button>
        </form>
    }
    .into_any()
}

fn refused(frame: &SiteFrame, why: &str, words: &Words) -> AnyView {
    view! {
        <h1>{words.not_changed.clone()}</h1>
        <p>{why.to_string()}</p>
        <ul class="ways"><li><a href=frame.page("choices")>{words.your_choices.clone()}</a></li></ul>
    }
    .into_any()
}

fn bad(title: &str, why: &str) -> AnyView {
    view! {
        <div class="region bad" role="alert" tabindex="-1" autofocus=true>
            {icon(Icon::Alert)}
            <div><p class="strong">{title.to_string()}</p><p>{why.to_string()}</p></div>
        </div>
    }
    .into_any()
}
