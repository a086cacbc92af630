//! Telling endpoints of events. The log is the queue: each endpoint keeps how far it was told, so that a decision costs nothing more and
//! no event can be lost.
//!
//! What an endpoint was told is one job in the log's store (`webhook/{name}`), which [`progress`] describes. Every event is told at least
//! once: a crash after it was taken and before that was kept tells it again, with the same id. Events are made from the record each
//! time, so that who was erased meanwhile is not told of. An endpoint has a task of its own, and each event that is under way a thread
//! of its own: one that hangs holds up neither another endpoint nor the stopping of the server.

mod follow;
mod progress;
pub mod staff;

pub use follow::{More, follow, tell};

use super::sites::Site;
use super::{App, blocking};
use crate::config;
use crate::deliver::signed::Signer;
use crate::deliver::webhook::Receiver;
use anyhow::Context as _;
use assent_core::event::EventKind;
use assent_core::ids::{EndpointId, SiteId};
use assent_ledger::ErasureError;
use progress::Progress;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How keys of endpoints' jobs begin.
pub(super) const JOB: &str = "webhook/";

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
