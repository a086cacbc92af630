//! Exports as streams: a thread reads the ledger and fills a short channel that the receiver empties.
//!
//! The channel is what keeps memory flat: a slow receiver makes the thread wait. A receiver that leaves ends it.

use super::sites::Site;
use super::views::{self, View};
use crate::bundle;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Notice;
use assent_ledger::{ExportError, ExportFilter, ExportSummary, Progress, ReadError, Shown, rfc3339};
use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes handed over at a time.
const PART_BYTES: usize = 64 * 1024;
/// Parts that may wait for the receiver.
const PARTS: usize = 4;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lossless, with proofs: `assent verify` checks it.
    #[default]
    Ndjson,
    /// For spreadsheets.
    Csv,
    /// One ISO/IEC TS 27560 consent record a line, as JSON-LD in the Data Privacy Vocabulary.
    Dpv,
    /// The same as consent receipts.
    DpvReceipt,
    /// One Kantara Consent Receipt 1.1 a line, for records that give or renew a consent.
    Kantara,
    /// Everything for an auditor in one zip archive: the lossless export, the table, every notice, the log, a page to read.
    Bundle,
}

impl Format {
    /// Its name in addresses and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Dpv => "dpv",
            Self::DpvReceipt => "dpv-receipt",
            Self::Kantara => "kantara",
            Self::Bundle => "bundle",
        }
    }

    /// Its media type, and how the name of a file ends.
    #[must_use]
    pub fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Ndjson => ("application/x-ndjson", "ndjson"),
            Self::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
            Self::Dpv => ("application/x-ndjson", "dpv.ndjson"),
            Self::DpvReceipt => ("application/x-ndjson", "dpv-receipt.ndjson"),
            Self::Kantara => ("application/x-ndjson", "kantara.ndjson"),
            Self::Bundle => ("application/zip", "bundle.zip"),
        }
    }
}

/// What was asked for cannot be there. An empty answer would pass for "nobody said anything".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadFilter {
    /// An end of the period, `from` or `to`, cannot be read.
    #[error("`{0}` is neither an RFC 3339 time with `Z` nor a date such as 2026-11-22 (UTC)")]
    Time(&'static str),
    /// The period ends before it begins.
    #[error("`to` must be later than `from`: it is not part of the period itself")]
    Period,
    /// No notice ever had the purpose.
    #[error("no notice of this site has or had the purpose `{0}`")]
    Purpose(PurposeId),
    /// The notices could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// From when on, and before when: Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// The first moment of it.
    pub from: Option<u64>,
    /// The first moment after it.
    pub to: Option<u64>,
}

impl Period {
    /// Reads both ends: times in UTC, or days, which begin at midnight.
    pub fn parse(from: Option<&str>, to: Option<&str>) -> Result<Self, BadFilter> {
        let time = |key, text: Option<&str>| text.map(|text| parse_time(key, text)).transpose();
        let (from, to) = (time("from", from)?, time("to", to)?);
        match (from, to) {
            (Some(from), Some(to)) if to <= from => Err(BadFilter::Period),
            _ => Ok(Self { from, to }),
        }
    }
}

/// Refuses a purpose that no notice of the site ever had: a mistyped one, most likely. Blocks.
pub fn known(site: &Site, purpose: Option<&PurposeId>) -> Result<(), BadFilter> {
    let Some(id) = purpose.filter(|id| site.notice.purpose(id).is_none()) else { return Ok(()) };
    for version in site.ledger.notices()?.iter().rev() {
        let document = site.ledger.notice(&version.hash)?.unwrap_or_default();
        // One that cannot be read may have had it.
        if serde_json::from_slice::<Notice>(&document).map_or(true, |notice| notice.purpose(id).is_some()) {
            return Ok(());
        }
    }
    Err(BadFilter::Purpose(id.clone()))
}

fn parse_time(key: &'static str, text: &str) -> Result<u64, BadFilter> {
    time(text).ok_or(BadFilter::Time(key))
}

