//! The keystore: the secrets that make sealed rows readable, in files of their own, outside the store.
//!
//! A store's deletes leave old bytes behind for an unknown time; destroying a secret here is what erases. Every
//! secret on disk is wrapped (ChaCha20-Poly1305) under a key made from the operator's key and the site's name.
//!
//! * `log.keys`, small, changed only by write-new, fsync, rename: the log's signing seed, the contact key, and one
//!   period secret per calendar month.
//! * `subjects-NNNNN.keys`, segments of 65,536 slots of 64 bytes: one random secret per subject. A subject's slot
//!   number stands in the store, so nothing is kept in memory. Slots are appended, with one fdatasync per commit,
//!   and never reused; a segment can be rewritten (write-new, fsync, rename) without one of its secrets.
//!
//! Not here: what the secrets are used for (`seal.rs`), and who may ask for them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::notice::Channel;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::files;
use crate::outside::{Random, RandomError};

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
    /// No randomness for a new secret.
    #[error(transparent)]
    Random(#[from] RandomError),
}

const LOG_FILE: &str = "log.keys";
const LOG_MAGIC: &[u8; 16] = b"assent-keys/v1\n\0";
const SLOT_MARK: [u8; 4] = *b"sk1\n";
const SLOT_LEN: u64 = 64;
const SLOTS_PER_SEGMENT: u64 = 65_536;
const NONCE_LEN: usize = 12;

/// One site's secrets. Shared by the sequencer, which adds, and by readers.
pub(crate) struct KeyStore {
    folder: PathBuf,
    wrap: ChaCha20Poly1305,
    log: RwLock<LogKeys>,
    /// Open segments, for reading and appending. One handle per 65,536 subjects that were asked for.
    segments: Mutex<HashMap<u64, Arc<File>>>,
    /// Next slot to write. After a failed write it moves past whatever that left.
    next: Mutex<u64>,
}

