//! The folder that backups are in: parts by name, each once, and runs that name them; all of it encrypted.
//!
//! ```text
//! DIR/<of the operator's key>/lock
//!                            /runs/2026-11-25T030000.123Z.run
//!                            /log/ab/ab…    leaves, rows, marks
//!                            /keys/ab/ab…   wrapped secrets
//! ```
//!
//! A part's name is HMAC-SHA-256 of its content under a key of the operator's, and its key is made of its name: the same part is
//! the same file, and names tell nothing. A run is written last, so that what it names is there. A part that no run names is let
//! go of when runs grow old. Only this account can read the folder, and only the operator's key opens it.

use super::{BackupError, Run};
use crate::data_dir::{create_private, lock, replace_file};
use crate::operator_key::OperatorKey;
use assent_core::hash::{Hash, hex_encode};
use assent_ledger::{PartKind, Parts};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

const NONCE: usize = 12;

/// Backups made with one operator's key.
#[derive(Debug)]
pub struct Repository {
    /// What was named: it may hold backups made with other keys too.
    root: PathBuf,
    folder: PathBuf,
    names: Secret,
    contents: Secret,
    written: AtomicU64,
    /// Held by whoever writes.
    _lock: Option<File>,
}

struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    fn of(key: &OperatorKey, what: &str) -> Self {
        Self(Zeroizing::new(mac(&key.0, &[b"assent-backup/v1\0", what.as_bytes()])))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Repository {
    /// The backups in a folder, to add to; makes the folder.
    ///
    /// # Errors
    /// When somebody else adds to it, or it cannot be used.
    pub fn create(root: &Path, key: &OperatorKey) -> Result<Self, BackupError> {
        let mut repository = Self::at(root, key);
        for kind in ["runs", folder(PartKind::Log), folder(PartKind::Keys)] {
            create_private(&repository.folder.join(kind))?;
        }
        let busy = |_| BackupError::Busy(root.to_path_buf());
        repository._lock = Some(lock(&repository.folder).map_err(busy)?);
        Ok(repository)
    }

    /// The backups in a folder, to read.
    ///
    /// # Errors
    /// When there are none that this key opens.
    pub fn open(root: &Path, key: &OperatorKey) -> Result<Self, BackupError> {
        let repository = Self::at(root, key);
        if repository.folder.join("runs").is_dir() {
            Ok(repository)
        } else {
            Err(BackupError::None(root.to_path_buf()))
        }
    }

    fn at(root: &Path, key: &OperatorKey) -> Self {
        let folder = root.join(hex_encode(&Secret::of(key, "folder").0[..8]));
        let (names, contents) = (Secret::of(key, "names"), Secret::of(key, "contents"));
        Self { root: root.to_path_buf(), folder, names, contents, written: AtomicU64::new(0), _lock: None }
    }

    /// Bytes that were written since it was opened.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Names of runs, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<String>, BackupError> {
        runs_in(&self.folder)
    }

    /// A run.
    ///
    /// # Errors
    /// When there is none of this name, or it does not open.
    pub fn run(&self, name: &str) -> Result<Run, BackupError> {
        if !self.runs()?.iter().any(|run| run == name) {
            return Err(BackupError::NoRun(name.to_string()));
        }
        let path = self.run_path(name);
        let damaged = || BackupError::Damaged(path.clone());
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or_else(damaged)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| damaged())?;
        let opened = self.cipher(b"run").decrypt(&Nonce::from(nonce), payload(name.as_bytes(), sealed));
        serde_json::from_slice(&opened.map_err(|_| damaged())?).map_err(|_| damaged())
    }

    /// Keeps a run whose parts are kept. Answers its name.
    pub(super) fn keep_run(&self, run: &Run) -> Result<String, BackupError> {
        let name = name_of(run.time);
        let path = self.run_path(&name);
        let failed = |error: String| BackupError::Io { path: path.clone(), source: io::Error::other(error) };
        let mut bytes = vec![0; NONCE];
        getrandom::fill(&mut bytes).map_err(|error| failed(error.to_string()))?;
        let nonce: [u8; NONCE] = bytes[..].try_into().unwrap_or_default();
        let json = serde_json::to_vec(run).map_err(|error| failed(error.to_string()))?;
        let sealed = self.cipher(b"run").encrypt(&Nonce::from(nonce), payload(name.as_bytes(), &json));
        bytes.extend(sealed.map_err(|error| failed(error.to_string()))?);
        replace_file(&path, &bytes)?;
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(name)
    }

    /// Lets go of runs that are older than `keep`, and of parts that no run names. Backups made with other keys go when all of
    /// them are too old. Answers how many bytes went.
    pub(super) fn prune(&self, now: u64, keep: Duration) -> Result<u64, BackupError> {
        let oldest = name_of(now.saturating_sub(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX)));
        let mut removed = 0;
        for run in self.runs()?.iter().filter(|run| **run < oldest) {
            removed += remove(&self.run_path(run))?;
        }
        let mut named = BTreeSet::new();
        for run in self.runs()? {
            let parts = self.run(&run)?.sites;
            named.extend(parts.iter().flat_map(|site| site.log.parts().collect::<Vec<_>>()));
        }
        for kind in [PartKind::Log, PartKind::Keys] {
            for folder in list(&self.folder.join(folder(kind)))? {
                for file in list(&folder)? {
                    let name = file.file_name().and_then(|name| name.to_str());
                    // What is no part's name is what a crash left of one.
                    let name = name.and_then(|name| Hash::from_hex(name).ok());
                    if !name.is_some_and(|name| named.contains(&(kind, name))) {
                        removed += remove(&file)?;
                    }
                }
            }
        }
        for other in list(&self.root)?.into_iter().filter(|other| *other != self.folder) {
            let is_ours = other.join("runs").is_dir() && other.join("lock").is_file();
            if is_ours && runs_in(&other)?.iter().all(|run| *run < oldest) {
                fs::remove_dir_all(&other).map_err(io_error(&other))?;
            }
        }
        Ok(removed)
    }

    fn run_path(&self, name: &str) -> PathBuf {
        self.folder.join("runs").join(format!("{name}.run"))
    }

    fn part_path(&self, kind: PartKind, name: Hash) -> PathBuf {
        let hex = name.to_hex();
        self.folder.join(folder(kind)).join(&hex[..2]).join(hex)
    }

    fn cipher(&self, of: &[u8]) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(mac(&self.contents.0, &[of])))
    }
}

