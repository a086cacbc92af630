//! How fast decisions are recorded by a log that is new: against the same server without storage, against PostgreSQL, and
//! against one fdatasync.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::load::{Load, Outcome, Pace};
use crate::postgres::{self, Cluster};
use crate::raw;
use crate::requests::free_address;
use crate::rig::Rig;
use crate::server::Server;
use crate::table::{Row, Table, Unit, Wanted, count, median, median_ratio};
use crate::{Figure, Plan, say};

/// Before anything is counted.
pub(crate) const WARM: Duration = Duration::from_secs(1);
/// What is counted.
pub(crate) const COUNTED: Duration = Duration::from_secs(4);
/// Between an answer and the next lone decision.
const IDLE: Duration = Duration::from_millis(20);

/// Decisions by people who are new, each answered 201.
pub(crate) fn decide(rig: &Rig, to: SocketAddr, connections: usize, pace: Pace) -> Result<Outcome> {
    let load = Load { to, connections, pace, warm: WARM, time: COUNTED, status: 201 };
    load.run(&mut |bytes| rig.asker.decision(bytes))
}

/// Runs `sides` things in turns, so many rounds, every other round backwards. What came of each, by round.
pub(crate) fn in_turns<T>(
    rounds: usize,
    sides: usize,
    mut run: impl FnMut(usize) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let mut outcomes: Vec<Vec<T>> = (0..sides).map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..sides {
            let side = if round % 2 == 0 { turn } else { sides - 1 - turn };
            outcomes[side].push(run(side)?);
        }
    }
    Ok(outcomes)
}

/// A log of our own, and its peers.
struct Servers {
    ours: Server,
    no_storage: Server,
    postgres: Option<(Cluster, Server)>,
}

/// Measures, and returns the pace at which latencies are compared: half of what this machine records a second for 64 callers.
pub(crate) fn measure(rig: &Rig, plan: &Plan, table: &mut Table) -> Result<f64> {
    use Figure::{Append, Latency, Lone, Memory, Postgres, Throughput};
    if !plan.any(&[Append, Latency, Lone, Memory, Postgres, Throughput]) {
        return Ok(f64::NAN);
    }
    let servers = start(rig, plan, table)?;
    let pace = throughput(rig, plan, &servers, table)?;
    if plan.has(Latency) {
        latency(rig, plan, &servers, pace, table)?;
    }
    if plan.has(Lone) {
        lone(rig, plan, &servers, table)?;
    }
    servers.ours.stop()?;
    servers.no_storage.stop()?;
    if let Some((cluster, peer)) = servers.postgres {
        peer.stop()?;
        cluster.stop()?;
    }
    Ok(pace)
}

fn start(rig: &Rig, plan: &Plan, table: &mut Table) -> Result<Servers> {
    let ours = rig.serve(&rig.log("ours", 0)?)?;
    let no_storage = rig.serve_without_storage(&rig.log("no-storage", 0)?)?;
    let mut peer = None;
    if plan.has(Figure::Postgres) {
        match postgres::programs() {
            Some(programs) => {
                say("making a PostgreSQL cluster");
                let cluster = Cluster::start(&programs, &rig.folder().join("postgres"))?;
                let address = free_address()?;
                let mut command = std::process::Command::new(rig.program("postgres_peer"));
                command.arg(address.to_string()).arg(&cluster.url);
                let log = rig.folder().join("peer.log");
                let server = Server::start(&mut command, &log, address, &rig.asker)?;
                peer = Some((cluster, server));
            }
            None => table.add(Row {
                place: 3,
                figure: "receipts/s over one INSERT per request in PostgreSQL 15".into(),
                value: Err("PostgreSQL 15 is not installed here".into()),
                wanted: Wanted::AtLeast(3.5, 5.0),
                unit: Unit::Times,
                detail: String::new(),
            }),
        }
    }
    Ok(Servers { ours, no_storage, postgres: peer })
}

