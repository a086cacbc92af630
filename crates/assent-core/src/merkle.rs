//! The RFC 6962 tree: hashes, the append frontier, inclusion and consistency proofs.
//!
//! Proofs are made from perfect subtree roots, named by `(level, index)`: level 0 is the leaves,
//! and `(l, i)` covers leaves `i * 2^l .. (i + 1) * 2^l`. Where those come from (tiles, a store, a
//! slice) is the caller's business; [`crate::tile`] maps them onto tiles. Verification follows
//! RFC 9162 sections 2.1.3.2 and 2.1.4.2 and shares no code with proof making.
//!
//! Sizes up to 2^63 - 1 are supported, the largest a checkpoint may name.

use alloc::vec::Vec;

use crate::hash::{Hash, sha256_parts};

/// The root of a tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1).
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Hash of an entry: SHA-256 of `0x00 || entry`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256_parts(&[&[0x00], entry])
}

/// Hash of an inner node: SHA-256 of `0x01 || left || right`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256_parts(&[&[0x01], &left.0, &right.0])
}

/// Root of a tree over these leaf hashes (already hashed, see [`leaf_hash`]).
pub fn root_of(leaf_hashes: &[Hash]) -> Hash {
    let mut tree = CompactTree::new();
    for leaf in leaf_hashes {
        tree.append(*leaf);
    }
    tree.root()
}

/// The append frontier: the roots of the perfect subtrees that make up a tree, one per set bit of
/// its size. At most 64 hashes, whatever the size.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CompactTree {
    size: u64,
    /// Largest (leftmost) subtree first.
    stack: Vec<Hash>,
}

impl CompactTree {
    /// The tree without leaves.
    pub const fn new() -> Self {
        CompactTree { size: 0, stack: Vec::new() }
    }

    /// A tree of `size` leaves read from its perfect subtrees.
    ///
    /// # Errors
    /// Whatever `subtree` answers.
    pub fn from_subtrees<E>(
        size: u64,
        subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        Ok(CompactTree { size, stack: perfect_subtrees(0, size, subtree)? })
    }

    /// Leaves appended so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first.
    pub fn frontier(&self) -> &[Hash] {
        &self.stack
    }

    /// Adds one leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_with(leaf, &mut |_, _, _| {});
    }

    /// Adds one leaf hash and reports every perfect subtree this completes as `(level, index,
    /// root)`, the leaf itself (level 0) first.
    pub fn append_with(&mut self, leaf: Hash, completed: &mut impl FnMut(u8, u64, Hash)) {
        let mut index = self.size;
        let mut level = 0;
        let mut root = leaf;
        completed(level, index, root);
        while index & 1 == 1 {
            // The stack holds one hash per set bit of `size`, so this pop always succeeds.
            let Some(left) = self.stack.pop() else { break };
            root = node_hash(&left, &root);
            index >>= 1;
            level += 1;
            completed(level, index, root);
        }
        self.stack.push(root);
        self.size += 1;
    }

    /// Root of the whole tree; [`EMPTY_ROOT`] without leaves.
    pub fn root(&self) -> Hash {
        fold_subtrees(&self.stack)
    }
}

/// An index or size that no proof exists for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The leaf is not in the tree.
    #[error("there is no leaf {index} in a tree of {size}")]
    IndexOutOfRange {
        /// Leaf asked for, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree cannot be shown to grow into a smaller one.
    #[error("a tree of {old} leaves cannot have grown into one of {new}")]
    OldLargerThanNew {
        /// Size of the supposedly older tree.
        old: u64,
        /// Size of the supposedly newer tree.
        new: u64,
    },
}

/// The proof that leaf `index` is in the tree of `size` leaves: leaf's sibling first, root's child
/// last (RFC 6962 section 2.1.1). At most 63 hashes.
///
/// `subtree` answers the root of the perfect subtree `(level, index)`; only subtrees that lie whole
/// inside `size` are asked for. Callers whose `subtree` cannot fail may use [`RangeError`] as `E`.
///
/// # Errors
/// [`RangeError::IndexOutOfRange`] turned into `E`, or whatever `subtree` answers.
pub fn inclusion_proof<E: From<RangeError>>(
    index: u64,
    size: u64,
    subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if index >= size {
        return Err(RangeError::IndexOutOfRange { index, size }.into());
    }
    range_roots(&inclusion_ranges(index, size), subtree)
}

