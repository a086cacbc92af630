//! What is done every night: telling of the day's erasures, ending alerts whose time is over and reminding of those that end soon, purging what is due, giving space back, reading everything again to
//! see that it is as it was, and a backup of it.
//!
//! Each part is also a command, for whoever does not want to wait. A part that fails is logged, counted, and tried again the
//! next night; it never stops decisions.

use super::App;
use super::alerts::renewal;
use super::retention::purge;
use super::site_text::SiteTextError;
use super::sites::Site;
use crate::backup::{self, BackedUp, BackupError};
use assent_ledger::{CheckError, CheckReport, Owed, Progress, causes};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// What went so many nights ago has its bytes reclaimed.
const RECLAIM_NIGHTS: u32 = 7;

/// How the last check of each site's log ended.
#[derive(Debug, Default)]
pub struct LastChecks(Mutex<std::collections::BTreeMap<String, LastCheck>>);

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCheck {
    /// When it ended: milliseconds since 1970 UTC.
    pub at: u64,
    /// How long it took.
    pub took: Duration,
    /// Entries that were read again.
    pub entries: u64,
    /// What was wrong, with the entry; nothing when all is well. No personal data.
    pub wrong: Option<String>,
}

impl LastChecks {
    /// Of every site that was checked since the start, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(String, LastCheck)> {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.iter().map(|(site, check)| (site.clone(), check.clone())).collect()
    }

    /// The first damage that was found, as one sentence.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        let damaged = |(site, check): (String, LastCheck)| Some(format!("site {site}: {}", check.wrong?));
        self.all().into_iter().find_map(damaged)
    }
}

