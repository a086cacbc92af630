//! Who has records: a filter in memory that says "never" of most people who decide for the first time, so that nothing is read for them.
//!
//! "Never" is certain; of anybody else the index is asked. The filter belongs to one folder of databases. A store that is closed in peace
//! leaves it beside them, in the file `seen`; without that file, or with one that is of another state of the logs, the index is read
//! once from front to back while there is nothing else to do (`Inner::attend`), and until then everybody is asked for in the index. Reclaiming begins
//! a new one, as a filter forgets nobody.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use assent_core::hash::{Hash, sha256_parts};
use assent_core::subject::SubjectId;
use fastbloom::AtomicBloomFilter;

use crate::keys::{self, Key, SiteNumber};
use crate::lock;

/// Name of the file.
const FILE: &str = "seen";
/// Its first bytes.
const MAGIC: &[u8; 16] = b"assent-seen/1\0\0\0";
/// Is in every part, so that a part that is read otherwise than it was written shows.
const MARK: &[u8] = b"mark";
/// People of the first part; each further one is for twice as many as the one before.
const FIRST: usize = 1 << 17;
/// How often a part takes somebody for another.
const MISTAKEN: f64 = 0.01;

/// The filter of one folder of databases.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Written only to add a part: whoever decides asks while people are taken in.
    parts: RwLock<Parts>,
    /// Whether everybody in the index is in it.
    complete: AtomicBool,
    /// The key up to which the index was read for it; nothing once that ended: there is nothing more, or it cannot be read.
    read: Mutex<Option<Key>>,
}

#[derive(Debug)]
struct Parts {
    /// So that nobody who chooses their own id chooses whom they are taken for.
    seed: [u8; 16],
    parts: Vec<AtomicBloomFilter>,
    /// People in the last part.
    last: AtomicUsize,
}

impl Parts {
    fn new() -> Self {
        let mut seed = [0; 16];
        let random = || RandomState::new().hash_one(0_u8).to_be_bytes();
        seed.as_chunks_mut::<8>().0.iter_mut().for_each(|half| *half = random());
        Parts { seed, parts: Vec::new(), last: AtomicUsize::new(0) }
    }

    /// A hash of our own: a saved filter must mean the same to the next release and on another machine.
    fn hash(&self, who: &[u8]) -> u64 {
        sha256_parts(&[&self.seed, who]).0.first_chunk::<8>().map_or(0, |hash| u64::from_be_bytes(*hash))
    }

    fn contains(&self, hash: u64) -> bool {
        self.parts.iter().any(|part| part.contains_hash(hash))
    }

    /// Takes somebody in. False: there is no room for them before a part was added.
    fn add(&self, who: &[u8]) -> bool {
        let hash = self.hash(who);
        if self.contains(hash) {
            return true;
        }
        let Some(part) = self.parts.last().filter(|_| !self.is_full()) else { return false };
        part.insert_hash(hash);
        self.last.fetch_add(1, Ordering::AcqRel);
        true
    }

    fn is_full(&self) -> bool {
        self.parts.is_empty() || self.last.load(Ordering::Acquire) >= FIRST << (self.parts.len() - 1)
    }

    fn grow(&mut self) {
        let people = FIRST << self.parts.len();
        let part = AtomicBloomFilter::with_false_pos(MISTAKEN).seed(&0).expected_items(people);
        part.insert_hash(self.hash(MARK));
        self.parts.push(part);
        self.last = AtomicUsize::new(0);
    }

    fn to_bytes(&self, of: &Hash) -> Vec<u8> {
        let words = self.parts.iter().map(|part| 12 + 8 * part.as_slice().len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(76 + words);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&of.0);
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(&(self.last.load(Ordering::Acquire) as u64).to_be_bytes());
        for part in &self.parts {
            bytes.extend_from_slice(&part.num_hashes().to_be_bytes());
            bytes.extend_from_slice(&(part.as_slice().len() as u64).to_be_bytes());
            let words = part.as_slice().iter().map(|word| word.load(Ordering::Acquire));
            words.for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Nothing when it is damaged or of another state of the logs.
    fn from_bytes(bytes: &[u8], of: &Hash) -> Option<Self> {
        let (bytes, crc) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(bytes) != u32::from_be_bytes(*crc) {
            return None;
        }
        let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&of.0)?;
        let (seed, rest) = rest.split_first_chunk::<16>()?;
        let (last, mut rest) = rest.split_first_chunk::<8>()?;
        let last = AtomicUsize::new(usize::try_from(u64::from_be_bytes(*last)).ok()?);
        let mut read = Parts { seed: *seed, parts: Vec::new(), last };
        let mark = read.hash(MARK);
        while !rest.is_empty() {
            let (hashes, after) = rest.split_first_chunk::<4>()?;
            let (len, after) = after.split_first_chunk::<8>()?;
            let len = usize::try_from(u64::from_be_bytes(*len)).ok()?.checked_mul(8)?;
            let (words, after) = after.split_at_checked(len)?;
            let words = words.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word)).collect();
            let part = AtomicBloomFilter::from_vec(words).seed(&0).hashes(u32::from_be_bytes(*hashes));
            // Places are found as they were when it was written.
            if !part.contains_hash(mark) {
                return None;
            }
            read.parts.push(part);
            rest = after;
        }
        Some(read)
    }
}

