//! The witness's private key: one line in a file that only its owner may read.
//!
//! The line is the text form of an Ed25519 note key (`PRIVATE+KEY+name+…`, see [`assent_core::note::SignerKey`]), which
//! other witnesses use for the same purpose. Not here: the state that belongs to the key, without which it must not
//! cosign.

use crate::data_dir::private;
use assent_core::note::{KeyError, SignerKey, WitnessKey};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why there is no usable key. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessKeyError {
    /// No file.
    #[error("there is no witness key at {0}: `assent witness key --name NAME` makes one (witness.key_file)")]
    Missing(PathBuf),
    /// The file holds something else.
    #[error("{path} does not hold a witness's private key (witness.key_file)")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The key can be read by other accounts.
    #[error("{0} can be read by other accounts of this machine: run chmod 600 on it")]
    Exposed(PathBuf),
    /// A name no key can have.
    #[error("{name} cannot be a witness's name: it must not be empty or contain spaces or \"+\"")]
    Name {
        /// The name.
        name: String,
    },
    /// The disk or the system's randomness said no.
    #[error("cannot use {path}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads the key.
///
/// # Errors
/// [`WitnessKeyError`].
pub fn read(path: &Path) -> Result<WitnessKey, WitnessKeyError> {
    let at = |source| WitnessKeyError::Io { path: path.to_path_buf(), source };
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(WitnessKeyError::Missing(path.to_path_buf()));
        }
        Err(source) => return Err(at(source)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(path).map_err(at)?.permissions().mode() & 0o077 != 0 {
            return Err(WitnessKeyError::Exposed(path.to_path_buf()));
        }
    }
    let key = SignerKey::parse_private(text.trim_end())
        .map_err(|source| WitnessKeyError::Malformed { path: path.to_path_buf(), source })?;
    Ok(key.into())
}

/// Makes a new key in a new file, durable when it returns.
///
/// # Errors
/// [`WitnessKeyError`]; also when there is a file already.
pub fn create(path: &Path, name: &str) -> Result<WitnessKey, WitnessKeyError> {
    let at = |source| WitnessKeyError::Io { path: path.to_path_buf(), source };
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| at(io::Error::other(error)))?;
    let key =
        SignerKey::from_seed(name, &seed).map_err(|_| WitnessKeyError::Name { name: name.to_string() })?;
    let mut file = private().create_new(true).open(path).map_err(at)?;
    let line = Zeroizing::new(format!("{}\n", key.to_private().as_str()));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(at)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(at)?;
    Ok(key.into())
}
