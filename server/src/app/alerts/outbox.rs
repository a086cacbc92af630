//! What must still be done about alerts: messages to send, sign-ups to forget when nobody confirmed them, texts that staff must read.
//!
//! A job stands in the log's store until it is done, so that a restart, a crash, or a mail server or gateway that is away for a day
//! loses nothing. It holds no address in clear: that is read from the sealed record when the message is sent, so that who was erased
//! meanwhile is not written to; only a text that came in waits with its number, sealed. A message is sent at least once: a crash
//! after it was taken and before the job is taken away sends it again, with the same Message-ID; so does a text gateway that took it
//! and did not say so.

use super::centre::stands;
use super::confirm::let_go;
use super::incoming::Door;
use super::job::{Job, Task};
use super::link::ContactKey;
use super::questions::Questions;
use super::subscriber::{Subscriber, names};
use super::written::{Message, Written, confirmation, copy, link, list_copy, moved, reminder};
use super::{message, subscriber, talk};
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::{App, blocking, now, webhooks};
use crate::config;
use crate::deliver::SendError;
use crate::deliver::mail::Mailer;
use crate::deliver::text::Gateway;
use assent_core::decision::Decision;
use assent_core::hash::{Hash, sha256};
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_core::standing::CONFIRM_MS;
use assent_core::subject::SubjectId;
use assent_ledger::store::GoneReason;
use assent_ledger::{ErasureError, Opened, ReadError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// How long is waited after the first try that failed, the second, and so on; after the last one again and again.
const WAITS: [u64; 7] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR];
/// Most confirmations that one address is sent within a day: nobody's mailbox can be filled by typing their address.
pub(super) const CONFIRMATIONS_A_DAY: usize = 3;
const DAY: u64 = 24 * HOUR;
/// How long after a fresh link another one can be had: by email, and by text, which costs.
const LINK_PAUSES: [u64; 2] = [10 * MINUTE, HOUR];
/// How long an answer to a text is not given again: people's phones answer each other.
const ANSWER_PAUSE: u64 = DAY;
/// How long rows are waited for that are about the same address, so that it gets one message.
const LIST_PAUSE: u64 = MINUTE;
/// How long copies of lists are tried. Gateways carry a long list for days.
const LIST_TIME: u64 = 30 * DAY;
/// How long copies of lists are sent before it is looked whether somebody waits for a message.
const LIST_STRETCH: Duration = Duration::from_secs(5);
/// How often it is looked for work when nothing is due and nobody says that there is.
const LOOK: u64 = MINUTE;

/// What became of a task.
enum Outcome {
    /// Nothing more to do.
    Done,
    /// Another one takes its place.
    Next(Job),
    /// Try again later. No personal data.
    Later(String),
    /// The same, and nobody answers at all on this channel.
    Away(Channel, String),
}

/// What sends messages.
#[derive(Debug)]
pub struct Outbox {
    mailer: Option<Mailer>,
    gateway: Option<Arc<Gateway>>,
    /// Whether texts can be answered.
    replies: bool,
    /// Where texts come in.
    pub door: Option<Door>,
    /// How many are asked in an hour.
    pub questions: Questions,
    /// Held while a code is compared, so that tries are counted one by one.
    pub(super) codes: tokio::sync::Mutex<()>,
    woken: Notify,
}

impl Outbox {
    /// For the configured mail server and text gateway, with so many questions an hour.
    ///
    /// # Errors
    /// Their files cannot be read.
    pub fn new(
        mail: &config::Mail,
        gateway: &config::Gateway,
        limits: &config::Limits,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            mailer: Mailer::new(mail)?,
            gateway: Gateway::new(gateway)?.map(Arc::new),
            replies: gateway.replies,
            door: Door::new(gateway)?,
            questions: Questions::new(limits),
            codes: tokio::sync::Mutex::default(),
            woken: Notify::new(),
        })
    }

    /// Whether a message on this channel can be tried now.
    fn carries(&self, channel: Channel, away: &[Channel]) -> bool {
        let is_set = match channel {
            Channel::Email => self.mailer.is_some(),
            Channel::Text => self.gateway.is_some(),
        };
        is_set && !away.contains(&channel)
    }

    /// There may be something to send.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

