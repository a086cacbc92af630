//! From an earlier release's store to this one's: read in the old form, written as ordinary commits into a new store beside it, and
//! swapped when every leaf, row and head is there.
//!
//! The old store is left beside the new one, under another name, for whoever wants to go back. Keys and checkpoint file stay as they
//! are. What the old forms were is said where they are read.

mod sled_1;
mod sled_2;

use std::fs;
use std::path::{Path, PathBuf};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::merkle::{CompactTree, leaf_hash};
use assent_core::tile::TILE_HEIGHT;
use assent_ledger::store::{Batch, Head, LeafBytes, Mark, Row, RowBody, Salted, Store};

use crate::{OpenError, SledStore};

/// Entries, or marks, of one commit.
const AT_ONCE: usize = 500;
/// How the folder of a store that is being written is called, after the directory's name.
const NEXT: &str = ".migrating";

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

/// Migrates the store in a directory, if an earlier release wrote it. Nobody may have it open. Needs room for both stores; for the
/// oldest form, memory for the indexes of the largest site, too: some 150 bytes for each record.
///
/// # Errors
/// [`MigrateError`]; the old store is as it was, and running it again is safe.
pub fn migrate(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Migrated, MigrateError> {
    let next = beside(dir, NEXT);
    if let Some(kept) = cut_short(dir) {
        // Everything is copied; only the last move is missing.
        fs::rename(&next, dir).map_err(MigrateError::Swap)?;
        return Ok(Migrated::From { kept, entries: 0 });
    }
    let old: Box<dyn Earlier> = if sled_1::is_here(dir) {
        Box::new(sled_1::Store1::open(dir)?)
    } else if sled_2::is_here(dir) {
        Box::new(sled_2::Store2::open(dir)?)
    } else {
        return Ok(Migrated::NotNeeded);
    };
    if next.exists() {
        fs::remove_dir_all(&next).map_err(MigrateError::Swap)?;
    }
    let kept = beside(dir, old.kept());
    let entries = copy(&*old, &next, progress)?;
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

/// Whether what is in a directory, or should be, has to be migrated first.
pub(crate) fn is_earlier(dir: &Path) -> bool {
    sled_1::is_here(dir) || sled_2::is_here(dir) || cut_short(dir).is_some()
}

/// The old store of a migration that stopped between the two moves at its end.
fn cut_short(dir: &Path) -> Option<PathBuf> {
    if dir.exists() || !beside(dir, NEXT).exists() {
        return None;
    }
    [sled_1::KEPT, sled_2::KEPT].map(|kept| beside(dir, kept)).into_iter().find(|kept| kept.exists())
}

/// A store in an earlier form, open.
trait Earlier {
    /// How its folder is called afterwards, after the directory's name.
    fn kept(&self) -> &'static str;
    /// Every site's log.
    fn logs(&self) -> Result<Vec<Log<'_>>, MigrateError>;
    /// What was committed after that, in order.
    fn later(&self) -> Result<Vec<Batch>, MigrateError>;
}

type Entries<'a> = Box<dyn Iterator<Item = Result<(LeafBytes, Row), MigrateError>> + 'a>;
type Documents<'a> = Box<dyn Fn(&Hash) -> Result<Option<Vec<u8>>, MigrateError> + 'a>;

/// One site's log in an earlier store.
struct Log<'a> {
    site: SiteId,
    head: Head,
    entries: Entries<'a>,
    documents: Documents<'a>,
    marks: Vec<Mark>,
}

fn copy(old: &dyn Earlier, next: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, MigrateError> {
    let new = SledStore::open(next)?;
    let logs = old.logs()?;
    let total = logs.iter().map(|log| log.head.size).sum();
    let mut done = 0;
    for log in logs {
        log.write(&new, &mut |entries| {
            done += entries;
            progress(done, total);
        })?;
    }
    for batch in old.later()? {
        commit(&new, batch)?;
    }
    Ok(total)
}

fn commit(new: &SledStore, batch: Batch) -> Result<(), MigrateError> {
    new.commit(batch).map_err(|error| MigrateError::Commit(error.into()))
}

impl Log<'_> {
    fn write(self, new: &SledStore, progress: &mut dyn FnMut(u64)) -> Result<(), MigrateError> {
        let mut tree = CompactTree::new();
        let mut head = Head { size: 0, root: tree.root(), time: 0, secrets: self.head.secrets };
        commit(new, Batch { expected: None, ..Batch::new(self.site.clone(), head) })?;
        let mut entries = self.entries;
        while head.size < self.head.size {
            let mut batch = Batch::new(self.site.clone(), head);
            while batch.entries.len() < AT_ONCE && tree.size() < self.head.size {
                let (leaf, row) = entries.next().ok_or(MigrateError::Damaged("an entry is missing"))??;
                if let RowBody::Document(_, hash) | RowBody::Summary(Salted { document: hash, .. }) =
                    &row.body
                {
                    let document = (self.documents)(hash)?;
                    batch
                        .documents
                        .push((*hash, document.ok_or(MigrateError::Damaged("a document is missing"))?));
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
            commit(new, batch)?;
            progress(added);
        }
        if head != self.head {
            return Err(MigrateError::Damaged("its leaves do not give the root stored with them"));
        }
        for marks in self.marks.chunks(AT_ONCE) {
            commit(new, Batch { marks: marks.to_vec(), ..Batch::new(self.site.clone(), head) })?;
        }
        Ok(())
    }
}
