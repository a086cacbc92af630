//! The log's side of witnessing, over real connections: good witnesses, and every kind of bad one.

use crate::log::{History, checkpoint, proof, request};
use crate::witness::TestWitness;
use assent_core::hash::Hash;
use assent_core::note::{NoteSignature, SignerKey, VerifierKey, WitnessKey};
use assent_core::policy::{Policy, Quorum};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use server::deliver::Unreachable;
use server::deliver::witness::{Cosigned, NotAskable, Reason, Witnesses};
use std::future::IntoFuture as _;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// Long enough for everything that answers at all.
const PATIENT: Duration = Duration::from_secs(20);
/// For those that never do.
const BRIEF: Duration = Duration::from_millis(300);

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves until the test ends.
async fn serves(router: Router) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}")
}

/// A server that answers every request so.
async fn answers<T: IntoResponse + Clone + Send + Sync + 'static>(answer: T) -> String {
    serves(Router::new().fallback(post(async move || answer))).await
}

/// A server that sends these bytes to whoever connects, and then nothing more. Its thread ends with the test.
fn sends(bytes: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            connection.write_all(bytes).unwrap();
            open.push(connection);
        }
    });
    format!("http://{address}")
}

fn witness_key(n: u8) -> WitnessKey {
    WitnessKey::from_seed(&format!("witness.example/{n}"), &[n; 32]).unwrap()
}

/// A policy of these witnesses, all of whom must cosign.
fn policy(witnesses: &[(&str, VerifierKey, &str)]) -> Policy {
    let mut text = String::new();
    for (name, key, url) in witnesses {
        text += &format!("witness {name} {key} {url}\n");
    }
    let names: Vec<&str> = witnesses.iter().map(|(name, ..)| *name).collect();
    text += &format!("group all all {}\nquorum all\n", names.join(" "));
    Policy::parse(&text).unwrap()
}

