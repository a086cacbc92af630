//! What a log's size does to it: logs with a hundredth, a tenth and all of the receipts, and one without any, opened, asked, read,
//! purged.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use assent_core::hash::sha256;

use crate::load::{Load, Outcome, Pace};
use crate::requests::free_address;
use crate::rig::{self, Log, Rig};
use crate::server::{self, Server};
use crate::speed::{COUNTED, WARM, decide, in_turns};
use crate::table::{Row, Table, Unit, Wanted, count, median, median_ratio};
use crate::{Figure, Plan, raw, say};

/// A log of one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grown {
    /// Receipts in it.
    pub(crate) size: u64,
    /// Receipts a second while it was filled by callers in the same process, up to 1024 of them waiting.
    pub(crate) fill_rate: Option<f64>,
    /// Bytes on disk.
    pub(crate) disk: u64,
    /// Mean bytes of a sealed row.
    pub(crate) sealed: f64,
    /// Seconds until a start was answered, files in the page cache.
    pub(crate) start: Option<f64>,
    /// Milliseconds: the median and the 99th of a hundred decisions.
    pub(crate) append: Option<(f64, f64)>,
    /// Most resident memory, in bytes, from the start until decisions, proofs and tiles were answered.
    pub(crate) memory: Option<u64>,
}

/// Measures, at this pace of requests a second. A log of every size comes back, if any was needed.
pub(crate) fn measure(rig: &Rig, plan: &Plan, pace: f64, table: &mut Table) -> Result<Vec<Grown>> {
    use Figure::{Append, Disk, Export, Memory, Proofs, Purge, Start, Verify};
    if !plan.any(&[Append, Disk, Export, Memory, Proofs, Purge, Start, Verify]) {
        return Ok(Vec::new());
    }
    let any_log = plan.any(&[Append, Disk, Export, Memory, Proofs, Start, Verify]);
    let sizes = if !any_log {
        Vec::new()
    } else if plan.has(Append) {
        vec![0, plan.size / 100, plan.size / 10, plan.size]
    } else {
        vec![plan.size]
    };
    let (mut logs, mut grown) = (Vec::new(), Vec::new());
    for size in sizes {
        let (log, about) = make(rig, size)?;
        logs.push(log);
        grown.push(about);
    }
    if plan.has(Disk) {
        disk(&grown, table);
    }
    if plan.has(Start) {
        for (log, about) in logs.iter().zip(&mut grown) {
            about.start = Some(warm_start(rig, plan, log)?);
        }
    }
    if let Some(largest) = logs.last() {
        if plan.has(Export) {
            export(rig, plan, largest, table)?;
        }
        if plan.has(Verify) {
            verify(rig, largest, table)?;
        }
    }
    // What comes from here on adds to the logs.
    if plan.has(Start) {
        starts(rig, plan, &logs, &grown, table)?;
    }
    if plan.any(&[Append, Memory, Proofs]) {
        serve(rig, plan, pace, &logs, &mut grown, table)?;
    }
    for log in logs {
        fs::remove_dir_all(&log.folder)?;
    }
    if plan.has(Purge) {
        purge(rig, plan, table)?;
    }
    Ok(grown)
}

fn make(rig: &Rig, size: u64) -> Result<(Log, Grown)> {
    say(format_args!("filling a log with {} receipts", count(size)));
    let began = Instant::now();
    let log = rig.log(&format!("log-{size}"), size)?;
    let took = began.elapsed().as_secs_f64();
    let grown = Grown {
        size,
        fill_rate: (size > 0).then(|| size as f64 / took),
        disk: rig::disk(&log.folder.join("data"))?,
        sealed: log.filled.sealed,
        start: None,
        append: None,
        memory: None,
    };
    say(format_args!("{took:.0} s"));
    Ok((log, grown))
}

