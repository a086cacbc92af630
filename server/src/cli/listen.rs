//! Connections of a command that listens: each has its time, and all end when the command is told to stop.
//!
//! What is answered, and how long that may take, is the router's.

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;

/// Answers until `stop`, and then gives open requests `grace` to end. Answers whether all did.
///
/// A connection on which no whole head of a request arrives for `idle` is closed: many that each send a little now and then
/// would take up everything that is left for others.
pub(super) async fn until(
    stop: impl Future<Output = ()>,
    mut listener: TcpListener,
    router: Router,
    idle: Duration,
    grace: Duration,
) -> bool {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle);
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, _) = tokio::select! {
            taken = Listener::accept(&mut listener) => taken,
            () = &mut stop => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        // Who broke off or was too slow cannot be told, and what they asked is in the log as far as it was a request.
        tokio::spawn(async move { drop(connection.await) });
    }
    // Nobody new may come while the others end.
    drop(listener);
    tokio::time::timeout(grace, open.shutdown()).await.is_ok()
}
