//! Checking an audit bundle with nothing but the file: every byte that is content is proven, derived again, or compared with a
//! hash, and the first thing that is wrong is named.
//!
//! The export is proven by its own verifier, the log's files by the signed checkpoint, notices by their leaves, the checkpoints of
//! receipts by signature and root. The table is made again from the proven records. What only the manifest vouches for is the
//! page, the schemas, and the times of making.

use super::archive::layout;
use crate::copied_log::{self, LogFault};
use assent_core::bundle::{
    BUNDLE_FORMAT, BundleFile, CHECKPOINTS, COSIGNED, CheckpointLine, LOG, MANIFEST, Manifest, NOTICES, PAGE,
    RECORDS, SCHEMAS, TABLE,
};
use assent_core::checkpoint::{Checkpoint, SignedCheckpoint};
use assent_core::commitment::{Leaf, LeafType};
use assent_core::export_format::{
    ExportFault, ExportSummary, ExportVerifier, FooterLine, Line, MAX_LINE_BYTES,
};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::merkle::{CompactTree, EMPTY_ROOT};
use assent_core::note::VerifierKey;
use assent_core::record::Record;
use assent_core::schemas;
use assent_core::tile::tiles_at;
use assent_ledger::{CSV_COLUMNS, CSV_COLUMNS_BEFORE_AGE, CsvTable};
use sha2::{Digest as _, Sha256};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use zip::ZipArchive;

/// Longest manifest or checkpoint file that is read whole, in bytes.
const SMALL: u64 = 64 << 20;
/// Why a file is refused whose content goes on after the length that the archive says.
const OTHER_LENGTH: &str = "it has another length than the archive says";
/// Longest other file of the archive: a table of a large log.
const LARGE: u64 = 1 << 44;

