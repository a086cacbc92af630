//! `assent log`: begin a site's log, once and on purpose; or take one over from another instance.
//!
//! Nothing else begins one: a server whose data are gone must not start a second history under the same name.

use super::opened::bar;
use crate::app::sites::{LogIs, Sites};
use crate::assets::Assets;
use crate::config::{Config, Loaded};
use crate::data_dir::{DataDir, DataDirError};
use anyhow::Context as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

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
    /// Take over a site's log from an audit bundle of another instance: the same receipts under the same ids, with proofs that
    /// verify. A bundle has no signing key and no addresses: receipts, notices, the log and exports are served as before and people
    /// can be erased, but nothing new is recorded in it. The server must be stopped, and the site must have no log here.
    Import {
        /// The bundle: `assent export --format bundle`, without filters.
        bundle: PathBuf,
        /// The site file, with the public_url it had there: the log is named after it.
        #[arg(long, value_name = "FILE")]
        site_file: PathBuf,
        /// The log's key as you know it, or a file with it: from the site's log page, or from who hands it over.
        #[arg(long, value_name = "VKEY")]
        key: String,
    },
}

pub(super) fn run(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Create { file } => super::site::publish(&file, loaded, LogIs::New),
        Command::Import { bundle, site_file, key } => import(&bundle, &site_file, &key, &loaded.config),
    }
}

fn import(bundle: &Path, site_file: &Path, key: &str, config: &Config) -> anyhow::Result<ExitCode> {
    let key = super::verify::key(key)?;
    let text =
        std::fs::read_to_string(site_file).with_context(|| format!("cannot read {}", site_file.display()))?;
    let data = match DataDir::open(config) {
        Err(error @ DataDirError::InUse(_)) => {
            return Err(anyhow::Error::from(error).context("a log is taken over while the server is stopped"));
        }
        other => other?,
    };
    let assets = Arc::new(Assets::load(&config.server.web_dir.relative())?);
    let sites = Sites::open(data, config, assets)?;
    let bar = bar("bytes checked");
    let mut show = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let summary = sites.take_over(&text, key, &|| File::open(bundle), &mut show)?;
    bar.finish_and_clear();
    super::data(&format!(
        "{}: taken over, {} entries, {} records. Nothing is recorded in it any more\n",
        summary.manifest.site, summary.manifest.size, summary.export.records
    ))?;
    Ok(ExitCode::SUCCESS)
}
