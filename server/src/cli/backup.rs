//! `assent backup`, `assent restore` and `assent migrate`: a copy of everything elsewhere, a data directory made of one, and one
//! of an earlier release made this release's.

use super::opened::{Opened, along, bar};
use crate::app::App;
use crate::backup::{self, BackedUp, BackupError, Repository};
use crate::config::{Config, Loaded};
use crate::data_dir::DataDir;
use crate::operator_key;
use anyhow::{Context as _, bail};
use assent_core::ids::SiteId;
use assent_ledger::Progress;
use assent_store_sled::{Migrated, migrate as migrate_store};
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of backups, instead of backup.dir. Not through a running server.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// It is meant that sites or entries are fewer than in the newest backup, or others, as after an older one was restored.
    #[arg(long)]
    fewer: bool,
}

/// Adds a backup, through the running server or without one.
pub(super) fn make(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let folder = arguments.to.clone().or_else(|| loaded.config.backup.folder());
    let folder = folder.ok_or(BackupError::NoFolder)?;
    let BackedUp { run, entries, written, removed, damaged, unpruned } = match Opened::of(loaded)? {
        Opened::Here(here) => {
            let bar = bar("parts");
            let done = backup::make(&here.app, &folder, arguments.fewer, &mut of_site(&bar))?;
            bar.finish_and_clear();
            done
        }
        Opened::There(_) if arguments.to.is_some() => {
            bail!("a running server makes backups in its own backup.dir: leave --to out, or stop the server")
        }
        Opened::There(server) => {
            server.post(if arguments.fewer { "/v1/backup?fewer=true" } else { "/v1/backup" }, &())?
        }
    };
    super::data(&format!(
        "{run}\n{entries} entries; {written} bytes written, {removed} bytes of old backups removed\n"
    ))?;
    for run in damaged {
        super::note(format_args!("the backup {run} is damaged: it cannot be restored"));
    }
    if let Some(cause) = &unpruned {
        super::note(format_args!("old backups were not all let go of: {cause}"));
    }
    Ok(ExitCode::from(u8::from(unpruned.is_some())))
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// The folder of backups, instead of backup.dir.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The backup; the newest when left out.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Only list the backups that this operator's key opens. Exit code 1: one is damaged.
    #[arg(long)]
    list: bool,
    /// Only read all of the backup, to see that it could be restored. Needs room for it in the folder for temporary files.
    #[arg(long)]
    dry_run: bool,
}

/// Makes the data directory of a backup, and checks it.
pub(super) fn restore(arguments: RestoreArguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let mut config = loaded.config;
    let folder = arguments.from.or_else(|| config.backup.folder()).ok_or(BackupError::NoFolder)?;
    let key = operator_key::read(&config.ledger)?.context(
        "the operator's key is missing (ledger.key_file): without the key that the backup was made with it cannot be opened",
    )?;
    let repository = Repository::open(&folder, &key)?;
    let runs = repository.runs()?;
    if arguments.list {
        let mut all_well = true;
        for run in &runs {
            let run_of = match repository.run(run) {
                Err(BackupError::Damaged(_)) => {
                    all_well = false;
                    super::data(&format!("{run}  DAMAGED: cannot be restored\n"))?;
                    continue;
                }
                other => other?,
            };
            let sites = run_of.sites.iter().map(|site| format!("{} {}", site.log.site, site.log.size));
            super::data(&format!("{run}  {}\n", sites.collect::<Vec<_>>().join(", ")))?;
        }
        return Ok(ExitCode::from(u8::from(!all_well)));
    }
    let name = arguments.run.or_else(|| runs.last().cloned()).ok_or(BackupError::None(folder))?;
    let run = repository.run(&name)?;
    if arguments.dry_run {
        let elsewhere = std::env::temp_dir().join(format!("assent-restore-{}", crate::app::random_hex()?));
        config.server.data_dir = elsewhere.clone().into();
        let tried = restored(config, &repository, &run);
        // What it leaves is of no use to anyone, whichever way it ended.
        let removed = match std::fs::remove_dir_all(&elsewhere) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.with_context(|| format!("remove {} by hand: it holds data", elsewhere.display())),
        };
        // Why it could not be restored comes first.
        tried.and(removed)?;
        super::data(&format!("{name} can be restored\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    restored(config, &repository, &run)?;
    super::data(&format!("restored {name}\n"))?;
    super::note(
        "What was decided, withdrawn or erased after that is not in it. Erase again whom you erased since (assent people\n\
         erase). Receipts given since are valid, but of entries that this log has not: new ones would take their places, and\n\
         witnesses and monitors that saw the old ones will say that the log contradicts itself. When any were published, tell\n\
         them, or go on under another site id. When there were newer backups than this one, make the next with assent backup\n\
         --fewer.",
    );
    Ok(ExitCode::SUCCESS)
}

fn restored(config: Config, repository: &Repository, run: &backup::Run) -> anyhow::Result<()> {
    let moving = bar("parts");
    let data = backup::restore(&config, repository, run, &mut of_site(&moving))?;
    moving.finish_and_clear();
    let app = App::open(config, data)?;
    for site in app.sites.all() {
        let bar = bar("entries");
        let report = site.ledger.check(&mut along(&bar));
        bar.finish_and_clear();
        let report = report.with_context(|| format!("the restored log of `{}` is damaged", site.file.id))?;
        super::note(format_args!("{}: all is well: {} entries", site.file.id, report.entries));
    }
    Ok(app.sites.data().restored()?)
}

/// Moves a bar along, for each site from its beginning.
fn of_site(bar: &ProgressBar) -> impl FnMut(&SiteId, Progress) {
    |_: &SiteId, progress: Progress| along(bar)(progress)
}

/// Brings the store of an earlier release into this release's form.
pub(super) fn migrate(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    // Opens no store: only the lock and the key, so that nobody else changes anything meanwhile.
    let data = DataDir::open(&loaded.config)?;
    let bar = bar("entries");
    let done = migrate_store(&data.store(), &mut |done, total| along(&bar)(Progress { done, total }))?;
    bar.finish_and_clear();
    super::data(&match done {
        Migrated::NotNeeded => "nothing to migrate: the store is of this release\n".to_string(),
        Migrated::From { kept, entries } => format!(
            "{entries} entries migrated. The old store is kept in {}: it holds what was not erased when it was\n\
             migrated; remove it when `assent fsck` has said that all is well\n",
            kept.display()
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}