/// What does not hold in a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// The archive's own structure is broken.
    #[error("the archive cannot be read: {0}")]
    ArchiveUnreadable(String),
    /// There is something between or around the archive's files, which other programs might take for content.
    #[error("the archive holds bytes that belong to none of its files, near {near}")]
    ArchiveOdd {
        /// The file before or after them.
        near: String,
    },
    /// Programs that unpack it may find different files.
    #[error("other programs may unpack the archive differently: {0}")]
    ArchiveAmbiguous(&'static str),
    /// A file that must be there is not.
    #[error("the file {0} is missing")]
    FileMissing(String),
    /// A file that no bundle has, whether the manifest lists it or not; or a link, a folder, the same name twice.
    #[error("the file {0} does not belong to the bundle")]
    FileUnknown(String),
    /// A file cannot be unpacked.
    #[error("the file {name} cannot be read: {source}")]
    FileUnreadable {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what the manifest says.
    #[error("the file {0} is not the one that the manifest lists: it or the manifest was changed")]
    FileChanged(String),
    /// The manifest is not one.
    #[error("the manifest cannot be read: {0}")]
    ManifestMalformed(String),
    /// The manifest says something else than the proven export.
    #[error("the manifest says another {0} than the export")]
    ManifestDiffers(&'static str),
    /// The export does not hold.
    #[error("{RECORDS}, {0}")]
    Export(#[from] ExportFault),
    /// A proven record is not a consent record.
    #[error("{RECORDS}, entry {0}: what was logged is not a consent record")]
    RecordUnreadable(u64),
    /// The table is not the one that the records give.
    #[error("{TABLE} does not say what the records say")]
    TableDiffers,
    /// The log does not hold.
    #[error("{LOG}: {0}")]
    Log(#[from] LogFault),
    /// The log's head is not the export's.
    #[error("the log's checkpoint is not the one that the export is proven by")]
    HeadDiffers,
    /// An entry of the log is no leaf.
    #[error("entry {0} of the log is not a leaf of Assent")]
    LeafMalformed(u64),
    /// A notice, a change or a summary, which is never erased and always shown, is said to be gone or withheld.
    #[error("entry {0} is no record, and the export does not show it")]
    EntryHidden(u64),
    /// A notice that was logged, or that a record names, is not there.
    #[error("the notice {hash} is missing, which {needed}")]
    NoticeMissing {
        /// Its hash.
        hash: Hash,
        /// What needs it.
        needed: String,
    },
    /// A notice that was never logged.
    #[error("the notice {0} was never published in this log")]
    NoticeUnknown(Hash),
    /// A checkpoint of receipts that is not this log's.
    #[error("{CHECKPOINTS}, line {line}: {what}")]
    CheckpointWrong {
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The checkpoints are not those of the records.
    #[error("{CHECKPOINTS} has other checkpoints than those that the records were recorded under")]
    CheckpointsDiffer,
    /// The cosigned checkpoint is not this log's.
    #[error("{COSIGNED} is not a checkpoint of this log: {0}")]
    CosignedWrong(String),
}

impl BundleFault {
    /// A stable name for programs, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ArchiveUnreadable(_) => "archive-unreadable",
            Self::ArchiveOdd { .. } => "archive-odd",
            Self::ArchiveAmbiguous(_) => "archive-ambiguous",
            Self::FileMissing(_) => "file-missing",
            Self::FileUnknown(_) => "file-unknown",
            Self::FileUnreadable { .. } => "file-unreadable",
            Self::FileChanged(_) => "file-changed",
            Self::ManifestMalformed(_) => "manifest-malformed",
            Self::ManifestDiffers(_) => "manifest-differs",
            Self::Export(fault) => fault.code(),
            Self::RecordUnreadable(_) => "record-unreadable",
            Self::TableDiffers => "table-differs",
            Self::Log(fault) => fault.code(),
            Self::HeadDiffers => "head-differs",
            Self::LeafMalformed(_) => "leaf-malformed",
            Self::EntryHidden(_) => "entry-hidden",
            Self::NoticeMissing { .. } => "notice-missing",
            Self::NoticeUnknown(_) => "notice-unknown",
            Self::CheckpointWrong { .. } => "receipt-checkpoint-wrong",
            Self::CheckpointsDiffer => "receipt-checkpoints-differ",
            Self::CosignedWrong(_) => "cosigned-wrong",
        }
    }
}

/// What a bundle that holds came to.
#[derive(Debug)]
pub struct BundleSummary {
    /// Its manifest.
    pub manifest: Manifest,
    /// What the export in it proves.
    pub export: ExportSummary,
    /// Notices in it, each in the log.
    pub notices: u64,
    /// Checkpoints of receipts.
    pub checkpoints: u64,
    /// The public checkpoint with lines of witnesses, if there is one. Whose lines they are was not checked.
    pub cosigned: Option<SignedCheckpoint>,
}

/// Checks a bundle. `open` opens the same file each time it is called; `progress` is told how many of how many bytes are done.
/// Without a key, everything is checked against the key that the bundle brings along.
///
/// # Errors
/// [`BundleFault`]: the first thing that is wrong.
pub fn check<R: Read + Seek>(
    open: &dyn Fn() -> io::Result<R>,
    key: Option<VerifierKey>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BundleSummary, BundleFault> {
    let unreadable = |error: &dyn std::fmt::Display| BundleFault::ArchiveUnreadable(error.to_string());
    let archive = || -> Result<ZipArchive<BufReader<R>>, BundleFault> {
        let file = open().map_err(|error| unreadable(&error))?;
        ZipArchive::new(BufReader::new(file)).map_err(|error| unreadable(&error))
    };
    let mut zip = archive()?;
    let sizes = layout(&mut zip, open().map_err(|error| unreadable(&error))?)?;
    let (done, total) = (Cell::new(0), sizes.values().sum());
    let mut step = |bytes: u64| {
        done.set(done.get() + bytes);
        progress(done.get(), total);
    };
    let manifest = manifest(&mut zip)?;
    listed(&manifest, &sizes)?;

    // The export, and with it the table that its records give.
    let purpose = manifest.filter.get("purpose").and_then(|purpose| PurposeId::new(purpose.as_str()?).ok());
    let mut reading = Reading::new(key, purpose, columns(&mut zip)?);
    let found = digested(&mut zip, RECORDS, &mut step, |lines| reading.all(lines))?;
    compare(&manifest, RECORDS, &found)?;
    let ReadExport { summary, table, notices, others, coverings } = reading.finish()?;
    agrees(&manifest, &summary)?;
    if listed_as(&manifest, TABLE)? != (table.bytes, table.sha256) {
        return Err(BundleFault::TableDiffers);
    }

    let mut known = BTreeSet::new();
    for file in manifest.files.iter().filter(|file| file.name != RECORDS) {
        let found = digested(&mut zip, &file.name, &mut step, |content| {
            io::copy(content, &mut io::sink()).map(drop).map_err(|source| unreadable_file(&file.name, source))
        })?;
        compare(&manifest, &file.name, &found)?;
        if let Some(name) = file.name.strip_prefix(NOTICES) {
            let hash = name.strip_suffix(".json").and_then(|hex| Hash::from_hex(hex).ok());
            match hash.filter(|hash| *hash == found.sha256) {
                Some(hash) => drop(known.insert(hash)),
                None => return Err(BundleFault::FileUnknown(file.name.clone())),
            }
        }
    }
    for (hash, index) in notices {
        if !known.contains(&hash) {
            let needed = format!("the record at entry {index} names");
            return Err(BundleFault::NoticeMissing { hash, needed });
        }
    }

    let key = summary.checkpoint.log_key().clone();
    let mut receipts = archive()?;
    let mut checkpoints = Checkpoints::new(&mut receipts, &key)?;
    let cosigned = cosigned(&mut archive()?, &sizes, &key)?;
    let mut published = BTreeSet::new();
    let mut read = |path: &str| {
        let content = whole(&mut zip, &format!("{LOG}{path}"), SMALL)?;
        step(content.as_ref().map_or(0, |content| content.len() as u64));
        Ok(content)
    };
    let head = copied_log::head(&mut read, Some(&key))?;
    if head.checkpoint != *summary.checkpoint.checkpoint() {
        return Err(BundleFault::HeadDiffers);
    }
    let mut root = EMPTY_ROOT;
    let mut each = |index: u64, entry: &[u8], tree: &CompactTree| -> Result<(), BundleFault> {
        let leaf = Leaf::parse(entry).map_err(|_| BundleFault::LeafMalformed(index))?;
        // What is shown as a record is one, by its leaf. What is not shown has only its leaf to tell.
        let in_range = (summary.first..summary.end).contains(&index);
        if in_range && leaf.leaf_type != LeafType::Event && !others.contains(&index) {
            return Err(BundleFault::EntryHidden(index));
        }
        if leaf.leaf_type == LeafType::Notice {
            let hash = leaf.commitment;
            if !known.contains(&hash) {
                let needed = format!("entry {index} of the log published");
                return Err(BundleFault::NoticeMissing { hash, needed });
            }
            published.insert(hash);
        }
        checkpoints.at(tree)?;
        if cosigned.as_ref().is_some_and(|signed| signed.checkpoint().size == tree.size()) {
            root = tree.root();
        }
        Ok(())
    };
    copied_log::check(&mut read, &head.checkpoint, &mut each, &mut |_, _| ())?;
    if let Some(hash) = known.iter().find(|hash| !published.contains(hash)) {
        return Err(BundleFault::NoticeUnknown(*hash));
    }
    let (count, digest) = checkpoints.finish()?;
    if (count, digest) != coverings.finish() {
        return Err(BundleFault::CheckpointsDiffer);
    }
    if cosigned.as_ref().is_some_and(|signed| signed.checkpoint().root != root) {
        let what = "its root is another, or it is later than the export";
        return Err(BundleFault::CosignedWrong(what.into()));
    }
    Ok(BundleSummary { manifest, export: summary, notices: known.len() as u64, checkpoints: count, cosigned })
}

fn manifest<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<Manifest, BundleFault> {
    let bytes = whole(zip, MANIFEST, SMALL).map_err(|source| unreadable_file(MANIFEST, source))?;
    let bytes = bytes.ok_or_else(|| BundleFault::FileMissing(MANIFEST.into()))?;
    let read: Result<Manifest, _> = serde_json::from_slice(&bytes);
    let manifest = read.map_err(|error| BundleFault::ManifestMalformed(error.to_string()))?;
    if manifest.format != BUNDLE_FORMAT {
        let what = format!("its format is not {BUNDLE_FORMAT}");
        return Err(BundleFault::ManifestMalformed(what));
    }
    Ok(manifest)
}

/// The archive has exactly the files of the format: the manifest's, those of the log, and the manifest.
fn listed(manifest: &Manifest, sizes: &BTreeMap<String, u64>) -> Result<(), BundleFault> {
    let names: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    if names.len() != manifest.files.len() {
        return Err(BundleFault::ManifestMalformed("it lists a file twice".into()));
    }
    let of_schemas: BTreeSet<String> =
        schemas::FILES.iter().map(|(name, _)| format!("{SCHEMAS}{name}")).collect();
    let fixed = [RECORDS, TABLE, CHECKPOINTS, PAGE];
    if let Some(needed) =
        fixed.into_iter().chain(of_schemas.iter().map(String::as_str)).find(|name| !names.contains(name))
    {
        return Err(BundleFault::FileMissing(needed.into()));
    }
    // The manifest is signed by nobody: what it lists beyond the format could say anything to who unpacks the bundle.
    let is_notice = |name: &str| {
        let hash = name.strip_prefix(NOTICES).and_then(|name| name.strip_suffix(".json"));
        hash.is_some_and(|hex| Hash::from_hex(hex).is_ok())
    };
    let of_format = |name: &&&str| {
        fixed.contains(name) || **name == COSIGNED || of_schemas.contains(**name) || is_notice(name)
    };
    if let Some(name) = names.iter().find(|name| !of_format(name)) {
        return Err(BundleFault::FileUnknown((*name).into()));
    }
    if let Some(file) = manifest.files.iter().find(|file| !sizes.contains_key(&file.name)) {
        return Err(BundleFault::FileMissing(file.name.clone()));
    }
    let mut of_log = BTreeSet::from([format!("{LOG}checkpoint")]);
    for tile in tiles_at(manifest.size.min(LARGE)) {
        if of_log.len() > sizes.len() {
            break; // More than there are: one is missing, and is named when it is read.
        }
        of_log.insert(format!("{LOG}{tile}"));
        if tile.level == 0 {
            let bundle = assent_core::tile::Bundle { index: tile.index, width: tile.width };
            of_log.insert(format!("{LOG}{bundle}"));
        }
    }
    let belongs = |name: &str| name == MANIFEST || names.contains(name) || of_log.contains(name);
    match sizes.keys().find(|name| !belongs(name)) {
        Some(name) => Err(BundleFault::FileUnknown(name.clone())),
        None => Ok(()),
    }
}

fn agrees(manifest: &Manifest, summary: &ExportSummary) -> Result<(), BundleFault> {
    let ExportSummary { records, notices, withheld, changes, summaries, gone, .. } = *summary;
    let counts = FooterLine { records, notices, withheld, changes, summaries, gone };
    let key = summary.checkpoint.log_key();
    let differs = [
        ("site", manifest.site != summary.site),
        ("origin", manifest.origin != key.name()),
        ("key", manifest.key != key.to_string()),
        ("size", manifest.size != summary.checkpoint.checkpoint().size),
        ("range", (manifest.first, manifest.end) != (summary.first, summary.end)),
        ("filter", manifest.filter != summary.filter),
        ("count", manifest.counts != counts),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(BundleFault::ManifestDiffers(what)),
        None => Ok(()),
    }
}

fn listed_as(manifest: &Manifest, name: &str) -> Result<(u64, Hash), BundleFault> {
    let file = manifest.files.iter().find(|file| file.name == name);
    let BundleFile { bytes, sha256, .. } = file.ok_or_else(|| BundleFault::FileMissing(name.into()))?;
    Ok((*bytes, *sha256))
}

fn compare(manifest: &Manifest, name: &str, found: &Digested) -> Result<(), BundleFault> {
    if listed_as(manifest, name)? == (found.bytes, found.sha256) {
        Ok(())
    } else {
        Err(BundleFault::FileChanged(name.into()))
    }
}

fn unreadable_file(name: &str, source: io::Error) -> BundleFault {
    BundleFault::FileUnreadable { name: name.into(), source }
}

/// A file of the archive, whole, of at most `limit` bytes; nothing when there is none.
fn whole<R: Read + Seek>(zip: &mut ZipArchive<R>, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match zip.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let size = file.size();
    if size > limit {
        return Err(io::Error::other("it is longer than any of its kind"));
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    // A program that stops at the length would read something else.
    if content.len() as u64 == size { Ok(Some(content)) } else { Err(io::Error::other(OTHER_LENGTH)) }
}

/// What was read or written: how much, and its hash.
struct Digested {
    bytes: u64,
    sha256: Hash,
}

/// Hashes what passes through, reading or writing.
struct Hashing<T> {
    inner: T,
    bytes: u64,
    digest: Sha256,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, bytes: 0, digest: Sha256::new() }
    }

    fn finish(self) -> Digested {
        Digested { bytes: self.bytes, sha256: Hash(self.digest.finalize().into()) }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.add(&buffer[..length]);
        Ok(length)
    }
}

impl Write for Hashing<io::Sink> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets `work` read a file to its end, and says what it was.
fn digested<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    name: &str,
    step: &mut dyn FnMut(u64),
    work: impl FnOnce(&mut dyn BufRead) -> Result<(), BundleFault>,
) -> Result<Digested, BundleFault> {
    let file = match zip.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Err(BundleFault::FileMissing(name.into())),
        Err(error) => return Err(unreadable_file(name, error.into())),
    };
    let size = file.size();
    let mut hashing = Hashing::new(Stepping { inner: file, step });
    let mut content = BufReader::with_capacity(1 << 16, &mut hashing);
    work(&mut content)?;
    let found = hashing.finish();
    if found.bytes == size { Ok(found) } else { Err(unreadable_file(name, io::Error::other(OTHER_LENGTH))) }
}

struct Stepping<'a, T> {
    inner: T,
    step: &'a mut dyn FnMut(u64),
}

