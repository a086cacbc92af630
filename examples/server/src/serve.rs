//! The three listeners of a run: bound first, so that pages can name ports that were free a moment ago.
//!
//! Loopback only; ends cleanly on Ctrl-C and SIGTERM.

use crate::addresses::{Addresses, Site};
use crate::heard::Log;
use crate::site::{self, SiteState};
use crate::third_party::{self, ThirdPartyState};
use anyhow::Context as _;
use axum::http::HeaderValue;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What a run needs.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) addresses: Addresses,
    pub(crate) examples: PathBuf,
    /// The analytics client as npm delivered it.
    pub(crate) client: String,
    pub(crate) csp: Option<String>,
}

/// Serves until told to stop. Says one line per host, `name address`, once all of them answer.
pub(crate) async fn run(setup: Setup, say: impl Fn(&str)) -> anyhow::Result<()> {
    let mut addresses = setup.addresses;
    let health = listen(&mut addresses.health, "--health-port").await?;
    let charity = listen(&mut addresses.charity, "--charity-port").await?;
    let others = listen(&mut addresses.third_party, "--third-party-port").await?;

    let csp = setup.csp.map(|policy| HeaderValue::from_str(&addresses.rewrite(&policy))).transpose();
    let csp = csp.context("--csp is not a header value")?;
    let log = Log::default();
    let site = |site: Site| {
        let folder = setup.examples.join(site.folder());
        site::router(SiteState { site, folder, addresses, csp: csp.clone(), log: log.clone() })
    };
    let third_party = third_party::router(ThirdPartyState::new(addresses, &setup.client, log.clone()));

    let (stop, stopped) = watch::channel(());
    let until = |mut stopped: watch::Receiver<()>| async move {
        // An error means that the sender is gone, which is a reason to stop as well.
        let _ = stopped.changed().await;
    };
    let servers = [(health, site(Site::Clinic)), (charity, site(Site::Charity)), (others, third_party)].map(
        |(listener, router)| {
            let serving = axum::serve(listener, router).with_graceful_shutdown(until(stopped.clone()));
            tokio::spawn(async move { serving.await })
        },
    );
    say(&format!("clinic http://clinic.localhost:{}", addresses.health));
    say(&format!("charity http://charity.localhost:{}", addresses.charity));
    say(&format!("third-party http://collector.localhost:{}", addresses.third_party));
    signal().await?;
    drop(stop);
    // A browser may hold a connection open for minutes; a moment for all is enough for answers under way.
    let last = tokio::time::Instant::now() + std::time::Duration::from_millis(500);
    for server in servers {
        if let Ok(ended) = tokio::time::timeout_at(last, server).await {
            ended??;
        }
    }
    Ok(())
}

async fn listen(port: &mut u16, flag: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
        .await
        .with_context(|| format!("port {port} is taken: choose another with {flag}"))?;
    *port = listener.local_addr()?.port();
    Ok(listener)
}

async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
