//! `assent standings`: who had said what on a day in the past, counted from an export that is checked on the way.
//!
//! Nothing but the file is asked, so anybody can count again, and what was said later changes nothing. Whoever was erased or
//! purged since is in no export any more, and is not counted.
//!
//! Exit codes: those of `assent verify`.

use super::opened::bar;
use super::verify::{key, plain, read_export};
use crate::app::export::time;
use crate::app::state::fold;
use anyhow::{Context as _, bail};
use assent_core::decision::Standing;
use assent_core::export_format::{ExportSummary, Line};
use assent_core::ids::PurposeId;
use assent_core::notice::Notice;
use assent_core::record::Record;
use assent_core::subject::SubjectId;
use assent_ledger::Opened;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An export of a site (NDJSON) from the log's beginning.
    export: PathBuf,
    /// When: RFC 3339 with Z, or a date (UTC), of which the first moment is meant.
    #[arg(long)]
    at: String,
    /// Name the subjects for whom this purpose was on then, one a line, instead of counting.
    #[arg(long)]
    purpose: Option<String>,
    /// The log's key, or a file with it, from the site's log page.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// Print the counts as JSON.
    #[arg(long, conflicts_with = "purpose")]
    json: bool,
}

/// What an export says up to a moment.
struct Past {
    at: u64,
    /// The last notice that was read.
    newest_notice: Option<String>,
    /// The notice in force when the last of what counts was said. A later one changes nothing.
    notice: Option<String>,
    /// When the last record of the export was taken down.
    last: Option<String>,
    people: BTreeMap<SubjectId, Vec<Opened>>,
    /// Whether something later was read: the log goes on in the order of time.
    is_over: bool,
}

impl Past {
    fn take(&mut self, line: Line) -> anyhow::Result<()> {
        match line {
            Line::Notice(notice) => self.newest_notice = Some(notice.document),
            Line::Record(line) => {
                let record = Record::from_bytes(line.record.as_bytes()).context("a record cannot be read")?;
                let said = time(&record.time).context("a record's time cannot be read")?;
                self.is_over |= said > self.at;
                self.last = Some(record.time.clone());
                if !self.is_over {
                    if let Some(newest) = self.newest_notice.take() {
                        self.notice = Some(newest);
                    }
                    let id = record.id.parse().context("a record's id cannot be read")?;
                    let opened = Opened { index: line.index, id, time: said, record, contacts: Vec::new() };
                    self.people.entry(opened.record.subject).or_default().push(opened);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What held for everybody, of the purposes that they were asked about; `wanted` must be one of those.
    fn standings(
        &self,
        wanted: Option<&PurposeId>,
    ) -> anyhow::Result<BTreeMap<SubjectId, BTreeMap<PurposeId, Standing>>> {
        let Some(notice) = &self.notice else { return Ok(BTreeMap::new()) };
        let notice: Notice = serde_json::from_str(notice).context("the notice cannot be read")?;
        if let Some(wanted) = wanted.filter(|wanted| notice.purpose(wanted).is_none()) {
            bail!("the notice of then has no purpose `{wanted}`");
        }
        let held = self.people.iter().map(|(subject, said)| (*subject, fold(&notice, said, self.at)));
        Ok(held.collect())
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match counted(arguments) {
        Ok(Ok(text)) => {
            super::data(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Err(fault)) => {
            super::note(format_args!("the export does not hold, so nothing was counted: {fault}"));
            Ok(ExitCode::from(1))
        }
        Err(error) => {
            super::note(format_args!("assent standings: {error:#}"));
            Ok(ExitCode::from(2))
        }
    }
}

/// The answer, or what is wrong with the export.
fn counted(arguments: &Arguments) -> anyhow::Result<Result<String, String>> {
    let Arguments { export: path, purpose, json, .. } = arguments;
    let at = time(&arguments.at).context("--at is neither a time in RFC 3339 with Z nor a date")?;
    let purpose = purpose.as_deref().map(PurposeId::new).transpose()?;
    let key = arguments.key.as_deref().map(key).transpose()?;
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bar = bar("bytes");
    bar.set_length(file.metadata().map_or(0, |about| about.len()));
    let mut past =
        Past { at, newest_notice: None, notice: None, last: None, people: BTreeMap::new(), is_over: false };
    let read = read_export(BufReader::new(file), key, &bar, &mut |line| past.take(line))?;
    bar.finish_and_clear();
    let summary = match read {
        Ok(summary) => summary,
        Err(fault) => return Ok(Err(plain(&fault.to_string()))),
    };
    if summary.first > 0 || !summary.filter.is_empty() {
        bail!(
            "the export leaves something out; make one of everything, from the beginning (without --from, --purpose or a person)"
        );
    }
    let standings = past.standings(purpose.as_ref())?;
    if !past.is_over {
        let last = past.last.as_deref().unwrap_or("no record at all");
        super::note(format_args!("nothing in the export is later than that: it ends with {}", plain(last)));
    }
    Ok(Ok(match purpose {
        Some(purpose) => on(&standings, &purpose),
        None => counts(&standings, &arguments.at, &summary, *json),
    }))
}

/// For whom a purpose was on.
fn on(standings: &BTreeMap<SubjectId, BTreeMap<PurposeId, Standing>>, purpose: &PurposeId) -> String {
    let on = standings.iter().filter(|(_, held)| held.get(purpose) == Some(&Standing::Granted));
    on.map(|(subject, _)| format!("{subject}\n")).collect()
}

fn counts(
    standings: &BTreeMap<SubjectId, BTreeMap<PurposeId, Standing>>,
    at: &str,
    summary: &ExportSummary,
    as_json: bool,
) -> String {
    let mut counts: BTreeMap<&PurposeId, BTreeMap<&str, u64>> = BTreeMap::new();
    for (purpose, standing) in standings.values().flatten() {
        *counts.entry(purpose).or_default().entry(standing.as_str()).or_default() += 1;
    }
    let unseen = summary.withheld + summary.gone;
    if as_json {
        let origin = summary.checkpoint.log_key().name();
        let json = json!({
            "at": at, "origin": origin, "people": standings.len(), "purposes": counts, "not_shown": unseen,
        });
        return format!("{json}\n");
    }
    let mut text = format!("{}, {} people had said something:\n", plain(at), standings.len());
    for (purpose, counts) in counts {
        let counts: Vec<String> =
            counts.iter().map(|(standing, count)| format!("{standing} {count}")).collect();
        text.push_str(&format!("  {purpose}: {}\n", counts.join(", ")));
    }
    text + &format!(
        "{unseen} records that the export does not show (erased, purged, restricted) are not counted.\n"
    )
}
