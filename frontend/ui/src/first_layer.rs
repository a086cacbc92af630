//! The first layer: the question, with three plain buttons.
//!
//! Accept and decline are the same element with the same class, in this order on every layer; a person who declines
//! does exactly as much as one who accepts. The loader hears their yes and no, before this is hydrated and after.

use crate::{BannerData, fill};
use assent_core::notice::Route;
use leptos::prelude::*;
use std::sync::Arc;

/// The question.
#[component]
pub fn FirstLayer(
    /// What it is drawn from.
    data: Arc<BannerData>,
) -> impl IntoView {
    let words = &data.words;
    // On the statistics route the purpose is on from the start, so it must be told here, not a layer further down.
    let told = data
        .purposes
        .iter()
        .filter(|purpose| purpose.route == Route::Statistics)
        .map(|purpose| {
            let (name, word) = (purpose.text.name.clone(), words.route_statistics().to_owned());
            view! { <li class=""><b>{name}</b>" "{word}</li> }
        })
        .collect::<Vec<_>>();
    view! {
        <section class="bar" aria-labelledby="title" lang=data.language.clone()>
            <div class="say">
                <p class="who">{fill(words.asked_by(), &data.controller)}</p>
                <h2 id="title">{data.title.clone()}</h2>
                <p>{data.intro.clone()}</p>
                // Shown where the loader finds such a browser.
                <p class="heard">{data.heard.clone()}</p>
                <ul class="told">{told}</ul>
                <p>
                    <a href=data.privacy_url.clone()>{fill(words.privacy_of(), &data.controller)}</a>
                </p>
            </div>
            <div class="acts">
                {button("act", "accept-all", words.accept())}
                {button("act", "reject-all", words.decline())}
                {button("act quiet", "choose", words.choose())}
            </div>
        </section>
    }
}

fn button(class: &'static str, act: &'static str, word: &str) -> impl IntoView + use<> {
    let word = word.to_owned();
    view! { <button type="button" class=class data-act=act>{word}</button> }
}

/// The first layer as HTML, for the embed: exactly what the widget hydrates.
#[cfg(feature = "ssr")]
#[must_use]
pub fn first_layer_html(data: &assent_core::wire::LayerData) -> String {
    let owner = Owner::new();
    owner.with(|| {
        let data = Arc::new(BannerData::from(data));
        view! { <FirstLayer data /> }.to_html()
    })
}
