//! The data directory: who owns it now, where things lie in it, and the operator's key beside it.
//!
//! Not here: what the store and the ledger write below `store/`, `keys/` and `checkpoints/`.

use crate::config::Config;
use assent_core::ids::SiteId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The data directory, owned by this process until dropped.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    key: OperatorKey,
    /// Held open: the lock ends with it, also when the process is killed.
    _lock: File,
}

/// The 32 bytes that wrap every other secret.
#[derive(Clone)]
pub struct OperatorKey(pub Zeroizing<[u8; 32]>);

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
    /// The key file holds something else.
    #[error("{0} must hold 32 bytes in base64 on one line (ledger.key_file)")]
    KeyMalformed(PathBuf),
    /// The key can be read by other accounts.
    #[error("{0} can be read by other accounts of this machine: run chmod 600 on it")]
    KeyExposed(PathBuf),
    /// The disk said no.
    #[error("cannot use {path}")]
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
        let key_file = config.ledger.key_file.relative();
        create_private(&root)?;
        let lock = lock(&root)?;
        let empty =
            !root.join("store").exists() && !root.join("sites").exists() && !root.join("keys").exists();
        let key = match read_key(&key_file)? {
            Some(key) => key,
            None if empty => create_key(&key_file)?,
            None => return Err(DataDirError::KeyLost { data_dir: root, key_file }),
        };
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

    /// The folder of site files, one folder per site.
    #[must_use]
    pub fn sites(&self) -> PathBuf {
        self.root.join("sites")
    }
}

/// Writes `bytes` as `path` so that after a crash there is the old file or the new one, whole.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
    let at = |source| DataDirError::Io { path: path.to_path_buf(), source };
    // The parent of a bare file name is the empty path.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_private(parent)?;
    let new = path.with_extension("new");
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

fn read_key(path: &Path) -> Result<Option<OperatorKey>, DataDirError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataDirError::Io { path: path.to_path_buf(), source }),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata =
            fs::metadata(path).map_err(|source| DataDirError::Io { path: path.to_path_buf(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(DataDirError::KeyExposed(path.to_path_buf()));
        }
    }
    let malformed = || DataDirError::KeyMalformed(path.to_path_buf());
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| malformed())?);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed())?;
    Ok(Some(OperatorKey(Zeroizing::new(key))))
}

fn create_key(path: &Path) -> Result<OperatorKey, DataDirError> {
    let at = |source| DataDirError::Io { path: path.to_path_buf(), source };
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut()).map_err(|error| at(io::Error::other(error)))?;
    let text = Zeroizing::new(STANDARD.encode(key.as_ref()) + "\n");
    let mut file = private().create_new(true).open(path).map_err(at)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at)?;
    tracing::warn!(
        key_file = %path.display(),
        "made a new operator's key: copy it to a safe place elsewhere now; without it no record can be read"
    );
    Ok(OperatorKey(key))
}

/// Options for a file that only this account may read.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(crate) fn create_private(path: &Path) -> Result<(), DataDirError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| DataDirError::Io { path: path.to_path_buf(), source })
}

impl std::fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorKey(…)")
    }
}