/// What `log.keys` holds.
#[derive(Clone)]
struct LogKeys {
    seed: Secret,
    contact: Secret,
    periods: BTreeMap<u32, Secret>,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl KeyStore {
    /// What is left in the folder of a log that had subjects, if anything: they cannot belong to a new log.
    pub(crate) fn used_segment(folder: &Path) -> Option<PathBuf> {
        let first = segment_path(folder, 0);
        first.exists().then_some(first)
    }

    /// Draws the log's keys and writes them. Keys that are there already are kept: an earlier try was cut short.
    pub(crate) fn create(
        folder: &Path,
        site: &SiteId,
        operator: &OperatorKey,
        random: &dyn Random,
    ) -> Result<Self, KeyStoreError> {
        files::make_folder(folder).map_err(file_error(folder))?;
        if !folder.join(LOG_FILE).exists() {
            let keys = LogKeys { seed: draw(random)?, contact: draw(random)?, periods: BTreeMap::new() };
            write_log_keys(folder, &wrapping(site, operator), &keys, random)?;
        }
        Self::open(folder, site, operator)
    }

    /// Opens what [`Self::create`] made.
    pub(crate) fn open(folder: &Path, site: &SiteId, operator: &OperatorKey) -> Result<Self, KeyStoreError> {
        let wrap = wrapping(site, operator);
        let log = read_log_keys(folder, &wrap)?;
        let next = next_slot(folder)?;
        Ok(KeyStore {
            folder: folder.to_path_buf(),
            wrap,
            log: RwLock::new(log),
            segments: Mutex::default(),
            next: Mutex::new(next),
        })
    }

    /// The seed of the log's signing key.
    pub(crate) fn signing_seed(&self) -> Secret {
        self.log.read().unwrap_or_else(PoisonError::into_inner).seed.clone()
    }

    /// HMAC-SHA-256 under the site's contact key: finds a contact again without keeping it.
    pub(crate) fn contact_hash(&self, channel: Channel, address: &str) -> Hash {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&*log.contact).expect("HMAC takes keys of any length");
        mac.update(b"assent/contact/v1\0");
        mac.update(channel.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(address.as_bytes());
        Hash(mac.finalize().into_bytes().into())
    }

    /// A month's secret, or nothing when it was never drawn or was destroyed.
    pub(crate) fn period(&self, period: u32) -> Option<Secret> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).periods.get(&period).cloned()
    }

    /// A month's secret, drawn and made durable first if it is new. Only the sequencer calls this.
    pub(crate) fn period_or_new(&self, period: u32, random: &dyn Random) -> Result<Secret, KeyStoreError> {
        if let Some(secret) = self.period(period) {
            return Ok(secret);
        }
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        let mut with = log.clone();
        let secret = draw(random)?;
        with.periods.insert(period, secret.clone());
        write_log_keys(&self.folder, &self.wrap, &with, random)?;
        *log = with;
        Ok(secret)
    }

    /// Writes new subjects' secrets and makes them durable; answers the slot of the first, the others follow.
    /// Only the sequencer calls this. After an error the slots it may have touched are never used again.
    pub(crate) fn add_subjects(&self, secrets: &[Secret], random: &dyn Random) -> Result<u64, KeyStoreError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *next;
        *next += secrets.len() as u64;
        let mut nonces = vec![0; NONCE_LEN * secrets.len()];
        random.fill(&mut nonces)?;
        let slots: Vec<_> = (first..).zip(secrets).zip(nonces.chunks_exact(NONCE_LEN)).collect();
        for run in slots.chunk_by(|((a, _), _), ((b, _), _)| a / SLOTS_PER_SEGMENT == b / SLOTS_PER_SEGMENT) {
            let mut bytes = Vec::with_capacity(run.len() * 64);
            for ((slot, secret), nonce) in run {
                bytes.extend_from_slice(&self.wrap_slot(*slot, secret, nonce));
            }
            let start = run[0].0.0;
            let path = segment_path(&self.folder, start / SLOTS_PER_SEGMENT);
            let write = || -> io::Result<()> {
                let file = self.segment(start / SLOTS_PER_SEGMENT, true)?;
                file.write_all_at(&bytes, start % SLOTS_PER_SEGMENT * SLOT_LEN)?;
                file.sync_data()
            };
            write().map_err(|source| KeyStoreError::File { path, source })?;
        }
        Ok(first)
    }

    /// A subject's secret, or nothing when the slot is empty or was destroyed.
    pub(crate) fn subject(&self, slot: u64) -> Result<Option<Secret>, KeyStoreError> {
        let path = segment_path(&self.folder, slot / SLOTS_PER_SEGMENT);
        let mut bytes = [0; SLOT_LEN as usize];
        let read = self
            .segment(slot / SLOTS_PER_SEGMENT, false)
            .and_then(|file| file.read_exact_at(&mut bytes, slot % SLOTS_PER_SEGMENT * SLOT_LEN));
        match read {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                return Ok(None);
            }
            read => read.map_err(|source| KeyStoreError::File { path: path.clone(), source })?,
        }
        let (nonce, rest) = bytes.split_at(NONCE_LEN);
        let (wrapped, mark) = rest.split_at(48);
        if mark != SLOT_MARK {
            return Ok(None);
        }
        open(&self.wrap, nonce, wrapped, &slot.to_be_bytes())
            .and_then(|plain| Some(Zeroizing::new(<[u8; 32]>::try_from(&**plain).ok()?)))
            .map(Some)
            .ok_or(KeyStoreError::WrongKey { path })
    }

    fn wrap_slot(&self, slot: u64, secret: &Secret, nonce: &[u8]) -> [u8; SLOT_LEN as usize] {
        let mut bytes = [0; SLOT_LEN as usize];
        bytes[..NONCE_LEN].copy_from_slice(nonce);
        bytes[NONCE_LEN..60].copy_from_slice(&seal(&self.wrap, nonce, &**secret, &slot.to_be_bytes()));
        bytes[60..].copy_from_slice(&SLOT_MARK);
        bytes
    }

    fn segment(&self, number: u64, create: bool) -> io::Result<Arc<File>> {
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
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

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("subjects-{number:05}.keys"))
}

/// The slot after everything that was ever written, torn writes included.
fn next_slot(folder: &Path) -> Result<u64, KeyStoreError> {
    let mut segments = 0;
    while segment_path(folder, segments).exists() {
        segments += 1;
    }
    let Some(last) = segments.checked_sub(1) else { return Ok(0) };
    let path = segment_path(folder, last);
    let len = std::fs::metadata(&path).map_err(file_error(&path))?.len();
    Ok(last * SLOTS_PER_SEGMENT + len.div_ceil(SLOT_LEN))
}

