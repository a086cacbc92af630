//! Telling endpoints of events. The log is the queue: each endpoint keeps how far it was told, so that a decision costs nothing more and
//! no event can be lost.
//!
//! What an endpoint was told is one job in the log's store (`webhook/{name}`), which [`progress`] describes. Every event is told at least
//! once: a crash after it was taken and before that was kept tells it again, with the same id. Events are made from the record each
//! time, so that who was erased meanwhile is not told of. An endpoint has a task of its own, and each event that is under way a thread
//! of its own: one that hangs holds up neither another endpoint nor the stopping of the server.

mod progress;
pub mod staff;

use super::sites::Site;
use super::{App, blocking};
use crate::config;
use crate::deliver::signed::Signer;
use crate::deliver::webhook::{NotTaken, Receiver};
use anyhow::Context as _;
use assent_core::event::{Event, EventKind};
use assent_core::ids::{EndpointId, SiteId};
use assent_core::notice::Notice;
use assent_ledger::{Entry, ErasureError, ReadError, rfc3339};
use progress::{Failure, Progress, Which};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Events under way to one endpoint at a time: so many new ones, and so many that are tried again, so that neither keeps the other back.
const AT_A_TIME: usize = 8;
/// Entries that are looked at in one go.
const LOOK: u64 = 256;
/// How often it is looked for new entries.
const TICK: Duration = Duration::from_millis(200);
/// How long is waited when the store could not be read or written.
const TROUBLE: Duration = Duration::from_secs(5);
/// How long an endpoint's place is in memory only, at most: longer than events follow each other, so that not each costs a write.
const KEEP_EVERY: u64 = 1000;
/// How often the next event is tried when as many wait as may.
const PROBE: u64 = 5 * 60 * 1000;

/// Every endpoint that is configured.
#[derive(Debug)]
pub struct Webhooks(Vec<Arc<Endpoint>>);

/// One endpoint of one site.
#[derive(Debug)]
pub struct Endpoint {
    site: SiteId,
    name: EndpointId,
    /// Without what may be secret.
    shown: String,
    events: BTreeSet<EventKind>,
    receiver: Arc<Receiver>,
    place: Mutex<Place>,
    /// One change of what is kept at a time.
    changing: tokio::sync::Mutex<()>,
    taken: AtomicU64,
    failed: AtomicU64,
}

/// What an endpoint was told, in memory.
#[derive(Debug, Default)]
struct Place {
    /// Nothing until the site's log is there.
    progress: Option<Progress>,
    /// When it was kept last: Unix milliseconds.
    kept: u64,
    /// Whether the store knows less.
    ahead: bool,
    /// When the next event was last tried although as many waited as may: Unix milliseconds.
    probed: u64,
}

/// An endpoint's figures.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Events taken since the start.
    pub taken: u64,
    /// Tries that failed since the start.
    pub failed: u64,
    /// Events that wait.
    pub waiting: usize,
    /// Events that were given up and not told again.
    pub given_up: usize,
    /// Entries that were not looked at yet.
    pub behind: u64,
    /// Whether it is told nothing, because it answered 410.
    pub disabled: bool,
}

impl Webhooks {
    /// The endpoints of the configuration.
    ///
    /// # Errors
    /// The file cannot be read, or an endpoint could not work or would not be safe.
    pub fn new(config: &config::Webhooks) -> anyhow::Result<Self> {
        let timeout = Duration::from_secs(config.timeout_seconds);
        let endpoint = |from: config::endpoints::Endpoint| {
            let signer = Signer::new(from.secrets.iter().map(String::as_str))
                .with_context(|| format!("the endpoint `{}` of the site `{}`", from.name, from.site))?;
            let shown = from.url.split(['?', '#']).next().unwrap_or_default().to_string();
            Ok(Arc::new(Endpoint {
                receiver: Arc::new(Receiver::new(from.url, signer, from.private, timeout)),
                site: from.site,
                name: from.name,
                shown,
                events: from.events,
                place: Mutex::default(),
                changing: tokio::sync::Mutex::default(),
                taken: AtomicU64::new(0),
                failed: AtomicU64::new(0),
            }))
        };
        config.endpoints()?.into_iter().map(endpoint).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Every endpoint.
    #[must_use]
    pub fn all(&self) -> &[Arc<Endpoint>] {
        &self.0
    }

    /// The endpoints of a site.
    pub fn of<'a>(&'a self, site: &'a SiteId) -> impl Iterator<Item = &'a Arc<Endpoint>> {
        self.0.iter().filter(move |endpoint| endpoint.site == *site)
    }

    /// Lets the endpoints of a site that never were told anything begin at this entry. Durable when it returns.
    ///
    /// # Errors
    /// The log did not take it.
    pub async fn begin(&self, site: &Arc<Site>, from: u64, now: u64) -> anyhow::Result<()> {
        for endpoint in self.of(&site.file.id) {
            endpoint.begin(site, from, now).await?;
        }
        Ok(())
    }

    /// Lets every endpoint of the sites that are there now begin: a new one with what comes next.
    ///
    /// # Errors
    /// A log did not take it.
    pub async fn begin_all(&self, app: &App, now: u64) -> anyhow::Result<()> {
        for site in app.sites.all() {
            self.begin(&site, site.ledger.size(), now).await?;
        }
        for endpoint in self.0.iter().filter(|endpoint| app.sites.get(&endpoint.site).is_none()) {
            let (site, name) = (&endpoint.site, &endpoint.name);
            tracing::warn!(%site, endpoint = %name, "an endpoint's site is not published here yet");
        }
        Ok(())
    }
}

impl Endpoint {
    /// The site.
    #[must_use]
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &EndpointId {
        &self.name
    }

