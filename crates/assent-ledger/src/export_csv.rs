//! Exports as CSV (RFC 4180), for spreadsheets: one row per record and purpose, oldest first.
//!
//! CRLF line ends, every field quoted, and no field that a spreadsheet would run as a formula (OWASP, "CSV
//! injection"): a field that begins with `=`, `+`, `-`, `@`, tab, CR or LF gets a leading `'`. Lossy and without
//! proofs on purpose: the NDJSON export is the evidence.

use std::fmt;
use std::io::{self, Write};

use assent_core::ids::PurposeId;
use assent_core::record::Record;
use csv::{QuoteStyle, Terminator, WriterBuilder};

use crate::draft::{ExportFilter, ExportSummary, Progress};
use crate::error::ExportError;
use crate::export::each_record;
use crate::shared::Shared;

/// The header row. Times are RFC 3339 UTC; `contacts` lists `channel:keyed hash`, separated by spaces, never an
/// address; `age` is the band that the person chose; empty where the record says nothing.
///
/// A new column comes last, so that who reads by position goes on reading the same.
pub const CSV_COLUMNS: [&str; 16] = [
    "index", "record", "time", "acted", "subject", "purpose", "decision", "act", "surface", "language",
    "notice", "origin", "gpc", "contacts", "previous", "age",
];

/// How many of [`CSV_COLUMNS`] a table had before `age` was one: bundles with such a table still verify.
pub const CSV_COLUMNS_BEFORE_AGE: usize = 15;

/// See [`Ledger::export_csv`](crate::Ledger::export_csv).
pub(crate) fn write(
    shared: &Shared,
    filter: &ExportFilter,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    let mut table = CsvTable::new(out, filter.purpose.clone(), CSV_COLUMNS.len())?;
    let summary =
        each_record(shared, filter, &mut |shown| Ok(table.add(shown.index, shown.record)?), progress)?;
    table.finish()?.flush()?;
    Ok(summary)
}

/// Writes the table, row by row; a verifier makes it again from proven records and compares.
pub struct CsvTable<W: Write> {
    table: csv::Writer<W>,
    purpose: Option<PurposeId>,
    columns: usize,
}

impl<W: Write> fmt::Debug for CsvTable<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvTable").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl<W: Write> CsvTable<W> {
    /// Writes the header row: so many of [`CSV_COLUMNS`], all but where an earlier version's table is made again. With a purpose,
    /// only rows about it follow.
    ///
    /// # Errors
    /// What `out` failed with.
    pub fn new(out: W, purpose: Option<PurposeId>, columns: usize) -> io::Result<Self> {
        let mut table = WriterBuilder::new()
            .quote_style(QuoteStyle::Always)
            .terminator(Terminator::CRLF)
            .from_writer(out);
        table.write_record(CSV_COLUMNS.iter().take(columns)).map_err(write_error)?;
        Ok(Self { table, purpose, columns })
    }

    /// Writes a row for each decision of the record.
    ///
    /// # Errors
    /// What `out` failed with.
    pub fn add(&mut self, index: u64, record: &Record) -> io::Result<()> {
        for fields in rows_of(index, record, self.purpose.as_ref()) {
            let fields = fields.map(defuse);
            self.table.write_record(fields.iter().take(self.columns)).map_err(write_error)?;
        }
        Ok(())
    }

    /// Writes what is left, and gives back what was written to.
    ///
    /// # Errors
    /// What `out` failed with.
    pub fn finish(self) -> io::Result<W> {
        self.table.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

fn rows_of(
    index: u64,
    record: &Record,
    only: Option<&PurposeId>,
) -> impl Iterator<Item = [String; CSV_COLUMNS.len()]> {
    let contacts = record.contacts.iter().map(|c| format!("{}:{}", c.channel.as_str(), c.hash));
    let contacts = contacts.collect::<Vec<_>>().join(" ");
    let asked_for = move |purpose: &PurposeId| only.is_none_or(|wanted| wanted == purpose);
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
            record.age.map(String::from).unwrap_or_default(),
        ]
    })
}

/// Keeps a spreadsheet from taking a text for a formula (OWASP, "CSV injection").
#[must_use]
pub fn defuse(field: String) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{field}") } else { field }
}

fn write_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
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
