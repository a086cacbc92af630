//! Following somebody else's log: is it still the history that was seen before?
//!
//! [`Monitor::look`] reads the log's checkpoint, checks who signed it, and compares it with the last one it accepted, by
//! the log's own tiles ([`assent_core::history`]). It keeps what it accepted in one file, and both sides of a fork as
//! evidence beside it ([`memory`]). It asks nobody to cosign and tells nobody: what is done with a [`Finding`] is the
//! caller's business.

pub mod entries;
pub mod memory;

use crate::deliver::log_reader::{LogReader, ReadError, TreeReader};
use assent_core::checkpoint::{Checkpoint, CheckpointVerifyError, SignedCheckpoint};
use assent_core::hash::Hash;
use assent_core::history::{Fork, History, HistoryError, compare};
use assent_core::note::{NoteVerifyError, VerifierKey};
use assent_core::policy::{Assessment, Policy, Quorum};
use entries::root_of_entries;
use memory::{Memory, MemoryError};
use std::path::PathBuf;

/// Whether every entry is read as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The checkpoint, and the few tiles that compare it with the last.
    Heads,
    /// Also every entry, to see that together they give the signed root.
    Entries,
}

/// One log, followed.
#[derive(Debug)]
pub struct Monitor {
    /// Where it is read.
    pub log: LogReader,
    /// Who signs for it. Without one: any log of the policy.
    pub key: Option<VerifierKey>,
    /// Which witnesses must have cosigned, if any.
    pub policy: Option<Policy>,
    /// What was accepted last.
    pub memory: Memory,
    /// How much is read.
    pub depth: Depth,
}

/// What one look at a log found.
#[derive(Debug)]
pub struct Finding {
    /// What, in a word.
    pub outcome: Outcome,
    /// The checkpoint that the log shows now, once its signature was good.
    pub checkpoint: Option<SignedCheckpoint>,
    /// Size of the checkpoint that was accepted before, if any.
    pub remembered: Option<u64>,
    /// Who cosigned the checkpoint, when there is a policy.
    pub assessment: Option<Assessment>,
    /// Files with the two sides of a fork.
    pub evidence: Vec<PathBuf>,
}

/// What a log turned out to be. The first four are good.
#[derive(Debug)]
pub enum Outcome {
    /// The first checkpoint that was seen of it; there was nothing to compare with.
    First,
    /// The checkpoint that was seen before.
    Same,
    /// It grew.
    Grown,
    /// It shows an earlier state of itself: an old copy. The newer one stays remembered.
    Older,
    /// It shows fewer entries than it signed before, and no longer has the tiles that would show whether these are the first of those: it
    /// was rolled back, or this is an old copy. The checkpoint is kept as evidence.
    Smaller,
    /// It has two histories.
    Fork(Fork),
    /// A fork is on file from an earlier look. Nothing was read; the files must be moved away to go on.
    ForkOnFile,
    /// The checkpoint is not signed by who should sign it, or a known witness's line on it is wrong.
    BadSignature(CheckpointVerifyError),
    /// Too few of the policy's witnesses cosigned. The checkpoint was not accepted.
    QuorumMissing,
    /// The tiles are not those of the signed tree.
    TilesDiffer(String),
    /// The entries are not those of the signed tree.
    EntriesDiffer {
        /// The root they give.
        computed: Hash,
    },
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is served as its checkpoint is none: another page, or cut off.
    #[error("what the log shows as its checkpoint cannot be read")]
    Checkpoint(#[source] CheckpointVerifyError),
    /// Two logs share one memory.
    #[error(
        "the state file is of the log {remembered}, and this one is {shown}: give each log a --state file of its own"
    )]
    OtherLog {
        /// The log that is remembered.
        remembered: String,
        /// The log that was read.
        shown: String,
    },
    /// What was remembered cannot be read or kept.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A bundle of entries is not one.
    #[error("the bundle of entries {index} cannot be read")]
    Bundle {
        /// Number of the bundle.
        index: u64,
        /// Why.
        #[source]
        source: assent_core::tile::BundleDecodeError,
    },
}

impl Outcome {
    /// A stable name for programs, in kebab case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Outcome::First => "first",
            Outcome::Same => "same",
            Outcome::Grown => "grown",
            Outcome::Older => "older",
            Outcome::Smaller => "smaller",
            Outcome::Fork(_) => "fork",
            Outcome::ForkOnFile => "fork-on-file",
            Outcome::BadSignature(_) => "bad-signature",
            Outcome::QuorumMissing => "quorum-missing",
            Outcome::TilesDiffer(_) => "tiles-differ",
            Outcome::EntriesDiffer { .. } => "entries-differ",
        }
    }

    /// Whether the log is what it should be.
    #[must_use]
    pub const fn holds(&self) -> bool {
        matches!(self, Outcome::First | Outcome::Same | Outcome::Grown | Outcome::Older)
    }
}

