//! Backups of everything that is kept here, and a data directory made of one.
//!
//! A backup is a run: every site's log at one moment, its site file and its public checkpoint. Runs share what did not change
//! ([`repository`]). What is not in one: the operator's key, the configuration, a witness's memory.

mod repository;

use repository::Pruned;
pub use repository::Repository;

use crate::app::App;
use crate::app::sites::Site;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError, replace_file};
use assent_core::ids::SiteId;
use assent_core::site::SiteFile;
use assent_ledger::{CopyError, LogConfig, LogCopy, Progress, RestoreError, causes};
use assent_store_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FORMAT: &str = "assent-backup/v1";

/// Everything at one moment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// `assent-backup/v1`.
    pub format: String,
    /// The release that made it.
    pub release: String,
    /// When it was begun: milliseconds since 1970 UTC.
    pub time: u64,
    /// Every site.
    pub sites: Vec<SiteCopy>,
}

/// One site at one moment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteCopy {
    /// The log.
    pub log: LogCopy,
    /// The site file in force.
    pub file: String,
    /// The public checkpoint, if there is one yet.
    pub published: Option<String>,
}

/// What a backup took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackedUp {
    /// The run's name, for `assent restore --run`.
    pub run: String,
    /// Entries of all logs in it.
    pub entries: u64,
    /// Bytes that were new.
    pub written: u64,
    /// Bytes of older runs that were let go of.
    pub removed: u64,
    /// Runs that are damaged: they cannot be restored, and go when they are too old.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// Why older runs, or some of them, could not be let go of; nothing when all is well. The new one is there.
    #[serde(default)]
    pub unpruned: Option<String>,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// No folder was named.
    #[error("where should backups be? Set backup.dir, or name a folder")]
    NoFolder,
    /// Another backup is being written there.
    #[error("another backup is being written to {0}")]
    Busy(PathBuf),
    /// Nothing in the folder opens with this key.
    #[error("{0} holds no backup that was made with this operator's key")]
    None(PathBuf),
    /// No run of this name.
    #[error("there is no backup `{0}`: `assent restore --list` shows all")]
    NoRun(String),
    /// It does not open, or is not what it should be.
    #[error("the backup's file {0} is damaged, or was made with another operator's key")]
    Damaged(PathBuf),
    /// Made by a later release.
    #[error("the backup was made by another release ({0}): restore it with that one")]
    Format(String),
    /// There is less than there was: the next runs would push out the good ones.
    #[error(
        "the site `{site}` has {now} entries here and {was} in the backup {run}, so no backup was made, and those that there are stay: \
         get back what was lost (`assent restore`, `assent site apply`); or, if it is meant, as when an older backup was restored, \
         `assent backup --fewer`"
    )]
    Fewer {
        /// The site.
        site: SiteId,
        /// Entries here; none where it is not served.
        now: u64,
        /// Entries in the backup.
        was: u64,
        /// The backup.
        run: String,
    },
    /// A log that is not what was backed up: runs of it would push out the last copy of the other.
    #[error(
        "the log of the site `{site}` is not the one in the backup {run}: the first {was} entries differ, so no backup was made, and those \
         that there are stay: get back what was lost (`assent restore`); or, if it is meant, as when an older backup was restored, \
         `assent backup --fewer`"
    )]
    Other {
        /// The site.
        site: SiteId,
        /// Entries in the backup.
        was: u64,
        /// The backup.
        run: String,
    },
    /// A site file that cannot be put beside a good log.
    #[error(
        "the site file {0} was altered or lost since it was applied, so no backup was made: move it away and apply it again \
         (`assent site apply`)"
    )]
    SiteFile(PathBuf),
    /// The backup's site file is not of the log beside it.
    #[error("the site file in the backup of `{0}` does not belong to its log")]
    OtherSiteFile(SiteId),
    /// A log without its site file, which would not be in the backup.
    #[error("no backup was made: {}", crate::app::sites::lost(.0))]
    Lost(SiteId),
    /// What is here could not be looked through.
    #[error("the data directory could not be looked through")]
    Look(#[source] anyhow::Error),
    /// A log could not be copied.
    #[error("the log of the site `{site}` could not be copied")]
    Copy {
        /// The site.
        site: SiteId,
        /// Why.
        #[source]
        source: CopyError,
    },
    /// A log could not be made of its copy.
    #[error("the log of the site `{site}` could not be restored")]
    Restore {
        /// The site.
        site: SiteId,
        /// Why.
        #[source]
        source: RestoreError,
    },
    /// The new store could not be made.
    #[error(transparent)]
    Store(#[from] assent_store_sled::OpenError),
    /// The data directory.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// A file could not be used.
    #[error("cannot use {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Adds a run to the backups in a folder and lets go of old ones. Decisions go on. Blocks. `fewer` says that it may hold fewer
/// sites or entries than the newest that opens, or others.
///
/// # Errors
/// [`BackupError`]: there is no new run; the older ones are as they were.
pub fn make(
    app: &App,
    folder: &Path,
    fewer: bool,
    progress: &mut dyn FnMut(&SiteId, Progress),
) -> Result<BackedUp, BackupError> {
    let data = app.sites.data();
    let repository = Repository::create(folder, data.key())?;
    let time = crate::app::now();
    if !fewer {
        if let Some(site) = app.sites.lost().map_err(BackupError::Look)?.pop() {
            return Err(BackupError::Lost(site));
        }
        if let Some((run, before)) = repository.newest()? {
            is_no_less(app, run, &before)?;
        }
    }
    let mut sites = Vec::new();
    for site in app.sites.all() {
        sites.push(copy(&site, data, &repository, &mut |at| progress(&site.file.id, at))?);
    }
    let entries = sites.iter().map(|site| site.log.size).sum();
    let run = Run { format: FORMAT.into(), release: env!("CARGO_PKG_VERSION").into(), time, sites };
    let name = repository.keep_run(&run)?;
    let keep = Duration::from_secs(24 * 60 * 60 * app.config.backup.keep_days);
    let former = data.former_backups().map_err(BackupError::from);
    let pruned = former.and_then(|former| repository.prune(time, keep, &former));
    let unpruned = pruned.as_ref().err().map(|error| causes(error));
    if let Some(cause) = &unpruned {
        tracing::error!(cause, "a backup was made, but old ones were not all let go of");
    }
    let Pruned { removed, damaged } = pruned.unwrap_or_default();
    let done = BackedUp { run: name, entries, written: repository.written(), removed, damaged, unpruned };
    tracing::info!(run = done.run, done.entries, done.written, done.removed, "backed up");
    Ok(done)
}

/// Logs only grow: where one is shorter than in a backup, or gone, or began otherwise, something was lost.
fn is_no_less(app: &App, run: String, before: &Run) -> Result<(), BackupError> {
    for SiteCopy { log, .. } in &before.sites {
        let (site, was) = (app.sites.get(&log.site), log.size);
        let now = site.as_ref().map_or(0, |site| site.ledger.size());
        if now < was {
            return Err(BackupError::Fewer { site: log.site.clone(), now, was, run });
        }
        let root = site.map(|site| site.ledger.root(was)).transpose();
        if root.map_err(|error| BackupError::Look(error.into()))?.is_some_and(|root| root != log.root) {
            return Err(BackupError::Other { site: log.site.clone(), was, run });
        }
    }
    Ok(())
}

fn copy(
    site: &Site,
    data: &DataDir,
    repository: &Repository,
    progress: &mut dyn FnMut(Progress),
) -> Result<SiteCopy, BackupError> {
    let id = &site.file.id;
    let (file, published) = (data.site_file(id), data.published(id));
    let read = |path: &Path| match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BackupError::Io { path: path.to_path_buf(), source }),
    };
    loop {
        // In this order: the public checkpoint is never ahead of the log, and the file is the one that the log's notice is of.
        let (before, published) = (read(&file)?, read(&published)?);
        let log = site.ledger.copy(repository, progress);
        let log = log.map_err(|source| BackupError::Copy { site: id.clone(), source })?;
        // One that was altered or lost since is not put beside a good log.
        let kept = crate::app::site_text::read(&file).ok().flatten();
        let after = read(&file)?.filter(|_| kept.is_some());
        let after = after.ok_or_else(|| BackupError::SiteFile(file.clone()))?;
        if before.as_ref() == Some(&after) {
            return Ok(SiteCopy { log, file: after, published });
        }
    }
}

