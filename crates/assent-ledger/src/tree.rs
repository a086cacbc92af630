//! The tree as the store has it: subtree roots out of leaves and tile hashes, for proofs, tiles and recovery.
//!
//! Reads only, and believes the store: what it gives is compared with something signed by whoever asks.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{self, RangeError, node_hash};
use assent_core::tile::{SubtreeLocation, TILE_WIDTH};

use crate::error::ReadError;
use crate::store::Store;

const WIDTH: u64 = TILE_WIDTH as u64;
/// Tiles kept of the leaves, and of all levels above them: at most 64 and 2,048 of 16 KiB. The latter are those of a log of 130
/// million entries.
const KEPT: [usize; 2] = [64, 2048];

impl From<RangeError> for ReadError {
    fn from(error: RangeError) -> Self {
        let index = match error {
            RangeError::IndexOutOfRange { index, .. } => index,
            _ => 0,
        };
        ReadError::Damaged { index, reason: "its checkpoint does not cover it" }
    }
}

/// What was read of a tile. An entry never changes, nor what lies above entries that are all there; a tile may only get longer.
#[derive(Debug)]
struct Read {
    hashes: Vec<Hash>,
    /// The roots of its perfect subtrees, by their height and then from left to right, once one of them was asked for.
    roots: OnceLock<Vec<Vec<Hash>>>,
}

impl Read {
    /// Root of a subtree; nothing when the tile was not as long yet.
    fn root(&self, place: &SubtreeLocation) -> Option<Hash> {
        let height = (place.end - place.start).trailing_zeros() as usize;
        if height == 0 {
            return self.hashes.get(usize::from(place.start)).copied();
        }
        let roots = self.roots.get_or_init(|| {
            let mut heights = vec![above(&self.hashes)];
            while let Some(roots) = heights.last().filter(|roots| roots.len() > 1) {
                let next = above(roots);
                heights.push(next);
            }
            heights
        });
        roots.get(height - 1)?.get(usize::from(place.start) >> height).copied()
    }
}

/// The nodes over pairs of neighbours.
fn above(nodes: &[Hash]) -> Vec<Hash> {
    let (pairs, _) = nodes.as_chunks::<2>();
    pairs.iter().map(|[left, right]| node_hash(left, right)).collect()
}

type ByPlace = HashMap<(u8, u64), Arc<Read>>;

/// Tiles that were read for one log, for all who ask it for proofs.
#[derive(Debug, Default)]
pub(crate) struct Tiles([Mutex<ByPlace>; 2]);

impl Tiles {
    /// To be called when a proof made of them does not hold: what was read wrongly, or altered and mended, is read again.
    pub(crate) fn forget(&self) {
        for level in 0..self.0.len() as u8 {
            self.of(level).0.clear();
        }
    }

    fn of(&self, level: u8) -> (MutexGuard<'_, ByPlace>, usize) {
        let which = usize::from(level > 0);
        (self.0[which].lock().unwrap_or_else(PoisonError::into_inner), KEPT[which])
    }

    fn get(&self, level: u8, n: u64) -> Option<Arc<Read>> {
        self.of(level).0.get(&(level, n)).map(Arc::clone)
    }

    fn keep(&self, level: u8, n: u64, tile: &Arc<Read>) {
        let (mut tiles, most) = self.of(level);
        if tiles.len() >= most {
            tiles.clear();
        }
        tiles.insert((level, n), Arc::clone(tile));
    }
}

/// Tiles of one's own, or everybody's.
enum Held<'a> {
    Own(Tiles),
    Shared(&'a Tiles),
}

impl Deref for Held<'_> {
    type Target = Tiles;

    fn deref(&self) -> &Tiles {
        match self {
            Held::Own(tiles) => tiles,
            Held::Shared(tiles) => tiles,
        }
    }
}

/// One site's tree.
pub(crate) struct StoredTree<'a> {
    store: &'a dyn Store,
    site: &'a SiteId,
    tiles: Held<'a>,
}

impl<'a> StoredTree<'a> {
    /// Reads tiles once, and forgets them at its end.
    pub(crate) fn new(store: &'a dyn Store, site: &'a SiteId) -> Self {
        StoredTree { store, site, tiles: Held::Own(Tiles::default()) }
    }

    /// Uses tiles that were read before, and leaves its own for others.
    pub(crate) fn with(store: &'a dyn Store, site: &'a SiteId, tiles: &'a Tiles) -> Self {
        StoredTree { store, site, tiles: Held::Shared(tiles) }
    }

    /// The hashes of a tile, at least as many as are asked for, or all there are.
    pub(crate) fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, ReadError> {
        let tile = self.read(level, n, width)?;
        Ok(tile.hashes.get(..usize::from(width)).unwrap_or(&tile.hashes).to_vec())
    }

    fn read(&self, level: u8, n: u64, width: u16) -> Result<Arc<Read>, ReadError> {
        if let Some(tile) = self.tiles.get(level, n).filter(|tile| tile.hashes.len() >= usize::from(width)) {
            return Ok(tile);
        }
        let range = n * WIDTH..(n + 1) * WIDTH;
        let hashes = if level == 0 {
            let leaves = self.store.leaves(self.site, range)?;
            leaves.iter().map(|leaf| merkle::leaf_hash(leaf)).collect()
        } else {
            self.store.hashes(self.site, level, range)?
        };
        let tile = Arc::new(Read { hashes, roots: OnceLock::new() });
        self.tiles.keep(level, n, &tile);
        Ok(tile)
    }

    /// Root of the perfect subtree `(level, index)` of the binary tree.
    pub(crate) fn subtree(&self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let place = SubtreeLocation::of(level, index);
        let tile = self.read(place.tile_level, place.tile_index, place.end)?;
        let reason = "its part of the tree is missing";
        tile.root(&place).ok_or(ReadError::Damaged { index: index << level, reason })
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
            let width = (size % WIDTH) as u16;
            let reason = "its part of the tree is missing";
            let tile = self.read(0, index, width)?;
            let items = tile.hashes.get(..usize::from(width));
            items.map(merkle::root_of).ok_or(ReadError::Damaged { index: index * WIDTH, reason })
        } else {
            let left = self.tile_subtree(level - 1, index * 2, size)?;
            let right = self.tile_subtree(level - 1, index * 2 + 1, size)?;
            Ok(node_hash(&left, &right))
        }
    }
}
