//! What is asked, as bytes: decisions as the widget posts them, each by somebody new; tiles; receipts of people who decided; what staff ask.

use std::cell::Cell;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use assent_core::decision::{Act, Choice};
use assent_core::hash::hex_encode;
use assent_core::notice::Asked;
use assent_core::record::{Signals, Surface};
use assent_core::site::SiteFile;
use assent_core::subject::SubjectToken;
use assent_core::wire::{DecisionRequest, SUBJECT_HEADER};
use serde_json::json;

/// Asks about one site.
#[derive(Debug)]
pub(crate) struct Asker {
    head: String,
    site: String,
    origin: String,
    body: String,
    /// Drawn once; with a number it makes a token that was not used before.
    random: [u8; 8],
    next: Cell<u64>,
}

impl Asker {
    pub(crate) fn new(site: &SiteFile) -> Result<Self> {
        let notice = site.notice()?;
        let purposes = notice.asked_at(Asked::Banner).filter(|purpose| purpose.is_choice());
        let request = DecisionRequest {
            notice: notice.hash(),
            language: site.default_language.clone(),
            act: Act::AcceptAll,
            surface: Surface::FirstLayer,
            choices: purposes.map(|purpose| (purpose.id.clone(), Choice::Yes)).collect(),
            signals: Signals::default(),
            age: None,
            acted: Some(jiff::Timestamp::now().round(jiff::Unit::Millisecond)?.to_string()),
        };
        let host = site.public_url.split("://").nth(1).context("public_url has no scheme")?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Self {
            head: format!("HTTP/1.1\r\nhost: {host}\r\n"),
            site: site.id.to_string(),
            origin: site.origins.first().context("the site has no origin")?.clone(),
            body: serde_json::to_string(&request)?,
            random,
            next: Cell::new(0),
        })
    }

    /// What a token of somebody new is made of.
    fn somebody(&self) -> [u8; 16] {
        self.next.set(self.next.get() + 1);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.random);
        bytes[8..].copy_from_slice(&self.next.get().to_be_bytes());
        bytes
    }

    /// A decision of somebody new.
    pub(crate) fn decision(&self, bytes: &mut Vec<u8>) {
        let random = self.somebody();
        let token = SubjectToken::from_random(random).reveal();
        let key = hex_encode(&random);
        let Self { head, site, origin, body, .. } = self;
        let length = body.len();
        bytes.extend_from_slice(
            format!(
                "POST /v1/{site}/decisions {head}origin: {origin}\r\ncontent-type: application/json\r\n\
                 {SUBJECT_HEADER}: {token}\r\nidempotency-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    }

    /// A whole tile of the lowest level.
    pub(crate) fn tile(&self, number: u64, bytes: &mut Vec<u8>) {
        let path = assent_core::tile::Tile { level: 0, index: number, width: 256 };
        self.get(&format!("/v1/{}/log/{path}", self.site), "", bytes);
    }

    /// Somebody's receipt.
    pub(crate) fn receipt(&self, id: &str, token: &SubjectToken, bytes: &mut Vec<u8>) {
        let holder = format!("{SUBJECT_HEADER}: {}\r\n", token.reveal());
        self.get(&format!("/v1/{}/receipts/{id}", self.site), &holder, bytes);
    }

    /// May this address be written to about this topic by email?
    pub(crate) fn may(&self, topic: &str, address: &str, bytes: &mut Vec<u8>) {
        let body = json!({ "channel": "email", "topic": topic, "address": address });
        self.staff("may", &body, bytes);
    }

    /// The same for many at once.
    pub(crate) fn may_bulk(&self, topic: &str, addresses: &[String], bytes: &mut Vec<u8>) {
        let body = json!({ "channel": "email", "topic": topic, "addresses": addresses });
        self.staff("may/bulk", &body, bytes);
    }

    fn staff(&self, path: &str, body: &serde_json::Value, bytes: &mut Vec<u8>) {
        let Self { head, site, .. } = self;
        let (body, token) = (body.to_string(), crate::rig::STAFF);
        let length = body.len();
        bytes.extend_from_slice(
            format!(
                "POST /v1/{site}/{path} {head}authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    }

    /// Whether it takes decisions.
    pub(crate) fn ready(&self, bytes: &mut Vec<u8>) {
        self.get("/readyz", "", bytes);
    }

    /// Its figures, `standings_ready` among them.
    pub(crate) fn metrics(&self, bytes: &mut Vec<u8>) {
        self.get("/metrics", "", bytes);
    }

    fn get(&self, path: &str, headers: &str, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(format!("GET {path} {}{headers}\r\n", self.head).as_bytes());
    }
}

/// An address on the loopback that nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on the loopback")?;
    Ok(listener.local_addr()?)
}
