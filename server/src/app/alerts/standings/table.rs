//! A table of short texts by contact, in a file without a name that grows with them, so that memory does not.
//!
//! It lives as long as the process: the file is gone when it ends, and what stood in it is sealed under a key that nobody else ever
//! had. It is no store: whatever goes wrong, from a full disk to two threads at one place, something is not found, and whoever asks
//! works it out again. Not here: what stands in it, and whether that still holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use assent_core::hash::{Hash, sha256_parts};
use assent_ledger::{Cipher, NONCE_LEN, TAG_LEN};
use zeroize::Zeroizing;

/// Bytes of one bucket, which one read brings.
const BUCKET: usize = 2048;
/// Buckets of a table that is begun.
const FIRST: u64 = 128;
/// A bucket takes so many hundredths of what it could on average; then the table doubles. Few are full by then.
const FULL: u64 = 50;
/// The beginning of a name that stands in clear; buckets go by it, too.
const TAG: usize = 16;
const NUMBER: usize = 8;
/// What a table that doubles must leave free on its disk: decisions come first.
const LEAVE_FREE: u64 = 1 << 30;

/// See the file's own words.
pub(super) struct Table {
    /// Bytes of each text.
    len: usize,
    cipher: Cipher,
    /// Names are made with it, so that no hash of the log's stands here.
    naming: Zeroizing<[u8; 32]>,
    file: RwLock<Buckets>,
    filled: Mutex<Filled>,
}

struct Buckets {
    file: File,
    /// A power of two.
    count: u64,
}

#[derive(Default)]
struct Filled {
    /// Texts that were sealed so far: no number is used twice.
    sealed: u64,
    places: u64,
    /// Whether it cannot grow any more.
    is_whole: bool,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Table {
    /// A table in a folder, of texts of so many bytes.
    pub(super) fn begin(folder: &Path, len: usize) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        file.set_len(FIRST * BUCKET as u64)?;
        let [mut key, mut naming] = [[0; 32]; 2].map(Zeroizing::new);
        getrandom::fill(&mut *key).map_err(io::Error::other)?;
        getrandom::fill(&mut *naming).map_err(io::Error::other)?;
        let cipher = Cipher::new(&key);
        let file = RwLock::new(Buckets { file, count: FIRST });
        let table = Table { len, cipher, naming, file, filled: Mutex::default() };
        if table.places() == 0 {
            return Err(io::Error::other("texts of this length fit into no bucket"));
        }
        Ok(table)
    }

    /// What stands at a contact. Never waits for whoever writes.
    pub(super) fn get(&self, contact: &Hash) -> Option<Zeroizing<Vec<u8>>> {
        let (mut bucket, contact) = ([0; BUCKET], &self.name(contact));
        {
            let buckets = self.file.try_read().ok()?;
            buckets.read(buckets.of(contact), &mut bucket).ok()?;
        }
        let place = self.find(&bucket, contact)?;
        let (number, sealed) = self.place(&bucket, place)?.get(TAG..)?.split_first_chunk::<NUMBER>()?;
        self.cipher.open(&nonce(u64::from_be_bytes(*number)), sealed, &contact.0)
    }

    /// Puts a text at a contact, in place of the one that stood there, or of another's where there is no room.
    pub(super) fn put(&self, contact: &Hash, text: &[u8]) -> io::Result<()> {
        debug_assert_eq!(text.len(), self.len);
        let contact = &self.name(contact);
        let mut filled = lock(&self.filled);
        if (filled.places + 1) * 100 > self.capacity() * FULL && !filled.is_whole {
            // Where it cannot grow now it is not tried again with each text.
            filled.is_whole = !self.double().unwrap_or(false);
        }
        let buckets = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let (number, mut bucket) = (buckets.of(contact), [0; BUCKET]);
        buckets.read(number, &mut bucket)?;
        let places = self.places();
        let free = |place: &usize| self.place(&bucket, *place).is_some_and(|place| place[..TAG] == [0; TAG]);
        let (place, is_new) = match (self.find(&bucket, contact), (0..places).find(free)) {
            (Some(place), _) => (place, false),
            (None, Some(place)) => (place, true),
            (None, None) => (filled.sealed as usize % places, false),
        };
        filled.sealed += 1;
        let sealed = self.cipher.seal(&nonce(filled.sealed), text, &contact.0);
        let text = [&contact.0[..TAG], &filled.sealed.to_be_bytes(), &sealed].concat();
        buckets.file.write_all_at(&text, number * BUCKET as u64 + (place * self.place_len()) as u64)?;
        filled.places += u64::from(is_new);
        Ok(())
    }

    /// What stands for a contact.
    fn name(&self, contact: &Hash) -> Hash {
        sha256_parts(&[&*self.naming, &contact.0])
    }

    /// Bytes of its file.
    #[cfg(test)]
    fn file_len(&self) -> u64 {
        self.file.read().unwrap_or_else(PoisonError::into_inner).count * BUCKET as u64
    }

    fn place_len(&self) -> usize {
        TAG + NUMBER + self.len + TAG_LEN
    }

    /// Places of one bucket.
    fn places(&self) -> usize {
        BUCKET / self.place_len()
    }

