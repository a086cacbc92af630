//! What each fuzz target does with its input: read it, and where that works, hold the reader to its word. One function
//! for each target of `fuzz_targets/`, so that this file is the list.
//!
//! A parser here has one spelling for each value, so what it reads it must print again, byte for byte; where a format is
//! JSON or TOML, reading what was printed must give the same value. Nothing may panic, whatever comes in.

#[path = "../../server/src/bundle/archive.rs"]
mod archive;
mod bundles;
#[allow(dead_code, reason = "the server asks for more")]
#[path = "../../server/src/bundle/check.rs"]
mod check;
#[allow(dead_code, reason = "the server asks for more")]
#[path = "../../server/src/copied_log.rs"]
mod copied_log;
#[path = "../../server/src/bundle/read.rs"]
mod read;

pub use bundles::{bundle, bundle_file};

use std::fmt::Debug;
use std::str::from_utf8;

use assent_core::checkpoint::Checkpoint;
use assent_core::choice_cookie::ChoiceCookie;
use assent_core::export_format::{ExportVerifier, Line};
use assent_core::hash::sha256;
use assent_core::note::{Note, NoteSignature, SignerKey, VerifierKey};
use assent_core::notice::Notice;
use assent_core::policy::Policy;
use assent_core::proof::TlogProof;
use assent_core::receipt::Receipt;
use assent_core::record::Record;
use assent_core::site::SiteFile;
use assent_core::subject::{SubjectId, SubjectToken};
use assent_core::tile::{TilePath, decode_bundle, decode_hashes, encode_bundle, encode_hashes};
use assent_core::view::Source;
use assent_core::wire::DecisionRequest;
use assent_core::witness::{AddCheckpoint, Seen, read_cosignatures, read_size};
use assent_core::{dpv, kantara, lint, view};
use serde_json::{from_slice, from_str, to_string};

/// The log of the vectors: seed 00 01 … 1f.
fn log_key() -> VerifierKey {
    let seed = std::array::from_fn(|i| i as u8);
    SignerKey::from_seed("privacy.example.org/v1/clinic/log", &seed).expect("a good name").verifier()
}

/// Signed with [`log_key`]: `tests/vectors/made/checkpoints.json`.
const CHECKPOINT: &str = "privacy.example.org/v1/clinic/log\n5\nidGsiktyj5h7f5WmCGezx7nYGJQJvswv4TNHHTSDiXk=\n\n\
    — privacy.example.org/v1/clinic/log icN+YeT6P6rmI9q8yfuEHbP75t7zKIRpRTPq9GC/sYQuw2tm92EKxZqNm9Z/u9cW9QjMsd0UdVwjruRpfr9IhbkxYw0=\n";

/// Fails unless what was printed reads as the same value again.
fn again<T: PartialEq + Debug, E: Debug>(value: &T, printed: Result<T, E>) {
    assert_eq!(printed.as_ref().ok(), Some(value), "read again: {:?}", printed.as_ref().err());
}

pub fn note(data: &[u8]) {
    let Ok(note) = Note::parse_bytes(data) else { return };
    assert_eq!(note.to_string().as_bytes(), data);
    let _ = note.verify(&[log_key()]);
    for line in note.signatures() {
        again(line, NoteSignature::parse(&line.to_string()));
    }
}

pub fn checkpoint(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(signed) = Checkpoint::verify(text, &log_key()) {
        assert_eq!(signed.note().to_string(), text);
        assert_eq!(signed.checkpoint().to_string(), signed.note().text());
    }
    let Ok(checkpoint) = Checkpoint::parse(text) else { return };
    assert_eq!(checkpoint.to_string(), text);
}

pub fn vkey(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = SignerKey::parse_private(text) {
        assert_eq!(*key.to_private(), text);
    }
}

pub fn tile_path(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Ok(path) = TilePath::parse(text) else { return };
    assert_eq!(path.to_string(), text);
}

/// The first two bytes are the width.
pub fn entry_bundle(data: &[u8]) {
    let Some((width, bytes)) = data.split_first_chunk() else { return };
    let Ok(entries) = decode_bundle(bytes, u16::from_be_bytes(*width)) else { return };
    assert_eq!(encode_bundle(&entries).expect("each came out of a bundle"), bytes);
}

/// The first two bytes are the width.
pub fn tile_hashes(data: &[u8]) {
    let Some((width, bytes)) = data.split_first_chunk() else { return };
    let Ok(hashes) = decode_hashes(bytes, u16::from_be_bytes(*width)) else { return };
    assert_eq!(encode_hashes(&hashes), bytes);
}

