//! What stands under one purpose: data, recipients, storage and retention, from the notice.
//!
//! Written from the whole notice, so it can say what a recipient is and where; the widget's own part is written
//! from the embed, which carries less.

use super::layout::link;
use crate::fill;
use assent_core::notice::{Notice, Purpose, PurposeText, RecipientRole, Route, StorageItem, StorageKind};
use assent_core::words::Words;
use leptos::prelude::*;

/// The route in plain words.
pub(crate) fn route_words(route: Route, words: &Words) -> String {
    match route {
        Route::Consent => &words.route_consent,
        Route::Statistics => &words.route_statistics,
        Route::Necessary => &words.route_necessary,
        Route::SoftOptIn => &words.route_soft_opt_in,
        Route::Service => &words.route_service,
    }
    .clone()
}

/// The details of one purpose as a list of headings and answers.
pub(crate) fn facts(notice: &Notice, purpose: &Purpose, text: &PurposeText, words: &Words) -> AnyView {
    let data = text.data.iter().map(|entry| view! { <li>{entry.clone()}</li> }).collect_view();
    let data = (!text.data.is_empty()).then(|| {
        view! {
            <dt>{words.data.clone()}</dt>
            <dd><ul>{data}</ul></dd>
        }
    });
    let retention = (!text.retention.is_empty()).then(|| {
        view! {
            <dt>{words.retention.clone()}</dt>
            <dd>{text.retention.clone()}</dd>
        }
    });
    let ends = purpose.ends_after_days.map(|days| {
        view! {
            <dt>{words.ends_by_itself.clone()}</dt>
            <dd>{fill(&words.days, &days.to_string())}</dd>
        }
    });
    view! {
        <dl class="facts">
            {data}
            <dt>{words.recipients.clone()}</dt>
            <dd>{recipients(notice, purpose, words)}</dd>
            <dt>{words.storage.clone()}</dt>
            <dd>{storage(notice, purpose, words)}</dd>
            {retention}
            {ends}
        </dl>
    }
    .into_any()
}

fn recipients(notice: &Notice, purpose: &Purpose, words: &Words) -> AnyView {
    if purpose.recipients.is_empty() {
        return fill(&words.only_us, &notice.controller.name).into_any();
    }
    let each = purpose.recipients.iter().filter_map(|id| notice.recipients.get(id)).map(|party| {
        let role = match party.role {
            RecipientRole::Processor => &words.role_processor,
            RecipientRole::Joint => &words.role_joint,
            RecipientRole::Independent => &words.role_independent,
        };
        let place = (!party.location.is_empty()).then(|| fill(&words.location, &party.location));
        view! {
            <li>
                <strong>{party.name.clone()}</strong>
                " – "
                {role.clone()}
                ". "
                {place.map(|place| view! { <span>{place}". "</span> })}
                {link(&party.privacy_url, fill(&words.privacy_of, &party.name))}
            </li>
        }
    });
    view! { <ul>{each.collect_view()}</ul> }.into_any()
}

fn storage(notice: &Notice, purpose: &Purpose, words: &Words) -> AnyView {
    if purpose.storage.is_empty() {
        return words.storage_none.clone().into_any();
    }
    let each = purpose.storage.iter().map(|item| {
        view! {
            <li>
                <code>{item.name.clone()}</code>
                " – "
                {kind(item.kind, words)}
                ", "
                {lifetime(item, words)}
                {fill(&words.read_by, &reader(notice, &item.read_by))}
            </li>
        }
    });
    view! { <ul>{each.collect_view()}</ul> }.into_any()
}

fn kind(kind: StorageKind, words: &Words) -> String {
    match kind {
        StorageKind::Cookie => &words.kind_cookie,
        StorageKind::LocalStorage => &words.kind_local_storage,
        StorageKind::SessionStorage => &words.kind_session_storage,
        StorageKind::Pixel => &words.kind_pixel,
        StorageKind::Frame => &words.kind_frame,
    }
    .clone()
}

/// With a comma after it; nothing for what is only fetched and never stays.
fn lifetime(item: &StorageItem, words: &Words) -> Option<String> {
    let lifetime = match item.days {
        0 if matches!(item.kind, StorageKind::Pixel | StorageKind::Frame) => return None,
        0 => words.session.clone(),
        1 => words.day.clone(),
        days => fill(&words.days, &days.to_string()),
    };
    Some(lifetime + ", ")
}

fn reader(notice: &Notice, id: &str) -> String {
    notice.recipients.get(id).map_or_else(|| notice.controller.name.clone(), |party| party.name.clone())
}
