//! What a monitor keeps: the last checkpoint it accepted, and the two sides of a fork.
//!
//! ```text
//! <state>                            the checkpoint, a signed note
//! <state>.fork-<n>-<hash>.remembered   the checkpoint that was accepted before
//! <state>.fork-<n>-<hash>.offered      the one that contradicts it; n is its size
//! <state>.fork-<n>-<hash>.json         the proof that they do, for programs
//! <state>.smaller-<n>-<hash>           a checkpoint that could not be compared, because the log shows less than it signed before
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

/// Smaller checkpoints that are kept: whoever can make more of them gains nothing by filling our disk.
const MAX_SMALLER: usize = 64;

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
        // First the one that has both: whatever is cut short after it, the proof is whole.
        let files = [
            (named("json"), format!("{proof:#}\n")),
            (named("remembered"), remembered.note().to_string()),
            (named("offered"), offered.note().to_string()),
        ];
        for (path, text) in &files {
            replace_file(path, text.as_bytes())?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// Keeps a checkpoint that is smaller than what is remembered and cannot be compared with it: if the log grows past that on another
    /// history, this is signed too. Answers the file, or nothing when there are many already.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn keep_smaller(&self, offered: &SignedCheckpoint) -> Result<Option<PathBuf>, MemoryError> {
        let hash = &sha256(offered.note().text().as_bytes()).to_hex()[..8];
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".smaller-{}-{hash}", offered.checkpoint().size));
        let path = PathBuf::from(path);
        if !path.exists() {
            if self.beside("smaller")?.len() >= MAX_SMALLER {
                return Ok(None);
            }
            replace_file(&path, offered.note().to_string().as_bytes())?;
        }
        Ok(Some(path))
    }

    /// The files of forks that were found before, sorted.
    ///
    /// # Errors
    /// [`MemoryError::Read`].
    pub fn evidence(&self) -> Result<Vec<PathBuf>, MemoryError> {
        self.beside("fork")
    }

    fn beside(&self, what: &str) -> Result<Vec<PathBuf>, MemoryError> {
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let start = format!("{}.{what}-", self.path.file_name().unwrap_or_default().to_string_lossy());
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]
mod tests {
    use super::*;
    use assent_core::checkpoint::Checkpoint;
    use assent_core::hash::Hash;
    use assent_core::note::SignerKey;

    #[test]
    fn a_fork_that_is_kept_half_is_kept_with_both_sides() {
        let folder = tempfile::tempdir().unwrap();
        let key = SignerKey::from_seed("log.example.org/clinic", &[1; 32]).unwrap();
        let [one, other] = [1, 2].map(|root| {
            let head = Checkpoint::new("log.example.org/clinic", 5, Hash([root; 32])).unwrap();
            let note = head.sign(&key).unwrap().to_string();
            Checkpoint::verify(&note, &key.verifier()).unwrap()
        });
        let memory = Memory::at(&folder.path().join("clinic.note"));
        let fork = Fork { size: 5, root: Hash([2; 32]), proof: Vec::new() };
        let files = memory.keep_fork(&one, &other, &fork).unwrap();
        for file in &files {
            fs::remove_file(file).unwrap();
        }
        // The disk is full after the first.
        for file in &files[1..] {
            fs::create_dir(file).unwrap();
        }
        assert!(memory.keep_fork(&one, &other, &fork).is_err());
        let kept = fs::read_to_string(&files[0]).unwrap();
        let proof: serde_json::Value = serde_json::from_str(&kept).unwrap();
        for (side, signed) in [("remembered", &one), ("offered", &other)] {
            assert_eq!(proof[side]["note"], signed.note().to_string());
        }
    }
}
