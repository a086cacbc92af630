//! What is refused although it is readable: settings under which a promise could not be kept.

use super::Config;
use std::path::{Component, Path, PathBuf};

/// A risky ambiguity. The message carries the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Listening beyond this machine without a word on how requests are encrypted.
    #[error(
        "server.listen is {0}, which other machines can reach, and Assent speaks plain http: put a TLS proxy in front \
         that writes X-Forwarded-Proto, and set server.trust_forwarded_proto = true; or listen on 127.0.0.1"
    )]
    PlainHttp(std::net::SocketAddr),
    /// A backup of the data would carry the key that opens it.
    #[error(
        "ledger.key_file is inside server.data_dir, so that one stolen backup opens every record: move it elsewhere"
    )]
    KeyAmongData,
    /// The same, of the backups.
    #[error(
        "ledger.key_file is inside backup.dir, so that one stolen folder opens every backup: move it elsewhere"
    )]
    KeyAmongBackups,
    /// Two keys.
    #[error("ledger.key and ledger.key_command are both set: keep one, so that it is clear which key counts")]
    TwoKeys,
    /// A backup that is lost with what it is a backup of.
    #[error(
        "backup.dir is inside server.data_dir: move it elsewhere, to another disk or machine if there is one"
    )]
    BackupAmongData,
    /// For what is promised to people, or for nothing.
    #[error(
        "backup.keep_days must be 1 to 30: who asked to be erased is told that backups forget within a month"
    )]
    KeepDays,
    /// Two tokens.
    #[error(
        "staff.token_sha256 and staff.token_file are both set: keep one, so that it is clear which token counts"
    )]
    TwoTokens,
    /// Not a SHA-256.
    #[error("staff.token_sha256 must be 64 lowercase hex digits: the SHA-256 of the token, not the token")]
    TokenHash,
    /// A limit of nothing.
    #[error("{0} must be at least {1}")]
    TooSmall(&'static str, u64),
    /// Addresses of people would travel in clear.
    #[error(
        "mail.tls is none, and mail.host is not this machine: use starttls or tls, so that nobody reads along"
    )]
    PlainMail,
    /// A name without a password, or two passwords.
    #[error("mail.username needs exactly one of mail.password and mail.password_file")]
    MailPassword,
    /// Numbers and codes would travel in clear.
    #[error("gateway.url is http, and not on this machine: use https, so that nobody reads along")]
    PlainGateway,
    /// Something that this kind of gateway cannot do without.
    #[error("gateway.kind is set, and {0}")]
    Gateway(&'static str),
    /// Not a path that can stand in front of another.
    #[error(
        "witness.prefix must be empty, or begin with / and not end with it, of lowercase letters, digits, -, _, . and /"
    )]
    WitnessPrefix,
    /// Log filter cannot be read.
    #[error(
        "log.level is not a level or filter: write error, warn, info, debug, trace, or as `warn,server=debug`"
    )]
    LogLevel,
}