/// Makes a data directory of a run: an empty one, which nobody can open until all of it is there and was checked.
///
/// # Errors
/// [`BackupError`]: the directory is to be thrown away.
pub fn restore(
    config: &Config,
    repository: &Repository,
    run: &Run,
    progress: &mut dyn FnMut(&SiteId, Progress),
) -> Result<DataDir, BackupError> {
    if run.format != FORMAT {
        return Err(BackupError::Format(run.release.clone()));
    }
    let data = DataDir::open_to_restore(config)?;
    let store = SledStore::open_with_cache(&data.store(), config.ledger.cache_mib << 20)?;
    for SiteCopy { log, file, published } in &run.sites {
        let at = data.site_file(&log.site);
        let origin = toml::from_str::<SiteFile>(file).map(|file| file.log_origin());
        let origin = origin.ok().filter(|origin| *origin == log.origin);
        let origin = origin.ok_or_else(|| BackupError::OtherSiteFile(log.site.clone()))?;
        let place: LogConfig = data.log_config(&log.site, origin);
        let made =
            assent_ledger::restore(log, repository, &place, &store, &mut |step| progress(&log.site, step));
        made.map_err(|source| BackupError::Restore { site: log.site.clone(), source })?;
        if let Some(published) = published {
            replace_file(&data.published(&log.site), published.as_bytes())?;
        }
        replace_file(&at, file.as_bytes())?;
    }
    Ok(data)
}
