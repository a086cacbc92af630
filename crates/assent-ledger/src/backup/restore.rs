//! A log made of a copy, where there is none.
//!
//! What is written is what was copied; whether it is whole is what opening the log and checking it say. Not for a log that
//! is there: what was recorded after the copy would be lost.

use std::io;

use assent_core::hash::sha256;
use assent_core::merkle::{self, CompactTree};
use assent_core::tile::TILE_HEIGHT;

use super::{EMPTY, LogCopy, PER_PART, PartKind, Parts};
use crate::checkpoint_file::CheckpointFile;
use crate::draft::{LogConfig, Progress};
use crate::keys::{self, KeyStoreError};
use crate::store::{Batch, CommitError, Head, MarkKind, Store, StoreError};

/// Why a copy could not be made a log. What was written until then is to be thrown away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is a log of this site, or its keys.
    #[error("there is a log of `{0}` already: restore into an empty data directory")]
    Exists(String),
    /// A part cannot be read.
    #[error("part {number} of the backup cannot be read")]
    Part {
        /// Its place among the entries or slots.
        number: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A part is not what it should be, although it is what was kept.
    #[error("part {0} of the backup does not belong there")]
    Wrong(usize),
    /// The store did not take it.
    #[error("the store did not take it")]
    Commit(#[from] CommitError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be written.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The checkpoint's file could not be written.
    #[error("the checkpoint's file could not be written")]
    Checkpoint(#[source] io::Error),
}

/// Makes a log of a copy. Afterwards [`Ledger::open`](crate::Ledger::open) opens it, and its check says whether it is whole.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(
    copy: &LogCopy,
    parts: &dyn Parts,
    config: &LogConfig,
    store: &dyn Store,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), RestoreError> {
    if store.head(&copy.site)?.is_some() || config.keys.exists() || config.checkpoint.exists() {
        return Err(RestoreError::Exists(copy.site.to_string()));
    }
    let total = (copy.slots.len() + copy.entries.len()) as u64;
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress(Progress { done, total });
    };
    let get = |kind, number: usize, name| {
        parts.get(kind, name).map_err(|source| RestoreError::Part { number, source })
    };
    // Keys first: a row without its key would be damage, a key without its row is a spare.
    let log_keys = get(PartKind::Keys, 0, copy.log_keys)?;
    let escrow = copy.escrow.map(|name| get(PartKind::Keys, 0, name)).transpose()?;
    keys::restore_small_files(&config.keys, &log_keys, escrow.as_deref())?;
    for (number, name) in copy.slots.iter().enumerate() {
        let bytes = get(PartKind::Keys, number, *name)?;
        keys::restore_slots(&config.keys, number as u64 * PER_PART, &bytes)?;
        step();
    }
    let begin = Batch { expected: None, ..Batch::new(copy.site.clone(), EMPTY) };
    store.commit(begin)?;
    let (mut tree, mut head) = (CompactTree::new(), EMPTY);
    for (number, name) in copy.entries.iter().enumerate() {
        let batch = Batch::from_bytes(&get(PartKind::Log, number, *name)?);
        let batch = batch.and_then(|batch| placed(batch, head, &mut tree));
        let batch = batch.ok_or(RestoreError::Wrong(number))?;
        head = batch.head;
        store.commit(batch)?;
        step();
    }
    let marks = Batch::from_bytes(&get(PartKind::Log, copy.entries.len(), copy.marks)?);
    let marks = marks.filter(|marks| marks.entries.is_empty() && marks.site == copy.site);
    let mut marks = marks.ok_or(RestoreError::Wrong(copy.entries.len()))?.marks;
    // Rows may have been copied before the space of what went was given back, and the mark was read after.
    marks.retain(|mark| mark.kind != MarkKind::Owed);
    if (head.size, tree.root()) != (copy.size, copy.root) {
        return Err(RestoreError::Wrong(copy.entries.len()));
    }
    store.commit(Batch { marks, head: copy.head(), ..Batch::new(copy.site.clone(), head) })?;
    let (mut file, _) = CheckpointFile::open(&config.checkpoint).map_err(RestoreError::Checkpoint)?;
    file.write(&copy.checkpoint).map_err(RestoreError::Checkpoint)
}

/// A part of entries as the store takes it after `head`; nothing when it does not follow.
fn placed(mut batch: Batch, head: Head, tree: &mut CompactTree) -> Option<Batch> {
    if batch.first() != head.size || batch.entries.len() as u64 != batch.head.size.checked_sub(head.size)? {
        return None;
    }
    if batch.documents.iter().any(|(hash, document)| sha256(document) != *hash) {
        return None;
    }
    for (leaf, _) in &batch.entries {
        let hashes = &mut batch.hashes;
        tree.append_with(merkle::leaf_hash(leaf), &mut |level, index, root| {
            if level > 0 && level % TILE_HEIGHT == 0 {
                hashes.push((level / TILE_HEIGHT, index, root));
            }
        });
    }
    let time = batch.entries.last()?.1.time;
    batch.expected = Some(head);
    batch.head = Head { size: tree.size(), root: tree.root(), time, secrets: 0 };
    Some(batch)
}
