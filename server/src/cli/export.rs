//! `assent export`: a site's records, through the running server or straight from the store.

use super::client::Server;
use super::opened::{along, bar};
use super::output;
use crate::app::export::{Format, Period, known, write};
use crate::app::sites::Sites;
use crate::assets::Assets;
use crate::config::Loaded;
use crate::data_dir::{DataDir, DataDirError};
use anyhow::{Context as _, bail};
use assent_core::export_format::Line;
use assent_core::ids::{PurposeId, SiteId};
use assent_ledger::ExportFilter;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The site.
    #[arg(long)]
    site: String,
    /// ndjson: lossless, with proofs, for `assent verify`. csv: for spreadsheets.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Only records that decide about this purpose.
    #[arg(long)]
    purpose: Option<String>,
    /// From this time on: RFC 3339 with Z, or a date (UTC).
    #[arg(long)]
    from: Option<String>,
    /// Before this time: RFC 3339 with Z, or a date (UTC).
    #[arg(long)]
    to: Option<String>,
    /// Write to this file instead of standard output. Only this account may read it, and it is replaced only by an export that
    /// is whole.
    #[arg(long)]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let config = loaded.config;
    let site = SiteId::new(&arguments.site)?;
    let purpose = arguments.purpose.as_deref().map(PurposeId::new).transpose()?;
    let Period { from, to } = Period::parse(arguments.from.as_deref(), arguments.to.as_deref())?;
    let filter = ExportFilter { from, to, purpose };
    match DataDir::open(&config) {
        Ok(data) => {
            let assets = Arc::new(Assets::load(&config.server.web_dir.relative())?);
            let sites = Sites::open(data, &config, assets)?;
            let Some(site) = sites.get(&site) else { bail!("no site `{site}` is published here") };
            known(&site, filter.purpose.as_ref())?;
            let bar = bar("entries");
            let summary = output::to(arguments.output.as_deref(), |out| {
                Ok(write(&site.ledger, arguments.format, &filter, out, &mut along(&bar))?)
            })?;
            bar.finish_and_clear();
            super::note(format_args!(
                "{} records, {} entries in the period",
                summary.records, summary.entries
            ));
        }
        Err(DataDirError::InUse(_)) => {
            let server = Server::of(&config)?;
            let answer = BufReader::new(server.get(&address(&site, &arguments))?);
            output::to(arguments.output.as_deref(), |out| through(answer, arguments.format, out))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn address(site: &SiteId, arguments: &Arguments) -> String {
    let format = if arguments.format == Format::Csv { "csv" } else { "ndjson" };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("format", format);
    for (key, value) in [("purpose", &arguments.purpose), ("from", &arguments.from), ("to", &arguments.to)] {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    format!("/v1/{site}/export?{}", query.finish())
}

/// Copies line by line, so that the bar knows where it is; an export that ends early is an error.
fn through(mut answer: impl std::io::BufRead, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let bar = bar("entries");
    let mut line = Vec::new();
    let (mut entries, mut whole) = (0, format == Format::Csv);
    loop {
        line.clear();
        let length = answer.read_until(b'\n', &mut line).context("the export broke off; it is not whole")?;
        if length == 0 {
            break;
        }
        out.write_all(&line)?;
        if format == Format::Csv {
            bar.inc(1);
            continue;
        }
        match kind(&line) {
            Some(Line::Header(header)) => bar.set_length(header.end - header.first),
            Some(Line::Footer(_)) => whole = true,
            Some(Line::Tile(_)) => {}
            _ => {
                entries += 1;
                bar.set_position(entries);
            }
        }
    }
    bar.finish_and_clear();
    if whole { Ok(()) } else { bail!("the export has no footer: it is not whole") }
}

/// The line, read only where it says something about the whole.
fn kind(line: &[u8]) -> Option<Line> {
    let begins = |kind: &str| line.starts_with(format!("{{\"kind\":\"{kind}\"").as_bytes());
    (begins("header") || begins("footer") || begins("tile"))
        .then(|| serde_json::from_slice(line).ok())
        .flatten()
}