async fn cosign(witnesses: &Arc<Witnesses>, history: History, size: u64) -> Cosigned {
    let witnesses = Arc::clone(witnesses);
    let ask = move || {
        let make = |old: u64| -> anyhow::Result<Vec<Hash>> { Ok(proof(history, old, size)) };
        witnesses.cosign(&checkpoint(history, size), make)
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// One witness that cannot help, and why.
async fn reason_of(url: &str, timeout: Duration) -> Reason {
    let policy = policy(&[("w", witness_key(1).verifier(), url)]);
    let witnesses = Arc::new(Witnesses::new(policy, timeout).unwrap());
    let mut cosigned = cosign(&witnesses, History::One, 7).await;
    assert_eq!(cosigned.assessment.quorum, Quorum::Missing);
    assert_eq!(cosigned.checkpoint, checkpoint(History::One, 7), "nothing was added");
    cosigned.failed.remove(0).reason
}

#[tokio::test(flavor = "multi_thread")]
async fn two_good_witnesses_and_a_growing_log() {
    let (one, two) =
        (TestWitness::new("witness.example/1", 1, "/w"), TestWitness::new("witness.example/2", 2, ""));
    let policy = policy(&[
        ("one", one.key.clone(), &format!("{}/w/", serves(one.router.clone()).await)),
        ("two", two.key.clone(), &serves(two.router.clone()).await),
    ]);
    let witnesses = Arc::new(Witnesses::new(policy, PATIENT).unwrap());
    for size in [3, 5, 5, 6, 12] {
        let cosigned = cosign(&witnesses, History::One, size).await;
        assert!(cosigned.failed.is_empty(), "{:?}", cosigned.failed);
        assert_eq!(cosigned.assessment.quorum, Quorum::Met);
        let keys = [one.key.clone(), two.key.clone()];
        assert_eq!(cosigned.checkpoint.cosignatures(&keys).unwrap().len(), 2);
    }
    // Another process of the same log knows nothing yet, and is told.
    let fresh = Arc::new(Witnesses::new(witnesses.policy().clone(), PATIENT).unwrap());
    assert_eq!(cosign(&fresh, History::One, 14).await.assessment.quorum, Quorum::Met);
    // What the first one remembers is old now, and is put right.
    assert_eq!(cosign(&witnesses, History::One, 20).await.assessment.quorum, Quorum::Met);
    // A log that went back, and one in another history, get nothing.
    for failed in cosign(&witnesses, History::One, 6).await.failed {
        assert!(matches!(failed.reason, Reason::Ahead { seen: 20, size: 6 }), "{failed:?}");
    }
    let forked = cosign(&witnesses, History::Other, 30).await;
    assert_eq!(forked.assessment.quorum, Quorum::Missing);
    for failed in forked.failed {
        assert!(matches!(failed.reason, Reason::Status { status: 422 }), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_witness_does_not_keep_a_good_one_away() {
    let good = TestWitness::new("witness.example/1", 1, "");
    let policy = policy(&[
        ("hangs", witness_key(2).verifier(), &sends(b"")),
        ("good", good.key.clone(), &serves(good.router.clone()).await),
        (
            "fails",
            witness_key(3).verifier(),
            &answers((axum::http::StatusCode::INTERNAL_SERVER_ERROR, "")).await,
        ),
    ]);
    let witnesses = Arc::new(Witnesses::new(policy, Duration::from_secs(2)).unwrap());
    let cosigned = cosign(&witnesses, History::One, 7).await;
    assert_eq!(cosigned.assessment.quorum, Quorum::Missing, "all three were wanted");
    assert_eq!(cosigned.assessment.cosigned_by[0].witness, "good");
    assert_eq!(cosigned.checkpoint.cosignatures(&[good.key]).unwrap().len(), 1);
    let failed: Vec<&str> = cosigned.failed.iter().map(|failed| failed.witness.as_str()).collect();
    assert_eq!(failed, ["hangs", "fails"]);
    assert!(matches!(cosigned.failed[0].reason, Reason::Unreachable(Unreachable::TimedOut)));
    assert!(matches!(cosigned.failed[1].reason, Reason::Status { status: 500 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_in_every_place() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 104\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 104\r\n\r\n\xe2\x80\x94 witness.example/1",
        b"HTTP/1.1 409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 2\r\n\r\n",
    ] {
        let reason = reason_of(&sends(bytes), BRIEF).await;
        assert!(matches!(reason, Reason::Unreachable(Unreachable::TimedOut)), "{reason:?}");
    }
    // Nobody listens there.
    let (listener, address) = listen().await;
    drop(listener);
    let reason = reason_of(&format!("http://{address}"), PATIENT).await;
    assert!(matches!(reason, Reason::Unreachable(Unreachable::Failed(_))), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_of_every_kind() {
    let status = |reason: &Reason| match reason {
        Reason::Status { status } => *status,
        _ => 0,
    };
    // A redirect is not followed, even to a good witness.
    let good = TestWitness::new("witness.example/1", 1, "");
    let to = serves(good.router.clone()).await;
    let redirects = answers(axum::response::Redirect::temporary(&format!("{to}/add-checkpoint"))).await;
    assert_eq!(status(&reason_of(&redirects, PATIENT).await), 307);
    for code in [400, 403, 404, 409, 413, 422, 500, 503] {
        let url = answers((axum::http::StatusCode::from_u16(code).unwrap(), "5\n")).await;
        assert_eq!(status(&reason_of(&url, PATIENT).await), code, "409 without its type is only a status");
    }

    let text = checkpoint(History::One, 7).note().text().to_string();
    let line = |text: &str| witness_key(1).cosign(text, 1).to_string();
    let stranger = WitnessKey::from_seed("witness.example/1", &[9; 32]).unwrap().cosign(&text, 1).to_string();
    let plain = SignerKey::from_seed("witness.example/1", &[1; 32]).unwrap().sign(&text).to_string();
    let renamed = NoteSignature::parse(&stranger).unwrap();
    let renamed =
        NoteSignature::new("witness.example/1", witness_key(1).verifier().id(), renamed.signature().to_vec());
    for body in [
        String::new(),
        "<html>\n".into(),
        stranger.clone(),
        plain,
        line("another text\n"),
        renamed.unwrap().to_string(),
        line(&text).trim_end().into(),
        format!("{}<html>\n", line(&text)),
        format!("{stranger}{}", line("another text\n")),
    ] {
        let reason = reason_of(&answers(body.clone()).await, PATIENT).await;
        assert!(matches!(reason, Reason::Answer(_)), "{reason:?} for {body}");
    }
    for size in ["", "five\n", "05\n", "3", "-1\n"] {
        let conflict = (axum::http::StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], size);
        let reason = reason_of(&answers(conflict).await, PATIENT).await;
        assert!(matches!(reason, Reason::Answer(_)), "{reason:?} for {size:?}");
    }
    let reason = reason_of(&sends(b"what?\r\n\r\n"), PATIENT).await;
    assert!(matches!(reason, Reason::Unreachable(Unreachable::Failed(_))), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_cut_off() {
    let endless = async || Body::from_stream(Endless(Bytes::from(vec![b'x'; 64 * 1024])));
    let reason = reason_of(&serves(Router::new().fallback(post(endless))).await, PATIENT).await;
    assert!(matches!(reason, Reason::Unreachable(Unreachable::TooLong { .. })), "{reason:?}");
    // 1,003 bytes of gzip (made by Python) that unpack to a million: what counts is what comes out.
    let head = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00,
        0x82, 0x20, 0xff, 0xaf, 0x6e, 0x48, 0x40, 0x01,
    ];
    let tail = [0xaf, 0x06, 0x9e, 0xcb, 0x79, 0x12, 0x40, 0x42, 0x0f, 0x00];
    let bomb: Vec<u8> = [&head[..], &[0; 968], &tail].concat();
    let url = answers(([(header::CONTENT_ENCODING, "gzip")], bomb)).await;
    let reason = reason_of(&url, PATIENT).await;
    assert!(matches!(reason, Reason::Unreachable(Unreachable::TooLong { .. })), "{reason:?}");
}

/// The same chunk for ever.
struct Endless(Bytes);

impl futures_core::Stream for Endless {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Ok(self.0.clone())))
    }
}

/// A witness is asked at most twice, whatever it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_names_another_size_each_time_is_left_alone() {
    let asked = Arc::new(AtomicUsize::new(0));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let (counted, kept) = (Arc::clone(&asked), Arc::clone(&bodies));
    let moody = async move |body: String| {
        let count = counted.fetch_add(1, Ordering::SeqCst);
        kept.lock().unwrap().push(body);
        let size = format!("{}\n", count + 1);
        (axum::http::StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], size)
    };
    let reason = reason_of(&serves(Router::new().fallback(post(moody))).await, PATIENT).await;
    assert!(matches!(reason, Reason::Conflict), "{reason:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies[0], request(History::One, 0, 7));
    assert_eq!(bodies[1], request(History::One, 1, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_cannot_be_made_is_said() {
    let witness = TestWitness::new("witness.example/1", 1, "");
    let policy = policy(&[("w", witness.key.clone(), &serves(witness.router.clone()).await)]);
    let witnesses = Arc::new(Witnesses::new(policy, PATIENT).unwrap());
    cosign(&witnesses, History::One, 3).await;
    let ask = move || witnesses.cosign(&checkpoint(History::One, 7), |_| anyhow::bail!("the disk is gone"));
    let cosigned = tokio::task::spawn_blocking(ask).await.unwrap();
    assert!(matches!(cosigned.failed[0].reason, Reason::Proof { old: 3, .. }), "{:?}", cosigned.failed);
}

#[test]
fn a_policy_whose_witnesses_have_no_address_is_refused() {
    let key = witness_key(1).verifier();
    let with = |url: &str| {
        let policy = Policy::parse(&format!("witness w {key} {url}\nquorum w\n")).unwrap();
        Witnesses::new(policy, PATIENT).map(drop)
    };
    assert_eq!(with(""), Err(NotAskable::NoUrl { witness: "w".into() }));
    for url in ["witness.example.org", "ftp://witness.example.org", "/w", "http://"] {
        assert_eq!(with(url), Err(NotAskable::BadUrl { witness: "w".into() }), "{url}");
    }
    assert_eq!(with("https://witness.example.org/w1/"), Ok(()));
}
