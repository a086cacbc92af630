//! Reading every entry of a log, to see that together they give the root that the log signed.
//!
//! A few bundles are read at a time, because most of the time is waiting for the other side; they are hashed in order.
//! Nothing is kept but the edge of the tree, so a log of any size needs the same memory.

use super::LookError;
use crate::deliver::log_reader::LogReader;
use assent_core::hash::Hash;
use assent_core::merkle::{CompactTree, leaf_hash};
use assent_core::tile::{Bundle, TILE_WIDTH, decode_bundle};
use std::panic::resume_unwind;
use std::thread;

/// Bundles that are read at one time. The largest have 16 MiB.
const AT_ONCE: u64 = 8;

/// The root over all `size` entries, from their bundles. `progress` is told how many of how many are done.
///
/// # Errors
/// [`LookError::Read`] or [`LookError::Bundle`].
pub fn root_of_entries(
    log: &LogReader,
    size: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Hash, LookError> {
    let mut tree = CompactTree::new();
    let bundles = size.div_ceil(u64::from(TILE_WIDTH));
    let mut next = 0;
    while next < bundles {
        let end = bundles.min(next + AT_ONCE);
        let read: Vec<Result<Vec<Hash>, LookError>> = thread::scope(|scope| {
            let threads: Vec<_> = (next..end)
                .filter_map(|index| Bundle::at_size(index, size))
                .map(|bundle| scope.spawn(move || leaves(log, bundle)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        for leaves in read {
            for leaf in leaves? {
                tree.append(leaf);
            }
        }
        next = end;
        progress(tree.size(), size);
    }
    Ok(tree.root())
}

fn leaves(log: &LogReader, bundle: Bundle) -> Result<Vec<Hash>, LookError> {
    let (bytes, width) = log.bundle(bundle)?;
    let entries =
        decode_bundle(&bytes, width).map_err(|source| LookError::Bundle { index: bundle.index, source })?;
    Ok(entries.into_iter().take(usize::from(bundle.width)).map(leaf_hash).collect())
}
