//! From an earlier release's store to this one's: read in the old form, written as ordinary commits into a new store beside it, and
//! swapped when every leaf, row and head is there.
//!
//! `assent-sled/1` was one sled tree in the directory itself, with a key for each row and three indexes of their own. The old
//! store is left beside the new one, under another name, for whoever wants to go back. Keys and checkpoint file stay as they are.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use assent_core::commitment::LEAF_LEN;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{CompactTree, leaf_hash};
use assent_core::subject::SubjectId;
use assent_core::tile::TILE_HEIGHT;
use assent_ledger::ReceiptId;
use assent_ledger::store::{
    Batch, DocumentKind, Head, LeafBytes, RecordRow, RequestId, Row, RowBody, Store, StoreError,
};

use crate::{OpenError, SledStore};

/// The format that is read here.
const FORMAT_1: &[u8] = b"assent-sled/1";
/// Entries of one commit.
const AT_ONCE: usize = 500;

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migrated {
    /// The store is of this release already, or there is none.
    NotNeeded,
    /// It was migrated; the old one is kept in this folder until somebody removes it.
    From {
        /// The old store.
        kept: PathBuf,
        /// Entries of all sites that were copied now.
        entries: u64,
    },
}

/// Why a store was not migrated. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The old store is of a format that this release does not know.
    #[error("the store in `{}` is of no format that this release can migrate", .0.display())]
    Unknown(PathBuf),
    /// Something in the old store makes no sense: check it with the release that wrote it.
    #[error("the old store is damaged: {0}")]
    Damaged(&'static str),
    /// The old store could not be read.
    #[error("the old store could not be read")]
    Old(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The new store could not be written.
    #[error("the new store could not be written")]
    New(#[from] OpenError),
    /// The new store did not take a batch.
    #[error("the new store could not be written")]
    Commit(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A folder could not be moved.
    #[error("the stores could not be swapped")]
    Swap(#[source] std::io::Error),
}

impl From<sled::Error> for MigrateError {
    fn from(error: sled::Error) -> Self {
        MigrateError::Old(error.into())
    }
}

/// Migrates the store in a directory, if an earlier release wrote it. Nobody may have it open. Needs room for both stores, and
/// memory for the indexes of the largest site: some 150 bytes for each record.
///
/// # Errors
/// [`MigrateError`]; the old store is as it was, and running it again is safe.
pub fn migrate(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Migrated, MigrateError> {
    let (next, kept) = (beside(dir, ".migrating"), beside(dir, ".assent-sled-1"));
    if was_cut_short(dir) {
        // Everything is copied; only the last move is missing.
        fs::rename(&next, dir).map_err(MigrateError::Swap)?;
        let entries = 0;
        return Ok(Migrated::From { kept, entries });
    }
    if !dir.join("conf").exists() {
        return Ok(Migrated::NotNeeded);
    }
    let old = sled::Config::new().path(dir).flush_every_ms(None).open()?;
    if old.get(b"\0f")?.is_none_or(|format| format != FORMAT_1) {
        return Err(MigrateError::Unknown(dir.to_path_buf()));
    }
    if next.exists() {
        fs::remove_dir_all(&next).map_err(MigrateError::Swap)?;
    }
    let entries = {
        let new = SledStore::open(&next)?;
        copy(&old, &new, progress)?
    };
    drop(old);
    let swap = || {
        fs::rename(dir, &kept)?;
        fs::rename(&next, dir)?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(parent)?.sync_all()
    };
    swap().map_err(MigrateError::Swap)?;
    Ok(Migrated::From { kept, entries })
}

fn beside(dir: &Path, ending: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    dir.with_file_name(name)
}

/// Whether a migration stopped between the two moves at its end.
pub(crate) fn was_cut_short(dir: &Path) -> bool {
    !dir.exists() && beside(dir, ".migrating").exists() && beside(dir, ".assent-sled-1").exists()
}

fn copy(old: &sled::Db, new: &SledStore, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, MigrateError> {
    let mut sites = Vec::new();
    for entry in old.scan_prefix(b"\0s") {
        let (key, value) = entry?;
        let name = std::str::from_utf8(&key[2..]).ok().and_then(|name| SiteId::new(name).ok());
        let number = <[u8; 4]>::try_from(&*value).ok();
        let (site, number) = name.zip(number).ok_or(MigrateError::Damaged("its list of sites"))?;
        sites.push(Site::read(old, site, number)?);
    }
    let total = sites.iter().map(|site| site.head.size).sum();
    let mut done = 0;
    for site in &sites {
        site.write(old, new, &mut |entries| {
            done += entries;
            progress(done, total);
        })?;
    }
    Ok(total)
}

/// One site's log in the old form, with its indexes turned round.
struct Site {
    site: SiteId,
    prefix: Vec<u8>,
    head: Head,
    records: HashMap<u64, (ReceiptId, u64)>,
    requests: HashMap<u64, RequestId>,
    contacts: HashMap<u64, Vec<Hash>>,
}

impl Site {
    fn read(old: &sled::Db, site: SiteId, number: [u8; 4]) -> Result<Self, MigrateError> {
        let damaged = |what| move || MigrateError::Damaged(what);
        let prefix = [&[1][..], &number].concat();
        let under = |kind: u8| [&prefix[..], &[kind]].concat();
        let head = old.get(under(b'H'))?.ok_or_else(damaged("a head is missing"))?;
        let head = (|| {
            let (size, rest) = head.split_first_chunk::<8>()?;
            let (root, time) = rest.split_first_chunk::<32>()?;
            let (size, time) = (u64::from_be_bytes(*size), u64::from_be_bytes(time.try_into().ok()?));
            Some(Head { size, root: Hash(*root), time, secrets: 0 })
        })();
        let mut read = Site {
            site,
            head: head.ok_or_else(damaged("a head"))?,
            records: HashMap::new(),
            requests: HashMap::new(),
            contacts: HashMap::new(),
            prefix: prefix.clone(),
        };
        for entry in old.scan_prefix(under(b'I')) {
            let (key, value) = entry?;
            let record = (|| {
                let id = ReceiptId(key.get(6 + 16..)?.try_into().ok()?);
                let (index, slot) = value.split_first_chunk::<8>()?;
                Some((u64::from_be_bytes(*index), id, u64::from_be_bytes(slot.try_into().ok()?)))
            })();
            let (index, id, slot) = record.ok_or_else(damaged("the index of subjects"))?;
            read.records.insert(index, (id, slot));
            read.head.secrets = read.head.secrets.max(slot + 1);
        }
        for entry in old.scan_prefix(under(b'K')) {
            let (key, value) = entry?;
            let request = (|| {
                let (body, index) = value.split_first_chunk::<32>()?;
                let index = u64::from_be_bytes(index.try_into().ok()?);
                let cut = |hash: &[u8]| hash.first_chunk::<16>().copied();
                Some((index, RequestId { key: cut(key.get(6..)?)?, body: cut(body)? }))
            })();
            let (index, request) = request.ok_or_else(damaged("the index of requests"))?;
            read.requests.insert(index, request);
        }
        for entry in old.scan_prefix(under(b'C')) {
            let (key, _) = entry?;
            let contact = (|| {
                let (hash, index) = key.get(6..)?.split_first_chunk::<32>()?;
                Some((Hash(*hash), u64::from_be_bytes(index.try_into().ok()?)))
            })();
            let (hash, index) = contact.ok_or_else(damaged("the index of contacts"))?;
            read.contacts.entry(index).or_default().push(hash);
        }
        Ok(read)
    }

    fn write(
        &self,
        old: &sled::Db,
        new: &SledStore,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), MigrateError> {
        let commit = |batch: Batch| new.commit(batch).map_err(|error| MigrateError::Commit(error.into()));
        let mut tree = CompactTree::new();
        let mut head = Head { size: 0, root: tree.root(), time: 0, secrets: self.head.secrets };
        commit(Batch { expected: None, ..Batch::new(self.site.clone(), head) })?;
        let under = |kind: u8| [&self.prefix[..], &[kind]].concat();
        let mut rows = old.scan_prefix(under(b'R'));
        let mut pending: Vec<LeafBytes> = Vec::new();
        let mut leaves = old.scan_prefix(under(b'L'));
        while head.size < self.head.size {
            let mut batch = Batch::new(self.site.clone(), head);
            while batch.entries.len() < AT_ONCE && tree.size() < self.head.size {
                if pending.is_empty() {
                    let (_, value) = leaves.next().ok_or(MigrateError::Damaged("a leaf is missing"))??;
                    let (chunk, rest) = value.as_chunks::<LEAF_LEN>();
                    if chunk.is_empty() || !rest.is_empty() {
                        return Err(MigrateError::Damaged("its leaves"));
                    }
                    pending = chunk.iter().rev().copied().collect();
                }
                let Some(leaf) = pending.pop() else { continue };
                let (_, value) = rows.next().ok_or(MigrateError::Damaged("a row is missing"))??;
                let index = tree.size();
                let row = self.row(index, &value).ok_or(MigrateError::Damaged("a row"))?;
                if let RowBody::Document(_, hash) = &row.body {
                    let document = old.get([&under(b'D')[..], &hash.0].concat())?;
                    let document = document.ok_or(MigrateError::Damaged("a notice is missing"))?;
                    batch.documents.push((*hash, document.to_vec()));
                }
                let hashes = &mut batch.hashes;
                tree.append_with(leaf_hash(&leaf), &mut |level, index, root| {
                    if level > 0 && level % TILE_HEIGHT == 0 {
                        hashes.push((level / TILE_HEIGHT, index, root));
                    }
                });
                batch.head.time = row.time;
                batch.entries.push((leaf, row));
            }
            let added = batch.entries.len() as u64;
            batch.head.size = tree.size();
            batch.head.root = tree.root();
            if batch.head.size == self.head.size {
                batch.head.time = self.head.time;
            }
            head = batch.head;
            commit(batch)?;
            progress(added);
        }
        if head != self.head {
            return Err(MigrateError::Damaged("its leaves do not give the root stored with them"));
        }
        Ok(())
    }

    /// A row of the old form: kind, time, covering size, then subject, period and sealed bytes, or a notice's hash.
    fn row(&self, index: u64, bytes: &[u8]) -> Option<Row> {
        let (kind, rest) = bytes.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (covering, rest) = rest.split_first_chunk::<8>()?;
        let body = match kind {
            1 => {
                let (subject, rest) = rest.split_first_chunk::<16>()?;
                let (period, sealed) = rest.split_first_chunk::<4>()?;
                let (id, secret) = *self.records.get(&index)?;
                RowBody::Record(RecordRow {
                    id,
                    subject: SubjectId(*subject),
                    secret,
                    period: u32::from_be_bytes(*period),
                    request: self.requests.get(&index).copied(),
                    contacts: self.contacts.get(&index).cloned().unwrap_or_default(),
                    sealed: sealed.to_vec(),
                })
            }
            2 => RowBody::Document(DocumentKind::Notice, Hash(rest.try_into().ok()?)),
            _ => return None,
        };
        Some(Row { time: u64::from_be_bytes(*time), covering: u64::from_be_bytes(*covering), body })
    }
}

impl From<StoreError> for MigrateError {
    fn from(error: StoreError) -> Self {
        MigrateError::Commit(error.into())
    }
}
