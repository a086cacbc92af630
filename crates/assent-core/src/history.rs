//! Whether two heads of a log belong to one history, judged from the log's own tiles.
//!
//! A reader who remembers one signed checkpoint and is offered another asks [`compare`]. It needs a few subtree roots
//! of the larger tree (see [`crate::tile::SubtreeLocation`]) and believes none of them that does not lead to that
//! tree's signed root: a reader who is given false tiles learns that, and is never told "fork" because of them.
//! Whether the checkpoints are signed was checked before ([`Checkpoint::verify`]); fetching is the caller's business.

use alloc::vec::Vec;

use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::merkle::{ConsistencyError, RangeError, consistency_proof, tree_root, verify_consistency};

/// How an offered head stands to a remembered one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Same size, same root.
    Same,
    /// The offered tree continues the remembered one.
    Grown {
        /// The consistency proof between them, which was verified.
        proof: Vec<Hash>,
    },
    /// The offered tree is an earlier state of the remembered one: an old copy was served.
    Older {
        /// The consistency proof between them, which was verified.
        proof: Vec<Hash>,
    },
    /// Two histories.
    Forked(Fork),
}

/// The proof that one log has two histories: the smaller tree (or, at equal sizes, either) is signed with one root,
/// and its first `size` entries under the larger tree's signed root have another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Size of the smaller tree.
    pub size: u64,
    /// Root of the first `size` entries under the larger tree; at equal sizes the offered tree's.
    pub root: Hash,
    /// Consistency proof from `(size, root)` to the larger tree, which was verified. Empty at equal sizes, where the
    /// two signed roots say it all.
    pub proof: Vec<Hash>,
}

/// Why two heads cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError<E> {
    /// A subtree root could not be had.
    #[error("the tree cannot be read")]
    Source(#[source] E),
    /// The subtree roots do not lead to the larger tree's signed root: they are not that tree's.
    #[error("the tree that was read does not lead to the signed root of size {size}")]
    OtherTree {
        /// Size of the larger tree.
        size: u64,
        /// What does not hold.
        #[source]
        source: ConsistencyError,
    },
}

impl<E> From<RangeError> for HistoryError<E> {
    fn from(error: RangeError) -> Self {
        let (RangeError::IndexOutOfRange { index: old, size: new }
        | RangeError::OldLargerThanNew { old, new }) = error;
        let source = ConsistencyError::OldLargerThanNew { old, new };
        HistoryError::OtherTree { size: new, source }
    }
}

