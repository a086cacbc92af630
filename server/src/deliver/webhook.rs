//! Telling one endpoint of an event: a signed POST (Standard Webhooks 1.0.0).
//!
//! A redirect is an answer like any other that is not 2xx: it is not followed. An address that is not everybody's is not connected to, unless
//! the configuration allows it for the endpoint. What is told, when it is tried again and when it is given up are not decided here.

use super::public_address::{PrivateAddress, PublicOnly};
use super::signed::Signer;
use super::{Proxies, Unreachable, agent, agent_config, read_body};
use assent_core::event::EVENT_TYPE;
use std::time::{Duration, SystemTime};
use ureq::Agent;
use ureq::http::HeaderMap;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::unversioned::transport::DefaultConnector;

/// The endpoint wants to hear no more.
const GONE: u16 = 410;
/// Longest answer that is read, in bytes, so that the connection can be used again. Nobody looks at it.
const ANSWER_MAX: usize = 64 << 10;

/// Where an endpoint is, and how it knows us.
#[derive(Debug)]
pub struct Receiver {
    agent: Agent,
    url: String,
    signer: Signer,
}

/// Why an event was not taken. No text of it names anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It wants no more events at all.
    #[error("410: it wants no more")]
    Gone,
    /// It may take it later.
    #[error("{reason}")]
    Later {
        /// Why.
        reason: String,
        /// How long it wants to be left alone, if it said so.
        wait: Option<Duration>,
    },
}

impl Receiver {
    /// An endpoint at `url`, which has `timeout` for everything it does. `private`: it may be within the operator's own network.
    #[must_use]
    pub fn new(url: String, signer: Signer, private: bool, timeout: Duration) -> Self {
        let agent = if private {
            agent(timeout, Proxies::None)
        } else {
            let config = agent_config(timeout, Proxies::None);
            Agent::with_parts(config, DefaultConnector::default(), PublicOnly::default())
        };
        Self { agent, url, signer }
    }

    /// Posts an event's body. When it returns well, the endpoint has taken it. Blocks for at most the given time.
    ///
    /// # Errors
    /// [`NotTaken`]. Without a whole answer nobody knows whether it was taken; the id lets the endpoint see that it is the same again.
    pub fn post(&self, id: &str, body: &str) -> Result<(), NotTaken> {
        let mut post = self.agent.post(&self.url).header(CONTENT_TYPE, EVENT_TYPE);
        for (name, value) in self.signer.headers(id, body) {
            post = post.header(name, value);
        }
        let later = |reason: String, wait| NotTaken::Later { reason, wait };
        let (parts, answer) = match post.send(body) {
            Ok(answer) => answer.into_parts(),
            Err(ureq::Error::Other(error)) if error.is::<PrivateAddress>() => {
                return Err(later(PrivateAddress.to_string(), None));
            }
            Err(error) => return Err(later(Unreachable::from(error).to_string(), None)),
        };
        // What it says is of no use to us.
        let _ = read_body(answer, ANSWER_MAX);
        match parts.status.as_u16() {
            _ if parts.status.is_success() => Ok(()),
            GONE => Err(NotTaken::Gone),
            status => Err(later(format!("it answered {status}"), retry_after(&parts.headers))),
        }
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    SystemTime::from(date.timestamp()).duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_seconds_or_a_date() {
        let wait = |text: &str| retry_after(&[(RETRY_AFTER, text.parse().unwrap())].into_iter().collect());
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), None, "it is over");
        assert!(wait("Wed, 06 Nov 2199 08:49:37 GMT").unwrap() > Duration::from_secs(1 << 30));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
    }
}
