//! Retention: when records are due, what a purge would do, and the schedule that says so to people.
//!
//! The rules are the site file's and in the log; the clock of a person's records counts from their last use of any of the
//! controller's sites. Destroying is the ledger's.

use super::sites::{Site, Sites};
use assent_core::decision::Act;
use assent_core::hand_over::same_controller;
use assent_core::record::{Record, Surface};
use assent_core::retention::{RetentionClass, RetentionRules};
use assent_ledger::{ErasureError, Opened, Progress, PurgePlan, ReadError, Retention};
use std::sync::Arc;

/// The schedule that people are shown: days by class, from the rules that [`purge`] goes by.
#[must_use]
pub fn schedule(rules: &RetentionRules) -> Vec<(RetentionClass, u64)> {
    RetentionClass::ALL.into_iter().map(|class| (class, rules.days(class))).collect()
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
        let class = class_of(&opened.record);
        let since = match class {
            RetentionClass::Anonymous => newest,
            RetentionClass::Linked => last_use(&siblings, site, opened)?.max(newest),
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
        for month in &done.blocked {
            tracing::error!(site = %site.file.id, month, "not purged: a record that is or may be in it cannot be read; the check names it");
        }
        Ok(done)
    }
}

/// Every site of the same controller, this one among them.
fn siblings(sites: &Sites, site: &Site) -> Vec<Arc<Site>> {
    let all = sites.all().into_iter();
    all.filter(|other| same_controller(&other.file.controller, &site.file.controller)).collect()
}

/// The class of a record. What came by a message, or was told, is about an address, also where the address could not be read
/// then: a no lives as long as the yes that it ends.
fn class_of(record: &Record) -> RetentionClass {
    let by_address = matches!(record.surface, Surface::Message | Surface::Server | Surface::Told);
    RetentionClass::of(record.contacts.len() + usize::from(by_address))
}

/// When anybody with one of a record's addresses, or of its subject's where it has none, was last heard of, on any of the controller's
/// sites.
fn last_use(siblings: &[Arc<Site>], of: &Site, opened: &Opened) -> Result<u64, ReadError> {
    // That it ended by itself is no use.
    let mut last = if opened.record.act == Act::Expiry { 0 } else { opened.time };
    let contacts = if opened.contacts.is_empty() {
        let history = of.ledger.history(&opened.record.subject)?;
        history.into_iter().flat_map(|opened| opened.contacts).collect()
    } else {
        opened.contacts.clone()
    };
    for site in siblings {
        for contact in &contacts {
            let hash = site.ledger.contact_hash(contact.channel, &contact.address);
            last = last.max(site.ledger.last_heard_of(&hash)?.unwrap_or(0));
        }
    }
    // In a log that was taken over no address is sealed beside a record; the hashes in it came along.
    if of.ledger.is_imported() {
        for contact in &opened.record.contacts {
            last = last.max(of.ledger.last_heard_of(&contact.hash)?.unwrap_or(0));
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
        assert_eq!(schedule(&rules), [(RetentionClass::Anonymous, 15), (RetentionClass::Linked, 20)]);
    }
}
