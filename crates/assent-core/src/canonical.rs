//! Canonical JSON (RFC 8785) for the documents that are hashed: records and notices.
//!
//! Our documents hold strings, whole numbers below 2^53, lists and objects with ASCII keys, and for those
//! `serde_json` with sorted keys writes exactly what RFC 8785 asks; a test compares it with another implementation.
//! Not a general canonicaliser. Nothing is ever re-serialised to be verified: bytes are kept.

use alloc::vec::Vec;
use serde::Serialize;

/// The canonical bytes of one of our own documents.
pub(crate) fn to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    // Through `Value`, whose objects are sorted maps.
    serde_json::to_value(document)
        .and_then(|value| serde_json::to_vec(&value))
        .expect("our documents have text keys and finite numbers")
}

/// The same of a document whose fields, and theirs, are declared in the order of their names: nothing has to be sorted.
pub(crate) fn sorted_to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("our documents have text keys and finite numbers")
}
