//! `cargo xtask bench ledger` and `cargo xtask bench may`: the ledger's figures on this machine, against the peer or the limit that each is judged by, in one
//! run. Both sides of a figure use the same disk and the same two processors, which also carry the load generator, and take
//! turns in rounds; a figure is the median of the rounds' ratios. Fails on errors, never on a figure.
//!
//! Not part of the product: nothing here is shipped. `xtask` builds it and the programs it starts into one folder.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a measuring program: the table on stdout, progress on stderr; numbers below 2^52"
)]

mod chart;
mod fill;
mod load;
mod logs;
mod may;
mod postgres;
mod raw;
mod report;
mod requests;
mod rig;
mod server;
mod speed;
mod stop;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use rig::Rig;
use table::Table;

/// Receipts in the largest log unless told otherwise.
const USUAL: u64 = 1_000_000;
/// Receipts that the bars speak of.
const FULL: u64 = 10_000_000;

/// Measures the ledger and prints the table.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench ledger")]
struct Args {
    /// Receipts in the largest log; the others have a tenth, a hundredth and none. The bars speak of ten million
    #[arg(long, default_value_t = USUAL, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    size: u64,
    /// Ten million receipts: 20 GB of disk, an hour
    #[arg(long, conflicts_with = "size")]
    full: bool,
    /// Measure only these
    #[arg(long, value_name = "FIGURE", value_delimiter = ',')]
    only: Vec<Figure>,
    /// Rounds that each side of a figure gets
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Folder on the disk to measure; root's PostgreSQL must be able to enter it
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Receipts a second, against the same server without storage
    Throughput,
    /// Receipts a second, against PostgreSQL
    Postgres,
    /// The slowest hundredth of decisions, against the same server without storage
    Latency,
    /// One decision on an idle server, against fdatasync
    Lone,
    /// How an append slows down as the log grows
    Append,
    /// Bytes on disk per receipt
    Disk,
    /// Resident memory
    Memory,
    /// Purging half and giving space back
    Purge,
    /// Start: warm, cold, after kill -9
    Start,
    /// `assent verify` of a whole log, against SHA-256
    Verify,
    /// `assent export`
    Export,
    /// Proofs and tiles
    Proofs,
    /// "May we?", against the same server answering a constant; only when it is named: `cargo xtask bench may`
    May,
}

/// What runs, in the order of the table.
#[derive(Debug)]
struct Plan {
    only: Vec<Figure>,
    /// Receipts in the largest log.
    size: u64,
    rounds: usize,
}

impl Plan {
    fn has(&self, figure: Figure) -> bool {
        (self.only.is_empty() && figure != Figure::May) || self.only.contains(&figure)
    }

    fn any(&self, figures: &[Figure]) -> bool {
        figures.iter().any(|figure| self.has(*figure))
    }
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    stop::listen()?;
    let size = if args.full { FULL } else { args.size };
    let plan = Plan { only: args.only, size, rounds: args.rounds.into() };
    let processors = rig::two_processors()?;
    let rig = Rig::new(&args.folder)?;
    let room = rig::free_bytes(rig.folder())?;
    let needed = rig::disk_needed(&plan);
    ensure!(
        room > needed,
        "this needs {} GB of disk in {} and there are {}; give it another --folder or a smaller --size",
        needed / 1_000_000_000,
        args.folder.display(),
        room / 1_000_000_000
    );
    let machine = report::machine(&rig, &processors)?;
    say(&machine);
    let mut table = Table::default();
    let pace = speed::measure(&rig, &plan, &mut table)?;
    let grown = logs::measure(&rig, &plan, pace, &mut table)?;
    may::measure(&rig, &plan, &mut table)?;
    let text = report::text(&plan, &machine, &table, &grown);
    println!("{text}");
    // A part, or a small log, is for whoever works on it; the whole is for readers.
    if plan.only.is_empty() && plan.size >= USUAL {
        report::write(&text, &chart::draw(&grown)).context("cannot write the documentation")?;
    }
    Ok(())
}

/// One line of progress.
fn say(text: impl std::fmt::Display) {
    eprintln!("  {text}");
}