fn disk(grown: &[Grown], table: &mut Table) {
    let Some(Grown { size, disk, sealed, .. }) = grown.last().copied() else { return };
    table.add(Row {
        place: 8,
        figure: format!("disk per receipt at {}, over its sealed bytes", count(size)),
        value: Ok(disk as f64 / size as f64 / sealed),
        wanted: Wanted::AtMost(2.5, 1.8),
        unit: Unit::Times,
        detail: format!("{:.0} / {sealed:.0} bytes", disk as f64 / size as f64),
    });
}

/// Seconds until a start is answered when all files were just used.
fn warm_start(rig: &Rig, plan: &Plan, log: &Log) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..plan.rounds {
        let server = rig.serve(log)?;
        took.push(server.ready_after.as_secs_f64());
        server.stop()?;
    }
    Ok(median(took))
}

fn starts(rig: &Rig, plan: &Plan, logs: &[Log], grown: &[Grown], table: &mut Table) -> Result<()> {
    let (Some(log), Some(about)) = (logs.last(), grown.last()) else { return Ok(()) };
    let size = count(about.size);
    let row = |place, how: &str, value, bar, goal| Row {
        place,
        figure: format!("start at {size}: {how}"),
        value,
        wanted: Wanted::AtMost(bar, goal),
        unit: Unit::Seconds,
        detail: String::new(),
    };
    table.add(row(12, "warm page cache", about.start.ok_or_else(|| "not started".to_string()), 3.0, 1.0));
    say("starts after kill -9, with decisions on their way");
    let mut killed = Vec::new();
    for _ in 0..plan.rounds {
        let server = rig.serve(log)?;
        decide(rig, server.address, 64, Pace::Closed)?;
        server.kill()?;
        let server = rig.serve(log)?;
        killed.push(server.ready_after.as_secs_f64());
        server.stop()?;
    }
    table.add(row(14, "after `kill -9`", Ok(median(killed)), 5.0, 1.0));
    say("cold starts");
    let mut cold = Vec::new();
    for _ in 0..plan.rounds.min(3) {
        rustix::fs::sync();
        if fs::write("/proc/sys/vm/drop_caches", "3").is_err() {
            break;
        }
        let server = rig.serve(log)?;
        cold.push(server.ready_after.as_secs_f64());
        server.stop()?;
    }
    let why = "only root may empty the page cache";
    let cold = if cold.is_empty() { Err(why.to_string()) } else { Ok(median(cold)) };
    table.add(row(13, "cold, page cache emptied", cold, 30.0, 5.0));
    Ok(())
}

/// Everything that is asked of running servers.
fn serve(
    rig: &Rig,
    plan: &Plan,
    pace: f64,
    logs: &[Log],
    grown: &mut [Grown],
    table: &mut Table,
) -> Result<()> {
    let servers: Vec<Server> = logs.iter().map(|log| rig.serve(log)).collect::<Result<_>>()?;
    let (Some(largest), Some(log)) = (servers.last(), logs.last()) else { return Ok(()) };
    if plan.any(&[Figure::Append, Figure::Memory]) {
        say(format_args!("decisions, {} a second, at every size", count(pace as u64)));
        let outcomes = in_turns(plan.rounds, servers.len(), |side| {
            decide(rig, servers[side].address, 64, Pace::Open(pace))
        })?;
        for (about, outcomes) in grown.iter_mut().zip(&outcomes) {
            let at = |quantile| median(outcomes.iter().map(|outcome| outcome.ms(quantile)));
            about.append = Some((at(0.5), at(0.99)));
        }
        if plan.has(Figure::Append) {
            append(grown, &outcomes, table);
        }
    }
    if plan.any(&[Figure::Proofs, Figure::Memory]) {
        proofs(rig, plan, (largest, log), table)?;
    }
    for (about, server) in grown.iter_mut().zip(&servers) {
        about.memory = Some(server.program.peak_memory());
    }
    if plan.has(Figure::Memory) {
        table.add(Row {
            place: 9,
            figure: format!("resident memory at {}, default cache", count(log.size)),
            value: Ok(largest.program.peak_memory() as f64),
            wanted: Wanted::AtMost(f64::from(1 << 30), f64::from(1 << 29)),
            unit: Unit::Bytes,
            detail: "at most, from the start through decisions, proofs and tiles".into(),
        });
    }
    servers.into_iter().try_for_each(Server::stop)
}

