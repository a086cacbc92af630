//! What sled's `flush` leaves out.
//!
//! `flush` ends in `sync_file_range`, which writes pages but not the file's size and block map: after a power cut a
//! fresh store had lost every acknowledged record. So each write to sled is followed by an fdatasync of its file, through a
//! handle of our own (it is the file that is synced, not the handle). Values too large for a log segment go to
//! files of their own in `blobs/`, which sled does not sync at all: those are synced once each, with their folder.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Handles to what must be synced.
#[derive(Debug)]
pub(crate) struct Durable {
    db: File,
    blobs: PathBuf,
    /// Blob files that were synced: they are written once and never changed.
    synced: Mutex<HashSet<OsString>>,
}

impl Durable {
    /// For a sled directory that is open. Makes its files' names durable, and everything that is in them.
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        let durable =
            Durable { db: File::open(dir.join("db"))?, blobs: dir.join("blobs"), synced: Mutex::default() };
        // sled syncs neither its parameters (`conf`) nor the names of its files, and does not open without them.
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        durable.sync_blobs()?;
        File::open(&durable.blobs)?.sync_all()?;
        File::open(dir)?.sync_all()?;
        // The directory's own name, and those of the folders sled made above it.
        for folder in dir.ancestors().skip(1).take(2) {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder)?.sync_all()?;
        }
        Ok(durable)
    }

    /// Syncs what the flush before it wrote.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.sync_blobs()?;
        self.db.sync_data()
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = HashSet::new();
        let mut new = false;
        for entry in std::fs::read_dir(&self.blobs)? {
            let entry = entry?;
            let name = entry.file_name();
            if !synced.contains(&name) {
                match File::open(entry.path()) {
                    Ok(file) => file.sync_all()?,
                    // sled drops blobs it no longer needs at any time.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                new = true;
            }
            present.insert(name);
        }
        *synced = present;
        if new { File::open(&self.blobs)?.sync_all() } else { Ok(()) }
    }
}