/// Compares two heads of one log. `subtree` answers the root of the perfect subtree `(level, index)` of the larger
/// tree, as in [`crate::merkle::tree_root`]; it is not asked when the sizes are equal or the smaller is 0.
///
/// # Errors
/// [`HistoryError`].
pub fn compare<E>(
    remembered: &Checkpoint,
    offered: &Checkpoint,
    subtree: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<History, HistoryError<E>> {
    let (smaller, larger) =
        if remembered.size <= offered.size { (remembered, offered) } else { (offered, remembered) };
    if smaller.size == larger.size {
        return Ok(if remembered.root == offered.root {
            History::Same
        } else {
            History::Forked(Fork { size: offered.size, root: offered.root, proof: Vec::new() })
        });
    }
    let mut subtree = |level, index| subtree(level, index).map_err(HistoryError::Source);
    let root = tree_root(smaller.size, &mut subtree)?;
    let proof = consistency_proof(smaller.size, larger.size, &mut subtree)?;
    // First with the root that was read, so that a lie in it shows here; only then is it compared with the signed one.
    verify_consistency(smaller.size, &root, larger.size, &larger.root, &proof)
        .map_err(|source| HistoryError::OtherTree { size: larger.size, source })?;
    Ok(if root != smaller.root {
        History::Forked(Fork { size: smaller.size, root, proof })
    } else if remembered.size < offered.size {
        History::Grown { proof }
    } else {
        History::Older { proof }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::tests::subtrees;
    use crate::merkle::{leaf_hash, root_of};
    use crate::note::tests::ORIGIN;

    /// Leaves of the test log; from `fork` on those of its other history.
    fn leaves(n: u64, fork: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&if i < fork { [0, i] } else { [1, i] }.map(|v| v as u8))).collect()
    }

    fn head(leaves: &[Hash]) -> Checkpoint {
        Checkpoint::new(ORIGIN, leaves.len() as u64, root_of(leaves)).unwrap()
    }

    #[test]
    fn one_history_or_two_for_all_sizes() {
        const N: u64 = 34;
        for old in 0..=N {
            for new in 0..=N {
                for fork in 0..=N {
                    let (known, offered) = (leaves(old, N), leaves(new, fork));
                    let (a, b) = (head(&known), head(&offered));
                    let larger = if old <= new { &offered } else { &known };
                    let found = compare(&a, &b, &mut subtrees(larger)).unwrap();
                    let same = fork >= old.min(new);
                    match (&found, old.cmp(&new)) {
                        (History::Forked(fork), _) => {
                            assert!(!same);
                            assert_eq!(fork.size, old.min(new));
                            assert_eq!(fork.root, root_of(&larger[..fork.size as usize]));
                            let root = root_of(larger);
                            let size = larger.len() as u64;
                            verify_consistency(fork.size, &fork.root, size, &root, &fork.proof).unwrap();
                        }
                        (History::Same, core::cmp::Ordering::Equal)
                        | (History::Grown { .. }, core::cmp::Ordering::Less)
                        | (History::Older { .. }, core::cmp::Ordering::Greater) => assert!(same),
                        _ => panic!("{old} to {new}, forked at {fork}: {found:?}"),
                    }
                }
            }
        }
    }

    /// Whoever serves false tiles can hide, but cannot make an honest log look forked or a forked one honest.
    #[test]
    fn false_subtrees_are_noticed() {
        let (honest, forked) = (leaves(21, 21), leaves(21, 9));
        for old in 1..21_u64 {
            let remembered = head(&honest[..old as usize]);
            // The subtrees of the other history.
            let wrong = compare(&remembered, &head(&honest), &mut subtrees(&forked));
            assert!(matches!(wrong, Err(HistoryError::OtherTree { size: 21, .. })), "{old}: {wrong:?}");
            let wrong = compare(&remembered, &head(&forked), &mut subtrees(&honest));
            assert!(matches!(wrong, Err(HistoryError::OtherTree { size: 21, .. })), "{old}: {wrong:?}");
            // One answer changed, whichever.
            let mut asked = 0;
            compare(&remembered, &head(&honest), &mut |level, index| {
                asked += 1;
                subtrees(&honest)(level, index)
            })
            .unwrap();
            for lie in 0..asked {
                let mut count = 0;
                let found = compare(&remembered, &head(&honest), &mut |level, index| {
                    count += 1;
                    let mut hash = subtrees(&honest)(level, index)?;
                    hash.0[0] ^= u8::from(count == lie + 1);
                    Ok::<_, RangeError>(hash)
                });
                assert!(
                    matches!(found, Err(HistoryError::OtherTree { .. })),
                    "{old}, answer {lie}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn a_source_that_fails_is_named() {
        let leaves = leaves(9, 9);
        let found = compare(&head(&leaves[..4]), &head(&leaves), &mut |_, _| Err("no such tile"));
        assert_eq!(found, Err(HistoryError::Source("no such tile")));
        let mut unasked = |_, _| Err("not asked");
        assert_eq!(compare(&head(&leaves), &head(&leaves), &mut unasked), Ok(History::Same));
        let grown = compare(&head(&[]), &head(&leaves), &mut unasked);
        assert_eq!(grown, Ok(History::Grown { proof: Vec::new() }));
    }
}
