//! What a witness remembers: of each log the last checkpoint it cosigned, in a file of its own.
//!
//! ```text
//! <data_dir>/lock            held by the process that owns the folder
//! <data_dir>/witness         the public key this memory belongs to; made once, on purpose
//! <data_dir>/logs/<hash>     hash: SHA-256 of the log's origin, in hex. The cosigned checkpoint, a signed note
//! <data_dir>/evidence/<hash>-<hash>            a note that contradicts what was cosigned
//! <data_dir>/evidence/<hash>-<hash>.cosigned   what was cosigned at that size: both together are the proof
//! ```
//!
//! A file is replaced whole: written new, fsynced, renamed, its folder fsynced. Reading checks our own cosignature on
//! it, so that a file that was altered or swapped is noticed. An *older* copy of the folder cannot be noticed, and makes
//! a witness that may contradict itself; so does a folder made anew for a key that was used before. That is why only
//! [`State::create`] makes one, and [`State::open`] refuses when there is none.

use crate::data_dir::{DataDirError, create_private, lock, replace_file};
use assent_core::checkpoint::{Checkpoint, CheckpointError};
use assent_core::hash::sha256;
use assent_core::note::{Note, NoteError, NoteVerifyError, VerifierKey};
use assent_core::witness::Seen;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Notes kept as evidence of one log. Each is a fork; who can make more of them gains nothing by filling our disk.
const MAX_EVIDENCE: usize = 64;
/// Ends the name of what was cosigned.
const COSIGNED: &str = ".cosigned";

/// The folder, owned by this process until dropped.
#[derive(Debug)]
pub struct State {
    evidence: PathBuf,
    /// By the hash of the origin: every log that is watched, and those that once were.
    logs: BTreeMap<String, Log>,
    /// Held open: the lock ends with it, also when the process is killed.
    _lock: File,
}

/// One log's place.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    held: Mutex<Held>,
    /// The note as it was last known to be on disk, for readers: they must not wait for the disk.
    shown: Mutex<Option<String>>,
}

/// What is remembered of one log.
#[derive(Debug)]
pub struct Held {
    /// Size and root that were last cosigned.
    pub seen: Seen,
    /// When: seconds since 1970. 0 when never.
    pub time: u64,
    /// The note as it is on disk; nothing when never.
    pub note: Option<String>,
    /// A write failed: the disk may have more than this says.
    pub stopped: bool,
}