/// Number of hashes in the inclusion proof of leaf `index` in a tree of `size`; 0 when it has no
/// such leaf.
pub fn inclusion_proof_len(index: u64, size: u64) -> usize {
    if index < size { inclusion_ranges(index, size).len() } else { 0 }
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 6962
/// section 2.1.2). Empty when `old` is 0 or equals `new`.
///
/// # Errors
/// [`RangeError::OldLargerThanNew`] turned into `E`, or whatever `subtree` answers.
pub fn consistency_proof<E: From<RangeError>>(
    old: u64,
    new: u64,
    subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if old > new {
        return Err(RangeError::OldLargerThanNew { old, new }.into());
    }
    range_roots(&consistency_ranges(old, new), subtree)
}

/// Root of the first `size` leaves.
///
/// # Errors
/// Whatever `subtree` answers.
pub fn tree_root<E>(size: u64, subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    Ok(fold_subtrees(&perfect_subtrees(0, size, subtree)?))
}

/// Why an inclusion proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InclusionError {
    /// The leaf would lie outside the tree.
    #[error("there is no leaf {index} in a tree of {size}")]
    IndexOutOfRange {
        /// Leaf the proof is about, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// Too few or too many hashes for this leaf in this tree.
    #[error("the proof of leaf {index} in a tree of {size} has {expected} hashes, not {actual}")]
    WrongLength {
        /// Leaf the proof is about.
        index: u64,
        /// Leaves in the tree.
        size: u64,
        /// Hashes a proof for them has.
        expected: usize,
        /// Hashes given.
        actual: usize,
    },
    /// The leaf and the path lead to another root: the leaf, its place or the path is wrong.
    #[error("leaf {index} and its path do not lead to the root of the tree of {size}")]
    RootMismatch {
        /// Leaf the proof is about.
        index: u64,
        /// Leaves in the tree.
        size: u64,
        /// Root the leaf and path lead to.
        computed: Hash,
    },
}

/// Checks that `leaf` (a leaf hash) is number `index` in the tree of `size` leaves with this root.
///
/// # Errors
/// [`InclusionError`], one variant per way the proof can be wrong.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    path: &[Hash],
    root: &Hash,
) -> Result<(), InclusionError> {
    let computed = inclusion_root(index, size, leaf, path)?;
    if computed == *root { Ok(()) } else { Err(InclusionError::RootMismatch { index, size, computed }) }
}

/// The root that `leaf` and `path` lead to; [`verify_inclusion`] compares it for you.
///
/// # Errors
/// [`InclusionError`], never its `RootMismatch`.
pub fn inclusion_root(index: u64, size: u64, leaf: &Hash, path: &[Hash]) -> Result<Hash, InclusionError> {
    if index >= size {
        return Err(InclusionError::IndexOutOfRange { index, size });
    }
    let wrong_length = || InclusionError::WrongLength {
        index,
        size,
        expected: inclusion_ranges(index, size).len(),
        actual: path.len(),
    };
    // `node` and `last` are `fn` and `sn` of RFC 9162 section 2.1.3.2.
    let (mut node, mut last, mut root) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            root = node_hash(sibling, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok(root) } else { Err(wrong_length()) }
}