/// Keeps what is to be done about one sign-up: `tasks` at once, and forgetting it when its time is over. Once for each request. Nothing
/// where there is no more room for questions to those who are asked: what staff write down needs none.
pub(super) async fn expect(
    site: &Arc<Site>,
    questions: Option<(&Questions, &[ContactKey])>,
    (subject, request): (SubjectId, &str),
    tasks: Vec<Task>,
    now: u64,
) -> Result<(), RecordError> {
    let which = format!("{subject}/{}", &sha256(request.as_bytes()).to_hex()[..16]);
    let until = now + CONFIRM_MS;
    let key = |kind: &str| format!("{kind}/{which}").into_bytes();
    let mut jobs = vec![(key("lapse"), Job::new(Task::Lapse { subject }, until + MINUTE, u64::MAX))];
    if let Some((questions, asks)) = questions
        && !is_kept(site, jobs[0].0.clone()).await?
        && !questions.take(site.file.id.as_str(), asks, now)
    {
        return Err(RecordError::TooManyQuestions);
    }
    for task in tasks {
        let by_text = matches!(task, Task::Confirm { channel: Channel::Text, .. });
        if let Task::Confirm { channel: Channel::Text, replaces: Some(replaces), .. } = task {
            jobs.push((replacing(subject), Job::new(Task::Move { replaces }, until + MINUTE, u64::MAX)));
        }
        let kind = if by_text { "confirm-text" } else { "confirm" };
        jobs.push((key(kind), Job::new(task, now, until)));
    }
    keep(site, jobs).await
}

/// The key of the job that says which number a sign-up takes the place of.
fn replacing(subject: SubjectId) -> Vec<u8> {
    format!("move/{subject}").into_bytes()
}

/// The number that a sign-up by text takes the place of. Blocks.
pub(super) fn replaced(site: &Site, subject: SubjectId) -> Result<Option<Hash>, ReadError> {
    let job = site.ledger.job(&replacing(subject))?;
    Ok(match job.as_deref().and_then(Job::from_bytes) {
        Some(Job { task: Task::Move { replaces }, .. }) => Some(replaces),
        _ => None,
    })
}

/// Keeps that an address is to be let go of and told that another took its place, once for each move; not one that must not be written
/// to, or that has nothing any more which could go elsewhere.
pub(super) async fn tell_old(
    site: &Arc<Site>,
    (subject, old): (SubjectId, ContactKey),
    now: u64,
) -> Result<(), RecordError> {
    let ContactKey { channel, hash: contact } = old;
    let reader = Arc::clone(site);
    let loses = move || -> Result<bool, ReadError> {
        let all = Subscriber::read(&reader, &contact, now)?;
        let mut alerts = subscriber::alerts_on(&reader, channel);
        Ok(!all.suppressed && alerts.any(|alert| stands(all.standing(&alert.id))))
    };
    if !blocking(loses).await.map_err(RecordError::Stopped)?? {
        return Ok(());
    }
    let job = Job::new(Task::Moved { contact, channel, subject: Some(subject) }, now, now + CONFIRM_MS);
    keep(site, vec![(format!("moved/{contact}/{subject}").into_bytes(), job)]).await
}

/// Keeps that whoever told staff something is to be sent a copy, on each of these channels.
pub(super) async fn copies(
    site: &Arc<Site>,
    (subject, request): (SubjectId, &str),
    channels: BTreeSet<Channel>,
    now: u64,
) -> Result<(), RecordError> {
    let which = format!("{subject}/{}", &sha256(request.as_bytes()).to_hex()[..16]);
    let job = |channel: Channel| {
        let key = format!("copy-{}/{which}", channel.as_str()).into_bytes();
        (key, Job::new(Task::Copy { subject, channel }, now, now + CONFIRM_MS))
    };
    keep(site, channels.into_iter().map(job).collect()).await
}

/// Keeps that these addresses are to be sent a copy of what is recorded about them from now on, in one message each. What they were sent
/// before is not in it.
pub(super) async fn list_copies(
    site: &Arc<Site>,
    told: BTreeSet<ContactKey>,
    now: u64,
) -> Result<(), RecordError> {
    let reader = Arc::clone(site);
    let make = move || -> Result<Vec<_>, ReadError> {
        let mut jobs = Vec::new();
        for ContactKey { channel, hash: contact } in told {
            let key = format!("list-copy/{contact}").into_bytes();
            // One that waits will be about these rows too.
            if reader.ledger.job(&key)?.is_none() {
                let task = Task::ListCopy { contact, channel, since: now };
                jobs.push((key, Job::new(task, now + LIST_PAUSE, now + LIST_TIME).to_bytes()));
            }
        }
        Ok(jobs)
    };
    let jobs = blocking(make).await.map_err(RecordError::Stopped)??;
    if jobs.is_empty() || site.ledger.is_imported() {
        return Ok(());
    }
    site.ledger.set_jobs(jobs).await.map(|_| ()).map_err(refused)
}

