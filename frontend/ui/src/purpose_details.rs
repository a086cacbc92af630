//! Everything that the banner says about one purpose beyond its name and description: data, parties, storage, retention.

use crate::html::Html;
use crate::{BannerData, BannerPurpose, BannerWords, fill};
use assent_core::notice::Route;

/// The route in plain words; empty for a service message, which is nothing to choose.
pub(crate) fn route<'a>(words: &'a BannerWords, purpose: &BannerPurpose) -> &'a str {
    match purpose.route {
        Route::Consent => words.route_consent(),
        Route::Statistics | Route::SoftOptIn => words.route_statistics(),
        Route::Necessary => words.route_necessary(),
        Route::Service => "",
    }
}

/// The facts as a description list.
pub(crate) fn details(html: &mut Html, data: &BannerData, purpose: &BannerPurpose) {
    let (words, text) = (&data.words, &purpose.text);
    html.put("<dl class=\"facts\"><dt>{}</dt>", &[words.data()]);
    for entry in &text.data {
        fact(html, entry);
    }
    html.put("<dt>{}</dt>", &[words.recipients()]);
    let mut has_parties = false;
    for id in &purpose.recipients {
        if let Some((_, name, url)) = data.recipient(id) {
            html.put("<dd><a href=\"{}\">{}</a></dd>", &[url, name]);
            has_parties = true;
        }
    }
    if !has_parties {
        fact(html, &fill(words.only_us(), &data.controller));
    }
    html.put("<dt>{}</dt>", &[words.storage()]);
    for item in &purpose.storage {
        let reader = data.recipient(&item.read_by).map_or(data.controller.as_str(), |(_, name, _)| name);
        let lifetime = match item.days {
            _ if !item.kept => String::new(),
            0 => format!("{}, ", words.session()),
            1 => format!("{}, ", words.day()),
            days => format!("{}, ", fill(words.days(), &days.to_string())),
        };
        html.put("<dd><code>{}</code> {}{}</dd>", &[&item.name, &lifetime, &fill(words.read_by(), reader)]);
    }
    if purpose.storage.is_empty() {
        fact(html, words.storage_none());
    }
    html.put("<dt>{}</dt>", &[words.retention()]);
    fact(html, &text.retention);
    html.put("</dl>", &[]);
}

fn fact(html: &mut Html, text: &str) {
    html.put("<dd>{}</dd>", &[text]);
}
