//! A witness: it cosigns what other people's logs say of themselves, and never two things that contradict each other.
//!
//! Source: c2sp.org/tlog-witness. The rules are [`assent_core::witness`]'s; here are the memory ([`state`]), the key
//! ([`key`]) and the order of steps. HTTP is `crate::http::witness`. It knows nothing of our own logs: it is another
//! program in the same binary, and is of use only where somebody else runs the log.

pub mod key;
pub mod state;

use assent_core::note::{Note, VerifierKey, WitnessKey};
use assent_core::policy::Policy;
use assent_core::witness::{AddCheckpoint, Refusal, RequestError, Seen};
use state::{Held, OpenError, State, WriteError};
use std::path::Path;

/// A witness that owns its state.
#[derive(Debug)]
pub struct Witness {
    key: WitnessKey,
    trusted: Vec<VerifierKey>,
    state: State,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The body is not a request.
    #[error("the request cannot be read")]
    Request(#[from] RequestError),
    /// The protocol says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Our clock shows less than our last cosignature of this log does. A cosignature says when; we do not sign a
    /// time that we do not see.
    #[error("the witness's clock shows {now}, but it last cosigned this log at {last}")]
    ClockBehind {
        /// Seconds since 1970 now.
        now: u64,
        /// Seconds since 1970 of the last cosignature.
        last: u64,
    },
    /// What was last cosigned of this log may not be what is in memory: see [`state`].
    #[error("the witness stopped cosigning this log, because a write failed; it goes on after a restart")]
    Stopped,
    /// The write that failed.
    #[error("the cosignature could not be kept, so it was not given")]
    Write(#[source] WriteError),
}

/// A checkpoint that was cosigned and kept.
#[derive(Debug)]
pub struct Cosigned {
    /// The log's origin.
    pub origin: String,
    /// Entries in its tree.
    pub size: u64,
    /// The signature line, with its line feed.
    pub line: String,
}

impl Witness {
    /// Opens the state that `assent witness key` made, for the logs of `policy`.
    ///
    /// # Errors
    /// [`OpenError`]: the state is missing, in use, another key's, or damaged.
    pub fn open(data_dir: &Path, key: WitnessKey, policy: &Policy) -> Result<Self, OpenError> {
        let trusted: Vec<VerifierKey> = policy.logs().iter().map(|log| log.key.clone()).collect();
        let state = State::open(data_dir, &key.verifier(), trusted.iter().map(VerifierKey::name))?;
        Ok(Self { key, trusted, state })
    }

    /// The key that others check its cosignatures with.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// How many logs it has keys for.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.trusted.len()
    }

    /// Whether it can cosign every log it watches.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.state.any_stopped()
    }

    /// The newest cosigned checkpoint of the log whose origin has this hash (64 hex digits), as it was kept: with the
    /// log's signature and ours.
    #[must_use]
    pub fn latest(&self, origin_hash: &str) -> Option<String> {
        self.state.log(origin_hash)?.shown()
    }

    /// Judges a request, and cosigns and keeps its checkpoint at the time `now` (seconds since 1970). Blocks for as
    /// long as the disk needs.
    ///
    /// # Errors
    /// [`AddError`]. Nothing was cosigned then.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<Cosigned, AddError> {
        let request = AddCheckpoint::parse_bytes(body)?;
        let submission = request.authenticate(&self.trusted)?;
        let origin = submission.checkpoint().checkpoint().origin.clone();
        // Every trusted log has its place since the state was opened.
        let log = self.state.log(&state::origin_hash(&origin)).ok_or(Refusal::UnknownLog)?;

        // From here to the end one request at a time for this log: two that were judged against the same memory could
        // otherwise both be cosigned, and one of them roll back or contradict the other.
        let mut held = log.lock();
        if held.stopped {
            return Err(AddError::Stopped);
        }
        if submission.contradicts(&held.seen) {
            self.keep_evidence(
                &origin,
                held.note.as_deref().unwrap_or_default(),
                submission.checkpoint().note(),
            );
        }
        let signed = submission.judge(&held.seen)?;
        if now < held.time {
            return Err(AddError::ClockBehind { now, last: held.time });
        }
        let line = self.key.cosign(signed.note().text(), now);
        let mut note = signed.note().clone();
        note.push(line.clone());
        let note = note.to_string();
        // If we stop before this returns, the disk has the old checkpoint or the new one, whole, and the log has no
        // cosignature: it asks again, is told our size, and goes on from there. If the write fails we cannot tell
        // which one is on the disk, so this log stops until a restart reads it.
        if let Err(error) = log.write(&note) {
            held.stopped = true;
            return Err(AddError::Write(error));
        }
        let seen = Seen::from(signed.checkpoint());
        *held = Held { seen, time: now, note: Some(note), stopped: false };
        Ok(Cosigned { origin, size: seen.size, line: line.to_string() })
    }

    /// One log signed two trees of one size: whoever holds both notes can show it.
    fn keep_evidence(&self, origin: &str, cosigned: &str, note: &Note) {
        match self.state.keep_evidence(origin, cosigned, note) {
            Ok(Some(file)) => tracing::error!(
                origin,
                file = %file.display(),
                "FORK: this log signed two trees of one size; what was cosigned is kept beside this file"
            ),
            Ok(None) => {
                tracing::warn!(
                    origin,
                    "FORK again: this log signed two trees of one size; nothing new is kept"
                );
            }
            Err(error) => tracing::error!(
                origin,
                cause = format!("{:#}", anyhow::Error::from(error)),
                "FORK: this log signed two trees of one size; the proof could not be kept"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