    /// Its figures now, when its site is there.
    #[must_use]
    pub fn figures(&self, site: &Site) -> Option<Figures> {
        let progress = self.progress()?;
        let (waiting, given_up) = progress.counts();
        Some(Figures {
            taken: self.taken.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            waiting,
            given_up,
            behind: site.ledger.size().saturating_sub(progress.next),
            disabled: progress.disabled.is_some(),
        })
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> Option<Progress> {
        self.place().progress.clone()
    }

    fn key(&self) -> Vec<u8> {
        format!("{JOB}{}", self.name).into_bytes()
    }

    async fn begin(&self, site: &Arc<Site>, from: u64, now: u64) -> anyhow::Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        if site.ledger.is_imported() || self.place().progress.is_some() {
            return Ok(());
        }
        let (reader, key) = (Arc::clone(site), self.key());
        let kept = blocking(move || reader.ledger.job(&key)).await??;
        let progress = match kept {
            Some(bytes) => Progress::from_bytes(&bytes).with_context(|| {
                format!("what was kept about the endpoint `{}` cannot be read", self.name)
            })?,
            None => {
                let new = Progress { next: from, ..Progress::default() };
                self.keep(site, &new).await?;
                tracing::info!(site = %self.site, endpoint = %self.name, from, "a new endpoint is told of events");
                new
            }
        };
        *self.place() = Place { progress: Some(progress), kept: now, ..Place::default() };
        Ok(())
    }

    async fn keep(&self, site: &Site, progress: &Progress) -> Result<(), ErasureError> {
        site.ledger.set_jobs(vec![(self.key(), Some(progress.to_bytes()))]).await.map(|_| ())
    }

    /// Changes what it was told. Durable when it returns; a change that cannot be kept is not made.
    async fn change<T>(
        &self,
        site: &Site,
        now: u64,
        change: impl FnOnce(&mut Progress) -> T,
    ) -> Result<T, ErasureError> {
        let _one_at_a_time = self.changing.lock().await;
        let mut progress = self.progress().unwrap_or_default();
        let value = change(&mut progress);
        self.keep(site, &progress).await?;
        let mut place = self.place();
        *place = Place { progress: Some(progress), kept: now, ahead: false, probed: place.probed };
        Ok(value)
    }
}

/// How keys of endpoints' jobs begin.
pub(super) const JOB: &str = "webhook/";

/// Starts a task for each endpoint. Each runs until it is aborted.
#[must_use]
pub fn follow(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    let follower = |endpoint: &Arc<Endpoint>| {
        let (app, endpoint) = (Arc::clone(app), Arc::clone(endpoint));
        tokio::spawn(async move {
            loop {
                let wait = match tell(&app, &endpoint, super::now()).await {
                    Ok(More::Now) => continue,
                    Ok(More::Later) => TICK,
                    Err(error) => {
                        let (site, name, cause) = (&endpoint.site, &endpoint.name, format!("{error:#}"));
                        tracing::error!(%site, endpoint = %name, cause, "an endpoint was not told");
                        TROUBLE
                    }
                };
                tokio::time::sleep(wait).await;
            }
        })
    };
    app.webhooks.all().iter().map(follower).collect()
}

/// Whether there is more to tell at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// There may be.
    Now,
    /// Not now.
    Later,
}

