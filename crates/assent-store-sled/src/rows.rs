//! Leaves and rows: files written from front to back, one for each 4,096 entries of a site's log.
//!
//! A file begins with a table of all its entries, so that a leaf or a row is found by its number alone; the rows follow. A row that is
//! replaced is overwritten where it stands, and what it was longer by with zeros; one that has grown goes to the end. Nothing here is
//! atomic by itself: a step of `absorb.rs` that was cut short is done again from the journal, with the same result. Each
//! leaf and each row has a checksum with its number in it.
//!
//! The index by subject and contact, the heads and the documents are in sled, not here.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use assent_core::commitment::LEAF_LEN;
use assent_ledger::store::{LeafBytes, Row, StoreError};
use quick_cache::unsync::Cache;
use rustix::process::{Resource, getrlimit};

use crate::keys::SiteNumber;
use crate::{lock, make_folder};

/// Entries of one file.
pub(crate) const PART: u64 = 4096;

/// One place of the table: offset (4), length of the row with [`RECORD`] (4), CRC-32 of the row (4), of the leaf (4), leaf (34).
const PLACE: usize = 16 + LEAF_LEN;
/// Length of the table: where the first row is.
const TABLE: u64 = PART * PLACE as u64;
/// Set in the length of a row that is a record.
const RECORD: u32 = 1 << 31;
/// Bytes read at once when many rows are.
const AT_ONCE: u64 = 1 << 20;
/// Bytes of rows that are gathered for one write.
const WRITTEN_AT_ONCE: usize = 64 << 10;
/// Most files kept open for reading, sixteen million entries in all, where the process may open so many: a quarter of what it may.
const KEPT_OPEN: usize = 4096;

/// The files with the leaves and rows of every site.
#[derive(Debug)]
pub(crate) struct Rows {
    folder: PathBuf,
    /// Held while rows are overwritten, so that nobody reads half of one.
    overwriting: RwLock<()>,
    /// Files open for reading. Held while a file takes another one's place, so that none that is gone is kept.
    open: Mutex<Cache<(SiteNumber, u64), Arc<File>>>,
    /// Files whose names this process made durable.
    named: Mutex<HashSet<(SiteNumber, u64)>>,
}

/// What a step adds and replaces, by site and index.
#[derive(Debug, Default)]
pub(crate) struct Changes<'a> {
    added: BTreeMap<(SiteNumber, u64), (&'a LeafBytes, &'a Row)>,
    replaced: BTreeMap<(SiteNumber, u64), &'a Row>,
}

impl<'a> Changes<'a> {
    pub(crate) fn add(&mut self, number: SiteNumber, index: u64, leaf: &'a LeafBytes, row: &'a Row) {
        self.added.insert((number, index), (leaf, row));
    }

    /// Replaces a row, also one that the same step adds. Answers the row that the step had for it before.
    pub(crate) fn replace(&mut self, number: SiteNumber, index: u64, row: &'a Row) -> Option<&'a Row> {
        match self.added.get_mut(&(number, index)) {
            Some((_, added)) => Some(std::mem::replace(added, row)),
            None => self.replaced.insert((number, index), row),
        }
    }

    /// Which files change.
    fn parts(&self) -> BTreeSet<(SiteNumber, u64)> {
        let indices = self.added.keys().chain(self.replaced.keys());
        indices.map(|(number, index)| (*number, index / PART)).collect()
    }
}

/// One entry's place in a file.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    len: usize,
    is_record: bool,
    row_crc: u32,
    leaf_crc: u32,
    leaf: LeafBytes,
}

impl Place {
    /// Nothing when there is no entry yet.
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let (offset, len) = (number(0)?, number(4)?);
        let leaf = bytes.get(16..PLACE)?.try_into().ok()?;
        let place = Place {
            offset: u64::from(offset),
            len: (len & !RECORD) as usize,
            is_record: len & RECORD != 0,
            row_crc: number(8)?,
            leaf_crc: number(12)?,
            leaf,
        };
        (offset != 0).then_some(place)
    }

    fn of(index: u64, offset: u64, leaf: LeafBytes, row: &Row, bytes: &[u8]) -> Self {
        let (row_crc, leaf_crc) = (checksum(index, bytes), checksum(index, &leaf));
        Place { offset, len: bytes.len(), is_record: row.record().is_some(), row_crc, leaf_crc, leaf }
    }

    fn to_bytes(self) -> Result<[u8; PLACE], StoreError> {
        let too_large = || StoreError::new("place a row", "its file would be larger than 4 GiB");
        let offset = u32::try_from(self.offset).map_err(|_| too_large())?;
        let len = u32::try_from(self.len).ok().filter(|len| len & RECORD == 0).ok_or_else(too_large)?;
        let mut bytes = [0; PLACE];
        bytes[..4].copy_from_slice(&offset.to_be_bytes());
        bytes[4..8].copy_from_slice(&(len | if self.is_record { RECORD } else { 0 }).to_be_bytes());
        bytes[8..12].copy_from_slice(&self.row_crc.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.leaf_crc.to_be_bytes());
        bytes[16..].copy_from_slice(&self.leaf);
        Ok(bytes)
    }

    fn end(&self) -> u64 {
        self.offset + self.len as u64
    }

    fn checked_leaf(&self, index: u64) -> Result<LeafBytes, StoreError> {
        let whole = checksum(index, &self.leaf) == self.leaf_crc;
        whole.then_some(self.leaf).ok_or_else(|| StoreError::damaged(format!("read leaf {index}")))
    }

    fn checked_row(&self, index: u64, bytes: &[u8]) -> Result<Row, StoreError> {
        let row =
            Some(bytes).filter(|bytes| checksum(index, bytes) == self.row_crc).and_then(Row::from_bytes);
        let row = row.filter(|row| row.record().is_some() == self.is_record);
        row.ok_or_else(|| StoreError::damaged(format!("read row {index}")))
    }
}

