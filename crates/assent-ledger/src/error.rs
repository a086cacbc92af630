//! One error type per operation, split by what the caller does next. Never holds personal data or a key.

use std::path::PathBuf;

use assent_core::checkpoint::CheckpointVerifyError;
use assent_core::hash::Hash;

use crate::id::ReceiptId;
use crate::keys::KeyStoreError;
use crate::outside::RandomError;
use crate::store::StoreError;

/// An error with everything behind it, in one line.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why a log could not be begun. Nothing that was there before is changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is a log already: open it.
    #[error("site `{site}` already has a log; open it instead")]
    Exists {
        /// The site.
        site: String,
    },
    /// A checkpoint or subjects' secrets of an earlier log are there, but the store does not have it.
    #[error(
        "`{}` is left of an earlier log of site `{site}`, which the store does not have. Restore the store from \
         its backup; only if that log is given up on purpose, move its keys and checkpoint away and try again", path.display()
    )]
    Leftovers {
        /// The site.
        site: String,
        /// What was found.
        path: PathBuf,
    },
    /// The origin cannot be a log's name: empty, or with a space or `+`.
    #[error("`{origin}` cannot be the name of a log")]
    BadOrigin {
        /// The origin.
        origin: String,
    },
    /// The keystore could not be written.
    #[error("the keys could not be created")]
    Keys(#[from] KeyStoreError),
    /// No randomness for the keys.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The store did not take the empty log, or may not have. Trying again is safe.
    #[error("the store did not begin the log")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log was begun but could not be opened.
    #[error("the log was created but could not be opened")]
    Open(#[from] OpenError),
}

/// Why a log could not be taken over. What was brought in stays, and is taken up by the next try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The log could not be begun here, or a store or keystore did not take it.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The head is not signed by the key.
    #[error("the log's head is not signed by its key")]
    Head,
    /// It is another log than the site's.
    #[error("it is the log {found}, and the site's is {expected}")]
    OtherLog {
        /// The log that is brought.
        found: String,
        /// The site's.
        expected: String,
    },
    /// It was begun with another bundle of this log.
    #[error(
        "the import was begun with another bundle of this log, and a part of that is here: go on with that one, or begin in an empty \
         server.data_dir"
    )]
    OtherBundle,
    /// An entry is not what was logged.
    #[error("entry {index} is not what was logged")]
    Differs {
        /// The entry.
        index: u64,
    },
    /// What is brought could not be read.
    #[error("what is to be taken over could not be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store or an entry could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The checkpoint's own file could not be written.
    #[error("the checkpoint could not be written")]
    CheckpointFile(#[source] std::io::Error),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        ImportError::Read(error.into())
    }
}