impl<T: Read> Read for Stepping<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        (self.step)(length as u64);
        Ok(length)
    }
}

/// Sizes that ascend, by number and hash.
#[derive(Default)]
struct Sizes {
    last: u64,
    count: u64,
    digest: Sha256,
}

impl Sizes {
    fn add(&mut self, size: u64) {
        if self.last != size {
            (self.last, self.count) = (size, self.count + 1);
            self.digest.update(size.to_be_bytes());
        }
    }

    fn finish(self) -> (u64, Hash) {
        (self.count, Hash(self.digest.finalize().into()))
    }
}

/// How many columns the table has, by its header row: a bundle of an earlier version has no `age`. What it says in them is compared.
fn columns<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<usize, BundleFault> {
    let file = zip.by_name(TABLE).map_err(|error| unreadable_file(TABLE, error.into()))?;
    let mut head = Vec::new();
    let read = BufReader::new(file).take(1 << 12).read_until(b'\n', &mut head);
    read.map_err(|source| unreadable_file(TABLE, source))?;
    let earlier = head.split(|byte| *byte == b',').count() == CSV_COLUMNS_BEFORE_AGE;
    Ok(if earlier { CSV_COLUMNS_BEFORE_AGE } else { CSV_COLUMNS.len() })
}

/// The export on its way through the verifier.
struct Reading {
    verifier: ExportVerifier,
    table: Option<CsvTable<Hashing<io::Sink>>>,
    purpose: Option<PurposeId>,
    columns: usize,
    notices: BTreeMap<Hash, u64>,
    others: BTreeSet<u64>,
    coverings: Sizes,
}