/// Why the folder cannot be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No memory.
    #[error(
        "the witness's state is not in {0}: bring it back as it was last, or, if it is lost, retire this witness and make \
         another with a new key (`assent witness key`). A witness that forgot what it cosigned can contradict itself \
         (witness.data_dir)"
    )]
    Missing(PathBuf),
    /// There is a memory already.
    #[error("{0} already holds a witness's state: choose another witness.data_dir")]
    Taken(PathBuf),
    /// Another process has it.
    #[error("{0} is in use by another assent process: stop that one, or choose another witness.data_dir")]
    InUse(PathBuf),
    /// Another key's memory.
    #[error("{data_dir} is the state of the witness {found}, but the key file holds the key of {key}")]
    OtherKey {
        /// The folder.
        data_dir: PathBuf,
        /// The key it belongs to.
        found: String,
        /// The key that was given.
        key: String,
    },
    /// A file is not what we wrote.
    #[error("{path} is not a checkpoint that this witness cosigned: bring the state back as it was last")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Damage,
    },
    /// The disk said no.
    #[error(transparent)]
    Folder(DataDirError),
    /// The disk said no to reading.
    #[error("cannot read {path}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a kept checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Not a signed note.
    #[error("it is not a signed note")]
    Note(#[source] NoteError),
    /// Not cosigned by us.
    #[error("our cosignature does not hold")]
    Cosignature(#[source] NoteVerifyError),
    /// Not a checkpoint.
    #[error("its text is not a checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// The file has another log's name.
    #[error("it is of {origin}, whose file has another name")]
    OtherLog {
        /// The log it is of.
        origin: String,
    },
}

/// A checkpoint could not be kept.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WriteError(#[from] DataDirError);

impl State {
    /// Makes the memory of a new key, which has cosigned nothing yet. Durable when it returns.
    ///
    /// # Errors
    /// [`OpenError::Taken`] when there is one, or what the disk says.
    pub fn create(data_dir: &Path, key: &VerifierKey) -> Result<(), OpenError> {
        if data_dir.join("witness").exists() {
            return Err(OpenError::Taken(data_dir.to_path_buf()));
        }
        for folder in ["logs", "evidence"] {
            create_private(&data_dir.join(folder)).map_err(OpenError::Folder)?;
        }
        replace_file(&data_dir.join("witness"), format!("{key}\n").as_bytes()).map_err(OpenError::Folder)?;
        let parent =
            data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = File::open(parent).and_then(|folder| folder.sync_all());
        synced.map_err(|source| OpenError::Read { path: parent.to_path_buf(), source })
    }

    /// Takes the folder for this process and reads it. `origins` are the logs that are watched now.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open<'a>(
        data_dir: &Path,
        key: &VerifierKey,
        origins: impl Iterator<Item = &'a str>,
    ) -> Result<Self, OpenError> {
        let found = match fs::read_to_string(data_dir.join("witness")) {
            Ok(text) => text.trim_end().to_string(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenError::Missing(data_dir.to_path_buf()));
            }
            Err(source) => return Err(OpenError::Read { path: data_dir.join("witness"), source }),
        };
        let lock = lock(data_dir).map_err(|error| match error {
            DataDirError::InUse(path) => OpenError::InUse(path),
            other => OpenError::Folder(other),
        })?;
        if found != key.to_string() {
            let data_dir = data_dir.to_path_buf();
            return Err(OpenError::OtherKey { data_dir, found, key: key.to_string() });
        }
        let folder = data_dir.join("logs");
        let mut logs = BTreeMap::new();
        for name in names_in(&folder)? {
            // What a crash left before its rename was never answered for.
            if name.len() == 64 {
                let path = folder.join(&name);
                let held = read(&path, &name, key)?;
                logs.insert(name, Log::new(path, held));
            }
        }
        for origin in origins {
            let name = origin_hash(origin);
            let path = folder.join(&name);
            let nothing = || Held { seen: Seen::NOTHING, time: 0, note: None, stopped: false };
            logs.entry(name).or_insert_with(|| Log::new(path, nothing()));
        }
        Ok(Self { evidence: data_dir.join("evidence"), logs, _lock: lock })
    }

    /// The place of the log whose origin has this hash.
    #[must_use]
    pub fn log(&self, origin_hash: &str) -> Option<&Log> {
        self.logs.get(origin_hash)
    }

    /// Whether a write failed for some log.
    #[must_use]
    pub fn any_stopped(&self) -> bool {
        self.logs.values().any(|log| log.lock().stopped)
    }

    /// Keeps a note that contradicts what was cosigned, and beside it what that was, which the next good checkpoint replaces in the log's
    /// own file. Answers the file, or nothing when it is there already or there are too many of this log.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_evidence(
        &self,
        origin: &str,
        cosigned: &str,
        note: &Note,
    ) -> Result<Option<PathBuf>, OpenError> {
        let log = origin_hash(origin);
        let name = format!("{log}-{}", &sha256(note.text().as_bytes()).to_hex()[..16]);
        let [path, beside] = [name.clone(), name + COSIGNED].map(|name| self.evidence.join(name));
        let names = names_in(&self.evidence)?;
        let of_log = names.iter().filter(|name| name.starts_with(&log) && !name.ends_with(COSIGNED));
        if path.exists() && beside.exists() || !path.exists() && of_log.count() >= MAX_EVIDENCE {
            return Ok(None);
        }
        replace_file(&beside, cosigned.as_bytes()).map_err(OpenError::Folder)?;
        replace_file(&path, note.to_string().as_bytes()).map_err(OpenError::Folder)?;
        Ok(Some(path))
    }
}

impl Log {
    fn new(path: PathBuf, held: Held) -> Self {
        let shown = Mutex::new(held.note.clone());
        Self { path, held: Mutex::new(held), shown }
    }

    /// The note that was written last. Never waits for a write.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is remembered, for this caller alone.
    pub fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics between changing it and being done with it.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the file; durable when it returns. The caller holds [`lock`](Self::lock).
    ///
    /// # Errors
    /// The old note is there, or the new one; which is not known.
    pub fn write(&self, note: &str) -> Result<(), WriteError> {
        replace_file(&self.path, note.as_bytes())?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(note.to_string());
        Ok(())
    }
}

/// The name of a log's file and of its address: SHA-256 of the origin, 64 hex digits.
#[must_use]
pub fn origin_hash(origin: &str) -> String {
    sha256(origin.as_bytes()).to_hex()
}

fn names_in(folder: &Path) -> Result<Vec<String>, OpenError> {
    let at = |source| OpenError::Read { path: folder.to_path_buf(), source };
    let entries = fs::read_dir(folder).map_err(at)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<Result<_, _>>().map_err(at)
}

fn read(path: &Path, name: &str, key: &VerifierKey) -> Result<Held, OpenError> {
    let text = fs::read(path).map_err(|source| OpenError::Read { path: path.to_path_buf(), source })?;
    let damaged = |source| OpenError::Damaged { path: path.to_path_buf(), source };
    let note = Note::parse_bytes(&text).map_err(|error| damaged(Damage::Note(error)))?;
    let ours = note.verify(std::slice::from_ref(key)).map_err(|error| damaged(Damage::Cosignature(error)))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| damaged(Damage::Checkpoint(error)))?;
    if origin_hash(&checkpoint.origin) != name {
        return Err(damaged(Damage::OtherLog { origin: checkpoint.origin }));
    }
    let time = ours.iter().filter_map(|line| line.time).max().unwrap_or_default();
    Ok(Held { seen: Seen::from(&checkpoint), time, note: Some(note.to_string()), stopped: false })
}
