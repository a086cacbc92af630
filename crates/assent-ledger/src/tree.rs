//! The tree as the store has it: subtree roots out of leaves and tile hashes, for proofs, tiles and recovery.
//!
//! Reads only, and believes the store: what it gives is compared with something signed by whoever asks.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{self, RangeError, node_hash};
use assent_core::tile::{TILE_HEIGHT, TILE_WIDTH};
use quick_cache::sync::Cache;

use crate::error::ReadError;
use crate::store::Store;

const WIDTH: u64 = TILE_WIDTH as u64;
/// The tree is read in pieces of so many neighbours, two to the height of a tile. Where the piece above it is kept, a path through a
/// tile of leaves reads and hashes sixteen of them, not all 256.
const PIECE: u64 = 16;
const PIECE_HEIGHT: u8 = PIECE.trailing_zeros() as u8;
/// Pieces kept of the leaves, of the level above them, and of all higher ones, of about 1.2 KiB each. The second are those of the last
/// two million entries that were asked for, the third those of thirty million.
const KEPT: [usize; 3] = [1024, 8192, 8192];

impl From<RangeError> for ReadError {
    fn from(error: RangeError) -> Self {
        let index = match error {
            RangeError::IndexOutOfRange { index, .. } => index,
            _ => 0,
        };
        ReadError::Damaged { index, reason: "its checkpoint does not cover it" }
    }
}

/// A piece of the tree. An entry never changes, nor what lies above entries that are all there; a piece may only get longer.
#[derive(Debug)]
struct Piece {
    hashes: Vec<Hash>,
    /// The roots of its perfect subtrees, by their height and then from left to right, once one of them was asked for.
    roots: OnceLock<Vec<Vec<Hash>>>,
}

impl Piece {
    /// Root of the subtree of this height that begins with an item; nothing when the piece was not as long yet.
    fn root(&self, start: usize, height: usize) -> Option<Hash> {
        if height == 0 {
            return self.hashes.get(start).copied();
        }
        let roots = self.roots.get_or_init(|| {
            let mut heights = vec![above(&self.hashes)];
            while let Some(roots) = heights.last().filter(|roots| roots.len() > 1) {
                let next = above(roots);
                heights.push(next);
            }
            heights
        });
        roots.get(height - 1)?.get(start >> height).copied()
    }
}

/// The nodes over pairs of neighbours.
fn above(nodes: &[Hash]) -> Vec<Hash> {
    let (pairs, _) = nodes.as_chunks::<2>();
    pairs.iter().map(|[left, right]| node_hash(left, right)).collect()
}

/// Pieces that were read of one log, for all who ask it for proofs, by the height of their items and their number among those.
#[derive(Debug)]
pub(crate) struct Pieces([Cache<(u8, u64), Arc<Piece>>; KEPT.len()]);

impl Default for Pieces {
    fn default() -> Self {
        Pieces(KEPT.map(Cache::new))
    }
}

impl Pieces {
    /// To be called when a proof made of them does not hold: what was read wrongly, or altered and mended, is read again.
    pub(crate) fn forget(&self) {
        self.0.iter().for_each(Cache::clear);
    }

    fn of(&self, height: u8) -> &Cache<(u8, u64), Arc<Piece>> {
        &self.0[usize::from(height / PIECE_HEIGHT).min(KEPT.len() - 1)]
    }
}

/// Pieces of one's own, or everybody's.
enum Held<'a> {
    Own(Pieces),
    Shared(&'a Pieces),
}

impl Deref for Held<'_> {
    type Target = Pieces;

    fn deref(&self) -> &Pieces {
        match self {
            Held::Own(pieces) => pieces,
            Held::Shared(pieces) => pieces,
        }
    }
}

/// One site's tree.
pub(crate) struct StoredTree<'a> {
    store: &'a dyn Store,
    site: &'a SiteId,
    pieces: Held<'a>,
}

impl<'a> StoredTree<'a> {
    /// Reads each piece once, and forgets it at its end.
    pub(crate) fn new(store: &'a dyn Store, site: &'a SiteId) -> Self {
        StoredTree { store, site, pieces: Held::Own(Pieces::default()) }
    }

