//! The configuration: one commented file, one environment variable per key, refused when it is risky.
//!
//! `default.toml` is the single source of keys, defaults and explanations; the structs here only give them types,
//! and reading fails when the two differ. Where values come from is [`load`]; what is refused is [`check`].

mod check;
mod load;
mod setting;

use figment::value::magic::RelativePathBuf;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

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

impl Backup {
    /// Where backups go; nothing when none are to be made.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        (!self.dir.original().as_os_str().is_empty()).then(|| self.dir.relative())
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
