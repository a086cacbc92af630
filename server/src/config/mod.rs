//! The configuration: one commented file, one environment variable per key, refused when it is risky.
//!
//! `default.toml` is the single source of keys, defaults and explanations; the structs here only give them types,
//! and reading fails when the two differ. Where values come from is [`load`]; what is refused is [`check`].

mod check;
pub mod endpoints;
mod load;
mod setting;

use anyhow::Context as _;
use figment::value::magic::RelativePathBuf;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use check::Refusal;
pub use load::{ConfigError, DEFAULT_TOML, Environment, Loaded, load};
pub use setting::{Setting, settings};

/// Everything that can be configured. Units are in the names; `default.toml` explains each key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listening and files.
    pub server: Server,
    /// The log and its keys.
    pub ledger: Ledger,
    /// Who may use staff addresses.
    pub staff: Staff,
    /// What is done every night.
    pub maintenance: Maintenance,
    /// Where backups go, and for how long.
    pub backup: Backup,
    /// The mail server that messages are handed to.
    pub mail: Mail,
    /// Who carries text messages.
    pub gateway: Gateway,
    /// Who is told of events.
    pub webhooks: Webhooks,
    /// What is too much.
    pub limits: Limits,
    /// `assent witness serve`.
    pub witness: Witness,
    /// Log lines.
    pub log: Log,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Server {
    pub listen: SocketAddr,
    pub data_dir: RelativePathBuf,
    pub web_dir: RelativePathBuf,
    pub trust_forwarded_proto: bool,
    pub request_timeout_seconds: u64,
    pub idle_timeout_seconds: u64,
    pub shutdown_grace_seconds: u64,
}

/// `[ledger]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Ledger {
    pub key_file: RelativePathBuf,
    pub key: String,
    pub key_command: String,
    pub cache_mib: u64,
    pub accept_clock: bool,
}

/// `[staff]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Staff {
    pub token_sha256: String,
    pub token_file: RelativePathBuf,
}

/// `[maintenance]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Maintenance {
    pub hour_utc: u8,
}

/// `[backup]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Backup {
    pub dir: RelativePathBuf,
    pub keep_days: u64,
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Limits {
    pub body_bytes: usize,
    pub queue: usize,
    pub decisions_per_person: usize,
    pub link_days: u32,
    pub email_questions_per_hour: usize,
    pub text_questions_per_hour: usize,
}

/// `[mail]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Mail {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub username: String,
    pub password: String,
    pub password_file: RelativePathBuf,
    pub ca_file: RelativePathBuf,
    pub bounce_token: String,
    pub bounce_token_file: RelativePathBuf,
    pub timeout_seconds: u64,
}

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// After STARTTLS; without it nothing is sent.
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all: only for a server on this machine.
    None,
}

/// `[gateway]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Gateway {
    pub kind: GatewayKind,
    pub url: String,
    pub username: String,
    pub password: String,
    pub password_file: RelativePathBuf,
    pub sender: String,
    pub template: String,
    pub replies: bool,
    pub inbound_secret: String,
    pub inbound_secret_file: RelativePathBuf,
    pub timeout_seconds: u64,
}

/// Whose interface a text gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayKind {
    /// There is none.
    #[serde(rename = "")]
    None,
    /// Kannel's `sendsms`.
    Kannel,
    /// GOV.UK Notify.
    Notify,
    /// Twilio.
    Twilio,
    /// Anything that takes signed JSON (Standard Webhooks).
    Webhook,
}

/// `[webhooks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Webhooks {
    pub endpoints_file: RelativePathBuf,
    pub timeout_seconds: u64,
}

/// `[witness]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Witness {
    pub listen: SocketAddr,
    pub prefix: String,
    pub data_dir: RelativePathBuf,
    pub key_file: RelativePathBuf,
    pub policy_file: RelativePathBuf,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each key; two texts would drift")]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Webhooks {
    /// The endpoints; none without a file of them.
    ///
    /// # Errors
    /// As [`endpoints::read`].
    pub fn endpoints(&self) -> anyhow::Result<Vec<endpoints::Endpoint>> {
        if self.endpoints_file.original().as_os_str().is_empty() {
            return Ok(Vec::new());
        }
        endpoints::read(&self.endpoints_file.relative())
    }
}

impl Backup {
    /// Where backups go; nothing when none are to be made.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        (!self.dir.original().as_os_str().is_empty()).then(|| self.dir.relative())
    }
}

/// A secret from the configuration: as it stands there, else the first line of a file; empty when neither is set.
///
/// # Errors
/// `key` names a file that cannot be read.
pub fn secret(inline: &str, file: &RelativePathBuf, key: &str) -> anyhow::Result<String> {
    if !inline.is_empty() || file.original().as_os_str().is_empty() {
        return Ok(inline.to_string());
    }
    secret_file(&file.relative(), key)
}

/// The first line of a file that `key` names.
fn secret_file(path: &Path, key: &str) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {} ({key})", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_string())
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("kind", &self.kind).field("url", &self.url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("key_file", &self.key_file.original()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Staff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staff").field("token_file", &self.token_file.original()).finish_non_exhaustive()
    }
}
