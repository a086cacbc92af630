//! A site file as it is kept in the data directory: its first line vouches for the rest, so that a file which was altered since it
//! was applied is named and never put in force. Origins, retention rules and witnesses stand in it and in no log.
//!
//! Not here: what the file means, and when it is read.

use assent_core::hash::sha256;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Begins the first line.
const MARK: &str = "# sha256 ";
/// Ends it: a line with either is the one, whatever an editor or a bit did to the other.
const SAYS: &str = "of what follows; `assent site apply` changes it";

/// Why a kept site file cannot be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SiteTextError {
    /// It is not what was applied.
    #[error(
        "{0} was altered since it was applied: publish the site file again (`assent site apply`); where the server does not start, \
         move it away first. Or restore a backup"
    )]
    Altered(PathBuf),
    /// The disk said no, or it is no text.
    #[error(
        "{path} cannot be read: restore it from a backup, or move it away, start, and publish the site file again (`assent site apply`)"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The text with the line that vouches for it.
#[must_use]
pub(super) fn vouched(text: &str) -> String {
    format!("{MARK}{} {SAYS}\n{text}", sha256(text.as_bytes()))
}

/// What was applied; nothing when there is no such file. One that an earlier release kept has nothing that vouches for it.
///
/// # Errors
/// [`SiteTextError`].
pub(crate) fn read(path: &Path) -> Result<Option<String>, SiteTextError> {
    let kept = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| SiteTextError::Unreadable { path: path.to_path_buf(), source })?,
    };
    match kept.split_once('\n') {
        Some((first, text)) if first.contains(MARK) || first.contains(SAYS) => {
            let whole = kept == vouched(text);
            if whole { Ok(Some(text.to_string())) } else { Err(SiteTextError::Altered(path.to_path_buf())) }
        }
        _ => Ok(Some(kept)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "id = \"clinic\"\n[retention]\nlinked_days = 2922\n";

    #[test]
    fn an_altered_file_is_named_and_what_an_earlier_release_kept_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        assert!(read(&path).unwrap().is_none());
        fs::write(&path, TEXT).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(TEXT));
        let kept = vouched(TEXT).into_bytes();
        fs::write(&path, &kept).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(TEXT));
        let flipped = (0..kept.len()).map(|at| {
            let mut altered = kept.clone();
            altered[at] ^= 1 << (at % 8);
            altered
        });
        // As some editors write it.
        let marked = [&b"\xef\xbb\xbf"[..], &kept].concat();
        for (at, altered) in flipped.chain([marked]).enumerate() {
            fs::write(&path, &altered).unwrap();
            let said = read(&path).unwrap_err().to_string();
            assert!(said.contains("site.toml"), "byte {at}: {said}");
        }
    }
}