/// Why a log could not be opened. Each text names the way out, or its source does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store has no log for the site. A second history is never begun by itself.
    #[error(
        "site `{site}` has no log in the store; create it on purpose (`assent log create`), or restore the store if it had one"
    )]
    NoLog {
        /// The site.
        site: String,
    },
    /// The store is older than the signed checkpoint: it was rolled back.
    #[error(
        "the store of site `{site}` ends at {store} entries, but a checkpoint over {signed} was signed: the store was rolled \
         back. Restore the newest store backup. Going on from here would fork the log"
    )]
    StoreBehind {
        /// The site.
        site: String,
        /// Entries in the store.
        store: u64,
        /// Entries in the signed checkpoint.
        signed: u64,
    },
    /// The store holds another history than the one that was signed.
    #[error(
        "the first {signed} entries in the store of site `{site}` do not have the root that was signed for them: the store was \
         altered or belongs to another log. Run a check to find the entry, and restore the store from a backup"
    )]
    StoreDiffers {
        /// The site.
        site: String,
        /// Entries in the signed checkpoint.
        signed: u64,
    },
    /// Leaves after the checkpoint do not give the head's root.
    #[error(
        "the entries {from} to {to} in the store of site `{site}` do not give the root stored with them; restore the store from a backup"
    )]
    StoreDamaged {
        /// The site.
        site: String,
        /// First entry looked at.
        from: u64,
        /// Entry after the last one looked at.
        to: u64,
    },
    /// The store has entries but the checkpoint file is gone.
    #[error(
        "the store of site `{site}` has {store} entries, but its checkpoint file `{}` is missing, so a roll-back could not be \
         noticed. Restore the file from a backup, or write the last checkpoint you trust there", path.display()
    )]
    CheckpointMissing {
        /// The site.
        site: String,
        /// Entries in the store.
        store: u64,
        /// Where the file should be.
        path: PathBuf,
    },
    /// The checkpoint file is there but was not signed by this log's key, or for another origin.
    #[error(
        "the checkpoint file of site `{site}` does not belong to this log and its key: the site's public address or its keys \
         were changed. Put them back, or restore keys and checkpoint from one backup"
    )]
    CheckpointForeign {
        /// The site.
        site: String,
        /// What does not fit.
        #[source]
        source: CheckpointVerifyError,
    },
    /// The checkpoint file could not be read or written.
    #[error("the checkpoint file `{}` could not be used: mend the cause, and start again", path.display())]
    CheckpointFile {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The keystore could not be opened: missing, damaged, or another operator key.
    #[error("the keys could not be opened")]
    Keys(#[from] KeyStoreError),
    /// The origin cannot be a log's name.
    #[error("`{origin}` cannot be the name of a log: look at the site's public address")]
    BadOrigin {
        /// The origin.
        origin: String,
        /// Why.
        #[source]
        source: assent_core::note::KeyError,
    },
    /// The clock is far behind the newest entry.
    #[error(
        "the newest entry of site `{site}` is of {}, but the clock says {}: set the clock right. If it is right, and ran \
         ahead when that entry was made, start once with ledger.accept_clock", crate::outside::rfc3339(*newest),
        crate::outside::rfc3339(*now)
    )]
    ClockBack {
        /// The site.
        site: String,
        /// Time of the newest entry, milliseconds since 1970 UTC.
        newest: u64,
        /// What the clock says.
        now: u64,
    },
    /// What was begun before could not be finished: secrets that must be destroyed may be still there.
    #[error(
        "an erasure, purge or restriction of site `{site}` that was cut short could not be finished: mend the cause and start again. Until \
         then nothing is served, so that nobody sees what was to go"
    )]
    Unfinished {
        /// The site.
        site: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store could not be read.
    #[error(
        "the store could not be read: mend the cause and start again; if what is stored is damaged, restore it from a backup"
    )]
    Store(#[from] StoreError),
    /// The sequencer's thread could not be started.
    #[error("no thread for the log could be started: let this process have more, and start again")]
    Thread(#[source] std::io::Error),
}

/// Why a draft was not answered with a receipt. Split by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The queue is full. Nothing was recorded: try again in a moment.
    #[error("too many decisions are waiting; try again in a moment")]
    Busy,
    /// The log cannot be written now. Nothing was recorded: try again later.
    #[error("the log cannot be written now; nothing was recorded")]
    Unavailable,
    /// It may or may not have been recorded: try again with the same idempotency key.
    #[error("it is not known whether this was recorded; ask again with the same idempotency key")]
    OutcomeUnknown,
    /// The idempotency key came with another request before. Nothing was recorded: use a new key.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The subject has another newest record than the draft was built on. Nothing was recorded: read the history,
    /// work the decisions out again, and try again.
    #[error("the person decided something else in the meantime")]
    SubjectMoved {
        /// The subject's newest record.
        latest: Option<ReceiptId>,
    },
    /// It was recorded before with this idempotency key, and nobody may look at it until its restriction ends (UK GDPR Art 18).
    #[error("this was recorded before, and is restricted")]
    Restricted,
    /// It was recorded before with this idempotency key, and is gone by now: its time was over.
    #[error("this was recorded before, and is gone by now")]
    Gone,
    /// The log was taken over from another instance, to be read: it takes no decisions, now or later.
    #[error("the log was taken over from another instance and takes no decisions")]
    TakenOver,
    /// The draft can never be recorded as it is. Nothing was recorded: a mistake in the caller.
    #[error("the draft cannot be recorded: {reason}")]
    Invalid {
        /// What is wrong with it. No personal data.
        reason: &'static str,
    },
}

