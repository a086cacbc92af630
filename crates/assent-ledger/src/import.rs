//! Taking over a log of another instance: the same leaves, records, salts and checkpoints, sealed anew under this instance's
//! keys.
//!
//! What comes has no signing key, so the log is complete: it is read, proven, exported and erased from, and nothing is ever
//! appended to it. Receipts come out as the same bytes as before, under the very checkpoints the log's own key signed. The
//! addresses that were sealed beside records do not come along, nor do idempotency keys. Whoever calls has verified
//! everything before; here each entry is only checked against its leaf, and the whole against the signed root.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::{Leaf, Salt};
use assent_core::hash::{Hash, sha256};
use assent_core::ids::SiteId;
use assent_core::merkle::{self, EMPTY_ROOT};
use assent_core::note::VerifierKey;
use assent_core::subject::SubjectId;
use assent_core::tile::TILE_HEIGHT;

use crate::checkpoint_file::CheckpointFile;
use crate::cipher::NONCE_LEN;
use crate::draft::LogConfig;
use crate::erase::untold_value;
use crate::error::{CreateError, ImportError};
use crate::keys::{KeyStore, OperatorKey, Secret, Slot};
use crate::outside::{self, Outside};
use crate::seal::Place;
use crate::shared::read_record;
use crate::store::{
    Batch, DocumentKind, Gone, Head, LeafBytes, Mark, MarkKind, RecordRow, Row, RowBody, Salted, Store,
    StoreError,
};
use crate::tree::StoredTree;

/// Entries in one commit.
const COMMIT: usize = 256;
/// Key of the mark that has the key it was signed with.
const KEY: &[u8] = b"";
/// Key of the mark that has the hash of what it is brought in.
const BUNDLE: &[u8] = b"bundle";

/// One entry of a log that is taken over.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its leaf.
    pub leaf: LeafBytes,
    /// What it stands for.
    pub body: ImportedBody,
}

/// What an entry stands for.
#[derive(Debug, Clone)]
pub enum ImportedBody {
    /// A record.
    Record {
        /// Its exact bytes.
        record: String,
        /// Its salt.
        salt: Salt,
        /// Size of the checkpoint its receipt was given under.
        covering: u64,
        /// When it is due to go by the retention rules: milliseconds since 1970 UTC.
        due: u64,
    },
    /// A public document.
    Document(DocumentKind, Vec<u8>),
    /// A summary of erasures or of a purge, with its salt.
    Summary(Vec<u8>, Salt),
    /// A tombstone.
    Gone(Gone),
}

/// A log that is taken over.
pub struct Import<'a> {
    /// The key it was signed with.
    pub key: VerifierKey,
    /// Its signed head.
    pub head: String,
    /// Hash of what it is brought in. An import that was cut short goes on with the same and no other: who was erased between two of
    /// them would be half here.
    pub bundle: Hash,
    /// Every entry, in order.
    pub entries: &'a mut dyn Iterator<Item = Result<Imported, ImportError>>,
    /// Size and note of every checkpoint that receipts were given under.
    pub checkpoints: &'a mut dyn Iterator<Item = Result<(u64, String), ImportError>>,
}

impl std::fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import").field("key", &self.key).finish_non_exhaustive()
    }
}

/// See [`Ledger::import`](crate::Ledger::import).
pub(crate) fn import(
    config: &LogConfig,
    store: &Arc<dyn Store>,
    operator: &OperatorKey,
    outside: &Outside,
    from: Import<'_>,
) -> Result<(), ImportError> {
    let signed = Checkpoint::verify(&from.head, &from.key).map_err(|_| ImportError::Head)?;
    let goal = signed.checkpoint();
    if goal.origin != config.origin {
        return Err(ImportError::OtherLog { found: goal.origin.clone(), expected: config.origin.clone() });
    }
    let begun = begin(config, store, operator, outside, &from)?;
    let keys = KeyStore::open(&config.keys, &config.site, operator).map_err(CreateError::Keys)?;
    keys.resume(begun.secrets).map_err(CreateError::Keys)?;
    let mut log = Importing { config, store, keys, outside, head: begun, goal: goal.size };
    // What an earlier try brought in is there already.
    let mut entries = from.entries.skip(usize::try_from(begun.size).unwrap_or(usize::MAX));
    loop {
        let part = entries.by_ref().take(COMMIT).collect::<Result<Vec<_>, _>>()?;
        if part.is_empty() {
            break;
        }
        log.add(&part)?;
    }
    let mut marks = Vec::new();
    for checkpoint in from.checkpoints {
        marks.push(signed_mark(checkpoint?));
        if marks.len() == COMMIT {
            log.mark(std::mem::take(&mut marks))?;
        }
    }
    marks.push(signed_mark((goal.size, from.head.clone())));
    log.mark(marks)?;
    if (log.head.size, log.head.root) != (goal.size, goal.root) {
        return Err(ImportError::Differs { index: log.head.size });
    }
    // The file comes last: without it the log is not opened, and taking it over can be tried again.
    let written = CheckpointFile::open(&config.checkpoint).and_then(|(mut file, _)| file.write(&from.head));
    written.map_err(ImportError::CheckpointFile)
}