struct ReadExport {
    summary: ExportSummary,
    table: Digested,
    /// Notices that records name, with the first that does.
    notices: BTreeMap<Hash, u64>,
    /// Entries that are shown and no records.
    others: BTreeSet<u64>,
    coverings: Sizes,
}

impl Reading {
    fn new(key: Option<VerifierKey>, purpose: Option<PurposeId>, columns: usize) -> Self {
        let (verifier, coverings) = (ExportVerifier::new(key), Sizes::default());
        let (notices, others) = (BTreeMap::new(), BTreeSet::new());
        Self { verifier, table: None, purpose, columns, notices, others, coverings }
    }

    fn all(&mut self, lines: &mut dyn BufRead) -> Result<(), BundleFault> {
        let broken = |source| unreadable_file(RECORDS, source);
        let purpose = self.purpose.take();
        let table = CsvTable::new(Hashing::new(io::sink()), purpose, self.columns);
        self.table = Some(table.map_err(broken)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = MAX_LINE_BYTES as u64 + 2;
            if lines.take(limit).read_until(b'\n', &mut line).map_err(broken)? == 0 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&line);
            match self.verifier.line(text.strip_suffix('\n').unwrap_or(&text))? {
                Some(Line::Record(shown)) => {
                    let record = Record::from_bytes(shown.record.as_bytes());
                    let record = record.map_err(|_| BundleFault::RecordUnreadable(shown.index))?;
                    if let Some(table) = &mut self.table {
                        table.add(shown.index, &record).map_err(broken)?;
                    }
                    self.notices.entry(record.notice).or_insert(shown.index);
                    self.coverings.add(shown.covered_by);
                }
                Some(Line::Notice(shown) | Line::Change(shown)) => drop(self.others.insert(shown.index)),
                Some(Line::Erasures(shown) | Line::Purge(shown)) => drop(self.others.insert(shown.index)),
                _ => {}
            }
        }
    }

    fn finish(self) -> Result<ReadExport, BundleFault> {
        let Self { verifier, table, notices, others, coverings, .. } = self;
        let summary = verifier.finish()?;
        let table = table.map(|table| table.finish()).transpose();
        let table = table.map_err(|source| unreadable_file(TABLE, source))?;
        let table = table.unwrap_or_else(|| Hashing::new(io::sink())).finish();
        Ok(ReadExport { summary, table, notices, others, coverings })
    }
}

