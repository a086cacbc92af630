//! Writing an audit bundle: every file in one pass over a stream, so that memory does not grow with the records.
//!
//! Everything is told under one head, the newest when it began. The export is checked by core's verifier while it is written:
//! what would not hold is not handed out. The archive's own list of files does grow, by two for each 256 entries of the log.

use super::page::{self, Account};
use crate::app::sites::Site;
use assent_core::accounting::Purge;
use assent_core::bundle::{
    BUNDLE_FORMAT, BundleFile, CHECKPOINTS, COSIGNED, CheckpointLine, LOG, MANIFEST, Manifest, NOTICES, PAGE,
    RECORDS, SCHEMAS, TABLE,
};
use assent_core::export_format::{ExportVerifier, FooterLine, Line};
use assent_core::hash::Hash;
use assent_core::note::VerifierKey;
use assent_core::schemas;
use assent_core::tile::{Bundle, TILE_WIDTH, tiles_at};
use assent_ledger::{ExportError, ExportFilter, ExportSummary, Progress, ReadError};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Write};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// Writes the bundle of what the filter asks for. `made` is the time it is made at, RFC 3339. Blocks.
///
/// # Errors
/// [`ExportError`]; what was written is then no whole archive, as it has no list of its files.
pub fn write(
    site: &Site,
    filter: &ExportFilter,
    made: &str,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    let head = filter.under.clone().unwrap_or_else(|| site.ledger.published());
    let filter = ExportFilter { under: Some(head.clone()), ..filter.clone() };
    let ledger = &site.ledger;
    let mut archive = Archive::new(out);
    // Records three times (lines, table, checkpoints), then the log.
    let mut steps = Steps::new(4, progress);

    archive.begin(RECORDS, CompressionMethod::Deflated)?;
    let mut checking = Checking::new(&mut archive, ledger.vkey().clone());
    let summary = ledger.export(&filter, &mut checking, &mut steps.next())?;
    let account = checking.finish()?;
    archive.end();

    archive.begin(TABLE, CompressionMethod::Deflated)?;
    ledger.export_csv(&filter, &mut archive, &mut steps.next())?;
    archive.end();

    archive.begin(CHECKPOINTS, CompressionMethod::Deflated)?;
    let mut last = 0;
    let mut each = |shown: assent_ledger::Shown<'_>| {
        if std::mem::replace(&mut last, shown.covering) == shown.covering {
            return Ok(());
        }
        let reason = "the checkpoint it was recorded under is not there";
        let damaged = ReadError::Damaged { index: shown.index, reason };
        let checkpoint = ledger.checkpoint_at(shown.covering)?.ok_or(damaged)?.to_string();
        Ok(put(&mut archive, &CheckpointLine { size: shown.covering, checkpoint })?)
    };
    ledger.export_each(&filter, &mut each, &mut steps.next())?;
    archive.end();
    if let Some(cosigned) = site.publication.cosigned_over(0).filter(|note| size_of(note) <= head.size) {
        archive.file(COSIGNED, CompressionMethod::Deflated, cosigned.as_bytes())?;
    }

    let mut notices = ledger.notices()?;
    notices.retain(|version| version.index < head.size);
    let mut texts = Vec::new();
    for hash in notices.iter().map(|version| version.hash).collect::<BTreeSet<Hash>>() {
        let index = notices.iter().find(|version| version.hash == hash).map_or(0, |version| version.index);
        let reason = "its notice document is missing";
        let document = ledger.notice(&hash)?.ok_or(ReadError::Damaged { index, reason })?;
        archive.file(&format!("{NOTICES}{hash}.json"), CompressionMethod::Deflated, &document)?;
        texts.push((hash, document));
    }
    for (name, text) in schemas::FILES {
        archive.file(&format!("{SCHEMAS}{name}"), CompressionMethod::Deflated, text.as_bytes())?;
    }

    let mut manifest = Manifest {
        format: BUNDLE_FORMAT.into(),
        site: site.file.id.to_string(),
        origin: ledger.origin().into(),
        key: ledger.vkey().to_string(),
        made: made.into(),
        program: concat!("assent ", env!("CARGO_PKG_VERSION")).into(),
        size: head.size,
        first: account.summary.first,
        end: account.summary.end,
        filter: account.summary.filter.clone(),
        counts: counts(&account.summary),
        files: Vec::new(),
    };
    let page = page::render(&manifest, &account, &head.checkpoint, &notices, &texts);
    archive.file(PAGE, CompressionMethod::Deflated, page.as_bytes())?;
    manifest.files = archive.take_files();
    write_log(site, &head, &mut archive, &mut steps.next())?;
    archive.file(
        MANIFEST,
        CompressionMethod::Deflated,
        &serde_json::to_vec_pretty(&manifest).unwrap_or_default(),
    )?;
    archive.finish()?;
    Ok(summary)
}

