//! `cargo xtask`: builds, checks and shows Assent with two commands on a fresh machine. One file per command; `tools/`
//! finds or installs what they need, `web.rs` makes what browsers load.
//!
//! Not part of the product: nothing here is shipped, and no other package depends on it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line: results on stdout, progress on stderr"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod demo;
mod fuzz;
mod place;
mod run;
mod say;
mod size;
mod test;
mod tidy;
mod tools;
mod web;

/// Builds, checks and shows Assent.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and run it with both example sites; Ctrl-C stops it
    Demo,
    /// Build the loader, the widget and the server
    Build(build::Args),
    /// Print the bytes of embed, widget and glue, and fail when one is over its budget
    Size,
    /// Measure the ledger or the banner on this machine against peers and limits, and print the tables
    Bench(bench::Args),
    /// Run every check, real browsers included, or only the named parts
    Test(test::Args),
    /// Fuzz the readers of everything that others wrote, each for a while
    Fuzz(fuzz::Args),
    /// Check file openings, dependency arrows and house rules
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo => demo::run(),
        Command::Build(args) => build::run(&args),
        Command::Size => size::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::failure(&error);
            ExitCode::FAILURE
        }
    }
}
