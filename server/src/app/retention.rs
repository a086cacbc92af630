//! Retention: when records are due, what a purge would do, and the schedule that says so to people.
//!
//! The rules are the site file's and in the log; the clock of a person's records counts from their last use of any of the
//! controller's sites. Destroying is the ledger's.

use super::sites::{Site, Sites};
use assent_core::retention::{RetentionClass, RetentionRules};
use assent_ledger::{ErasureError, Opened, Progress, PurgePlan, ReadError, Retention};
use serde::Serialize;
use std::sync::Arc;

/// One row of the retention schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleRow {
    /// `anonymous` or `linked`.
    pub class: &'static str,
    /// Which records.
    pub records: &'static str,
    /// Days they are kept.
    pub kept_days: u64,
    /// From when the days are counted.
    pub counted_from: &'static str,
    /// How they go.
    pub ends_by: &'static str,
}

/// The schedule: the same rows for the page, the table and the purge.
#[must_use]
pub fn schedule(rules: &RetentionRules) -> Vec<ScheduleRow> {
    let row = |class: RetentionClass| {
        let (records, counted_from) = match class {
            RetentionClass::Anonymous => (
                "Choices of visitors who gave no address",
                "the visitor's newest choice; includes the time that a consent lasts",
            ),
            RetentionClass::Linked => (
                "Choices and sign-ups that name an email address or a number",
                "the person's last use of any of the organisation's sites",
            ),
        };
        let (class, kept_days) = (class.as_str(), rules.days(class));
        let ends_by = "destroying the month's key; entries in the log stay and say nothing";
        ScheduleRow { class, records, kept_days, counted_from, ends_by }
    };
    RetentionClass::ALL.into_iter().map(row).collect()
}

/// Purges what is due, or only says what is. Blocks; not to be called from an async task.
///
/// # Errors
/// [`ErasureError`]; what was purged before stays purged.
pub fn purge(
    sites: &Sites,
    site: &Site,
    dry_run: bool,
    now: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<PurgePlan, ErasureError> {
    let rules = site.file.retention_rules();
    let siblings = siblings(sites, site);
    let due = |opened: &Opened, newest: u64| {
        let class = RetentionClass::of(opened.record.contacts.len());
        let since = match class {
            RetentionClass::Anonymous => newest,
            RetentionClass::Linked => last_use(&siblings, opened)?.max(newest),
        };
        Ok(rules.due(class, since))
    };
    let retention = Retention { now, policy: rules.hash(), due: &due };
    if dry_run {
        site.ledger.purge_plan(&retention, progress)
    } else {
        let done = site.ledger.purge(&retention, progress)?;
        tracing::info!(
            site = %site.file.id, months = done.purged.len(), records = done.purged.values().sum::<u64>(),
            carried = done.carried, held = done.held, "purged"
        );
        Ok(done)
    }
}

/// Every site of the same controller, this one among them.
fn siblings(sites: &Sites, site: &Site) -> Vec<Arc<Site>> {
    let all = sites.all().into_iter();
    all.filter(|other| other.file.controller.name == site.file.controller.name).collect()
}

/// When anybody with one of these addresses was last heard of, on any of the controller's sites.
fn last_use(siblings: &[Arc<Site>], opened: &Opened) -> Result<u64, ReadError> {
    let mut last = opened.time;
    for site in siblings {
        for contact in &opened.contacts {
            let hash = site.ledger.contact_hash(contact.channel, &contact.address);
            last = last.max(site.ledger.last_heard_of(&hash)?.unwrap_or(0));
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_core::retention::RetentionFile;

    #[test]
    fn the_schedule_says_what_the_rules_do() {
        let rules = RetentionRules::new(RetentionFile { anonymous_days: 10, linked_days: 20 }, 5);
        let rows = schedule(&rules);
        assert_eq!(
            rows.iter().map(|row| (row.class, row.kept_days)).collect::<Vec<_>>(),
            [("anonymous", 15), ("linked", 20)]
        );
    }
}
