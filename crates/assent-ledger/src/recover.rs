//! What start-up compares, repairs or refuses; run again after an unknown outcome.
//!
//! The store, the checkpoint file and the keystore each know how far the log went. A crash can leave the store ahead of
//! the file, secrets that nobody got, and erasures, purges and moves into or out of the escrow that were begun; all are repaired or
//! finished. Everything else was done by somebody, and is refused with the way out. Not the sweep over everything that is kept (`check.rs`).

use std::sync::{Arc, PoisonError};

use assent_core::checkpoint::Checkpoint;
use assent_core::merkle::{self, CompactTree};

use crate::append::Tail;
use crate::checkpoint_file::CheckpointFile;
use crate::draft::Published;
use crate::erase;
use crate::error::{OpenError, ReadError};
use crate::shared::Shared;
use crate::store::{DocumentKind, Head};
use crate::tree::StoredTree;

/// Leaves read at once when what was stored is hashed again.
const CHUNK: u64 = 4096;
/// How far the clock may be behind the newest entry: a day covers time zones set wrong and leap smears.
const CLOCK_SLACK_MS: u64 = 24 * 60 * 60 * 1000;

/// Compares the store with the checkpoint file and the keystore, and vouches for what a crash left between them.
pub(crate) fn recover(shared: &Shared) -> Result<Tail, OpenError> {
    // What a commit of unknown outcome stored may become visible here, if not before.
    shared.changes.not_known();
    let tail = look(shared)?;
    shared.changes.known();
    Ok(tail)
}

fn look(shared: &Shared) -> Result<Tail, OpenError> {
    let site = shared.config.site.to_string();
    let head = shared.store.head(&shared.config.site)?.ok_or(OpenError::NoLog { site: site.clone() })?;
    let now = shared.outside.clock.now();
    if head.time > now.saturating_add(CLOCK_SLACK_MS) && !shared.config.accept_clock {
        return Err(OpenError::ClockBack { site, newest: head.time, now });
    }
    let newest = {
        let path = &shared.config.checkpoint;
        let opened = CheckpointFile::open(path);
        let (file, newest) =
            opened.map_err(|source| OpenError::CheckpointFile { path: path.clone(), source })?;
        *shared.checkpoint_file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        newest
    };
    // An empty log without a checkpoint is one whose creation was cut short.
    let (signed_size, signed_root) = match newest {
        Some(text) => {
            let signed = Checkpoint::verify(&text, &shared.vkey)
                .map_err(|source| OpenError::CheckpointForeign { site: site.clone(), source })?;
            (signed.checkpoint().size, signed.checkpoint().root)
        }
        None if head.size == 0 => (0, merkle::EMPTY_ROOT),
        None => {
            let path = shared.config.checkpoint.clone();
            return Err(OpenError::CheckpointMissing { site, store: head.size, path });
        }
    };
    if head.size < signed_size {
        return Err(OpenError::StoreBehind { site, store: head.size, signed: signed_size });
    }
    let signed_tree = match StoredTree::new(&*shared.store, &shared.config.site).frontier(signed_size) {
        // That it could not be read says nothing about what is there.
        Err(ReadError::Store(error)) => return Err(error.into()),
        tree => tree.ok().filter(|tree| tree.root() == signed_root),
    };
    let signed_tree = signed_tree.ok_or(OpenError::StoreDiffers { site, signed: signed_size })?;
    let (checkpoint, tree) = vouch(shared, signed_tree, head)?;
    // The file first: nobody may see a checkpoint that a roll-back of the store could take back unnoticed for long.
    let mut file = shared.checkpoint_file.lock().unwrap_or_else(PoisonError::into_inner);
    file.write(&checkpoint)
        .map_err(|source| OpenError::CheckpointFile { path: shared.config.checkpoint.clone(), source })?;
    drop(file);
    shared.keys.resume(head.secrets)?;
    shared.publish(Published { size: head.size, root: head.root, checkpoint });
    erase::finish_what_was_begun(shared)?;
    let published = shared.store.published(&shared.config.site)?;
    let newest = |kind| published.iter().rev().find(|document| document.kind == kind).copied();
    let (notice, change) = (newest(DocumentKind::Notice), newest(DocumentKind::Change));
    Ok(Tail { head, tree, notice, change })
}

/// Vouches for what the store holds up to `head`, given the tree that was vouched for before: hashes again what was
/// stored, not what is in memory, and signs. A bit that flipped on the way must not be signed.
///
/// Deterministic (Ed25519): vouching for the same head again gives the same bytes.
pub(crate) fn vouch(
    shared: &Shared,
    mut tree: CompactTree,
    head: Head,
) -> Result<(Arc<str>, CompactTree), OpenError> {
    let site = &shared.config.site;
    let from = tree.size();
    let damaged = || OpenError::StoreDamaged { site: site.to_string(), from, to: head.size };
    while tree.size() < head.size {
        let range = tree.size()..head.size.min(tree.size() + CHUNK);
        let leaves = shared.store.leaves(site, range.clone())?;
        if leaves.len() as u64 != range.end - range.start {
            return Err(damaged());
        }
        leaves.iter().for_each(|leaf| tree.append(merkle::leaf_hash(leaf)));
    }
    if tree.root() != head.root || shared.store.head(site)? != Some(head) {
        return Err(damaged());
    }
    let signed = match shared.sign(head.size, head.root) {
        Err(ReadError::Store(error)) => return Err(error.into()),
        signed => signed.map_err(|_| damaged())?,
    };
    Ok((signed, tree))
}