fn write_log_keys(
    folder: &Path,
    wrap: &ChaCha20Poly1305,
    keys: &LogKeys,
    random: &dyn Random,
) -> Result<(), KeyStoreError> {
    let mut plain = Zeroizing::new(Vec::with_capacity(64 + keys.periods.len() * 36));
    plain.extend_from_slice(&*keys.seed);
    plain.extend_from_slice(&*keys.contact);
    for (period, secret) in &keys.periods {
        plain.extend_from_slice(&period.to_be_bytes());
        plain.extend_from_slice(&**secret);
    }
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce)?;
    let mut bytes = LOG_MAGIC.to_vec();
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&seal(wrap, &nonce, &plain, LOG_MAGIC));
    let path = folder.join(LOG_FILE);
    files::replace(&path, &bytes).map_err(file_error(&path))
}

fn read_log_keys(folder: &Path, wrap: &ChaCha20Poly1305) -> Result<LogKeys, KeyStoreError> {
    let path = folder.join(LOG_FILE);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyStoreError::Missing { path }),
        read => read.map_err(file_error(&path))?,
    };
    parse_log_keys(&bytes, wrap).ok_or(KeyStoreError::WrongKey { path })
}

fn parse_log_keys(bytes: &[u8], wrap: &ChaCha20Poly1305) -> Option<LogKeys> {
    let (nonce, sealed) = bytes.strip_prefix(LOG_MAGIC)?.split_at_checked(NONCE_LEN)?;
    let plain = open(wrap, nonce, sealed, LOG_MAGIC)?;
    let (seed, rest) = plain.split_first_chunk::<32>()?;
    let (contact, rest) = rest.split_first_chunk::<32>()?;
    let mut periods = BTreeMap::new();
    let (entries, rest) = rest.as_chunks::<36>();
    for entry in entries {
        let (period, secret) = entry.split_first_chunk::<4>()?;
        periods.insert(u32::from_be_bytes(*period), Zeroizing::new(secret.try_into().ok()?));
    }
    let keys = LogKeys { seed: Zeroizing::new(*seed), contact: Zeroizing::new(*contact), periods };
    rest.is_empty().then_some(keys)
}

/// The site's wrapping key: HKDF-SHA-256 of the operator's key.
fn wrapping(site: &SiteId, operator: &OperatorKey) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(None, &*operator.0);
    // 32 bytes is a length HKDF-SHA-256 always gives.
    let _ = hkdf.expand_multi_info(&[b"assent/wrap/v1\0", site.as_str().as_bytes()], &mut *key);
    ChaCha20Poly1305::new(&Key::from(*key))
}

/// Encrypts; ChaCha20-Poly1305 fails only beyond 256 GiB.
pub(crate) fn seal(cipher: &ChaCha20Poly1305, nonce: &[u8], plain: &[u8], bound: &[u8]) -> Vec<u8> {
    let mut whole = [0; NONCE_LEN];
    whole.copy_from_slice(nonce);
    cipher.encrypt(&Nonce::from(whole), Payload { msg: plain, aad: bound }).unwrap_or_default()
}

/// Decrypts; nothing when key, nonce, content or `bound` is not what it was.
pub(crate) fn open(
    cipher: &ChaCha20Poly1305,
    nonce: &[u8],
    sealed: &[u8],
    bound: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = <[u8; NONCE_LEN]>::try_from(nonce).ok()?;
    cipher.decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: bound }).ok().map(Zeroizing::new)
}

fn draw(random: &dyn Random) -> Result<Secret, RandomError> {
    let mut secret = Zeroizing::new([0; 32]);
    random.fill(&mut *secret)?;
    Ok(secret)
}

