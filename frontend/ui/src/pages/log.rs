//! The page about a site's log: what it is, its key, where it stands, and how to check a receipt against it.
//!
//! The machine-readable parts (`log/key`, `log/checkpoint`, `log/tile/…`) are served elsewhere; this links to them.

use super::layout::{Here, SiteFrame, sentence, site_document};
use crate::fill;
use assent_core::hash::Hash;
use leptos::prelude::*;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct LogProps {
    /// The site.
    pub frame: SiteFrame,
    /// The log's origin, as its checkpoints name it.
    pub origin: String,
    /// Its verifier key (C2SP signed-note).
    pub vkey: String,
    /// Its newest checkpoint; none before the first.
    pub head: Option<LogHead>,
}

/// Where a log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Entries.
    pub size: u64,
    /// The tree's RFC 6962 root.
    pub root: Hash,
    /// The signed checkpoint, as served.
    pub checkpoint: String,
}

/// The whole document.
#[must_use]
pub fn render(props: &LogProps) -> String {
    let frame = &props.frame;
    let words = frame.words();
    let state = match &props.head {
        None => {
            view! { <dt>{words.log_size.clone()}</dt><dd>"0 – "{words.log_empty.clone()}</dd> }.into_any()
        }
        Some(head) => view! {
            <dt>{words.log_size.clone()}</dt>
            <dd class="figure">{grouped(head.size)}</dd>
            <dt>{words.log_root.clone()}</dt>
            <dd><code class="long">{head.root.to_base64()}</code></dd>
        }
        .into_any(),
    };
    let checkpoint = props.head.as_ref().map(|head| {
        view! {
            <section aria-labelledby="checkpoint">
                <h2 id="checkpoint">{words.log_checkpoint.clone()}</h2>
                <pre tabindex="0"><code>{head.checkpoint.clone()}</code></pre>
            </section>
        }
    });
    let (key, checkpoint_address) =
        (format!("{}/log/key", frame.api), format!("{}/log/checkpoint", frame.api));
    // With the key: without it a receipt is checked against the key that it brings along, whosever that is.
    let command = format!("assent verify receipt.json --key {}", props.vkey);
    let choices = view! { <a href=frame.page("choices")>{words.your_choices.clone()}</a> };
    let main = view! {
        <p class="who">{frame.notice.controller.name.clone()}</p>
        <h1>{words.log.clone()}</h1>
        <p class="lede">{fill(&words.log_what, &frame.notice.controller.name)}</p>
        <p>{words.log_private.clone()}</p>
        <section aria-labelledby="check">
            <h2 id="check">{words.log_check.clone()}</h2>
            <ol class="next">
                <li>{sentence(&words.log_check_first, choices.into_any())}</li>
                <li>{words.log_check_run.clone()}<pre tabindex="0"><code>{command}</code></pre></li>
                <li>{words.log_check_says.clone()}</li>
            </ol>
            <p class="small">{words.receipt_limits.clone()}</p>
        </section>
        <section aria-labelledby="now">
            <h2 id="now">{words.log_now.clone()}</h2>
            <dl class="facts card">
                {state}
                <dt>{words.log_origin.clone()}</dt>
                <dd><code class="long">{props.origin.clone()}</code></dd>
                <dt>{words.log_key.clone()}</dt>
                <dd><code class="long">{props.vkey.clone()}</code></dd>
            </dl>
        </section>
        {checkpoint}
        <section aria-labelledby="programs">
            <h2 id="programs">{words.for_programs.clone()}</h2>
            <ul class="addresses">
                <li><a href=checkpoint_address.clone()>{checkpoint_address.clone()}</a></li>
                <li><a href=key.clone()>{key.clone()}</a></li>
                <li><code class="long">{format!("{}/log/tile/…", frame.api)}</code></li>
            </ul>
        </section>
    };
    site_document(frame, Here::Log, &words.log, main.into_any())
}

/// A number with thin spaces between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}