/// What a check found wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The log is damaged.
    #[error(transparent)]
    Log(#[from] CheckError),
    /// The site file is.
    #[error(transparent)]
    SiteFile(#[from] SiteTextError),
}

/// Reads everything in a site's log again, and its site file, and remembers how that ended. Blocks.
///
/// # Errors
/// [`Damage`]: the first thing that is wrong.
pub fn fsck(app: &App, site: &Site, progress: &mut dyn FnMut(Progress)) -> Result<CheckReport, Damage> {
    let began = std::time::Instant::now();
    let checked = site.ledger.check(progress).map_err(Damage::from);
    let checked = checked.and_then(|report| Ok(app.sites.file_is_whole(&site.file.id).map(|()| report)?));
    let wrong = checked.as_ref().err().map(|error| causes(error));
    match &wrong {
        None => {
            tracing::info!(site = %site.file.id, seconds = began.elapsed().as_secs(), "checked: all is well");
        }
        Some(wrong) => tracing::error!(site = %site.file.id, wrong, "checked: the log is damaged"),
    }
    let entries = checked.as_ref().map_or(0, |report| report.entries);
    let last = LastCheck { at: super::now(), took: began.elapsed(), entries, wrong };
    let mut checks = app.checks.0.lock().unwrap_or_else(PoisonError::into_inner);
    checks.insert(site.file.id.to_string(), last);
    checked
}

/// How the last backup since the start ended.
#[derive(Debug, Default)]
pub struct LastBackup(Mutex<Option<(u64, bool)>>);

impl LastBackup {
    /// When it ended (milliseconds since 1970 UTC), and whether it ended well. Nothing when none was made since the start.
    #[must_use]
    pub fn get(&self) -> Option<(u64, bool)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a backup to `backup.dir` and remembers how that ended. `fewer` as for [`backup::make`]. Blocks.
///
/// # Errors
/// [`BackupError`]: there is no new backup, and the older ones are as they were.
pub fn back_up(app: &App, fewer: bool) -> Result<BackedUp, BackupError> {
    let folder = app.config.backup.folder().ok_or(BackupError::NoFolder)?;
    let done = backup::make(app, &folder, fewer, &mut |_, _| ());
    if let Err(error) = &done {
        tracing::error!(cause = causes(error), "no backup was made");
    }
    let well = done.as_ref().is_ok_and(|done| done.unpruned.is_none());
    *app.backed_up.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((super::now(), well));
    done
}

/// Does the night's work whenever the configured hour comes, until the app stops.
pub async fn every_night(app: Arc<App>) {
    loop {
        let wait = until_hour(super::now(), app.config.maintenance.hour_utc);
        tokio::time::sleep(wait).await;
        let worker = Arc::clone(&app);
        let purged = lets_go(&app).await;
        // Blocks for as long as it takes to copy what is live.
        if purged > 0 || app.sites.all().iter().any(|site| is_owed(site, super::now())) {
            match super::blocking(move || worker.sites.reclaim()).await {
                Ok(Ok(done)) => {
                    tracing::info!(
                        before = done.before,
                        after = done.after,
                        rows = done.rows,
                        "reclaimed space"
                    );
                }
                Ok(Err(error)) => tracing::error!(cause = causes(&error), "no space was reclaimed"),
                Err(error) => tracing::error!(cause = format!("{error:#}"), "no space was reclaimed"),
            }
        }
        // After reclaiming, which writes rows anew: the backup must not be the first to read them.
        for site in app.sites.all() {
            let worker = Arc::clone(&app);
            // What is wrong is logged and remembered where it is found.
            drop(super::blocking(move || fsck(&worker, &site, &mut |_| ())).await);
        }
        if app.config.backup.folder().is_some() {
            // A damaged log must not push good backups out.
            match app.checks.damage() {
                Some(damage) => tracing::error!(damage, "no backup was made"),
                None => {
                    let worker = Arc::clone(&app);
                    drop(super::blocking(move || back_up(&worker, false)).await);
                }
            }
        }
        // A purge changes something about everybody.
        if let Err(error) = app.sites.prepare_standings() {
            tracing::error!(%error, "standings are worked out as they are asked for");
        }
    }
}

/// Whether the store must be reclaimed for what went from a site's log. Where nobody knows when that was, it must.
fn is_owed(site: &Site, now: u64) -> bool {
    let owed = site.ledger.owed().unwrap_or_else(|error| {
        tracing::error!(site = %site.file.id, cause = causes(&error), "when space was reclaimed cannot be read");
        Owed::Unknown
    });
    is_due(owed, u32::try_from(now / DAY).unwrap_or(u32::MAX))
}

/// `today` is in days since 1970 UTC.
fn is_due(owed: Owed, today: u32) -> bool {
    match owed {
        Owed::Nothing => false,
        Owed::Since(day) => today.saturating_sub(day) >= RECLAIM_NIGHTS,
        Owed::Unknown => true,
    }
}

fn not_to_the_end(site: &Site, cause: &str) {
    tracing::error!(site = %site.file.id, cause, "the purge did not come to its end: what went stays gone");
}

/// What goes, and is told of, over every site. Answers how many records were purged.
async fn lets_go(app: &Arc<App>) -> u64 {
    let mut purges = 0;
    for site in app.sites.all() {
        // A log that was taken over has no room to tell of anything.
        if !site.ledger.is_imported()
            && let Err(error) = site.ledger.tell_erasures().await
        {
            tracing::error!(site = %site.file.id, cause = causes(&error), "erasures were not told of");
        }
        match renewal::look(&site, super::now()).await {
            Ok(looked) if looked.reminded > 0 => app.outbox.wake(),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(site = %site.file.id, cause = causes(&error), "alerts that end were not all dealt with");
            }
        }
        let (worker, at) = (Arc::clone(app), Arc::clone(&site));
        let purged =
            super::blocking(move || purge(&worker.sites, &at, false, super::now(), &mut |_| ())).await;
        match purged {
            Ok(Ok(plan)) => purges += plan.purged.values().sum::<u64>(),
            Ok(Err(error)) => not_to_the_end(&site, &causes(&error)),
            Err(error) => not_to_the_end(&site, &format!("{error:#}")),
        }
    }
    purges
}

/// From now until the next full hour of this number, in UTC.
fn until_hour(now: u64, hour: u8) -> Duration {
    let wanted = u64::from(hour.min(23)) * 60 * 60 * 1000;
    let of_day = now % DAY;
    let wait = if of_day < wanted { wanted - of_day } else { DAY - of_day + wanted };
    Duration::from_millis(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_is_reclaimed_a_week_later_whatever_the_nights_between_brought() {
        for (owed, due) in [
            (Owed::Nothing, false),
            (Owed::Since(100), false),
            (Owed::Since(93), true),
            (Owed::Since(94), false),
            // A clock that was ahead.
            (Owed::Since(101), false),
            (Owed::Unknown, true),
        ] {
            assert_eq!(is_due(owed, 100), due, "{owed:?}");
        }
    }

    #[test]
    fn the_next_night_is_always_ahead() {
        const HOUR: u64 = 60 * 60 * 1000;
        for (now, hour, hours) in
            [(0, 3, 3), (2 * HOUR, 3, 1), (3 * HOUR, 3, 24), (23 * HOUR, 3, 4), (0, 0, 24)]
        {
            assert_eq!(until_hour(now, hour), Duration::from_millis(hours * HOUR), "{now} {hour}");
        }
    }
}
