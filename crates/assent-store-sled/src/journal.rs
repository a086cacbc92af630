//! The journal: each batch's bytes, durable with one fdatasync, until sled has them for good.
//!
//! Files of 4 MiB, filled with zeros before they are written, so that an append changes no metadata and fdatasync has only
//! the data to write. A record is: magic (4), length (4), sequence (8), CRC-32 over length, sequence and content (4), content. Sequences
//! grow by one; the first record that is torn, or out of sequence, is the end. Only the last one can be torn, because each is durable
//! before the next is written: one that is not whole, and whole ones after it, are damage. What is in the content is not this
//! file's business.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"aj1\n";
const HEADER: usize = 20;
/// Length of an ordinary file.
const FILE_LEN: u64 = 4 << 20;
/// Bytes written at once when a file is filled.
const FILLED_AT_ONCE: usize = 256 << 10;

/// Why a record was not appended.
#[derive(Debug)]
pub(crate) enum JournalError {
    /// Nothing was written: no room for a new file.
    Nothing(io::Error),
    /// Something may be on disk.
    Unknown(io::Error),
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) sequence: u64,
    pub(crate) content: Vec<u8>,
}

/// The journal's files; the last one is written to.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    files: VecDeque<JournalFile>,
    /// Filled with zeros and ready to be the next one.
    ready: Option<JournalFile>,
    /// Absorbed, and not scrubbed when that was tried: in nobody's way until space is reclaimed.
    unscrubbed: Vec<JournalFile>,
    sequence: u64,
    /// The next file's. Each is given out once, because files are filled and renamed while others append.
    number: u64,
}

#[derive(Debug)]
struct JournalFile {
    number: u64,
    file: File,
    len: u64,
    /// Where the next record goes.
    end: u64,
    /// Sequence of the last record in it, or of the last before it.
    last: u64,
    /// Whether it was nothing but zeros when it was opened or prepared.
    blank: bool,
    /// Sequence of the newest whole record after one that is not whole, when it was opened; else 0.
    beyond: u64,
}

