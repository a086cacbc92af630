//! A copy of a whole log while it goes on, and a log made of a copy.
//!
//! A copy is made of parts: 4,096 entries (leaves, rows, the documents they name), 4,096 subjects' slots, the small key files,
//! and the marks. Whoever keeps the parts ([`Parts`]) names them by their content, so that a part that did not change since
//! the copy before is not kept twice. Most of it is read beside the log; what changed meanwhile is read again, until little
//! is left, and that little is read between two batches. So a copy is the log as it was at one moment, whatever happened
//! while it was made. Secrets stay wrapped under the operator's key.
//!
//! Not here: where parts are kept, their encryption, and for how long (the server): what was erased can be read from a copy
//! with the keys in it for as long as that copy is kept.

mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::EMPTY_ROOT;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::append::Tail;
use crate::changes::About;
use crate::draft::Progress;
use crate::error::AppendError;
use crate::keys::KeyStoreError;
use crate::request::Change;
use crate::shared::Shared;
use crate::store::{Batch, DocumentKind, Head, Mark, MarkKind, RowBody, StoreError};

pub use restore::{RestoreError, restore};

/// Entries of a part, and subjects' slots of a part.
pub(crate) const PER_PART: u64 = 4096;
/// So few parts are read between two batches without more ado, while decisions wait: some 50 ms.
const FEW: usize = 8;
/// So many are when they change as fast as they are read: 200 MB, some half a second.
const MANY: usize = 64;
/// How often what changed meanwhile is read again before it is as many.
const ROUNDS: usize = 4;

/// Which of two lives a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// Leaves, sealed rows, marks: unreadable without the secrets, and may be kept for as long as anybody likes.
    Log,
    /// Wrapped secrets: may be kept only for as long as an erasure may take to reach every copy.
    Keys,
}

/// Keeps the parts of copies.
pub trait Parts {
    /// Keeps a part; answers the name it is found by. The same bytes may get the same name, and need be kept once.
    ///
    /// # Errors
    /// When it could not be kept.
    fn put(&self, kind: PartKind, bytes: &[u8]) -> io::Result<Hash>;

    /// A part, exactly as it was.
    ///
    /// # Errors
    /// When it is not there, or differs.
    fn get(&self, kind: PartKind, name: Hash) -> io::Result<Vec<u8>>;
}

/// A log at one moment, by the names of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogCopy {
    /// The site.
    pub site: SiteId,
    /// The log's name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// Time of the newest entry: milliseconds since 1970 UTC.
    pub time: u64,
    /// Slots that were given to subjects.
    pub secrets: u64,
    /// The signed checkpoint over them.
    pub checkpoint: String,
    /// Parts of entries, in order.
    pub entries: Vec<Hash>,
    /// The part with the marks.
    pub marks: Hash,
    /// Parts of subjects' slots, in order.
    pub slots: Vec<Hash>,
    /// The part with the log's keys.
    pub log_keys: Hash,
    /// The part with the escrow, if there is one.
    pub escrow: Option<Hash>,
}

impl LogCopy {
    /// Names of its parts, with their kinds.
    pub fn parts(&self) -> impl Iterator<Item = (PartKind, Hash)> {
        let log = self.entries.iter().chain([&self.marks]).map(|name| (PartKind::Log, *name));
        let keys = self.slots.iter().chain([&self.log_keys]).chain(&self.escrow);
        log.chain(keys.map(|name| (PartKind::Keys, *name)))
    }

    fn head(&self) -> Head {
        Head { size: self.size, root: self.root, time: self.time, secrets: self.secrets }
    }
}