/// Many secrets with one call.
pub(crate) fn draw_many(random: &dyn Random, count: usize) -> Result<Vec<Secret>, RandomError> {
    let mut bytes = Zeroizing::new(vec![0; 32 * count]);
    random.fill(&mut bytes)?;
    Ok(bytes.as_chunks::<32>().0.iter().map(|secret| Zeroizing::new(*secret)).collect())
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> KeyStoreError {
    let path = path.to_path_buf();
    move |source| KeyStoreError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::SystemRandom;

    fn site() -> SiteId {
        SiteId::new("clinic").unwrap()
    }

    #[test]
    fn secrets_come_back_and_only_with_the_right_key() {
        let dir = tempfile::tempdir().unwrap();
        let operator = OperatorKey::from_bytes([1; 32]);
        let keys = KeyStore::create(dir.path(), &site(), &operator, &SystemRandom).unwrap();
        let secrets: Vec<Secret> = (0..5).map(|n| Zeroizing::new([n; 32])).collect();
        assert_eq!(keys.add_subjects(&secrets[..2], &SystemRandom).unwrap(), 0);
        assert_eq!(keys.add_subjects(&secrets[2..], &SystemRandom).unwrap(), 2);
        let month = keys.period_or_new(24_321, &SystemRandom).unwrap();
        let seed = keys.signing_seed();
        drop(keys);

        let again = KeyStore::open(dir.path(), &site(), &operator).unwrap();
        for (slot, secret) in (0..).zip(&secrets) {
            assert_eq!(again.subject(slot).unwrap().unwrap(), *secret);
        }
        assert!(again.subject(5).unwrap().is_none());
        assert!(again.subject(1_000_000).unwrap().is_none());
        assert_eq!(again.period(24_321).unwrap(), month);
        assert!(again.period(24_322).is_none());
        assert_eq!(again.signing_seed(), seed);
        assert_eq!(again.add_subjects(&secrets[..1], &SystemRandom).unwrap(), 5);

        let other = OperatorKey::from_bytes([2; 32]);
        assert!(matches!(KeyStore::open(dir.path(), &site(), &other), Err(KeyStoreError::WrongKey { .. })));
        let elsewhere = SiteId::new("charity").unwrap();
        assert!(matches!(
            KeyStore::open(dir.path(), &elsewhere, &operator),
            Err(KeyStoreError::WrongKey { .. })
        ));
    }

    #[test]
    fn no_secret_stands_on_disk_in_clear_and_torn_slots_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let operator = OperatorKey::from_bytes([1; 32]);
        let keys = KeyStore::create(dir.path(), &site(), &operator, &SystemRandom).unwrap();
        keys.add_subjects(&[Zeroizing::new([0xaa; 32])], &SystemRandom).unwrap();
        let segment = segment_path(dir.path(), 0);
        let mut bytes = std::fs::read(&segment).unwrap();
        assert!(!bytes.windows(8).any(|window| window == [0xaa; 8]));
        bytes.extend_from_slice(&[9; 10]);
        std::fs::write(&segment, bytes).unwrap();
        let keys = KeyStore::open(dir.path(), &site(), &operator).unwrap();
        assert!(keys.subject(1).unwrap().is_none());
        assert_eq!(keys.add_subjects(&[Zeroizing::new([0xbb; 32])], &SystemRandom).unwrap(), 2);
        assert_eq!(*keys.subject(2).unwrap().unwrap(), [0xbb; 32]);
        assert!(keys.subject(1).unwrap().is_none());
    }

    #[test]
    fn a_run_of_slots_may_cross_segments() {
        let dir = tempfile::tempdir().unwrap();
        let operator = OperatorKey::from_bytes([1; 32]);
        let keys = KeyStore::create(dir.path(), &site(), &operator, &SystemRandom).unwrap();
        *keys.next.lock().unwrap() = SLOTS_PER_SEGMENT - 1;
        let secrets = [Zeroizing::new([1; 32]), Zeroizing::new([2; 32])];
        assert_eq!(keys.add_subjects(&secrets, &SystemRandom).unwrap(), SLOTS_PER_SEGMENT - 1);
        let keys = KeyStore::open(dir.path(), &site(), &operator).unwrap();
        assert_eq!(*keys.subject(SLOTS_PER_SEGMENT).unwrap().unwrap(), [2; 32]);
        assert!(keys.subject(3).unwrap().is_none());
        assert_eq!(*keys.next.lock().unwrap(), SLOTS_PER_SEGMENT + 1);
    }
}