    /// Uses what was read before, and leaves its own for others.
    pub(crate) fn with(store: &'a dyn Store, site: &'a SiteId, pieces: &'a Pieces) -> Self {
        StoredTree { store, site, pieces: Held::Shared(pieces) }
    }

    /// The hashes of a tile, as many as are asked for, or all there are.
    pub(crate) fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, ReadError> {
        self.stored(level, n * WIDTH..n * WIDTH + u64::from(width))
    }

    /// Neighbours that the store has, or has the leaves of.
    fn stored(&self, tile_level: u8, range: Range<u64>) -> Result<Vec<Hash>, ReadError> {
        if tile_level == 0 {
            let leaves = self.store.leaves(self.site, range)?;
            return Ok(leaves.iter().map(|leaf| merkle::leaf_hash(leaf)).collect());
        }
        Ok(self.store.hashes(self.site, tile_level, range)?)
    }

    /// A piece with items of this height, at least so many.
    fn piece(&self, height: u8, n: u64, width: usize) -> Result<Arc<Piece>, ReadError> {
        let pieces = self.pieces.of(height);
        if let Some(piece) = pieces.get(&(height, n)).filter(|piece| piece.hashes.len() >= width) {
            return Ok(piece);
        }
        let tile_level = height / TILE_HEIGHT;
        let hashes = if height.is_multiple_of(TILE_HEIGHT) {
            self.stored(tile_level, n * PIECE..(n + 1) * PIECE)?
        } else {
            let below = self.stored(tile_level, n * WIDTH..(n + 1) * WIDTH)?;
            let (pieces, _) = below.as_chunks::<{ PIECE as usize }>();
            pieces.iter().map(|piece| merkle::root_of(piece)).collect()
        };
        let piece = Arc::new(Piece { hashes, roots: OnceLock::new() });
        pieces.insert((height, n), Arc::clone(&piece));
        Ok(piece)
    }

    /// Root of the perfect subtree `(level, index)` of the binary tree.
    pub(crate) fn subtree(&self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let within = level % PIECE_HEIGHT;
        let first = index << within;
        let start = (first % PIECE) as usize;
        let piece = self.piece(level - within, first / PIECE, start + (1 << within))?;
        let reason = "its part of the tree is missing";
        piece.root(start, within.into()).ok_or(ReadError::Damaged { index: index << level, reason })
    }

    /// The inclusion path of leaf `index` in the tree of `size`.
    pub(crate) fn path(&self, index: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        merkle::inclusion_proof(index, size, &mut |level, index| self.subtree(level, index))
    }

    /// The proof that the first `old` leaves grew into the first `new`.
    pub(crate) fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
        merkle::consistency_proof(old, new, &mut |level, index| self.subtree(level, index))
    }

    /// Root over the first `size` leaves.
    pub(crate) fn root(&self, size: u64) -> Result<Hash, ReadError> {
        merkle::tree_root(size, &mut |level, index| self.subtree(level, index))
    }

    /// The first `size` leaves, ready to be continued.
    pub(crate) fn frontier(&self, size: u64) -> Result<merkle::CompactTree, ReadError> {
        merkle::CompactTree::from_subtrees(size, &mut |level, index| self.subtree(level, index))
    }

    /// The path of level-0 tile `n`, as item `n` of the `ceil(size / 256)` tile roots of a tree of `size`.
    pub(crate) fn tile_path(&self, n: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        merkle::inclusion_proof(n, size.div_ceil(WIDTH), &mut |level, index| {
            self.tile_subtree(level, index, size)
        })
    }

    /// Root of the subtree `(level, index)` over tile roots. Only the last tile may be partial, so only the
    /// subtrees above it cannot be read whole.
    fn tile_subtree(&self, level: u8, index: u64, size: u64) -> Result<Hash, ReadError> {
        if (index + 1) << level <= size / WIDTH {
            self.subtree(level + 8, index)
        } else if level == 0 {
            let first = index * WIDTH;
            merkle::tree_root(size % WIDTH, &mut |level, n| self.subtree(level, (first >> level) + n))
        } else {
            let left = self.tile_subtree(level - 1, index * 2, size)?;
            let right = self.tile_subtree(level - 1, index * 2 + 1, size)?;
            Ok(node_hash(&left, &right))
        }
    }
}
