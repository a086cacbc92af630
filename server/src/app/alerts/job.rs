//! What must still be done about alerts, as it stands in the log's store: no address in clear, and what an earlier release kept can be read.

use super::incoming::Sealed;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use serde::{Deserialize, Serialize};

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Task {
    /// Ask whether a sign-up was theirs.
    Confirm {
        /// Whose sign-up.
        subject: SubjectId,
        /// By email or by text.
        #[serde(default = "by_email")]
        channel: Channel,
        /// The address that is let go of once this one is confirmed.
        replaces: Option<Hash>,
    },
    /// A number is to take another's place once it is confirmed: a code has no room to say so. Forgotten when nobody could confirm any more.
    Move {
        /// The number that is let go of then.
        replaces: Hash,
    },
    /// Let go of an address that another took the place of, if that was not done, and tell it. Waits until the move is confirmed.
    Moved {
        /// Its keyed hash.
        contact: Hash,
        /// By email or by text.
        channel: Channel,
        /// Whose move. An earlier release did not say, and had let go of it.
        #[serde(default)]
        subject: Option<SubjectId>,
    },
    /// Send a copy of what somebody told staff.
    Copy {
        /// Whose record.
        subject: SubjectId,
        /// By email or by text.
        channel: Channel,
    },
    /// Send a copy of what lists say that an address's owner said.
    ListCopy {
        /// Its keyed hash.
        contact: Hash,
        /// By email or by text.
        channel: Channel,
        /// Of what was recorded since. Unix milliseconds.
        since: u64,
    },
    /// Erase a sign-up that nobody confirmed.
    Lapse {
        /// Whose.
        subject: SubjectId,
    },
    /// Send a link to everything an address told us.
    Link {
        /// Its keyed hash.
        contact: Hash,
        /// By email or by text.
        #[serde(default = "by_email")]
        channel: Channel,
        /// The language it was asked for in.
        language: String,
    },
    /// Say that an alert ends soon, and how to keep it.
    Remind {
        /// The keyed hash of its address.
        contact: Hash,
        /// By email or by text.
        channel: Channel,
        /// Which alert.
        purpose: PurposeId,
    },
    /// Something was done; it may be done again when this is over.
    Pause,
    /// Answer a text.
    Answer {
        /// Who wrote, and in which language they are answered.
        to: Sealed,
        /// What is answered.
        answer: Answer,
    },
    /// Staff have to read a text. Never due: it ends when they say so.
    Read {
        /// Who wrote what.
        text: Sealed,
    },
    /// Staff have to talk with somebody young. Looked at again each day; it ends when nobody waits.
    ToContact {
        /// The keyed hash of their address.
        contact: Hash,
        /// Email or text.
        channel: Channel,
    },
    /// An address was asked whether sign-ups were theirs; forgotten when this is over.
    Asked {
        /// The messages, by their ids: one that is tried again is no other.
        messages: Vec<String>,
    },
    /// Wrong codes were entered for a number; forgotten when this is over.
    Tries {
        /// How many.
        wrong: u32,
    },
}

/// What a text is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Everything by text is stopped.
    Stopped,
    /// Where to sign up.
    Start,
    /// How to reach people.
    Help,
}

impl Answer {
    /// The word in keys of jobs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Start => "start",
            Self::Help => "help",
        }
    }
}

fn by_email() -> Channel {
    Channel::Email
}

/// A task, and when it is tried next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    #[serde(flatten)]
    pub(super) task: Task,
    /// Unix milliseconds.
    pub(super) due: u64,
    /// When it is given up. Unix milliseconds.
    pub(super) until: u64,
    /// How often it failed.
    pub(super) failed: usize,
}

impl Job {
    /// A job that is due at `due` and given up at `until`.
    pub(super) fn new(task: Task, due: u64, until: u64) -> Self {
        Self { task, due, until, failed: 0 }
    }

    /// As it is kept. A job has text keys and whole numbers.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// A kept job; nothing when it cannot be read.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
