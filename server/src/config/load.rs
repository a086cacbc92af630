//! Where values come from: the defaults, then the file, then the environment.
//!
//! The environment enters as a value, so that tests need not change their own.

use super::{Config, Refusal, check};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use std::path::{Path, PathBuf};

/// The commented default configuration, as `assent config --default` prints it.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

const PREFIX: &str = "ASSENT_";

/// Why there is no usable configuration. Each message says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file was named but cannot be read.
    #[error("cannot read the configuration file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {reason}")]
    NotToml {
        /// The file, or `default.toml`.
        path: String,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A key is unknown, or its value is not of its kind.
    #[error("the configuration does not fit: {0}")]
    Value(Box<figment::Error>),
    /// A variable looks like ours but is no key of ours.
    #[error("the environment variable {name} is not a key: `assent config` lists all of them")]
    UnknownVariable {
        /// The variable.
        name: String,
    },
    /// A variable's text is not of the key's kind.
    #[error("the environment variable {name} must be {wanted}")]
    Variable {
        /// The variable.
        name: String,
        /// What would do.
        wanted: &'static str,
    },
    /// Everything is readable, but starting so would be unsafe.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The configuration, and where each value came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// For [`super::settings`].
    pub(super) figment: Figment,
}

/// Environment variables that may concern us, by name.
pub type Environment = std::collections::BTreeMap<String, String>;

/// Reads defaults, `file` (if given) and `environment`, later ones winning, and refuses what is risky.
pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Loaded, ConfigError> {
    let defaults = parse(DEFAULT_TOML, "default.toml")?;
    let mut figment = Figment::new();
    let overrides = overrides(&defaults, environment)?;
    figment = figment.merge(Layer { name: "default", source: None, data: defaults });
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
        let data = parse(&text, &path.display().to_string())?;
        let source = Some(Source::File(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())));
        figment = figment.merge(Layer { name: "file", source, data });
    }
    figment = figment.merge(Layer { name: "environment", source: None, data: overrides });
    let config: Config = figment.extract().map_err(|error| ConfigError::Value(Box::new(error)))?;
    check::check(&config)?;
    Ok(Loaded { config, figment })
}

/// The one environment variable that sets `section.key`.
pub(super) fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{}_{}", section.to_uppercase(), key.to_uppercase())
}

pub(super) fn parse(text: &str, path: &str) -> Result<Dict, ConfigError> {
    toml::from_str(text)
        .map_err(|error| ConfigError::NotToml { path: path.into(), reason: error.to_string() })
}

fn overrides(defaults: &Dict, environment: &Environment) -> Result<Dict, ConfigError> {
    let mut known = Vec::new();
    let mut data = Dict::new();
    for (section, keys) in defaults {
        let mut section_data = Dict::new();
        for (key, default) in keys.as_dict().into_iter().flatten() {
            let name = variable(section, key);
            if let Some(text) = environment.get(&name) {
                section_data.insert(key.clone(), typed(&name, text, default)?);
            }
            known.push(name);
        }
        data.insert(section.clone(), section_data.into());
        let of_section = format!("{PREFIX}{}_", section.to_uppercase());
        let stray = environment.keys().find(|name| name.starts_with(&of_section) && !known.contains(name));
        if let Some(name) = stray {
            return Err(ConfigError::UnknownVariable { name: name.clone() });
        }
    }
    Ok(data)
}

/// The text as the kind of value that the default is.
fn typed(name: &str, text: &str, default: &Value) -> Result<Value, ConfigError> {
    let wrong = |wanted| ConfigError::Variable { name: name.to_string(), wanted };
    Ok(match default {
        Value::Bool(..) => text.parse::<bool>().map_err(|_| wrong("true or false"))?.into(),
        Value::Num(..) => text.parse::<u64>().map_err(|_| wrong("a whole number"))?.into(),
        _ => text.into(),
    })
}

/// One source of values.
struct Layer {
    name: &'static str,
    source: Option<Source>,
    data: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let metadata = Metadata::named(self.name);
        match &self.source {
            Some(source) => metadata.source(source.clone()),
            None => metadata,
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::default().collect(self.data.clone()))
    }
}
