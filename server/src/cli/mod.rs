//! The `assent` command: one file for each command, or for a few that belong together. Data goes to stdout, everything else to stderr.
//!
//! Exit codes: 0 done and good; 1 the answer is no, or the work failed; 2 wrong use, or a configuration or something to be judged that
//! cannot be read.

mod alerts;
mod backup;
mod client;
mod config;
mod export;
mod keys;
mod lines;
mod listen;
mod log;
mod markup;
mod monitor;
mod opened;
mod output;
mod people;
mod serve;
mod site;
mod standings;
mod upkeep;
mod verify;
mod witness;

use crate::config::{Environment, Loaded};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Threads for work that waits for files, at most.
const BLOCKING: usize = 64;

/// Cookie consent that people can check: banner, choices, alerts and a verifiable log.
#[derive(Debug, Parser)]
#[command(name = "assent", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file. Without it: assent.toml in this folder if there is one, else the defaults.
    #[arg(long, global = true, value_name = "FILE", env = "ASSENT_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server. Stops cleanly on Ctrl-C or SIGTERM.
    Serve(serve::Arguments),
    /// Check, publish or show a site file.
    Site(site::Arguments),
    /// Begin a site's log, or take one over from another instance.
    Log(log::Arguments),
    /// Write a site's records to a file or standard output: with proofs, as a table, in standard forms, or all of it as a bundle for
    /// an auditor.
    Export(export::Arguments),
    /// Take lists of what people said elsewhere about alerts.
    Alerts(alerts::Arguments),
    /// Let people leave: erase, restrict, release, hold.
    People(people::Arguments),
    /// Record the end of alerts whose time is over, and remind of those that end soon. Done every night by itself.
    EndAlerts(upkeep::EndAlertsArguments),
    /// Purge records whose time is over. Done every night by itself.
    Purge(upkeep::PurgeArguments),
    /// Read everything in the logs again and say what is wrong. Done every night by itself. Exit code 1: something is.
    Fsck(upkeep::FsckArguments),
    /// Give back the space of what was erased and purged.
    Reclaim,
    /// Add an encrypted backup of everything to backup.dir. Done every night by itself.
    Backup(backup::Arguments),
    /// Make a data directory of a backup, or list the backups. Exit code 1 of a list: one is damaged.
    Restore(backup::RestoreArguments),
    /// Bring the data of an earlier release into this release's form.
    Migrate,
    /// Draw an operator's key, or put a new one in the old one's place.
    Keys(keys::Arguments),
    /// Check a receipt, an export, a bundle, a copied log or a data directory offline. Exit code 0: it holds; 1: it does not, and
    /// where; 2: it cannot be read.
    Verify(verify::Arguments),
    /// Count who had said what at a time in the past, from an export, offline. Exit codes as `verify`.
    Standings(standings::Arguments),
    /// Watch logs of others: cosign that what they say never contradicts what they said before.
    Witness(witness::Arguments),
    /// Follow a log of others: is it one history? Exit code 0: yes; 1: no, or badly signed; 2: it cannot be read.
    Monitor(monitor::Arguments),
    /// Show the configuration in force: each key, its value, where it came from, and what it does.
    Config(config::Arguments),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = arguments.config.clone();
    let done = match arguments.command {
        Command::Serve(own) => configured(file).and_then(|loaded| serve::run(loaded, own)),
        Command::Site(own) => site::run(own, || configured(file)),
        Command::Log(own) => configured(file).and_then(|loaded| log::run(own, loaded)),
        Command::Export(own) => configured(file).and_then(|loaded| export::run(own, loaded)),
        Command::Alerts(own) => configured(file).and_then(|loaded| alerts::run(own, loaded)),
        Command::People(own) => configured(file).and_then(|loaded| people::run(own, loaded)),
        Command::EndAlerts(own) => configured(file).and_then(|loaded| upkeep::end_alerts(&own, loaded)),
        Command::Purge(own) => configured(file).and_then(|loaded| upkeep::purge(&own, loaded)),
        Command::Fsck(own) => configured(file).and_then(|loaded| upkeep::fsck(&own, loaded)),
        Command::Reclaim => configured(file).and_then(upkeep::reclaim),
        Command::Backup(own) => configured(file).and_then(|loaded| backup::make(own, loaded)),
        Command::Restore(own) => configured(file).and_then(|loaded| backup::restore(own, loaded)),
        Command::Migrate => configured(file).and_then(|loaded| backup::migrate(&loaded)),
        Command::Keys(own) => keys::run(own, || configured(file)),
        Command::Verify(own) => verify::run(&own),
        Command::Standings(own) => standings::run(&own),
        Command::Witness(own) => configured(file).and_then(|loaded| witness::run(loaded, own)),
        Command::Monitor(own) => monitor::run(&own),
        Command::Config(own) => config::run(own, || configured(file)),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            note(format_args!("assent: {error:#}"));
            ExitCode::from(if error.is::<crate::config::ConfigError>() { 2 } else { 1 })
        }
    }
}

/// Runs `assent serve` with a configuration file, but nothing is recorded: [`crate::http::without_storage`]. For measuring.
#[cfg(feature = "no-storage")]
pub fn serve_without_storage(config: PathBuf) -> anyhow::Result<ExitCode> {
    serve::run_with(configured(Some(config))?, crate::http::without_storage)
}

/// The configuration from the named file, `assent.toml` or the defaults, and from the environment.
fn configured(file: Option<PathBuf>) -> anyhow::Result<Loaded> {
    let usual = Path::new("assent.toml");
    let file = file.or_else(|| usual.exists().then(|| usual.to_path_buf()));
    let environment: Environment = std::env::vars().filter(|(name, _)| name.starts_with("ASSENT_")).collect();
    Ok(crate::config::load(file.as_deref(), &environment)?)
}

/// One line for the person at the terminal.
#[expect(clippy::print_stderr, reason = "the command line talks to people on stderr")]
fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Data, as it is.
fn data(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has what it wanted, as in `assent config | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// What runs everything that waits. Threads for reading and writing files are bounded well below tokio's 512: each costs two
/// megabytes of the allocator's, and disks do no more for more of them.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().max_blocking_threads(BLOCKING).enable_all().build()
}
