//! `assent end-alerts`, `assent purge`, `assent fsck`, `assent reclaim`: the night's work on demand, through the running server or without one.

use super::opened::{Opened, along, bar};
use crate::app::alerts::renewal::{self, Looked};
use crate::app::{self, maintenance, retention, sites};
use crate::config::Loaded;
use crate::http::{AlertsEnded, Checked, Purged, SpaceReclaimed};
use assent_core::wire::PurgeRequest;
use assent_ledger::CheckReport;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct PurgeArguments {
    /// The site.
    #[arg(long)]
    site: String,
    /// Only say what would be purged.
    #[arg(long)]
    dry_run: bool,
}

/// Purges what is due, or says what is. Exit code 1: a month stays, because a record in it cannot be read.
pub(super) fn purge(arguments: &PurgeArguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let PurgeArguments { site, dry_run } = arguments;
    let Purged { purged, carried, held, blocked } = match Opened::of(loaded)? {
        Opened::Here(here) => {
            let site = here.site(site)?;
            let bar = bar("entries");
            let plan = retention::purge(&here.app.sites, &site, *dry_run, app::now(), &mut along(&bar))?;
            bar.finish_and_clear();
            Purged::from(plan)
        }
        Opened::There(server) => {
            server.post(&format!("/v1/{site}/purge"), &PurgeRequest { dry_run: *dry_run })?
        }
    };
    let verb = if *dry_run { "would be purged" } else { "purged" };
    for (month, count) in &purged {
        super::data(&format!("{month}: {count} record(s) {verb}\n"))?;
    }
    if !purged.is_empty() {
        super::note("A record goes with the last whole month before it is due.");
    }
    if purged.is_empty() {
        super::data("nothing is due\n")?;
    }
    super::data(&format!("{carried} record(s) in use again, carried over; {held} held or restricted\n"))?;
    for month in &blocked {
        super::data(&format!(
            "{month}: stays, because a record that is or may be in it cannot be read; `assent fsck` names it\n"
        ))?;
    }
    Ok(ExitCode::from(u8::from(!blocked.is_empty())))
}

#[derive(Debug, clap::Args)]
pub(super) struct EndAlertsArguments {
    /// The site.
    #[arg(long)]
    site: String,
}

/// Records the end of alerts whose time is over; a running server then sends the reminders.
pub(super) fn end_alerts(arguments: &EndAlertsArguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let EndAlertsArguments { site } = arguments;
    let AlertsEnded { ended, reminded } = match Opened::of(loaded)? {
        Opened::Here(here) => {
            let Looked { ended, reminded } =
                here.run(site, |site| async move { renewal::look(&site, app::now()).await })??;
            AlertsEnded { ended, reminded }
        }
        Opened::There(server) => server.post(&format!("/v1/{site}/end-alerts"), &())?,
    };
    super::data(&format!("{ended} end(s) recorded, {reminded} reminder(s) to be sent\n"))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, clap::Args)]
pub(super) struct FsckArguments {
    /// The site; every site when left out. Needed while a server runs.
    #[arg(long)]
    site: Option<String>,
}

/// Reads everything again. Exit code 1 when something is wrong.
pub(super) fn fsck(arguments: &FsckArguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let mut all_well = true;
    let mut tell = |site: &str, checked: Checked| {
        all_well &= checked.wrong.is_none();
        super::data(&match checked.wrong {
            Some(wrong) => format!("{site}: DAMAGED: {wrong}\n"),
            None => format!(
                "{site}: all is well: {} entries, {} records opened, {} documents, {} erased or purged, {} restricted\n",
                checked.entries, checked.records, checked.documents, checked.gone, checked.restricted
            ),
        })
    };
    match Opened::of(loaded)? {
        Opened::Here(here) => {
            let mut lost = here.app.sites.lost()?;
            lost.retain(|site| arguments.site.as_deref().is_none_or(|named| named == site.as_str()));
            for site in &lost {
                let wrong = Some(sites::lost(site));
                tell(
                    site.as_str(),
                    Checked { entries: 0, records: 0, documents: 0, gone: 0, restricted: 0, wrong },
                )?;
            }
            let named = arguments.site.as_deref().filter(|_| lost.is_empty());
            let checked =
                if arguments.site.is_some() && named.is_none() { Vec::new() } else { here.sites(named)? };
            if checked.is_empty() && lost.is_empty() {
                anyhow::bail!(
                    "there is nothing to check: {} holds no site",
                    here.app.config.server.data_dir.relative().display()
                );
            }
            for site in checked {
                let bar = bar("entries");
                let checked = maintenance::fsck(&here.app, &site, &mut along(&bar));
                bar.finish_and_clear();
                let wrong = checked.as_ref().err().map(|error| assent_ledger::causes(error));
                let CheckReport { entries, records, documents, gone, restricted, .. } =
                    checked.unwrap_or_default();
                let checked = Checked { entries, records, documents, gone, restricted, wrong };
                tell(site.file.id.as_str(), checked)?;
            }
        }
        Opened::There(server) => {
            let Some(site) = &arguments.site else {
                anyhow::bail!("a server is running: name the site with --site")
            };
            tell(site, server.post(&format!("/v1/{site}/fsck"), &())?)?;
        }
    }
    Ok(ExitCode::from(u8::from(!all_well)))
}

/// Gives space back.
pub(super) fn reclaim(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let SpaceReclaimed { before, after, rows } = match Opened::of(loaded)? {
        Opened::Here(here) => {
            let done = here.app.sites.reclaim()?;
            SpaceReclaimed { before: done.before, after: done.after, rows: done.rows }
        }
        Opened::There(server) => server.post("/v1/reclaim", &())?,
    };
    super::data(&format!("{before} bytes before, {after} after; {rows} row(s) became tombstones\n"))?;
    Ok(ExitCode::SUCCESS)
}
