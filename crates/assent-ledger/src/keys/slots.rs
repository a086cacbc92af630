//! Subjects' secrets in numbered slots of 64 bytes, and the escrow they are moved to while records are restricted.
//!
//! Slot: nonce (12), wrapped secret (48), mark (4); bound to its number. Slots are written once, in ascending order, in
//! segment files of 65,536. A slot is changed in one way only: overwritten in place, by nothing but a mark. That is
//! safe, because a slot lies within one sector, and it destroys better than a new file would: the old bytes are not left
//! in freed blocks (as far as the file system and the device overwrite in place).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{KeyStoreError, Secret, file_error, open, open_file, seal_file};
use crate::backup::PER_PART;
use crate::cipher::{Cipher, NONCE_LEN};
use crate::files;
use crate::outside::{Random, RandomError};
use crate::touched::Touched;

const LEN: usize = 64;
pub(super) const PER_SEGMENT: u64 = 65_536;
const IN_USE: [u8; 4] = *b"sk1\n";
const DESTROYED: [u8; 4] = *b"gone";
const ESCROWED: [u8; 4] = *b"held";

/// What a slot holds. `Debug` does not show a secret.
#[derive(PartialEq)]
pub(crate) enum Slot {
    /// A secret.
    Secret(Secret),
    /// Nothing was ever written there, or not to its end.
    Empty,
    /// The secret that was there is destroyed.
    Destroyed,
    /// The secret is in escrow.
    Escrowed,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Slot::Secret(_) => "Secret(redacted)",
            Slot::Empty => "Empty",
            Slot::Destroyed => "Destroyed",
            Slot::Escrowed => "Escrowed",
        })
    }
}

/// The segment files.
pub(super) struct Slots {
    folder: PathBuf,
    /// Open segments, for reading and writing. One handle per 65,536 subjects that were asked for.
    open: Mutex<HashMap<u64, Arc<File>>>,
    /// The slot after the last that was written whole; at a start, after everything in the files.
    end: Mutex<u64>,
    /// Parts of slots that were written to, while a copy is made.
    pub(super) touched: Touched,
}

pub(super) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("subjects-{number:05}.keys"))
}

/// The number of the last segment there is. Some before it may be missing: see [`Slots::open`].
pub(super) fn last_segment(folder: &Path) -> io::Result<Option<u64>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut last = None;
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("subjects-")?.strip_suffix(".keys"));
        last = last.max(number.and_then(|number| number.parse::<u32>().ok()).map(u64::from));
    }
    Ok(last)
}

/// A secret as it stands in its slot.
fn sealed(wrap: &Cipher, slot: u64, secret: &Secret, nonce: &[u8; NONCE_LEN]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes[..NONCE_LEN].copy_from_slice(nonce);
    bytes[NONCE_LEN..LEN - 4].copy_from_slice(&wrap.seal(nonce, &**secret, &slot.to_be_bytes()));
    bytes[LEN - 4..].copy_from_slice(&IN_USE);
    bytes
}

/// What stands in a slot; nothing when it does not open.
fn opened(wrap: &Cipher, slot: u64, bytes: &[u8; LEN]) -> Option<Slot> {
    let (nonce, rest) = bytes.split_at(NONCE_LEN);
    let (wrapped, mark) = rest.split_at(48);
    if mark == IN_USE {
        let plain = open(wrap, nonce, wrapped, &slot.to_be_bytes())?;
        Some(Slot::Secret(Zeroizing::new(<[u8; 32]>::try_from(&**plain).ok()?)))
    } else if mark == DESTROYED {
        Some(Slot::Destroyed)
    } else if mark == ESCROWED {
        Some(Slot::Escrowed)
    } else {
        Some(Slot::Empty)
    }
}

/// Wraps the secrets in slots from `first` on under another key, and counts them. Whatever else is there stays as it is: marks,
/// what was never written, and what does not open, which the check names before and after.
pub(super) fn wrap_anew(
    first: u64,
    bytes: &mut [u8],
    (old, new): (&Cipher, &Cipher),
    random: &dyn Random,
) -> Result<u64, RandomError> {
    let (slots, _) = bytes.as_chunks_mut::<LEN>();
    let mut nonces = vec![0; NONCE_LEN * slots.len()];
    random.fill(&mut nonces)?;
    let mut secrets = 0;
    for ((slot, bytes), nonce) in (first..).zip(slots).zip(nonces.as_chunks::<NONCE_LEN>().0) {
        if let Some(Slot::Secret(secret)) = opened(old, slot, bytes) {
            *bytes = sealed(new, slot, &secret, nonce);
            secrets += 1;
        }
    }
    Ok(secrets)
}

