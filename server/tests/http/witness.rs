//! The witness over HTTP: every status of the protocol, asked without a socket.

use crate::log::{self, History, ORIGIN, request};
use assent_core::hash::sha256;
use assent_core::note::{Note, SignerKey, VerifierKey, WitnessKey};
use assent_core::policy::Policy;
use assent_core::witness::MAX_REQUEST_LEN;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt as _;
use server::http::witness_router;
use server::witness::Witness;
use server::witness::state::State;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// A witness of the test log on a folder of its own.
pub(crate) struct TestWitness {
    pub(crate) router: Router,
    pub(crate) key: VerifierKey,
    _folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl TestWitness {
    pub(crate) fn new(name: &str, seed: u8, prefix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = || WitnessKey::from_seed(name, &[seed; 32]).unwrap();
        let data = folder.path().join("witness");
        State::create(&data, &key().verifier()).unwrap();
        let policy = Policy::parse(&format!("log {}\nquorum none\n", log::vkey())).unwrap();
        let witness = Witness::open(&data, key(), &policy).unwrap();
        Self { router: witness_router(prefix, Arc::new(witness)), key: key().verifier(), _folder: folder }
    }

    async fn ask(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    async fn add(&self, body: impl Into<Body>) -> Answer {
        self.ask(Method::POST, "/add-checkpoint", body).await
    }
}

fn kind(answer: &Answer) -> &str {
    answer.headers[header::CONTENT_TYPE].to_str().unwrap()
}

#[tokio::test]
async fn every_status_of_the_protocol() {
    let witness = TestWitness::new("witness.example.org", 2, "");
    let first = witness.add(request(History::One, 0, 5)).await;
    assert_eq!((first.status, kind(&first)), (200, "text/plain; charset=utf-8"));
    let mut note = log::checkpoint(History::One, 5).note().to_string();
    note += &first.body;
    let verified = Note::parse(&note).unwrap().verify(std::slice::from_ref(&witness.key)).unwrap();
    let age = jiff::Timestamp::now().as_second() - verified[0].time.unwrap() as i64;
    assert!((0..60).contains(&age), "cosigned {age} seconds ago");

    let conflict = witness.add(request(History::One, 0, 7)).await;
    let told = (conflict.status, kind(&conflict), conflict.body.as_str());
    assert_eq!(told, (409, "text/x.tlog.size", "5\n"));

    let mut unsigned = log::checkpoint(History::One, 7).note().to_string();
    unsigned = unsigned.replace(&format!("\u{2014} {ORIGIN}"), "\u{2014} somebody.else");
    let empty = |root: &str| {
        let text = format!("{ORIGIN}\n0\n{root}\n");
        let mut note = Note::new(text.clone()).unwrap();
        note.push(log::key().sign(&text));
        format!("old 0\n\n{note}")
    };
    let good = request(History::One, 5, 7);
    let one = log::leaves(History::One, 1)[0].to_base64();
    for (status, body) in [
        (400, String::new()),
        (400, "hello".to_string()),
        (400, good.replacen("old 5", "old 05", 1)),
        (400, good.replacen("old 5\n", &format!("old 5\n{}", format!("{one}\n").repeat(63)), 1)),
        (400, good.replacen("old 5", "old 8", 1)),
        (400, good.replace('\u{2014}', "-")),
        (403, format!("old 5\n\n{unsigned}")),
        (403, good.replacen("\n7\n", "\n8\n", 1)),
        (404, good.replace(ORIGIN, "log.example.org/other")),
        (409, request(History::One, 3, 7)),
        (422, good.replacen(&log::proof(History::One, 5, 7)[0].to_base64(), &one, 1)),
        (422, request(History::Other, 5, 5).replacen("old 5\n", &format!("old 5\n{one}\n"), 1)),
        (422, empty(&one)),
    ] {
        let answer = witness.add(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(!answer.body.contains('\u{2014}'), "no cosignature comes with {status}");
    }
    assert_eq!(witness.add(good).await.status, 200);
    assert_eq!(witness.add(request(History::One, 7, 7)).await.status, 200, "again, with a newer time");
    // The log falls into its other history.
    assert_eq!(witness.add(request(History::Other, 7, 7)).await.status, 422);
    assert_eq!(witness.add(request(History::Other, 7, 9)).await.status, 422);

    let too_large = witness.add(vec![b'x'; MAX_REQUEST_LEN + 1]).await;
    assert_eq!((too_large.status, too_large.body.as_str()), (413, "at most 131072 bytes are taken\n"));
    assert_eq!(witness.ask(Method::GET, "/add-checkpoint", "").await.status, 405);
    assert_eq!(witness.ask(Method::GET, "/", "").await.status, 404);
}

#[tokio::test]
async fn monitors_read_the_newest_cosigned_checkpoint() {
    let witness = TestWitness::new("witness.example.org", 2, "/w1");
    let address = format!("/w1/{}/checkpoint", sha256(ORIGIN.as_bytes()));
    assert_eq!(witness.ask(Method::GET, &address, "").await.status, 404, "never cosigned");
    let grease = SignerKey::from_seed("grease", &[9; 32]).unwrap().sign("anything\n");
    let body = format!("{}{grease}", request(History::One, 0, 5));
    let line = witness.ask(Method::POST, "/w1/add-checkpoint", body).await.body;
    let newest = witness.ask(Method::GET, &address, "").await;
    assert_eq!((newest.status, kind(&newest)), (200, "text/plain; charset=utf-8"));
    assert_eq!(
        newest.body,
        log::checkpoint(History::One, 5).note().to_string() + &line,
        "no stranger's line"
    );
    for path in [
        format!("/{}/checkpoint", sha256(ORIGIN.as_bytes())),
        format!("/w1/{}/checkpoint", sha256(b"log.example.org/other")),
        format!("/w1/{}/checkpoint", sha256(ORIGIN.as_bytes()).to_hex().to_uppercase()),
        "/w1/../lock/checkpoint".to_string(),
        "/add-checkpoint".to_string(),
    ] {
        assert_eq!(witness.ask(Method::GET, &path, "").await.status, 404, "{path}");
    }
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(witness.ask(Method::GET, probe, "").await.status, 200);
    }
}
