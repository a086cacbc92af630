//! The data directory: who owns it now, and where things lie in it.
//!
//! Not here: what the store and the ledger write below `store/`, `keys/` and `checkpoints/`, and the operator's key.

use crate::config::Config;
use crate::operator_key::{self, OperatorKey};
use assent_core::ids::SiteId;
use assent_ledger::{KeyStoreError, LogConfig};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The data directory, owned by this process until dropped.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    key: OperatorKey,
    /// Held open: the lock ends with it, also when the process is killed.
    _lock: File,
}

/// Why the directory cannot be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another process has it.
    #[error("{0} is in use by another assent process: stop that one, or choose another server.data_dir")]
    InUse(PathBuf),
    /// There are data but no key for them.
    #[error(
        "{data_dir} holds data, but the operator's key {key_file} is missing: bring it back from its backup (a new key \
         could not open the records)"
    )]
    KeyLost {
        /// The data.
        data_dir: PathBuf,
        /// Where the key should be.
        key_file: PathBuf,
    },
    /// The key is something else.
    #[error("{0} must be the operator's key: 32 bytes in base64 on one line")]
    KeyMalformed(String),
    /// The command that is to print the key did not.
    #[error("ledger.key_command, `{command}`, gave no key: {why}")]
    KeyCommand {
        /// The command.
        command: String,
        /// Why.
        why: String,
    },
    /// Another key is taking the old one's place.
    #[error(
        "a rotation of the operator's key was cut short ({0} is waiting): run `assent keys rotate` again"
    )]
    RotationUnfinished(PathBuf),
    /// Nobody but the operator can keep a new key.
    #[error(
        "the operator's key is kept by you (ledger.key or ledger.key_command): make a new one with `assent keys new`, keep \
         it, and name a file with it: `assent keys rotate --to FILE`"
    )]
    NoNewKey,
    /// A site's keys do not open, or cannot be read, so no rotation was begun.
    #[error(
        "no secret was changed, because those of the site `{site}` cannot be: bring the folder {folder} back from a backup, or \
         move it away when the site was given up, and run `assent keys rotate` again"
    )]
    KeysUnready {
        /// The site.
        site: SiteId,
        /// Its keys.
        folder: PathBuf,
        /// Why.
        #[source]
        source: KeyStoreError,
    },
    /// A site's secrets could not be wrapped anew to the end: they are under the old key or under the new one.
    #[error(
        "the secrets of the site `{site}` could not be wrapped anew to the end: keep both keys, mend what failed, and run \
         `assent keys rotate` again with the same new key"
    )]
    Keys {
        /// The site.
        site: SiteId,
        /// Why.
        #[source]
        source: KeyStoreError,
    },
    /// A restore was cut short.
    #[error(
        "{0} holds the beginning of a restore that was cut short: remove what is in it and run `assent restore` again"
    )]
    RestoreUnfinished(PathBuf),
    /// A restore needs an empty directory.
    #[error("{0} is not empty: a restore needs a new server.data_dir, so that nothing is written over")]
    NotEmpty(PathBuf),
    /// The key can be read by other accounts.
    #[error("{0} can be read by other accounts of this machine: run chmod 600 on it")]
    KeyExposed(PathBuf),
    /// The disk said no.
    #[error("cannot use {path}: mend the cause, and try again")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl DataDir {
    /// Takes the directory for this process, creating it and the operator's key where there is nothing yet.
    pub fn open(config: &Config) -> Result<Self, DataDirError> {
        let root = config.server.data_dir.relative();
        create_private(&root)?;
        let lock = lock(&root)?;
        if root.join(UNFINISHED).exists() {
            return Err(DataDirError::RestoreUnfinished(root));
        }
        let key = match operator_key::read(&config.ledger)? {
            Some(key) => key,
            None if is_empty(&root) => operator_key::create(&config.ledger)?,
            None => return Err(key_lost(root, config)),
        };
        Self::with(root, key, lock)
    }

    /// Takes an empty directory for this process, to restore into: until [`Self::restored`] nobody can open it.
    pub fn open_to_restore(config: &Config) -> Result<Self, DataDirError> {
        let root = config.server.data_dir.relative();
        create_private(&root)?;
        let lock = lock(&root)?;
        if root.join(UNFINISHED).exists() {
            return Err(DataDirError::RestoreUnfinished(root));
        }
        if !holds_nothing(&root)? {
            return Err(DataDirError::NotEmpty(root));
        }
        let key = operator_key::read(&config.ledger)?;
        let key = key.ok_or_else(|| key_lost(root.clone(), config))?;
        replace_file(&root.join(UNFINISHED), b"")?;
        Self::with(root, key, lock)
    }

    /// Says that everything was restored.
    pub fn restored(&self) -> Result<(), DataDirError> {
        let path = self.root.join(UNFINISHED);
        let done = fs::remove_file(&path).and_then(|()| File::open(&self.root)?.sync_all());
        done.map_err(|source| DataDirError::Io { path, source })
    }

    fn with(root: PathBuf, key: OperatorKey, lock: File) -> Result<Self, DataDirError> {
        for folder in ["keys", "checkpoints", "published", "sites"] {
            create_private(&root.join(folder))?;
        }
        Ok(Self { root, key, _lock: lock })
    }

    /// The operator's key.
    #[must_use]
    pub fn key(&self) -> &OperatorKey {
        &self.key
    }

    /// The folder of all of it.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// The store's folder.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The folder of wrapped secrets.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The file with a site's last signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self, site: &SiteId) -> PathBuf {
        self.root.join("checkpoints").join(site.as_str())
    }

    /// The file with a site's last public checkpoint.
    #[must_use]
    pub fn published(&self, site: &SiteId) -> PathBuf {
        self.root.join("published").join(site.as_str())
    }

    /// Where a site's log lies, with the usual queue.
    #[must_use]
    pub fn log_config(&self, site: &SiteId, origin: String) -> LogConfig {
        LogConfig {
            site: site.clone(),
            origin,
            keys: self.keys().join(site.as_str()),
            checkpoint: self.checkpoint(site),
            queue: LogConfig::DEFAULT_QUEUE,
            accept_clock: false,
        }
    }

    /// The file of a site.
    #[must_use]
    pub fn site_file(&self, site: &SiteId) -> PathBuf {
        self.sites().join(site.as_str()).join("site.toml")
    }

    /// Sites whose secrets or signed checkpoint are here, whether they are served or not.
    pub fn known(&self) -> Result<BTreeSet<SiteId>, DataDirError> {
        let mut known = BTreeSet::new();
        for folder in [self.keys(), self.root.join("checkpoints")] {
            known.extend(names(&folder)?.iter().filter_map(|name| SiteId::new(name.to_str()?).ok()));
        }
        Ok(known)
    }

    /// Names of the folders of backups that were made under keys this directory had before. None of keys from before a restore.
    pub fn former_backups(&self) -> Result<Vec<String>, DataDirError> {
        former_backups(&self.root)
    }

    /// The folder of site files, one folder per site.
    #[must_use]
    pub fn sites(&self) -> PathBuf {
        self.root.join("sites")
    }
}

