//! The load generator: one thread, non-blocking sockets that stay open, requests as bytes that were made before. It shares two
//! cores with what it measures, so it does as little as it can: no client, no runtime.
//!
//! [`Pace::Closed`] sends the next request when the answer is there: that finds how much a server can do. [`Pace::Open`] sends by
//! the clock, and counts an answer's time from when its request was due: a server that stands still is not asked less, so a pause
//! costs everyone who came in it. Not here: what is asked, and of whom.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};

/// How long nothing at all may be answered. A server that is merely late makes the run longer, and its figures worse.
const PATIENCE: Duration = Duration::from_secs(60);

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each connection at once after its answer.
    Closed,
    /// So many a second, evenly, whatever the server does.
    Open(f64),
    /// One at a time, each so long after the last answer.
    Alone(Duration),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) to: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    /// Time before anything is counted.
    pub(crate) warm: Duration,
    /// Time that is counted.
    pub(crate) time: Duration,
    /// The status of every answer; another one ends the run.
    pub(crate) status: u16,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Nanoseconds.
    latencies: Histogram<u64>,
}

impl Outcome {
    /// A quantile of the latencies, in milliseconds.
    pub(crate) fn ms(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// One connection, with at most one request on its way.
struct Line {
    stream: TcpStream,
    due: Instant,
    answer: Vec<u8>,
}

impl Load {
    /// Runs it. `request` writes the next request's bytes.
    ///
    /// # Errors
    /// When a connection breaks, an answer has another status, or nothing is answered any more.
    pub(crate) fn run(&self, request: &mut dyn FnMut(&mut Vec<u8>)) -> Result<Outcome> {
        let waits = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut lines = Vec::new();
        for number in 0..self.connections {
            let stream = TcpStream::connect(self.to).context("cannot connect")?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&waits, &stream, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
            lines.push(Line { stream, due: Instant::now(), answer: Vec::new() });
        }
        let mut free: VecDeque<usize> = (0..lines.len()).collect();
        let (mut bytes, mut events) = (Vec::new(), Vec::with_capacity(self.connections));
        let mut latencies = Histogram::new_with_bounds(1000, 100_000_000_000, 3)?;
        let begin = Instant::now();
        let (counted, end) = (begin + self.warm, begin + self.warm + self.time);
        let mut sent: u64 = 0;
        let mut heard = begin;
        loop {
            crate::stop::check()?;
            let now = Instant::now();
            // When the next request is due.
            let next = match self.pace {
                Pace::Closed => now,
                Pace::Open(rate) => begin + Duration::from_secs_f64(sent as f64 / rate),
                Pace::Alone(pause) => heard + pause,
            };
            if next >= end && (free.len() == lines.len() || matches!(self.pace, Pace::Closed)) {
                break;
            }
            ensure!(now < heard + PATIENCE, "nothing was answered for a minute");
            if next <= now
                && next < end
                && let Some(number) = free.pop_front()
            {
                bytes.clear();
                request(&mut bytes);
                let line = &mut lines[number];
                // Alone, nobody waits for the clock: what this program is late is not the server's.
                line.due = if matches!(self.pace, Pace::Alone(_)) { now } else { next };
                line.stream.write_all(&bytes).context("cannot send a request")?;
                sent += 1;
                continue;
            }
            let wait =
                if free.is_empty() || next >= end { PATIENCE } else { next.saturating_duration_since(now) };
            events.clear();
            let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
            epoll::wait(&waits, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
            if !events.is_empty() {
                heard = Instant::now();
            }
            for event in &events {
                let number = event.data.u64() as usize;
                let line = &mut lines[number];
                if line.hears(self.status)? {
                    if line.due >= counted && line.due < end {
                        let took = u64::try_from(line.due.elapsed().as_nanos()).unwrap_or(u64::MAX);
                        latencies.saturating_record(took);
                    }
                    free.push_back(number);
                }
            }
        }
        Ok(Outcome { rate: latencies.len() as f64 / self.time.as_secs_f64(), latencies })
    }
}

impl Line {
    /// Reads what is there; whether the answer is whole.
    fn hears(&mut self, status: u16) -> Result<bool> {
        let mut part = [0; 16 * 1024];
        let length = self.stream.read(&mut part).context("cannot read an answer")?;
        ensure!(length > 0, "the server closed a connection");
        self.answer.extend_from_slice(&part[..length]);
        let whole = whole(&self.answer, status)?;
        if whole {
            self.answer.clear();
        }
        Ok(whole)
    }
}

/// Whether these bytes are a whole answer, which must have this status.
pub(crate) fn whole(answer: &[u8], status: u16) -> Result<bool> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(answer)? else { return Ok(false) };
    let body = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = body.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let whole = length + body.context("an answer without a length")? == answer.len();
    if whole && head.code != Some(status) {
        bail!("answered {:?}: {}", head.code, String::from_utf8_lossy(&answer[length..]));
    }
    Ok(whole)
}

/// Asks once and waits for the whole answer.
///
/// # Errors
/// As for a run.
pub(crate) fn ask(stream: &mut TcpStream, request: &[u8], status: u16) -> Result<Vec<u8>> {
    stream.write_all(request)?;
    let (mut answer, mut part) = (Vec::new(), [0; 16 * 1024]);
    while !whole(&answer, status)? {
        let length = stream.read(&mut part)?;
        ensure!(length > 0, "the server closed a connection");
        answer.extend_from_slice(&part[..length]);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_must_have_the_status() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok";
        for end in 0..answer.len() {
            assert!(!whole(&answer[..end], 201).unwrap(), "{end}");
        }
        assert!(whole(answer, 201).unwrap());
        assert!(whole(answer, 200).is_err());
    }
}