fn checksum(index: u64, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&index.to_be_bytes());
    crc.update(bytes);
    crc.finalize()
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::new(what, error)
}

/// Of entries that are in the log, and so in their file: one that is gone, or ends before them, is damaged.
fn unread(what: impl Fn() -> String) -> impl Fn(io::Error) -> StoreError {
    move |error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => StoreError::damaged(what()),
        _ => StoreError::new(what(), error),
    }
}

impl Rows {
    /// The files in a folder; what a rewriting that was cut short left is removed.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        make_folder(&folder)?;
        for site in fs::read_dir(&folder)? {
            for file in fs::read_dir(site?.path())? {
                let path = file?.path();
                if path.extension().is_some_and(|extension| extension == "new") {
                    fs::remove_file(path)?;
                }
            }
        }
        // A process without a limit may keep as many.
        let may_open = getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most).ok());
        let kept = may_open.map_or(KEPT_OPEN, |most| (most / 4).min(KEPT_OPEN));
        let open = Mutex::new(Cache::new(kept));
        Ok(Rows { folder, overwriting: RwLock::default(), open, named: Mutex::default() })
    }

    fn site(&self, number: SiteNumber) -> PathBuf {
        self.folder.join(number.to_string())
    }

    fn path(&self, number: SiteNumber, part: u64) -> PathBuf {
        self.site(number).join(format!("{part:07}.rows"))
    }

    /// Bytes on disk.
    pub(crate) fn disk_len(&self) -> u64 {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = files.flat_map(|site| fs::read_dir(site.path()).into_iter().flatten().flatten());
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    fn reading(&self) -> std::sync::RwLockReadGuard<'_, ()> {
        self.overwriting.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves of a range that is in the log.
    pub(crate) fn leaves(&self, number: SiteNumber, range: Range<u64>) -> Result<Vec<LeafBytes>, StoreError> {
        let mut leaves = Vec::with_capacity((range.end.saturating_sub(range.start)) as usize);
        for (part, range) in parts(range) {
            for (index, place) in self.file(number, part)?.places(range)? {
                leaves.push(place.checked_leaf(index)?);
            }
        }
        Ok(leaves)
    }

    /// Rows of a range that is in the log, in order.
    pub(crate) fn rows(&self, number: SiteNumber, range: Range<u64>) -> Result<Vec<(u64, Row)>, StoreError> {
        let mut rows = Vec::with_capacity((range.end.saturating_sub(range.start)) as usize);
        for (part, range) in parts(range) {
            let _whole = self.reading();
            self.file(number, part)?.rows(range, &mut |index, _, row| {
                rows.push((index, row));
                Ok(())
            })?;
        }
        Ok(rows)
    }

    /// Whether a row that is in the log still is a record.
    pub(crate) fn is_record(&self, number: SiteNumber, index: u64) -> Result<bool, StoreError> {
        let _whole = self.reading();
        let places = self.file(number, index / PART)?.places(index..index + 1)?;
        Ok(places.iter().any(|(_, place)| place.is_record))
    }

    fn file(&self, number: SiteNumber, part: u64) -> Result<PartFile, StoreError> {
        let mut open = lock(&self.open);
        if let Some(file) = open.get(&(number, part)) {
            return Ok(PartFile { file: Arc::clone(file), part });
        }
        let unread = unread(|| format!("open the file of the rows from {} on", part * PART));
        let file = File::open(self.path(number, part)).map_err(unread)?;
        let file = Arc::new(file);
        open.insert((number, part), Arc::clone(&file));
        Ok(PartFile { file, part })
    }

    /// Writes what a step changes; durable when it returns.
    pub(crate) fn write(&self, changes: &Changes<'_>) -> Result<(), StoreError> {
        for (number, part) in changes.parts() {
            self.write_part(number, part, changes).map_err(|error| match error {
                WriteError::Store(error) => error,
                WriteError::Io(error) => StoreError::new("write rows", error),
            })?;
        }
        Ok(())
    }

    fn write_part(&self, number: SiteNumber, part: u64, changes: &Changes<'_>) -> Result<(), WriteError> {
        let all = (number, part * PART)..(number, (part + 1) * PART);
        let path = self.path(number, part);
        if !path.exists() {
            make_folder(&self.site(number))?;
        }
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let mut len = file.metadata()?.len();
        if len < TABLE {
            file.set_len(TABLE)?;
            len = TABLE;
        }
        let file = PartFile { file: Arc::new(file), part };
        let table = file.table()?;
        let place = |index: u64| {
            let at = (index % PART) as usize * PLACE;
            let place = table.get(at..at + PLACE).and_then(Place::read);
            // A place that damage sends elsewhere is not written to.
            place.filter(|place| place.offset >= TABLE && place.end() <= len)
        };
        let first =
            changes.added.range(all.clone()).next().map_or((part + 1) * PART, |((_, index), _)| *index);
        if !first.is_multiple_of(PART) && first < (part + 1) * PART && place(first - 1).is_none() {
            return Err(StoreError::damaged(format!("find the row before row {first}")).into());
        }
        // What a step that was cut short had added is written over.
        let mut end = (part * PART..first).filter_map(place).map(|place| place.end()).max().unwrap_or(TABLE);

        let (mut bodies, mut places) = (Vec::with_capacity(2 * WRITTEN_AT_ONCE), Vec::new());
        for ((_, index), (leaf, row)) in changes.added.range(all.clone()) {
            let bytes = row.to_bytes();
            let offset = end + bodies.len() as u64;
            places.extend(Place::of(*index, offset, **leaf, row, &bytes).to_bytes()?);
            bodies.extend(bytes);
            if bodies.len() >= WRITTEN_AT_ONCE {
                file.file.write_all_at(&bodies, end)?;
                end += bodies.len() as u64;
                bodies.clear();
            }
        }
        file.file.write_all_at(&bodies, end)?;
        file.file.write_all_at(&places, first % PART * PLACE as u64)?;
        end += bodies.len() as u64;

        let overwriting = self.overwriting.write().unwrap_or_else(PoisonError::into_inner);
        for ((_, index), row) in changes.replaced.range(all) {
            let damaged = || StoreError::damaged(format!("find row {index}"));
            let leaf = file.leaf(*index)?.ok_or_else(damaged)?;
            let old = place(*index);
            let mut bytes = row.to_bytes();
            let fits = old.filter(|old| old.len >= bytes.len()).map(|old| old.offset);
            let place = Place::of(*index, fits.unwrap_or(end), leaf, row, &bytes);
            if fits.is_none() {
                file.file.write_all_at(&bytes, end)?;
                end += bytes.len() as u64;
                bytes.clear();
            }
            if let Some(old) = old {
                bytes.resize(old.len, 0);
                file.file.write_all_at(&bytes, old.offset)?;
            }
            file.file.write_all_at(&place.to_bytes()?, index % PART * PLACE as u64)?;
        }
        drop(overwriting);

        file.file.sync_data()?;
        // Once by every process that writes to it: the one that made it may have been killed before its name was durable.
        if !lock(&self.named).contains(&(number, part)) {
            File::open(self.site(number))?.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            lock(&self.named).insert((number, part));
        }
        Ok(())
    }

    /// Which files a site has.
    pub(crate) fn parts_of(&self, number: SiteNumber) -> Result<Vec<u64>, StoreError> {
        let failed = failed("list files of rows");
        let mut parts = Vec::new();
        match fs::read_dir(self.site(number)) {
            Ok(files) => {
                for file in files {
                    let name = file.map_err(&failed)?.file_name();
                    let part = name.to_str().and_then(|name| name.strip_suffix(".rows"));
                    parts.extend(part.and_then(|part| part.parse::<u64>().ok()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        parts.sort_unstable();
        Ok(parts)
    }

    /// Writes a file anew, with nothing but its rows, or what `replace` makes of them; then it takes the old one's place. Not beside
    /// [`Self::write`].
    pub(crate) fn rewrite(
        &self,
        number: SiteNumber,
        part: u64,
        replace: &mut dyn FnMut(u64, &Row) -> Option<Row>,
    ) -> Result<(), StoreError> {
        let failed = failed("rewrite a file of rows");
        let old = self.file(number, part)?;
        let old_len = old.file.metadata().map_err(&failed)?.len();
        let mut new = vec![0; TABLE as usize];
        let mut replaced = false;
        old.rows(part * PART..old.end()?, &mut |index, leaf, row| {
            let other = replace(index, &row);
            replaced |= other.is_some();
            let row = other.unwrap_or(row);
            let bytes = row.to_bytes();
            let place = Place::of(index, new.len() as u64, leaf, &row, &bytes).to_bytes()?;
            let at = (index % PART) as usize * PLACE;
            new[at..at + PLACE].copy_from_slice(&place);
            new.extend(bytes);
            Ok(())
        })?;
        if !replaced && new.len() as u64 == old_len {
            return Ok(());
        }
        let path = self.path(number, part);
        let beside = path.with_extension("new");
        write_new(&beside, &new).map_err(&failed)?;
        {
            let mut open = lock(&self.open);
            lock(&self.named).remove(&(number, part));
            fs::rename(&beside, &path).map_err(&failed)?;
            open.remove(&(number, part));
        }
        File::open(self.site(number)).and_then(|folder| folder.sync_all()).map_err(&failed)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()
}

/// Why rows were not written.
enum WriteError {
    Store(StoreError),
    Io(io::Error),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        WriteError::Store(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        WriteError::Io(error)
    }
}

/// A range of indices, file by file.
fn parts(range: Range<u64>) -> impl Iterator<Item = (u64, Range<u64>)> {
    let parts = if range.is_empty() { 0..0 } else { range.start / PART..(range.end - 1) / PART + 1 };
    parts.map(move |part| (part, range.start.max(part * PART)..range.end.min((part + 1) * PART)))
}

/// One file, open.
struct PartFile {
    file: Arc<File>,
    part: u64,
}

impl PartFile {
    /// The table as far as the file goes.
    fn table(&self) -> io::Result<Vec<u8>> {
        let mut table = vec![0; TABLE as usize];
        self.file.read_exact_at(&mut table, 0)?;
        Ok(table)
    }

    /// A leaf, if its entry is there.
    fn leaf(&self, index: u64) -> io::Result<Option<LeafBytes>> {
        let mut bytes = [0; PLACE];
        self.file.read_exact_at(&mut bytes, index % PART * PLACE as u64)?;
        Ok(Place::read(&bytes).map(|place| place.leaf))
    }

    /// Index after the last entry.
    fn end(&self) -> Result<u64, StoreError> {
        let table = self.table().map_err(failed("read a table of rows"))?;
        let entries =
            table.as_chunks::<PLACE>().0.iter().take_while(|place| Place::read(&place[..]).is_some());
        Ok(self.part * PART + entries.count() as u64)
    }

    /// The places of a range of this file, all of which must be there.
    fn places(&self, range: Range<u64>) -> Result<Vec<(u64, Place)>, StoreError> {
        let mut bytes = vec![0; (range.end - range.start) as usize * PLACE];
        let at = range.start % PART * PLACE as u64;
        self.file.read_exact_at(&mut bytes, at).map_err(unread(|| format!("find row {}", range.start)))?;
        let places = range.zip(bytes.as_chunks::<PLACE>().0).map(|(index, place)| {
            let place = Place::read(place).ok_or_else(|| StoreError::damaged(format!("find row {index}")));
            Ok((index, place?))
        });
        places.collect()
    }

    /// Hands out the rows of a range, with their leaves, in order. Rows that stand one after the other are read together.
    fn rows(
        &self,
        range: Range<u64>,
        each: &mut dyn FnMut(u64, LeafBytes, Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let places = self.places(range)?;
        let mut places = places.as_slice();
        let mut bytes = Vec::new();
        while let Some((first, (_, place))) = places.first().map(|first| (first.0, first)) {
            let next_to = |pair: &[(u64, Place)]| pair[1].1.offset == pair[0].1.end();
            let together = 1 + places.windows(2).take_while(|pair| next_to(pair)).count();
            let fits = |(_, last): &(u64, Place)| last.end() - place.offset <= AT_ONCE;
            let together = 1 + places[1..together].iter().take_while(|last| fits(last)).count();
            let (now, rest) = places.split_at(together);
            let len: usize = now.iter().map(|(_, place)| place.len).sum();
            let failed = unread(|| format!("read row {first}"));
            // Damage must not make us ask for memory that no row needs.
            if len as u64 > AT_ONCE && place.end() > self.file.metadata().map_err(&failed)?.len() {
                return Err(StoreError::damaged(format!("read row {first}")));
            }
            bytes.resize(len, 0);
            self.file.read_exact_at(&mut bytes, place.offset).map_err(failed)?;
            let mut left = bytes.as_slice();
            for (index, place) in now {
                let (row, after) = left.split_at(place.len);
                each(*index, place.checked_leaf(*index)?, place.checked_row(*index, row)?)?;
                left = after;
            }
            places = rest;
        }
        Ok(())
    }
}
