//! `embed.js` of a site, made once per notice and language: loader, notice data, first layer, stylesheet; and the layers'
//! data, which the loader fetches when somebody needs more than the first layer.
//!
//! The convention between loader and server is in `frontend/loader/README.md`.

use crate::assets::Assets;
use crate::assets::Packed;
use assent_core::hash::{Hash, base64_encode, sha256};
use assent_core::notice::Notice;
use assent_core::site::SiteFile;
use assent_core::wire::{EmbedData, LayerData};
use serde::Serialize;
use sha2::{Digest as _, Sha384};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The embed in every language of the notice.
#[derive(Debug)]
pub struct Embeds {
    by_language: BTreeMap<String, Packed>,
    // By the name that an embed has for them: those of the embeds above, and those of the embeds before, which browsers may
    // still keep for some minutes.
    layers: BTreeMap<String, Arc<Packed>>,
    current: Vec<String>,
}

/// What a browser loads of one site in one language, as text.
#[derive(Debug)]
pub struct Texts {
    /// The script.
    pub script: String,
    /// The layers' data: JSON.
    pub layers: String,
}

/// Addresses of what the loader fetches, as the loader takes them.
#[derive(Serialize)]
struct Addresses {
    glue: String,
    wasm: String,
    integrity: String,
    layers: String,
    layers_integrity: String,
}

impl Embeds {
    /// Renders and compresses the embed in every language; nothing when the web files are not built. `before` are the ones
    /// that these replace.
    #[must_use]
    pub fn render(
        file: &SiteFile,
        notice: &Notice,
        hash: Hash,
        log_key: &str,
        assets: &Assets,
        before: Option<&Self>,
    ) -> Option<Self> {
        assets.loader.as_ref()?;
        let mut made = Self { by_language: BTreeMap::new(), layers: BTreeMap::new(), current: Vec::new() };
        for language in notice.languages.keys() {
            let Some(Texts { script, layers }) = texts(file, notice, hash, language, log_key, assets) else {
                continue;
            };
            let name = name(&layers);
            let (script, layers) = (script.into_bytes(), layers.into_bytes());
            made.by_language.insert(language.clone(), Packed::new(script, "text/javascript; charset=utf-8"));
            made.layers.insert(name.clone(), Arc::new(Packed::new(layers, "application/json")));
            made.current.push(name);
        }
        for (name, layers) in before
            .iter()
            .flat_map(|before| before.current.iter().filter_map(|name| before.layers.get_key_value(name)))
        {
            made.layers.entry(name.clone()).or_insert_with(|| Arc::clone(layers));
        }
        Some(made)
    }

    /// The embed in this language of the notice.
    #[must_use]
    pub fn get(&self, language: &str) -> Option<&Packed> {
        self.by_language.get(language)
    }

    /// The layers' data of this name, of these embeds or of the ones before.
    #[must_use]
    pub fn layers(&self, name: &str) -> Option<&Packed> {
        self.layers.get(name).map(AsRef::as_ref)
    }
}

/// The script and the layers' data in one language, as they are sent.
#[must_use]
pub fn texts(
    file: &SiteFile,
    notice: &Notice,
    hash: Hash,
    language: &str,
    log_key: &str,
    assets: &Assets,
) -> Option<Texts> {
    let function = |text: &str| text.trim().trim_end_matches(';').to_string();
    let loader = function(assets.loader.as_ref()?);
    let mut layers = LayerData::new(notice, language, log_key, ui::layers_css());
    // A notice published by an older version may not be written the same today: its name is the published bytes'.
    layers.notice = hash;
    let html = ui::first_layer_html(&layers);
    let data = EmbedData::new(&layers, notice, file);
    // A site whose tools were not built would never hear a no.
    let tools: Option<Vec<String>> =
        data.tools().into_iter().map(|name| assets.tools.get(name).map(|text| function(text))).collect();
    let tools = tools?.join(",");
    let layers = json(&layers);
    let folder = format!("{}/v1/assets/{}", file.public_url, assets.hash);
    let addresses = Addresses {
        glue: format!("{folder}/assent.js"),
        wasm: format!("{folder}/assent_bg.wasm"),
        integrity: assets.wasm_integrity.clone(),
        layers: format!("{}/layers/{}.json", data.api, name(&layers)),
        layers_integrity: format!("sha384-{}", base64_encode(&Sha384::digest(&layers))),
    };
    let (data, html) = (in_script(&data), in_script(&html));
    let (css, addresses) = (in_script(&ui::banner_css(notice.look)), in_script(&addresses));
    Some(Texts { script: format!("({loader})({data},{html},{css},{addresses},[{tools}]);"), layers })
}

/// What an embed calls its layers' data by: it names their content, so that they can be cached for ever.
fn name(layers: &str) -> String {
    sha256(layers.as_bytes()).to_hex()[..16].to_string()
}

fn json(value: &impl Serialize) -> String {
    // Our own types have text keys and finite numbers.
    serde_json::to_string(value).unwrap_or_default()
}

/// JSON that may stand in a script element as well as in a script file: nothing in it ends the element or begins a comment.
fn in_script(value: &impl Serialize) -> String {
    let mut text = json(value);
    for (found, written) in [
        ("</s", "\\u003c/s"),
        ("</S", "\\u003c/S"),
        ("<!--", "\\u003c!--"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        text = text.replace(found, written);
    }
    text
}
