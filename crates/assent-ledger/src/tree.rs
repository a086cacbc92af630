//! The tree as the store has it: subtree roots out of leaves and tile hashes, for proofs, tiles and recovery.
//!
//! Reads only, and believes the store: what it gives is compared with something signed by whoever asks.

use std::collections::HashMap;

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{self, RangeError, node_hash};
use assent_core::tile::{SubtreeLocation, TILE_WIDTH};

use crate::error::ReadError;
use crate::store::Store;

const WIDTH: u64 = TILE_WIDTH as u64;
/// Tiles kept while a proof or an export is made: at most 64 × 8 KiB.
const KEPT_TILES: usize = 64;

impl From<RangeError> for ReadError {
    fn from(error: RangeError) -> Self {
        let index = match error {
            RangeError::IndexOutOfRange { index, .. } => index,
            _ => 0,
        };
        ReadError::Damaged { index, reason: "its checkpoint does not cover it" }
    }
}

/// One site's tree. Short-lived: keeps the tiles it has read, and never looks whether they grew.
pub(crate) struct StoredTree<'a> {
    store: &'a dyn Store,
    site: &'a SiteId,
    tiles: HashMap<(u8, u64), Vec<Hash>>,
}

impl<'a> StoredTree<'a> {
    pub(crate) fn new(store: &'a dyn Store, site: &'a SiteId) -> Self {
        StoredTree { store, site, tiles: HashMap::new() }
    }

    /// The hashes of a tile, as many as there are now.
    pub(crate) fn tile(&mut self, level: u8, n: u64) -> Result<&[Hash], ReadError> {
        if !self.tiles.contains_key(&(level, n)) {
            let range = n * WIDTH..(n + 1) * WIDTH;
            let hashes = if level == 0 {
                let leaves = self.store.leaves(self.site, range)?;
                leaves.iter().map(|leaf| merkle::leaf_hash(leaf)).collect()
            } else {
                self.store.hashes(self.site, level, range)?
            };
            if self.tiles.len() >= KEPT_TILES {
                self.tiles.clear();
            }
            self.tiles.insert((level, n), hashes);
        }
        Ok(self.tiles.get(&(level, n)).map_or(&[], Vec::as_slice))
    }

    /// Root of the perfect subtree `(level, index)` of the binary tree.
    pub(crate) fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let place = SubtreeLocation::of(level, index);
        let items = self.tile(place.tile_level, place.tile_index)?;
        place
            .root(items)
            .ok_or(ReadError::Damaged { index: index << level, reason: "its part of the tree is missing" })
    }

    /// The inclusion path of leaf `index` in the tree of `size`.
    pub(crate) fn path(&mut self, index: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        merkle::inclusion_proof(index, size, &mut |level, index| self.subtree(level, index))
    }

    /// The proof that the first `old` leaves grew into the first `new`.
    pub(crate) fn consistency(&mut self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
        merkle::consistency_proof(old, new, &mut |level, index| self.subtree(level, index))
    }

    /// Root over the first `size` leaves.
    pub(crate) fn root(&mut self, size: u64) -> Result<Hash, ReadError> {
        merkle::tree_root(size, &mut |level, index| self.subtree(level, index))
    }

    /// The first `size` leaves, ready to be continued.
    pub(crate) fn frontier(&mut self, size: u64) -> Result<merkle::CompactTree, ReadError> {
        merkle::CompactTree::from_subtrees(size, &mut |level, index| self.subtree(level, index))
    }

    /// The path of level-0 tile `n`, as item `n` of the `ceil(size / 256)` tile roots of a tree of `size`.
    pub(crate) fn tile_path(&mut self, n: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        merkle::inclusion_proof(n, size.div_ceil(WIDTH), &mut |level, index| {
            self.tile_subtree(level, index, size)
        })
    }

    /// Root of the subtree `(level, index)` over tile roots. Only the last tile may be partial, so only the
    /// subtrees above it cannot be read whole.
    fn tile_subtree(&mut self, level: u8, index: u64, size: u64) -> Result<Hash, ReadError> {
        if (index + 1) << level <= size / WIDTH {
            self.subtree(level + 8, index)
        } else if level == 0 {
            let width = (size % WIDTH) as usize;
            let reason = "its part of the tree is missing";
            let items = self.tile(0, index)?.get(..width);
            items.map(merkle::root_of).ok_or(ReadError::Damaged { index: index * WIDTH, reason })
        } else {
            let left = self.tile_subtree(level - 1, index * 2, size)?;
            let right = self.tile_subtree(level - 1, index * 2 + 1, size)?;
            Ok(node_hash(&left, &right))
        }
    }
}