pub(super) fn check(config: &Config) -> Result<(), Refusal> {
    let listen = config.server.listen;
    if !listen.ip().is_loopback() && !config.server.trust_forwarded_proto {
        return Err(Refusal::PlainHttp(listen));
    }
    let data_dir = plain(&config.server.data_dir.relative());
    if plain(&config.ledger.key_file.relative()).starts_with(&data_dir) {
        return Err(Refusal::KeyAmongData);
    }
    if !config.ledger.key.is_empty() && !config.ledger.key_command.is_empty() {
        return Err(Refusal::TwoKeys);
    }
    let key_file = plain(&config.ledger.key_file.relative());
    if config.backup.folder().is_some_and(|folder| key_file.starts_with(plain(&folder))) {
        return Err(Refusal::KeyAmongBackups);
    }
    if config.backup.folder().is_some_and(|folder| plain(&folder).starts_with(&data_dir)) {
        return Err(Refusal::BackupAmongData);
    }
    if !(1..=30).contains(&config.backup.keep_days) {
        return Err(Refusal::KeepDays);
    }
    let staff = &config.staff;
    if !staff.token_sha256.is_empty() {
        if !staff.token_file.original().as_os_str().is_empty() {
            return Err(Refusal::TwoTokens);
        }
        assent_core::hash::Hash::from_hex(&staff.token_sha256).map_err(|_| Refusal::TokenHash)?;
    }
    let mail = &config.mail;
    let local = ["127.0.0.1", "::1", "localhost"].contains(&mail.host.as_str());
    if mail.tls == super::MailTls::None && !mail.host.is_empty() && !local {
        return Err(Refusal::PlainMail);
    }
    let passwords = [!mail.password.is_empty(), !mail.password_file.original().as_os_str().is_empty()];
    if passwords.iter().filter(|is_set| **is_set).count() != usize::from(!mail.username.is_empty()) {
        return Err(Refusal::MailPassword);
    }
    check_gateway(&config.gateway)?;
    let limits = [
        ("gateway.timeout_seconds", config.gateway.timeout_seconds, 1),
        ("mail.timeout_seconds", config.mail.timeout_seconds, 1),
        ("limits.body_bytes", config.limits.body_bytes as u64, 4096),
        ("limits.queue", config.limits.queue as u64, 1),
        ("limits.decisions_per_person", config.limits.decisions_per_person as u64, 1),
        ("limits.link_days", u64::from(config.limits.link_days), 1),
        ("limits.email_questions_per_hour", config.limits.email_questions_per_hour as u64, 1),
        ("limits.text_questions_per_hour", config.limits.text_questions_per_hour as u64, 1),
        ("server.request_timeout_seconds", config.server.request_timeout_seconds, 1),
        ("server.idle_timeout_seconds", config.server.idle_timeout_seconds, 1),
        ("webhooks.timeout_seconds", config.webhooks.timeout_seconds, 1),
    ];
    if let Some((key, _, least)) = limits.into_iter().find(|(_, value, least)| value < least) {
        return Err(Refusal::TooSmall(key, least));
    }
    if !is_prefix(&config.witness.prefix) {
        return Err(Refusal::WitnessPrefix);
    }
    let filter = tracing_subscriber::EnvFilter::builder().parse(&config.log.level);
    filter.map(|_| ()).map_err(|_| Refusal::LogLevel)
}

fn check_gateway(gateway: &super::Gateway) -> Result<(), Refusal> {
    use super::GatewayKind::{Kannel, None, Notify, Twilio, Webhook};
    // Neither or both.
    let not_one_of = |inline: &str, file: &figment::value::magic::RelativePathBuf| {
        inline.is_empty() == file.original().as_os_str().is_empty()
    };
    if gateway.kind == None {
        return Ok(());
    }
    if let Some(rest) = gateway.url.strip_prefix("http://") {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let local = ["127.0.0.1", "[::1]", "localhost"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')));
        if !local {
            return Err(Refusal::PlainGateway);
        }
    } else if !gateway.url.is_empty() && !gateway.url.starts_with("https://") {
        return Err(Refusal::Gateway("gateway.url must begin with https://, or http:// on this machine"));
    }
    let lacks = [
        (matches!(gateway.kind, Kannel | Webhook) && gateway.url.is_empty(), "gateway.url is missing"),
        (
            matches!(gateway.kind, Kannel | Twilio) && gateway.username.is_empty(),
            "gateway.username is missing",
        ),
        (gateway.kind == Notify && gateway.template.is_empty(), "gateway.template is missing"),
        (
            not_one_of(&gateway.password, &gateway.password_file),
            "it needs exactly one of gateway.password and gateway.password_file",
        ),
        (
            matches!(gateway.kind, Kannel | Notify)
                && gateway.replies
                && not_one_of(&gateway.inbound_secret, &gateway.inbound_secret_file),
            "gateway.replies needs exactly one of gateway.inbound_secret and gateway.inbound_secret_file",
        ),
    ];
    lacks.into_iter().find(|(lacks, _)| *lacks).map_or(Ok(()), |(_, what)| Err(Refusal::Gateway(what)))
}

fn is_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    text.is_empty()
        || text.strip_prefix('/').is_some_and(|rest| {
            rest.split('/')
                .all(|part| !part.is_empty() && part != "." && part != ".." && part.chars().all(plain))
        })
}

/// The absolute path with `.` and `..` worked out by name; the folders need not exist yet.
fn plain(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