/// The checkpoints of receipts, read along with the tree as it grows.
struct Checkpoints<'a> {
    lines: Box<dyn BufRead + 'a>,
    key: VerifierKey,
    line: u64,
    next: Option<Checkpoint>,
    sizes: Sizes,
}

impl<'a> Checkpoints<'a> {
    fn new<R: Read + Seek>(zip: &'a mut ZipArchive<R>, key: &VerifierKey) -> Result<Self, BundleFault> {
        let file = zip.by_name(CHECKPOINTS).map_err(|error| unreadable_file(CHECKPOINTS, error.into()))?;
        let lines = Box::new(BufReader::new(file));
        let mut this = Self { lines, key: key.clone(), line: 0, next: None, sizes: Sizes::default() };
        this.read()?;
        Ok(this)
    }

    fn wrong(&self, what: impl Into<String>) -> BundleFault {
        BundleFault::CheckpointWrong { line: self.line, what: what.into() }
    }

    fn read(&mut self) -> Result<(), BundleFault> {
        let mut line = Vec::new();
        self.line += 1;
        let length = (&mut self.lines).take(1 << 16).read_until(b'\n', &mut line);
        if length.map_err(|source| unreadable_file(CHECKPOINTS, source))? == 0 {
            self.next = None;
            return Ok(());
        }
        let read: Result<CheckpointLine, _> = serde_json::from_slice(&line);
        let read = read.map_err(|_| self.wrong("it is not a size and a checkpoint"))?;
        let signed =
            Checkpoint::verify(&read.checkpoint, &self.key).map_err(|error| self.wrong(error.to_string()))?;
        let checkpoint = signed.checkpoint().clone();
        if checkpoint.size != read.size || checkpoint.size <= self.sizes.last {
            return Err(self.wrong("its size is not its checkpoint's, or not above the line before"));
        }
        self.sizes.add(checkpoint.size);
        self.next = Some(checkpoint);
        Ok(())
    }

