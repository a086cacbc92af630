//! Exports as streams: a thread reads the ledger and fills a short channel that the receiver empties.
//!
//! The channel is what keeps memory flat: a slow receiver makes the thread wait. A receiver that leaves ends it.

use super::sites::Site;
use assent_core::ids::PurposeId;
use assent_core::notice::Notice;
use assent_ledger::{ExportFilter, ExportSummary, Ledger, Progress, ReadError};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes handed over at a time.
const PART_BYTES: usize = 64 * 1024;
/// Parts that may wait for the receiver.
const PARTS: usize = 4;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless, with proofs: `assent verify` checks it.
    #[default]
    Ndjson,
    /// For spreadsheets.
    Csv,
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
    let bad = || BadFilter::Time(key);
    let time = match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == "2026-11-22".len() => {
            date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?.timestamp()
        }
        _ => text.parse::<jiff::Timestamp>().map_err(|_| bad())?,
    };
    u64::try_from(time.as_millisecond()).map_err(|_| bad())
}

/// Writes the export to `out`. Blocks.
pub fn write(
    ledger: &Ledger,
    format: Format,
    filter: &ExportFilter,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, assent_ledger::ExportError> {
    match format {
        Format::Ndjson => ledger.export(filter, out, progress),
        Format::Csv => ledger.export_csv(filter, out, progress),
    }
}

/// Starts an export and hands over its parts. It ends early, without its footer, when something cannot be read.
#[must_use]
pub fn stream(site: Arc<Site>, format: Format, filter: ExportFilter) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(PARTS);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PART_BYTES, Sender(sender.clone()));
        let written = write(&site.ledger, format, &filter, &mut out, &mut |_| ());
        let flushed = out.flush();
        match (written, flushed) {
            (Ok(summary), Ok(())) => {
                tracing::info!(site = %site.file.id, records = summary.records, entries = summary.entries, "exported");
            }
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
