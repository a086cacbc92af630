//! Whether a zip archive is the same to every program that unpacks it.
//!
//! A zip says everything twice: in front of each file, and in a list at the end, which is found by searching backwards. Programs
//! differ in which they believe, and in what they take for the end. So an archive in which they could find different files is
//! refused, before anything in it is read. What the files say is not looked at here.

use super::check::BundleFault;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use zip::ZipArchive;

/// Most bytes that follow a file whose length was not known when it was begun: zip's data descriptor.
const DESCRIPTOR: u64 = 24;
/// Bytes of the fixed part of: the end record, its longer form, what leads to that, an item of the list, a file's own header.
const END: u64 = 22;
const LONG_END: u64 = 56;
const LEADS_TO_LONG_END: u64 = 20;
const ITEM: u64 = 46;
const HEADER: u64 = 30;
/// Flags that change nothing about what is read, or that are looked at: how well it is packed, a descriptor, UTF-8.
const KNOWN_FLAGS: u64 = 0b1000_0000_1110;
const HAS_DESCRIPTOR: u64 = 0b1000;
/// Extra fields that say nothing about name or content: long lengths, times, numbers of owners.
const HARMLESS: [u64; 3] = [0x0001, 0x5455, 0x7875];

type Archive<R> = ZipArchive<BufReader<R>>;

/// The files' lengths by name, once it is sure that the archive is nothing but its files. `file` is the same archive once more.
///
/// # Errors
/// [`BundleFault`]: what is odd about it.
pub(super) fn layout<R: Read + Seek>(
    zip: &mut Archive<R>,
    file: R,
) -> Result<BTreeMap<String, u64>, BundleFault> {
    let mut raw = Raw(BufReader::new(file));
    let items = raw.list(zip.len())?;
    let mut places = Vec::new();
    let mut sizes = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let file = zip.by_index_raw(at).map_err(|error| unreadable(&error))?;
        let start = file.data_start().unwrap_or_default();
        let end = start.saturating_add(file.compressed_size());
        let name = file.name().map_err(|error| unreadable(&error))?.to_string();
        // POSIX: the type of a file is in these bits of its mode, and an archive of another system has none.
        let is_special = file.unix_mode().is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000));
        let is_twice = sizes.insert(name.clone(), file.size()).is_some();
        if is_twice || is_special || file.is_dir() || file.encrypted() {
            return Err(BundleFault::FileUnknown(name));
        }
        if file.name_raw() != item.name || name.as_bytes() != item.name {
            return Err(BundleFault::ArchiveAmbiguous("a file has two names"));
        }
        let content = (u64::from(file.crc32()), [file.size(), file.compressed_size()]);
        raw.header(file.header_start(), item, content)?;
        let follows = (item.flags & HAS_DESCRIPTOR != 0).then_some(content);
        places.push((file.header_start(), start, end, follows, name));
    }
    places.sort_unstable();
    // Where the file before ended, and what its descriptor says, if one follows.
    let mut before = (0, None, "the beginning".to_string());
    for (header, start, end, follows, name) in places {
        let name_length = name.len() as u64;
        // A local header has 30 bytes, the name, and at most the extra field for long files.
        let header_fits = start
            .checked_sub(header)
            .is_some_and(|it| (HEADER + name_length..=HEADER + name_length + 64).contains(&it));
        if !header_fits || !raw.adjoins(&before, header)? {
            return Err(BundleFault::ArchiveOdd { near: before.2 });
        }
        before = (end, follows, name);
    }
    if !raw.adjoins(&before, zip.central_directory_start())? {
        return Err(BundleFault::ArchiveOdd { near: before.2 });
    }
    Ok(sizes)
}

/// Checksum of a file, and its lengths unpacked and packed.
type Content = (u64, [u64; 2]);

fn unreadable(error: &dyn std::fmt::Display) -> BundleFault {
    BundleFault::ArchiveUnreadable(error.to_string())
}

/// An item of the list of files.
struct Item {
    flags: u64,
    method: u64,
    name: Vec<u8>,
}