/// Why something could not be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store could not be read. Trying again is safe.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keystore could not be read. Trying again is safe.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The entry's record is restricted (UK GDPR Art 18): it may not be looked at until it is released.
    #[error("entry {index} is restricted")]
    Restricted {
        /// Number of the entry.
        index: u64,
    },
    /// What is stored for an entry is not what was written: run a check, restore from a backup.
    #[error("entry {index} is damaged: {reason}")]
    Damaged {
        /// Number of the entry.
        index: u64,
        /// In what way.
        reason: &'static str,
    },
}

impl ReadError {
    /// Whether it is what is stored that cannot be read, and no disk that is away: asking again does not help, and the check names it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            ReadError::Damaged { .. } | ReadError::Keys(KeyStoreError::WrongKey { .. }) => true,
            ReadError::Store(error) => error.is_damage(),
            ReadError::Keys(_) | ReadError::Restricted { .. } => false,
        }
    }
}

/// Why an erasure, restriction, hold or purge was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErasureError {
    /// The records are held: somebody decided that they must stay for now.
    #[error("the records are held ({}), to be looked at again on {}; end the hold first", .0.reason, .0.review)]
    Held(crate::Hold),
    /// The log could not be changed. What to do next is as for a decision; doing it again is safe.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Something could not be read. Nothing was changed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The output could not be written: what was written so far is not a whole export.
    #[error("the export could not be written")]
    Write(#[source] std::io::Error),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        ExportError::Read(error.into())
    }
}

impl From<std::io::Error> for ExportError {
    fn from(error: std::io::Error) -> Self {
        ExportError::Write(error)
    }
}

/// The first thing a check found wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Something could not be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One entry is missing or is not what its leaf, row or indexes say.
    #[error("entry {index}: {what}")]
    Entry {
        /// Number of the entry.
        index: u64,
        /// What does not hold.
        what: &'static str,
    },
    /// A stored tree hash is not the root of what is below it.
    #[error("tree hash {index} of level {level} is not the root of its 256 hashes below")]
    TreeHash {
        /// Tile level.
        level: u8,
        /// Number within the level.
        index: u64,
    },
    /// The leaves do not give the root that was signed.
    #[error("the first {size} leaves give the root {found}, but {expected} was signed")]
    Root {
        /// Entries looked at.
        size: u64,
        /// What the leaves give.
        found: Hash,
        /// What was signed.
        expected: Hash,
    },
    /// Records of a month are gone by retention, and no entry tells of it.
    #[error("records that went with {month} are gone, and no entry tells of their purge")]
    PurgeUntold {
        /// The month, as `2029-11`.
        month: String,
    },
    /// The store's head and the published checkpoint are not the same.
    #[error("the store's head and the published checkpoint differ")]
    Head,
    /// The checkpoint's own file cannot be read.
    #[error("the checkpoint's file cannot be read")]
    CheckpointFile(#[source] std::io::Error),
    /// There is no whole checkpoint in its file.
    #[error("there is no whole checkpoint in its file")]
    CheckpointMissing,
    /// The checkpoint is none, or not signed by the key that was given.
    #[error("the checkpoint in its file is none, or is not signed by the key that was given")]
    CheckpointForeign,
    /// The checkpoint that was public last is none of this log.
    #[error("the checkpoint that was public last is none of this log")]
    PublishedForeign,
}

impl CheckError {
    /// A stable name for programs, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "unreadable",
            Self::Entry { .. } => "entry-wrong",
            Self::TreeHash { .. } => "tile-differs",
            Self::Root { .. } => "root-differs",
            Self::Head => "head-differs",
            Self::PurgeUntold { .. } => "purge-untold",
            Self::CheckpointFile(_) => "checkpoint-unreadable",
            Self::CheckpointMissing => "checkpoint-missing",
            Self::CheckpointForeign => "checkpoint-foreign",
            Self::PublishedForeign => "published-foreign",
        }
    }
}

impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> Self {
        CheckError::Read(error.into())
    }
}
