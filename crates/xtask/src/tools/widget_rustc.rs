//! A compiler that can build the widget. Best is one whose own standard library's source is installed, because the
//! standard library compiled with the widget's options makes it about a fifth smaller: rustup's `rust-src`, else
//! Debian's `rustc-web` with `rust-web-src`. Last comes the ready-made wasm target, which is larger. What is already
//! there is taken first, and rustup is asked before the system's packages are touched. Does not build anything.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::apt;
use crate::{run, say};

/// The target that browsers run.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// `-Cpanic=immediate-abort` came with this minor version of rustc 1.
const IMMEDIATE_ABORT: u32 = 92;

/// How the widget will be compiled.
#[derive(Debug, Clone)]
pub(crate) struct WidgetRustc {
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// The linker, where the toolchain's own was found.
    pub(crate) linker: Option<PathBuf>,
    /// Whether the standard library is compiled too.
    pub(crate) std_from_source: bool,
    /// The compiler's version line; part of what decides whether a built widget is still good.
    pub(crate) version: String,
}

/// Finds a compiler for the widget or installs one, and says which.
///
/// # Errors
/// When none is there and none can be installed; the message names the command that installs one.
pub(crate) fn find_or_install() -> Result<WidgetRustc> {
    let ours = Rustc::ask(Path::new("rustc"))?;
    let rustup = run::which("rustup").is_some();
    let linker = ours.linker();

    if let Some(usable) = ours.with_source() {
        return Ok(take(usable, linker, true, "rustup's rust-src"));
    }
    if let Some(usable) = debian() {
        return Ok(take(usable, linker, true, "Debian's rustc-web and rust-web-src"));
    }
    let new_enough = ours.minor >= IMMEDIATE_ABORT;
    if rustup
        && new_enough
        && add(&["component", "add", "rust-src"])
        && let Some(usable) = ours.with_source()
    {
        return Ok(take(usable, linker, true, "rustup's rust-src"));
    }
    if apt::here() {
        match apt::install(&["rustc-web", "rust-web-src"], "a rustc with its own std source") {
            Ok(()) => {
                if let Some(usable) = debian() {
                    return Ok(take(usable, linker, true, "Debian's rustc-web and rust-web-src"));
                }
            }
            Err(error) if !(ours.has_target() || rustup) => return Err(error),
            Err(error) => say::note(format_args!("{error:#}")),
        }
    }
    if ours.has_target() || (rustup && add(&["target", "add", TARGET]) && ours.has_target()) {
        say::note("the widget gets the ready-made standard library: it works and is about a fifth larger");
        return Ok(take(ours, linker, false, "the ready-made wasm target"));
    }
    bail!(
        "no rustc here can build the widget. With rustup run\n\n    rustup component add rust-src\n\nor on Debian\n\n    \
         sudo apt-get update && sudo apt-get install -y --no-install-recommends rustc-web rust-web-src\n\nand then this \
         command again."
    )
}

/// One compiler and what is installed with it.
#[derive(Debug, Clone)]
struct Rustc {
    program: PathBuf,
    sysroot: PathBuf,
    host: String,
    version: String,
    minor: u32,
}

impl Rustc {
    fn ask(program: &Path) -> Result<Self> {
        let verbose = run::output(Command::new(program).arg("-vV"))?;
        let field = |name: &str| {
            verbose.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        let release = field("release:");
        let minor = release.split('.').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let sysroot = run::output(Command::new(program).args(["--print", "sysroot"]))?.trim().into();
        let version = verbose.lines().next().unwrap_or_default().to_owned();
        Ok(Self { program: program.to_path_buf(), sysroot, host: field("host:"), version, minor })
    }

    /// Itself, when its std source is installed and it knows the options the widget is built with.
    fn with_source(&self) -> Option<Self> {
        let source = self.sysroot.join("lib/rustlib/src/rust/library/std/src/lib.rs");
        (source.is_file() && self.minor >= IMMEDIATE_ABORT).then(|| self.clone())
    }

    fn has_target(&self) -> bool {
        self.sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
    }

    /// The toolchain's own linker; Debian's compiler comes without one.
    fn linker(&self) -> Option<PathBuf> {
        let file = self.sysroot.join("lib/rustlib").join(&self.host).join("bin/rust-lld");
        run::is_program(&file).then_some(file)
    }
}

fn debian() -> Option<Rustc> {
    let program = Path::new("/usr/bin/rustc");
    run::is_program(program).then(|| Rustc::ask(program).ok()?.with_source()).flatten()
}

/// Asks rustup for a part; says so either way.
fn add(arguments: &[&str]) -> bool {
    let told = format!("rustup {}", arguments.join(" "));
    let step = say::step(format!("asking rustup for more: {told}"));
    let worked = run::succeeds(Command::new("rustup").args(arguments));
    step.done(if worked { "installed" } else { "not to be had here" });
    worked
}

fn take(rustc: Rustc, linker: Option<PathBuf>, std_from_source: bool, from: &str) -> WidgetRustc {
    say::found(format_args!("a rustc for the widget: {} ({from})", rustc.version));
    WidgetRustc { rustc: rustc.program, linker, std_from_source, version: rustc.version }
}