/// The archive's bytes, numbers little endian (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4).
struct Raw<R>(BufReader<R>);

impl<R: Read + Seek> Raw<R> {
    fn read(&mut self, at: u64, length: u64) -> Result<Vec<u8>, BundleFault> {
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(at)).map_err(|error| unreadable(&error))?;
        let read = (&mut self.0).take(length).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if read as u64 == length { Ok(bytes) } else { Err(unreadable(&"it is cut off")) }
    }

    /// The list of files, which must end where the archive does and have `count` items.
    fn list(&mut self, count: usize) -> Result<Vec<Item>, BundleFault> {
        let odd = BundleFault::ArchiveAmbiguous;
        let length = self.0.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
        let mut end = length.checked_sub(END).ok_or(odd("it is too short"))?;
        let record = self.read(end, END)?;
        if !record.starts_with(b"PK\x05\x06") || number(&record, 20, 2) != 0 {
            return Err(odd("something follows the end of its list of files"));
        }
        // On which disk it is and where the list begins; how many files are on this one, and in all; bytes of the list, and where.
        let mut says =
            [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4)].map(|(at, n)| number(&record, at, n));
        let leads =
            end.checked_sub(LEADS_TO_LONG_END).map(|at| self.read(at, LEADS_TO_LONG_END)).transpose()?;
        if let Some(leads) = leads.filter(|leads| leads.starts_with(b"PK\x06\x07")) {
            let at = number(&leads, 8, 8);
            let adjoins = at.checked_add(LONG_END + LEADS_TO_LONG_END) == Some(end);
            let long = if adjoins { self.read(at, LONG_END)? } else { Vec::new() };
            if !long.starts_with(b"PK\x06\x06") || number(&long, 4, 8) != LONG_END - 12 {
                return Err(odd("its two ends do not adjoin"));
            }
            let more =
                [(16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8)].map(|(at, n)| number(&long, at, n));
            let full = [0xffff, 0xffff, 0xffff, 0xffff, 0xffff_ffff, 0xffff_ffff];
            if (0..6).any(|at| says[at] != more[at] && says[at] != full[at]) {
                return Err(odd("its two ends differ"));
            }
            (says, end) = (more, at);
        }
        let [disk, first_disk, here, all, bytes, start] = says;
        if disk != 0 || first_disk != 0 || here != all || all != count as u64 {
            return Err(odd("its end counts other files than its list has"));
        }
        if start.checked_add(bytes) != Some(end) {
            return Err(odd("its list of files is not where its end says"));
        }
        let (mut at, mut items) = (start, Vec::new());
        for _ in 0..all {
            let item = self.read(at, ITEM)?;
            let [flags, method, name, extra, comment] =
                [8, 10, 28, 30, 32].map(|field| number(&item, field, 2));
            if !item.starts_with(b"PK\x01\x02") || comment != 0 || flags & !KNOWN_FLAGS != 0 {
                return Err(odd("its list of files has something else in it"));
            }
            let mut name_and_extra = self.read(at + ITEM, name + extra)?;
            are_harmless(&name_and_extra.split_off(name as usize))?;
            items.push(Item { flags, method, name: name_and_extra });
            at += ITEM + name + extra;
        }
        if at == end { Ok(items) } else { Err(odd("its list of files does not end where its end says")) }
    }

    /// Whether nothing stands between the end of a file and what comes next but the descriptor that should, saying what the list says.
    fn adjoins(
        &mut self,
        (end, follows, _): &(u64, Option<Content>, String),
        next: u64,
    ) -> Result<bool, BundleFault> {
        let Some((checksum, [unpacked, packed])) = follows else { return Ok(next == *end) };
        let Some(length) = next.checked_sub(*end).filter(|length| *length <= DESCRIPTOR) else {
            return Ok(false);
        };
        let bytes = self.read(*end, length)?;
        // The mark in front of it may be missing; large files have long lengths.
        let bytes = bytes.strip_prefix(b"PK\x07\x08").unwrap_or(&bytes);
        let width = match bytes.len() {
            12 => 4,
            20 => 8,
            _ => return Ok(false),
        };
        let lengths = [4, 4 + width].map(|at| number(bytes, at, width));
        Ok(number(bytes, 0, 4) == *checksum && lengths == [*packed, *unpacked])
    }

    /// The header in front of a file's content says what the list says.
    fn header(
        &mut self,
        at: u64,
        item: &Item,
        (checksum, [unpacked, packed]): Content,
    ) -> Result<(), BundleFault> {
        let header = self.read(at, HEADER)?;
        let [flags, method, name, extra] = [6, 8, 26, 28].map(|field| number(&header, field, 2));
        let mut own_name = self.read(at + HEADER, name + extra)?;
        let extra = own_name.split_off(name as usize);
        are_harmless(&extra)?;
        // What is only known after the content stands behind it, and is 0 here.
        let said_later = item.flags & HAS_DESCRIPTOR != 0;
        let fits = |said: u64, is: u64, long: u64| said == is || said == long || (said_later && said == 0);
        let has_long = extra.starts_with(&[1, 0, 16, 0]);
        // Long lengths stand in a field of their own, before any other and once.
        if has_field(extra.get(if has_long { 20 } else { 0 }..).unwrap_or_default(), 0x0001) {
            return Err(BundleFault::ArchiveAmbiguous("a file's long lengths are not where they belong"));
        }
        let long = |is: u64| if has_long { u64::from(u32::MAX) } else { is };
        let mut same = header.starts_with(b"PK\x03\x04")
            && (flags, method, &own_name) == (item.flags, item.method, &item.name)
            && fits(number(&header, 14, 4), checksum, checksum)
            && fits(number(&header, 18, 4), packed, long(packed))
            && fits(number(&header, 22, 4), unpacked, long(unpacked));
        if has_long {
            let (of_unpacked, of_packed) = (number(&extra, 4, 8), number(&extra, 12, 8));
            same &= fits(of_unpacked, unpacked, unpacked) && fits(of_packed, packed, packed);
        }
        let what = "in front of a file stands something else than in its list of files";
        if same { Ok(()) } else { Err(BundleFault::ArchiveAmbiguous(what)) }
    }
}

