//! The retention schedule: how long which records are kept, from when that counts, and how they go.
//!
//! The rows come from the rules that the nightly purge goes by; this file only puts them into words.

use super::layout::{Here, SiteFrame, sentence, site_document};
use crate::fill;
use assent_core::retention::RetentionClass;
use assent_core::words::Words;
use leptos::prelude::*;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct ScheduleProps {
    /// The site.
    pub frame: SiteFrame,
    /// Each class of records, with the days that they are kept.
    pub rows: Vec<(RetentionClass, u64)>,
}

/// One row in words: which records, for how long, counted from when.
#[must_use]
pub fn row(words: &Words, class: RetentionClass, days: u64) -> [String; 3] {
    let (records, from) = match class {
        RetentionClass::Anonymous => (&words.schedule_anonymous, &words.schedule_anonymous_from),
        RetentionClass::Linked => (&words.schedule_linked, &words.schedule_linked_from),
    };
    let kept = if days == 1 { words.day.clone() } else { fill(&words.days, &days.to_string()) };
    [records.clone(), kept, from.clone()]
}

/// The columns of the table, in the order of [`row`].
#[must_use]
pub fn head(words: &Words) -> [String; 3] {
    [words.schedule_records.clone(), words.schedule_kept.clone(), words.schedule_from.clone()]
}

/// The whole document.
#[must_use]
pub fn render(props: &ScheduleProps) -> String {
    let frame = &props.frame;
    let words = frame.words();
    let controller = &frame.notice.controller;
    let heads = head(&words).map(|name| view! { <th scope="col">{name}</th> }).collect_view();
    let rows = props.rows.iter().map(|(class, days)| {
        let [records, kept, from] = row(&words, *class, *days);
        view! { <tr><th scope="row">{records}</th><td>{kept}</td><td>{from}</td></tr> }
    });
    let rows = rows.collect_view();
    let mail = view! { <a href=format!("mailto:{}", controller.email)>{controller.email.clone()}</a> };
    let main = view! {
        <p class="who">{controller.name.clone()}</p>
        <h1>{words.schedule.clone()}</h1>
        <p class="lede">{fill(&words.schedule_what, &controller.name)}</p>
        <div class="scroll" role="region" aria-label=words.schedule.clone() tabindex="0">
            <table>
                <thead><tr>{heads}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <p>{words.schedule_ends.clone()}</p>
        <p>{sentence(&words.schedule_sooner, mail.into_any())}</p>
        <p class="small"><a href=frame.page("schedule.csv")>{words.schedule_table.clone()}</a></p>
    };
    site_document(frame, Here::Other("schedule"), &words.schedule, main.into_any())
}
