//! What the server does, without HTTP: one use-case per file.
//!
//! [`App`] is everything a request needs. Reading from the ledger blocks for as long as a disk read takes, so callers
//! run it through [`blocking`]; recording waits for the disk without holding a thread.

pub mod alerts;
pub mod contact;
pub mod embed;
pub mod export;
pub mod hand_over;
pub mod maintenance;
pub mod may;
pub mod people;
pub mod publish;
pub mod record;
pub mod retention;
pub mod site_text;
pub mod sites;
pub mod staff;
pub mod state;
pub mod views;
pub mod webhooks;

use crate::assets::Assets;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::metrics::Metrics;
use assent_ledger::{Clock as _, SystemClock};
use maintenance::{LastBackup, LastChecks};
use sites::Sites;
use staff::StaffToken;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Everything a request needs.
#[derive(Debug)]
pub struct App {
    /// The configuration in force.
    pub config: Config,
    /// The sites that are published here.
    pub sites: Sites,
    /// What browsers load.
    pub assets: Arc<Assets>,
    /// Counters.
    pub metrics: Metrics,
    /// Who may use staff addresses; nobody when absent.
    pub staff: Option<StaffToken>,
    /// Who else may say that messages come back: the mail server.
    pub bounces: Option<StaffToken>,
    /// How the last check of each log ended.
    pub checks: LastChecks,
    /// How the last backup ended.
    pub backed_up: LastBackup,
    /// Sends messages.
    pub outbox: alerts::outbox::Outbox,
    /// Who is told of events.
    pub webhooks: webhooks::Webhooks,
    /// Tickets for choices that people take on to other sites.
    pub hand_overs: hand_over::HandOvers,
    stopping: AtomicBool,
}

impl App {
    /// Opens the store and every published site.
    pub fn open(config: Config, data: DataDir) -> anyhow::Result<Self> {
        let assets = Arc::new(Assets::load(&config.server.web_dir.relative())?);
        let staff = StaffToken::from_config(&config.staff)?;
        let bounces = StaffToken::of_mail_server(&config.mail)?;
        let sites = Sites::open(data, &config, Arc::clone(&assets))?;
        sites.open_index()?;
        let metrics = Metrics::default();
        let (checks, backed_up) = (LastChecks::default(), LastBackup::default());
        let outbox = alerts::outbox::Outbox::new(&config.mail, &config.gateway, &config.limits)?;
        let webhooks = webhooks::Webhooks::new(&config.webhooks)?;
        let hand_overs = hand_over::HandOvers::new()?;
        let stopping = AtomicBool::new(false);
        Ok(Self {
            config,
            sites,
            assets,
            metrics,
            staff,
            bounces,
            checks,
            backed_up,
            outbox,
            webhooks,
            hand_overs,
            stopping,
        })
    }

    /// From now on the app says that it is not ready for more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether decisions can be taken now, but by logs that were taken over.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
            && self.sites.all().iter().all(|site| site.ledger.is_writable())
    }
}

/// Unix milliseconds now.
#[must_use]
pub fn now() -> u64 {
    SystemClock.now()
}

/// 16 random bytes in hex: for form keys. Nothing is secret about them but their freshness.
pub fn random_hex() -> anyhow::Result<String> {
    Ok(assent_core::hash::hex_encode(&random_bytes()?))
}

/// 16 random bytes.
pub fn random_bytes() -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}

/// Threads of [`reading`], for each processor.
const READERS: usize = 2;

/// Runs a short read that somebody on the web waits for. Few threads take what waits in turn: as many as there are requests would
/// only wake each other up, and the last of them would be late. What takes long or waits for others is [`blocking`]'s. The end of the
/// server does not wait for a read that nobody waits for.
pub async fn reading<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    static POOL: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
        let processors = available_parallelism().map_or(1, NonZero::get).max(2);
        Builder::new_current_thread().max_blocking_threads(READERS * processors).build()
    });
    let Ok(pool) = &*POOL else { return blocking(work).await };
    let (answer, answered) = oneshot::channel();
    pool.spawn_blocking(move || {
        // Whoever gave up meanwhile is not in the others' way.
        if !answer.is_closed() {
            drop(answer.send(work()));
        }
    });
    Ok(answered.await?)
}

/// Runs work that waits for the disk where it holds up no one else.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

#[cfg(test)]
mod tests {
    use crate::backup::BackupError;
    use std::io;

    #[test]
    fn a_line_of_the_log_says_why() {
        let source = io::Error::other("no space is left");
        let error = BackupError::Io { path: "backups/lock".into(), source };
        assert!(error.to_string().starts_with("cannot use backups/lock"));
        assert!(assent_ledger::causes(&error).ends_with(": no space is left"));
    }
}
