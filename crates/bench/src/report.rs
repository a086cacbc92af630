//! The page: the machine, the table, how logs grew. `docs/bench-ledger.md` is one run's, whole.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::logs::Grown;
use crate::rig::{Rig, repository};
use crate::table::{Table, count};
use crate::{FULL, Plan, raw, say};

/// One line about what this runs on.
pub(crate) fn machine(rig: &Rig, processors: &[usize]) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let memory = memory.and_then(|kib| kib.parse::<u64>().ok()).context("/proc/meminfo names no MemTotal")?;
    let kernel = rustix::system::uname();
    let fdatasync = raw::fdatasync(rig.folder(), 200, Duration::from_millis(2))?;
    Ok(format!(
        "{} cores of {}, {} GiB of memory, {} {}; one fdatasync takes {:.2} ms",
        processors.len(),
        model.unwrap_or("an unnamed processor"),
        memory >> 20,
        kernel.sysname().to_string_lossy(),
        kernel.release().to_string_lossy(),
        fdatasync * 1e3
    ))
}

/// The page.
pub(crate) fn text(plan: &Plan, machine: &str, table: &Table, grown: &[Grown]) -> String {
    let date = jiff::Zoned::now().date();
    let mut out = format!(
        "# The ledger, measured\n\n`cargo xtask bench ledger`, {date}, on {machine}. Rates and latencies are medians of {} rounds in which \
         both sides took turns on the same disk and the same two cores, which carried the load generator too; disk, memory, purging and \
         verify are measured once.\n\n",
        plan.rounds
    );
    if plan.size != FULL {
        let _ = write!(
            out,
            "The bars are for a log of {} receipts; this run's largest had {}.\n\n",
            count(FULL),
            count(plan.size)
        );
    }
    out.push_str(&table.to_markdown());
    if grown.len() > 1 {
        out.push_str("\n## As a log grows\n\n![Latency, memory, disk and start-up time by the size of the log](bench-ledger.svg)\n\n");
        out.push_str(&growth(grown));
    }
    out.push_str(HOW);
    out
}

fn growth(grown: &[Grown]) -> String {
    let mut out = String::from(
        "| receipts | filled, receipts/s | decision p50 | p99 | memory | disk per receipt | warm start |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for log in grown {
        let or = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            count(log.size),
            or(log.fill_rate.map(|rate| count(rate.round() as u64))),
            or(log.append.map(|(p50, _)| format!("{p50:.2} ms"))),
            or(log.append.map(|(_, p99)| format!("{p99:.2} ms"))),
            or(log.memory.map(|bytes| format!("{} MiB", bytes >> 20))),
            or((log.size > 0).then(|| format!("{} bytes", log.disk / log.size))),
            or(log.start.map(|seconds| format!("{seconds:.2} s"))),
        );
    }
    out
}

const HOW: &str = "
## What is compared

- **No storage** is the same server with one handler changed: it reads and checks a decision the same way and answers with an
  answer of the same shape, but looks nothing up, seals, hashes, signs and stores nothing (`server/examples/no_storage.rs`).
- **PostgreSQL 15** is a cluster made for the run with every default, behind a small axum program with a pool of sixteen
  connections: one INSERT per request into a table with one index, no proof, no encryption (`crates/bench/src/bin/postgres_peer.rs`).
- **Receipts a second** are from a closed loop: each connection asks again when it has its answer. **Latencies** are from an open
  loop at half of what ours answers of such requests in a closed loop, the same pace for both sides; an answer's time counts from when its
  request was due.
- **Each ratio** is the median of the rounds' own ratios, so it is not the quotient of the two medians beside it.
- **One fdatasync** follows a write of 1 KiB into a file that was written before. A lone decision comes 20 ms after the
  last one's answer.
- **Disk** is whole blocks of everything in the data directory, keys included; **sealed bytes** are the sealed rows alone.
- **Memory** is the most that was resident since the server's start (`VmHWM`).
- **Start** ends with the first answer of `/readyz`. Cold: after the page cache was emptied.
- **Verify** is the processor time of `assent verify`, fed by `assent export`, against SHA-256 of as many records of the same
  length and of their leaves in a loop.
- The logs hold decisions of so many people on the example clinic's site, put in by the ledger's own append; the first half is
  five years old, so that its time is over.
";

/// Writes the page and its chart into the documentation.
pub(crate) fn write(text: &str, chart: &str) -> Result<()> {
    let folder = repository("docs");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("bench-ledger.md"), text)?;
    fs::write(folder.join("bench-ledger.svg"), chart)?;
    say("written to docs/bench-ledger.md and docs/bench-ledger.svg");
    Ok(())
}
