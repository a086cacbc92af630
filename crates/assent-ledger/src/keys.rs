//! The keystore: the secrets that make sealed rows readable, in files of their own, outside the store.
//!
//! A store's deletes leave old bytes behind for an unknown time; destroying a secret here is what erases. Every
//! secret on disk is wrapped (ChaCha20-Poly1305) under a key made from the operator's key and the site's name.
//!
//! * `log.keys`, small, changed only by write-new, fsync, rename: the log's signing seed, the contact key, and one
//!   period secret per month in which records are due to be purged (`log_keys.rs`).
//! * `subjects-NNNNN.keys`: one random secret per subject, in numbered slots (`slots.rs`). Drawn and made durable before
//!   any subject needs them (`spares.rs`), so that no decision waits for it and no sealed row is ever without its key.
//! * `escrow.keys`: secrets of subjects whose records are restricted; their slots are marked until they are released.
//! * `rotate.rs` wraps all of it under another operator's key.
//!
//! Not here: what the secrets are used for (`seal.rs`), and who may ask for them.

mod log_keys;
mod rotate;
mod slots;
mod spares;

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::notice::Channel;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, NONCE_LEN};
use crate::files;
use crate::outside::{Random, RandomError};
use crate::touched::Touched;
use log_keys::LogKeys;
use slots::{Escrow, Slots};
use spares::Spares;

pub use rotate::{Rotated, can_rotate, rotate};
pub(crate) use slots::Slot;

/// A 32-byte secret, wiped from memory when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The operator's 32-byte key, which wraps every secret on disk. Wiped from memory when dropped.
#[derive(Clone)]
pub struct OperatorKey(Secret);

impl OperatorKey {
    /// Keeps 32 bytes that were drawn at random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey(redacted)")
    }
}

/// Why the keystore could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// A file could not be read or written. Nothing that was there is lost.
    #[error("the key file `{}` could not be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No key file where one must be.
    #[error("the key file `{}` is missing; restore the keys from a backup", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operator's key does not open it: another key, another site, or damage.
    #[error("`{}` does not open: this is another operator key, or the file is damaged", path.display())]
    WrongKey {
        /// The file.
        path: PathBuf,
    },
    /// Fewer secrets than the store says were given out: the keys are from an older backup than the store.
    #[error(
        "the keys in `{}` end before subject {given}, but the store has rows sealed with later ones: the keys were rolled back. \
         Restore the newest backup of the keys", folder.display()
    )]
    Behind {
        /// The keystore.
        folder: PathBuf,
        /// Subjects that the store knows.
        given: u64,
    },
    /// No randomness for a new secret.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// One site's secrets. Shared by the sequencer, which takes and destroys, by the attendant, which draws ahead, and by
/// readers.
pub(crate) struct KeyStore {
    folder: PathBuf,
    wrap: Cipher,
    log: RwLock<LogKeys>,
    slots: Slots,
    escrow: Mutex<Escrow>,
    spares: Spares,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl KeyStore {
    /// What is left in the folder of a log that had subjects, if anything: they cannot belong to a new log.
    pub(crate) fn used_segment(folder: &Path) -> Option<PathBuf> {
        // A folder that cannot be looked through takes no keys either.
        slots::last_segment(folder).ok().flatten().map(|last| slots::segment_path(folder, last))
    }

    /// Draws the log's keys and writes them. Keys that are there already are kept: an earlier try was cut short.
    pub(crate) fn create(
        folder: &Path,
        site: &SiteId,
        operator: &OperatorKey,
        random: &dyn Random,
    ) -> Result<(), KeyStoreError> {
        files::make_folder(folder).map_err(file_error(folder))?;
        if log_keys::exist(folder) {
            return Ok(());
        }
        LogKeys::drawn(random)?.write(folder, &wrapping(site, operator), random)
    }

    /// Opens what [`Self::create`] made.
    pub(crate) fn open(folder: &Path, site: &SiteId, operator: &OperatorKey) -> Result<Self, KeyStoreError> {
        rotate::settle(folder).map_err(file_error(folder))?;
        let wrap = wrapping(site, operator);
        Ok(KeyStore {
            folder: folder.to_path_buf(),
            log: RwLock::new(LogKeys::read(folder, &wrap)?),
            slots: Slots::open(folder)?,
            escrow: Mutex::new(Escrow::read(folder, &wrap)?),
            spares: Spares::default(),
            wrap,
        })
    }

    /// The seed of the log's signing key.
    pub(crate) fn signing_seed(&self) -> Secret {
        self.log.read().unwrap_or_else(PoisonError::into_inner).seed.clone()
    }

    /// HMAC-SHA-256 under the site's contact key: finds a contact again without keeping it.
    pub(crate) fn contact_hash(&self, channel: Channel, address: &str) -> Hash {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*log.contact)
            .expect("HMAC takes keys of any length");
        mac.update(b"assent/contact/v1\0");
        mac.update(channel.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(address.as_bytes());
        Hash(mac.finalize().into_bytes().into())
    }

    /// A secret for one use, from the contact key: it stays the same as long as contacts are found by the same hashes.
    pub(crate) fn derived(&self, usage: &str) -> Secret {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*log.contact)
            .expect("HMAC takes keys of any length");
        mac.update(b"assent/derived/v1\0");
        mac.update(usage.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// A month's secret, or nothing when it was never drawn or was destroyed.
    pub(crate) fn period(&self, period: u32) -> Option<Secret> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).periods.get(&period).cloned()
    }

