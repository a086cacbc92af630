//! A log that is not ours: leaves in memory, a key, and a second history that it may fall into.

use assent_core::checkpoint::{Checkpoint, SignedCheckpoint};
use assent_core::hash::Hash;
use assent_core::merkle::{RangeError, consistency_proof, leaf_hash, root_of};
use assent_core::note::{SignerKey, VerifierKey};
use assent_core::witness::AddCheckpoint;

pub(crate) const ORIGIN: &str = "log.example.org/clinic";

/// Two histories of one log: the same up to this size.
pub(crate) const SHARED: u64 = 5;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    One,
    Other,
}

pub(crate) fn key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, &[1; 32]).unwrap()
}

pub(crate) fn vkey() -> VerifierKey {
    key().verifier()
}

pub(crate) fn leaves(history: History, n: u64) -> Vec<Hash> {
    let other = u8::from(history == History::Other);
    (0..n).map(|i| leaf_hash(&[if i < SHARED { 0 } else { other }, i as u8])).collect()
}

pub(crate) fn checkpoint(history: History, n: u64) -> SignedCheckpoint {
    let head = Checkpoint::new(ORIGIN, n, root_of(&leaves(history, n))).unwrap();
    Checkpoint::verify(&head.sign(&key()).unwrap().to_string(), &vkey()).unwrap()
}

pub(crate) fn proof(history: History, old: u64, new: u64) -> Vec<Hash> {
    let leaves = leaves(history, new);
    let mut subtree = |level: u8, index: u64| -> Result<Hash, RangeError> {
        Ok(root_of(&leaves[(index << level) as usize..((index + 1) << level) as usize]))
    };
    consistency_proof(old, new, &mut subtree).unwrap()
}

pub(crate) fn request(history: History, old: u64, new: u64) -> String {
    let note = checkpoint(history, new).note().clone();
    AddCheckpoint::new(old, proof(history, old, new), note).unwrap().to_string()
}
