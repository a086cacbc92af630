//! Alerts that end by themselves: the end is put into the log, whoever is about to lose one is reminded where the site wants it,
//! and a press keeps it.
//!
//! Nothing here makes an alert end: from the moment its time is over "may we?" says no, whether or not the log says so yet.

use super::job::{Job, Task};
use super::link::{ContactKey, day};
use super::outbox;
use super::say::{Saying, say};
use super::subscriber::{Subscriber, contact, names};
use crate::app::blocking;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::state::{acted, fold};
use assent_core::decision::{Act, Decision, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Purpose};
use assent_ledger::{ExportError, ExportFilter, Opened, ReadError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// How many finds wait to be dealt with while the log is read on.
const AHEAD: usize = 64;

/// What one look through the log did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Records of an end that were written.
    pub ended: u64,
    /// Reminders that wait to be sent.
    pub reminded: u64,
}

/// An alert of an address that somebody has to be told about, or whose end the log does not tell yet.
struct Found {
    contact: ContactKey,
    purpose: PurposeId,
    /// When it ends, Unix milliseconds: now or before, unless it is to be reminded of.
    end: u64,
}

/// Why not everything was looked at. What was done before stays done, and looking again is right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ExportError),
    /// An end or a reminder could not be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Writes what ended by `now` (Unix milliseconds) into the log, and keeps what is to be reminded of for sending. Safe to repeat.
///
/// Reads the log once for each alert that ends by itself, in memory that does not grow with it.
///
/// # Errors
/// [`LookError`].
pub async fn look(site: &Arc<Site>, now: u64) -> Result<Looked, LookError> {
    if site.ledger.is_imported() {
        return Ok(Looked::default());
    }
    let (finds, receiver) = mpsc::channel(AHEAD);
    let reader = Arc::clone(site);
    let reading = blocking(move || read(&reader, now, &finds));
    let doing = async {
        // Gone when this fails, so that reading ends too.
        let mut receiver = receiver;
        let mut looked = Looked::default();
        while let Some(found) = receiver.recv().await {
            if found.end <= now {
                looked.ended += end(site, found, now).await?;
            } else {
                looked.reminded += u64::from(remind(site, found, now).await?);
            }
        }
        Ok::<_, RecordError>(looked)
    };
    let (read, done) = tokio::join!(reading, doing);
    let looked = done?;
    read.map_err(RecordError::Stopped)??;
    Ok(looked)
}

/// How long a yes to an alert lasts, in milliseconds; nothing when it does not end by itself.
fn lasts(alert: &Purpose) -> Option<u64> {
    Some(u64::from(alert.ends_after_days?) * DAY)
}

/// How long before its end an alert is reminded of, in milliseconds.
fn ahead(site: &Site, alert: &Purpose) -> u64 {
    let named = |file: &&assent_core::site::AlertFile| Some(file.topic.as_str()) == alert.topic.as_deref();
    let days = site.file.alerts.iter().find(named).and_then(|file| file.remind_days_before);
    u64::from(days.unwrap_or(0)) * DAY
}

fn read(site: &Site, now: u64, finds: &mpsc::Sender<Found>) -> Result<(), ExportError> {
    for alert in site.notice.asked_at(Asked::AlertForm) {
        let Some(lasts) = lasts(alert) else { continue };
        let soon = now.saturating_add(ahead(site, alert));
        let filter = ExportFilter { purpose: Some(alert.id.clone()), ..ExportFilter::default() };
        let mut each = |shown: assent_ledger::Shown<'_>| {
            let record = shown.record;
            // What is younger than that says nothing about an end; what cannot be read is looked at more closely.
            let said = [Some(&record.time), record.acted.as_ref()].into_iter().flatten();
            let is_young =
                said.filter_map(|time| milliseconds(time)).all(|at| at.saturating_add(lasts) > soon);
            if !record.grants(&alert.id) || is_young {
                return Ok(());
            }
            for named in record.contacts.iter().filter(|contact| Some(contact.channel) == alert.channel) {
                let contact = ContactKey { channel: named.channel, hash: named.hash };
                let all = Subscriber::read(site, &contact.hash, now)?;
                // Whoever agreed more than once is found where they did last.
                let Some(last) = grant(&all.history, &alert.id) else { continue };
                let standing = all.standing(&alert.id);
                let end = match standing {
                    Standing::Expired => now,
                    _ => all.since(&alert.id).saturating_add(lasts),
                };
                let is_due = standing == Standing::Expired || (standing.allows() && end <= soon);
                if last.id.to_string() == record.id && is_due && !all.restricted {
                    let found = Found { contact, purpose: alert.id.clone(), end };
                    if finds.blocking_send(found).is_err() {
                        return Err(ExportError::Write(std::io::Error::other(
                            "an end could not be recorded",
                        )));
                    }
                }
            }
            Ok(())
        };
        site.ledger.export_each(&filter, &mut each, &mut |_| ())?;
    }
    Ok(())
}

