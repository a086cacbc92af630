//! How old somebody is: the question, in bands, and what is said about the answer. What it means is core's.

use super::layout::{Icon, icon};
use crate::fill;
use assent_core::age::AgeBand;
use assent_core::words::Words;
use leptos::prelude::*;

/// The question, with what was chosen before; nothing where there are no bands to choose from.
pub(super) fn question(
    bands: &[AgeBand],
    chosen: Option<AgeBand>,
    error: Option<&str>,
    words: &Words,
) -> Option<AnyView> {
    if bands.is_empty() {
        return None;
    }
    let described = error.map(|_| "age-error");
    let error = error.map(|text| {
        view! {
            <p class="field-error" id="age-error">
                {icon(Icon::Alert)}
                <span><span class="listen">{words.error.clone()}" "</span>{text.to_string()}</span>
            </p>
        }
    });
    let each = bands.iter().map(|band| {
        let id = field_id(*band);
        view! {
            <div class="tick">
                <input type="radio" name="age" value=band.to_string() id=id.clone() checked=chosen == Some(*band)/>
                <label for=id>{name(*band, words)}</label>
            </div>
        }
    });
    Some(
        view! {
            <fieldset class="card" aria-describedby=described>
                <legend>{words.age_title.clone()}</legend>
                {error}
                {each.collect_view()}
            </fieldset>
        }
        .into_any(),
    )
}

/// The id of a band's field.
pub(super) fn field_id(band: AgeBand) -> String {
    format!("age-{band}")
}

/// That somebody has to be older to say yes: as old as the second band is, or the last where no talk helps.
pub(super) fn too_young(bands: &[AgeBand], talk_helps: bool, words: &Words) -> String {
    let enough = if talk_helps { bands.get(1) } else { bands.last() };
    let from = match enough {
        Some(AgeBand::Between(from, _) | AgeBand::From(from) | AgeBand::Under(from)) => from.to_string(),
        None => String::new(),
    };
    fill(&words.age_too_young, &from)
}

/// What a record says about it: the question, and the answer that was chosen; nothing where nothing was.
pub(super) fn said(band: Option<AgeBand>, words: &Words) -> Option<AnyView> {
    let band = band?;
    let question = format!("{} ", words.age_title);
    Some(view! { <p>{question}<strong>{name(band, words)}</strong></p> }.into_any())
}

/// The question as a notice puts it, with every answer to choose from; nothing where it is not asked.
pub(super) fn asked(bands: &[AgeBand], words: &Words) -> Option<AnyView> {
    if bands.is_empty() {
        return None;
    }
    let each = bands.iter().map(|band| view! { <span>{name(*band, words)}</span> }).collect_view();
    Some(view! { <p>{words.age_title.clone()}</p><p class="labels">{each}</p> }.into_any())
}

fn name(band: AgeBand, words: &Words) -> String {
    match band {
        AgeBand::Under(age) => fill(&words.age_under, &age.to_string()),
        AgeBand::Between(first, last) => {
            fill(&fill(&words.age_between, &first.to_string()), &last.to_string())
        }
        AgeBand::From(age) => fill(&words.age_from, &age.to_string()),
    }
}
