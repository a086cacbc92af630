//! Following a log: what each entry came to, one after the other, for whoever tells others of it.
//!
//! Nothing is remembered here: how far somebody is, is theirs to keep.

use assent_core::hash::Hash;

use crate::draft::Opened;
use crate::error::ReadError;
use crate::shared::{Inside, Shared, read_record};
use crate::store::{DocumentKind, RowBody};

/// What an entry of the log came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record.
    Record(Box<Opened>),
    /// A record that nobody may read now.
    Restricted,
    /// A notice was published.
    Notice {
        /// SHA-256 of its document.
        hash: Hash,
        /// When: milliseconds since 1970 UTC.
        time: u64,
    },
    /// A record that is gone, a summary, a change of rules.
    Other,
}

/// See [`Ledger::entry`](crate::Ledger::entry).
pub(crate) fn entry(shared: &Shared, index: u64) -> Result<Option<Entry>, ReadError> {
    if index >= shared.published().size {
        return Ok(None);
    }
    let row = shared.row(index)?;
    if let RowBody::Document(DocumentKind::Notice, hash) = row.body {
        return Ok(Some(Entry::Notice { hash, time: row.time }));
    }
    Ok(Some(match shared.inside(index, &row)? {
        Inside::Record(content) => {
            let (id, record) = read_record(index, &content.record)?;
            Entry::Record(Box::new(Opened { index, id, time: row.time, record, contacts: content.contacts }))
        }
        Inside::Restricted => Entry::Restricted,
        Inside::Gone(_) | Inside::NoRecord => Entry::Other,
    }))
}

/// The first of the first `size` entries that was taken down at `time` or later; `size` when there is none. Times never go back, so
/// this is a binary search.
pub(crate) fn first_since(shared: &Shared, size: u64, time: u64) -> Result<u64, ReadError> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        if shared.row(middle)?.time < time { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}
