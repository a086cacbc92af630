//! Another operator's key for a site's whole keystore: every secret is unwrapped with the old key and wrapped with the
//! new one, into a folder beside the old one that then takes its place.
//!
//! The site's log must be closed. A crash leaves the old keystore, or the new one, or the moment between the two renames,
//! which [`settle`] finishes. Not how the operator's key itself is kept; that is the caller's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use assent_core::ids::SiteId;

use super::log_keys::LogKeys;
use super::slots::{Escrow, Slots, last_segment, wrap_anew};
use super::{KeyStoreError, OperatorKey, file_error, wrapping};
use crate::cipher::Cipher;
use crate::files;
use crate::outside::Random;

/// Slots wrapped anew at a time; segments are a multiple of it.
const RUN: u64 = 4096;

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// Every secret is wrapped under the new key now. How many subjects' secrets that were.
    Now(u64),
    /// They were under the new key already: an earlier rotation came this far.
    Before,
}

/// What is to be rotated.
enum Found {
    /// The small key files, which open with the old key.
    Old(LogKeys, Escrow),
    /// The small key files open with the new key.
    New,
    /// No keys yet: the folder is made before them, and whoever began the log came no further.
    Nothing,
}

fn look(folder: &Path, old: &Cipher, new: &Cipher) -> Result<Found, KeyStoreError> {
    settle(folder).map_err(file_error(folder))?;
    let log = match LogKeys::read(folder, old) {
        Err(KeyStoreError::WrongKey { .. }) if LogKeys::read(folder, new).is_ok() => return Ok(Found::New),
        Err(KeyStoreError::Missing { .. }) if last_segment(folder).map_err(file_error(folder))?.is_none() => {
            return Ok(Found::Nothing);
        }
        read => read?,
    };
    Ok(Found::Old(log, Escrow::read(folder, old)?))
}

/// Whether [`rotate`] finds what it needs. Nothing is changed, but for what an earlier rotation left to be finished.
///
/// # Errors
/// [`KeyStoreError`].
pub fn can_rotate(
    folder: &Path,
    site: &SiteId,
    old: &OperatorKey,
    new: &OperatorKey,
) -> Result<(), KeyStoreError> {
    look(folder, &wrapping(site, old), &wrapping(site, new)).map(drop)
}

/// Wraps a site's keystore under another operator's key.
///
/// # Errors
/// [`KeyStoreError`]; the keystore is then under the old key, or under the new one if it failed late: keep both, and call again.
pub fn rotate(
    folder: &Path,
    site: &SiteId,
    old: &OperatorKey,
    new: &OperatorKey,
    random: &dyn Random,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Rotated, KeyStoreError> {
    let (old, new) = (wrapping(site, old), wrapping(site, new));
    let (log, escrow) = match look(folder, &old, &new)? {
        Found::Old(log, escrow) => (log, escrow),
        Found::New => return Ok(Rotated::Before),
        Found::Nothing => return Ok(Rotated::Now(0)),
    };
    let next = beside(folder, "next");
    files::make_folder(&next).map_err(file_error(&next))?;
    let (from, to) = (Slots::open(folder)?, Slots::open(&next)?);
    let (end, mut secrets) = (from.end(), 0);
    for first in (0..end).step_by(RUN as usize) {
        let run = first..end.min(first + RUN);
        let mut bytes = from.raw(run.clone())?;
        secrets += wrap_anew(first, &mut bytes, (&old, &new), random)?;
        to.put(first, &bytes)?;
        progress(run.end, end);
    }
    if !escrow.slots().is_empty() {
        escrow.write(&next, &new, random)?;
    }
    // Written last: a folder without it is not whole.
    log.write(&next, &new, random)?;
    swap(folder).map_err(file_error(folder))?;
    Ok(Rotated::Now(secrets))
}

fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    folder.with_file_name(name)
}

/// Puts the whole new keystore in the place of the old one, and destroys that.
fn swap(folder: &Path) -> io::Result<()> {
    let (next, old) = (beside(folder, "next"), beside(folder, "old"));
    fs::rename(folder, &old)?;
    fs::rename(&next, folder)?;
    files::sync_folder_of(folder)?;
    files::scrub_folder(&old)
}

/// Finishes a rotation that was cut short, or takes away what it left.
pub(super) fn settle(folder: &Path) -> io::Result<()> {
    let (next, old) = (beside(folder, "next"), beside(folder, "old"));
    if !folder.exists() && super::log_keys::exist(&next) {
        fs::rename(&next, folder)?;
        files::sync_folder_of(folder)?;
    }
    if !folder.exists() && old.exists() {
        fs::rename(&old, folder)?;
        return files::sync_folder_of(folder);
    }
    // What is erased from now on is erased from the keystore in force only, so there must be no other.
    for left in [old, next].iter().filter(|left| folder.exists() && left.exists()) {
        files::scrub_folder(left).map_err(|error| {
            let why = format!(
                "{} is left of a key rotation that was cut short, and is to be removed: {error}",
                left.display()
            );
            io::Error::new(error.kind(), why)
        })?;
    }
    Ok(())
}
