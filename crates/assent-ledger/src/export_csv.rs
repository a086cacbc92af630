//! Exports as CSV (RFC 4180), for spreadsheets: one row per record and purpose, oldest first.
//!
//! CRLF line ends, every field quoted, and no field that a spreadsheet would run as a formula (OWASP, "CSV
//! injection"): a field that begins with `=`, `+`, `-`, `@`, tab, CR or LF gets a leading `'`. Lossy and without
//! proofs on purpose: the NDJSON export is the evidence.

use std::io::Write;

use assent_core::ids::PurposeId;
use assent_core::record::Record;
use csv::{QuoteStyle, Terminator, WriterBuilder};

use crate::draft::{ExportFilter, ExportSummary, Progress};
use crate::error::ExportError;
use crate::export::{Found, each_row, parts, range, record};
use crate::ledger::Shared;
use crate::store::RowBody;

/// The header row. Times are RFC 3339 UTC; `contacts` lists `channel:keyed hash`, separated by spaces, never an
/// address; empty where the record says nothing.
pub const CSV_COLUMNS: [&str; 15] = [
    "index", "record", "time", "acted", "subject", "purpose", "decision", "act", "surface", "language",
    "notice", "origin", "gpc", "contacts", "previous",
];

/// See [`Ledger::export_csv`](crate::Ledger::export_csv).
pub(crate) fn write(
    shared: &Shared,
    filter: &ExportFilter,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    let published = shared.published();
    let range = range(shared, &published, filter)?;
    let mut table =
        WriterBuilder::new().quote_style(QuoteStyle::Always).terminator(Terminator::CRLF).from_writer(out);
    table.write_record(CSV_COLUMNS).map_err(write_error)?;
    let mut summary = ExportSummary { entries: range.end - range.start, ..ExportSummary::default() };
    for part in parts(&range) {
        each_row(shared, &part, |index, row| {
            if !matches!(row.body, RowBody::Record(_) | RowBody::Gone(_)) {
                return Ok(());
            }
            let Found::Record(_, record) = record(shared, filter, index, &row)? else {
                summary.withheld += 1;
                return Ok(());
            };
            summary.records += 1;
            for fields in rows_of(index, &record, filter) {
                table.write_record(fields.map(defuse)).map_err(write_error)?;
            }
            Ok(())
        })?;
        progress(Progress { done: part.end - range.start, total: range.end - range.start });
    }
    table.flush()?;
    Ok(summary)
}

fn rows_of(
    index: u64,
    record: &Record,
    filter: &ExportFilter,
) -> impl Iterator<Item = [String; CSV_COLUMNS.len()]> {
    let contacts = record.contacts.iter().map(|c| format!("{}:{}", c.channel.as_str(), c.hash));
    let contacts = contacts.collect::<Vec<_>>().join(" ");
    let asked_for = |purpose: &PurposeId| filter.purpose.as_ref().is_none_or(|wanted| wanted == purpose);
    record.decisions.iter().filter(move |(purpose, _)| asked_for(purpose)).map(move |(purpose, decision)| {
        [
            index.to_string(),
            record.id.clone(),
            record.time.clone(),
            record.acted.clone().unwrap_or_default(),
            record.subject.to_string(),
            purpose.to_string(),
            decision.as_str().into(),
            record.act.as_str().into(),
            record.surface.as_str().into(),
            record.language.clone(),
            record.notice.to_string(),
            record.origin.clone().unwrap_or_default(),
            if record.signals.gpc { "yes".into() } else { String::new() },
            contacts.clone(),
            record.previous.clone().unwrap_or_default(),
        ]
    })
}

/// Keeps a spreadsheet from taking a text for a formula.
fn defuse(field: String) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{field}") } else { field }
}

fn write_error(error: csv::Error) -> ExportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ExportError::Write(error),
        other => ExportError::Write(std::io::Error::other(format!("{other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        for bad in ["=1+1", "+44", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(defuse(bad.into()), format!("'{bad}"));
        }
        for good in ["", "given", "2026-11-21T00:00:00.000Z", "a=b"] {
            assert_eq!(defuse(good.into()), good);
        }
    }
}