impl Monitor {
    /// Reads the log once. `progress` is told how many entries of how many were read, when all are.
    ///
    /// # Errors
    /// [`LookError`] when the question cannot be answered; what was remembered is as before.
    pub fn look(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Finding, LookError> {
        let mut finding = Finding {
            outcome: Outcome::ForkOnFile,
            checkpoint: None,
            remembered: None,
            assessment: None,
            evidence: self.memory.evidence()?,
        };
        if !finding.evidence.is_empty() {
            return Ok(finding);
        }
        let remembered = self.memory.read(|note| self.open(note))?;
        finding.remembered = remembered.as_ref().map(|signed| signed.checkpoint().size);

        let note = String::from_utf8(self.log.checkpoint()?).map_err(|_| {
            LookError::Checkpoint(CheckpointVerifyError::Note(assent_core::note::NoteError::NotUtf8))
        })?;
        let offered = match self.open(&note) {
            Ok(signed) => signed,
            Err(error @ (CheckpointVerifyError::Note(_) | CheckpointVerifyError::Checkpoint(_))) => {
                return Err(LookError::Checkpoint(error));
            }
            Err(error) => return Ok(Finding { outcome: Outcome::BadSignature(error), ..finding }),
        };
        finding.checkpoint = Some(offered.clone());

        if let Some(remembered) = &remembered {
            let [remembered, shown] = [remembered, &offered].map(|signed| signed.checkpoint().origin.clone());
            if remembered != shown {
                return Err(LookError::OtherLog { remembered, shown });
            }
        }
        // History first: a fork matters whoever cosigned it.
        finding.outcome = match &remembered {
            None => Outcome::First,
            Some(remembered) => match self.history(remembered.checkpoint(), offered.checkpoint()) {
                Ok(History::Same) => Outcome::Same,
                Ok(History::Grown { .. }) => Outcome::Grown,
                Ok(History::Older { .. }) => Outcome::Older,
                Ok(History::Forked(fork)) => {
                    finding.evidence = self.memory.keep_fork(remembered, &offered, &fork)?;
                    Outcome::Fork(fork)
                }
                // Not there, or not for us: some file stores say the one for the other.
                Err(HistoryError::Source(ReadError::Status { status: 403 | 404 | 410, .. }))
                    if offered.checkpoint().size < remembered.checkpoint().size =>
                {
                    finding.evidence.extend(self.memory.keep_smaller(&offered)?);
                    Outcome::Smaller
                }
                Err(HistoryError::Source(error)) => return Err(error.into()),
                Err(other) => Outcome::TilesDiffer(format!("{:#}", anyhow::Error::from(other))),
            },
        };
        if !finding.outcome.holds() {
            return Ok(finding);
        }
        if let Some(policy) = &self.policy {
            match policy.assess(&offered) {
                Ok(assessment) => {
                    let quorum = assessment.quorum;
                    finding.assessment = Some(assessment);
                    if quorum == Quorum::Missing {
                        return Ok(Finding { outcome: Outcome::QuorumMissing, ..finding });
                    }
                }
                Err(error) => {
                    let error = CheckpointVerifyError::Signature(error);
                    return Ok(Finding { outcome: Outcome::BadSignature(error), ..finding });
                }
            }
        }
        if self.depth == Depth::Entries {
            let head = offered.checkpoint();
            let computed = root_of_entries(&self.log, head.size, progress)?;
            if computed != head.root {
                return Ok(Finding { outcome: Outcome::EntriesDiffer { computed }, ..finding });
            }
        }
        if !matches!(finding.outcome, Outcome::Older) {
            self.memory.write(&offered)?;
        }
        Ok(finding)
    }

    fn history(
        &self,
        remembered: &Checkpoint,
        offered: &Checkpoint,
    ) -> Result<History, HistoryError<ReadError>> {
        let mut tree = TreeReader::new(&self.log, remembered.size.max(offered.size));
        compare(remembered, offered, &mut |level, index| tree.subtree(level, index))
    }

    fn open(&self, note: &str) -> Result<SignedCheckpoint, CheckpointVerifyError> {
        match (&self.key, &self.policy) {
            (Some(key), _) => Checkpoint::verify(note, key),
            (None, Some(policy)) => policy.open(note),
            (None, None) => Err(CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey)),
        }
    }
}
