//! What a program says to Assent: decisions, questions, exports. Bodies are core's, so a changed body fails here first.

use assent_core::decision::{Act, Choice};
use assent_core::hash::{Hash, hex_encode};
use assent_core::ids::PurposeId;
use assent_core::note::VerifierKey;
use assent_core::notice::{Asked, Channel, Notice};
use assent_core::receipt::{Receipt, VerifiedReceipt};
use assent_core::record::{Record, Signals, Surface};
use assent_core::subject::SubjectToken;
use assent_core::wire::{
    DecisionRequest, MayRequest, MayResponse, SUBJECT_HEADER, SignUpRequest, StateResponse,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::ORIGIN;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::stack::Site;

/// Every name is this machine's: the C library does not resolve `*.localhost`, browsers do by themselves.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let here: Addrs = Box::new(std::iter::once(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        Box::pin(async { Ok(here) })
    }
}

/// A client that stays on this machine, follows no redirect and keeps no cookie.
pub(crate) fn client() -> Client {
    Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(Loopback))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client without TLS has nothing to load")
}

/// A new idempotency key.
pub(crate) fn key() -> String {
    hex_encode(&random())
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// Someone who keeps a subject token.
#[derive(Clone, Debug)]
pub(crate) struct Holder(pub(crate) SubjectToken);

impl Holder {
    /// Someone new.
    pub(crate) fn new() -> Self {
        Self(SubjectToken::from_random(random()))
    }
}

/// One site's addresses, spoken to over plain HTTP.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    staff_token: String,
    /// The site.
    pub(crate) site: Site,
}

impl Api {
    pub(super) fn new(client: Client, staff_token: &str, site: Site) -> Self {
        Self { client, staff_token: staff_token.to_string(), site }
    }

    /// `GET S/{path}`.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/{path}", self.site.api))
    }

    /// `POST S/{path}`.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}/{path}", self.site.api))
    }

    /// Any other request to `S/{path}`.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/{path}", self.site.api))
    }

    /// `GET` of a whole address.
    pub(crate) fn get_address(&self, address: &str) -> RequestBuilder {
        self.client.get(address)
    }

    /// The same with the staff token.
    pub(crate) fn as_staff(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.staff_token)
    }

    /// A list of addresses, for a reason.
    pub(crate) fn list_of(&self, path: &str) -> RequestBuilder {
        self.as_staff(self.get(path)).header("assent-reason", "November's newsletter")
    }

    /// The notice in force, and its hash.
    pub(crate) async fn notice(&self) -> (Notice, Hash) {
        let answer = self.get("notices/current").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let document = answer.bytes().await.unwrap();
        let notice: Notice = serde_json::from_slice(&document).unwrap();
        assert_eq!(notice.document(), document, "the notice is served as the very bytes that are hashed");
        let hash = notice.hash();
        (notice, hash)
    }

    /// The body of a decision that says the same of everything the banner asks.
    pub(crate) async fn says(&self, act: Act) -> DecisionRequest {
        let (notice, hash) = self.notice().await;
        let choice = if act == Act::AcceptAll { Choice::Yes } else { Choice::No };
        let choices = notice
            .asked_at(Asked::Banner)
            .filter(|purpose| purpose.is_choice())
            .map(|purpose| (purpose.id.clone(), choice))
            .collect();
        DecisionRequest {
            notice: hash,
            language: "en".into(),
            act,
            surface: Surface::FirstLayer,
            choices,
            signals: Signals::default(),
            age: None,
            acted: None,
        }
    }

    /// The body of a saved single choice.
    pub(crate) async fn saves(&self, choices: &[(&str, Choice)]) -> DecisionRequest {
        let choices: BTreeMap<_, _> =
            choices.iter().map(|(purpose, choice)| (PurposeId::new(purpose).unwrap(), *choice)).collect();
        let all = self.says(Act::RejectAll).await;
        DecisionRequest { act: Act::Save, surface: Surface::Preferences, choices, ..all }
    }

    /// Sends a decision as a page of the site would.
    pub(crate) fn decides(&self, holder: &Holder, key: &str, body: &DecisionRequest) -> RequestBuilder {
        self.post("decisions")
            .header(ORIGIN, &self.site.origin)
            .header(SUBJECT_HEADER, holder.0.reveal())
            .header("idempotency-key", key)
            .json(body)
    }

    /// Records a decision and gives the receipt, which must be good.
    pub(crate) async fn records(&self, holder: &Holder, body: &DecisionRequest) -> Receipt {
        let answer = self.decides(holder, &key(), body).send().await.unwrap();
        receipt(answer).await
    }

    /// What holds for someone.
    pub(crate) async fn state(&self, holder: &Holder) -> StateResponse {
        let answer = self.get("state").header(SUBJECT_HEADER, holder.0.reveal()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// The answer to asking for a receipt.
    pub(crate) async fn receipt(&self, holder: &Holder, id: &str) -> Response {
        self.get(&format!("receipts/{id}")).header(SUBJECT_HEADER, holder.0.reveal()).send().await.unwrap()
    }

    /// Someone's records, oldest first, each out of a receipt that was checked.
    pub(crate) async fn history(&self, holder: &Holder) -> Vec<Record> {
        let log_key = self.log_key().await;
        let mut records = Vec::new();
        for id in self.state(holder).await.receipts {
            let answer = self.receipt(holder, &id).await;
            assert_eq!(answer.status(), StatusCode::OK);
            let receipt = Receipt::parse(&answer.text().await.unwrap()).unwrap();
            records.push(record(&receipt.verify(Some(&log_key)).unwrap()));
        }
        records
    }

    /// Signs up for alerts.
    pub(crate) async fn signs_up(&self, holder: &Holder, body: &SignUpRequest) -> Response {
        self.post("alerts")
            .header(ORIGIN, &self.site.origin)
            .header(SUBJECT_HEADER, holder.0.reveal())
            .header("idempotency-key", key())
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// Whether an address may be written to.
    pub(crate) async fn may(&self, channel: Channel, address: &str, topic: &str) -> MayResponse {
        let body = MayRequest { channel, address: address.into(), topic: PurposeId::new(topic).unwrap() };
        let answer = self.as_staff(self.post("may")).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// An export's text: `ndjson` or `csv`, with further query parameters.
    pub(crate) async fn export(&self, format: &str, more: &str) -> String {
        let answer = self.as_staff(self.get(&format!("export?format={format}{more}"))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }

    /// The log's verifier key.
    pub(crate) async fn log_key(&self) -> VerifierKey {
        let text = self.get("log/key").send().await.unwrap().text().await.unwrap();
        VerifierKey::parse(text.trim_end()).unwrap()
    }
}

/// The receipt that a recorded decision is answered with.
pub(crate) async fn receipt(answer: Response) -> Receipt {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{text}");
    Receipt::parse(&text).unwrap()
}

/// The record in a receipt that was checked.
pub(crate) fn record(receipt: &VerifiedReceipt) -> Record {
    Record::from_bytes(receipt.record().as_bytes()).unwrap()
}
