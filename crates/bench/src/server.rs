//! The programs that are measured: starting them, waiting until they answer, reading how much memory they take, ending them.
//! Each is ended with its owner. Not here: what they are asked.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::load;
use crate::requests::Asker;

/// How long a program may take to answer or to end.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a program may take to end when the run has failed.
const GRACE: Duration = Duration::from_secs(20);

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    /// What it ends cleanly on.
    ends_on: Signal,
}

impl Program {
    /// Starts it; what it says goes into a file beside its data.
    pub(crate) fn start(command: &mut Command, log: &Path, ends_on: Signal) -> Result<Self> {
        let said = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, log: log.to_path_buf(), ends_on })
    }

    /// Most resident memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        peak_memory_of(self.child.id())
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn stop(mut self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(asked.elapsed() < PATIENCE, "a server does not stop; it said {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Its last words.
    pub(crate) fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let asked = Instant::now();
        let told = kill_process(Pid::from_child(&self.child), self.ends_on);
        while told.is_ok() && asked.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Most resident memory of a process so far (`VmHWM`), in bytes; 0 when it is gone.
fn peak_memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// A server that answers at an address.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    /// From its start until it was ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts it and waits until it says that it takes decisions.
    pub(crate) fn start(
        command: &mut Command,
        log: &Path,
        address: SocketAddr,
        asker: &Asker,
    ) -> Result<Self> {
        let mut question = Vec::new();
        asker.ready(&mut question);
        let began = Instant::now();
        let mut program = Program::start(command, log, Signal::TERM)?;
        loop {
            // The socket is there before the data are open; the answer comes when they are.
            let answer = TcpStream::connect(address).map_err(Into::into).and_then(|mut stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                load::ask(&mut stream, &question, 200)
            });
            match answer {
                Ok(_) => return Ok(Self { program, address, ready_after: began.elapsed() }),
                Err(error) => {
                    crate::stop::check()?;
                    let ended = program.child.try_wait()?;
                    if ended.is_some() || began.elapsed() > PATIENCE {
                        bail!("a server did not start ({error:#}, {ended:?}); it said\n{}", program.said());
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops it cleanly.
    pub(crate) fn stop(self) -> Result<()> {
        self.program.stop(Signal::TERM)
    }

    /// Takes its life without a warning.
    pub(crate) fn kill(self) -> Result<()> {
        self.program.stop(Signal::KILL)
    }
}

/// A command that ran to its end.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) took: Duration,
    /// Processor time of all its threads.
    pub(crate) processor: Duration,
    /// Most resident memory, in bytes.
    pub(crate) peak_memory: u64,
    /// What it printed.
    pub(crate) printed: String,
}

/// Runs a command to its end. With `feeder`, a second one whose output the first reads as its input.
///
/// # Errors
/// When one cannot be started or fails.
pub(crate) fn run(command: &mut Command, feeder: Option<&mut Command>) -> Result<Ran> {
    let began = Instant::now();
    let mut feeding = match feeder {
        Some(feeder) => {
            let child = feeder.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
            Some(child.with_context(|| format!("cannot start {feeder:?}"))?)
        }
        None => None,
    };
    let input = feeding.as_mut().and_then(|child| child.stdout.take()).map_or(Stdio::null(), Stdio::from);
    let mut said = tempfile::tempfile()?;
    command.stdin(input).stdout(said.try_clone()?).stderr(said.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let (mut peak_memory, mut before) = (0, Duration::ZERO);
    let ended: Result<ExitStatus> = loop {
        // The kernel's own high-water mark, so that reading it now and then misses little.
        peak_memory = peak_memory.max(peak_memory_of(child.id()));
        // The feeder ends first and is counted before; then what is counted more is the command's.
        if let Some(feeder) = &mut feeding
            && let Some(ended) = feeder.try_wait()?
        {
            feeding = None;
            if !ended.success() {
                break Err(anyhow::anyhow!("what fed {command:?} ended with {ended}"));
            }
        }
        if feeding.is_none() {
            before = if before.is_zero() { children_time()? } else { before };
            if let Some(ended) = child.try_wait()? {
                break Ok(ended);
            }
        }
        if let Err(error) = crate::stop::check() {
            break Err(error);
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if ended.is_err() {
        for mut child in [Some(child), feeding].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
    let ended = ended?;
    let (took, processor) = (began.elapsed(), children_time()?.saturating_sub(before));
    let mut printed = String::new();
    said.rewind()?;
    said.read_to_string(&mut printed)?;
    ensure!(ended.success(), "{command:?} ended with {ended}: {printed}");
    Ok(Ran { took, processor, peak_memory, printed })
}

/// Processor time of this process's children that have ended: fields 16 and 17 of `/proc/self/stat`, see proc(5).
fn children_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in brackets, which may have spaces.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields[13..15].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}
