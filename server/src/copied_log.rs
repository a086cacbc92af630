//! Checking a copy of a log's public files (C2SP tlog-tiles): does every entry lead to the head that was signed?
//!
//! All entries are read in order and hashed into the tree; each tile is compared with what they come to, at every level, and the
//! root with the checkpoint. Memory holds one tile a level. The files come from a function, so that a folder and an archive are
//! checked by the same code; what entries mean is not looked at here.

use assent_core::checkpoint::{Checkpoint, CheckpointVerifyError, SignedCheckpoint};
use assent_core::hash::Hash;
use assent_core::merkle::{CompactTree, leaf_hash};
use assent_core::note::{Note, NoteVerifyError, VerifierKey};
use assent_core::tile::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile, decode_bundle, encode_hashes};
use std::io;

const WIDTH: u64 = TILE_WIDTH as u64;

/// Reads a file of the log by its path, as `tile/0/000`; nothing when there is none.
pub type ReadFile<'a> = dyn FnMut(&str) -> io::Result<Option<Vec<u8>>> + 'a;

/// Is shown each entry, by number, with the tree that ends with it.
pub type EachEntry<'a, E> = dyn FnMut(u64, &[u8], &CompactTree) -> Result<(), E> + 'a;

/// What does not fit in a copied log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogFault {
    /// No checkpoint.
    #[error("there is no file `checkpoint`")]
    CheckpointMissing,
    /// The checkpoint is no signed note with a checkpoint in it.
    #[error("the checkpoint cannot be read: {0}")]
    CheckpointMalformed(String),
    /// The signature by the log's key does not fit.
    #[error("the checkpoint or its signature was changed: the signature does not fit")]
    CheckpointSignatureWrong,
    /// No signature by the log's key.
    #[error("the checkpoint is not signed by the key {0}")]
    CheckpointSignatureMissing(String),
    /// The checkpoint is of another log than the key.
    #[error("the checkpoint is of {found}, but the key belongs to {key}")]
    OriginMismatch {
        /// The checkpoint's origin.
        found: String,
        /// The key's name.
        key: String,
    },
    /// A file that the checkpoint's size asks for is not there.
    #[error("the file {0} is missing")]
    FileMissing(String),
    /// A file cannot be read.
    #[error("the file {path} cannot be read: {source}")]
    FileUnreadable {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// An entry bundle is no list of as many entries.
    #[error("the file {0} is no bundle of as many entries as it must hold")]
    EntriesMalformed(String),
    /// A tile has other hashes than the entries give.
    #[error("the tile {path} differs from the entries at its item {item}: the tile or an entry was changed")]
    TileDiffers {
        /// Its path.
        path: String,
        /// First hash in it that differs, from 0; its width when it is too short or long.
        item: usize,
    },
    /// All entries together do not give the signed root.
    #[error("the entries do not give the root that was signed for {size} of them")]
    RootDiffers {
        /// Entries under the checkpoint.
        size: u64,
    },
}

impl LogFault {
    /// A stable name for programs, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CheckpointMissing => "checkpoint-missing",
            Self::CheckpointMalformed(_) => "checkpoint-malformed",
            Self::CheckpointSignatureWrong => "checkpoint-signature-wrong",
            Self::CheckpointSignatureMissing(_) => "checkpoint-signature-missing",
            Self::OriginMismatch { .. } => "origin-mismatch",
            Self::FileMissing(_) => "log-file-missing",
            Self::FileUnreadable { .. } => "log-file-unreadable",
            Self::EntriesMalformed(_) => "entries-malformed",
            Self::TileDiffers { .. } => "tile-differs",
            Self::RootDiffers { .. } => "root-differs",
        }
    }
}

/// The head of a copied log.
#[derive(Debug, Clone)]
pub struct CopiedHead {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The same with its verified signature, when there was a key to verify it with.
    pub signed: Option<SignedCheckpoint>,
    /// The whole note.
    pub note: String,
}