impl Seen {
    fn new(parts: Parts, complete: bool) -> Self {
        let read = Mutex::new((!complete).then(Key::new));
        Seen { parts: RwLock::new(parts), complete: AtomicBool::new(complete), read }
    }

    /// Of databases that have nobody yet.
    pub(crate) fn nobody() -> Self {
        Seen::new(Parts::new(), true)
    }

    /// Of databases whose index has to be read first.
    pub(crate) fn unread() -> Self {
        Seen::new(Parts::new(), false)
    }

    /// Of databases that were there, in this state.
    pub(crate) fn open(folder: &Path, of: &Hash) -> Self {
        let saved = fs::read(folder.join(FILE)).ok().and_then(|bytes| Parts::from_bytes(&bytes, of));
        saved.map_or_else(Seen::unread, |parts| Seen::new(parts, true))
    }

    /// Leaves it for the next start. A file that a crash leaves half written is not taken.
    pub(crate) fn save(&self, folder: &Path, of: &Hash) -> io::Result<()> {
        if !self.complete.load(Ordering::Acquire) {
            return Ok(());
        }
        let bytes = self.parts.read().unwrap_or_else(PoisonError::into_inner).to_bytes(of);
        let new = folder.join("seen.new");
        fs::write(&new, bytes)?;
        fs::rename(new, folder.join(FILE))
    }

    /// Whether nobody is in the index under these keys. False: the index knows.
    pub(crate) fn never(&self, number: SiteNumber, subject: &SubjectId) -> bool {
        if !self.complete.load(Ordering::Acquire) {
            return false;
        }
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        !parts.contains(parts.hash(&keys::records(number, subject)))
    }

    /// Takes in whoever is named by keys of the index. Called before these are written.
    pub(crate) fn add<'a>(&self, index: impl Iterator<Item = &'a [u8]>) {
        for who in index.filter_map(keys::whose) {
            let parts = || self.parts.read().unwrap_or_else(PoisonError::into_inner);
            if !parts().add(who) {
                let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
                // Somebody else may have added it meanwhile.
                if parts.is_full() {
                    parts.grow();
                }
                parts.add(who);
            }
        }
    }

    /// The key after which the index is to be read on for it; nothing when there is nothing to read.
    pub(crate) fn reads_from(&self) -> Option<Key> {
        lock(&self.read).clone()
    }

    /// The keys that were read; none when that was all.
    pub(crate) fn was_read(&self, index: &[Key]) {
        self.add(index.iter().map(Vec::as_slice));
        *lock(&self.read) = index.last().cloned();
        self.complete.store(index.is_empty(), Ordering::Release);
    }

    /// Nothing more is read: it cannot be.
    pub(crate) fn gives_up(&self) {
        *lock(&self.read) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(who: u32) -> Key {
        let mut subject = [0; 16];
        subject[..4].copy_from_slice(&who.to_be_bytes());
        [keys::records(1, &SubjectId(subject)), vec![7; 16]].concat()
    }

    fn subject(who: u32) -> SubjectId {
        SubjectId(key(who)[6..22].try_into().unwrap())
    }

    #[test]
    fn whoever_was_added_is_never_denied_and_hardly_anybody_else_is_taken_for_seen() {
        let seen = Seen::nobody();
        let people = 3 * FIRST as u32;
        for some in (0..people).collect::<Vec<_>>().chunks(1000) {
            let keys: Vec<Key> = some.iter().map(|who| key(*who)).collect();
            seen.add(keys.iter().map(Vec::as_slice));
        }
        let folder = tempfile::tempdir().unwrap();
        let (now, later) = (Hash([1; 32]), Hash([2; 32]));
        seen.save(folder.path(), &now).unwrap();
        let again = Seen::open(folder.path(), &now);
        for seen in [&seen, &again] {
            assert!((0..people).all(|who| !seen.never(1, &subject(who))));
            let strangers = 10_000;
            let taken = (people..people + strangers).filter(|who| !seen.never(1, &subject(*who))).count();
            assert!(taken < 500, "{taken} of {strangers}");
            assert!((people..people + 100).any(|who| seen.never(2, &subject(who))));
        }
        // Of another state, damaged, cut short, lost: nobody is denied before the index was read.
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        let denies = |of| {
            let seen = Seen::open(folder.path(), of);
            (people..people + 100).any(|who| seen.never(1, &subject(who)))
        };
        assert!(denies(&now) && !denies(&later));
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 4;
        for bad in [&flipped, &whole[..whole.len() - 9], &[]] {
            fs::write(&path, bad).unwrap();
            assert!(!denies(&now));
        }
        fs::remove_file(&path).unwrap();
        let unread = Seen::open(folder.path(), &now);
        assert_eq!(unread.reads_from(), Some(Key::new()));
        unread.was_read(&[key(5)]);
        assert!(!unread.never(1, &subject(6)));
        assert_eq!(unread.reads_from(), Some(key(5)));
        unread.was_read(&[]);
        assert!(unread.never(1, &subject(6)) && !unread.never(1, &subject(5)));
        assert_eq!(unread.reads_from(), None);
    }
}
