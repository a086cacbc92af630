//! Everything that opens a connection from here to somewhere else. Nothing else in the server may.
//!
//! [`log_reader`] reads somebody's log, [`mail`] hands messages to a mail server, [`text`] to a text gateway in texts whose length [`segments`] counts, [`webhook`] tells endpoints of events,
//! [`witness`] asks witnesses for cosignatures. What the answers are worth is decided by the callers and by `assent-core`: nothing that comes back is believed because of where it came from.

pub mod log_reader;
pub mod mail;
pub mod public_address;
pub mod segments;
pub mod signed;
pub mod text;
pub mod webhook;
pub mod witness;

use rustls::CertificateError;
use std::error::Error;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Why a message was not taken. No text of it names an address.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It will never be: the address does not exist, or cannot be written to.
    #[error("it was refused for good ({0})")]
    Refused(String),
    /// It may be taken later: the other side was busy, or refuses us.
    #[error("it was not taken ({0})")]
    Later(String),
    /// Nobody answered, so that the next message would wait in vain too.
    #[error("there is no answer ({0})")]
    Away(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreachable {
    /// Not within the time given.
    #[error("no whole answer in time")]
    TimedOut,
    /// Its certificate is not good, and it was told nothing.
    #[error("{0}")]
    Certificate(&'static str),
    /// No connection, a broken one, or an address that is none.
    #[error("cannot be reached")]
    Failed(#[source] Box<ureq::Error>),
    /// The answer is longer than any good one.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// Bytes that are read at most.
        limit: usize,
    },
}

impl From<ureq::Error> for Unreachable {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Unreachable::TimedOut,
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Unreachable::TimedOut,
            other => certificate_fault(&other)
                .map_or_else(|| Unreachable::Failed(Box::new(other)), Unreachable::Certificate),
        }
    }
}

/// What is wrong with the other side's certificate, when that is what an error comes from: somebody has to mend it, here or there.
fn certificate_fault(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(rustls::Error::InvalidCertificate(fault)) = error.downcast_ref() {
        return Some(match fault {
            CertificateError::UnknownIssuer => "its certificate is of an issuer that is not trusted here",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is of another name"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate is over",
            _ => "its certificate is not good",
        });
    }
    match error.downcast_ref::<ureq::Error>() {
        Some(ureq::Error::Io(inner)) => return certificate_fault(inner),
        Some(ureq::Error::Rustls(inner)) => return certificate_fault(inner),
        _ => {}
    }
    // What an I/O error was made of is not its source.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => certificate_fault(inner),
        None => certificate_fault(error.source()?),
    }
}

/// A client that gives up after `timeout`, follows no redirect, and trusts the certificates that this machine trusts.
/// Proxies of the environment are used only when `proxies` says so.
fn agent(timeout: Duration, proxies: Proxies) -> Agent {
    agent_config(timeout, proxies).into()
}

/// What [`agent`] is made of.
fn agent_config(timeout: Duration, proxies: Proxies) -> Config {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("assent/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls);
    match proxies {
        Proxies::FromEnvironment => config.build(),
        Proxies::None => config.proxy(None).build(),
    }
}

/// Whether a proxy may stand between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// As `https_proxy` and the like say: for commands that a person runs.
    FromEnvironment,
    /// Never: for the server, whose behaviour is its configuration's.
    None,
}

/// The whole body, if it has at most `limit` bytes after decompression.
fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Unreachable> {
    let mut bytes = Vec::new();
    // One byte more than is good, to see that there are more. ureq's own limit counts compressed bytes.
    let mut reader = body.into_reader().take(limit as u64 + 1);
    reader.read_to_end(&mut bytes).map_err(|error| Unreachable::from(ureq::Error::from(error)))?;
    if bytes.len() > limit { Err(Unreachable::TooLong { limit }) } else { Ok(bytes) }
}