pub fn tlog_proof(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Ok(proof) = TlogProof::parse(text) else { return };
    assert_eq!(proof.to_string(), text);
    let _ = proof.verify(&sha256(b"leaf"), &log_key());
}

/// What a witness is sent, judged from nothing and from a tree as large as it says; and what a witness answers, over it.
pub fn add_checkpoint(data: &[u8]) {
    let _ = read_size(data);
    let Ok(request) = AddCheckpoint::parse_bytes(data) else { return };
    let text = request.to_string();
    assert_eq!(text.as_bytes(), data);
    let trusted = [log_key()];
    for seen in [Seen::NOTHING, Seen { size: request.old(), root: sha256(data) }] {
        if let Ok(signed) = request.judge(&trusted, &seen) {
            let _ = read_cosignatures(data, signed.note(), &trusted);
        }
    }
}

pub fn policy(data: &[u8]) {
    let Ok(policy) = Policy::parse_bytes(data) else { return };
    again(&policy, Policy::parse(&policy.to_string()));
    let Ok(signed) = policy.open(CHECKPOINT) else { return };
    let _ = policy.assess(&signed);
}

pub fn receipt(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Ok(receipt) = Receipt::parse(text) else { return };
    again(&receipt, Receipt::parse(&receipt.to_json()));
    let (alone, pinned) = (receipt.verify(None), receipt.verify(Some(receipt.key())));
    assert_eq!(alone.map_err(|error| error.code()).err(), pinned.map_err(|error| error.code()).err());
}

pub fn export(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let mut verifier = ExportVerifier::new(None);
    let mut fault = None;
    for line in text.lines() {
        if let Ok(parsed) = from_str::<Line>(line) {
            again(&parsed, from_str(&parsed.to_json()));
        }
        let found = verifier.line(line);
        if let Some(fault) = &fault {
            assert_eq!(found.as_ref().err(), Some(fault), "a fault stays");
        }
        fault = fault.or(found.err());
    }
    let end = verifier.finish();
    assert!(fault.is_none() || end.err() == fault, "a fault stays to the end");
}

pub fn choice_cookie(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Some(cookie) = ChoiceCookie::parse(text) else { return };
    again(&cookie, ChoiceCookie::parse(&cookie.to_value()).ok_or("unreadable"));
}

pub fn subject_token(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(token) = SubjectToken::parse(text) {
        assert_eq!(token.reveal(), text);
        again(&token.id(), SubjectId::parse(&token.id().to_string()));
    }
    if let Ok(id) = SubjectId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
}

pub fn notice(data: &[u8]) {
    let Ok(notice) = from_slice::<Notice>(data) else { return };
    let document = notice.document();
    let read: Notice = from_slice(&document).expect("a document we wrote");
    assert_eq!((&read, read.document()), (&notice, document));
    let _ = (lint::check(&notice), view::gaps(&notice));
    if !notice.languages.is_empty() {
        let _ = notice.text(["cy-GB", ""]);
    }
}

pub fn site_file(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Ok(written) = toml::from_str::<serde_json::Value>(text) else { return };
    let _ = lint::check_keys(&written);
    let Ok(file) = toml::from_str::<SiteFile>(text) else { return };
    again(&file, toml::from_str(&toml::to_string(&file).expect("TOML can say what it said")));
    let _ = (file.log_origin(), file.allows_origin("https://www.example.org"));
    let Ok(made) = file.notice() else { return };
    notice(&made.document());
}

pub fn decision_request(data: &[u8]) {
    let Ok(request) = from_slice::<DecisionRequest>(data) else { return };
    again(&request, from_str(&to_string(&request).expect("a body we read")));
}

/// A record, a zero byte, a notice. The record is made to name the notice, because no fuzzer finds a hash.
pub fn views(data: &[u8]) {
    let Some(middle) = data.iter().position(|byte| *byte == 0) else { return };
    let (record, document) = (&data[..middle], &data[middle + 1..]);
    let Ok(mut record) = Record::from_bytes(record) else { return };
    again(&record, Record::from_bytes(&record.to_bytes()));
    record.notice = sha256(document);
    let Ok(source) = Source::new(&record.to_bytes(), document, "https://privacy.example.org/v1/clinic")
    else {
        return;
    };
    let graph = dpv::record(&source);
    assert_eq!(
        graph["@graph"].as_array().map(Vec::len),
        Some(record.decisions.len()),
        "one for each decision"
    );
    let _ = (dpv::receipt(&source), kantara::receipt(&source));
}
