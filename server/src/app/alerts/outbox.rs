//! What must still be done about alerts: messages to send, and sign-ups to forget when nobody confirmed them.
//!
//! A job stands in the log's store until it is done, so that a restart, a crash or a mail server that is away for a day loses
//! nothing. It holds no address: that is read from the sealed record when the message is sent, so that who was erased meanwhile
//! is not written to. A message is sent at least once: a crash after the mail server took it and before the job is taken away
//! sends it again, with the same Message-ID.

use super::link::ContactKey;
use super::subscriber::{Subscriber, contact, names};
use super::{message, subscriber};
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::{App, blocking, now};
use crate::config;
use crate::deliver::mail::{Mail, MailError, Mailer};
use assent_core::decision::{Decision, Standing};
use assent_core::hash::{Hash, sha256};
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::SubjectId;
use assent_ledger::store::GoneReason;
use assent_ledger::{ErasureError, ReadError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// How long is waited after the first try that failed, the second, and so on; after the last one again and again.
const WAITS: [u64; 7] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR];
/// Most confirmations that one address is sent within a day: nobody's mailbox can be filled by typing their address.
const CONFIRMATIONS_A_DAY: usize = 3;
const DAY: u64 = 24 * HOUR;
/// How long after a fresh link another one can be had.
const LINK_PAUSE: u64 = 10 * MINUTE;
/// How often it is looked for work when nothing is due and nobody says that there is.
const LOOK: u64 = MINUTE;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Task {
    /// Ask by email whether a sign-up was theirs.
    Confirm {
        /// Whose sign-up.
        subject: SubjectId,
        /// The address that is let go of once this one is confirmed.
        replaces: Option<Hash>,
    },
    /// Erase a sign-up that nobody confirmed.
    Lapse {
        /// Whose.
        subject: SubjectId,
    },
    /// Send a link to everything an address told us.
    Link {
        /// Its keyed hash.
        contact: Hash,
        /// The language it was asked for in.
        language: String,
    },
    /// A link was sent; another may be asked for when this is over.
    Pause,
}

/// A task, and when it is tried next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    #[serde(flatten)]
    task: Task,
    /// Unix milliseconds.
    due: u64,
    /// When it is given up. Unix milliseconds.
    until: u64,
    /// How often it failed.
    failed: usize,
}

/// What became of a task.
enum Outcome {
    /// Nothing more to do.
    Done,
    /// Another one takes its place.
    Next(Task, u64),
    /// Try again later. No personal data.
    Later(String),
}

/// What sends messages.
#[derive(Debug)]
pub struct Outbox {
    mailer: Option<Mailer>,
    woken: Notify,
}

impl Outbox {
    /// For the configured mail server.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn new(config: &config::Mail) -> anyhow::Result<Self> {
        Ok(Self { mailer: Mailer::new(config)?, woken: Notify::new() })
    }

    /// There may be something to send.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

/// Keeps what is to be done about one sign-up: `task` at once, and forgetting it when its time is over. Once for each request.
pub(super) async fn expect(
    site: &Arc<Site>,
    (subject, request): (SubjectId, &str),
    task: Option<Task>,
    now: u64,
) -> Result<(), RecordError> {
    let which = format!("{subject}/{}", &sha256(request.as_bytes()).to_hex()[..16]);
    let until = now + CONFIRM_MS;
    let lapse = Job { task: Task::Lapse { subject }, due: until + MINUTE, until: u64::MAX, failed: 0 };
    let confirm = task.map(|task| Job { task, due: now, until, failed: 0 });
    let jobs = [("lapse", Some(lapse)), ("confirm", confirm)];
    let jobs =
        jobs.into_iter().filter_map(|(kind, job)| Some((format!("{kind}/{which}").into_bytes(), job?)));
    keep(site, jobs.collect()).await
}

/// Keeps that a link is to be sent to an address, if it told us anything; nobody learns whether it did.
///
/// # Errors
/// [`RecordError`].
pub async fn send_link(
    site: &Arc<Site>,
    contact: Hash,
    language: String,
    now: u64,
) -> Result<(), RecordError> {
    let key = format!("link/{contact}").into_bytes();
    let job = Job { task: Task::Link { contact, language }, due: now, until: now + DAY, failed: 0 };
    keep(site, vec![(key, job)]).await
}

