//! `assent alerts import`: a list of what people said elsewhere, from a CSV file, row by row.
//!
//! The file is read as a stream and sent on in batches, to the running server or straight into the log, so that its length costs no
//! memory. What becomes of a row is `app/alerts/rows.rs`'s; this names it by its number in the spreadsheet. No address is written anywhere.

use super::lines::Lines;
use super::opened::{Opened, bar};
use super::output;
use crate::app::alerts::rows::take;
use crate::config::Loaded;
use anyhow::{Context as _, bail};
use assent_core::wire::{RowOutcome, RowResult, TOLD_ROWS_MAX, ToldRow, ToldRowsRequest, ToldRowsResponse};
use csv::{ByteRecord, StringRecord};
use indicatif::ProgressBar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take a list of what people said elsewhere, each row with its evidence. The report names each row by its number in the spreadsheet
    /// and says what became of it. Exit code 1: rows were refused. A list that broke off is simply imported again: no row counts twice.
    Import(Import),
}

/// The first row names the columns, in any order: channel, address, topic, said, how, script, staff; and where there is something to say:
/// choice, recording, evidence, reference, language, directly, opt_out_offered, age.
#[derive(Debug, clap::Args)]
struct Import {
    /// The CSV file: UTF-8, commas, a row of column names.
    file: PathBuf,
    /// The site.
    #[arg(long)]
    site: String,
    /// Only say what would become of each row.
    #[arg(long)]
    dry_run: bool,
    /// Send nobody a copy, because the people of the list had theirs elsewhere. Without it, whoever said yes is sent one message.
    #[arg(long)]
    no_copies: bool,
    /// What the list is called in the records; else the file's name.
    #[arg(long)]
    list: Option<String>,
    /// Write the report as NDJSON instead of CSV.
    #[arg(long)]
    json: bool,
    /// Write the report to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What the report says of one row.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// As a spreadsheet numbers it: the names of the columns are row 1.
    row: u64,
    result: RowResult,
    reason: Option<&'a str>,
    column: Option<&'a str>,
    receipt: Option<&'a str>,
    /// Whether the person is sent a copy; with a dry run, whether they would be.
    copy: bool,
}

pub(super) fn run(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Command::Import(import) = arguments.command;
    let file = File::open(&import.file).with_context(|| format!("cannot read {}", import.file.display()))?;
    let length = file.metadata()?.len();
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(Lines::new(file));
    let headers = rows.headers().context("the first row cannot be read")?.clone();
    check(&headers)?;
    let list = import.list.clone().or_else(|| {
        let name = import.file.file_name()?.to_string_lossy();
        Some(name.into_owned())
    });
    let opened = Opened::of(loaded)?;
    let progress = bar("bytes");
    progress.set_length(length);
    let (counts, copies) = output::to(import.output.as_deref(), |out| {
        let mut batch = Batch {
            import: &import,
            list: list.unwrap_or_default(),
            opened: &opened,
            report: Report::new(import.json, out),
            waiting: Vec::new(),
            bytes: 0,
        };
        each(&mut rows, &headers, &mut batch, &progress)?;
        batch.report.end()
    })?;
    progress.finish_and_clear();
    let said = counts.iter().map(|(result, count)| format!("{count} {}", result.as_str()));
    let sent = if import.dry_run { "would be sent" } else { "are sent" };
    super::note(format_args!("{}; copies {sent} for {copies}", said.collect::<Vec<_>>().join(", ")));
    Ok(ExitCode::from(u8::from(counts.contains_key(&RowResult::Refused))))
}

/// A list whose columns are not understood could say something else than it seems to.
fn check(headers: &StringRecord) -> anyhow::Result<()> {
    let named = |column: &str| headers.iter().filter(|header| *header == column).count();
    let missing: Vec<_> =
        ToldRow::COLUMNS[..ToldRow::NEEDED].iter().copied().filter(|column| named(column) == 0).collect();
    if headers.len() == 1 && headers.iter().any(|header| header.contains(';')) {
        bail!("the columns are separated by semicolons: save the list as CSV with commas");
    }
    if !missing.is_empty() {
        bail!("the first row must name the columns; missing: {}", missing.join(", "));
    }
    match headers.iter().find(|header| !ToldRow::COLUMNS.contains(header) || named(header) > 1) {
        Some(header) => {
            bail!(
                "the column `{header}` is not known, or stands twice; known: {}",
                ToldRow::COLUMNS.join(", ")
            )
        }
        None => Ok(()),
    }
}