impl Journal {
    /// Opens the journal of a store that has absorbed everything up to `absorbed`; answers what comes after it.
    ///
    /// # Errors
    /// When a file cannot be read, or a record is missing or damaged between two that are there. Then nothing was changed.
    pub(crate) fn open(folder: &Path, absorbed: u64) -> io::Result<(Self, Vec<Record>)> {
        let mut journal = Journal {
            folder: folder.to_path_buf(),
            files: VecDeque::new(),
            ready: None,
            unscrubbed: Vec::new(),
            sequence: 0,
            number: 0,
        };
        let mut records: Vec<Record> = Vec::new();
        let files =
            numbers(folder)?.into_iter().map(|number| JournalFile::read(&path(folder, number), number));
        let files = files.collect::<io::Result<Vec<_>>>()?;
        // What was absorbed may be half scrubbed.
        if files.iter().any(|(file, _)| file.beyond > absorbed) {
            let why = "a record in the middle of the journal is damaged";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        for (file, found) in files {
            let number = file.number;
            journal.number = journal.number.max(number + 1);
            if found.is_empty() {
                // Prepared and not used yet, or scrubbed: perhaps not to its end.
                if journal.ready.is_none() && file.len == FILE_LEN {
                    if !file.blank {
                        fill(&file.file, file.len)?;
                    }
                    journal.ready = Some(file);
                } else {
                    std::fs::remove_file(path(folder, number))?;
                }
                continue;
            }
            records.extend(found);
            journal.files.push_back(file);
        }
        // A file whose scrubbing was cut short was used again under its old number.
        journal.files.make_contiguous().sort_by_key(|file| file.last);
        records.sort_by_key(|record| record.sequence);
        // What was absorbed may be half scrubbed.
        records.retain(|record| record.sequence > absorbed);
        if records.windows(2).any(|pair| pair[1].sequence != pair[0].sequence + 1) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a part of the journal is missing"));
        }
        if records.first().is_some_and(|first| first.sequence != absorbed + 1) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the beginning of the journal is missing",
            ));
        }
        journal.sequence = records.last().map_or(absorbed, |last| last.sequence);
        // Files that end before what was absorbed are from an older journal: nothing may be appended to them.
        if journal.files.back().is_some_and(|file| file.last < absorbed) {
            for file in journal.files.drain(..) {
                std::fs::remove_file(path(folder, file.number))?;
            }
        }
        if journal.ready.is_none() {
            let number = journal.take_number();
            journal.ready = Some(JournalFile::prepare(folder, number, FILE_LEN)?);
        }
        // Whoever made a file may have been killed before its name was durable.
        File::open(folder)?.sync_all()?;
        Ok((journal, records))
    }

    /// Writes what comes after `absorbed` where it stands; durable when it returns. What was read may be in the page cache only, after a kill
    /// or an fsync that failed, and people are told of it from here on.
    pub(crate) fn write_again(&self, absorbed: u64) -> io::Result<()> {
        self.files.iter().filter(|file| file.last > absorbed).try_for_each(JournalFile::write_again)
    }

    fn take_number(&mut self) -> u64 {
        self.number += 1;
        self.number - 1
    }

    /// Appends a record. When it returns, the record is durable; the answer is its sequence, and its content as it was read
    /// back from the file.
    ///
    /// # Errors
    /// [`JournalError`]. After `Unknown` the journal must be opened again.
    pub(crate) fn append(&mut self, content: &[u8]) -> Result<Record, JournalError> {
        let length = u32::try_from(content.len())
            .map_err(|_| JournalError::Nothing(io::Error::other("the batch is too large")))?;
        let needed = (HEADER + content.len()) as u64;
        if self.files.back().is_none_or(|file| file.end + needed > file.len) {
            self.begin_file(needed).map_err(JournalError::Nothing)?;
        }
        let sequence = self.sequence + 1;
        let mut bytes = Vec::with_capacity(HEADER + content.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&checksum(length, sequence, content).to_be_bytes());
        bytes.extend_from_slice(content);
        // There is one: it was begun above, if there was none.
        let Some(file) = self.files.back_mut() else {
            return Err(JournalError::Nothing(io::Error::other("there is no journal file")));
        };
        let written = file.file.write_all_at(&bytes, file.end).and_then(|()| file.file.sync_data());
        written.map_err(JournalError::Unknown)?;
        // What goes on from here is what the file holds, not what is in memory.
        let read = file.file.read_exact_at(&mut bytes, file.end);
        read.map_err(JournalError::Unknown)?;
        let record = parse(&bytes).filter(|(record, _)| record.sequence == sequence);
        let (record, _) = record.ok_or_else(|| {
            JournalError::Unknown(io::Error::new(io::ErrorKind::InvalidData, "the record reads otherwise"))
        })?;
        file.end += needed;
        file.last = sequence;
        self.sequence = sequence;
        Ok(record)
    }

    fn begin_file(&mut self, needed: u64) -> io::Result<()> {
        let fits = self.ready.as_ref().is_some_and(|ready| ready.len >= needed);
        let mut file = match self.ready.take() {
            Some(ready) if fits => ready,
            ready => {
                // Too short for what comes, and one that waits is enough: the next is prepared anew.
                if let Some(ready) = ready {
                    std::fs::remove_file(path(&self.folder, ready.number))?;
                }
                let number = self.take_number();
                JournalFile::prepare(&self.folder, number, FILE_LEN.max(needed))?
            }
        };
        file.last = self.sequence;
        self.files.push_back(file);
        Ok(())
    }

    /// Whether a file should be prepared before it is needed.
    pub(crate) fn wants_file(&self) -> bool {
        self.ready.is_none()
    }

    /// Nothing more is written to the file that is written to: it can be scrubbed as soon as it is absorbed, whoever appends meanwhile.
    pub(crate) fn end_file(&mut self) {
        if let Some(file) = self.files.back_mut() {
            file.end = file.len;
        }
    }

    /// Takes out a file that sled has absorbed to its end, if there is one: with `all`, also the one that is written to, and those that
    /// could not be scrubbed before. The caller scrubs it, which takes a while.
    pub(crate) fn take_absorbed(&mut self, absorbed: u64, all: bool) -> Option<Spent> {
        let unscrubbed = all.then(|| self.unscrubbed.pop()).flatten();
        let may_go = all || self.files.len() > 1;
        let is_absorbed = may_go && self.files.front().is_some_and(|file| file.last <= absorbed);
        let file = unscrubbed.or_else(|| is_absorbed.then(|| self.files.pop_front()).flatten())?;
        // Numbers only go up. A start goes by what is in the files, whatever their numbers.
        let number = self.take_number();
        Some(Spent { folder: self.folder.clone(), file, number })
    }

    /// Takes back a file that could not be scrubbed: what was erased may be in it.
    pub(crate) fn take_back(&mut self, spent: Spent) {
        self.unscrubbed.push(spent.file);
    }

    /// What a caller needs to prepare a file without holding the journal.
    pub(crate) fn prepares(&mut self) -> Option<(PathBuf, u64)> {
        self.wants_file().then(|| (self.folder.clone(), self.take_number()))
    }

    /// Gives back a scrubbed or prepared file.
    pub(crate) fn give(&mut self, prepared: Prepared) {
        let Prepared(file) = prepared;
        // One is enough, and numbers only go up; a start would put one that others overtook in its place.
        if self.ready.is_none() && self.files.back().is_none_or(|last| last.number < file.number) {
            self.ready = Some(file);
        } else {
            // It is empty: whoever opens the journal next takes it away too.
            drop(std::fs::remove_file(path(&self.folder, file.number)));
        }
    }

    /// Bytes on disk.
    pub(crate) fn disk_len(&self) -> u64 {
        self.files.iter().chain(&self.ready).chain(&self.unscrubbed).map(|file| file.len).sum()
    }
}

