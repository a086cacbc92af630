//! Exports as streams: a thread reads the ledger and fills a short channel that the receiver empties.
//!
//! The channel is what keeps memory flat: a slow receiver makes the thread wait. A receiver that leaves ends it.

use super::sites::Site;
use assent_ledger::{ExportFilter, ExportSummary, Ledger, Progress};
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

/// A period's end cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is neither an RFC 3339 time with `Z` nor a date such as 2026-11-22 (UTC)")]
pub struct BadTime {
    /// `from` or `to`.
    pub key: &'static str,
}

/// Unix milliseconds of a time in UTC, or of the beginning of a day.
pub fn parse_time(key: &'static str, text: &str) -> Result<u64, BadTime> {
    let bad = || BadTime { key };
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