impl Parts for Repository {
    fn put(&self, kind: PartKind, bytes: &[u8]) -> io::Result<Hash> {
        let name = Hash(mac(&self.names.0, &[folder(kind).as_bytes(), b"\0", bytes]));
        let path = self.part_path(kind, name);
        if path.exists() {
            return Ok(name);
        }
        // The key is of this content only, so one nonce does.
        let sealed = self.cipher(&name.0).encrypt(&Nonce::default(), payload(folder(kind).as_bytes(), bytes));
        let sealed = sealed.map_err(io::Error::other)?;
        replace_file(&path, &sealed).map_err(io::Error::other)?;
        self.written.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        Ok(name)
    }

    fn get(&self, kind: PartKind, name: Hash) -> io::Result<Vec<u8>> {
        let path = self.part_path(kind, name);
        let at = |why: &str| io::Error::other(format!("{}: {why}", path.display()));
        let sealed = fs::read(&path).map_err(|error| at(&error.to_string()))?;
        let bytes =
            self.cipher(&name.0).decrypt(&Nonce::default(), payload(folder(kind).as_bytes(), &sealed));
        bytes.map_err(|_| at("damaged"))
    }
}

fn payload<'a>(aad: &'a [u8], msg: &'a [u8]) -> Payload<'a, 'a> {
    Payload { msg, aad }
}

fn folder(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Log => "log",
        PartKind::Keys => "keys",
    }
}

/// `2026-11-25T030000.123Z`: sorts by time, and is a file name everywhere.
fn name_of(time: u64) -> String {
    let time = i64::try_from(time).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    time.unwrap_or_default().strftime("%Y-%m-%dT%H%M%S.%3fZ").to_string()
}

fn runs_in(folder: &Path) -> Result<Vec<String>, BackupError> {
    let files = list(&folder.join("runs"))?;
    let runs = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "run"));
    let mut runs: Vec<_> = runs.filter_map(|file| Some(file.file_stem()?.to_str()?.to_string())).collect();
    runs.sort();
    Ok(runs)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = fs::read_dir(folder).map_err(io_error(folder))?;
    entries.map(|entry| Ok(entry.map_err(io_error(folder))?.path())).collect()
}

fn remove(path: &Path) -> Result<u64, BackupError> {
    let len = fs::metadata(path).map_or(0, |metadata| metadata.len());
    fs::remove_file(path).map_err(io_error(path))?;
    Ok(len)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_path_buf();
    move |source| BackupError::Io { path: path.clone(), source }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
