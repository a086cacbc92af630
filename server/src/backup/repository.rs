//! The folder that backups are in: parts by name, each once, and runs that name them; all of it encrypted.
//!
//! ```text
//! DIR/<of the operator's key>/lock
//!                            /runs/2026-11-25T030000.123Z.run
//!                            /runs/2026-11-25T030000.123Z.parts    what it names, in clear
//!                            /log/ab/ab…    leaves, rows, marks
//!                            /keys/ab/ab…   wrapped secrets
//! ```
//!
//! A part's name is HMAC-SHA-256 of its content under a key of the operator's, and its key is made of its name: the same part is
//! the same file, and names tell nothing. A run is written last, so that what it names is there. A part that no run names is let
//! go of when runs grow old, also where the key is gone: for that each run's names lie beside it. Only this account can read the
//! folder, and only the operator's key opens it.

use super::{BackupError, Run};
use crate::data_dir::{create_private, lock, replace_file};
use crate::operator_key::OperatorKey;
use assent_core::hash::{Hash, hex_encode, sha256};
use assent_ledger::{Cipher, NONCE_LEN, PartKind, Parts};
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

const KINDS: [PartKind; 2] = [PartKind::Log, PartKind::Keys];

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

/// What pruning came to.
#[derive(Default)]
pub(super) struct Pruned {
    /// Bytes that went.
    pub(super) removed: u64,
    /// Runs that do not open.
    pub(super) damaged: Vec<String>,
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
        for part in ["runs"].into_iter().chain(KINDS.map(folder)) {
            create_private(&repository.folder.join(part))?;
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
        let folder = root.join(Self::folder_of(key));
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
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| damaged())?;
        let opened = self.cipher(b"run").open(&nonce, sealed, name.as_bytes()).ok_or_else(damaged)?;
        serde_json::from_slice(&opened).map_err(|_| damaged())
    }

    /// The name of the folder, in the folder of backups, that runs made with this key are in. Tells nothing of the key.
    pub(crate) fn folder_of(key: &OperatorKey) -> String {
        hex_encode(&Secret::of(key, "folder").0[..8])
    }

    /// The newest run that opens.
    pub(super) fn newest(&self) -> Result<Option<(String, Run)>, BackupError> {
        for name in self.runs()?.into_iter().rev() {
            match self.run(&name) {
                Ok(run) => return Ok(Some((name, run))),
                Err(BackupError::Damaged(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    /// Keeps a run whose parts are kept. Answers its name.
    pub(super) fn keep_run(&self, run: &Run) -> Result<String, BackupError> {
        let name = name_of(run.time);
        self.write_run(&name, run)?;
        Ok(name)
    }

    fn write_run(&self, name: &str, run: &Run) -> Result<(), BackupError> {
        let path = self.run_path(name);
        let failed = |error: String| BackupError::Io { path: path.clone(), source: io::Error::other(error) };
        let mut bytes = vec![0; NONCE_LEN];
        getrandom::fill(&mut bytes).map_err(|error| failed(error.to_string()))?;
        let nonce: [u8; NONCE_LEN] = bytes[..].try_into().unwrap_or_default();
        let json = serde_json::to_vec(run).map_err(|error| failed(error.to_string()))?;
        bytes.extend(self.cipher(b"run").seal(&nonce, &json, name.as_bytes()));
        let parts = run.sites.iter().flat_map(|site| site.log.parts());
        let parts: String = parts.map(|(kind, name)| format!("{} {name}\n", folder(kind))).collect();
        let parts = format!("{parts}{}\n", sha256(parts.as_bytes()));
        replace_file(&path.with_extension("parts"), parts.as_bytes())?;
        replace_file(&path, &bytes)?;
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Lets go of runs that are older than `keep`, and of parts that no run names. Of the last run that holds a site, however old, that
    /// site stays, and no other: who was erased from those must not stay for its sake. Backups made under `former` keys of this
    /// instance go as they grow old, each of them; what others keep beside them is theirs.
    pub(super) fn prune(&self, now: u64, keep: Duration, former: &[String]) -> Result<Pruned, BackupError> {
        let oldest = name_of(now.saturating_sub(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX)));
        let (mut removed, mut damaged) = (0, Vec::new());
        let (mut named, mut held) = (BTreeSet::new(), BTreeSet::new());
        for name in self.runs()?.into_iter().rev() {
            let is_old = name < oldest;
            let stays = match self.run(&name) {
                Ok(mut run) => {
                    let before = run.sites.len();
                    run.sites.retain(|site| held.insert(site.log.site.clone()) || !is_old);
                    named.extend(run.sites.iter().flat_map(|site| site.log.parts().collect::<Vec<_>>()));
                    if !run.sites.is_empty() && run.sites.len() < before {
                        self.write_run(&name, &run)?;
                    }
                    !run.sites.is_empty()
                }
                Err(BackupError::Damaged(_)) if is_old => false,
                Err(BackupError::Damaged(path)) => {
                    tracing::error!(path = %path.display(), "a backup is damaged: its parts are kept until it is too old");
                    damaged.push(name.clone());
                    true
                }
                Err(other) => return Err(other),
            };
            if !stays {
                removed += remove_run(&self.folder, &name)?;
            }
        }
        // A crash may have come before the run, or after it went.
        for file in list(&self.folder.join("runs"))? {
            if file.extension().is_some_and(|kind| kind == "parts") && !file.with_extension("run").exists() {
                removed += remove(&file)?;
            }
        }
        if damaged.is_empty() {
            removed += remove_unnamed(&self.folder, &named)?;
        }
        for other in former.iter().map(|name| self.root.join(name)) {
            if other == self.folder || !other.join("runs").is_dir() {
                continue;
            }
            // Whoever holds it is writing there.
            let Ok(_lock) = lock(&other) else { continue };
            let runs = runs_in(&other)?;
            let young = runs.iter().position(|run| *run >= oldest).unwrap_or(runs.len());
            let (old, young) = runs.split_at(young);
            if young.is_empty() {
                fs::remove_dir_all(&other).map_err(io_error(&other))?;
            } else if !old.is_empty()
                && let Some(named) = named_by(&other, young)
            {
                old.iter().try_for_each(|run| remove_run(&other, run).map(drop))?;
                remove_unnamed(&other, &named)?;
            }
        }
        Ok(Pruned { removed, damaged })
    }

    fn run_path(&self, name: &str) -> PathBuf {
        self.folder.join("runs").join(format!("{name}.run"))
    }

    fn part_path(&self, kind: PartKind, name: Hash) -> PathBuf {
        let hex = name.to_hex();
        self.folder.join(folder(kind)).join(&hex[..2]).join(hex)
    }

    fn cipher(&self, of: &[u8]) -> Cipher {
        Cipher::new(&mac(&self.contents.0, &[of]))
    }
}

impl Parts for Repository {
    fn put(&self, kind: PartKind, bytes: &[u8]) -> io::Result<Hash> {
        let name = Hash(mac(&self.names.0, &[folder(kind).as_bytes(), b"\0", bytes]));
        let path = self.part_path(kind, name);
        // The key is of this content only, so one nonce does, and the same content is the same file.
        let sealed = self.cipher(&name.0).seal(&[0; NONCE_LEN], bytes, folder(kind).as_bytes());
        match fs::read(&path) {
            Ok(there) if there == sealed => return Ok(name),
            // Every run from now on would name it, and none could be restored.
            Ok(_) => {
                tracing::warn!(path = %path.display(), "a part of earlier backups was damaged: written anew");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a part of earlier backups cannot be read: written anew");
            }
        }
        replace_file(&path, &sealed).map_err(io::Error::other)?;
        self.written.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        Ok(name)
    }

    fn get(&self, kind: PartKind, name: Hash) -> io::Result<Vec<u8>> {
        let path = self.part_path(kind, name);
        let at = |why: &str| io::Error::other(format!("{}: {why}", path.display()));
        let sealed = fs::read(&path).map_err(|error| at(&error.to_string()))?;
        let bytes = self.cipher(&name.0).open(&[0; NONCE_LEN], &sealed, folder(kind).as_bytes());
        bytes.map(|bytes| bytes.to_vec()).ok_or_else(|| at("damaged"))
    }
}

/// The parts that runs name, as it lies beside them. Nothing when one does not say, as of an earlier release, or not soundly.
fn named_by(folder: &Path, runs: &[String]) -> Option<BTreeSet<(PartKind, Hash)>> {
    let mut named = BTreeSet::new();
    for run in runs {
        let parts = fs::read_to_string(folder.join("runs").join(format!("{run}.parts"))).ok()?;
        let sum = parts.trim_end().rsplit('\n').next()?;
        let parts = parts.strip_suffix('\n')?.strip_suffix(sum)?;
        if sha256(parts.as_bytes()).to_string() != sum {
            return None;
        }
        for line in parts.lines() {
            let (kind, name) = line.split_once(' ')?;
            let kind = KINDS.into_iter().find(|of| self::folder(*of) == kind)?;
            named.insert((kind, Hash::from_hex(name).ok()?));
        }
    }
    Some(named)
}

/// Lets go of a run, but not of its parts. Answers how many bytes went.
fn remove_run(folder: &Path, name: &str) -> Result<u64, BackupError> {
    let path = folder.join("runs").join(format!("{name}.run"));
    let parts = path.with_extension("parts");
    Ok(remove(&path)? + if parts.exists() { remove(&parts)? } else { 0 })
}

/// Lets go of the parts in a folder that are not among these.
fn remove_unnamed(root: &Path, named: &BTreeSet<(PartKind, Hash)>) -> Result<u64, BackupError> {
    let mut removed = 0;
    for kind in KINDS {
        for folder in list(&root.join(folder(kind)))? {
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
    Ok(removed)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]
mod tests {
    use super::super::SiteCopy;
    use super::*;
    use assent_core::ids::SiteId;
    use assent_ledger::LogCopy;

    fn run(time: u64, sites: &[&str]) -> Run {
        let part = Hash([1; 32]);
        let log = |site: &&str| LogCopy {
            site: SiteId::new(site).unwrap(),
            origin: String::new(),
            size: 1,
            root: part,
            time,
            secrets: 0,
            checkpoint: String::new(),
            entries: vec![],
            marks: part,
            slots: vec![],
            log_keys: part,
            escrow: None,
        };
        let copy = |site| SiteCopy { log: log(site), file: String::new(), published: None };
        Run { format: String::new(), release: String::new(), time, sites: sites.iter().map(copy).collect() }
    }

    #[test]
    fn of_the_last_run_that_holds_a_site_that_site_stays_however_old() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::create(folder.path(), &OperatorKey::draw().unwrap()).unwrap();
        let both = repository.keep_run(&run(1000, &["clinic", "shop"])).unwrap();
        repository.keep_run(&run(2000, &["clinic"])).unwrap();
        let clinic = repository.keep_run(&run(3000, &["clinic"])).unwrap();
        let prunes = || repository.prune(1_000_000, Duration::from_secs(1), &[]).unwrap();
        assert!(prunes().removed > 0);
        assert_eq!(repository.runs().unwrap(), [both.clone(), clinic]);
        let sites = |name: &str| {
            let sites = repository.run(name).unwrap().sites.into_iter();
            sites.map(|site| site.log.site.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(sites(&both), ["shop"], "whoever left the other site is not kept with it");
        let all = repository.keep_run(&run(4000, &["clinic", "shop"])).unwrap();
        prunes();
        assert_eq!(repository.runs().unwrap(), [all]);
    }

    /// They went all together, when the last of them was old: who was erased stayed for twice as long as people were told.
    #[test]
    fn runs_under_a_former_key_go_one_by_one_with_what_only_they_name() {
        let folder = tempfile::tempdir().unwrap();
        let former = OperatorKey::draw().unwrap();
        let before = Repository::create(folder.path(), &former).unwrap();
        let parts = [b"old".as_slice(), b"young"].map(|bytes| before.put(PartKind::Log, bytes).unwrap());
        for (time, entries) in [(1000, parts.to_vec()), (5000, vec![parts[1]])] {
            let mut run = run(time, &["clinic"]);
            run.sites[0].log.entries = entries;
            before.keep_run(&run).unwrap();
        }
        drop(before);
        let now = Repository::create(folder.path(), &OperatorKey::draw().unwrap()).unwrap();
        let prune =
            |time| drop(now.prune(time, Duration::from_secs(1), &[Repository::folder_of(&former)]).unwrap());
        let before = Repository::open(folder.path(), &former).unwrap();
        let has = |part: Hash| before.get(PartKind::Log, part).is_ok();
        prune(1500);
        assert_eq!((before.runs().unwrap().len(), has(parts[0]), has(parts[1])), (2, true, true));
        // A list that is not whole says nothing, and nothing goes by it.
        let list = |nth: usize| {
            let runs = before.runs().unwrap();
            before.run_path(&runs[nth]).with_extension("parts")
        };
        let whole = fs::read_to_string(list(1)).unwrap();
        let digit = whole.find("log ").unwrap() + "log ".len();
        let mut flipped = whole.clone();
        flipped.replace_range(digit..=digit, if whole[digit..].starts_with('0') { "1" } else { "0" });
        fs::write(list(1), flipped).unwrap();
        prune(5500);
        assert_eq!((before.runs().unwrap().len(), has(parts[0]), has(parts[1])), (2, true, true));
        fs::write(list(1), whole).unwrap();
        prune(5500);
        assert_eq!((before.runs().unwrap().len(), has(parts[0]), has(parts[1])), (1, false, true));
        assert_eq!(
            fs::read_dir(folder.path().join(Repository::folder_of(&former)).join("runs")).unwrap().count(),
            2
        );
        prune(9000);
        assert!(!folder.path().join(Repository::folder_of(&former)).exists());
    }
}