/// Why there is no copy. Nothing of the log was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Another copy is being made.
    #[error("another backup of this log is being made")]
    Busy,
    /// Entries changed faster than they could be read: a large purge, perhaps.
    #[error("too much of the log changes just now; try again when the purge is over")]
    Restless,
    /// The log could not be read.
    #[error("the log could not be read")]
    Store(#[from] StoreError),
    /// The keys could not be read.
    #[error("the keys could not be read")]
    Keys(#[from] KeyStoreError),
    /// A part could not be kept.
    #[error("a part of the backup could not be written")]
    Parts(#[from] io::Error),
    /// The log stands still, or stood still meanwhile.
    #[error("the log does not take changes at present")]
    Stands(#[from] AppendError),
}

/// Copies a log. `ask` puts a change into the sequencer's queue.
pub(crate) fn copy(
    shared: &Shared,
    parts: &dyn Parts,
    ask: impl FnOnce(Box<dyn Change>) -> Result<(), AppendError>,
    progress: &mut dyn FnMut(Progress),
) -> Result<LogCopy, CopyError> {
    if !shared.touched.begin() {
        return Err(CopyError::Busy);
    }
    // Both end when this is dropped, however it ends.
    let _watching = Watching(shared);
    shared.keys.touched_slots().begin();
    let head = shared.store.head(&shared.config.site)?.unwrap_or(EMPTY);
    let mut copied = Copied::default();
    let mut todo = Todo { entries: full(0..head.size), slots: full(0..head.secrets) };
    let (mut done, mut total) = (0, 0);
    for round in 0.. {
        if todo.len() <= FEW || round >= ROUNDS && todo.len() <= MANY {
            break;
        }
        if round > 2 * ROUNDS {
            return Err(CopyError::Restless);
        }
        total += todo.len() as u64;
        for part in std::mem::take(&mut todo.entries) {
            let bytes = read_entries(shared, part, head.size)?;
            copied.entries.insert(part, parts.put(PartKind::Log, &bytes)?);
            done += 1;
            progress(Progress { done, total });
        }
        for part in std::mem::take(&mut todo.slots) {
            let bytes = read_slots(shared, part, head.secrets)?;
            copied.slots.insert(part, parts.put(PartKind::Keys, &bytes)?);
            done += 1;
            progress(Progress { done, total });
        }
        // The last part of each is not full yet, and comes at the end anyway.
        (todo.entries, todo.slots) = touched(shared)?;
        todo.entries.retain(|part| (part + 1) * PER_PART <= head.size);
        todo.slots.retain(|part| (part + 1) * PER_PART <= head.secrets);
    }
    let (reply, answer) = oneshot::channel();
    ask(Box::new(Last { todo, reply, from: (head.size, head.secrets) }))?;
    let rest = answer.blocking_recv().unwrap_or(Err(AppendError::OutcomeUnknown.into()))?;
    for (part, bytes) in rest.entries {
        copied.entries.insert(part, parts.put(PartKind::Log, &bytes)?);
    }
    for (part, bytes) in rest.slots {
        copied.slots.insert(part, parts.put(PartKind::Keys, &bytes)?);
    }
    progress(Progress { done: total, total });
    let Head { size, root, time, secrets } = rest.head;
    Ok(LogCopy {
        site: shared.config.site.clone(),
        origin: shared.config.origin.clone(),
        size,
        root,
        time,
        secrets,
        checkpoint: rest.checkpoint,
        entries: copied.entries.into_values().collect(),
        marks: parts.put(PartKind::Log, &rest.marks)?,
        slots: copied.slots.into_values().collect(),
        log_keys: parts.put(PartKind::Keys, &rest.log_keys)?,
        escrow: rest.escrow.map(|bytes| parts.put(PartKind::Keys, &bytes)).transpose()?,
    })
}

const EMPTY: Head = Head { size: 0, root: EMPTY_ROOT, time: 0, secrets: 0 };

struct Watching<'a>(&'a Shared);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.touched.end();
        self.0.keys.touched_slots().end();
    }
}

/// Names of parts that are kept already, by number.
#[derive(Default)]
struct Copied {
    entries: BTreeMap<u64, Hash>,
    slots: BTreeMap<u64, Hash>,
}

/// Numbers of parts to read.
#[derive(Default)]
struct Todo {
    entries: BTreeSet<u64>,
    slots: BTreeSet<u64>,
}

impl Todo {
    fn len(&self) -> usize {
        self.entries.len() + self.slots.len()
    }
}

/// The parts that a range fills to their ends.
fn full(range: Range<u64>) -> BTreeSet<u64> {
    (range.start / PER_PART..range.end / PER_PART).collect()
}

/// What is read between two batches.
struct Rest {
    head: Head,
    checkpoint: String,
    entries: Vec<(u64, Vec<u8>)>,
    slots: Vec<(u64, Vec<u8>)>,
    marks: Vec<u8>,
    log_keys: Vec<u8>,
    escrow: Option<Vec<u8>>,
}

