//! The audit bundle: whatever comes as an archive, and a good one in which files were edited and the manifest, which nobody signed, was
//! made to fit. What is then still judged good says what the good one said.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::sync::LazyLock;

use assent_core::bundle::{
    BundleFile, CHECKPOINTS, CheckpointLine, LOG, MANIFEST, Manifest, PAGE, RECORDS, SCHEMAS,
};
use assent_core::export_format::Line;
use assent_core::hash::sha256;
use assent_core::note::{Note, VerifierKey};
use assent_core::retention::{RetentionFile, RetentionRules};
use serde_json::{from_slice, from_str, to_vec};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::check::{BundleSummary, check};
use crate::read::{checkpoints, entries};

type Files = Vec<(String, Vec<u8>)>;

/// A whole log: records, notices, an erasure and what tells of it.
static GOOD: LazyLock<(Files, VerifierKey)> = LazyLock::new(|| {
    let mut archive =
        ZipArchive::new(Cursor::new(include_bytes!("../../tests/vectors/bundle.zip"))).expect("an archive");
    let mut files = Files::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).expect("a file");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("its content");
        files.push((file.name().expect("its name").to_string(), content));
    }
    let (_, manifest) = files.iter().find(|(name, _)| name == MANIFEST).expect("its manifest");
    let manifest: Manifest = from_slice(manifest).expect("a manifest");
    // Its manifest is written as this file writes it.
    packed(&mut files);
    (files, VerifierKey::parse(&manifest.key).expect("its key"))
});

pub fn bundle(data: &[u8]) {
    let open = || Ok(Cursor::new(data));
    let mut last = 0;
    let judged = check(&open, None, &mut |done, _| {
        assert!(last <= done, "progress goes on");
        last = done;
    });
    if let Ok(summary) = judged {
        is_taken_over(data, &summary);
    }
}

/// Edits: which file, where (two bytes), how many bytes go, how many come, and those.
pub fn bundle_file(mut data: &[u8]) {
    let (good, key) = &*GOOD;
    let mut files = good.clone();
    while let [file, high, low, gone, added, rest @ ..] = data {
        let (added, rest) = rest.split_at(rest.len().min(usize::from(*added)));
        let file = usize::from(*file) % files.len();
        let content = &mut files[file].1;
        let at = (usize::from(*high) << 8 | usize::from(*low)).min(content.len());
        let end = (at + usize::from(*gone)).min(content.len());
        content.splice(at..end, added.iter().copied());
        data = rest;
    }
    let packed = packed(&mut files);
    let judged = check(&|| Ok(Cursor::new(packed.as_slice())), Some(key.clone()), &mut |_, _| ());
    let Ok(summary) = judged else {
        assert!(files != *good, "the good one is good: {judged:?}");
        return;
    };
    is_taken_over(&packed, &summary);
    for ((name, found), (_, expected)) in files.iter().zip(good) {
        assert!(found == expected || says_the_same(name, found, expected), "{name} says something else");
    }
}

/// Another instance reads in a bundle over a whole log what was judged.
fn is_taken_over(packed: &[u8], summary: &BundleSummary) {
    let (size, export) = (summary.manifest.size, &summary.export);
    if (export.first, export.end, export.withheld) != (0, size, 0) {
        return;
    }
    let archive = || ZipArchive::new(Cursor::new(packed)).expect("it was read");
    let (mut records, mut leaves, mut receipts) = (archive(), archive(), archive());
    let rules = RetentionRules::new(RetentionFile::default(), 365);
    let read = entries(&mut records, &mut leaves, size, &rules).expect("its records");
    let read = read.map(|entry| entry.expect("an entry that was judged")).count();
    assert_eq!(read as u64, size, "each entry once");
    let read = checkpoints(&mut receipts).expect("its checkpoints");
    let read = read.map(|checkpoint| checkpoint.expect("a checkpoint that was judged")).count();
    assert_eq!(read as u64, summary.checkpoints);
}

/// An archive of these, with a manifest that lists what they are, if it is one.
fn packed(files: &mut Files) -> Vec<u8> {
    let by_name: BTreeMap<String, BundleFile> = files
        .iter()
        .map(|(name, content)| {
            let (bytes, sha256) = (content.len() as u64, sha256(content));
            (name.clone(), BundleFile { name: name.clone(), bytes, sha256 })
        })
        .collect();
    let manifest = files.iter_mut().find(|(name, _)| name == MANIFEST).expect("a manifest");
    if let Ok(mut read) = from_slice::<Manifest>(&manifest.1) {
        for listed in &mut read.files {
            *listed = by_name.get(&listed.name).unwrap_or(listed).clone();
        }
        manifest.1 = to_vec(&read).expect("a manifest");
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        archive.start_file(name.as_str(), options).expect("in memory");
        archive.write_all(content).expect("in memory");
    }
    archive.finish().expect("in memory").into_inner()
}

/// Whether a file that is not byte for byte the good one's says the same. Only the manifest vouches for the page, the schemas, and how
/// it was made.
fn says_the_same(name: &str, found: &[u8], expected: &[u8]) -> bool {
    fn lines<'a, T: serde::Deserialize<'a>>(text: &'a [u8]) -> Vec<T> {
        let text = std::str::from_utf8(text).expect("text");
        text.lines().map(|line| from_str(line).expect("a line")).collect()
    }
    match name {
        PAGE => true,
        _ if name.starts_with(SCHEMAS) => true,
        MANIFEST => {
            let [found, expected] = [found, expected].map(|text| {
                let manifest: Manifest = from_slice(text).expect("a manifest");
                let mut names: Vec<String> = manifest.files.iter().map(|file| file.name.clone()).collect();
                names.sort_unstable();
                (
                    names,
                    Manifest { made: String::new(), program: String::new(), files: Vec::new(), ..manifest },
                )
            });
            found == expected
        }
        RECORDS => lines::<Line>(found) == lines::<Line>(expected),
        CHECKPOINTS => {
            // A line that nobody knows may stand under a note.
            let [found, expected] = [found, expected].map(|text| {
                let lines = lines::<CheckpointLine>(text);
                lines.into_iter().map(|line| (line.size, text_of(&line.checkpoint))).collect::<Vec<_>>()
            });
            found == expected
        }
        _ if name.strip_prefix(LOG) == Some("checkpoint") => {
            let [found, expected] =
                [found, expected].map(|note| text_of(std::str::from_utf8(note).expect("text")));
            found == expected
        }
        _ => false,
    }
}

fn text_of(note: &str) -> String {
    Note::parse(note).expect("a note").text().to_string()
}
