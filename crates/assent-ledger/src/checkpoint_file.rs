//! The signed checkpoint's own file: what the log last vouched for, kept apart from the store so that a store
//! rolled back or swapped is noticed.
//!
//! Two slots of 16 KiB, written in turn, each with a number and a checksum. A write cut short damages one slot and
//! leaves the other, which is the checkpoint before. Not a history, and not where tiles are served from.
//!
//! Slot: magic (16 bytes), number (8, big endian), length (4), SHA-256 over number, length and text (32), text.
//! A file that is nothing but a text was put there by hand, after the other was lost: it is read, and replaced by slots.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use assent_core::hash::sha256_parts;

use crate::files;

const MAGIC: &[u8; 16] = b"assent-head/v1\n\0";
const SLOT_LEN: u64 = 16 * 1024;
const HEADER_LEN: usize = 60;

/// The file, and which slot is next.
#[derive(Debug)]
pub(crate) struct CheckpointFile {
    file: File,
    next: u64,
}

impl CheckpointFile {
    /// Opens the file, making it when it is not there; answers the newest whole text in it.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Option<String>)> {
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        files::sync_folder_of(path)?;
        Ok(match newest(&file)? {
            Some((number, text)) => (CheckpointFile { file, next: number + 1 }, Some(text)),
            None => (CheckpointFile { file, next: 1 }, None),
        })
    }

    /// One that cannot be written.
    #[cfg(test)]
    pub(crate) fn that_fails(path: &Path) -> Self {
        CheckpointFile { file: File::open(path).unwrap(), next: 1 }
    }

    /// The newest whole text in a file, without touching it.
    pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
        let file = File::open(path)?;
        Ok(newest(&file)?.map(|(_, text)| text))
    }

    /// Writes a newer text over the older slot; durable when it returns.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        let length = u32::try_from(text.len()).ok().filter(|len| u64::from(*len) + 60 <= SLOT_LEN);
        let length = length.ok_or_else(|| io::Error::other("the checkpoint is too long for its slot"))?;
        let number = self.next;
        let mut bytes = Vec::with_capacity(HEADER_LEN + text.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&checksum(number, length, text.as_bytes()));
        bytes.extend_from_slice(text.as_bytes());
        self.file.write_all_at(&bytes, number % 2 * SLOT_LEN)?;
        self.file.sync_data()?;
        self.next += 1;
        Ok(())
    }
}

/// The newest whole text, and the number of its slot; 0 when the file is nothing but a text.
fn newest(file: &File) -> io::Result<Option<(u64, String)>> {
    let newest = [read_slot(file, 0)?, read_slot(file, 1)?].into_iter().flatten().max();
    if newest.is_some() || file.metadata()?.len() >= SLOT_LEN {
        return Ok(newest);
    }
    let text = String::from_utf8(read_at(file, 0)?).ok();
    // A signed note; anything else is damage.
    Ok(text.filter(|text| text.contains("\n\n\u{2014} ")).map(|text| (0, text)))
}

fn read_slot(file: &File, slot: u64) -> io::Result<Option<(u64, String)>> {
    Ok(parse_slot(&read_at(file, slot)?))
}

/// The bytes of a slot, as far as the file goes.
fn read_at(file: &File, slot: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; SLOT_LEN as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], slot * SLOT_LEN + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn parse_slot(bytes: &[u8]) -> Option<(u64, String)> {
    let (number, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<32>()?;
    let (number, length) = (u64::from_be_bytes(*number), u32::from_be_bytes(*length));
    let text = rest.get(..length as usize)?;
    (checksum(number, length, text) == *sum).then_some(())?;
    Some((number, String::from_utf8(text.to_vec()).ok()?))
}

fn checksum(number: u64, length: u32, text: &[u8]) -> [u8; 32] {
    sha256_parts(&[&number.to_be_bytes(), &length.to_be_bytes(), text]).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_put_there_by_hand_counts_until_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clinic");
        let note = "origin\n1\nAAAA\n\n\u{2014} origin AAAA\n";
        std::fs::write(&path, note).unwrap();
        let (mut file, text) = CheckpointFile::open(&path).unwrap();
        assert_eq!(text.as_deref(), Some(note));
        for text in ["first", "second"] {
            file.write(text).unwrap();
            assert_eq!(CheckpointFile::read(&path).unwrap().as_deref(), Some(text));
        }
        for nothing in [&b""[..], b"no note", b"assent-head/v1\n\0cut"] {
            std::fs::write(&path, nothing).unwrap();
            assert_eq!(CheckpointFile::open(&path).unwrap().1, None);
        }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heads").join("clinic");
        let (mut file, none) = CheckpointFile::open(&path).unwrap();
        assert_eq!(none, None);
        for text in ["first, a long one", "second", "third"] {
            file.write(text).unwrap();
            assert_eq!(CheckpointFile::open(&path).unwrap().1.as_deref(), Some(text));
        }
        // The third text is in slot 1; a torn write there leaves the second.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[SLOT_LEN as usize + HEADER_LEN] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (mut file, text) = CheckpointFile::open(&path).unwrap();
        assert_eq!(text.as_deref(), Some("second"));
        file.write("third again").unwrap();
        assert_eq!(CheckpointFile::open(&path).unwrap().1.as_deref(), Some("third again"));
        assert!(file.write(&"x".repeat(20_000)).is_err());
    }
}
