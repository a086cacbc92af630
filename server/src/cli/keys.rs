//! `assent keys`: a new operator's key in the old one's place.

use super::opened::bar;
use crate::config::Loaded;
use crate::operator_key::{self, OperatorKey};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print a new operator's key, for ledger.key or ledger.key_command.
    New,
    /// Wrap every secret under a new operator's key. The server must be stopped. Cut short, it is to be run again.
    Rotate {
        /// A file with the new key. Needed when the key is not in ledger.key_file; otherwise a new one is drawn.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

pub(super) fn run(
    arguments: Arguments,
    loaded: impl FnOnce() -> anyhow::Result<Loaded>,
) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::New => super::data(&OperatorKey::draw()?.to_text())?,
        Command::Rotate { to } => rotate(to, &loaded()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate(to: Option<PathBuf>, loaded: &Loaded) -> anyhow::Result<()> {
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let bar = bar("secrets");
    let done = operator_key::rotate(&loaded.config, to.as_deref(), &today, &mut |_, done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let done = done?;
    for (site, secrets) in done.sites {
        super::data(&match secrets {
            Some(secrets) => format!("{site}: {secrets} secrets are under the new key\n"),
            None => format!("{site}: was under the new key already\n"),
        })?;
    }
    match done.old {
        Some(old) => super::note(format_args!(
            "Copy the new key ({}) to a safe place elsewhere now. Backups made before open only with the old one, which is in\n\
             {}: remove it when they are gone (backup.keep_days).",
            loaded.config.ledger.key_file.relative().display(),
            old.display()
        )),
        None => super::note(
            "Give ledger.key or ledger.key_command the new key before the next start. Backups made before open only with the\n\
             old one: keep it until they are gone (backup.keep_days).",
        ),
    }
    Ok(())
}