/// The log's public files at this head, as anyone could mirror them.
fn write_log(
    site: &Site,
    head: &assent_ledger::Published,
    archive: &mut Archive<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ExportError> {
    let missing = |index| ReadError::Damaged { index, reason: "its part of the log is missing" };
    archive.file(&format!("{LOG}checkpoint"), CompressionMethod::Stored, head.checkpoint.as_bytes())?;
    for tile in tiles_at(head.size) {
        let bytes = site.ledger.tile(tile.level, tile.index, tile.width)?.ok_or(missing(tile.index))?;
        archive.file(&format!("{LOG}{tile}"), CompressionMethod::Stored, &bytes)?;
        if tile.level > 0 {
            continue;
        }
        let bundle = Bundle { index: tile.index, width: tile.width };
        let bytes = site.ledger.entries(bundle.index, bundle.width)?.ok_or(missing(bundle.index))?;
        archive.file(&format!("{LOG}{bundle}"), CompressionMethod::Stored, &bytes)?;
        let done = (tile.index + 1).saturating_mul(TILE_WIDTH.into()).min(head.size);
        progress(Progress { done, total: head.size });
    }
    Ok(())
}

fn counts(summary: &assent_core::export_format::ExportSummary) -> FooterLine {
    let assent_core::export_format::ExportSummary {
        records,
        notices,
        withheld,
        changes,
        summaries,
        gone,
        ..
    } = *summary;
    FooterLine { records, notices, withheld, changes, summaries, gone }
}

/// Entries under a checkpoint of ours; of what is none, more than any log has.
fn size_of(note: &str) -> u64 {
    note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(u64::MAX)
}

fn put(out: &mut dyn Write, line: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// One bar for several walks over the same range.
struct Steps<'p> {
    all: u64,
    begun: u64,
    progress: &'p mut dyn FnMut(Progress),
}

impl<'p> Steps<'p> {
    fn new(all: u64, progress: &'p mut dyn FnMut(Progress)) -> Self {
        Self { all, begun: 0, progress }
    }

    /// The next walk's progress as a part of the whole.
    fn next(&mut self) -> impl FnMut(Progress) + use<'_, 'p> {
        let (all, before) = (self.all, self.begun);
        self.begun += 1;
        move |Progress { done, total }| {
            (self.progress)(Progress { done: (before * total + done) / all, total });
        }
    }
}

/// The archive, and the file of it that is being written.
struct Archive<'w> {
    zip: ZipWriter<StreamWriter<&'w mut dyn Write>>,
    name: String,
    bytes: u64,
    digest: Sha256,
    files: Vec<BundleFile>,
}

impl<'w> Archive<'w> {
    fn new(out: &'w mut dyn Write) -> Self {
        let zip = ZipWriter::new_stream(out);
        Self { zip, name: String::new(), bytes: 0, digest: Sha256::new(), files: Vec::new() }
    }

    /// Begins a file of any length.
    fn begin(&mut self, name: &str, method: CompressionMethod) -> io::Result<()> {
        self.start(name, SimpleFileOptions::default().compression_method(method).large_file(true))
    }

    fn start(&mut self, name: &str, options: SimpleFileOptions) -> io::Result<()> {
        self.zip.start_file(name, options)?;
        (self.name, self.bytes, self.digest) = (name.into(), 0, Sha256::new());
        Ok(())
    }

    /// Ends it and lists it.
    fn end(&mut self) {
        let sha256 = Hash(std::mem::take(&mut self.digest).finalize().into());
        self.files.push(BundleFile { name: std::mem::take(&mut self.name), bytes: self.bytes, sha256 });
    }

    /// A whole small file.
    fn file(&mut self, name: &str, method: CompressionMethod, content: &[u8]) -> io::Result<()> {
        self.start(name, SimpleFileOptions::default().compression_method(method))?;
        self.write_all(content)?;
        if !name.starts_with(LOG) && name != MANIFEST {
            self.end();
        }
        Ok(())
    }

    fn take_files(&mut self) -> Vec<BundleFile> {
        std::mem::take(&mut self.files)
    }

    fn finish(self) -> io::Result<()> {
        self.zip.finish()?.into_inner().flush()
    }
}

impl Write for Archive<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.zip.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes an export on, line by line, while core's verifier reads along; keeps the accounts for the page.
struct Checking<'a, W: Write> {
    out: &'a mut W,
    verifier: ExportVerifier,
    line: Vec<u8>,
    gone: page::Gone,
    purges: Vec<(u64, Purge)>,
    erasures: Vec<(u64, usize)>,
}

impl<'a, W: Write> Checking<'a, W> {
    fn new(out: &'a mut W, key: VerifierKey) -> Self {
        // A server's memory does not grow with its log.
        let verifier = ExportVerifier::new(Some(key)).without_withdrawals();
        let (gone, purges, erasures) = Default::default();
        Self { out, verifier, line: Vec::new(), gone, purges, erasures }
    }

    fn check(&mut self) -> io::Result<()> {
        let text = std::str::from_utf8(&self.line).map_err(io::Error::other)?;
        match self.verifier.line(text).map_err(does_not_hold)? {
            Some(Line::Gone(gone)) => *self.gone.entry((gone.reason, gone.day)).or_default() += 1,
            Some(Line::Purge(told)) => {
                self.purges.extend(Purge::parse(told.document.as_bytes()).map(|purge| (told.index, purge)));
            }
            Some(Line::Erasures(told)) => {
                let document = assent_core::accounting::Erasures::parse(told.document.as_bytes());
                self.erasures.extend(document.map(|document| (told.index, document.erased.len())));
            }
            _ => {}
        }
        self.line.clear();
        Ok(())
    }

    fn finish(self) -> io::Result<Account> {
        let summary = self.verifier.finish().map_err(does_not_hold)?;
        Ok(Account { summary, gone: self.gone, purges: self.purges, erasures: self.erasures })
    }
}

/// The store says something else than the log: nobody gets that as evidence.
fn does_not_hold(fault: assent_core::export_format::ExportFault) -> io::Error {
    io::Error::other(format!("what is stored does not hold as an export: {fault}"))
}

impl<W: Write> Write for Checking<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        for part in bytes[..written].split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.ends_with(b"\n") {
                self.line.pop();
                self.check()?;
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
