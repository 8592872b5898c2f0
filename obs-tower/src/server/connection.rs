//! One connection, from accepted to closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::app::App;
use super::front::{Front, Shared};
use super::traffic::Traffic;
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
    let traffic = watch::Sender::new(Traffic::default());
    let front = Front::new(app, shared, peer, traffic.clone());
    let mut connection = pin!(protocol.serve_connection_with_upgrades(TokioIo::new(stream), front));
    // The head timeout begins once a version was recognised; this one also covers the bytes before.
    let mut first_request = pin!(tokio::time::sleep(HEAD_TIMEOUT));
    let mut waiting = true;
    // These two begin with the drain.
    let mut used = pin!(used(traffic.subscribe()));
    let mut quiet = pin!(quiet(traffic.subscribe()));
    let (mut draining, mut announced) = (false, false);
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
                (Ok(()), Phase::Drain) => draining = true,
                (Ok(()), Phase::Force) | (Err(_), _) => return,
            },
            () = &mut first_request, if waiting => {
                waiting = false;
                if !traffic.borrow().used {
                    return;
                }
            }
            // Not before: it would close a new connection whose first request is on its way.
            () = &mut used, if draining && !announced => {
                announced = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut quiet, if draining => return,
        }
    }
}

/// Waits for the first request.
async fn used(mut traffic: watch::Receiver<Traffic>) {
    let gone = traffic.wait_for(|traffic| traffic.used).await.is_err();
    if gone {
        std::future::pending().await
    }
}

/// Waits until nothing has been in flight for a while.
async fn quiet(mut traffic: watch::Receiver<Traffic>) {
    loop {
        let idle = traffic.wait_for(|traffic| traffic.in_flight == 0).await;
        if idle.map(drop).is_err() {
            return;
        }
        match tokio::time::timeout(GRACE, traffic.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Longest time for the head of a request; as in Apache and in hyper's own default.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a draining connection is kept with nothing in flight, for a request that is on its way:
/// longer than a lost packet takes to be sent again (at least 200 ms on Linux), and no burden to a
/// restart, since half a head or a silent HTTP/2 client would otherwise hold it up to the deadline.
const GRACE: Duration = Duration::from_millis(250);