/// Why a consistency proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsistencyError {
    /// A log never shrinks.
    #[error("a tree of {old} leaves cannot have grown into one of {new}")]
    OldLargerThanNew {
        /// Size of the supposedly older tree.
        old: u64,
        /// Size of the supposedly newer tree.
        new: u64,
    },
    /// Too few or too many hashes for these sizes.
    #[error("the proof from {old} to {new} leaves has {expected} hashes, not {actual}")]
    WrongLength {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
        /// Hashes a proof for them has.
        expected: usize,
        /// Hashes given.
        actual: usize,
    },
    /// The proof does not lead to the older root: the older tree was another one, or the proof is
    /// wrong. For `old` 0 and for equal sizes the roots themselves disagree.
    #[error("the proof from {old} to {new} leaves does not lead to the older root")]
    OldRootMismatch {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// The proof does not lead to the newer root. For an `old` that is a power of two this is also
    /// what a wrong older root gives, because that root is then the first node of the proof.
    #[error("the proof from {old} to {new} leaves does not lead to the newer root")]
    NewRootMismatch {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
}

/// Checks that the tree of `old` leaves is the beginning of the tree of `new` leaves.
///
/// From `old` 0 everything is consistent, but `old_root` must then be [`EMPTY_ROOT`].
///
/// # Errors
/// [`ConsistencyError`], one variant per way the proof can be wrong.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ConsistencyError> {
    if old > new {
        return Err(ConsistencyError::OldLargerThanNew { old, new });
    }
    let wrong_length = || ConsistencyError::WrongLength {
        old,
        new,
        expected: consistency_ranges(old, new).len(),
        actual: proof.len(),
    };
    let old_mismatch = ConsistencyError::OldRootMismatch { old, new };
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(wrong_length());
        }
        let expected = if old == 0 { &EMPTY_ROOT } else { new_root };
        if old_root != expected {
            return Err(old_mismatch);
        }
        return if new == 0 && *new_root != EMPTY_ROOT {
            Err(ConsistencyError::NewRootMismatch { old, new })
        } else {
            Ok(())
        };
    }

    // RFC 9162 section 2.1.4.2: a power of two is itself the first node of the path.
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return Err(wrong_length()),
        }
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (first, first);
    for hash in rest {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(hash, &from_old);
            from_new = node_hash(hash, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        Err(wrong_length())
    } else if from_old != *old_root {
        Err(old_mismatch)
    } else if from_new != *new_root {
        Err(ConsistencyError::NewRootMismatch { old, new })
    } else {
        Ok(())
    }
}

/// A run of leaves `start..end` that is a node of the tree.
type LeafRange = (u64, u64);