/// Receipts a second at 64 and at 256 connections, in a closed loop.
fn throughput(rig: &Rig, plan: &Plan, servers: &Servers, table: &mut Table) -> Result<f64> {
    let mut sides = vec![servers.ours.address];
    if plan.has(Figure::Throughput) {
        sides.push(servers.no_storage.address);
    }
    let peer = servers.postgres.as_ref().map(|(cluster, server)| {
        sides.push(server.address);
        (sides.len() - 1, cluster)
    });
    let mut pace = f64::NAN;
    for (place, connections) in [(1, 64), (2, 256)] {
        if connections == 256 && sides.len() == 1 {
            break;
        }
        say(format_args!("receipts a second, {connections} connections"));
        let rates = in_turns(plan.rounds, sides.len(), |side| {
            Ok(decide(rig, sides[side], connections, Pace::Closed)?.rate)
        })?;
        let a_second = |side: usize| count(median(rates[side].iter().copied()).round() as u64);
        if connections == 64 {
            pace = (median(rates[0].iter().copied()) / 2.0).round();
        }
        if plan.has(Figure::Throughput) {
            table.add(Row {
                place,
                figure: format!("durable receipts/s at {connections} connections, over no storage"),
                value: Ok(median_ratio(&rates[0], &rates[1])),
                wanted: Wanted::AtLeast(0.40, 0.55),
                unit: Unit::Ratio,
                detail: format!("{} / {}", a_second(0), a_second(1)),
            });
        }
        if let Some((side, cluster)) = &peer {
            table.add(Row {
                place: place + 2,
                figure: format!("the same at {connections}, over one INSERT per request in PostgreSQL 15"),
                value: Ok(median_ratio(&rates[0], &rates[*side])),
                wanted: Wanted::AtLeast(3.5, 5.0),
                unit: Unit::Times,
                detail: format!("{} / {}; {}", a_second(0), a_second(*side), cluster.version),
            });
        }
    }
    Ok(pace)
}

fn latency(rig: &Rig, plan: &Plan, servers: &Servers, pace: f64, table: &mut Table) -> Result<()> {
    say(format_args!("latencies, 64 connections, {} a second", count(pace as u64)));
    let sides = [servers.ours.address, servers.no_storage.address];
    let mut middles = [Vec::new(), Vec::new()];
    // Both at one pace, which is what is judged; then each as fast as it can, where a slower server is asked less.
    let p99 = in_turns(plan.rounds, 4, |turn| {
        let (side, at_one_pace) = (turn % 2, turn < 2);
        let pace = if at_one_pace { Pace::Open(pace) } else { Pace::Closed };
        let outcome = decide(rig, sides[side], 64, pace)?;
        if at_one_pace {
            middles[side].push(outcome.ms(0.5));
        }
        Ok(outcome.ms(0.99))
    })?;
    let [ours, theirs] = middles.map(median);
    let middle = |turn: usize| median(p99[turn].iter().copied());
    table.add(Row {
        place: 5,
        figure: "p99 of a decision at 64 connections, over no storage".into(),
        value: Ok(median_ratio(&p99[0], &p99[1])),
        wanted: Wanted::AtMost(1.5, 1.0),
        unit: Unit::Times,
        detail: format!(
            "{:.2} ms / {:.2} ms, medians {ours:.2} ms / {theirs:.2} ms, both at {} a second; in closed loops {:.2} × ({:.2} ms / {:.2} ms)",
            middle(0),
            middle(1),
            count(pace as u64),
            median_ratio(&p99[2], &p99[3]),
            middle(2),
            middle(3)
        ),
    });
    Ok(())
}

fn lone(rig: &Rig, plan: &Plan, servers: &Servers, table: &mut Table) -> Result<()> {
    say("lone decisions on an idle server");
    let slow = Pace::Alone(IDLE);
    let times = in_turns(plan.rounds, 3, |side| match side {
        0 => Ok(decide(rig, servers.ours.address, 1, slow)?.ms(0.5)),
        1 => Ok(raw::fdatasync(rig.folder(), 200, IDLE)? * 1e3),
        _ => Ok(decide(rig, servers.no_storage.address, 1, slow)?.ms(0.5)),
    })?;
    let middle = |side: usize| median(times[side].iter().copied());
    table.add(Row {
        place: 6,
        figure: "a lone decision on an idle server, over one fdatasync".into(),
        value: Ok(median_ratio(&times[0], &times[1])),
        wanted: Wanted::AtMost(4.0, 2.5),
        unit: Unit::Times,
        detail: format!("{:.2} ms / {:.2} ms; without storage {:.2} ms", middle(0), middle(1), middle(2)),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn sides_take_turns_and_every_other_round_goes_backwards() {
        let mut order = Vec::new();
        let outcomes = super::in_turns(2, 3, |side| {
            order.push(side);
            Ok(side)
        });
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
        assert_eq!(outcomes.unwrap(), [[0, 0], [1, 1], [2, 2]]);
    }
}