/// Keeps that a link is to be sent to an address, if it told us anything; nobody learns whether it did.
///
/// # Errors
/// [`RecordError`].
pub async fn send_link(
    site: &Arc<Site>,
    to: ContactKey,
    language: String,
    now: u64,
) -> Result<(), RecordError> {
    let ContactKey { channel, hash: contact } = to;
    let key = format!("link/{contact}").into_bytes();
    let job = Job::new(Task::Link { contact, channel, language }, now, now + DAY);
    keep(site, vec![(key, job)]).await
}

/// Keeps jobs, unless the first of them is kept already.
pub(super) async fn keep(site: &Arc<Site>, jobs: Vec<(Vec<u8>, Job)>) -> Result<(), RecordError> {
    let Some(first) = jobs.first().map(|(key, _)| key.clone()) else { return Ok(()) };
    if site.ledger.is_imported() {
        // Nothing is recorded there, so there is nothing to send.
        return Ok(());
    }
    if is_kept(site, first).await? {
        return Ok(());
    }
    let jobs = jobs.into_iter().map(|(key, job)| (key, job.to_bytes())).collect();
    site.ledger.set_jobs(jobs).await.map(|_| ()).map_err(refused)
}

async fn is_kept(site: &Arc<Site>, key: Vec<u8>) -> Result<bool, RecordError> {
    let reader = Arc::clone(site);
    let there = blocking(move || reader.ledger.job(&key)).await.map_err(RecordError::Stopped)??;
    Ok(there.is_some())
}

/// What a change of the store failed with, as recording would say it.
pub(in crate::app) fn refused(error: ErasureError) -> RecordError {
    match error {
        ErasureError::Append(error) => error.into(),
        ErasureError::Read(error) => error.into(),
        other => RecordError::Stopped(other.into()),
    }
}