/// Tells one endpoint what is due at `now` (Unix milliseconds), a handful of events at most.
///
/// # Errors
/// The log could not be read, or did not take what was told: then it is told again.
pub async fn tell(app: &App, endpoint: &Arc<Endpoint>, now: u64) -> anyhow::Result<More> {
    let Some(site) = app.sites.get(&endpoint.site).filter(|site| !site.ledger.is_imported()) else {
        return Ok(More::Later);
    };
    // A log that was begun since the start is told from its beginning.
    endpoint.begin(&site, 0, now).await?;
    let Some(progress) = endpoint.progress().filter(|progress| progress.disabled.is_none()) else {
        return Ok(More::Later);
    };
    let due = progress.due(now, AT_A_TIME);
    let room = room(endpoint, &progress, now);
    if due.is_empty() && (room == 0 || progress.next >= site.ledger.size()) {
        keep_place(endpoint, &site, now).await?;
        return Ok(More::Later);
    }
    let (reader, whom, from) = (Arc::clone(&site), Arc::clone(endpoint), progress.next);
    let batch = blocking(move || Batch::read(&reader, &whom, due, (from, room))).await??;
    // All at once, and each on a thread of its own.
    let under_way: Vec<_> = batch.events.iter().map(|(_, event)| post(endpoint, event)).collect();
    let mut outcomes = Vec::new();
    for ((which, _), answer) in batch.events.iter().zip(under_way) {
        let broke_off = NotTaken::Later { reason: "the try broke off".into(), wait: None };
        outcomes.push((*which, answer.await.unwrap_or(Err(broke_off))));
    }
    let more = if batch.to > progress.next || !outcomes.is_empty() { More::Now } else { More::Later };
    settle(endpoint, &site, (&progress, batch, outcomes), now).await?;
    Ok(more)
}

/// How many new events may be tried now. When as many wait as may, one now and then, and the next at once when that was taken.
fn room(endpoint: &Endpoint, progress: &Progress, now: u64) -> usize {
    if !progress.is_full() {
        return AT_A_TIME;
    }
    let mut place = endpoint.place();
    if now.saturating_sub(place.probed) < PROBE {
        return 0;
    }
    place.probed = now;
    1
}

/// What is told in one go.
#[derive(Default)]
struct Batch {
    events: Vec<(Which, Event)>,
    /// The first entry after those that were looked at.
    to: u64,
    /// Events that are due and no more: their records were erased.
    gone: Vec<Which>,
    /// Events whose records nobody may read now.
    restricted: Vec<Which>,
}

impl Batch {
    /// Reads events that are due, and up to `room` new ones from entry `from` on. Blocks.
    fn read(
        site: &Site,
        endpoint: &Endpoint,
        due: Vec<Which>,
        (from, room): (u64, usize),
    ) -> Result<Self, ReadError> {
        let mut batch = Self { to: from, ..Self::default() };
        for which in due {
            let found = events(site, which.0)?;
            match found.map(|found| found.into_iter().find(|(kind, _)| *kind == which.1)) {
                None => batch.restricted.push(which),
                Some(None) => batch.gone.push(which),
                Some(Some((_, event))) => batch.events.push((which, event)),
            }
        }
        let (known, end) = (batch.events.len(), site.ledger.size().min(from + LOOK));
        while batch.to < end && batch.events.len() - known < room {
            let index = batch.to;
            match events(site, index)? {
                // Which kinds it has cannot be known: those that it turns out not to have are gone then.
                None => batch.restricted.extend(endpoint.events.iter().map(|kind| (index, *kind))),
                Some(found) => {
                    let wanted = found.into_iter().filter(|(kind, _)| endpoint.events.contains(kind));
                    batch.events.extend(wanted.map(|(kind, event)| ((index, kind), event)));
                }
            }
            batch.to += 1;
        }
        Ok(batch)
    }
}

/// The events of an entry; nothing when nobody may read it now. Blocks.
fn events(site: &Site, index: u64) -> Result<Option<Vec<(EventKind, Event)>>, ReadError> {
    Ok(match site.ledger.entry(index)? {
        None | Some(Entry::Other) => Some(Vec::new()),
        Some(Entry::Restricted) => None,
        Some(Entry::Notice { hash, time }) => {
            let event = Event::of_notice(&site.file.id, hash, &rfc3339(time), &site.api());
            Some(vec![(EventKind::NoticePublished, event)])
        }
        Some(Entry::Record(opened)) => {
            let record = &opened.record;
            if record.notice == site.hash {
                return Ok(Some(Event::of_record(record, Some(&site.notice), &site.api())));
            }
            let before = site.ledger.notice(&record.notice)?;
            let before: Option<Notice> = before.and_then(|document| serde_json::from_slice(&document).ok());
            Some(Event::of_record(record, before.as_ref(), &site.api()))
        }
    })
}

