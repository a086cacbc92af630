//! The witness over HTTP: every status of the protocol, asked without a socket.

use crate::log::{self, History, ORIGIN, request};
use assent_core::hash::sha256;
use assent_core::note::{Note, SignerKey, VerifierKey, WitnessKey};
use assent_core::policy::Policy;
use assent_core::witness::MAX_REQUEST_LEN;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, header};
use futures_core::Stream;
use http_body_util::BodyExt as _;
use server::http::witness_router;
use server::witness::Witness;
use server::witness::state::{State, origin_hash};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// A witness of the test log on a folder of its own.
pub(crate) struct TestWitness {
    pub(crate) router: Router,
    pub(crate) key: VerifierKey,
    witness: Arc<Witness>,
    folder: TempDir,
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
        let witness = Arc::new(Witness::open(&data, key(), &policy).unwrap());
        let router = witness_router(prefix, Arc::clone(&witness));
        Self { router, key: key().verifier(), witness, folder }
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

/// What cannot be kept is not given, and nothing more is until somebody read what is on the disk.
#[tokio::test]
async fn a_write_that_fails_gives_nothing_and_stops_that_log_until_a_restart() {
    let witness = TestWitness::new("witness.example.org", 2, "");
    assert_eq!(witness.add(request(History::One, 0, 5)).await.status, 200);
    // The new file cannot be made: something that is no file has its name.
    let beside = witness.folder.path().join("witness/logs").join(format!("{}.new", origin_hash(ORIGIN)));
    std::fs::create_dir(&beside).unwrap();
    let failed = witness.add(request(History::One, 5, 7)).await;
    assert_eq!((failed.status, kind(&failed)), (500, "text/plain; charset=utf-8"));
    assert!(
        failed.body.contains("could not be kept") && !failed.body.contains('\u{2014}'),
        "{}",
        failed.body
    );
    // Also once it could be kept: which of the two is on the disk was not read yet.
    std::fs::remove_dir(&beside).unwrap();
    for again in [request(History::One, 5, 7), request(History::One, 5, 5)] {
        let stopped = witness.add(again).await;
        assert_eq!(stopped.status, 503, "{}", stopped.body);
        assert!(
            stopped.body.contains("after a restart") && !stopped.body.contains('\u{2014}'),
            "{}",
            stopped.body
        );
        assert!(!stopped.headers.contains_key(header::RETRY_AFTER), "no waiting helps");
    }
    let ready = witness.ask(Method::GET, "/readyz", "").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "not ready\n"));
    assert_eq!(witness.ask(Method::GET, "/healthz", "").await.status, 200);
    let newest = witness.ask(Method::GET, &format!("/{}/checkpoint", origin_hash(ORIGIN)), "").await;
    assert_eq!((newest.status, newest.body.lines().nth(1)), (200, Some("5")), "monitors read on");
}

/// A cosignature says when: nobody signs a time that they do not see.
#[tokio::test]
async fn a_clock_that_went_back_says_when_to_come_again() {
    let witness = TestWitness::new("witness.example.org", 2, "");
    let later = server::app::now() / 1000 + 3600;
    witness.witness.add_checkpoint(request(History::One, 0, 5).as_bytes(), later).unwrap();
    let answer = witness.add(request(History::One, 5, 7)).await;
    assert_eq!((answer.status, answer.headers[header::RETRY_AFTER].to_str().unwrap()), (503, "5"));
    assert!(answer.body.contains("clock") && !answer.body.contains('\u{2014}'), "{}", answer.body);
    assert_eq!(witness.ask(Method::GET, "/readyz", "").await.status, 200, "it goes on by itself");
    let newest = witness.ask(Method::GET, &format!("/{}/checkpoint", origin_hash(ORIGIN)), "").await;
    assert_eq!(newest.body.lines().nth(1), Some("5"));
}

/// A body of one part, which then breaks off, or says nothing more.
struct Unfinished {
    part: Option<Bytes>,
    breaks: bool,
}

impl Stream for Unfinished {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.part.take() {
            Some(part) => Poll::Ready(Some(Ok(part))),
            None if self.breaks => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            None => Poll::Pending,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_no_request() {
    let witness = TestWitness::new("witness.example.org", 2, "");
    let good = request(History::One, 0, 5);
    for (breaks, status, said) in
        [(false, 408, "the body took too long\n"), (true, 400, "the body ended before it was complete\n")]
    {
        // All of it but the end, and all of it without an end.
        for length in [good.len() - 1, good.len()] {
            let part = Some(Bytes::copy_from_slice(&good.as_bytes()[..length]));
            let answer = witness.add(Body::from_stream(Unfinished { part, breaks })).await;
            assert_eq!((answer.status, answer.body.as_str()), (status, said));
        }
    }
    let address = format!("/{}/checkpoint", origin_hash(ORIGIN));
    assert_eq!(witness.ask(Method::GET, &address, "").await.status, 404, "nothing was cosigned");
}
