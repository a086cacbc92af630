//! `embed.js` of a site, made once per notice and language: loader, notice data, first layer, stylesheet; and the layers'
//! data, which the loader fetches when somebody needs more than the first layer.
//!
//! Likewise `alerts.js`, which carries the sign-up form into the site's pages.
//!
//! The convention between loader and server is in `frontend/loader/README.md`.

use crate::assets::Assets;
use crate::assets::Packed;
use assent_core::hash::{Hash, base64_encode, sha256};
use assent_core::languages::is_right_to_left;
use assent_core::notice::{Asked, Notice, Text};
use assent_core::site::SiteFile;
use assent_core::wire::{EmbedData, LayerData};
use serde::Serialize;
use sha2::{Digest as _, Sha384};
use std::collections::BTreeMap;
use std::sync::Arc;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The embed in every language of the notice.
#[derive(Debug)]
pub struct Embeds {
    by_language: BTreeMap<String, Arc<Packed>>,
    alerts: BTreeMap<String, Packed>,
    // By names that are made of their content, the embeds above and their layers' data; and those before, which browsers and
    // pages may still name for some minutes.
    named: BTreeMap<String, Arc<Packed>>,
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
        let mut made = Self {
            by_language: BTreeMap::new(),
            alerts: alerts(file, notice, assets),
            named: BTreeMap::new(),
            current: Vec::new(),
        };
        for language in notice.languages.keys() {
            let Some(Texts { script, layers }) = texts(file, notice, hash, language, log_key, assets) else {
                continue;
            };
            let names = [script_name(script.as_bytes()), layers_name(&layers)];
            let script = Arc::new(Packed::new(script.into_bytes(), SCRIPT));
            let layers = Arc::new(Packed::new(layers.into_bytes(), "application/json"));
            made.by_language.insert(language.clone(), Arc::clone(&script));
            made.named.extend(names.iter().cloned().zip([script, layers]));
            made.current.extend(names);
        }
        for (name, file) in before
            .iter()
            .flat_map(|before| before.current.iter().filter_map(|name| before.named.get_key_value(name)))
        {
            made.named.entry(name.clone()).or_insert_with(|| Arc::clone(file));
        }
        Some(made)
    }

    /// The embed in this language of the notice.
    #[must_use]
    pub fn get(&self, language: &str) -> Option<&Packed> {
        self.by_language.get(language).map(AsRef::as_ref)
    }

    /// The script that puts the sign-up form for alerts into a page, in this language; none where nothing is signed up for.
    #[must_use]
    pub fn alerts(&self, language: &str) -> Option<&Packed> {
        self.alerts.get(language)
    }

    /// The embed (`{16 hex digits}.js`) or the layers' data (`….json`) of this name, of these embeds or of the ones before.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Packed> {
        self.named.get(name).map(AsRef::as_ref)
    }
}

/// What the form's script is told.
#[derive(Serialize)]
struct FormData<'a> {
    api: &'a str,
    language: &'a str,
    rtl: bool,
    /// What it says when the service is away.
    again: &'a str,
    /// Address of its styles.
    css: &'a str,
}

fn alerts(file: &SiteFile, notice: &Notice, assets: &Assets) -> BTreeMap<String, Packed> {
    let Some(function) = assets.alerts.as_deref().map(function) else { return BTreeMap::new() };
    if notice.asked_at(Asked::AlertForm).next().is_none() {
        return BTreeMap::new();
    }
    let api = format!("{}/v1/{}", file.public_url, file.id);
    let css = format!("{}/v1/assets/{}/part.css", file.public_url, assets.hash);
    let in_language = |(language, text): (&String, &Text)| {
        let again = &text.words.clone().filled(language).try_again;
        let data = FormData { api: &api, language, rtl: is_right_to_left(language), again, css: &css };
        let script = format!("({function})({});", in_script(&data));
        (language.clone(), Packed::new(script.into_bytes(), SCRIPT))
    };
    notice.languages.iter().map(in_language).collect()
}

/// A bundle is a function expression, perhaps with a semicolon.
fn function(text: &str) -> String {
    text.trim().trim_end_matches(';').to_string()
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
        layers: format!("{}/layers/{}", data.api, layers_name(&layers)),
        layers_integrity: integrity(layers.as_bytes()),
    };
    let (data, html) = (in_script(&data), in_script(&html));
    let (css, addresses) = (in_script(&ui::banner_css(notice.look)), in_script(&addresses));
    Some(Texts { script: format!("({loader})({data},{html},{css},{addresses},[{tools}]);"), layers })
}

/// What pages call this embed by that want no other: the name is its content's, so that it can be cached for ever.
#[must_use]
pub fn script_name(script: &[u8]) -> String {
    format!("{}.js", &sha256(script).to_hex()[..16])
}

/// What an embed calls its layers' data by, likewise.
fn layers_name(layers: &str) -> String {
    format!("{}.json", &sha256(layers.as_bytes()).to_hex()[..16])
}

/// The value of an `integrity` attribute that lets these bytes pass (W3C SRI).
#[must_use]
pub fn integrity(bytes: &[u8]) -> String {
    format!("sha384-{}", base64_encode(&Sha384::digest(bytes)))
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
