//! `assent serve`: open the data, listen, answer, stop cleanly.

use crate::app::App;
use crate::config::{Config, Loaded, LogFormat};
use crate::data_dir::DataDir;
use anyhow::Context as _;
use std::future::Future;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(loaded: Loaded, _: Arguments) -> anyhow::Result<ExitCode> {
    run_with(loaded, crate::http::router)
}

/// What is served, and how it answers.
type Service = fn(Arc<App>) -> axum::Router;

pub(super) fn run_with(loaded: Loaded, service: Service) -> anyhow::Result<ExitCode> {
    let config = loaded.config;
    start_log(&config);
    raise_open_files();
    let data_dir = DataDir::open(&config)?;
    let runtime = super::runtime()?;
    runtime.block_on(serve(config, data_dir, service))?;
    Ok(ExitCode::SUCCESS)
}

/// Takes as many open files as the system lets this process have: connections, and what the store keeps open. The usual limit of 1,024 is
/// there for programs that cannot do without it.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it was");
    }
}

async fn serve(config: Config, data_dir: DataDir, service: Service) -> anyhow::Result<()> {
    let listen = config.server.listen;
    let idle = Duration::from_secs(config.server.idle_timeout_seconds);
    let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (server.listen)"))?;
    let address = listener.local_addr()?;
    let app = tokio::task::spawn_blocking(move || App::open(config, data_dir)).await??;
    let app = Arc::new(app);
    tracing::info!(%address, sites = app.sites.all().len(), "listening");
    app.sites.prepare_standings()?;
    let nights = tokio::spawn(crate::app::maintenance::every_night(Arc::clone(&app)));
    let publisher = tokio::spawn(crate::app::publish::whenever_due(Arc::clone(&app)));
    let outbox = tokio::spawn(crate::app::alerts::outbox::whenever_due(Arc::clone(&app)));
    app.webhooks.begin_all(&app, crate::app::now()).await?;
    let followers = crate::app::webhooks::follow(&app);
    let router = service(Arc::clone(&app));
    let stop = async {
        signal().await;
        tracing::info!(grace_seconds = grace.as_secs(), "stopping: no new requests");
        app.stop();
    };
    if !super::listen::until(stop, listener, router, idle, grace).await {
        tracing::warn!("stopping: some requests did not end in time");
    }
    for task in [nights, publisher, outbox].into_iter().chain(followers) {
        task.abort();
        drop(task.await);
    }
    // The last owner lets the ledgers finish what is queued.
    tokio::task::spawn_blocking(move || drop(app)).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Resolves on Ctrl-C or SIGTERM.
pub(super) async fn signal() {
    let interrupt = async {
        // Without a handler the default action still ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate() => {}
    }
}

#[cfg(unix)]
fn terminate() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let stream = signal(SignalKind::terminate());
    async move {
        match stream {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
fn terminate() -> impl Future<Output = ()> {
    std::future::pending()
}

pub(super) fn start_log(config: &Config) {
    // `check` has read it once; if it cannot be read now, nothing but errors is logged.
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(&config.log.level);
    let colours = std::io::stderr().is_terminal();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match config.log.format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