/// Whether extra fields say nothing about the name or content of a file.
fn are_harmless(mut extra: &[u8]) -> Result<(), BundleFault> {
    while let Some(rest) = extra.get(4..) {
        let (kind, length) = (number(extra, 0, 2), number(extra, 2, 2));
        extra = match rest.get(length as usize..) {
            Some(rest) if HARMLESS.contains(&kind) => rest,
            _ => break,
        };
    }
    if extra.is_empty() {
        Ok(())
    } else {
        Err(BundleFault::ArchiveAmbiguous("a file has an unknown extra field"))
    }
}

/// Whether there is an extra field of this kind.
fn has_field(mut extra: &[u8], wanted: u64) -> bool {
    while extra.len() >= 4 {
        if number(extra, 0, 2) == wanted {
            return true;
        }
        extra = extra.get(4 + number(extra, 2, 2) as usize..).unwrap_or_default();
    }
    false
}

/// A number of so many bytes; 0 where there are none.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// By the first release.
    const GOOD: &[u8] = include_bytes!("../../../tests/vectors/bundle.zip");

    fn judged(bytes: &[u8]) -> Result<BTreeMap<String, u64>, BundleFault> {
        let zip = ZipArchive::new(BufReader::new(Cursor::new(bytes)));
        layout(&mut zip.map_err(|error| unreadable(&error))?, Cursor::new(bytes))
    }

    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = GOOD.to_vec();
        change(&mut bytes);
        assert_ne!(bytes, GOOD);
        bytes
    }

    fn add(bytes: &mut [u8], at: usize, length: usize, more: u64) {
        let sum = number(bytes, at, length) + more;
        bytes[at..at + length].copy_from_slice(&sum.to_le_bytes()[..length]);
    }

    fn last(bytes: &[u8], what: &[u8]) -> usize {
        bytes.windows(what.len()).rposition(|window| window == what).unwrap()
    }

    #[test]
    fn the_first_bundle_is_plain() {
        assert_eq!(judged(GOOD).unwrap().len(), 18);
    }

    /// The files of a log of more than eight million entries are more than an archive counts in its first form.
    #[test]
    fn an_archive_of_very_many_files_is_plain() {
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let mut bytes = Vec::new();
        let mut archive = zip::ZipWriter::new_stream(&mut bytes);
        for number in 0..66_000 {
            archive.start_file(number.to_string(), options).unwrap();
        }
        archive.finish().unwrap();
        assert_eq!(judged(&bytes).unwrap().len(), 66_000);
        let end = bytes.len() - END as usize;
        let long_end = end - (LEADS_TO_LONG_END + LONG_END) as usize;
        assert!(bytes[long_end..].starts_with(b"PK\x06\x06"));
        for at in [long_end + 4, long_end + 24, long_end + 32, long_end + 40, long_end + 48, end - 12] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(judged(&other).is_err(), "byte {at} from {long_end}");
        }
    }

    /// Each was called whole, and another program found other files in it, or the same under other names.
    #[test]
    fn what_programs_unpack_in_different_ways_is_refused() {
        let end = GOOD.len() - END as usize;
        let item = last(GOOD, b"PK\x01\x02");
        let local = |name: &[u8]| GOOD.windows(name.len()).position(|window| window == name).unwrap();
        let descriptor = GOOD.windows(4).position(|mark| mark == b"PK\x07\x08").unwrap();
        let cases: [(&str, Vec<u8>); 16] = [
            (
                "lengths in front of a file that are said to be elsewhere, and are not",
                changed(|it| {
                    it[18..26].fill(0xff);
                    // The field that has them becomes one of times.
                    assert_eq!(it[44..48], [1, 0, 16, 0]);
                    it[44..46].copy_from_slice(&0x5455_u16.to_le_bytes());
                }),
            ),
            ("another checksum behind a file", changed(|it| it[descriptor + 4] ^= 1)),
            ("something behind it", changed(|it| it.extend(b"more"))),
            ("a comment", changed(|it| (add(it, end + 20, 2, 4), it.extend(b"more")).0)),
            (
                "a second end, whose comment runs past the archive",
                changed(|it| {
                    let mut second = it[end..].to_vec();
                    add(&mut second, 20, 2, 9);
                    it.extend(second);
                }),
            ),
            ("a second end", changed(|it| it.extend_from_within(end..))),
            (
                "a name twice in the list",
                changed(|it| {
                    let twice = it[item..end].to_vec();
                    add(it, end + 8, 2, 1);
                    add(it, end + 10, 2, 1);
                    add(it, end + 12, 4, twice.len() as u64);
                    it.splice(end..end, twice);
                }),
            ),
            (
                "an item that is not counted",
                changed(|it| {
                    let more = it[item..end].to_vec();
                    add(it, end + 12, 4, more.len() as u64);
                    it.splice(end..end, more);
                }),
            ),
            ("a list that begins elsewhere", changed(|it| it[end + 16] ^= 1)),
            ("another name in front of the file", changed(|it| it[local(b"records.csv")] ^= 1)),
            ("another method in front of the file", changed(|it| it[local(b"records.csv") - 22] ^= 8)),
            ("other flags in front of the file", changed(|it| it[local(b"records.csv") - 23] ^= 8)),
            ("other flags in the list", changed(|it| it[item + 8] ^= 0x40)),
            ("another length in front of the file", changed(|it| it[local(b"records.csv") - 8] ^= 1)),
            ("an extra field with another name", changed(|it| it[local(b"records.csv") + 11] = 0x75)),
            ("something before it", changed(|it| drop(it.splice(0..0, *b"more")))),
        ];
        for (what, bytes) in cases {
            let fault = judged(&bytes).expect_err(what).code();
            let named = ["archive-ambiguous", "archive-odd", "archive-unreadable"];
            assert!(named.contains(&fault), "{what}: {fault}");
        }
    }
}