/// Reads every row and gives it on.
fn each(
    rows: &mut csv::Reader<Lines<File>>,
    headers: &StringRecord,
    batch: &mut Batch<'_>,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    let mut bytes = ByteRecord::new();
    let (mut last, mut within) = (1, ends_within(headers.as_byte_record()));
    while rows
        .read_byte_record(&mut bytes)
        .context("the file cannot be read on; import it again from the start")?
    {
        // The reader stands on the line behind the row. A spreadsheet counts empty rows, and a cell of several lines as one row.
        within += ends_within(&bytes);
        last = rows.position().line().saturating_sub(1 + within).max(last + 1);
        let text = StringRecord::from_byte_record(bytes.clone()).ok();
        let text = text.filter(|text| text.len() <= headers.len());
        batch.add(last, text.and_then(|text| text.deserialize::<ToldRow>(Some(headers)).ok()))?;
        progress.set_position(rows.position().byte());
    }
    batch.send()
}

/// How many line ends are in a row's cells.
fn ends_within(row: &ByteRecord) -> u64 {
    row.iter().flatten().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Rows that wait to be sent on together, and where to.
struct Batch<'a> {
    import: &'a Import,
    list: String,
    opened: &'a Opened,
    report: Report<'a>,
    /// Row by row, its number and, where it cannot be sent on at all, why.
    waiting: Vec<(u64, Result<ToldRow, RowOutcome>)>,
    /// Bytes of their cells.
    bytes: usize,
}

/// Most bytes of cells that are sent together.
const BATCH_BYTES: usize = 256 * 1024;

impl Batch<'_> {
    fn add(&mut self, number: u64, row: Option<ToldRow>) -> anyhow::Result<()> {
        let refused = |reason: &str, column: Option<&str>| RowOutcome {
            result: RowResult::Refused,
            reason: Some(reason.into()),
            column: column.map(String::from),
            receipt: None,
            copy: false,
        };
        let row = match row {
            None => Err(refused("bad-row", None)),
            // It is refused there too; here it would make the body too long.
            Some(row) => match row.too_long() {
                Some(column) => Err(refused("bad-value", Some(column))),
                None => Ok(row),
            },
        };
        self.bytes += row.as_ref().map_or(0, ToldRow::bytes);
        self.waiting.push((number, row));
        let full = self.waiting.len() >= TOLD_ROWS_MAX || self.bytes > BATCH_BYTES;
        if full { self.send() } else { Ok(()) }
    }

    /// Sends what waits and reports what became of it.
    fn send(&mut self) -> anyhow::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let rows: Vec<ToldRow> = waiting.iter().filter_map(|(_, row)| row.as_ref().ok()).cloned().collect();
        let Import { dry_run, no_copies, .. } = *self.import;
        let request = ToldRowsRequest { list: self.list.clone(), dry_run, copies: !no_copies, rows };
        let site = &self.import.site;
        let answer = match self.opened {
            _ if request.rows.is_empty() => ToldRowsResponse { rows: Vec::new() },
            Opened::Here(here) => here.run(site, |site| take(site, request, crate::app::now()))??,
            Opened::There(server) => server.post(&format!("/v1/{site}/told/rows"), &request)?,
        };
        let mut answers = answer.rows.into_iter();
        for (number, row) in waiting {
            let outcome = match row {
                Ok(_) => answers.next().context("the server left rows out of its answer")?,
                Err(refused) => refused,
            };
            self.report.write(number, &outcome)?;
        }
        Ok(())
    }
}

/// The report, how many rows went how, and for how many a copy is sent.
struct Report<'a> {
    form: Form<'a>,
    counts: BTreeMap<RowResult, u64>,
    copies: u64,
}

enum Form<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
    Ndjson(&'a mut dyn Write),
}

impl<'a> Report<'a> {
    fn new(json: bool, out: &'a mut dyn Write) -> Self {
        let form = if json { Form::Ndjson(out) } else { Form::Csv(Box::new(csv::Writer::from_writer(out))) };
        Self { form, counts: BTreeMap::new(), copies: 0 }
    }

    fn write(&mut self, row: u64, outcome: &RowOutcome) -> anyhow::Result<()> {
        *self.counts.entry(outcome.result).or_default() += 1;
        self.copies += u64::from(outcome.copy);
        let (reason, column) = (outcome.reason.as_deref(), outcome.column.as_deref());
        let receipt = outcome.receipt.as_deref();
        let line = Line { row, result: outcome.result, reason, column, receipt, copy: outcome.copy };
        match &mut self.form {
            Form::Csv(table) => table.serialize(line)?,
            Form::Ndjson(out) => {
                serde_json::to_writer(&mut **out, &line)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn end(self) -> anyhow::Result<(BTreeMap<RowResult, u64>, u64)> {
        if let Form::Csv(mut table) = self.form {
            table.flush()?;
        }
        Ok((self.counts, self.copies))
    }
}