fn append(grown: &[Grown], outcomes: &[Vec<Outcome>], table: &mut Table) {
    let p99 = |side: usize| outcomes[side].iter().map(|outcome| outcome.ms(0.99)).collect::<Vec<_>>();
    // The first has nothing in it.
    let (small, large) = (1, grown.len() - 1);
    table.add(Row {
        place: 7,
        figure: format!(
            "append p99 at {} receipts, over append p99 at {}",
            count(grown[large].size),
            count(grown[small].size)
        ),
        value: Ok(median_ratio(&p99(large), &p99(small))),
        wanted: Wanted::AtMost(1.5, 1.1),
        unit: Unit::Times,
        detail: format!("{:.2} ms / {:.2} ms", median(p99(large)), median(p99(small))),
    });
}

/// Receipts, each with its proof, and tiles, both from all over the log, each at half of what the server can do of it.
fn proofs(rig: &Rig, plan: &Plan, (server, log): (&Server, &Log), table: &mut Table) -> Result<()> {
    let peer = rig.log("no-storage-for-proofs", 0)?;
    let peer = rig.serve_without_storage(&peer)?;
    let mut next = 0;
    let mut any = |of: usize| {
        next += 1u64;
        let hash = sha256(&next.to_be_bytes());
        usize::from(u16::from_be_bytes([hash.0[0], hash.0[1]])) * of / (usize::from(u16::MAX) + 1)
    };
    let receipts = &log.filled.receipts;
    let tiles = usize::try_from(log.size / 256)?;
    let mut read = |what: usize, pace: Pace| {
        let load = Load { to: server.address, connections: 64, pace, warm: WARM, time: COUNTED, status: 200 };
        load.run(&mut |bytes| {
            if what == 0 {
                let (id, token) = &receipts[any(receipts.len())];
                rig.asker.receipt(id, token, bytes);
            } else {
                rig.asker.tile(any(tiles) as u64, bytes);
            }
        })
    };
    for (place, what, name) in [(17, 0, "one inclusion proof (a receipt)"), (18, 1, "one tile")] {
        say(format_args!("{name} after the other"));
        let rates = (0..plan.rounds).map(|_| Ok(read(what, Pace::Closed)?.rate));
        let pace = (median(rates.collect::<Result<Vec<_>>>()?) / 2.0).round();
        say(format_args!("{name}, {} a second", count(pace as u64)));
        let p99 = in_turns(plan.rounds, 2, |side| {
            let pace = Pace::Open(pace);
            let outcome = if side == 0 { read(what, pace) } else { decide(rig, peer.address, 64, pace) };
            Ok(outcome?.ms(0.99))
        })?;
        if plan.has(Figure::Proofs) {
            table.add(Row {
                place,
                figure: format!("{name} served, p99 over no storage's p99"),
                value: Ok(median_ratio(&p99[0], &p99[1])),
                wanted: Wanted::AtMost(1.5, 1.0),
                unit: Unit::Times,
                detail: format!(
                    "{:.2} ms / {:.2} ms, both at {} a second",
                    median(p99[0].iter().copied()),
                    median(p99[1].iter().copied()),
                    count(pace as u64)
                ),
            });
        }
    }
    peer.stop()
}

fn export_of(rig: &Rig, log: &Log) -> Result<Command> {
    let mut command = rig.assent(log, free_address()?)?;
    command.args(["export", "--site", rig.site.id.as_str()]);
    Ok(command)
}

