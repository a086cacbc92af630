//! `cargo xtask demo`: everything built, then Assent on the loopback with an empty store and both example sites in front
//! of it, until Ctrl-C. The second start builds only what changed.
//!
//! Everything it writes is below `target/demo` and is thrown away by the next start. It listens on the loopback only
//! and ends no process but its own children.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;
use crate::size::EXAMPLES;
use crate::tools::npm;
use crate::{build, run, say, web};

/// How long a program may take to answer its first request.
const READY: Duration = Duration::from_secs(30);
/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(15);

/// Assent's own port; both sites' privacy addresses lead to it.
const ASSENT: u16 = 8700;
/// The ports of the example sites' server: both sites, and the host that plays their third parties.
const SITES: [u16; 3] = [8701, 8702, 8703];

/// Builds, starts, prints the addresses and waits.
///
/// # Errors
/// When something cannot be built or started, or one of the programs ends by itself.
pub(crate) fn run() -> Result<()> {
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .context("cannot listen for Ctrl-C")?;

    for port in [&[ASSENT], &SITES[..]].concat() {
        if TcpListener::bind(("127.0.0.1", port)).is_err() {
            bail!("port {port} is taken; is another demo running? Stop what listens there and start again");
        }
    }
    let place = Place::find()?;
    web::build(&place)?;
    npm::install_in(&place, &place.root.join("examples/server"))?;
    build::programs(&place, &["server", "example-sites"], false)?;
    if stopped.try_recv().is_ok() {
        return Ok(());
    }

    say::headline("Starting");
    let folder = fresh_folder(&place)?;
    let config = write_config(&place, &folder)?;
    let binaries = place.binaries(false);
    let assent = binaries.join("assent");
    let mut programs = Programs::default();

    programs.start("assent", Command::new(&assent).arg("serve").arg("--config").arg(&config), &folder)?;
    programs.ready("assent", ASSENT, "/readyz")?;
    for example in EXAMPLES {
        let site = place.root.join("examples").join(example).join("site.toml");
        run::output(Command::new(&assent).args(["log", "create"]).arg(&site).arg("--config").arg(&config))?;
        say::line("ok", format_args!("began the log of {}", place.short(&site)));
    }
    let mut examples = Command::new(binaries.join("example-sites"));
    examples.current_dir(&place.root);
    programs.start("example-sites", &mut examples, &folder)?;
    for port in &SITES[..EXAMPLES.len()] {
        programs.ready("example-sites", *port, "/")?;
    }

    addresses(&place, &folder);
    let outcome = programs.wait(&stopped);
    say::headline("Stopping");
    drop(programs);
    outcome
}

fn addresses(place: &Place, folder: &Path) {
    println!(
        "
Open in a browser:

  A health provider     http://clinic.localhost:8701/
    choices             http://privacy.clinic.localhost:8700/v1/clinic/choices
    log                 http://privacy.clinic.localhost:8700/v1/clinic/log

  A community charity   http://charity.localhost:8702/
    choices             http://privacy.charity.localhost:8700/v1/charity/choices
    log                 http://privacy.charity.localhost:8700/v1/charity/log

  API reference         http://127.0.0.1:8700/reference

The store began empty; it and the logs of both programs are in {}.
Ctrl-C stops everything.
",
        place.short(folder)
    );
    let _ = std::io::stdout().flush();
}

/// An empty folder for this run.
fn fresh_folder(place: &Place) -> Result<PathBuf> {
    let folder = place.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// The demo's configuration: Assent's defaults, its files in the demo's folder, and a staff token of this run.
fn write_config(place: &Place, folder: &Path) -> Result<PathBuf> {
    let token = random_hex()?;
    write_private(&folder.join("staff.token"), &format!("{token}\n"))?;
    let web = toml_string(&place.web())?;
    let text = format!(
        "# Written by `cargo xtask demo`; the next start writes it anew.\n\
         [server]\nlisten = \"127.0.0.1:{ASSENT}\"\ndata_dir = \"data\"\nweb_dir = {web}\n\n\
         [ledger]\nkey_file = \"assent.key\"\n\n\
         [staff]\ntoken_file = \"staff.token\"\n"
    );
    let file = folder.join("assent.toml");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn toml_string(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(serde_json::to_string(text)?)
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The demo's own children. Dropping stops them.
#[derive(Default)]
struct Programs {
    running: Vec<Program>,
}

struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Programs {
    /// Starts a program in its own process group, so that Ctrl-C reaches it through us, in order.
    fn start(&mut self, name: &'static str, command: &mut Command, folder: &Path) -> Result<()> {
        let log = folder.join(format!("{name}.log"));
        let out = fs::File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        self.running.push(Program { name, child, log });
        Ok(())
    }

    /// Waits until the program answers a request.
    fn ready(&mut self, name: &str, port: u16, path: &str) -> Result<()> {
        let step = say::step(format!("waiting for {name} on port {port}"));
        let began = Instant::now();
        loop {
            if answers(port, path) {
                step.done("ready");
                return Ok(());
            }
            if let Some((program, status)) = self.ended()? {
                bail!("{}", program.epitaph(status));
            }
            if began.elapsed() > READY {
                bail!("{name} did not answer on port {port} within {}", say::time(READY));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for Ctrl-C, or for a program that ends by itself.
    fn wait(&mut self, stopped: &mpsc::Receiver<()>) -> Result<()> {
        loop {
            match stopped.recv_timeout(Duration::from_millis(500)) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some((program, status)) = self.ended()? {
                        bail!("{}", program.epitaph(status));
                    }
                }
            }
        }
    }

    fn ended(&mut self) -> Result<Option<(&Program, ExitStatus)>> {
        for program in &mut self.running {
            if let Some(status) = program.child.try_wait()? {
                return Ok(Some((program, status)));
            }
        }
        Ok(None)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for program in self.running.iter_mut().rev() {
            program.stop();
        }
    }
}

impl Program {
    /// Asks the program to end, waits, and insists when it does not.
    fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let step = say::step(format!("stopping {}", self.name));
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < GRACE {
            if let Ok(Some(status)) = self.child.try_wait() {
                step.done(status);
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        step.done(format_args!("killed: it did not end within {}", say::time(GRACE)));
    }

    /// Why a program that ended by itself is no more, in its own last words.
    fn epitaph(&self, status: ExitStatus) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n    ");
        format!(
            "{} ended by itself ({status}). Its last words ({}):\n    {last}",
            self.name,
            self.log.display()
        )
    }
}

/// Whether an HTTP server on the loopback answers this path with 2xx or 3xx.
fn answers(port: u16, path: &str) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let asked = TcpStream::connect_timeout(&address, Duration::from_millis(500)).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n")?;
        let mut begin = [0_u8; 12];
        stream.read_exact(&mut begin)?;
        Ok(begin)
    });
    asked.is_ok_and(|begin| begin.starts_with(b"HTTP/1.1 2") || begin.starts_with(b"HTTP/1.1 3"))
}
