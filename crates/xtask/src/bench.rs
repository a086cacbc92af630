//! `cargo xtask bench ledger`: builds the server, the same server without storage, the PostgreSQL peer and the load generator,
//! all as for a release, and starts the measuring program (`crates/bench`). Does not measure and never fails on a figure.

use std::process::Command;

use anyhow::Result;

use crate::place::{self, Place};
use crate::{build, run, say};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The ledger against its peers and limits; --help lists the rest
    #[command(disable_help_flag = true)]
    Ledger {
        /// Passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Builds and measures.
///
/// # Errors
/// When something cannot be built or run.
pub(crate) fn run(args: &Args) -> Result<()> {
    let What::Ledger { args } = &args.what;
    let place = Place::find()?;
    build::programs(&place, &["server"], true)?;
    build_with(&place, "server", &["--features", "no-storage", "--example", "no_storage"])?;
    build_with(&place, "bench", &["--features", "postgres", "--bins"])?;
    say::headline("The ledger, measured");
    run::loud(Command::new(place.binaries(true).join("bench")).args(args))
}

fn build_with(place: &Place, package: &str, what: &[&str]) -> Result<()> {
    let mut command = place::cargo();
    command.args(["build", "--release", "--package", package]).args(what);
    run::loud(command.args(build::locked()).arg("--target-dir").arg(&place.target))
}
