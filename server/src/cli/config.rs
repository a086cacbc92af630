//! `assent config`: what is in force and why.

use crate::config::{DEFAULT_TOML, Loaded, Setting, settings};
use std::fmt::Write as _;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print the commented default configuration, to start an assent.toml from.
    #[arg(long)]
    default: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "default")]
    json: bool,
}

pub(super) fn run(
    arguments: Arguments,
    load: impl FnOnce() -> anyhow::Result<Loaded>,
) -> anyhow::Result<ExitCode> {
    if arguments.default {
        super::data(DEFAULT_TOML)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = settings(&load()?);
    let text =
        if arguments.json { serde_json::to_string_pretty(&settings)? + "\n" } else { table(&settings) };
    super::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn table(settings: &[Setting]) -> String {
    let mut text = String::new();
    for setting in settings {
        let Setting { key, value, origin, default, variable, doc } = setting;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{key} = {value}\n    from {origin}; default {default}; variable {variable}\n    {doc}\n"
        );
    }
    text
}