/// Reads the checkpoint and verifies its signature, when a key is known.
///
/// # Errors
/// [`LogFault`].
pub fn head(read: &mut ReadFile<'_>, key: Option<&VerifierKey>) -> Result<CopiedHead, LogFault> {
    let bytes = file(read, "checkpoint")?.ok_or(LogFault::CheckpointMissing)?;
    let malformed = |error: &dyn std::fmt::Display| LogFault::CheckpointMalformed(error.to_string());
    let note = String::from_utf8(bytes).map_err(|error| malformed(&error))?;
    let Some(key) = key else {
        let text = Note::parse(&note).map_err(|error| malformed(&error))?;
        let checkpoint = Checkpoint::parse(text.text()).map_err(|error| malformed(&error))?;
        return Ok(CopiedHead { checkpoint, signed: None, note });
    };
    let signed = Checkpoint::verify(&note, key).map_err(|error| match error {
        CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey) => {
            LogFault::CheckpointSignatureMissing(key.to_string())
        }
        CheckpointVerifyError::Signature(NoteVerifyError::WrongSignature { .. }) => {
            LogFault::CheckpointSignatureWrong
        }
        CheckpointVerifyError::OriginMismatch { origin, .. } => {
            LogFault::OriginMismatch { found: origin, key: key.name().into() }
        }
        other => malformed(&other),
    })?;
    Ok(CopiedHead { checkpoint: signed.checkpoint().clone(), signed: Some(signed), note })
}

/// Checks every entry and tile under the head. `each` is shown every entry with the tree that ends with it, and may object.
///
/// # Errors
/// [`LogFault`], or what `each` answered.
pub fn check<E: From<LogFault>>(
    read: &mut ReadFile<'_>,
    head: &Checkpoint,
    each: &mut EachEntry<'_, E>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), E> {
    let mut tree = CompactTree::new();
    // What the tile that is being filled must hold, at each level.
    let mut levels: Vec<Vec<Hash>> = Vec::new();
    for n in 0..head.size.div_ceil(WIDTH) {
        let Some(bundle) = Bundle::at_size(n, head.size) else { break };
        let path = bundle.to_string();
        let bytes = at_width(read, &path, &Bundle { index: n, width: TILE_WIDTH }.to_string())?;
        let malformed = || LogFault::EntriesMalformed(path.clone());
        // A copy may have been taken while the log grew: then the bundle has more than the checkpoint knows of.
        let entries = decode_bundle(&bytes.0, if bytes.1 { TILE_WIDTH } else { bundle.width });
        let entries = entries.map_err(|_| malformed())?;
        for entry in entries.iter().take(usize::from(bundle.width)) {
            let index = tree.size();
            let mut full = Vec::new();
            tree.append_with(leaf_hash(entry), &mut |level, number, root| {
                if level % TILE_HEIGHT == 0 {
                    let level = usize::from(level / TILE_HEIGHT);
                    levels.resize_with(levels.len().max(level + 1), Vec::new);
                    levels[level].push(root);
                    if levels[level].len() == usize::from(TILE_WIDTH) {
                        let hashes = std::mem::take(&mut levels[level]);
                        full.push((
                            Tile { level: level as u8, index: number / WIDTH, width: TILE_WIDTH },
                            hashes,
                        ));
                    }
                }
            });
            for (tile, hashes) in full {
                compare(read, tile, &hashes)?;
            }
            each(index, entry, &tree)?;
        }
        progress(tree.size(), head.size);
    }
    for (level, hashes) in levels.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty()) {
        let items = tree.size() >> (usize::from(TILE_HEIGHT) * level);
        compare(read, Tile { level: level as u8, index: items / WIDTH, width: hashes.len() as u16 }, hashes)?;
    }
    if tree.root() == head.root { Ok(()) } else { Err(LogFault::RootDiffers { size: head.size }.into()) }
}

fn compare(read: &mut ReadFile<'_>, tile: Tile, hashes: &[Hash]) -> Result<(), LogFault> {
    let path = tile.to_string();
    let (bytes, full) = at_width(read, &path, &Tile { width: TILE_WIDTH, ..tile }.to_string())?;
    let expected = encode_hashes(hashes);
    let found = if full { bytes.get(..expected.len()).unwrap_or(&bytes) } else { &bytes };
    if found == expected {
        return Ok(());
    }
    let same = found.chunks(32).zip(expected.chunks(32)).take_while(|(a, b)| a == b).count();
    Err(LogFault::TileDiffers { path, item: same })
}

/// The file of this width, or the full one in its place; whether it is the full one.
fn at_width(read: &mut ReadFile<'_>, path: &str, full: &str) -> Result<(Vec<u8>, bool), LogFault> {
    if let Some(bytes) = file(read, path)? {
        return Ok((bytes, path == full));
    }
    match file(read, full)? {
        Some(bytes) => Ok((bytes, true)),
        None => Err(LogFault::FileMissing(path.into())),
    }
}

fn file(read: &mut ReadFile<'_>, path: &str) -> Result<Option<Vec<u8>>, LogFault> {
    read(path).map_err(|source| LogFault::FileUnreadable { path: path.into(), source })
}
