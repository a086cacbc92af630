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
use crate::outside::Random;
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
    /// The slot after everything that was ever written, torn writes included.
    end: Mutex<u64>,
    /// Parts of slots that were written to, while a copy is made.
    pub(super) touched: Touched,
}

pub(super) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("subjects-{number:05}.keys"))
}

pub(super) fn first_segment(folder: &Path) -> Option<PathBuf> {
    let first = segment_path(folder, 0);
    first.exists().then_some(first)
}

impl Slots {
    pub(super) fn open(folder: &Path) -> Result<Self, KeyStoreError> {
        let mut segments = 0;
        while segment_path(folder, segments).exists() {
            segments += 1;
        }
        let end = match segments.checked_sub(1) {
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

    /// Reserves slots behind all others. They stay reserved whatever becomes of them.
    pub(super) fn reserve(&self, count: u64) -> u64 {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *end;
        *end += count;
        first
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
                bytes.extend_from_slice(&nonce[..]);
                bytes.extend_from_slice(&wrap.seal(nonce, &***secret, &slot.to_be_bytes()));
                bytes.extend_from_slice(&IN_USE);
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
        let segment = range.start / PER_SEGMENT;
        let read = self
            .segment(segment, false)
            .and_then(|file| file.read_exact_at(&mut bytes, range.start % PER_SEGMENT * LEN as u64));
        read.map_err(file_error(&segment_path(&self.folder, segment)))?;
        Ok(bytes)
    }

    pub(super) fn read(&self, wrap: &Cipher, slot: u64) -> Result<Slot, KeyStoreError> {
        let path = || segment_path(&self.folder, slot / PER_SEGMENT);
        let mut bytes = Zeroizing::new([0; LEN]);
        let read = self
            .segment(slot / PER_SEGMENT, false)
            .and_then(|file| file.read_exact_at(&mut *bytes, slot % PER_SEGMENT * LEN as u64));
        match read {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                return Ok(Slot::Empty);
            }
            read => read.map_err(file_error(&path()))?,
        }
        let (nonce, rest) = bytes.split_at(NONCE_LEN);
        let (wrapped, mark) = rest.split_at(48);
        if mark == IN_USE {
            let plain = open(wrap, nonce, wrapped, &slot.to_be_bytes());
            let secret = plain.and_then(|plain| Some(Zeroizing::new(<[u8; 32]>::try_from(&**plain).ok()?)));
            secret.map(Slot::Secret).ok_or_else(|| KeyStoreError::WrongKey { path: path() })
        } else if mark == DESTROYED {
            Ok(Slot::Destroyed)
        } else if mark == ESCROWED {
            Ok(Slot::Escrowed)
        } else {
            Ok(Slot::Empty)
        }
    }

    fn segment(&self, number: u64, create: bool) -> io::Result<Arc<File>> {
        let mut segments = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = segments.get(&number) {
            return Ok(Arc::clone(file));
        }
        let path = segment_path(&self.folder, number);
        let fresh = create && !path.exists();
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(create).truncate(false).mode(0o600).open(&path)?;
        if fresh {
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
