//! The log as an auditor reads it: checkpoints and tiles over HTTP, put together with core's tree functions only.

use assent_core::checkpoint::{Checkpoint, SignedCheckpoint};
use assent_core::hash::Hash;
use assent_core::merkle::{CompactTree, RangeError, consistency_proof, root_of, verify_consistency};
use assent_core::tile::{Tile, TilePath, decode_hashes};
use reqwest::StatusCode;

use super::http::Api;

/// One site's log.
pub(crate) struct Log<'a>(pub(crate) &'a Api);

impl Log<'_> {
    /// The signed head.
    pub(crate) async fn head(&self) -> SignedCheckpoint {
        let text = self.text("log/checkpoint").await;
        Checkpoint::verify(&text, &self.0.log_key().await).unwrap()
    }

    /// How many entries it has.
    pub(crate) async fn size(&self) -> u64 {
        self.head().await.checkpoint().size
    }

    /// All leaf hashes under `head`, which must lead to its root.
    pub(crate) async fn leaves(&self, head: &Checkpoint) -> Vec<Hash> {
        let mut leaves = Vec::new();
        for index in 0..head.size.div_ceil(256) {
            let tile = Tile::at_size(0, index, head.size).unwrap();
            let answer = self.0.get(&format!("log/{}", TilePath::Hashes(tile))).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{tile:?}");
            let bytes = answer.bytes().await.unwrap();
            assert_eq!(bytes.len(), tile.byte_len());
            leaves.extend(decode_hashes(&bytes, tile.width).unwrap());
        }
        assert_eq!(root_of(&leaves), head.root, "the tiles lead to the signed root");
        leaves
    }

    /// Shows that each of `seen` is the beginning of `head`, by a consistency proof made from `leaves`.
    pub(crate) fn grew_from<'c>(
        head: &Checkpoint,
        leaves: &[Hash],
        seen: impl Iterator<Item = &'c Checkpoint>,
    ) {
        for old in seen {
            let mut subtree = |level: u8, index: u64| {
                let width = 1_usize << level;
                let start = usize::try_from(index).unwrap() * width;
                Ok::<_, RangeError>(perfect_root(&leaves[start..start + width]))
            };
            let proof = consistency_proof(old.size, head.size, &mut subtree).unwrap();
            verify_consistency(old.size, &old.root, head.size, &head.root, &proof)
                .unwrap_or_else(|error| panic!("the log forgot its head of size {}: {error}", old.size));
        }
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.0.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }
}

fn perfect_root(leaves: &[Hash]) -> Hash {
    let mut tree = CompactTree::new();
    leaves.iter().for_each(|leaf| tree.append(*leaf));
    tree.root()
}
