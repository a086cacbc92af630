//! What goes into the ledger and what comes out: drafts, appended records, opened rows. Values only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use assent_core::age::AgeBand;
use assent_core::decision::{Act, Decision};
use assent_core::hash::Hash;
use assent_core::ids::{PurposeId, SiteId};
use assent_core::notice::Channel;
use assent_core::receipt::Receipt;
use assent_core::record::{Record, Signals, Surface};
use assent_core::subject::SubjectId;
use assent_core::told::Told;

use crate::id::ReceiptId;

/// Where one site's log keeps what is not in the store, and under which name it signs.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The site.
    pub site: SiteId,
    /// The log's name: `public_url` without its scheme, then `/v1/{site}/log`.
    pub origin: String,
    /// The site's own folder for wrapped secrets: `data_dir/keys/{site}`.
    pub keys: PathBuf,
    /// The checkpoint's own file: `data_dir/checkpoints/{site}`.
    pub checkpoint: PathBuf,
    /// Requests that may wait before callers hear [`AppendError::Busy`](crate::AppendError::Busy).
    pub queue: usize,
    /// Open even though the clock is more than a day behind the newest entry. For the one start after a clock that ran
    /// ahead was set right.
    pub accept_clock: bool,
}

impl LogConfig {
    /// Long enough that nothing waits for room, for tools and tests. What serves has a limit of its own.
    pub const DEFAULT_QUEUE: usize = 16_384;
}

/// A decision that was judged, before it has an id, a time and a place in the log.
///
/// Everything is taken as it is: origin, notice, rules and choices were checked by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Whose decision.
    pub subject: SubjectId,
    /// When the person pressed, by their own clock (RFC 3339 UTC, milliseconds, `Z`).
    pub acted: Option<String>,
    /// Notice that was on screen.
    pub notice: Hash,
    /// Language it was read in.
    pub language: String,
    /// How it was said.
    pub act: Act,
    /// Where it was said.
    pub surface: Surface,
    /// The page's origin.
    pub origin: Option<String>,
    /// What was decided, worked out against the subject's history up to [`Self::expect_previous`].
    pub decisions: BTreeMap<PurposeId, Decision>,
    /// Browser signals that were on.
    pub signals: Signals,
    /// How old the person said they are, where the site asks.
    pub age: Option<AgeBand>,
    /// Addresses it is about, in clear: they are sealed beside the record, which names them by keyed hash only.
    pub contacts: Vec<Contact>,
    /// What staff wrote down, where the person told them.
    pub told: Option<Told>,
    /// When the record is due to be purged if nothing else happens: milliseconds since 1970 UTC. It goes when the last month before
    /// that one is over.
    pub retain_until: u64,
    /// The subject's newest record that `decisions` was worked out against; nothing if there was none. When the
    /// subject has another one by now, the draft is refused with [`AppendError::SubjectMoved`](crate::AppendError::SubjectMoved).
    pub expect_previous: Option<ReceiptId>,
    /// So that sending it twice records it once. A key is its subject's: another subject may use the same one.
    pub idempotency: Option<Idempotency>,
}

/// An idempotency key and what it stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key, any text. Kept only as a hash.
    pub key: String,
    /// Hash of the request as it came in: same key and same hash is the same request.
    pub request: Hash,
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").finish_non_exhaustive()
    }
}

/// An email address or a number, in clear. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// Email or text.
    pub channel: Channel,
    /// The address, normalised by the caller: equal addresses must be equal texts.
    pub address: String,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({}, redacted)", self.channel.as_str())
    }
}

/// A record that is durable and under a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its id.
    pub id: ReceiptId,
    /// Number of its leaf.
    pub index: u64,
    /// The receipt for the person. The same bytes every time it is asked for.
    pub receipt: Receipt,
    /// Whether this answers a request that was recorded before.
    pub replayed: bool,
}

/// A row that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Number of its leaf.
    pub index: u64,
    /// The record's id.
    pub id: ReceiptId,
    /// When it was taken down: milliseconds since 1970 UTC.
    pub time: u64,
    /// The record.
    pub record: Record,
    /// The addresses sealed beside it.
    pub contacts: Vec<Contact>,
}

/// A notice that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedNotice {
    /// SHA-256 of its document.
    pub hash: Hash,
    /// Number of its leaf.
    pub index: u64,
    /// Whether this call published it; false when it was current already.
    pub changed: bool,
}

/// A notice that was published, now or once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeVersion {
    /// SHA-256 of its document.
    pub hash: Hash,
    /// Number of its leaf.
    pub index: u64,
    /// When it was published: milliseconds since 1970 UTC.
    pub published: u64,
    /// When the next one replaced it; nothing for the current one.
    pub replaced: Option<u64>,
}

/// Which part of a log to export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportFilter {
    /// Records from this time on: milliseconds since 1970 UTC.
    pub from: Option<u64>,
    /// Records before this time.
    pub to: Option<u64>,
    /// Only records that decide about this purpose.
    pub purpose: Option<PurposeId>,
    /// Only records of these subjects.
    pub subjects: Option<BTreeSet<SubjectId>>,
    /// The head it is written under; nothing for the newest. So that several exports tell of the same log.
    pub under: Option<Published>,
    /// A checkpoint with lines of witnesses, a note: an export as NDJSON shows it, and how its head grew from it, unless it is
    /// later than that.
    pub cosigned: Option<Arc<str>>,
}

/// A signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Leaves under it.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The signed note.
    pub checkpoint: Arc<str>,
}

/// A record that an export shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Number of its leaf.
    pub index: u64,
    /// Size of the checkpoint its receipt was given under.
    pub covering: u64,
    /// Its exact bytes.
    pub bytes: &'a str,
    /// The same, read.
    pub record: &'a Record,
}

/// How far something long is: an export, a check, a purge, a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries done.
    pub done: u64,
    /// Entries in all.
    pub total: u64,
}

/// What an export held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportSummary {
    /// Entries in the period.
    pub entries: u64,
    /// Records written.
    pub records: u64,
    /// Records in the period that are not in it: left out by the filter, restricted, erased or purged.
    pub withheld: u64,
}

/// What a check looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Leaves.
    pub entries: u64,
    /// Records opened and found to give their leaves.
    pub records: u64,
    /// Documents that give their leaves: notices, changes, summaries.
    pub documents: u64,
    /// Tombstones: records that were erased or purged.
    pub gone: u64,
    /// Records that are restricted, so that they cannot be opened.
    pub restricted: u64,
    /// Records that stayed sealed because the operator's key was not given.
    pub sealed: u64,
}
