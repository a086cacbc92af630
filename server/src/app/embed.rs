//! `embed.js` of a site, made once per notice and language: loader, notice data, first layer, stylesheet.
//!
//! The convention between loader and server is in `frontend/loader/README.md`.

use crate::assets::Assets;
use crate::assets::Packed;
use assent_core::hash::Hash;
use assent_core::notice::Notice;
use assent_core::site::SiteFile;
use assent_core::wire::EmbedData;
use serde::Serialize;
use std::collections::BTreeMap;

/// The embed in every language of the notice.
#[derive(Debug)]
pub struct Embeds {
    by_language: BTreeMap<String, Packed>,
}

/// Addresses of the widget's files, as the loader takes them.
#[derive(Serialize)]
struct AssetAddresses {
    glue: String,
    wasm: String,
    integrity: String,
}

impl Embeds {
    /// Renders and compresses the embed in every language; nothing when the web files are not built.
    #[must_use]
    pub fn render(
        file: &SiteFile,
        notice: &Notice,
        hash: Hash,
        log_key: &str,
        assets: &Assets,
    ) -> Option<Self> {
        assets.loader.as_ref()?;
        let each = notice.languages.keys().filter_map(|language| {
            let script = script(file, notice, hash, language, log_key, assets)?;
            Some((language.clone(), Packed::new(script.into_bytes(), "text/javascript; charset=utf-8")))
        });
        Some(Self { by_language: each.collect() })
    }

    /// The embed in this language of the notice.
    #[must_use]
    pub fn get(&self, language: &str) -> Option<&Packed> {
        self.by_language.get(language)
    }
}

/// The script in one language, as it is sent.
#[must_use]
pub fn script(
    file: &SiteFile,
    notice: &Notice,
    hash: Hash,
    language: &str,
    log_key: &str,
    assets: &Assets,
) -> Option<String> {
    let loader = assets.loader.as_ref()?.trim().trim_end_matches(';');
    let mut data = EmbedData::new(notice, language, &file.public_url, file.cookie_domain.as_deref(), log_key);
    // A notice published by an older version may not be written the same today: its name is the published bytes'.
    data.notice = hash;
    let html = ui::first_layer_html(&data);
    let folder = format!("{}/v1/assets/{}", file.public_url, assets.hash);
    let addresses = AssetAddresses {
        glue: format!("{folder}/assent.js"),
        wasm: format!("{folder}/assent_bg.wasm"),
        integrity: assets.wasm_integrity.clone(),
    };
    let (data, html) = (in_script(&data), in_script(&html));
    let (css, addresses) = (in_script(&ui::banner_css()), in_script(&addresses));
    Some(format!("({loader})({data},{html},{css},{addresses});"))
}

/// JSON that may stand in a script element as well as in a script file.
fn in_script(value: &impl Serialize) -> String {
    // Our own types have text keys and finite numbers.
    let json = serde_json::to_string(value).unwrap_or_default();
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
