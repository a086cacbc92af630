//! Whether the store must be reclaimed: that something went whose bytes may still lie in it, and since which day.
//!
//! One mark of the log says it, written with what takes the bytes' meaning away, so that no restart forgets it. Without
//! a mark nobody knows, and reclaiming is owed. When to reclaim, and doing it, is the caller's.

use crate::append::{Tail, commit};
use crate::changes::About;
use crate::erase::{Failed, Reply, settle};
use crate::error::{AppendError, ReadError};
use crate::outside;
use crate::request::Change;
use crate::shared::Shared;
use crate::store::{Batch, Mark, MarkKind};

/// Value of the mark when everything that went before was let go of.
const NOTHING: &[u8] = b"-";
/// Value of the mark while the store is reclaimed. What goes meanwhile may have been copied.
const UNDER_WAY: &[u8] = b"~";

/// Whether the bytes of what went may still lie in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// Nothing went since the store was reclaimed.
    Nothing,
    /// Something did, first on this day: days since 1970 UTC.
    Since(u32),
    /// Nobody knows: the store was never reclaimed, or not to the end.
    Unknown,
}

impl Owed {
    fn parse(value: Option<&[u8]>) -> Self {
        match value {
            Some(NOTHING) => Owed::Nothing,
            Some(day) => day.try_into().map_or(Owed::Unknown, |day| Owed::Since(u32::from_be_bytes(day))),
            None => Owed::Unknown,
        }
    }
}

fn value_of(shared: &Shared) -> Result<Option<Vec<u8>>, ReadError> {
    Ok(shared.store.mark(&shared.config.site, MarkKind::Owed, b"")?)
}

fn to(value: &[u8]) -> Mark {
    Mark { kind: MarkKind::Owed, key: Vec::new(), value: Some(value.to_vec()) }
}

/// See [`Ledger::owed`](crate::Ledger::owed).
pub(crate) fn owed(shared: &Shared) -> Result<Owed, ReadError> {
    Ok(Owed::parse(value_of(shared)?.as_deref()))
}

/// The mark that goes into the batch with which something goes; none where it is owed already.
pub(crate) fn mark_since_today(shared: &Shared) -> Result<Option<Mark>, ReadError> {
    let value = value_of(shared)?;
    let begins = matches!(value.as_deref(), Some(NOTHING | UNDER_WAY));
    Ok(begins.then(|| to(&outside::day(shared.outside.clock.now()).to_be_bytes())))
}

/// The store is about to be reclaimed, or was.
pub(crate) struct Reclaiming {
    /// Whether it is done.
    pub(crate) done: bool,
    pub(crate) reply: Reply<u64>,
}

impl Change for Reclaiming {
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let done = note(shared, &tail, self.done);
        settle(shared, tail, done, self.reply)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

fn note(shared: &Shared, tail: &Tail, done: bool) -> Result<u64, Failed> {
    let value = if !done {
        UNDER_WAY
    } else if value_of(shared)?.as_deref() == Some(UNDER_WAY) {
        NOTHING
    } else {
        // Something went meanwhile, or nobody said that it begins.
        return Ok(0);
    };
    let mut batch = Batch::new(shared.config.site.clone(), tail.head);
    batch.marks.push(to(value));
    commit(shared, batch)?;
    Ok(1)
}
