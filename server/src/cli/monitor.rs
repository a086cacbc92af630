//! `assent monitor`: follow a log of others and say what was found, once or again and again.
//!
//! Exit codes: 0 it is one history, properly signed; 1 it is not, and both sides of a fork are on file; 2 it cannot be
//! read, or wrong use. Without `--once` it goes on while the log cannot be read or lacks cosignatures, and ends when
//! something does not hold.

use super::verify::{key, plain};
use crate::deliver::Proxies;
use crate::deliver::log_reader::LogReader;
use crate::monitor::memory::Memory;
use crate::monitor::{Depth, Finding, LookError, Monitor, Outcome};
use anyhow::Context as _;
use assent_core::policy::{Policy, Quorum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Address of the log: what stands before /checkpoint and /tile, such as https://privacy.example.org/v1/clinic/log.
    url: String,
    /// The log's key (vkey), or a file with it. Without it: the keys of the policy's `log` lines.
    #[arg(long, value_name = "VKEY", required_unless_present = "policy")]
    key: Option<String>,
    /// File that keeps the last good checkpoint. Evidence of a fork is kept beside it.
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// File in tlog-policy format: which witnesses must have cosigned.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Look once and end.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    /// Read every entry as well, and compute the root from them.
    #[arg(long)]
    full: bool,
    /// Seconds that each file of the log may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Print one JSON object for each look.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let monitor = match monitor(arguments) {
        Ok(monitor) => monitor,
        Err(error) => {
            super::note(format_args!("assent monitor: {error:#}"));
            return Ok(ExitCode::from(2));
        }
    };
    loop {
        let looked = look(&monitor);
        let report = Report::of(arguments, &monitor, &looked);
        if arguments.json {
            super::data(&format!("{}\n", report.json))?;
        } else {
            super::data(&report.lines.iter().map(|line| plain(line) + "\n").collect::<String>())?;
        }
        if arguments.once || report.ends {
            return Ok(ExitCode::from(report.code));
        }
        std::thread::sleep(Duration::from_secs(arguments.interval));
    }
}

fn monitor(arguments: &Arguments) -> anyhow::Result<Monitor> {
    let policy = match &arguments.policy {
        None => None,
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(Policy::parse_bytes(&text).with_context(|| format!("{} is not a policy", path.display()))?)
        }
    };
    let timeout = Duration::from_secs(arguments.timeout);
    Ok(Monitor {
        log: LogReader::new(&arguments.url, timeout, Proxies::FromEnvironment)?,
        key: arguments.key.as_deref().map(key).transpose()?,
        policy,
        memory: Memory::at(&arguments.state),
        depth: if arguments.full { Depth::Entries } else { Depth::Heads },
    })
}

/// One look, with a bar on the terminal while entries are read.
fn look(monitor: &Monitor) -> Result<Finding, LookError> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {eta} left").ok();
    let bar = ProgressBar::no_length();
    let bar = if let Some(style) = style { bar.with_style(style) } else { bar };
    let found = monitor.look(&mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    found
}

/// What is said of one look.
struct Report {
    code: u8,
    /// Whether there is no use in looking again.
    ends: bool,
    lines: Vec<String>,
    json: Value,
}

