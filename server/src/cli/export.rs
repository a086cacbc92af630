//! `assent export`: a site's records, through the running server or straight from the store.

use super::client::Server;
use super::opened::{along, bar};
use super::output;
use super::people::whose;
use crate::app::export::{Format, Period, known, write};
use crate::app::people;
use crate::app::sites::Sites;
use crate::assets::Assets;
use crate::config::Loaded;
use crate::data_dir::{DataDir, DataDirError};
use anyhow::{Context as _, bail};
use assent_core::export_format::Line;
use assent_core::ids::{PurposeId, SiteId};
use assent_core::wire::WhoseRequest;
use assent_ledger::ExportFilter;
use std::io::{BufReader, Read, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The site.
    #[arg(long)]
    site: String,
    /// The form to write.
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
    /// One person's records; everybody else's are accounted for and not opened.
    #[command(flatten)]
    whose: Person,
    /// Write to this file instead of standard output. Only this account may read it, and it is replaced only by an export that
    /// is whole.
    #[arg(long)]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Person {
    /// Only records of this subject, by the id that stands in receipts and exports.
    #[arg(long)]
    subject: Option<String>,
    /// Only records of whose receipt this is, by its id: with `--format bundle`, everything that proves it.
    #[arg(long)]
    receipt: Option<String>,
    /// Only records of everybody who named this email address; `-` reads it from standard input.
    #[arg(long)]
    email: Option<String>,
    /// Only records of everybody who named this number; `-` reads it from standard input.
    #[arg(long)]
    phone: Option<String>,
}

pub(super) fn run(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let config = loaded.config;
    let site = SiteId::new(&arguments.site)?;
    let purpose = arguments.purpose.as_deref().map(PurposeId::new).transpose()?;
    let Period { from, to } = Period::parse(arguments.from.as_deref(), arguments.to.as_deref())?;
    let Person { subject, receipt, email, phone } = &arguments.whose;
    let whose = whose(subject.as_deref(), receipt.as_deref(), email.as_deref(), phone.as_deref())?;
    match DataDir::open(&config) {
        Ok(data) => {
            let assets = Arc::new(Assets::load(&config.server.web_dir.relative())?);
            let sites = Sites::open(data, &config, assets)?;
            let Some(site) = sites.get(&site) else { bail!("no site `{site}` is published here") };
            known(&site, purpose.as_ref())?;
            let subjects = match &whose {
                Some(whose) => {
                    let runtime = super::runtime()?;
                    Some(runtime.block_on(people::subjects(&site, whose))?.into_iter().collect())
                }
                None => None,
            };
            let filter = ExportFilter { from, to, purpose, subjects, ..ExportFilter::default() };
            let bar = bar("entries");
            let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
            let summary = output::to(arguments.output.as_deref(), |out| {
                Ok(write(&site, arguments.format, &filter, threads, out, &mut along(&bar))?)
            })?;
            bar.finish_and_clear();
            super::note(format_args!(
                "{} records, {} others left out, withheld or gone, {} entries in the period",
                summary.records, summary.withheld, summary.entries
            ));
        }
        Err(DataDirError::InUse(_)) => {
            let server = Server::of(&config)?;
            let answer: Box<dyn Read> = match whose {
                None => Box::new(server.get(&address(&site, "export", &arguments))?),
                Some(whose) => {
                    let path = address(&site, "people/export", &arguments);
                    server.post_for_stream(&path, &WhoseRequest { whose })?
                }
            };
            let answer = BufReader::new(answer);
            output::to(arguments.output.as_deref(), |out| through(answer, arguments.format, out))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn address(site: &SiteId, what: &str, arguments: &Arguments) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("format", arguments.format.as_str());
    for (key, value) in [("purpose", &arguments.purpose), ("from", &arguments.from), ("to", &arguments.to)] {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    format!("/v1/{site}/{what}?{}", query.finish())
}

/// Copies line by line, so that the bar knows where it is; an export that ends early is an error.
fn through(mut answer: impl std::io::BufRead, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    if format == Format::Bundle {
        std::io::copy(&mut answer, out).context("the bundle broke off; it is not whole")?;
        return Ok(out.flush()?);
    }
    let bar = bar("entries");
    let mut line = Vec::new();
    // Only this form says by itself that it is whole; the others break off with the connection.
    let (mut entries, mut whole) = (0, format != Format::Ndjson);
    loop {
        line.clear();
        let length = answer.read_until(b'\n', &mut line).context("the export broke off; it is not whole")?;
        if length == 0 {
            break;
        }
        out.write_all(&line)?;
        if format != Format::Ndjson {
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