/// Stands in a directory while it is being restored into.
const UNFINISHED: &str = "restore-unfinished";

/// Has, a line each, what [`DataDir::former_backups`] answers.
const FORMER_BACKUPS: &str = "former-backups";

/// Remembers that backups were made in this folder, so that they can be let go of.
pub(crate) fn remember_backups(root: &Path, folder: &str) -> Result<(), DataDirError> {
    let mut folders = former_backups(root)?;
    if folders.iter().all(|known| known != folder) {
        folders.push(folder.to_string());
        replace_file(&root.join(FORMER_BACKUPS), (folders.join("\n") + "\n").as_bytes())?;
    }
    Ok(())
}

fn former_backups(root: &Path) -> Result<Vec<String>, DataDirError> {
    let path = root.join(FORMER_BACKUPS);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other.map_err(|source| DataDirError::Io { path, source })?,
    };
    // One name below the folder of backups, whatever the file says.
    let is_name = |line: &&str| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(text.lines().filter(is_name).map(String::from).collect())
}

/// Whether there is nothing but our lock, and what a new disk brings along.
fn holds_nothing(root: &Path) -> Result<bool, DataDirError> {
    Ok(names(root)?.iter().all(|name| name == "lock" || name == "lost+found"))
}

fn names(folder: &Path) -> Result<Vec<OsString>, DataDirError> {
    let entries =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    entries.map_err(|source| DataDirError::Io { path: folder.to_path_buf(), source })
}

fn is_empty(root: &Path) -> bool {
    ["store", "sites", "keys"].iter().all(|folder| !root.join(folder).exists())
}

fn key_lost(data_dir: PathBuf, config: &Config) -> DataDirError {
    DataDirError::KeyLost { data_dir, key_file: config.ledger.key_file.relative() }
}

/// Writes `bytes` as `path` so that after a crash there is the old file or the new one, whole.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
    let at = |source| DataDirError::Io { path: path.to_path_buf(), source };
    // The parent of a bare file name is the empty path.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_private(parent)?;
    // Beside it under the whole name: files that differ in their endings alone must not share it.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = private().truncate(true).create(true).open(&new).map_err(at)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at)?;
    fs::rename(&new, path).map_err(at)?;
    // The rename itself is durable only once the folder is.
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(at)
}

/// Takes a folder for this process, until the file is dropped.
pub(crate) fn lock(root: &Path) -> Result<File, DataDirError> {
    let path = root.join("lock");
    let at = |source| DataDirError::Io { path: path.clone(), source };
    let file = private().create(true).truncate(false).open(&path).map_err(at)?;
    match fs4::FileExt::try_lock(&file) {
        Ok(()) => Ok(file),
        Err(fs4::TryLockError::WouldBlock) => Err(DataDirError::InUse(root.to_path_buf())),
        Err(fs4::TryLockError::Error(source)) => Err(at(source)),
    }
}

/// Options for a file that only this account may read.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder that only this account may enter, with the folders above it, all durable: what is written in it must not go with it.
pub(crate) fn create_private(path: &Path) -> Result<(), DataDirError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_private(parent)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = match builder.create(path) {
        // Somebody else made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    };
    made.and_then(|()| File::open(parent)?.sync_all())
        .map_err(|source| DataDirError::Io { path: path.to_path_buf(), source })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_in_their_endings_alone_are_written_apart() {
        let folder = tempfile::tempdir().unwrap();
        let [org, net] = ["a.org", "a.net"].map(|name| folder.path().join(name));
        // What is half written of the one is where the other would write.
        for in_the_way in ["a.new", "a.net.new"] {
            fs::create_dir(folder.path().join(in_the_way)).unwrap();
        }
        replace_file(&org, b"1").unwrap();
        assert_eq!(fs::read(&org).unwrap(), b"1");
        assert!(replace_file(&net, b"2").is_err());
        assert!(!folder.path().join("a.org.new").exists());
    }
}