/// A file whose records are in sled for good.
#[derive(Debug)]
pub(crate) struct Spent {
    folder: PathBuf,
    file: JournalFile,
    number: u64,
}

/// A file full of zeros.
#[derive(Debug)]
pub(crate) struct Prepared(JournalFile);

impl Spent {
    /// Overwrites what is in it, so that nothing stays that was erased, and makes it the next file. One of another length is
    /// removed. What could not be scrubbed is given back.
    pub(crate) fn scrub(mut self) -> Result<Option<Prepared>, (Self, io::Error)> {
        match self.overwrite() {
            Ok(true) => {
                let file = JournalFile { end: 0, last: 0, blank: true, beyond: 0, ..self.file };
                Ok(Some(Prepared(file)))
            }
            Ok(false) => Ok(None),
            Err(error) => Err((self, error)),
        }
    }

    /// Whether it can be used again.
    fn overwrite(&mut self) -> io::Result<bool> {
        let old = path(&self.folder, self.file.number);
        fill(&self.file.file, self.file.len)?;
        if self.file.len != FILE_LEN {
            std::fs::remove_file(old)?;
            return Ok(false);
        }
        std::fs::rename(old, path(&self.folder, self.number))?;
        self.file.number = self.number;
        File::open(&self.folder)?.sync_all()?;
        Ok(true)
    }
}

/// Prepares a file; see [`Journal::prepares`].
pub(crate) fn prepare((folder, number): &(PathBuf, u64)) -> io::Result<Prepared> {
    JournalFile::prepare(folder, *number, FILE_LEN).map(Prepared)
}

impl JournalFile {
    fn prepare(folder: &Path, number: u64, len: u64) -> io::Result<Self> {
        let path = path(folder, number);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        if let Err(error) = fill(&file, len) {
            // A file that is too short must not stand in the way.
            drop(std::fs::remove_file(&path));
            return Err(error);
        }
        File::open(folder)?.sync_all()?;
        Ok(JournalFile { number, file, len, end: 0, last: 0, blank: true, beyond: 0 })
    }

    fn read(path: &Path, number: u64) -> io::Result<(Self, Vec<Record>)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = std::fs::read(path)?;
        let mut records: Vec<Record> = Vec::new();
        let mut at = 0;
        while let Some((record, length)) = parse(&bytes[at..]) {
            if records.last().is_some_and(|before| before.sequence + 1 != record.sequence) {
                break;
            }
            at += length;
            records.push(record);
        }
        let last = records.last().map_or(0, |last| last.sequence);
        let blank = bytes.iter().all(|byte| *byte == 0);
        let (len, end, beyond) = (bytes.len() as u64, at as u64, newest_within(&bytes[at..]));
        Ok((JournalFile { number, file, len, end, last, blank, beyond }, records))
    }

    /// Writes its records where they stand; durable when it returns.
    fn write_again(&self) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(self.end).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, 0)?;
        self.file.write_all_at(&bytes, 0)?;
        self.file.sync_data()
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}.journal"))
}

/// Numbers of the files that are there, ascending.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        numbers.extend(number.and_then(|number| u64::from_str_radix(number, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Writes zeros up to `len`, durable; a little at a time, because whoever decides meanwhile waits behind it for the disk.
fn fill(file: &File, len: u64) -> io::Result<()> {
    let zeros = vec![0; FILLED_AT_ONCE];
    let mut at = 0;
    while at < len {
        let part = (len - at).min(FILLED_AT_ONCE as u64);
        file.write_all_at(&zeros[..part as usize], at)?;
        file.sync_data()?;
        at += part;
    }
    file.sync_all()
}

fn checksum(length: u32, sequence: u64, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_be_bytes());
    hasher.update(&sequence.to_be_bytes());
    hasher.update(content);
    hasher.finalize()
}