fn milliseconds(time: &str) -> Option<u64> {
    u64::try_from(time.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}

/// What a yes rests on that nothing has ended since; asking again ends nothing.
fn grant<'a>(history: &'a [Opened], alert: &PurposeId) -> Option<&'a Opened> {
    let said = |opened: &&Opened| {
        let decision = opened.record.decisions.get(alert);
        opened.record.grants(alert) || decision.is_some_and(|decision| !decision.is_yes())
    };
    history.iter().rev().find(said).filter(|last| last.record.grants(alert))
}

/// Puts the end into the log, for everybody whose yes for the address it was. Answers how many records it took.
async fn end(site: &Arc<Site>, found: Found, now: u64) -> Result<u64, RecordError> {
    let Found { contact: to, purpose, .. } = found;
    let over = move |site: &Site, history: &[Opened]| {
        let is_over = fold(&site.notice, history, now).get(&purpose) == Some(&Standing::Expired);
        is_over.then(|| grant(history, &purpose)).flatten()?;
        about(history, to, site, BTreeMap::from([(purpose.clone(), Decision::Expired)]))
    };
    record(site, to, Act::Expiry, now, over).await
}

/// Keeps an alert for as long again, for an address that still has it. `about_end` is the day of the end that is averted
/// ([`day`]): one that ends later was kept since, and is not again, so that whoever finds an old reminder says no yes with
/// it. Safe to repeat. Answers whether the address has it.
///
/// # Errors
/// [`RecordError`].
pub async fn keep(
    site: &Arc<Site>,
    to: ContactKey,
    (purpose, about_end): (PurposeId, u32),
    now: u64,
) -> Result<bool, RecordError> {
    let (reader, alert) = (Arc::clone(site), purpose.clone());
    let end = blocking(move || ends(&reader, to, &alert, now)).await.map_err(RecordError::Stopped)??;
    let Some(end) = end else { return Ok(false) };
    if day(end) > about_end {
        return Ok(true);
    }
    let holds = move |site: &Site, history: &[Opened]| {
        let last = grant(history, &purpose)?;
        let granted = fold(&site.notice, history, now).get(&purpose) == Some(&Standing::Granted);
        // Staff may have written down today what was said long ago: its time runs from then.
        let since = acted(last).map_or(last.time, |acted| acted.min(last.time));
        let kept_today = now.saturating_sub(since) < DAY;
        (granted && !kept_today).then_some(())?;
        about(history, to, site, BTreeMap::from([(purpose.clone(), Decision::Confirmed)]))
    };
    record(site, to, Act::Link, now, holds).await?;
    Ok(true)
}

/// When an alert that an address has, and may be sent, ends by itself (Unix milliseconds). Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn ends(site: &Site, to: ContactKey, purpose: &PurposeId, now: u64) -> Result<Option<u64>, ReadError> {
    let Some(alert) = site.notice.purpose(purpose) else { return Ok(None) };
    let all = Subscriber::read(site, &to.hash, now)?;
    let stopped = all.suppressed || all.restricted || !all.standing(purpose).allows();
    Ok(lasts(alert).filter(|_| !stopped).map(|lasts| all.since(purpose).saturating_add(lasts)))
}

/// Keeps a reminder for sending, once for each end. Answers whether it is a new one.
async fn remind(site: &Arc<Site>, found: Found, now: u64) -> Result<bool, RecordError> {
    let Found { contact, purpose, end } = found;
    let which = format!("{}/{purpose}/{end}", contact.hash);
    let (done, send) = (format!("reminded/{which}").into_bytes(), format!("remind/{which}").into_bytes());
    let (reader, key) = (Arc::clone(site), done.clone());
    let before = blocking(move || reader.ledger.job(&key)).await.map_err(RecordError::Stopped)??;
    if before.is_some() {
        return Ok(false);
    }
    // Remembered until a day after the end, so that no second look sends it again.
    let remembered = Job::new(Task::Pause, end.saturating_add(DAY), u64::MAX);
    let reminder =
        Job::new(Task::Remind { contact: contact.hash, channel: contact.channel, purpose }, now, end);
    outbox::keep(site, vec![(done, remembered), (send, reminder)]).await?;
    Ok(true)
}

/// What is said about the address, in the words and the language of who last named it.
fn about(
    history: &[Opened],
    to: ContactKey,
    site: &Site,
    decisions: BTreeMap<PurposeId, Decision>,
) -> Option<Saying> {
    let last = history.iter().rev().find(|opened| names(opened, &to.hash))?;
    let (language, contact) = (last.record.language.clone(), contact(last, &to.hash).cloned());
    Some(Saying::new(site.hash, language, decisions).about(contact))
}

/// Says the same for everybody who named an address. Answers how many records it took.
async fn record(
    site: &Arc<Site>,
    to: ContactKey,
    act: Act,
    now: u64,
    saying: impl Fn(&Site, &[Opened]) -> Option<Saying> + Clone + Send + Sync + 'static,
) -> Result<u64, RecordError> {
    let reader = Arc::clone(site);
    let read = move || reader.ledger.subjects_of(&to.hash);
    let mut records = 0;
    for subject in blocking(read).await.map_err(RecordError::Stopped)?? {
        records += u64::from(say(site, subject, act, now, saying.clone()).await?.is_some());
    }
    Ok(records)
}
