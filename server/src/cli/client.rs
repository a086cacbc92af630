//! Work done through the running server, which alone owns the store.
//!
//! It is asked at `server.listen` of the same configuration, on this machine, with the staff token. Nothing leaves the
//! machine, so where the server believes a proxy's word that a request came over https, this gives that word.

use crate::app::staff::read_token;
use crate::config::Config;
use anyhow::{Context as _, bail};
use assent_core::wire::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use ureq::RequestBuilder;
use zeroize::Zeroizing;

/// A running server, and the right to ask it for staff's work.
pub(super) struct Server {
    base: String,
    token: Zeroizing<String>,
    /// What `X-Forwarded-Proto` says, where the server trusts it.
    proto: Option<&'static str>,
    agent: ureq::Agent,
}

impl Server {
    /// The server of this configuration.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let Some(token) = read_token(&config.staff)? else {
            bail!(
                "a running server owns {}: to work through it, put the staff token into a file and set staff.token_file, or \
                 stop the server",
                config.server.data_dir.relative().display()
            );
        };
        let mut address = config.server.listen;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        // The staff token stays on this machine, whatever proxy the environment names.
        let agent = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().into();
        let proto = config.server.trust_forwarded_proto.then_some("https");
        Ok(Self { base: format!("http://{address}"), token, proto, agent })
    }

    /// Reads an address as a stream.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<impl Read + use<>> {
        let request = self.staffs(self.agent.get(format!("{}{path}", self.base)));
        let answer = request.call().with_context(|| self.away())?;
        Ok(good(answer)?.into_body().into_reader())
    }

    /// Sends a body and reads the answer.
    pub(super) fn put(&self, path: &str, kind: &str, body: &str) -> anyhow::Result<String> {
        let request = self.staffs(self.agent.put(format!("{}{path}", self.base)));
        let request = request.header("content-type", kind);
        let answer = request.send(body).with_context(|| self.away())?;
        Ok(good(answer)?.into_body().read_to_string()?)
    }

    /// Sends JSON and reads the answer as a stream.
    pub(super) fn post_for_stream(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Box<dyn Read>> {
        Ok(Box::new(self.send(path, body)?.into_body().into_reader()))
    }

    /// Sends JSON and reads the answer's.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        Ok(serde_json::from_str(&self.send(path, body)?.into_body().read_to_string()?)?)
    }

    fn send(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Answer> {
        let request = self.staffs(self.agent.post(format!("{}{path}", self.base)));
        let request = request.header("content-type", "application/json");
        good(request.send(serde_json::to_string(body)?).with_context(|| self.away())?)
    }

    /// The request as staff's.
    fn staffs<T>(&self, request: RequestBuilder<T>) -> RequestBuilder<T> {
        let request = request.header("authorization", format!("Bearer {}", self.token.as_str()));
        match self.proto {
            Some(proto) => request.header("x-forwarded-proto", proto),
            None => request,
        }
    }

    fn away(&self) -> String {
        format!("a process owns the data directory, but no server answers at {} (server.listen)", self.base)
    }
}

type Answer = ureq::http::Response<ureq::Body>;

/// The answer, or the problem it is.
fn good(answer: Answer) -> anyhow::Result<Answer> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let text = answer.into_body().read_to_string().unwrap_or_default();
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => match problem.detail {
            Some(detail) => bail!("{} ({})\n{detail}", problem.title, problem.code),
            None => bail!("{} ({})", problem.title, problem.code),
        },
        Err(_) => bail!("the server answered {status}"),
    }
}