/// The largest power of two smaller than `n`, for `n` of at least 2 (RFC 6962's `k`).
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The nodes an inclusion proof lists, leaf's sibling first.
fn inclusion_ranges(index: u64, size: u64) -> Vec<LeafRange> {
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The nodes a consistency proof lists (RFC 6962's SUBPROOF, from the end).
fn consistency_ranges(old: u64, new: u64) -> Vec<LeafRange> {
    let (mut start, mut end) = (0, new);
    let mut ranges = Vec::new();
    if old == 0 {
        return ranges;
    }
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    // The verifier knows the old root; any other node must be told.
    if start != 0 {
        ranges.push((start, end));
    }
    ranges.reverse();
    ranges
}

fn range_roots<E>(
    ranges: &[LeafRange],
    subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut roots = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        roots.push(fold_subtrees(&perfect_subtrees(*start, *end, subtree)?));
    }
    Ok(roots)
}

/// Roots of the perfect subtrees that make up `start..end`, largest first. `start` is a multiple
/// of every one of their sizes because the run is a node of the tree.
fn perfect_subtrees<E>(
    start: u64,
    end: u64,
    subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut start = start;
    let mut roots = Vec::with_capacity((end - start).count_ones() as usize);
    while start < end {
        let level = (end - start).ilog2();
        roots.push(subtree(level as u8, start >> level)?);
        start += 1 << level;
    }
    Ok(roots)
}

/// Root over perfect subtrees given largest first.
fn fold_subtrees(roots: &[Hash]) -> Hash {
    match roots.split_last() {
        None => EMPTY_ROOT,
        Some((smallest, larger)) => {
            larger.iter().rev().fold(*smallest, |right, left| node_hash(left, &right))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use ct_merkle::{ConsistencyProof, InclusionProof};
    use sha2::Sha256;
    use std::collections::BTreeMap;

    /// Largest tree the exhaustive tests look at.
    const N: u64 = 80;

    /// A proof source over all leaf hashes, for tests in other modules too.
    pub(crate) fn subtrees(leaves: &[Hash]) -> impl FnMut(u8, u64) -> Result<Hash, RangeError> + use<'_> {
        |level, index| {
            let (start, end) = ((index << level) as usize, ((index + 1) << level) as usize);
            Ok(root_of(&leaves[start..end]))
        }
    }

    fn entry(i: u64) -> [u8; 8] {
        i.to_be_bytes()
    }

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&entry(i))).collect()
    }

    /// RFC 6962 section 2.1, word for word.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_ROOT,
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    fn flipped(hash: &Hash) -> Hash {
        let mut other = *hash;
        other.0[31] ^= 1;
        other
    }

    #[test]
    fn certificate_transparency_vectors() {
        let entries: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = CompactTree::new();
        assert_eq!(tree.root(), crate::hash::sha256(b""));
        for (entry, root) in entries.iter().zip(roots) {
            tree.append(leaf_hash(entry));
            assert_eq!(tree.root().to_hex(), root, "size {}", tree.size());
        }
    }

    #[test]
    fn roots_and_frontiers_agree_with_the_definition() {
        let leaves = leaves(N);
        let mut tree = CompactTree::new();
        let mut completed = BTreeMap::new();
        for n in 0..=N {
            let expected = mth(&leaves[..n as usize]);
            assert_eq!(tree.root(), expected);
            assert_eq!(tree_root(n, &mut subtrees(&leaves)), Ok(expected));
            assert_eq!(CompactTree::from_subtrees(n, &mut subtrees(&leaves)), Ok(tree.clone()));
            if n < N {
                tree.append_with(leaves[n as usize], &mut |level, index, root| {
                    assert_eq!(completed.insert((level, index), root), None);
                });
            }
        }
        // Every perfect subtree was reported once, with its root.
        let mut source = subtrees(&leaves);
        let total: u64 = (0..7).map(|level| N >> level).sum();
        assert_eq!(completed.len() as u64, total);
        for ((level, index), root) in completed {
            assert_eq!(source(level, index), Ok(root));
        }
    }

    #[test]
    fn inclusion_for_all_leaves_of_all_sizes() {
        let leaves = leaves(N);
        for n in 1..=N {
            let root = mth(&leaves[..n as usize]);
            for i in 0..n {
                let leaf = &leaves[i as usize];
                let path = inclusion_proof(i, n, &mut subtrees(&leaves)).unwrap();
                assert_eq!(path.len(), inclusion_proof_len(i, n));
                assert_eq!(verify_inclusion(i, n, leaf, &path, &root), Ok(()));

                let mismatch = |result| matches!(result, Err(InclusionError::RootMismatch { .. }));
                assert!(mismatch(verify_inclusion(i, n, &flipped(leaf), &path, &root)));
                assert!(mismatch(verify_inclusion(i, n, leaf, &path, &flipped(&root))));
                for position in 0..path.len() {
                    let mut wrong = path.clone();
                    wrong[position] = flipped(&wrong[position]);
                    assert!(mismatch(verify_inclusion(i, n, leaf, &wrong, &root)));
                }
                for j in (0..n).filter(|j| *j != i) {
                    assert!(verify_inclusion(j, n, leaf, &path, &root).is_err(), "{i} as {j} of {n}");
                }

                let (expected, index, size) = (path.len(), i, n);
                let wrong_length =
                    |actual| Err(InclusionError::WrongLength { index, size, expected, actual });
                let mut long = path.clone();
                long.push(root);
                assert_eq!(verify_inclusion(i, n, leaf, &long, &root), wrong_length(expected + 1));
                if let Some((_, short)) = path.split_last() {
                    assert_eq!(verify_inclusion(i, n, leaf, short, &root), wrong_length(expected - 1));
                }
            }
            assert_eq!(
                verify_inclusion(n, n, &root, &[], &root),
                Err(InclusionError::IndexOutOfRange { index: n, size: n })
            );
            assert_eq!(
                inclusion_proof(n, n, &mut subtrees(&leaves)),
                Err(RangeError::IndexOutOfRange { index: n, size: n })
            );
        }
    }

    #[test]
    fn consistency_for_all_pairs_of_sizes() {
        let leaves = leaves(N);
        for n in 0..=N {
            let new_root = mth(&leaves[..n as usize]);
            for m in 0..=n {
                let old_root = mth(&leaves[..m as usize]);
                let proof = consistency_proof(m, n, &mut subtrees(&leaves)).unwrap();
                let verify = |old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
                    verify_consistency(m, old_root, n, new_root, proof)
                };
                assert_eq!(verify(&old_root, &new_root, &proof), Ok(()), "{m} to {n}");
                let (old, new) = (m, n);
                let wrong_old = verify(&flipped(&old_root), &new_root, &proof);
                if m.is_power_of_two() && m < n {
                    // The older root is itself a node of the path to the newer one.
                    assert_eq!(wrong_old, Err(ConsistencyError::NewRootMismatch { old, new }));
                } else {
                    assert_eq!(wrong_old, Err(ConsistencyError::OldRootMismatch { old, new }));
                }
                if m != 0 || n == 0 {
                    assert!(verify(&old_root, &flipped(&new_root), &proof).is_err(), "{m} to {n}");
                }
                for position in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[position] = flipped(&wrong[position]);
                    assert!(verify(&old_root, &new_root, &wrong).is_err());
                }

                let expected = proof.len();
                let wrong_length = |actual| Err(ConsistencyError::WrongLength { old, new, expected, actual });
                let mut long = proof.clone();
                long.push(new_root);
                assert_eq!(verify(&old_root, &new_root, &long), wrong_length(expected + 1));
                if let Some((_, short)) = proof.split_last() {
                    assert_eq!(verify(&old_root, &new_root, short), wrong_length(expected - 1));
                }
            }
            let backwards = ConsistencyError::OldLargerThanNew { old: n + 1, new: n };
            assert_eq!(verify_consistency(n + 1, &new_root, n, &new_root, &[]), Err(backwards));
            assert_eq!(
                consistency_proof(n + 1, n, &mut subtrees(&leaves)),
                Err(RangeError::OldLargerThanNew { old: n + 1, new: n })
            );
        }
    }

    /// A second opinion on every proof, in both directions.
    #[test]
    fn agrees_with_ct_merkle() {
        let leaves = leaves(N);
        let mut theirs = MemoryBackedTree::<Sha256, [u8; 8]>::new();
        for n in 1..=N {
            theirs.push(entry(n - 1));
            let root = theirs.root();
            assert_eq!(root.as_bytes().as_slice(), mth(&leaves[..n as usize]).0);
            for i in 0..n {
                let path = inclusion_proof(i, n, &mut subtrees(&leaves)).unwrap();
                let bytes = crate::tile::encode_hashes(&path);
                assert_eq!(theirs.prove_inclusion(i as usize).as_bytes(), bytes);
                let path = InclusionProof::<Sha256>::try_from_bytes(bytes).unwrap();
                root.verify_inclusion(&entry(i), i, &path).unwrap();
            }
            for m in 1..n {
                let proof = consistency_proof(m, n, &mut subtrees(&leaves)).unwrap();
                let bytes = crate::tile::encode_hashes(&proof);
                assert_eq!(theirs.prove_consistency((n - m) as usize).as_bytes(), bytes);
                let old = mth(&leaves[..m as usize]);
                let old = ct_merkle::RootHash::<Sha256>::new(old.0.into(), m);
                let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes).unwrap();
                root.verify_consistency(&old, &proof).unwrap();
            }
        }
    }

    #[test]
    fn agrees_with_tlog_tiles() {
        struct Reader<'a>(&'a [Hash]);
        impl tlog_tiles::HashReader for Reader<'_> {
            fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
                let mut source = subtrees(self.0);
                Ok(indexes
                    .iter()
                    .map(|index| {
                        let (level, n) = tlog_tiles::split_stored_hash_index(*index);
                        tlog_tiles::Hash(source(level, n).unwrap().0)
                    })
                    .collect())
            }
        }
        let leaves = leaves(N);
        let reader = Reader(&leaves);
        let ours = |theirs: Vec<tlog_tiles::Hash>| -> Vec<Hash> {
            theirs.into_iter().map(|hash| Hash(hash.0)).collect()
        };
        for n in 1..=N {
            for i in 0..n {
                let path = inclusion_proof(i, n, &mut subtrees(&leaves)).unwrap();
                assert_eq!(ours(tlog_tiles::prove_record(n, i, &reader).unwrap()), path);
            }
            for m in 1..=n {
                let proof = consistency_proof(m, n, &mut subtrees(&leaves)).unwrap();
                assert_eq!(ours(tlog_tiles::prove_tree(n, m, &reader).unwrap()), proof);
            }
        }
    }

    #[test]
    fn the_largest_tree_neither_overflows_nor_loops() {
        let size = crate::checkpoint::MAX_SIZE;
        let mut any = |_: u8, _: u64| Ok::<_, RangeError>(EMPTY_ROOT);
        for index in [0, 1, size / 2, size - 1] {
            let path = inclusion_proof(index, size, &mut any).unwrap();
            assert!(path.len() <= 63);
            assert!(inclusion_root(index, size, &EMPTY_ROOT, &path).is_ok());
        }
        let proof = consistency_proof(size - 1, size, &mut any).unwrap();
        let verified = verify_consistency(size - 1, &EMPTY_ROOT, size, &EMPTY_ROOT, &proof);
        assert_eq!(verified, Err(ConsistencyError::OldRootMismatch { old: size - 1, new: size }));
    }
}