fn signed_mark((size, note): (u64, String)) -> Mark {
    Mark { kind: MarkKind::Signed, key: size.to_be_bytes().to_vec(), value: Some(note.into_bytes()) }
}

/// The log in the store as far as it was brought in: nothing yet, or what an earlier try left.
fn begin(
    config: &LogConfig,
    store: &Arc<dyn Store>,
    operator: &OperatorKey,
    outside: &Outside,
    from: &Import<'_>,
) -> Result<Head, ImportError> {
    let site = config.site.to_string();
    if let Some(head) = store.head(&config.site)? {
        let is = |key: &[u8], value: &[u8]| -> Result<bool, ImportError> {
            Ok(store.mark(&config.site, MarkKind::Imported, key)?.as_deref() == Some(value))
        };
        if !is_unfinished(&**store, &config.site, &config.checkpoint)?
            || !is(KEY, from.key.to_string().as_bytes())?
        {
            return Err(CreateError::Exists { site }.into());
        }
        return if is(BUNDLE, &from.bundle.0)? { Ok(head) } else { Err(ImportError::OtherBundle) };
    }
    let checkpoint = config.checkpoint.exists().then(|| config.checkpoint.clone());
    if let Some(path) = checkpoint.or_else(|| KeyStore::used_segment(&config.keys)) {
        return Err(CreateError::Leftovers { site, path }.into());
    }
    KeyStore::create(&config.keys, &config.site, operator, &*outside.random).map_err(CreateError::Keys)?;
    let head = Head { size: 0, root: EMPTY_ROOT, time: 0, secrets: 0 };
    let mut batch = Batch { expected: None, ..Batch::new(config.site.clone(), head) };
    for (key, value) in [(KEY, from.key.to_string().into_bytes()), (BUNDLE, from.bundle.0.to_vec())] {
        batch.marks.push(Mark { kind: MarkKind::Imported, key: key.to_vec(), value: Some(value) });
    }
    store.commit(batch).map_err(|error| CreateError::Store(error.into()))?;
    Ok(head)
}

/// Whether taking a site's log over was begun and did not come to its end: a part of a log, which nobody opens.
///
/// # Errors
/// [`StoreError`].
pub fn is_unfinished(store: &dyn Store, site: &SiteId, checkpoint: &Path) -> Result<bool, StoreError> {
    // The file may be there and empty: whoever tried to open the log made it.
    let whole = || CheckpointFile::read(checkpoint).ok().flatten().is_some();
    Ok(store.mark(site, MarkKind::Imported, KEY)?.is_some() && !whole())
}

struct Importing<'a> {
    config: &'a LogConfig,
    store: &'a Arc<dyn Store>,
    keys: KeyStore,
    outside: &'a Outside,
    head: Head,
    /// Entries of the whole log.
    goal: u64,
}