/// Reads the rest of a copy on the sequencer's thread, where nothing can change meanwhile.
struct Last {
    todo: Todo,
    reply: oneshot::Sender<Result<Rest, CopyError>>,
    /// Where the log and the slots ended when the copy was begun.
    from: (u64, u64),
}

impl Change for Last {
    fn about(&self) -> About {
        About::Nobody
    }

    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail> {
        let Self { todo, reply, from } = *self;
        drop(reply.send(last(shared, &tail, todo, from)));
        Some(tail)
    }

    fn refuse(self: Box<Self>, error: AppendError) {
        drop(self.reply.send(Err(error.into())));
    }
}

fn last(
    shared: &Shared,
    tail: &Tail,
    mut todo: Todo,
    (size, secrets): (u64, u64),
) -> Result<Rest, CopyError> {
    let head = tail.head;
    let (entries, slots) = touched(shared)?;
    todo.entries.extend(entries);
    todo.entries.extend(size / PER_PART..head.size.div_ceil(PER_PART));
    todo.slots.extend(slots);
    todo.slots.extend(secrets / PER_PART..head.secrets.div_ceil(PER_PART));
    // Drawn ahead, and nobody's yet.
    todo.slots.retain(|part| part * PER_PART < head.secrets);
    let entries = todo.entries.into_iter().map(|part| Ok((part, read_entries(shared, part, head.size)?)));
    let slots = todo.slots.into_iter().map(|part| Ok((part, read_slots(shared, part, head.secrets)?)));
    let (log_keys, escrow) = shared.keys.small_files()?;
    Ok(Rest {
        head,
        checkpoint: shared.published().checkpoint.to_string(),
        entries: entries.collect::<Result<_, CopyError>>()?,
        slots: slots.collect::<Result<_, CopyError>>()?,
        marks: read_marks(shared)?,
        log_keys,
        escrow,
    })
}

/// Parts that changed since somebody last asked.
fn touched(shared: &Shared) -> Result<(BTreeSet<u64>, BTreeSet<u64>), CopyError> {
    let (entries, slots) = (shared.touched.take(), shared.keys.touched_slots().take());
    entries.zip(slots).ok_or(CopyError::Stands(AppendError::OutcomeUnknown))
}

/// A part of entries, as a batch whose heads say only where it begins and ends.
fn read_entries(shared: &Shared, part: u64, size: u64) -> Result<Vec<u8>, CopyError> {
    let (store, site) = (&shared.store, &shared.config.site);
    let range = part * PER_PART..size.min((part + 1) * PER_PART);
    let missing = || StoreError::damaged(format!("read entries {} to {}", range.start, range.end));
    let leaves = store.leaves(site, range.clone())?;
    let rows = store.rows(site, range.clone())?;
    let count = (range.end - range.start) as usize;
    if leaves.len() != count || rows.len() != count {
        return Err(missing().into());
    }
    let mut batch = Batch::new(site.clone(), Head { size: range.start, ..EMPTY });
    batch.head.size = range.end;
    let mut named = BTreeSet::new();
    for (_, row) in &rows {
        match &row.body {
            RowBody::Document(DocumentKind::Notice | DocumentKind::Change, hash) => {
                named.insert(*hash);
            }
            RowBody::Summary(salted) => {
                named.insert(salted.document);
            }
            RowBody::Record(_) | RowBody::Gone(_) => {}
        }
    }
    for hash in named {
        let document = store.document(site, &hash)?.ok_or_else(missing)?;
        batch.documents.push((hash, document));
    }
    batch.entries = leaves.into_iter().zip(rows.into_iter().map(|(_, row)| row)).collect();
    Ok(batch.to_bytes())
}

fn read_slots(shared: &Shared, part: u64, end: u64) -> Result<Vec<u8>, CopyError> {
    Ok(shared.keys.raw_slots(part * PER_PART..end.min((part + 1) * PER_PART))?)
}

fn read_marks(shared: &Shared) -> Result<Vec<u8>, CopyError> {
    let mut batch = Batch::new(shared.config.site.clone(), EMPTY);
    for kind in MarkKind::ALL {
        let marks = shared.store.marks(&shared.config.site, kind)?;
        batch.marks.extend(marks.into_iter().map(|(key, value)| Mark { kind, key, value: Some(value) }));
    }
    Ok(batch.to_bytes())
}