    /// The tree has grown by one.
    fn at(&mut self, tree: &CompactTree) -> Result<(), BundleFault> {
        let Some(next) = self.next.as_ref().filter(|next| next.size == tree.size()) else { return Ok(()) };
        if next.root != tree.root() {
            return Err(self.wrong("its root is not that of the log at its size"));
        }
        self.read()
    }

    fn finish(self) -> Result<(u64, Hash), BundleFault> {
        match self.next {
            Some(_) => Err(self.wrong("it is later than the export")),
            None => Ok(self.sizes.finish()),
        }
    }
}

/// The checkpoint with lines of witnesses; its root is compared when the tree has its size.
fn cosigned<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    sizes: &BTreeMap<String, u64>,
    key: &VerifierKey,
) -> Result<Option<SignedCheckpoint>, BundleFault> {
    if !sizes.contains_key(COSIGNED) {
        return Ok(None);
    }
    let bytes = whole(zip, COSIGNED, SMALL).map_err(|source| unreadable_file(COSIGNED, source))?;
    let text = String::from_utf8(bytes.unwrap_or_default());
    let text = text.map_err(|error| BundleFault::CosignedWrong(error.to_string()))?;
    let signed = Checkpoint::verify(&text, key);
    Ok(Some(signed.map_err(|error| BundleFault::CosignedWrong(error.to_string()))?))
}
