//! `cargo xtask build`: loader, widget and the `assent` binary. The demo and the tests build the same way, in cargo's
//! dev profile, so that one compilation of the dependencies serves all; `--release` is for what is installed.

use anyhow::Result;

use crate::place::{self, Place};
use crate::{run, say, web};

/// What to build.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Optimise the server, as for a release
    #[arg(long)]
    release: bool,
    /// Only the loader and the widget
    #[arg(long)]
    web: bool,
}

/// Builds and says where the files are.
///
/// # Errors
/// When a tool is missing or a build fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let place = Place::find()?;
    web::build(&place)?;
    say::note(format_args!("what browsers load is in {}", place.short(&place.web())));
    if !args.web {
        programs(&place, &["server"], args.release)?;
        let binary = place.binaries(args.release).join("assent");
        say::note(format_args!("the server is {}", place.short(&binary)));
    }
    Ok(())
}

/// Builds the programs of the named packages; cargo prints its own progress.
///
/// # Errors
/// When cargo fails.
pub(crate) fn programs(place: &Place, packages: &[&str], release: bool) -> Result<()> {
    say::headline(format_args!("Programs: {}", packages.join(", ")));
    let mut command = place::cargo();
    command.arg("build").args(locked()).arg("--bins").arg("--target-dir").arg(&place.target);
    for package in packages {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    run::loud(&mut command)
}

/// In CI the lock file is what was committed.
pub(crate) fn locked() -> Option<&'static str> {
    in_ci().then_some("--locked")
}

/// Whether this is a CI machine.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty())
}