/// Keeps jobs, unless the first of them is kept already.
async fn keep(site: &Arc<Site>, jobs: Vec<(Vec<u8>, Job)>) -> Result<(), RecordError> {
    let Some(first) = jobs.first().map(|(key, _)| key.clone()) else { return Ok(()) };
    if site.ledger.is_imported() {
        // Nothing is recorded there, so there is nothing to send.
        return Ok(());
    }
    let reader = Arc::clone(site);
    let there = blocking(move || reader.ledger.job(&first)).await.map_err(RecordError::Stopped)??;
    if there.is_some() {
        return Ok(());
    }
    // A job has text keys and whole numbers.
    let jobs = jobs.into_iter().map(|(key, job)| (key, serde_json::to_vec(&job).ok())).collect();
    site.ledger.set_jobs(jobs).await.map(|_| ()).map_err(refused)
}

/// What a change of the store failed with, as recording would say it.
pub(super) fn refused(error: ErasureError) -> RecordError {
    match error {
        ErasureError::Append(error) => error.into(),
        ErasureError::Read(error) => error.into(),
        other => RecordError::Stopped(other.into()),
    }
}

/// Does what is due, until the app stops.
pub async fn whenever_due(app: Arc<App>) {
    if app.outbox.mailer.is_none() && app.sites.all().iter().any(|site| has_email(site)) {
        tracing::warn!("mail.host is not set: nobody can confirm an email address, and no alert may be sent");
    }
    loop {
        let mut next = now() + LOOK;
        for site in app.sites.all() {
            match do_what_is_due(&app, &site, now()).await {
                Ok(due) => next = next.min(due.unwrap_or(u64::MAX)),
                Err(error) => {
                    next = next.min(now() + WAITS[0]);
                    tracing::error!(site = %site.file.id, cause = format!("{error:#}"), "no messages were sent");
                }
            }
        }
        let wait = Duration::from_millis(next.saturating_sub(now()));
        tokio::select! {
            () = app.outbox.woken.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn has_email(site: &Site) -> bool {
    subscriber::alerts_on(site, Channel::Email).next().is_some()
}

/// Does what is due at one site at `now`. Answers when something is due next. All in Unix milliseconds.
///
/// # Errors
/// The log could not be read, or did not take what was done.
pub async fn do_what_is_due(app: &Arc<App>, site: &Arc<Site>, now: u64) -> anyhow::Result<Option<u64>> {
    let reader = Arc::clone(site);
    let jobs = blocking(move || reader.ledger.jobs()).await??;
    let mut next: Option<u64> = None;
    for (key, value) in jobs {
        let Ok(job) = serde_json::from_slice::<Job>(&value) else {
            tracing::error!(site = %site.file.id, "a job cannot be read, and is left alone");
            continue;
        };
        if job.due > now {
            next = Some(next.map_or(job.due, |next| next.min(job.due)));
            continue;
        }
        let outcome =
            if job.until <= now { Ok(Outcome::Done) } else { run(app, site, &job.task, &key, now).await };
        let again = match outcome {
            Ok(Outcome::Done) => None,
            Ok(Outcome::Next(task, after)) => {
                Some(Job { task, due: now + after, until: u64::MAX, failed: 0 })
            }
            Ok(Outcome::Later(reason)) => Some(later(site, job, &reason, now)),
            Err(error) => Some(later(site, job, &error.to_string(), now)),
        };
        if let Some(job) = &again {
            next = Some(next.map_or(job.due, |next| next.min(job.due)));
        }
        let value = again.and_then(|job| serde_json::to_vec(&job).ok());
        site.ledger.set_jobs(vec![(key, value)]).await?;
    }
    Ok(next)
}

fn later(site: &Site, job: Job, reason: &str, now: u64) -> Job {
    let wait = WAITS[job.failed.min(WAITS.len() - 1)];
    tracing::warn!(site = %site.file.id, tries = job.failed + 1, again_seconds = wait / SECOND, reason, "a message waits");
    Job { due: now + wait, failed: job.failed + 1, ..job }
}

async fn run(app: &Arc<App>, site: &Arc<Site>, task: &Task, key: &[u8], now: u64) -> anyhow::Result<Outcome> {
    let id = sha256(key).to_hex()[..32].to_string();
    match task.clone() {
        Task::Confirm { subject, replaces } => {
            let reader = Arc::clone(site);
            match blocking(move || confirmation(&reader, (subject, replaces), id, now)).await?? {
                Written::Mail(mail) => Ok(send(app, site, &mail).await),
                Written::Nothing => Ok(Outcome::Done),
                Written::NotYet => Ok(Outcome::Later("the sign-up is not recorded yet".into())),
            }
        }
        Task::Link { contact, language } => {
            let reader = Arc::clone(site);
            let written = blocking(move || link(&reader, contact, &language, id, now)).await??;
            match written {
                Some(mail) => match send(app, site, &mail).await {
                    Outcome::Done => Ok(Outcome::Next(Task::Pause, LINK_PAUSE)),
                    other => Ok(other),
                },
                None => Ok(Outcome::Next(Task::Pause, LINK_PAUSE)),
            }
        }
        Task::Lapse { subject } => {
            lapse(site, subject, now).await?;
            Ok(Outcome::Done)
        }
        Task::Pause => Ok(Outcome::Done),
    }
}

async fn send(app: &App, site: &Site, mail: &Mail) -> Outcome {
    let Some(mailer) = &app.outbox.mailer else { return Outcome::Later("mail.host is not set".into()) };
    match mailer.send(mail).await {
        Ok(()) => {
            tracing::info!(site = %site.file.id, "a message was handed to the mail server");
            Outcome::Done
        }
        Err(MailError::Refused(reason)) => {
            tracing::warn!(site = %site.file.id, reason, "a message was refused for good");
            Outcome::Done
        }
        Err(MailError::Later(reason)) => Outcome::Later(reason),
    }
}

enum Written {
    Mail(Box<Mail>),
    Nothing,
    NotYet,
}

/// The message for a sign-up that waits.
fn confirmation(
    site: &Site,
    (subject, replaces): (SubjectId, Option<Hash>),
    id: String,
    now: u64,
) -> Result<Written, ReadError> {
    let history = site.ledger.history(&subject)?;
    let on_email = |surface| matches!(surface, Surface::AlertForm | Surface::Message);
    let request = history.iter().rev().find(|opened| {
        on_email(opened.record.surface)
            && opened.record.contacts.iter().any(|contact| contact.channel == Channel::Email)
            && opened.record.decisions.values().any(|decision| decision.is_yes())
    });
    let Some(request) = request else { return Ok(Written::NotYet) };
    let Some(to) = request.record.contacts.iter().find(|contact| contact.channel == Channel::Email) else {
        return Ok(Written::NotYet);
    };
    let to = ContactKey { channel: Channel::Email, hash: to.hash };
    let all = Subscriber::read(site, &to.hash, now)?;
    let wanted: Vec<PurposeId> = request
        .record
        .decisions
        .iter()
        .filter(|(id, decision)| decision.is_yes() && all.standing(id) == Standing::Unconfirmed)
        .map(|(id, _)| id.clone())
        .collect();
    let asked = |opened: &&assent_ledger::Opened| {
        names(opened, &to.hash)
            && opened.record.decisions.values().any(|decision| *decision == Decision::Given)
            && opened.index < request.index
            && request.time.saturating_sub(opened.time) < DAY
    };
    if all.history.iter().filter(asked).count() >= CONFIRMATIONS_A_DAY {
        tracing::warn!(site = %site.file.id, "one address was signed up too often today: no message is sent");
        return Ok(Written::Nothing);
    }
    let Some(clear) = contact(request, &to.hash).filter(|_| !wanted.is_empty()) else {
        return Ok(Written::Nothing);
    };
    let (parts, address) = ((subject, to, replaces), clear.address.clone());
    let mail = message::confirmation(site, &request.record.language, parts, (&wanted, address), id);
    Ok(Written::Mail(Box::new(mail)))
}

/// The message with a fresh link, for an address that told us something.
fn link(site: &Site, contact: Hash, language: &str, id: String, now: u64) -> Result<Option<Mail>, ReadError> {
    let all = Subscriber::read(site, &contact, now)?;
    let Some(clear) = all.contact().filter(|clear| clear.channel == Channel::Email) else { return Ok(None) };
    let key = ContactKey { channel: Channel::Email, hash: contact };
    Ok(Some(message::fresh_link(site, language, key, clear.address.clone(), id)))
}

/// Erases a sign-up that nobody confirmed. Whoever said anything else keeps their records.
async fn lapse(site: &Arc<Site>, subject: SubjectId, now: u64) -> anyhow::Result<()> {
    let reader = Arc::clone(site);
    let lapsed = move || -> Result<bool, ReadError> {
        if reader.ledger.restriction_of(&subject)?.is_some() {
            return Ok(false);
        }
        let history = reader.ledger.history(&subject)?;
        let only_asked = history.iter().all(|opened| {
            matches!(opened.record.surface, Surface::AlertForm | Surface::Message)
                && opened.record.decisions.values().all(|decision| *decision == Decision::Given)
        });
        let waits = history.iter().any(|opened| now.saturating_sub(opened.time) < CONFIRM_MS);
        Ok(!history.is_empty() && only_asked && !waits)
    };
    if !blocking(lapsed).await?? {
        return Ok(());
    }
    match site.ledger.erase(subject, GoneReason::Unconfirmed, false).await {
        Ok(_) | Err(ErasureError::Held(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
