//! Following a log for an endpoint: what is due is read, made into events, sent, and what became of it is taken down.
//!
//! What is kept, and how, is [`super`]'s; the schedule [`super::progress`]'s; the requests are `deliver`'s.

use super::Endpoint;
use super::progress::{Failure, Progress, Which};
use crate::app::sites::Site;
use crate::app::{App, blocking, now, random_bytes};
use crate::deliver::webhook::NotTaken;
use assent_core::event::{Event, EventKind};
use assent_core::notice::Notice;
use assent_ledger::{Entry, ReadError, rfc3339};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
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

/// Starts a task for each endpoint. Each runs until it is aborted.
#[must_use]
pub fn follow(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    let follower = |endpoint: &Arc<Endpoint>| {
        let (app, endpoint) = (Arc::clone(app), Arc::clone(endpoint));
        tokio::spawn(async move {
            loop {
                let wait = match tell(&app, &endpoint, now()).await {
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
    let began = Instant::now();
    let under_way: Vec<_> = batch.events.iter().map(|(_, event)| post(endpoint, event)).collect();
    let mut outcomes = Vec::new();
    for ((which, _), answer) in batch.events.iter().zip(under_way) {
        let broke_off = NotTaken::Later { reason: "the try broke off".into(), wait: None };
        outcomes.push((*which, answer.await.unwrap_or(Err(broke_off))));
    }
    let more = if batch.to > progress.next || !outcomes.is_empty() { More::Now } else { More::Later };
    // Waits are counted from the failure, not from before an endpoint that hangs was given its time.
    let now = now + u64::try_from(began.elapsed().as_millis()).unwrap_or_default();
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
pub(super) fn events(site: &Site, index: u64) -> Result<Option<Vec<(EventKind, Event)>>, ReadError> {
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
    let jitters = random_bytes()?;
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
