//! `assent log`: begin a site's log, once and on purpose.
//!
//! Nothing else begins one: a server whose data are gone must not start a second history under the same name.

use crate::app::sites::LogIs;
use crate::config::Loaded;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Begin the log of a new site: draws its keys, signs its first checkpoint, publishes the site file. Works beside a
    /// running server and without one.
    Create {
        /// The site file.
        file: PathBuf,
    },
}

pub(super) fn run(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Command::Create { file } = arguments.command;
    super::site::publish(&file, loaded, LogIs::New)
}
