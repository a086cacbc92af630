//! What comes to the sequencer: decisions, documents, and changes that are done by themselves, each with whoever waits for it.
//!
//! What becomes of them is in `judge.rs`, `append.rs` and, one change at a time, in `erase.rs` and its kin.

use tokio::sync::oneshot;

use crate::append::{Recorded, Tail};
use crate::changes::About;
use crate::draft::{Draft, PublishedNotice};
use crate::error::AppendError;
use crate::shared::Shared;
use crate::store::DocumentKind;

/// What callers put into the queue.
pub(crate) enum Request {
    /// A decision.
    Append(Box<Draft>, oneshot::Sender<Result<Answer, AppendError>>),
    /// A document to publish.
    Publish(DocumentKind, Vec<u8>, oneshot::Sender<Result<PublishedNotice, AppendError>>),
    /// Anything else that changes the log: done by itself, between two batches.
    Change(Box<dyn Change>),
}

/// A change of the log that is not a decision.
pub(crate) trait Change: Send {
    /// About whom it is.
    fn about(&self) -> About;
    /// Does it and answers whoever asked. Nothing: the outcome is unknown and the log stands still.
    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail>;
    /// Answers whoever asked that it was not done.
    fn refuse(self: Box<Self>, error: AppendError);
}

/// What a caller makes its receipt of, on its own thread.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It was recorded just now.
    Recorded(Box<Recorded>),
    /// It had been recorded before, as this leaf.
    Replay(u64),
}

impl Request {
    pub(crate) fn refuse(self, error: AppendError) {
        // A caller that has gone away needs no answer.
        match self {
            Request::Append(_, reply) => drop(reply.send(Err(error))),
            Request::Publish(_, _, reply) => drop(reply.send(Err(error))),
            Request::Change(change) => change.refuse(error),
        }
    }
}
