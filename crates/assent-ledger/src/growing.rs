//! A batch in the making: leaves and rows are added to it, the tree grows with them, and the head is what comes out.
//!
//! All in memory; nothing here reads or writes a store. What goes into a row is the caller's business.

use std::collections::HashMap;

use assent_core::commitment::Leaf;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{self, CompactTree, RangeError};
use assent_core::tile::TILE_HEIGHT;

use crate::store::{Batch, Head, Row, RowBody};

/// A batch in the making.
pub(crate) struct Growing {
    tree: CompactTree,
    /// Every subtree root that a proof of a new leaf can need: those complete before the batch, and those it completed.
    known: HashMap<(u8, u64), Hash>,
    batch: Batch,
    time: u64,
    covering: u64,
}

impl Growing {
    /// A batch that will add `count` leaves, all taken down at `time`, to a log that ends at `head`.
    pub(crate) fn new(site: &SiteId, head: Head, tree: CompactTree, time: u64, count: u64) -> Self {
        let (mut known, mut start) = (HashMap::new(), 0);
        for root in tree.frontier() {
            let level = (tree.size() - start).ilog2();
            known.insert((level as u8, start >> level), *root);
            start += 1 << level;
        }
        let batch = Batch::new(site.clone(), head);
        Growing { tree, known, batch, time, covering: head.size + count }
    }

    /// Size of the log after the batch: the checkpoint that covers its leaves.
    pub(crate) fn covering(&self) -> u64 {
        self.covering
    }

    /// Index of the next leaf.
    pub(crate) fn next(&self) -> u64 {
        self.tree.size()
    }

    /// What is not leaves and rows: documents, marks, replaced rows.
    pub(crate) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Adds a leaf with its row; answers its index.
    pub(crate) fn add(&mut self, leaf: &Leaf, body: RowBody) -> u64 {
        let index = self.tree.size();
        let (known, hashes) = (&mut self.known, &mut self.batch.hashes);
        self.tree.append_with(leaf.hash(), &mut |level, index, root| {
            known.insert((level, index), root);
            if level > 0 && level % TILE_HEIGHT == 0 {
                hashes.push((level / TILE_HEIGHT, index, root));
            }
        });
        let row = Row { time: self.time, covering: self.covering, body };
        self.batch.entries.push((leaf.to_bytes(), row));
        index
    }

    /// The whole batch, and what proves its leaves.
    pub(crate) fn finish(mut self, secrets: u64) -> (Batch, Grown) {
        debug_assert_eq!(self.tree.size(), self.covering, "as many leaves as were announced");
        if !self.batch.entries.is_empty() {
            self.batch.head = Head { size: self.covering, root: self.tree.root(), time: self.time, secrets };
        }
        (self.batch, Grown { tree: self.tree, known: self.known })
    }
}

/// The tree after a batch.
pub(crate) struct Grown {
    pub(crate) tree: CompactTree,
    known: HashMap<(u8, u64), Hash>,
}

impl Grown {
    /// The inclusion path of a leaf of the batch in the whole tree.
    pub(crate) fn path(&self, index: u64) -> Result<Vec<Hash>, RangeError> {
        let size = self.tree.size();
        merkle::inclusion_proof(index, size, &mut |level, index| {
            let known = self.known.get(&(level, index)).copied();
            known.ok_or(RangeError::IndexOutOfRange { index: index << level, size })
        })
    }
}
