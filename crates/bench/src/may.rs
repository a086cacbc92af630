//! How fast "may we?" is answered, by how many subscribers there are: one by one and in bulk, against the same server answering
//! the same yes to everybody without looking, once the server has worked out what holds for everybody. Addresses are taken evenly from
//! all of them, so no cache of a few knows them.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use assent_core::notice::{Asked, Channel};

use crate::fill::address;
use crate::load::{self, Load, Outcome, Pace};
use crate::rig::Rig;
use crate::speed::in_turns;
use crate::table::{Row, Table, Unit, Wanted, count, median, median_ratio};
use crate::{Figure, Plan, say};

const WARM: Duration = Duration::from_secs(1);
const COUNTED: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 64;
/// Addresses in one bulk question: the most that are taken.
const BULK: usize = assent_core::wire::MAY_BULK_MAX;
/// A step that visits every one of so many addresses once before it comes back, far from where it was.
const STRIDE: u64 = 7_368_787;

/// What is asked about, and who is there.
struct Question<'a> {
    rig: &'a Rig,
    topic: &'a str,
    people: u64,
}

/// Measures with one subscriber, a tenth and all of `plan.size`.
pub(crate) fn measure(rig: &Rig, plan: &Plan, table: &mut Table) -> Result<()> {
    if !plan.has(Figure::May) {
        return Ok(());
    }
    let notice = rig.site.notice()?;
    let mut alerts = notice.asked_at(Asked::AlertForm);
    let alert = alerts.find(|alert| alert.channel == Some(Channel::Email)).context("no alert by email")?;
    let topic = alert.topic.as_deref().context("an alert has a topic")?;
    let constant = rig.serve_without_storage(&rig.log("constant", 0)?)?;
    let mut before = None;
    for (number, people) in [1, plan.size / 10, plan.size].into_iter().enumerate() {
        say(format_args!("{} subscribers", count(people)));
        let log = rig.subscribers(&format!("subscribers-{people}"), &alert.id, people)?;
        let server = rig.serve(&log)?;
        let ready_after = standings_ready(rig, server.address)?;
        let question = Question { rig, topic, people };
        let sides = [server.address, constant.address];
        measure_one(&question, plan, sides, number as u8 * 10, table)?;
        let memory = server.program.peak_memory();
        let first = *before.get_or_insert(memory);
        table.add(Row {
            place: number as u8 * 10 + 4,
            figure: format!("memory at {} subscribers, more than at one", count(people)),
            value: Ok(memory.saturating_sub(first) as f64),
            // The store's own cache, ledger.cache_mib.
            wanted: Wanted::AtMost(f64::from(384 << 20), f64::from(192 << 20)),
            unit: Unit::Bytes,
            detail: format!(
                "{} MiB in all; every standing worked out {:.1} s after the start",
                memory >> 20,
                ready_after.as_secs_f64()
            ),
        });
        server.stop()?;
    }
    constant.stop()
}

/// Waits until the server worked out what holds for every address; from now until then.
fn standings_ready(rig: &Rig, address: SocketAddr) -> Result<Duration> {
    let (began, mut question) = (Instant::now(), Vec::new());
    rig.asker.metrics(&mut question);
    let mut stream = TcpStream::connect(address)?;
    loop {
        crate::stop::check()?;
        let answer = load::ask(&mut stream, &question, 200)?;
        let text = String::from_utf8_lossy(&answer);
        let mut lines = text.lines().filter(|line| line.starts_with("assent_standings_ready{"));
        if lines.any(|line| line.ends_with(" 1")) {
            return Ok(began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn measure_one(
    question: &Question<'_>,
    plan: &Plan,
    sides: [SocketAddr; 2],
    place: u8,
    table: &mut Table,
) -> Result<()> {
    let people = count(question.people);
    let rates = in_turns(plan.rounds, 2, |side| Ok(question.singly(sides[side], Pace::Closed)?.rate))?;
    let ours = median(rates[0].iter().copied());
    table.add(Row {
        place,
        figure: format!("answers/s at {people} subscribers, over a constant answer"),
        value: Ok(median_ratio(&rates[0], &rates[1])),
        wanted: Wanted::AtLeast(0.6, 0.8),
        unit: Unit::Ratio,
        detail: format!("{} / {}", count(ours as u64), count(median(rates[1].iter().copied()) as u64)),
    });
    let pace = Pace::Open((ours / 2.0).round());
    let slow = in_turns(plan.rounds, 2, |side| Ok(question.singly(sides[side], pace)?.ms(0.99)))?;
    table.add(Row {
        place: place + 1,
        figure: format!("p99 at {people}, half of that pace, over a constant answer"),
        value: Ok(median_ratio(&slow[0], &slow[1])),
        wanted: Wanted::AtMost(3.0, 1.5),
        unit: Unit::Times,
        detail: format!("{:.2} / {:.2} ms", median(slow[0].iter().copied()), median(slow[1].iter().copied())),
    });
    let bulk = in_turns(plan.rounds, 2, |side| Ok(question.in_bulk(sides[side])?.rate * BULK as f64))?;
    table.add(Row {
        place: place + 2,
        figure: format!("addresses/s in bulk at {people} subscribers"),
        value: Ok(median(bulk[0].iter().copied())),
        wanted: Wanted::AtLeast(200e3, 400e3),
        unit: Unit::Rate,
        detail: format!("{BULK} a call, two calls at a time"),
    });
    // Its bar is the number above.
    table.add(Row {
        place: place + 3,
        figure: format!("addresses/s in bulk at {people}, over constant answers"),
        value: Ok(median_ratio(&bulk[0], &bulk[1])),
        wanted: Wanted::Nothing,
        unit: Unit::Ratio,
        detail: [0, 1].map(|side| count(median(bulk[side].iter().copied()) as u64)).join(" / "),
    });
    Ok(())
}

impl Question<'_> {
    fn address(&self, number: u64) -> String {
        address(number.wrapping_mul(STRIDE) % self.people)
    }

    fn singly(&self, to: SocketAddr, pace: Pace) -> Result<Outcome> {
        let load = Load { to, connections: CONNECTIONS, pace, warm: WARM, time: COUNTED, status: 200 };
        let mut next = 0;
        load.run(&mut |bytes| {
            next += 1;
            self.rig.asker.may(self.topic, &self.address(next), bytes);
        })
    }

    fn in_bulk(&self, to: SocketAddr) -> Result<Outcome> {
        let load = Load { to, connections: 2, pace: Pace::Closed, warm: WARM, time: COUNTED, status: 200 };
        // Written before the run: writing them takes the load generator as long as answering takes the server.
        let mut calls = Vec::new();
        for call in 0..16 {
            let from = call * BULK as u64;
            let addresses: Vec<String> = (from..from + BULK as u64).map(|next| self.address(next)).collect();
            let mut bytes = Vec::new();
            self.rig.asker.may_bulk(self.topic, &addresses, &mut bytes);
            calls.push(bytes);
        }
        let mut calls = calls.iter().cycle();
        load.run(&mut |bytes| bytes.extend(calls.next().into_iter().flatten()))
    }
}