/// The record at the beginning of some bytes, and its length with the header.
fn parse(bytes: &[u8]) -> Option<(Record, usize)> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (length, sequence) = (u32::from_be_bytes(*length), u64::from_be_bytes(*sequence));
    let content = rest.get(..length as usize)?;
    (checksum(length, sequence, content) == u32::from_be_bytes(*sum)).then_some(())?;
    Some((Record { sequence, content: content.to_vec() }, HEADER + length as usize))
}

/// The highest sequence of any whole record that begins anywhere in some bytes; 0 when there is none.
fn newest_within(bytes: &[u8]) -> u64 {
    let begins = bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    begins.filter_map(|(at, _)| Some(parse(&bytes[at..])?.0.sequence)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(records: &[Record]) -> Vec<&[u8]> {
        records.iter().map(|record| record.content.as_slice()).collect()
    }

    fn reopen(folder: &Path, absorbed: u64) -> (Journal, Vec<Record>) {
        Journal::open(folder, absorbed).unwrap()
    }

    #[test]
    fn records_come_back_after_what_was_absorbed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, none) = reopen(dir.path(), 0);
        assert!(none.is_empty());
        for text in ["one", "two", "three"] {
            assert_eq!(journal.append(text.as_bytes()).unwrap().content, text.as_bytes());
        }
        let (mut journal, records) = reopen(dir.path(), 0);
        assert_eq!(contents(&records), [&b"one"[..], b"two", b"three"]);
        assert_eq!(journal.append(b"four").unwrap().sequence, 4);
        let (_, records) = reopen(dir.path(), 2);
        assert_eq!(contents(&records), [&b"three"[..], b"four"]);
        let (mut journal, records) = reopen(dir.path(), 4);
        assert!(records.is_empty());
        assert_eq!(journal.append(b"five").unwrap().sequence, 5);
        // An older journal beside a store that is further on.
        let (mut journal, records) = reopen(dir.path(), 9);
        assert!(records.is_empty());
        assert_eq!(journal.append(b"ten").unwrap().sequence, 10);
        assert_eq!(contents(&reopen(dir.path(), 9).1), [b"ten"]);
    }

    #[test]
    fn a_torn_record_is_the_end_and_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        journal.append(b"whole").unwrap();
        journal.append(b"this one will be torn").unwrap();
        let file = path(dir.path(), 0);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[HEADER + 5 + HEADER + 7..].fill(0);
        std::fs::write(&file, &bytes).unwrap();
        let (mut journal, records) = reopen(dir.path(), 0);
        assert_eq!(contents(&records), [b"whole"]);
        assert_eq!(journal.append(b"next").unwrap().sequence, 2);
        assert_eq!(contents(&reopen(dir.path(), 0).1), [&b"whole"[..], b"next"]);
    }

    #[test]
    fn files_follow_one_another_and_are_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        let content = vec![7; 3 << 19];
        for _ in 0..5 {
            journal.append(&content).unwrap();
        }
        assert_eq!(journal.files.len(), 3);
        assert_eq!(reopen(dir.path(), 0).1.len(), 5);
        assert_eq!(reopen(dir.path(), 3).1.len(), 2);
        assert!(journal.take_absorbed(1, false).is_none());
        let spent = journal.take_absorbed(2, false).unwrap();
        let prepared = spent.scrub().ok().flatten().unwrap();
        journal.give(prepared);
        assert!(!journal.wants_file());
        assert_eq!(reopen(dir.path(), 2).1.len(), 3);
        journal.append(&content).unwrap();
        journal.append(&content).unwrap();
        assert_eq!(reopen(dir.path(), 2).1.iter().map(|r| r.sequence).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        // A large one has a file of its own, which goes when it is absorbed.
        let large = vec![8; 20 << 20];
        journal.append(&large).unwrap();
        journal.append(b"small").unwrap();
        let (mut journal, records) = reopen(dir.path(), 7);
        assert_eq!((records[0].content.len(), records[1].content.as_slice()), (large.len(), &b"small"[..]));
        while let Some(spent) = journal.take_absorbed(9, false) {
            if let Some(prepared) = spent.scrub().ok().flatten() {
                journal.give(prepared);
            }
        }
        assert!(journal.disk_len() <= 4 * FILE_LEN, "{}", journal.disk_len());
    }

    /// It was forgotten, and the next time space was reclaimed all was said to be done.
    #[test]
    fn a_file_that_could_not_be_scrubbed_is_in_nobodys_way_and_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        let content = vec![7; 3 << 19];
        for _ in 0..3 {
            journal.append(&content).unwrap();
        }
        let (first, away) = (path(dir.path(), 0), dir.path().join("away"));
        std::fs::rename(&first, &away).unwrap();
        let (spent, _) = journal.take_absorbed(2, false).unwrap().scrub().unwrap_err();
        journal.take_back(spent);
        std::fs::rename(&away, &first).unwrap();
        assert!(journal.take_absorbed(2, false).is_none());
        let prepared = journal.take_absorbed(2, true).unwrap().scrub().ok().flatten().unwrap();
        journal.give(prepared);
        assert!(journal.take_absorbed(2, true).is_none());
        assert_eq!(contents(&reopen(dir.path(), 2).1), [content.as_slice()]);
    }

    #[test]
    fn a_file_that_was_half_scrubbed_neither_stops_a_start_nor_keeps_what_was_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        let content = vec![7; 1 << 20];
        for _ in 0..8 {
            journal.append(&content).unwrap();
        }
        drop(journal);
        let first = path(dir.path(), 0);
        let whole = std::fs::read(&first).unwrap();
        // The second record's header is gone, the third's is not; the first file's last record was the third.
        let mut half = whole.clone();
        half[1 << 20..3 << 19].fill(0);
        std::fs::write(&first, &half).unwrap();
        assert_eq!(reopen(dir.path(), 4).1.len(), 4);
        assert!(Journal::open(dir.path(), 1).unwrap_err().to_string().contains("missing"));
        // The beginning is gone, the rest is not: what is prepared for use holds nothing old.
        let mut half = whole;
        half[..1 << 20].fill(0);
        std::fs::write(&first, &half).unwrap();
        let (journal, _) = reopen(dir.path(), 4);
        if let Some(file) = &journal.ready {
            let bytes = std::fs::read(path(dir.path(), file.number)).unwrap();
            assert!(bytes.iter().all(|byte| *byte == 0), "{} keeps what was in it", file.number);
        }
        assert!(!first.exists() || std::fs::read(&first).unwrap().iter().all(|byte| *byte == 0));
    }

    /// It keeps its number, and is next to be written to: records in it are newer than those in files with higher numbers.
    #[test]
    fn records_in_a_file_that_was_half_scrubbed_before_come_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        let content = vec![7; 1 << 20];
        for _ in 0..8 {
            journal.append(&content).unwrap();
        }
        drop(journal);
        let first = OpenOptions::new().write(true).open(path(dir.path(), 0)).unwrap();
        first.write_all_at(&vec![0; 1 << 20], 0).unwrap();
        let (mut journal, _) = reopen(dir.path(), 3);
        for sequence in 9..=10 {
            assert_eq!(journal.append(&content).unwrap().sequence, sequence);
        }
        assert_eq!(journal.files.back().map(|file| file.number), Some(0));
        let sequences = |absorbed| {
            reopen(dir.path(), absorbed).1.iter().map(|record| record.sequence).collect::<Vec<_>>()
        };
        assert_eq!(sequences(3), [4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(sequences(9), [10]);
    }

    /// A flipped bit ended the journal: what came after it was lost without a word, and, when it was in a file's first record,
    /// overwritten.
    #[test]
    fn a_damaged_record_before_whole_ones_is_told_and_nothing_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        for text in ["one", "two", "three"] {
            journal.append(text.as_bytes()).unwrap();
        }
        drop(journal);
        let file = path(dir.path(), 0);
        let whole = std::fs::read(&file).unwrap();
        for at in [0, 5, 9, 17, HEADER, HEADER + 3 + HEADER] {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            std::fs::write(&file, &bytes).unwrap();
            let refused = Journal::open(dir.path(), 0).unwrap_err();
            assert!(refused.to_string().contains("damaged"), "{at}: {refused}");
            assert_eq!(std::fs::read(&file).unwrap(), bytes);
            // Once sled has all of it, it does not matter.
            drop(Journal::open(dir.path(), 3).unwrap());
            std::fs::write(&file, &whole).unwrap();
        }
        assert_eq!(contents(&reopen(dir.path(), 0).1), [&b"one"[..], b"two", b"three"]);
    }

    #[test]
    fn a_missing_part_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path(), 0);
        let content = vec![7; 5 << 19];
        for _ in 0..3 {
            journal.append(&content).unwrap();
        }
        drop(journal);
        std::fs::remove_file(path(dir.path(), 1)).unwrap();
        assert!(Journal::open(dir.path(), 0).unwrap_err().to_string().contains("missing"));
        std::fs::remove_file(path(dir.path(), 0)).unwrap();
        assert!(Journal::open(dir.path(), 0).unwrap_err().to_string().contains("beginning"));
        assert_eq!(Journal::open(dir.path(), 2).unwrap().1.len(), 1);
    }
}
