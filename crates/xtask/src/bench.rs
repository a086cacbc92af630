//! `cargo xtask bench`: receipts per second by how many callers wait, and the memory and speed of an export of a thousand
//! and of a million records. Prints tables; never fails on a figure, because machines differ and are noisy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::place::{self, Place};
use crate::{build, run, say};

/// How much to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Records of the larger export
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
}

const SITE: &str = "examples/health-provider/site.toml";
const ORIGIN: &str = "privacy.clinic.localhost:8700/v1/clinic/log";

/// Builds, measures and prints.
///
/// # Errors
/// When something cannot be built or run.
pub(crate) fn run(args: &Args) -> Result<()> {
    let place = Place::find()?;
    build::programs(&place, &["server"], true)?;
    let mut command = place::cargo();
    command.args(["build", "--release", "--package", "assent-store-sled", "--example", "measure"]);
    run::loud(command.args(build::locked()).arg("--target-dir").arg(&place.target))?;
    let folder = place.target.join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;

    say::headline("Append: whole receipts, durable");
    println!(
        "{:>8} {:>12} {:>12} {:>14} {:>12}",
        "waiting", "receipts/s", "per commit", "ms per commit", "bytes each"
    );
    run::loud(Command::new(measure(&place)).arg("append").arg(folder.join("append")))?;

    say::headline("Export: through the command line, from the same log as it grows");
    let config = prepare(&place, &folder)?;
    println!("{:>9} {:>8} {:>12} {:>12} {:>12}", "records", "format", "peak memory", "seconds", "records/s");
    let mut have = 0;
    for wanted in [1000, args.records.max(1001)] {
        fill(&place, &folder, wanted - have)?;
        have = wanted;
        for format in ["ndjson", "csv"] {
            let (peak, took) = export(&place, &config, format)?;
            println!(
                "{wanted:>9} {format:>8} {:>8} MiB {:>12.1} {:>12.0}",
                peak / 1024,
                took.as_secs_f64(),
                wanted as f64 / took.as_secs_f64()
            );
        }
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))
}

fn measure(place: &Place) -> PathBuf {
    place.binaries(true).join("examples").join("measure")
}

fn assent(place: &Place, config: &Path) -> Command {
    let mut command = Command::new(place.binaries(true).join("assent"));
    command.arg("--config").arg(config).stdin(Stdio::null());
    command
}

/// A data directory with one site's log.
fn prepare(place: &Place, folder: &Path) -> Result<PathBuf> {
    let config = folder.join("assent.toml");
    fs::write(&config, "[server]\ndata_dir = \"data\"\n[ledger]\nkey_file = \"assent.key\"\n")?;
    run::output(assent(place, &config).args(["log", "create"]).arg(place.root.join(SITE)))?;
    Ok(config)
}

fn fill(place: &Place, folder: &Path, count: u64) -> Result<()> {
    let step = say::step(format!("adding {count} records"));
    let mut command = Command::new(measure(place));
    command.arg("fill").arg(folder.join("data")).args(["clinic", ORIGIN]);
    run::output(command.arg(folder.join("assent.key")).arg(count.to_string()))?;
    step.done("added");
    Ok(())
}

/// Peak resident memory (KiB) and time of one export to nowhere.
fn export(place: &Place, config: &Path, format: &str) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut child = assent(place, config)
        .args(["export", "--site", "clinic", "--format", format])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start assent")?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        // The kernel's own high-water mark, so that reading it now and then misses little.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if !ended.success() {
        bail!("assent export ended with {ended}");
    }
    Ok((peak, began.elapsed()))
}
