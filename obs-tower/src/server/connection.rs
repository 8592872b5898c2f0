//! One connection, from accepted to closed.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::app::App;
use super::front::{Front, Shared};
use crate::client_addr::ClientAddr;

/// What connections are asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Serve,
    /// Finish what is in flight, then close.
    Drain,
    /// Close now.
    Force,
}

/// The protocol settings of all connections.
pub(super) fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    builder
}

/// Serves a connection until it closes, or is told to.
pub(super) async fn serve<A: App>(
    protocol: Arc<auto::Builder<TokioExecutor>>,
    stream: TcpStream,
    peer: ClientAddr,
    app: A,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    // Small answers shall not wait for more; where that cannot be had, they do.
    let _as_it_is = stream.set_nodelay(true);
    let used = Arc::new(AtomicBool::new(false));
    let front = Front::new(app, shared, peer, used.clone());
    let mut connection = pin!(protocol.serve_connection_with_upgrades(TokioIo::new(stream), front));
    // The head timeout begins once a version was recognised; this one also covers the bytes before.
    let mut first_request = pin!(tokio::time::sleep(HEAD_TIMEOUT));
    let mut waiting = true;
    loop {
        tokio::select! {
            closed = &mut connection => {
                if let Err(error) = closed {
                    tracing::debug!(target: "obs::server", error, "connection closed");
                }
                return;
            }
            changed = phase.changed() => match (changed, *phase.borrow()) {
                (Ok(()), Phase::Serve) => {}
                (Ok(()), Phase::Drain) => connection.as_mut().graceful_shutdown(),
                (Ok(()), Phase::Force) | (Err(_), _) => return,
            },
            () = &mut first_request, if waiting => {
                waiting = false;
                if !used.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}

/// Longest time for the head of a request; as in Apache and in hyper's own default.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