impl Importing<'_> {
    /// Commits a part.
    fn add(&mut self, part: &[Imported]) -> Result<(), ImportError> {
        let (site, random) = (&self.config.site, &*self.outside.random);
        let mut tree = StoredTree::new(&**self.store, site).frontier(self.head.size)?;
        let mut batch = Batch::new(site.clone(), self.head);
        let mut secrets: HashMap<SubjectId, (u64, Secret)> = HashMap::new();
        let (mut time, mut given) = (self.head.time, self.head.secrets);
        for Imported { leaf, body } in part {
            let index = tree.size();
            let differs = || ImportError::Differs { index };
            let (made, body, covering) = match body {
                ImportedBody::Record { record, salt, covering, due } => {
                    let (id, read) = read_record(index, record)?;
                    let at = milliseconds(&read.time).filter(|at| *at >= time).ok_or_else(differs)?;
                    time = at;
                    let (slot, secret) = match secrets.get(&read.subject) {
                        Some(known) => known.clone(),
                        None => {
                            let known = self.secret_of(&read.subject)?;
                            secrets.insert(read.subject, known.clone());
                            known
                        }
                    };
                    given = given.max(slot + 1);
                    let period = outside::purge_month(*due, at);
                    let month = self.keys.period_or_new(period, random).map_err(CreateError::Keys)?;
                    let mut nonce = [0; NONCE_LEN];
                    random.fill(&mut nonce).map_err(CreateError::Random)?;
                    let (origin, subject, covering) = (self.config.origin.as_str(), read.subject, *covering);
                    let place = Place { origin, index, time: at, covering, subject, period };
                    let sealed = place.seal(&secret, &month, &nonce, (record.as_str(), salt, &[]));
                    let contacts = read.contacts.iter().map(|contact| contact.hash).collect();
                    let row =
                        RecordRow { id, subject, secret: slot, period, request: None, contacts, sealed };
                    (Leaf::event(origin, record.as_bytes(), salt), RowBody::Record(row), covering)
                }
                ImportedBody::Document(kind, bytes) => {
                    let made = match kind {
                        DocumentKind::Notice => Leaf::notice(bytes),
                        DocumentKind::Change => Leaf::change(bytes),
                    };
                    let hash = sha256(bytes);
                    batch.documents.push((hash, bytes.clone()));
                    (made, RowBody::Document(*kind, hash), self.goal)
                }
                ImportedBody::Summary(bytes, salt) => {
                    let (origin, document) = (&self.config.origin, sha256(bytes));
                    let erasures = Leaf::erasure_summary(origin, bytes, salt);
                    let made = if erasures.to_bytes() == *leaf {
                        erasures
                    } else {
                        Leaf::purge_summary(origin, bytes, salt)
                    };
                    batch.documents.push((document, bytes.clone()));
                    // Tombstones that it tells of are marked as untold no longer.
                    for erased in told(bytes) {
                        let key = erased.to_be_bytes().to_vec();
                        batch.marks.retain(|mark| mark.key != key);
                        batch.marks.push(Mark { kind: MarkKind::Untold, key, value: None });
                    }
                    (made, RowBody::Summary(Salted { document, salt: *salt.as_bytes() }), self.goal)
                }
                ImportedBody::Gone(gone) => {
                    if gone.reason != crate::store::GoneReason::Retention {
                        let key = index.to_be_bytes().to_vec();
                        let value = Some(untold_value(gone));
                        batch.marks.push(Mark { kind: MarkKind::Untold, key, value });
                    }
                    let made = Leaf::parse(leaf).map_err(|_| differs())?;
                    (made, RowBody::Gone(*gone), self.goal)
                }
            };
            if made.to_bytes() != *leaf {
                return Err(differs());
            }
            tree.append_with(merkle::leaf_hash(leaf), &mut |level, number, root| {
                if level > 0 && level % TILE_HEIGHT == 0 {
                    batch.hashes.push((level / TILE_HEIGHT, number, root));
                }
            });
            batch.entries.push((*leaf, Row { time, covering, body }));
        }
        batch.head = Head { size: tree.size(), root: tree.root(), time, secrets: given };
        self.head = batch.head;
        Ok(self.store.commit(batch).map_err(|error| CreateError::Store(error.into()))?)
    }

    /// The secret of a subject that was met before, or a new one.
    fn secret_of(&self, subject: &SubjectId) -> Result<(u64, Secret), ImportError> {
        let (store, site) = (&self.store, &self.config.site);
        if let Some(newest) = store.newest(site, subject)?
            && let Some(row) = store.row(site, newest.index)?
            && let Some(record) = row.record()
            && let Slot::Secret(secret) = self.keys.subject(record.secret).map_err(CreateError::Keys)?
        {
            return Ok((record.secret, secret));
        }
        let fresh = self.keys.take(1, &*self.outside.random).map_err(CreateError::Keys)?;
        Ok(fresh.into_iter().next().ok_or(CreateError::Exists { site: site.to_string() })?)
    }

    /// Commits marks alone.
    fn mark(&mut self, marks: Vec<Mark>) -> Result<(), ImportError> {
        let batch = Batch { marks, ..Batch::new(self.config.site.clone(), self.head) };
        Ok(self.store.commit(batch).map_err(|error| CreateError::Store(error.into()))?)
    }
}

/// A record's time; nothing when it is not in the one form of times in records.
fn milliseconds(time: &str) -> Option<u64> {
    let read = time.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    u64::try_from(read).ok().filter(|read| outside::rfc3339(*read) == time)
}

/// Entries that an erasure summary tells of; none of a purge's.
fn told(document: &[u8]) -> Vec<u64> {
    let erasures = assent_core::accounting::Erasures::parse(document);
    erasures.map_or_else(Vec::new, |told| told.erased.iter().map(|erased| erased.index).collect())
}
