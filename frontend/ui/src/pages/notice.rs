//! One published notice at its hash, readable: every language, what it asked, since when, and its exact bytes.
//!
//! The notice shown may be an old one; header and footer always speak for today. Nothing can be answered here.

use super::details::{facts, route_words};
use super::layout::{Here, SiteFrame, site_document};
use super::when;
use assent_core::hash::Hash;
use assent_core::notice::{Asked, Notice, Text};
use assent_core::words::Words;
use leptos::prelude::*;
use std::sync::Arc;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct NoticeProps {
    /// The site as it is today.
    pub frame: SiteFrame,
    /// The notice to show.
    pub shown: Arc<Notice>,
    /// Its hash.
    pub shown_hash: Hash,
    /// When it was published: RFC 3339 in UTC.
    pub published: Option<String>,
    /// When another took its place: RFC 3339 in UTC. The current notice has none.
    pub replaced: Option<String>,
}

/// The whole document.
#[must_use]
pub fn render(props: &NoticeProps) -> String {
    let frame = &props.frame;
    let words = frame.words();
    let current = frame.hash == props.shown_hash;
    let standing = if current {
        view! { <p>{words.notice_current.clone()}</p> }.into_any()
    } else {
        let address = frame.page(&format!("notices/{}", frame.hash));
        view! { <p>{words.notice_old.clone()}" "<a href=address>{words.notice_newer.clone()}</a></p> }
            .into_any()
    };
    let dates = [(&words.published, &props.published), (&words.replaced, &props.replaced)]
        .into_iter()
        .filter_map(|(label, time)| time.as_deref().map(|time| (label, time)))
        .map(|(label, time)| view! { <dt>{label.clone()}</dt><dd>{when::time(time, &words.months)}</dd> })
        .collect_view();
    // The reader's own language first.
    let mut languages: Vec<(&String, &Text)> = props.shown.languages.iter().collect();
    languages.sort_by_key(|(tag, _)| **tag != frame.language);
    let languages = languages.into_iter().map(|(tag, text)| language(&props.shown, tag, text)).collect_view();
    let document = String::from_utf8_lossy(&props.shown.document()).into_owned();
    let main = view! {
        <p class="who">{frame.notice.controller.name.clone()}</p>
        <h1>{words.notice.clone()}</h1>
        <p class="lede">{words.notice_what.clone()}</p>
        {standing}
        <dl class="facts card">
            <dt>{words.fingerprint.clone()}</dt>
            <dd><code class="long">{props.shown_hash.to_hex()}</code></dd>
            {dates}
        </dl>
        {languages}
        <section aria-labelledby="document">
            <h2 id="document">{words.notice_document.clone()}</h2>
            <details>
                <summary>{words.details.clone()}</summary>
                <pre tabindex="0"><code>{document}</code></pre>
            </details>
        </section>
    };
    let path = format!("notices/{}", props.shown_hash);
    site_document(frame, Here::Other(&path), &words.notice, main.into_any())
}

/// The notice in one of its languages, in that language's own words.
fn language(notice: &Notice, tag: &str, text: &Text) -> AnyView {
    let words = text.words.clone().filled(tag);
    let banner = purposes(notice, Asked::Banner, tag, text, &words);
    let alerts = notice.asked_at(Asked::AlertForm).next().is_some().then(|| {
        view! {
            <h3>{text.alerts_title.clone()}</h3>
            <p>{text.alerts_intro.clone()}</p>
            {super::age::asked(&notice.age_bands(Asked::AlertForm), &words)}
            {purposes(notice, Asked::AlertForm, tag, text, &words)}
        }
    });
    let heading = format!("in-{tag}");
    view! {
        <section lang=tag.to_string() aria-labelledby=heading class="wording">
            <h2 id=heading.clone()>{words.language_name.clone()}</h2>
            <h3>{text.title.clone()}</h3>
            <p>{text.intro.clone()}</p>
            <p class="labels">
                <span>{words.accept.clone()}</span>
                <span>{words.decline.clone()}</span>
                <span>{words.choose.clone()}</span>
            </p>
            {super::age::asked(&notice.age_bands(Asked::Banner), &words)}
            {banner}
            {alerts}
        </section>
    }
    .into_any()
}

fn purposes(notice: &Notice, asked: Asked, tag: &str, text: &Text, words: &Words) -> AnyView {
    notice
        .asked_at(asked)
        .filter_map(|purpose| {
            let own = text.purposes.get(&purpose.id)?;
            let channel = purpose
                .channel
                .map(|channel| view! { <p class="route">{super::alerts::channel_words(channel, words).to_string()}</p> });
            let heading = format!("{tag}-{}", purpose.id);
            Some(view! {
                <article class="card" aria-labelledby=heading>
                    <h4 id=heading.clone()>{own.name.clone()}</h4>
                    {channel}
                    <p>{own.description.clone()}</p>
                    <p class="route">{route_words(purpose.route, words)}</p>
                    {facts(notice, purpose, own, words)}
                </article>
            })
        })
        .collect_view()
        .into_any()
}
