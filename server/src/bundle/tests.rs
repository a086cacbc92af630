//! Bundles that somebody changed, judged in one process: the first release's, with its manifest told of the change where it can be.

use super::check::{BundleFault, check};
use crate::copied_log::{self, LogFault};
use assent_core::bundle::{BundleFile, LOG, MANIFEST, Manifest, RECORDS};
use assent_core::checkpoint::Checkpoint;
use assent_core::export_format::{FooterLine, GoneLine, Line, WithheldLine};
use assent_core::hash::sha256;
use assent_core::merkle::CompactTree;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

const GOOD: &[u8] = include_bytes!("../../../tests/vectors/bundle.zip");

type Files = BTreeMap<String, Vec<u8>>;

fn judged(bytes: &[u8]) -> Result<String, BundleFault> {
    check(&|| Ok(Cursor::new(bytes)), None, &mut |_, _| ()).map(|summary| format!("{summary:?}"))
}

fn unpacked(bytes: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = Files::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(file.name().unwrap().to_string(), content);
    }
    files
}

/// The archive again, with other lines of the export, and everything that counts or lists them told so.
fn with_lines(change: impl FnOnce(&mut Vec<Line>)) -> Vec<u8> {
    let mut files = unpacked(GOOD);
    let text = String::from_utf8(files[RECORDS].clone()).unwrap();
    let mut lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    change(&mut lines);
    let mut counts = FooterLine::default();
    lines.iter().for_each(|line| counts.count(line));
    *lines.last_mut().unwrap() = Line::Footer(counts);
    let text: String = lines.iter().map(|line| line.to_json() + "\n").collect();
    files.insert(RECORDS.into(), text.into_bytes());
    let mut manifest: Manifest = serde_json::from_slice(&files[MANIFEST]).unwrap();
    let listed = |name: &&String| *name != MANIFEST && !name.starts_with(LOG);
    let entry = |name: &String| BundleFile {
        name: name.clone(),
        bytes: files[name].len() as u64,
        sha256: sha256(&files[name]),
    };
    (manifest.files, manifest.counts) = (files.keys().filter(listed).map(entry).collect(), counts);
    files.insert(MANIFEST.into(), serde_json::to_vec(&manifest).unwrap());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in &files {
        archive.start_file(name.clone(), options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The export alone cannot tell what an entry is that it does not show.
#[test]
fn only_a_record_can_be_gone_or_withheld() {
    let changed = judged(&with_lines(|_| ())).unwrap();
    assert!(changed.contains("records: 5"), "packing again changes nothing that is told: {changed}");
    let mut hidden = 0;
    for at in 0..12 {
        for withheld in [true, false] {
            let mut index = None;
            let bytes = with_lines(|lines| {
                let line = &mut lines[at];
                if !matches!(line, Line::Notice(_) | Line::Change(_) | Line::Erasures(_) | Line::Purge(_)) {
                    return;
                }
                index = line.index();
                let (index, day) = (index.unwrap(), "2026-11-24".into());
                *line = if withheld {
                    Line::Withheld(WithheldLine { index, reason: "restricted".into() })
                } else {
                    Line::Gone(GoneLine { index, reason: "erased-asked".into(), day, period: None })
                };
            });
            let Some(index) = index else { continue };
            hidden += 1;
            let fault = judged(&bytes).unwrap_err();
            assert!(matches!(fault, BundleFault::EntryHidden(entry) if entry == index), "{index}: {fault}");
        }
    }
    assert_eq!(hidden, 6, "a notice, the retention rules, and what tells of an erasure");
}

/// Each of the bundle's bytes, with one bit of it flipped: refused, or the same verdict about the same files.
#[test]
fn no_bit_that_flips_changes_what_is_called_whole() {
    let (verdict, files) = (judged(GOOD).unwrap(), unpacked(GOOD));
    let (next, harmless) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut bytes = GOOD.to_vec();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(before) = bytes.get(at).copied() else { return };
            bytes[at] ^= 1 << (at % 8);
            if let Ok(said) = judged(&bytes) {
                assert_eq!((&said, &unpacked(&bytes)), (&verdict, &files), "byte {at}");
                harmless.fetch_add(1, Ordering::Relaxed);
            }
            bytes[at] = before;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    // Times, systems and versions in headers, and what a stream repeats behind each file.
    let harmless = harmless.into_inner();
    assert!((1..GOOD.len() / 20).contains(&harmless), "{harmless} of {} bytes are harmless", GOOD.len());
}

/// Each bit of a copied log's files, flipped.
#[test]
fn no_bit_that_flips_in_a_copied_log_is_called_whole() {
    let files: Files = unpacked(GOOD)
        .into_iter()
        .filter_map(|(name, content)| Some((name.strip_prefix(LOG)?.to_string(), content)))
        .collect();
    let manifest: Manifest = serde_json::from_slice(&unpacked(GOOD)[MANIFEST]).unwrap();
    let key = manifest.key.parse().unwrap();
    let judged = |files: &Files| -> Result<(Checkpoint, Vec<Vec<u8>>), LogFault> {
        let mut read = |path: &str| Ok(files.get(path).cloned());
        let head = copied_log::head(&mut read, Some(&key))?.checkpoint;
        let mut entries = Vec::new();
        let mut each = |_: u64, entry: &[u8], _: &CompactTree| {
            entries.push(entry.to_vec());
            Ok(())
        };
        copied_log::check::<LogFault>(&mut read, &head, &mut each, &mut |_, _| ())?;
        Ok((head, entries))
    };
    let good = judged(&files).unwrap();
    assert_eq!(good.1.len(), 9);
    let mut bits = 0;
    for name in files.keys() {
        for bit in 0..files[name].len() * 8 {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            if let Ok(said) = judged(&changed) {
                assert_eq!(said, good, "{name}, bit {bit}");
            }
            bits += 1;
        }
    }
    assert_eq!(bits, 8 * (213 + 288 + 324));
}