fn post(endpoint: &Endpoint, event: &Event) -> tokio::sync::oneshot::Receiver<Result<(), NotTaken>> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let (receiver, id) = (Arc::clone(&endpoint.receiver), event.id.clone());
    let body = serde_json::to_string(event).unwrap_or_default();
    let work = move || drop(reply.send(receiver.post(&id, &body)));
    // When no thread can be had, the answer's other end is dropped with the work.
    drop(std::thread::Builder::new().name("webhook".into()).spawn(work));
    answer
}

type Outcome = (Which, Result<(), NotTaken>);

/// Takes down what became of a batch. Progress alone is kept now and then; anything else at once.
async fn settle(
    endpoint: &Endpoint,
    site: &Site,
    (before, batch, outcomes): (&Progress, Batch, Vec<Outcome>),
    now: u64,
) -> anyhow::Result<()> {
    let taken = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    endpoint.taken.fetch_add(taken as u64, Ordering::Relaxed);
    endpoint.failed.fetch_add((outcomes.len() - taken) as u64, Ordering::Relaxed);
    let is_new = |which: &Which| which.0 >= before.next;
    let easy = outcomes.iter().all(|(which, outcome)| outcome.is_ok() && is_new(which));
    if easy && batch.gone.is_empty() && batch.restricted.is_empty() {
        {
            let _one_at_a_time = endpoint.changing.lock().await;
            let mut place = endpoint.place();
            let moves = place.progress.as_mut().filter(|it| it.next == before.next && it.disabled.is_none());
            if let Some(progress) = moves {
                progress.next = batch.to;
                place.ahead = true;
                place.probed = 0;
            }
        }
        return keep_place(endpoint, site, now).await;
    }
    let jitters = super::random_bytes()?;
    let full = before.is_full();
    endpoint
        .change(site, now, |progress| {
            let mut goes_on = progress.next == before.next;
            batch.gone.iter().for_each(|which| progress.done(*which));
            let restricted = || NotTaken::Later { reason: "its record is restricted".into(), wait: None };
            let restricted = batch.restricted.iter().map(|which| (*which, Err(restricted())));
            for (place, (which, outcome)) in outcomes.into_iter().chain(restricted).enumerate() {
                match outcome {
                    Ok(()) => progress.done(which),
                    Err(NotTaken::Gone) => progress.disable(which, now),
                    // There is no room for one more: it stays the next.
                    Err(NotTaken::Later { .. }) if full && is_new(&which) => goes_on = false,
                    Err(NotTaken::Later { reason, wait }) => {
                        let failure = Failure { reason, wait, at: now, jitter: jitters[place % jitters.len()] };
                        let due = progress.failed(which, &failure);
                        log_failure(endpoint, &failure, due, now);
                    }
                }
            }
            if goes_on {
                progress.next = batch.to;
            }
            if progress.disabled.is_some() {
                let (site, name) = (&endpoint.site, &endpoint.name);
                tracing::warn!(%site, endpoint = %name, "an endpoint answered 410, and is told no more until staff enable it");
            }
        })
        .await?;
    Ok(())
}

fn log_failure(endpoint: &Endpoint, failure: &Failure, due: Option<u64>, now: u64) {
    let (site, name, reason) = (&endpoint.site, &endpoint.name, &failure.reason);
    match due.map(|due| (due - now) / 1000) {
        Some(again_seconds) => {
            tracing::warn!(%site, endpoint = %name, again_seconds, reason, "an event waits");
        }
        None => tracing::error!(%site, endpoint = %name, reason, "an event was given up"),
    }
}

/// Keeps how far an endpoint is, if that was not done for a while.
async fn keep_place(endpoint: &Endpoint, site: &Site, now: u64) -> anyhow::Result<()> {
    let due = {
        let place = endpoint.place();
        place.ahead && now.saturating_sub(place.kept) >= KEEP_EVERY
    };
    if due {
        endpoint.change(site, now, |_| ()).await?;
    }
    Ok(())
}