/// Does what is due, until the app stops.
pub async fn whenever_due(app: Arc<App>) {
    let has =
        |channel| app.sites.all().iter().any(|site| subscriber::alerts_on(site, channel).next().is_some());
    if app.outbox.mailer.is_none() && has(Channel::Email) {
        tracing::warn!("mail.host is not set: nobody can confirm an email address, and no alert may be sent");
    }
    if app.outbox.gateway.is_none() && has(Channel::Text) {
        tracing::warn!("gateway.kind is not set: nobody can confirm a number, and no text may be sent");
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

/// Does what is due at one site at `now`. Answers when something is due next. All in Unix milliseconds.
///
/// # Errors
/// The log could not be read, or did not take what was done.
pub async fn do_what_is_due(app: &Arc<App>, site: &Arc<Site>, now: u64) -> anyhow::Result<Option<u64>> {
    let reader = Arc::clone(site);
    let jobs = blocking(move || reader.ledger.jobs()).await??;
    let mut next: Option<u64> = None;
    // Nobody waits for somebody who just did not answer: what is due for them waits as if it had been tried.
    let mut away = Vec::new();
    let began = Instant::now();
    for (key, value) in jobs {
        if key.starts_with(webhooks::JOB.as_bytes()) {
            continue;
        }
        let Some(job) = Job::from_bytes(&value) else {
            tracing::error!(site = %site.file.id, "a job cannot be read, and is left alone");
            continue;
        };
        if job.due > now {
            next = Some(next.map_or(job.due, |next| next.min(job.due)));
            continue;
        }
        if let Task::ListCopy { channel, .. } = job.task
            && job.until > now
        {
            let (carried, over) = (app.outbox.carries(channel, &away), began.elapsed() > LIST_STRETCH);
            if !carried || over {
                // It stays as it is: a long list costs no write while nobody carries it, and nobody's code waits for its end.
                let again = if carried { now } else { now + LOOK };
                next = Some(next.map_or(again, |next| next.min(again)));
                continue;
            }
        }
        let answers = matches!(job.task, Task::Answer { .. });
        let outcome = if job.until <= now {
            Ok(Outcome::Done)
        } else {
            run(app, site, (&job.task, key.as_slice(), job.until), &away, now).await
        };
        let again = match outcome {
            Ok(Outcome::Done) => None,
            Ok(Outcome::Next(job)) => Some(job),
            Ok(Outcome::Later(reason)) => Some(later(site, job, &reason, now)),
            Ok(Outcome::Away(channel, reason)) => {
                away.push(channel);
                Some(later(site, job, &reason, now))
            }
            Err(error) => Some(later(site, job, &error.to_string(), now)),
        };
        if let Some(job) = &again {
            next = Some(next.map_or(job.due, |next| next.min(job.due)));
        }
        match again.and_then(|job| job.to_bytes()) {
            // A number is sealed in it.
            None if answers => site.ledger.forget_jobs(vec![key]).await?,
            value => site.ledger.set_jobs(vec![(key, value)]).await?,
        };
    }
    Ok(next)
}

fn later(site: &Site, job: Job, reason: &str, now: u64) -> Job {
    let wait = WAITS[job.failed.min(WAITS.len() - 1)];
    tracing::warn!(site = %site.file.id, tries = job.failed + 1, again_seconds = wait / SECOND, reason, "a message waits");
    Job { due: now + wait, failed: job.failed + 1, ..job }
}

async fn run(
    app: &Arc<App>,
    site: &Arc<Site>,
    (task, key, until): (&Task, &[u8], u64),
    away: &[Channel],
    now: u64,
) -> anyhow::Result<Outcome> {
    // The same however often one message is tried, and another for the next message under the same key: a mailbox drops what it has.
    let id = sha256(&[key, &until.to_be_bytes()].concat()).to_hex()[..32].to_string();
    let (reader, replies) = (Arc::clone(site), app.outbox.replies);
    match task.clone() {
        Task::Confirm { subject, channel, replaces } => {
            let whose = (subject, channel, replaces);
            let message = id.clone();
            match blocking(move || confirmation(&reader, whose, (message, replies), now)).await?? {
                // What cannot be sent now is not counted.
                Written::Question(to, _)
                    if app.outbox.carries(channel, away) && !may_ask(site, to, id, now).await? =>
                {
                    tracing::warn!(site = %site.file.id, "one address was signed up too often today: no message is sent");
                    Ok(Outcome::Done)
                }
                Written::Message(message) | Written::Question(_, message) => {
                    Ok(send(app, site, message, away).await)
                }
                Written::Nothing => Ok(Outcome::Done),
                Written::NotYet => Ok(Outcome::Later("the sign-up is not recorded yet".into())),
            }
        }
        Task::Copy { subject, channel } => {
            match blocking(move || copy(&reader, (subject, channel), id, now)).await?? {
                Written::Message(message) | Written::Question(_, message) => {
                    Ok(send(app, site, message, away).await)
                }
                Written::Nothing => Ok(Outcome::Done),
                Written::NotYet => Ok(Outcome::Later("what was told is not recorded yet".into())),
            }
        }
        Task::ListCopy { contact, channel, since } => {
            let to = ContactKey { channel, hash: contact };
            match blocking(move || list_copy(&reader, (to, since), id, now)).await?? {
                Some((message, newest)) => {
                    let sent = match message {
                        Some(message) => send(app, site, message, away).await,
                        None => Outcome::Done,
                    };
                    // What came since it was written found this job, and made none.
                    let rest = Task::ListCopy { contact, channel, since: newest + 1 };
                    Ok(and_then(sent, Job::new(rest, now + LIST_PAUSE, now + LIST_TIME)))
                }
                None => Ok(Outcome::Done),
            }
        }
        Task::Link { contact, channel, language } => {
            // The same pause for who is not known, so that nothing tells them apart.
            let pause = LINK_PAUSES[usize::from(channel == Channel::Text)];
            let sent = match blocking(move || link(&reader, contact, &language, id, now)).await?? {
                Some(message) => send(app, site, message, away).await,
                None => Outcome::Done,
            };
            Ok(and_then(sent, Job::new(Task::Pause, now + pause, u64::MAX)))
        }
        Task::Answer { to, answer } => {
            // It was sealed under another key, so that nobody can read it any more.
            let Some(from) = to.open(site) else { return Ok(Outcome::Done) };
            let text = message::answer(site, &from.language, answer, from.number, id);
            let sent = send(app, site, Message::Text(text), away).await;
            Ok(and_then(sent, Job::new(Task::Pause, now + ANSWER_PAUSE, u64::MAX)))
        }
        Task::Remind { contact, channel, purpose } => {
            let to = ContactKey { channel, hash: contact };
            match blocking(move || reminder(&reader, to, &purpose, id, now)).await?? {
                Some(message) => Ok(send(app, site, message, away).await),
                None => Ok(Outcome::Done),
            }
        }
        Task::Moved { contact, channel, subject } => {
            let to = ContactKey { channel, hash: contact };
            if let Some(subject) = subject
                && !let_go(site, (subject, to), now).await?
            {
                return Ok(Outcome::Later("the move is not confirmed yet".into()));
            }
            match blocking(move || moved(&reader, to, id, now)).await?? {
                Some(message) => Ok(send(app, site, message, away).await),
                None => Ok(Outcome::Done),
            }
        }
        Task::Lapse { subject } => {
            lapse(site, subject, now).await?;
            Ok(Outcome::Done)
        }
        Task::ToContact { contact, channel } => {
            let to = ContactKey { channel, hash: contact };
            let again = blocking(move || talk::again(&reader, to, now)).await??;
            let next = |after| Outcome::Next(Job::new(task.clone(), now + after, u64::MAX));
            Ok(again.map_or(Outcome::Done, next))
        }
        Task::Pause | Task::Move { .. } | Task::Asked { .. } | Task::Tries { .. } | Task::Read { .. } => {
            Ok(Outcome::Done)
        }
    }
}

fn and_then(outcome: Outcome, job: Job) -> Outcome {
    match outcome {
        Outcome::Done => Outcome::Next(job),
        other => other,
    }
}

async fn send(app: &App, site: &Site, message: Message, away: &[Channel]) -> Outcome {
    let (channel, key) = match &message {
        Message::Mail(_) => (Channel::Email, "mail.host"),
        Message::Text(_) => (Channel::Text, "gateway.kind"),
    };
    if away.contains(&channel) {
        return Outcome::Later("there was no answer a moment ago".into());
    }
    let sent = match (message, &app.outbox.mailer, app.outbox.gateway.clone()) {
        (Message::Mail(mail), Some(mailer), _) => mailer.send(&mail).await,
        (Message::Text(text), _, Some(gateway)) => match blocking(move || gateway.send(&text)).await {
            Ok(sent) => sent,
            Err(error) => Err(SendError::Later(error.to_string())),
        },
        _ => return Outcome::Later(format!("{key} is not set")),
    };
    let channel_name = channel.as_str();
    match sent {
        Ok(()) => {
            tracing::info!(site = %site.file.id, channel = channel_name, "a message was handed over");
            Outcome::Done
        }
        Err(SendError::Refused(reason)) => {
            tracing::warn!(site = %site.file.id, channel = channel_name, reason, "a message was refused for good");
            Outcome::Done
        }
        Err(error @ SendError::Later(_)) => Outcome::Later(error.to_string()),
        Err(error @ SendError::Away(_)) => Outcome::Away(channel, error.to_string()),
    }
}

/// Whether an address is asked once more today, which is kept before it is: whoever signs it up, with however many tokens, and as often as
/// they like, its owner gets [`CONFIRMATIONS_A_DAY`] messages at most.
async fn may_ask(site: &Arc<Site>, to: Hash, message: String, now: u64) -> anyhow::Result<bool> {
    let key = format!("asked/{to}").into_bytes();
    let (reader, asked) = (Arc::clone(site), key.clone());
    let kept = blocking(move || reader.ledger.job(&asked)).await??;
    let (mut messages, due) = match kept.as_deref().and_then(Job::from_bytes) {
        Some(Job { task: Task::Asked { messages }, due, .. }) if due > now => (messages, due),
        _ => (Vec::new(), now + DAY),
    };
    if messages.contains(&message) {
        return Ok(true);
    }
    if messages.len() >= CONFIRMATIONS_A_DAY {
        return Ok(false);
    }
    messages.push(message);
    let job = Job::new(Task::Asked { messages }, due, u64::MAX).to_bytes();
    site.ledger.set_jobs(vec![(key, job)]).await?;
    Ok(true)
}

/// Whether so many messages were asked for the same address shortly before this request that none is sent for it.
pub(super) fn is_too_often(history: &[Opened], hash: &Hash, request: &Opened) -> bool {
    let asked = |opened: &&Opened| {
        names(opened, hash)
            // About what was told with evidence nobody is asked.
            && !opened.record.settles()
            && opened.record.decisions.values().any(|decision| *decision == Decision::Given)
            && opened.index < request.index
            && request.time.saturating_sub(opened.time) < DAY
    };
    history.iter().filter(asked).count() >= CONFIRMATIONS_A_DAY
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
            matches!(opened.record.surface, Surface::AlertForm | Surface::Message | Surface::Told)
                && !opened.record.settles()
                && opened
                    .record
                    .decisions
                    .values()
                    .all(|said| matches!(said, Decision::Given | Decision::Renewed))
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
