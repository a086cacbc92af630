//! Somebody else's log, served as C2SP tlog-tiles by this test: honest, or with two histories, or broken on purpose.
//!
//! It is put together with core's tree functions only and knows nothing of Assent's own log.

use assent_core::checkpoint::Checkpoint;
use assent_core::hash::{Hash, sha256};
use assent_core::merkle::{RangeError, consistency_proof, leaf_hash, root_of};
use assent_core::note::{NoteSignature, SignerKey, VerifierKey};
use assent_core::tile::{TilePath, encode_bundle, encode_hashes};
use assent_core::witness::AddCheckpoint;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};

/// One log and the server that shows it. Ends with the test.
#[derive(Clone)]
pub(crate) struct OtherLog {
    key: Arc<SignerKey>,
    shown: Arc<Mutex<Shown>>,
    /// What stands before `/checkpoint` and `/tile`.
    pub(crate) url: String,
}

/// What is served now.
#[derive(Default)]
struct Shown {
    entries: Vec<Vec<u8>>,
    /// Lines of witnesses.
    lines: Vec<NoteSignature>,
    /// Files that are answered otherwise.
    instead: BTreeMap<String, Answer>,
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// An entry: which history it is of, and its number.
fn entry(history: char, number: u64) -> Vec<u8> {
    format!("{history}{number}").into_bytes()
}

/// Entries of one history: `shared` of the first, then those of `history` up to `size`.
pub(crate) fn entries(shared: u64, history: char, size: u64) -> Vec<Vec<u8>> {
    (0..size).map(|number| entry(if number < shared { 'a' } else { history }, number)).collect()
}

fn leaves(entries: &[Vec<u8>]) -> Vec<Hash> {
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

impl OtherLog {
    /// A log with this origin, still empty, shown on a port of its own.
    pub(crate) async fn starts(origin: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/log", listener.local_addr().unwrap());
        let key = Arc::new(SignerKey::from_seed(origin, &sha256(origin.as_bytes()).0).unwrap());
        let log = Self { key, shown: Arc::default(), url };
        let router = Router::new().route("/log/{*path}", get(file)).with_state(log.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        log
    }

    /// The key it signs with.
    pub(crate) fn key(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// Shows these entries from now on, cosigned by nobody and with nothing broken.
    pub(crate) fn shows(&self, entries: Vec<Vec<u8>>) {
        *self.shown.lock().unwrap() = Shown { entries, ..Shown::default() };
    }

    /// Answers for one file with this instead: status, headers, body.
    pub(crate) fn answers(
        &self,
        path: &str,
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) {
        self.shown.lock().unwrap().instead.insert(path.to_string(), (status, headers, body));
    }

    /// Shows a line of a witness on the checkpoint as well.
    pub(crate) fn carries(&self, line: NoteSignature) {
        self.shown.lock().unwrap().lines.push(line);
    }

    /// The signed checkpoint over these entries.
    pub(crate) fn checkpoint(&self, entries: &[Vec<u8>]) -> assent_core::note::Note {
        let root = root_of(&leaves(entries));
        Checkpoint::new(self.key.name(), entries.len() as u64, root).unwrap().sign(&self.key).unwrap()
    }

    /// The request that a witness which last cosigned `old` of these entries cosign all of them.
    pub(crate) fn request(&self, old: u64, entries: &[Vec<u8>]) -> String {
        let leaves = leaves(entries);
        let proof = consistency_proof(old, leaves.len() as u64, &mut subtrees(&leaves)).unwrap();
        AddCheckpoint::new(old, proof, self.checkpoint(entries)).unwrap().to_string()
    }

    /// What is served at a path now.
    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        let shown = self.shown.lock().unwrap();
        if path == "checkpoint" {
            let mut note = self.checkpoint(&shown.entries);
            shown.lines.iter().for_each(|line| note.push(line.clone()));
            return Some(note.to_string().into_bytes());
        }
        match TilePath::parse(path).ok()? {
            TilePath::Hashes(tile) => {
                let span = 256_u64.pow(u32::from(tile.level)) as usize;
                let leaves = leaves(&shown.entries);
                let first = tile.index as usize * 256;
                let items: Option<Vec<Hash>> = (first..first + usize::from(tile.width))
                    .map(|item| leaves.get(item * span..(item + 1) * span).map(root_of))
                    .collect();
                Some(encode_hashes(&items?))
            }
            TilePath::Entries(bundle) => {
                let first = bundle.index as usize * 256;
                let entries = shown.entries.get(first..first + usize::from(bundle.width))?;
                Some(encode_bundle(entries).unwrap())
            }
        }
    }
}

/// Roots of subtrees, from all leaf hashes.
fn subtrees(leaves: &[Hash]) -> impl FnMut(u8, u64) -> Result<Hash, RangeError> + use<'_> {
    |level, index| Ok(root_of(&leaves[(index << level) as usize..((index + 1) << level) as usize]))
}

async fn file(State(log): State<OtherLog>, Path(path): Path<String>) -> Response {
    let instead = log.shown.lock().unwrap().instead.get(&path).cloned();
    let (status, headers, body) = match (instead, log.content(&path)) {
        (Some(answer), _) => answer,
        (None, Some(body)) => (200, Vec::new(), body),
        (None, None) => (404, Vec::new(), Vec::new()),
    };
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