    /// Months that there is a secret for.
    pub(crate) fn periods(&self) -> Vec<u32> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).periods.keys().copied().collect()
    }

    /// A month's secret, drawn and made durable first if it is new. Only the sequencer calls this.
    pub(crate) fn period_or_new(&self, period: u32, random: &dyn Random) -> Result<Secret, KeyStoreError> {
        if let Some(secret) = self.period(period) {
            return Ok(secret);
        }
        let secret = draw(random)?;
        self.change_log_keys(random, |keys| drop(keys.periods.insert(period, secret.clone())))?;
        Ok(secret)
    }

    /// Destroys a month's secret: nothing that was sealed under it can be opened again. Done when it returns; safe to
    /// repeat.
    pub(crate) fn destroy_period(&self, period: u32, random: &dyn Random) -> Result<(), KeyStoreError> {
        if self.period(period).is_none() {
            return Ok(());
        }
        self.change_log_keys(random, |keys| drop(keys.periods.remove(&period)))
    }

    fn change_log_keys(
        &self,
        random: &dyn Random,
        change: impl FnOnce(&mut LogKeys),
    ) -> Result<(), KeyStoreError> {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = log.clone();
        change(&mut changed);
        changed.write(&self.folder, &self.wrap, random)?;
        *log = changed;
        Ok(())
    }

    /// What is in a subject's slot.
    pub(crate) fn subject(&self, slot: u64) -> Result<Slot, KeyStoreError> {
        self.slots.read(&self.wrap, slot)
    }

    /// Destroys a subject's secret, also one in escrow. Done when it returns; safe to repeat.
    pub(crate) fn destroy_subject(&self, slot: u64, random: &dyn Random) -> Result<(), KeyStoreError> {
        let mut escrow = self.escrow.lock().unwrap_or_else(PoisonError::into_inner);
        escrow.change(&self.folder, &self.wrap, random, |held| drop(held.remove(&slot)))?;
        self.slots.destroy(slot)
    }

    /// Moves a subject's secret into escrow, where no reader finds it. Safe to repeat after a crash at any moment: the
    /// secret is in escrow before it leaves its slot.
    pub(crate) fn restrict(&self, slot: u64, random: &dyn Random) -> Result<(), KeyStoreError> {
        let mut escrow = self.escrow.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = match self.slots.read(&self.wrap, slot) {
            Ok(Slot::Secret(secret)) => secret,
            // Nor is there anything that anybody could read in a slot that is damaged.
            Ok(_) | Err(KeyStoreError::WrongKey { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        escrow.change(&self.folder, &self.wrap, random, |held| drop(held.insert(slot, secret.clone())))?;
        self.slots.escrow(slot)
    }

    /// Moves a subject's secret back from escrow. Safe to repeat.
    pub(crate) fn release(&self, slot: u64, random: &dyn Random) -> Result<(), KeyStoreError> {
        let mut escrow = self.escrow.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(secret) = escrow.get(slot) else { return Ok(()) };
        self.slots.write(&self.wrap, slot, &[secret], random)?;
        escrow.change(&self.folder, &self.wrap, random, |held| drop(held.remove(&slot)))
    }

    /// A restricted subject's secret, for those few who may look all the same: exports to the person, legal claims.
    pub(crate) fn escrowed(&self, slot: u64) -> Option<Secret> {
        self.escrow.lock().unwrap_or_else(PoisonError::into_inner).get(slot)
    }

    /// Slots whose secrets are in escrow.
    pub(crate) fn in_escrow(&self) -> Vec<u64> {
        self.escrow.lock().unwrap_or_else(PoisonError::into_inner).slots()
    }

    /// Notes which slots change while a copy is made.
    pub(crate) fn touched_slots(&self) -> &Touched {
        &self.slots.touched
    }

    /// Subjects' slots as they are on disk, wrapped, and zeros where nothing is; the range lies in one segment.
    pub(crate) fn raw_slots(&self, range: Range<u64>) -> Result<Vec<u8>, KeyStoreError> {
        self.slots.raw(range)
    }

    /// The log's keys and the escrow as they are on disk, wrapped. Only the sequencer calls this, which also changes them.
    pub(crate) fn small_files(&self) -> Result<(Vec<u8>, Option<Vec<u8>>), KeyStoreError> {
        let read = |name| {
            let path = self.folder.join(name);
            match std::fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => read.map(Some).map_err(file_error(&path)),
            }
        };
        let missing = || KeyStoreError::Missing { path: self.folder.join(log_keys::FILE) };
        Ok((read(log_keys::FILE)?.ok_or_else(missing)?, read(slots::ESCROW_FILE)?))
    }

    /// Begins to give out secrets at slot `next`. To be called before [`Self::take`], and again after an unknown outcome.
    pub(crate) fn resume(&self, next: u64) -> Result<(), KeyStoreError> {
        if next > self.slots.end() {
            return Err(KeyStoreError::Behind { folder: self.folder.clone(), given: next });
        }
        self.spares.resume(&self.slots, &self.wrap, next)
    }

    /// Secrets for new subjects, each durable in its slot; slots ascend. Waits for the disk only when more are wanted
    /// than were drawn ahead.
    pub(crate) fn take(
        &self,
        count: usize,
        random: &dyn Random,
    ) -> Result<Vec<(u64, Secret)>, KeyStoreError> {
        self.spares.take(&self.slots, &self.wrap, count, random)
    }

    /// Draws ahead when few secrets are left. For the attendant, so that nobody waits.
    pub(crate) fn draw_ahead(&self, random: &dyn Random) -> Result<(), KeyStoreError> {
        self.spares.draw_ahead(&self.slots, &self.wrap, random)
    }
}

/// Puts back what [`KeyStore::small_files`] gave, in a folder that is made for it.
pub(crate) fn restore_small_files(
    folder: &Path,
    log_keys: &[u8],
    escrow: Option<&[u8]>,
) -> Result<(), KeyStoreError> {
    files::make_folder(folder).map_err(file_error(folder))?;
    for (name, bytes) in [(log_keys::FILE, Some(log_keys)), (slots::ESCROW_FILE, escrow)] {
        let path = folder.join(name);
        bytes.map_or(Ok(()), |bytes| files::replace(&path, bytes)).map_err(file_error(&path))?;
    }
    Ok(())
}

/// Puts back what [`KeyStore::raw_slots`] gave, from slot `first` on.
pub(crate) fn restore_slots(folder: &Path, first: u64, bytes: &[u8]) -> Result<(), KeyStoreError> {
    Slots::open(folder)?.put(first, bytes)
}

/// The site's wrapping key: HKDF-SHA-256 of the operator's key.
fn wrapping(site: &SiteId, operator: &OperatorKey) -> Cipher {
    let mut key = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(None, &*operator.0);
    // 32 bytes is a length HKDF-SHA-256 always gives.
    let _ = hkdf.expand_multi_info(&[b"assent/wrap/v1\0", site.as_str().as_bytes()], &mut *key);
    Cipher::new(&key)
}

/// Opens what a nonce of unknown length came with.
pub(crate) fn open(cipher: &Cipher, nonce: &[u8], sealed: &[u8], bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    cipher.open(nonce.try_into().ok()?, sealed, bound)
}

/// A whole key file: magic, nonce, ciphertext bound to the magic.
fn seal_file(
    wrap: &Cipher,
    magic: &[u8; 16],
    plain: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, RandomError> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce)?;
    Ok([&magic[..], &nonce, &wrap.seal(&nonce, plain, magic)].concat())
}

/// Reads a whole key file; nothing when there is none.
fn open_file(
    wrap: &Cipher,
    magic: &[u8; 16],
    path: &Path,
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(file_error(path))?,
    };
    let parts = bytes.strip_prefix(magic).and_then(|rest| rest.split_at_checked(NONCE_LEN));
    let plain = parts.and_then(|(nonce, sealed)| open(wrap, nonce, sealed, magic));
    plain.map(Some).ok_or_else(|| KeyStoreError::WrongKey { path: path.to_path_buf() })
}

fn draw(random: &dyn Random) -> Result<Secret, RandomError> {
    let mut secret = Zeroizing::new([0; 32]);
    random.fill(&mut *secret)?;
    Ok(secret)
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> KeyStoreError {
    let path = path.to_path_buf();
    move |source| KeyStoreError::File { path, source }
}

#[cfg(test)]
mod tests;
