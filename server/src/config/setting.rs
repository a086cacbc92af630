//! What `assent config` shows of each key: value, where it came from, default, variable, explanation.

use super::load::{DEFAULT_TOML, Loaded, parse, variable};
use figment::value::Value;
use serde::Serialize;

/// Keys whose value is not shown.
const SECRET: &[&str] = &[
    "gateway.inbound_secret",
    "gateway.password",
    "ledger.key",
    "mail.bounce_token",
    "mail.password",
    "staff.token_sha256",
];

/// One key as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// The value in force, as TOML; `(hidden)` for a secret that is set.
    pub value: String,
    /// `default`, `environment`, or the file's path.
    pub origin: String,
    /// The default, as TOML.
    pub default: String,
    /// The environment variable that sets it.
    pub variable: String,
    /// What it does.
    pub doc: String,
}

/// Every key, in the order of `default.toml`.
#[must_use]
pub fn settings(loaded: &Loaded) -> Vec<Setting> {
    let defaults = parse(DEFAULT_TOML, "default.toml").unwrap_or_default();
    let mut found = Vec::new();
    let (mut section, mut doc) = (String::new(), String::new());
    for line in DEFAULT_TOML.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(text);
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_string();
        } else if let Some((key, _)) = line.split_once(" = ") {
            let path = format!("{section}.{key}");
            let default =
                defaults.get(&section).and_then(|value| value.as_dict()).and_then(|keys| keys.get(key));
            let value = loaded.figment.find_value(&path).ok();
            let mut shown = value.as_ref().map(show).unwrap_or_default();
            if SECRET.contains(&path.as_str()) && shown != "\"\"" {
                shown = "(hidden)".to_string();
            }
            found.push(Setting {
                value: shown,
                origin: origin(loaded, &path),
                default: default.map(show).unwrap_or_default(),
                variable: variable(&section, key),
                doc: std::mem::take(&mut doc),
                key: path,
            });
        } else {
            doc.clear();
        }
    }
    found
}

fn origin(loaded: &Loaded, path: &str) -> String {
    let Some(metadata) = loaded.figment.find_metadata(path) else { return "default".to_string() };
    match metadata.source.as_ref().and_then(|source| source.file_path()) {
        Some(file) => file.display().to_string(),
        None => metadata.name.to_string(),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Bool(_, flag) => flag.to_string(),
        // TOML's whole numbers are signed, the environment's are not.
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(number), _) => number.to_string(),
            (None, number) => number.map(|number| number.to_string()).unwrap_or_default(),
        },
        other => format!("{other:?}"),
    }
}