fn export(rig: &Rig, plan: &Plan, log: &Log, table: &mut Table) -> Result<()> {
    say("exporting the whole log to nowhere");
    let (mut rates, mut processor, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..plan.rounds.min(3) {
        let ran = server::run(export_of(rig, log)?.args(["--output", "/dev/null"]), None)?;
        let records =
            ran.printed.lines().find_map(|line| line.split_once(" records, ")?.0.parse::<u64>().ok());
        let records = records.context("`assent export` did not say how many records it wrote")?;
        ensure!(records == log.size, "{records} records were exported, not {}", log.size);
        rates.push(records as f64 / ran.took.as_secs_f64());
        processor.push(ran.processor.as_secs_f64() / records as f64);
        memory = memory.max(ran.peak_memory);
    }
    table.add(Row {
        place: 16,
        figure: "opening, checking and exporting records as NDJSON".into(),
        value: Ok(median(rates)),
        wanted: Wanted::AtLeast(100e3, 300e3),
        unit: Unit::Rate,
        detail: format!(
            "{} records, {:.1} µs of processor each, {} MiB resident",
            count(log.size),
            median(processor) * 1e6,
            memory >> 20
        ),
    });
    Ok(())
}

fn verify(rig: &Rig, log: &Log, table: &mut Table) -> Result<()> {
    say("verifying the whole log as it is exported");
    let before = raw::leaf(log.filled.record);
    let mut verify = Command::new(rig.program("assent"));
    verify.args(["verify", "--json", "/dev/stdin"]);
    let ran = server::run(&mut verify, Some(&mut export_of(rig, log)?))?;
    let raw = f64::midpoint(before, raw::leaf(log.filled.record));
    let found: serde_json::Value = serde_json::from_str(&ran.printed)?;
    let records = found["records"].as_u64().context("`assent verify` counted no records")?;
    let each = ran.processor.as_secs_f64() / records as f64;
    table.add(Row {
        place: 15,
        figure: "`assent verify` of a whole log, per core, over SHA-256 of each record and leaf".into(),
        value: Ok(raw / each),
        wanted: Wanted::AtLeast(0.5, 0.8),
        unit: Unit::Ratio,
        detail: format!(
            "{:.2} µs / {:.2} µs of processor an entry; {} records of {} bytes",
            raw * 1e6,
            each * 1e6,
            count(records),
            log.filled.record
        ),
    });
    Ok(())
}

/// Purges what is due, which is the first half of a log that was not asked for anything yet, in a running server, and lets it
/// give space back.
fn purge(rig: &Rig, plan: &Plan, table: &mut Table) -> Result<()> {
    let (log, _) = &make(rig, plan.size)?;
    say("purging half, in a running server");
    let data = log.folder.join("data");
    let before = rig::disk(&data)?;
    let running = rig.serve(log)?;
    let upkeep = |words: &[&str]| server::run(rig.assent(log, running.address)?.args(words), None);
    let purged = upkeep(&["purge", "--site", rig.site.id.as_str()])?;
    let memory = running.program.peak_memory();
    table.add(Row {
        place: 10,
        figure: format!("resident memory while purging half of {}", count(log.size)),
        value: Ok(memory as f64),
        wanted: Wanted::AtMost(f64::from(1 << 30), f64::from(1 << 29)),
        unit: Unit::Bytes,
        detail: format!("in {:.1} s", purged.took.as_secs_f64()),
    });
    say("giving space back");
    let reclaimed = upkeep(&["reclaim"])?;
    let most = running.program.peak_memory();
    running.stop()?;
    let after = rig::disk(&data)?;
    table.add(Row {
        place: 11,
        figure: "disk after that and `assent reclaim`, of before".into(),
        value: Ok(after as f64 / before as f64),
        wanted: Wanted::AtMost(0.6, 0.52),
        unit: Unit::Ratio,
        detail: format!(
            "{} / {} MB, in {:.1} s, {} MiB resident",
            after / 1_000_000,
            before / 1_000_000,
            reclaimed.took.as_secs_f64(),
            most >> 20
        ),
    });
    ensure_half(&purged.printed, log.size)
}

/// Every line of `assent purge` is a month with how many went.
fn ensure_half(printed: &str, size: u64) -> Result<()> {
    let counts =
        printed.lines().filter_map(|line| line.split(": ").nth(1)?.split(' ').next()?.parse::<u64>().ok());
    let gone: u64 = counts.sum();
    ensure!(gone == size / 2, "{gone} records were purged, not half of {size}: {printed}");
    Ok(())
}