/// Unix milliseconds of a time in RFC 3339, or of a day's first moment in UTC.
#[must_use]
pub fn time(text: &str) -> Option<u64> {
    let time = match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == "2026-11-22".len() => {
            date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        }
        _ => text.parse::<jiff::Timestamp>().ok()?,
    };
    u64::try_from(time.as_millisecond()).ok()
}

/// Writes the export to `out`; NDJSON by so many threads. Blocks.
pub fn write(
    site: &Site,
    format: Format,
    filter: &ExportFilter,
    threads: NonZero<usize>,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    match format {
        Format::Ndjson => {
            let filter = ExportFilter { cosigned: site.publication.cosigned_over(0), ..filter.clone() };
            site.ledger.export_by(threads, &filter, out, progress)
        }
        Format::Csv => site.ledger.export_csv(filter, out, progress),
        Format::Dpv => told(site, View::Dpv, filter, out, progress),
        Format::DpvReceipt => told(site, View::DpvReceipt, filter, out, progress),
        Format::Kantara => told(site, View::Kantara, filter, out, progress),
        Format::Bundle => bundle::write(site, filter, &rfc3339(super::now()), out, progress),
    }
}

/// Writes each record in the words of a standard, one a line. What the form has no words for is left out and counted.
fn told(
    site: &Site,
    view: View,
    filter: &ExportFilter,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    let api = site.api();
    // Records that follow each other mostly name the same notice.
    let mut notice = (Hash::default(), Vec::new());
    let mut left_out = 0;
    let mut each = |Shown { index, bytes, record, .. }: Shown<'_>| {
        let damaged = |reason| ReadError::Damaged { index, reason };
        if notice.0 != record.notice {
            let document = site.ledger.notice(&record.notice)?;
            notice = (record.notice, document.ok_or(damaged("the notice it names is missing"))?);
        }
        match views::line(view, bytes.as_bytes(), &notice.1, &api) {
            Ok(line) => writeln!(out, "{line}")?,
            Err(silent) if silent.leaves_out() => left_out += 1,
            Err(_) => return Err(damaged("it and the notice it names do not belong together").into()),
        }
        Ok(())
    };
    let mut summary = site.ledger.export_each(filter, &mut each, progress)?;
    out.flush()?;
    summary.records -= left_out;
    summary.withheld += left_out;
    Ok(summary)
}

/// Starts an export and hands over its parts. It ends early, without its footer, when something cannot be read.
#[must_use]
pub fn stream(site: Arc<Site>, format: Format, filter: ExportFilter) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    stream_with(site, move |site, out| {
        // One thread: the processors are for whoever decides meanwhile.
        let one = NonZero::<usize>::MIN;
        write(site, format, &filter, one, out, &mut |_| ()).map(|summary| summary.records)
    })
}

/// Starts writing something of a site's and hands over its parts. It ends early when something cannot be read. `writing` answers
/// how much it wrote.
#[must_use]
pub fn stream_with<E: std::error::Error + Send + Sync + 'static>(
    site: Arc<Site>,
    writing: impl FnOnce(&Site, &mut dyn Write) -> Result<u64, E> + Send + 'static,
) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(PARTS);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PART_BYTES, Sender(sender.clone()));
        let written = writing(&site, &mut out);
        let flushed = out.flush();
        match (written, flushed) {
            (Ok(records), Ok(())) => tracing::info!(site = %site.file.id, records, "exported"),
            (Err(error), _) => {
                tracing::error!(site = %site.file.id, cause = format!("{:#}", anyhow::Error::from(error)), "export ended early");
                // Breaks the connection, so that nobody takes the part for the whole. If the receiver is gone, so be it.
                let _ = sender.blocking_send(Err(io::Error::other("the export ended early")));
            }
            (Ok(_), Err(_)) => {}
        }
    });
    receiver
}

struct Sender(mpsc::Sender<io::Result<Vec<u8>>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(bytes.to_vec()));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the receiver left"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
