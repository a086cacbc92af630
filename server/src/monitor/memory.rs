//! What a monitor keeps: the last checkpoint it accepted, and the two sides of a fork.
//!
//! ```text
//! <state>                            the checkpoint, a signed note
//! <state>.fork-<n>-<hash>.remembered   the checkpoint that was accepted before
//! <state>.fork-<n>-<hash>.offered      the one that contradicts it; n is its size
//! <state>.fork-<n>-<hash>.json         the proof that they do, for programs
//! ```
//!
//! The proof needs no trust in whoever shows it: both notes are signed by the log, and under the larger one its first
//! entries have another root than the smaller one says.

use crate::data_dir::{DataDirError, replace_file};
use assent_core::checkpoint::{CheckpointVerifyError, SignedCheckpoint};
use assent_core::hash::sha256;
use assent_core::history::Fork;
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The state file and what lies beside it.
#[derive(Debug, Clone)]
pub struct Memory {
    path: PathBuf,
}

/// Why the state file is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The disk said no.
    #[error("cannot read {path}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is something else.
    #[error(
        "{path} does not hold a checkpoint of this log: give another --state file, or this one's log and key"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CheckpointVerifyError,
    },
    /// It could not be kept.
    #[error(transparent)]
    Write(#[from] DataDirError),
}

impl Memory {
    /// What is kept at `path`.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// The checkpoint that was accepted last, if there was one, opened as any checkpoint of the log.
    ///
    /// # Errors
    /// [`MemoryError::Read`] or [`MemoryError::Damaged`].
    pub fn read(
        &self,
        open: impl FnOnce(&str) -> Result<SignedCheckpoint, CheckpointVerifyError>,
    ) -> Result<Option<SignedCheckpoint>, MemoryError> {
        let note = match fs::read_to_string(&self.path) {
            Ok(note) => note,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(MemoryError::Read { path: self.path.clone(), source }),
        };
        let opened =
            open(&note).map_err(|source| MemoryError::Damaged { path: self.path.clone(), source })?;
        Ok(Some(opened))
    }

    /// Remembers a checkpoint; durable when it returns.
    ///
    /// # Errors
    /// [`MemoryError::Write`].
    pub fn write(&self, accepted: &SignedCheckpoint) -> Result<(), MemoryError> {
        Ok(replace_file(&self.path, accepted.note().to_string().as_bytes())?)
    }

    /// Keeps both sides of a fork; the files.
    ///
    /// # Errors
    /// [`MemoryError::Write`].
    pub fn keep_fork(
        &self,
        remembered: &SignedCheckpoint,
        offered: &SignedCheckpoint,
        fork: &Fork,
    ) -> Result<Vec<PathBuf>, MemoryError> {
        let hash = &sha256(offered.note().text().as_bytes()).to_hex()[..8];
        let named = |ending: &str| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".fork-{}-{hash}.{ending}", offered.checkpoint().size));
            PathBuf::from(name)
        };
        let head = |signed: &SignedCheckpoint| {
            let head = signed.checkpoint();
            json!({ "size": head.size, "root": head.root.to_base64(), "note": signed.note().to_string() })
        };
        let proof = json!({
            "origin": offered.checkpoint().origin,
            "key": offered.log_key().to_string(),
            "remembered": head(remembered),
            "offered": head(offered),
            "first_entries": fork.size,
            "their_root_under_the_larger_tree": fork.root.to_base64(),
            "consistency_proof": fork.proof.iter().map(|hash| hash.to_base64()).collect::<Vec<_>>(),
        });
        let files = [
            (named("remembered"), remembered.note().to_string()),
            (named("offered"), offered.note().to_string()),
            (named("json"), format!("{proof:#}\n")),
        ];
        for (path, text) in &files {
            replace_file(path, text.as_bytes())?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// The files of forks that were found before, sorted.
    ///
    /// # Errors
    /// [`MemoryError::Read`].
    pub fn evidence(&self) -> Result<Vec<PathBuf>, MemoryError> {
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let start = format!("{}.fork-", self.path.file_name().unwrap_or_default().to_string_lossy());
        let at = |source| MemoryError::Read { path: folder.to_path_buf(), source };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(at(source)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(at)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&start) && !name.ends_with(".new") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}