impl Report {
    fn of(arguments: &Arguments, monitor: &Monitor, looked: &Result<Finding, LookError>) -> Self {
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let finding = match looked {
            Ok(finding) => finding,
            Err(error) => {
                let message = assent_ledger::causes(error);
                // What is wrong here stays wrong until somebody does something about it.
                let ends = matches!(error, LookError::Memory(_) | LookError::OtherLog { .. });
                let json = json!({
                    "at": at, "log": arguments.url, "outcome": "unreadable", "holds": Value::Null, "message": message,
                });
                return Report { code: 2, ends, lines: vec![format!("{at} unreadable: {message}")], json };
            }
        };
        let outcome = &finding.outcome;
        let message = sentence(finding, monitor.depth);
        let mut lines = vec![format!("{at} {}: {message}", outcome.code())];
        let head = finding.checkpoint.as_ref().map(|signed| signed.checkpoint());
        if let Some(assessment) = &finding.assessment {
            let names: Vec<&str> = assessment.cosigned_by.iter().map(|by| by.witness.as_str()).collect();
            let names = if names.is_empty() { "nobody".to_string() } else { names.join(", ") };
            lines.push(format!("    cosigned by {names}"));
        }
        lines.extend(finding.evidence.iter().map(|file| format!("    evidence: {}", file.display())));
        let quorum = finding.assessment.as_ref().map(|assessment| match assessment.quorum {
            Quorum::Met => "met",
            Quorum::Missing => "missing",
        });
        let cosigned_by = finding.assessment.as_ref().map(|assessment| {
            let by = |by: &assent_core::policy::CosignedBy| json!({ "witness": by.witness, "time": by.time });
            assessment.cosigned_by.iter().map(by).collect::<Vec<_>>()
        });
        let json = json!({
            "at": at, "log": arguments.url, "outcome": outcome.code(), "holds": outcome.holds(), "message": message,
            "origin": head.map(|head| &head.origin), "size": head.map(|head| head.size),
            "root": head.map(|head| head.root.to_base64()), "remembered_size": finding.remembered,
            "quorum": quorum, "cosigned_by": cosigned_by, "entries_read": monitor.depth == Depth::Entries,
            "evidence": finding.evidence,
        });
        // A checkpoint may be shown before its witnesses answered, so that alone is worth another look.
        let ends = !outcome.holds() && !matches!(outcome, Outcome::QuorumMissing);
        Report { code: u8::from(!outcome.holds()), ends, lines, json }
    }
}

fn sentence(finding: &Finding, depth: Depth) -> String {
    let head = finding.checkpoint.as_ref().map(|signed| signed.checkpoint());
    let (origin, size) = head.map_or(("", 0), |head| (head.origin.as_str(), head.size));
    let before = finding.remembered.unwrap_or_default();
    let read = if depth == Depth::Entries { ", and its entries give the signed root" } else { "" };
    match &finding.outcome {
        Outcome::First => {
            format!("{origin} has {size} entries{read}; it was never seen before, and is remembered now")
        }
        Outcome::Same => format!("{origin} still has {size} entries{read}"),
        Outcome::Grown => format!("{origin} grew from {before} to {size} entries{read}"),
        Outcome::Older => format!(
            "{origin} shows {size} entries, an earlier state of the {before} it showed before{read}: an old copy"
        ),
        Outcome::Smaller => format!(
            "{origin} shows {size} entries where it signed {before} before, and has no tiles of those any more: it was rolled back, or this \
             is an old copy. Whether it goes on as before shows only when it has as many again; what it signed now is kept"
        ),
        Outcome::Fork(fork) if fork.proof.is_empty() => {
            format!("{origin} HAS TWO HISTORIES: it signed two trees of {size} entries with different roots")
        }
        Outcome::Fork(fork) => format!(
            "{origin} HAS TWO HISTORIES: it signed {before} entries before and {size} now, and their first {} differ",
            fork.size
        ),
        Outcome::ForkOnFile => {
            "a fork of this log is on file; move the files away to follow the log again".to_string()
        }
        Outcome::BadSignature(error) => {
            format!("the checkpoint is badly signed: {}", assent_ledger::causes(error))
        }
        Outcome::QuorumMissing => format!("{origin} has {size} entries, but too few witnesses cosigned them"),
        Outcome::TilesDiffer(how) => {
            format!("the tiles of {origin} are not those of the tree it signed: {how}")
        }
        Outcome::EntriesDiffer { computed } => format!(
            "the entries of {origin} are not those of the tree it signed: they give the root {}",
            computed.to_base64()
        ),
    }
}