    fn place<'a>(&self, bucket: &'a [u8; BUCKET], place: usize) -> Option<&'a [u8]> {
        bucket.get(place * self.place_len()..(place + 1) * self.place_len())
    }

    fn find(&self, bucket: &[u8; BUCKET], contact: &Hash) -> Option<usize> {
        let is_theirs =
            |place: &usize| self.place(bucket, *place).is_some_and(|place| place[..TAG] == contact.0[..TAG]);
        (0..self.places()).find(is_theirs)
    }

    fn capacity(&self) -> u64 {
        self.file.read().unwrap_or_else(PoisonError::into_inner).count * self.places() as u64
    }

    /// Twice as many buckets: what stands in one goes into it and the one that many further on. False where the disk has no room.
    /// Whoever asks meanwhile finds nothing.
    fn double(&self) -> io::Result<bool> {
        let mut buckets = self.file.write().unwrap_or_else(PoisonError::into_inner);
        let bytes = buckets.count * BUCKET as u64;
        let disk = rustix::fs::fstatvfs(&buckets.file)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < LEAVE_FREE + bytes {
            return Ok(false);
        }
        buckets.file.set_len(2 * bytes)?;
        if let Err(error) = self.split(&buckets) {
            // What was on its way is not found any more, and not looked for in the part that goes.
            buckets.file.set_len(bytes)?;
            return Err(error);
        }
        buckets.count *= 2;
        Ok(true)
    }

    fn split(&self, buckets: &Buckets) -> io::Result<()> {
        for number in 0..buckets.count {
            let mut bucket = [0; BUCKET];
            buckets.read(number, &mut bucket)?;
            let mut halves = [[0; BUCKET]; 2];
            let mut next = [0; 2];
            for place in (0..self.places()).filter_map(|place| self.place(&bucket, place)) {
                if place[..TAG] == [0; TAG] {
                    continue;
                }
                let half = usize::from(bucket_of(place, 2 * buckets.count) >= buckets.count);
                halves[half][next[half]..next[half] + place.len()].copy_from_slice(place);
                next[half] += place.len();
            }
            // The further one first: what is in both for a moment is found where it is looked for.
            buckets.file.write_all_at(&halves[1], (buckets.count + number) * BUCKET as u64)?;
            buckets.file.write_all_at(&halves[0], number * BUCKET as u64)?;
        }
        Ok(())
    }
}

impl Buckets {
    fn of(&self, contact: &Hash) -> u64 {
        bucket_of(&contact.0, self.count)
    }

    fn read(&self, number: u64, bucket: &mut [u8; BUCKET]) -> io::Result<()> {
        self.file.read_exact_at(bucket, number * BUCKET as u64)
    }
}

/// The bucket of a contact's hash, or of the beginning of it, which is as good as random.
fn bucket_of(hash: &[u8], count: u64) -> u64 {
    hash.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first)) & (count - 1)
}

fn nonce(number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - NUMBER..].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_core::hash::sha256;

    fn contact(number: u32) -> Hash {
        sha256(&number.to_be_bytes())
    }

    fn text(number: u32) -> [u8; 50] {
        std::array::from_fn(|place| (number as usize + place) as u8)
    }

    #[test]
    fn what_was_put_is_found_as_the_table_grows() {
        const MANY: u32 = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let table = Table::begin(folder.path(), 50).unwrap();
        assert_eq!(table.get(&contact(0)), None);
        for number in 0..MANY {
            table.put(&contact(number), &text(number)).unwrap();
            assert_eq!(table.get(&contact(number)).unwrap()[..], text(number)[..]);
        }
        assert!(table.file_len() > FIRST * BUCKET as u64);
        let found = (0..MANY).filter(|number| table.get(&contact(*number)).is_some()).count();
        // A bucket that is full takes another's place; hardly any is.
        assert!(found > MANY as usize * 99 / 100, "{found}");
        for number in 0..MANY {
            table.put(&contact(number), &text(number + 1)).unwrap();
        }
        let stale = (0..MANY)
            .filter(|number| table.get(&contact(*number)).is_some_and(|found| found[..] == text(*number)));
        assert_eq!(stale.count(), 0, "the later one stands");
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the file has no name");
    }

    #[test]
    fn nothing_that_was_changed_or_moved_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::begin(folder.path(), 50).unwrap();
        let (one, bytes) = (contact(1), text(1));
        table.put(&one, &bytes).unwrap();
        let buckets = table.file.read().unwrap();
        let from = buckets.of(&table.name(&one)) * BUCKET as u64;
        let mut place = vec![0; table.place_len()];
        buckets.file.read_exact_at(&mut place, from).unwrap();
        assert!(!place.windows(8).any(|part| part == &bytes[..8]), "nothing stands in clear");
        for byte in TAG..place.len() {
            let mut flipped = place.clone();
            flipped[byte] ^= 1;
            buckets.file.write_all_at(&flipped, from).unwrap();
            assert_eq!(table.get(&one), None, "byte {byte}");
        }
        assert!(!place.windows(8).any(|part| part == &one.0[..8]), "nor who it is about");
        // Somebody else's, under this one's tag.
        let other = contact(2);
        let mut moved = place.clone();
        moved[..TAG].copy_from_slice(&table.name(&other).0[..TAG]);
        let there = buckets.of(&table.name(&other)) * BUCKET as u64;
        buckets.file.write_all_at(&moved, there).unwrap();
        assert_eq!(table.get(&other), None);
        buckets.file.write_all_at(&place, from).unwrap();
        assert!(table.get(&one).is_some());
    }
}
