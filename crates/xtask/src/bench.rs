//! `cargo xtask bench`: builds what is measured and starts the measuring program. Does not measure and never fails on a figure.
//!
//! `ledger` and `may`: the server, the same server without storage, the PostgreSQL peer and the load generator, all as for a release, and
//! `crates/bench`. `widget`: the embed as it is served, the banners of others from npm, and `crates/bench/widget`.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::place::{self, Place};
use crate::tools::{browsers, npm};
use crate::{build, run, say, web};

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
    /// "May we?" by how many subscribers there are; --help lists the rest
    #[command(disable_help_flag = true)]
    May {
        /// Passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// The banner against others from npm, in Chromium
    Widget {
        /// How often each is measured in each profile
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// Only these, by name, with commas between
        #[arg(long)]
        only: Option<String>,
        /// Only these profiles, with commas between: full speed, 1.6 Mbps, 400 kbps
        #[arg(long)]
        profiles: Option<String>,
    },
}

/// Builds and measures.
///
/// # Errors
/// When something cannot be built or run.
pub(crate) fn run(args: &Args) -> Result<()> {
    let place = Place::find()?;
    match &args.what {
        What::Ledger { args } => ledger(&place, "The ledger", args),
        What::May { args } => {
            let args = [&["--only".to_owned(), "may".to_owned()], &args[..]].concat();
            ledger(&place, "\"May we?\"", &args)
        }
        What::Widget { rounds, only, profiles } => {
            widget(&place, *rounds, only.as_deref(), profiles.as_deref())
        }
    }
}

fn ledger(place: &Place, what: &str, args: &[String]) -> Result<()> {
    build::programs(place, &["server"], true)?;
    build_with(place, "server", &["--features", "no-storage", "--example", "no_storage"])?;
    build_with(place, "bench", &["--features", "postgres", "--bins"])?;
    say::headline(format!("{what}, measured"));
    run::loud(Command::new(place.binaries(true).join("bench")).args(args))
}

/// A whole run leaves its report in `docs`.
fn widget(place: &Place, rounds: u32, only: Option<&str>, profiles: Option<&str>) -> Result<()> {
    web::build(place)?;
    // Only renders the embed: how the server is optimised does not matter.
    build::programs(place, &["server"], false)?;
    let folder = place.root.join("crates/bench/widget");
    npm::install_in(place, &folder)?;
    let Some(chromium) = browsers::chromium() else {
        bail!(
            "Chromium is missing; on Debian:\n\n    sudo apt-get install chromium\n\nand then run this command again."
        );
    };
    say::headline("The banner, measured");
    let mut command = Command::new("node");
    command.arg(folder.join("main.mjs")).arg("--chromium").arg(chromium);
    command.arg("--assent").arg(place.binaries(false).join("assent"));
    command.arg("--web").arg(place.web()).args(["--rounds", &rounds.to_string()]);
    for (option, value) in [("--only", only), ("--profiles", profiles)] {
        if let Some(value) = value {
            command.args([option, value]);
        }
    }
    if only.is_none() && profiles.is_none() && rounds >= 5 {
        let docs = place.root.join("docs");
        std::fs::create_dir_all(&docs).with_context(|| format!("cannot create {}", docs.display()))?;
        command.arg("--report").arg(docs.join("bench-widget.md"));
    }
    run::loud(&mut command)
}

fn build_with(place: &Place, package: &str, what: &[&str]) -> Result<()> {
    let mut command = place::cargo();
    command.args(["build", "--release", "--package", package]).args(what);
    run::loud(command.args(build::locked()).arg("--target-dir").arg(&place.target))
}
