//! Small files that must survive a power cut: written whole, in the one order that is safe.
//!
//! Not for anything large or often written; the store and the subject segments have their own ways.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Replaces a file's content: write a new file, fsync it, rename it over the old one, fsync the folder.
///
/// After a crash the file is whole, old or new; a `.new` file may be left over and is overwritten next time.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_folder_of(path)
}

/// Replaces a file's content like [`replace`], and overwrites the old file's bytes before they are let go: a secret that is
/// no longer in the new file is not left in freed blocks (as far as the file system overwrites in place).
///
/// After a crash the old file's bytes may be left in blocks that no name leads to.
pub(crate) fn replace_and_scrub(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = match OpenOptions::new().write(true).open(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    replace(path, bytes)?;
    // The handle still leads to the old file; its name leads to the new one.
    old.map_or(Ok(()), |old| scrub(&old))
}

/// Overwrites a file with zeros and syncs it.
fn scrub(mut file: &File) -> io::Result<()> {
    let mut left = file.metadata()?.len();
    let zeros = [0; 16 * 1024];
    while left > 0 {
        let part = left.min(zeros.len() as u64);
        file.write_all(&zeros[..part as usize])?;
        left -= part;
    }
    file.sync_all()
}

/// Overwrites every file in a folder with zeros and removes the folder.
pub(crate) fn scrub_folder(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        scrub(&OpenOptions::new().write(true).open(entry?.path())?)?;
    }
    std::fs::remove_dir_all(path)?;
    sync_folder_of(path)
}

/// Makes a file's existence and name durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Makes a folder that only its owner may enter, with the folders above it, all durable.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder_of(path),
    }
}