impl Slots {
    /// Opens what is there. Slots in a segment that is missing, or too short, are as empty as those that were never written:
    /// a disk that was full for long once left such holes, with secrets in use behind them.
    pub(super) fn open(folder: &Path) -> Result<Self, KeyStoreError> {
        let last = last_segment(folder).map_err(file_error(folder))?;
        for missing in (0..last.unwrap_or(0)).map(|number| segment_path(folder, number)) {
            if !missing.exists() {
                let file = missing.display();
                tracing::warn!(%file, "a file of secrets is missing: a check names the records that need it, if any do");
            }
        }
        let end = match last {
            None => 0,
            Some(last) => {
                let path = segment_path(folder, last);
                let len = std::fs::metadata(&path).map_err(file_error(&path))?.len();
                last * PER_SEGMENT + len.div_ceil(LEN as u64)
            }
        };
        Ok(Slots {
            folder: folder.to_path_buf(),
            open: Mutex::default(),
            end: Mutex::new(end),
            touched: Touched::default(),
        })
    }

    /// The slot after the last one.
    pub(super) fn end(&self) -> u64 {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts slots up to `end` as written.
    pub(super) fn extend_to(&self, end: u64) {
        let mut known = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        *known = end.max(*known);
    }

    /// Writes secrets into slots from `first` on; durable when it returns.
    pub(super) fn write(
        &self,
        wrap: &Cipher,
        first: u64,
        secrets: &[Secret],
        random: &dyn Random,
    ) -> Result<(), KeyStoreError> {
        let mut nonces = vec![0; NONCE_LEN * secrets.len()];
        random.fill(&mut nonces)?;
        let slots: Vec<_> = (first..).zip(secrets).zip(nonces.as_chunks::<NONCE_LEN>().0).collect();
        for run in slots.chunk_by(|((a, _), _), ((b, _), _)| a / PER_SEGMENT == b / PER_SEGMENT) {
            let mut bytes = Vec::with_capacity(run.len() * LEN);
            for ((slot, secret), nonce) in run {
                bytes.extend_from_slice(&sealed(wrap, *slot, secret, nonce));
            }
            self.put(run[0].0.0, &bytes)?;
        }
        Ok(())
    }

    /// Destroys what is in a slot; durable when it returns.
    pub(super) fn destroy(&self, slot: u64) -> Result<(), KeyStoreError> {
        self.mark(slot, DESTROYED)
    }

    /// Marks a slot whose secret is in escrow; durable when it returns.
    pub(super) fn escrow(&self, slot: u64) -> Result<(), KeyStoreError> {
        self.mark(slot, ESCROWED)
    }

    fn mark(&self, slot: u64, mark: [u8; 4]) -> Result<(), KeyStoreError> {
        let mut bytes = [0; LEN];
        bytes[LEN - 4..].copy_from_slice(&mark);
        self.put(slot, &bytes)
    }

    /// Writes whole slots of one segment, as they are on disk; durable when it returns.
    pub(super) fn put(&self, slot: u64, bytes: &[u8]) -> Result<(), KeyStoreError> {
        let write = || -> io::Result<()> {
            let file = self.segment(slot / PER_SEGMENT, true)?;
            file.write_all_at(bytes, slot % PER_SEGMENT * LEN as u64)?;
            file.sync_data()
        };
        write().map_err(file_error(&segment_path(&self.folder, slot / PER_SEGMENT)))?;
        let last = slot + (bytes.len() / LEN).saturating_sub(1) as u64;
        (slot / PER_PART..=last / PER_PART).for_each(|part| self.touched.note(part));
        Ok(())
    }

    /// Writes slots that are there as they are; durable when it returns.
    pub(super) fn put_again(&self, range: Range<u64>) -> Result<(), KeyStoreError> {
        let mut first = range.start;
        while first < range.end {
            let end = range.end.min((first / PER_SEGMENT + 1) * PER_SEGMENT);
            self.put(first, &self.raw(first..end)?)?;
            first = end;
        }
        Ok(())
    }

    /// Slots as they are on disk; the range lies in one segment.
    pub(super) fn raw(&self, range: Range<u64>) -> Result<Vec<u8>, KeyStoreError> {
        let mut bytes = vec![0; (range.end - range.start) as usize * LEN];
        self.fill(range.start, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads slots of one segment into zeros, which stay where nothing is there: an empty slot.
    fn fill(&self, first: u64, bytes: &mut [u8]) -> Result<(), KeyStoreError> {
        let segment = first / PER_SEGMENT;
        let read = || -> io::Result<()> {
            let file = self.segment(segment, false)?;
            let (mut at, mut left) = (first % PER_SEGMENT * LEN as u64, bytes);
            while !left.is_empty() {
                match file.read_at(left, at) {
                    Ok(0) => break,
                    Ok(read) => (at, left) = (at + read as u64, &mut left[read..]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            read => read.map_err(file_error(&segment_path(&self.folder, segment))),
        }
    }

    pub(super) fn read(&self, wrap: &Cipher, slot: u64) -> Result<Slot, KeyStoreError> {
        let mut bytes = Zeroizing::new([0; LEN]);
        self.fill(slot, &mut *bytes)?;
        let path = || segment_path(&self.folder, slot / PER_SEGMENT);
        opened(wrap, slot, &bytes).ok_or_else(|| KeyStoreError::WrongKey { path: path() })
    }

    fn segment(&self, number: u64, create: bool) -> io::Result<Arc<File>> {
        let mut segments = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = segments.get(&number) {
            return Ok(Arc::clone(file));
        }
        let path = segment_path(&self.folder, number);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(create).truncate(false).mode(0o600).open(&path)?;
        // Also of one that is there: whoever made it may have failed here.
        if create {
            files::sync_folder_of(&path)?;
        }
        let file = Arc::new(file);
        segments.insert(number, Arc::clone(&file));
        Ok(file)
    }
}

pub(super) const ESCROW_FILE: &str = "escrow.keys";
const ESCROW_MAGIC: &[u8; 16] = b"assent-escr/v1\n\0";

/// Secrets of restricted subjects, by slot. Few, so all are in memory and the file is written whole.
pub(super) struct Escrow(BTreeMap<u64, Secret>);

impl Escrow {
    pub(super) fn read(folder: &Path, wrap: &Cipher) -> Result<Self, KeyStoreError> {
        let path = folder.join(ESCROW_FILE);
        let Some(plain) = open_file(wrap, ESCROW_MAGIC, &path)? else { return Ok(Escrow(BTreeMap::new())) };
        let (entries, rest) = plain.as_chunks::<40>();
        let entry = |entry: &[u8; 40]| {
            let (slot, secret) = entry.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*slot), Zeroizing::new(secret.try_into().ok()?)))
        };
        let held = entries.iter().map(entry).collect::<Option<_>>().filter(|_| rest.is_empty());
        held.map(Escrow).ok_or(KeyStoreError::WrongKey { path })
    }

    pub(super) fn get(&self, slot: u64) -> Option<Secret> {
        self.0.get(&slot).cloned()
    }

    /// Changes what is held and writes it, unless nothing changed.
    pub(super) fn change(
        &mut self,
        folder: &Path,
        wrap: &Cipher,
        random: &dyn Random,
        change: impl FnOnce(&mut BTreeMap<u64, Secret>),
    ) -> Result<(), KeyStoreError> {
        let mut changed = self.0.clone();
        change(&mut changed);
        if changed == self.0 {
            return Ok(());
        }
        let changed = Escrow(changed);
        changed.write(folder, wrap, random)?;
        *self = changed;
        Ok(())
    }

    pub(super) fn write(
        &self,
        folder: &Path,
        wrap: &Cipher,
        random: &dyn Random,
    ) -> Result<(), KeyStoreError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(self.0.len() * 40));
        for (slot, secret) in &self.0 {
            plain.extend_from_slice(&slot.to_be_bytes());
            plain.extend_from_slice(&**secret);
        }
        let path = folder.join(ESCROW_FILE);
        files::replace_and_scrub(&path, &seal_file(wrap, ESCROW_MAGIC, &plain, random)?)
            .map_err(file_error(&path))
    }

    pub(super) fn slots(&self) -> Vec<u64> {
        self.0.keys().copied().collect()
    }
}
