//! Serves the two example sites, and a third host that plays everybody else: analytics collector, pixel, film frame.
//!
//! Loopback only. The sites are plain files in `examples/`; this adds nothing to them but the ports it was told to
//! use ([`addresses`]). It knows nothing of Assent: the pages carry Assent's one tag as any page would. Not for
//! production, and not a model of a collector.

mod addresses;
mod heard;
mod serve;
mod site;
mod third_party;

use addresses::{Addresses, Site};
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Serves Assent's two example sites and the third parties whose tags they carry.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    ports: Ports,
    /// Folder that holds `health-provider` and `community-charity`.
    #[arg(long, global = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    examples: PathBuf,
    /// Folder into which npm installed the analytics client.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules"))]
    node_modules: PathBuf,
    /// Content-Security-Policy of every site page; default addresses in it are replaced like those in pages.
    #[arg(long, value_name = "POLICY")]
    csp: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints a site file with this run's addresses, for `assent site apply`.
    SiteFile {
        /// `clinic` or `charity`.
        site: Site,
    },
}

/// The one place for ports. 0 takes a free one, except for Assent's.
#[derive(Debug, Clone, Copy, Args)]
struct Ports {
    /// Where Assent answers (it is not started here).
    #[arg(long, global = true, default_value_t = addresses::DEFAULT.assent)]
    assent_port: u16,
    /// The health provider's site.
    #[arg(long, global = true, default_value_t = addresses::DEFAULT.health)]
    health_port: u16,
    /// The charity's site.
    #[arg(long, global = true, default_value_t = addresses::DEFAULT.charity)]
    charity_port: u16,
    /// The third parties' host.
    #[arg(long, global = true, default_value_t = addresses::DEFAULT.third_party)]
    third_party_port: u16,
}

impl From<Ports> for Addresses {
    fn from(ports: Ports) -> Self {
        Self {
            assent: ports.assent_port,
            health: ports.health_port,
            charity: ports.charity_port,
            third_party: ports.third_party_port,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let addresses = Addresses::from(cli.ports);
    match cli.command {
        Some(Command::SiteFile { site }) => print(site_file(&cli.examples, site, &addresses)?.trim_end()),
        None => {
            let bundle = cli.node_modules.join(third_party::CLIENT_BUNDLE);
            let client = std::fs::read_to_string(&bundle).with_context(|| {
                format!("{} is not there: run `npm ci` in examples/server", bundle.display())
            })?;
            let setup = serve::Setup { addresses, examples: cli.examples, client, csp: cli.csp };
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(serve::run(setup, print))?;
        }
    }
    Ok(())
}

fn site_file(examples: &Path, site: Site, addresses: &Addresses) -> anyhow::Result<String> {
    let path = examples.join(site.folder()).join("site.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(addresses.rewrite(&text))
}

#[expect(clippy::print_stdout, reason = "the site file and the addresses are this command's output")]
fn print(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn site_files_are_printed_with_this_runs_ports() {
        let arguments =
            ["example-sites", "site-file", "charity", "--assent-port", "9000", "--charity-port", "9002"];
        let cli = Cli::parse_from(arguments);
        let text = site_file(&cli.examples, Site::Charity, &cli.ports.into()).unwrap();
        assert!(text.contains("public_url = \"http://privacy.charity.localhost:9000\""));
        assert!(text.contains("origins = [\"http://charity.localhost:9002\"]"));
    }
}
