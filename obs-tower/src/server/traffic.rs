//! Counts requests in flight, on one connection and on all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// What has happened on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    /// Whether a request has arrived.
    pub(super) used: bool,
    /// Requests in flight.
    pub(super) in_flight: usize,
}

/// A request in flight, counted for as long as this exists: from its head to the last piece of the
/// response that the socket took, or until either side gave it up.
#[derive(Debug)]
pub(super) struct InFlight {
    connection: watch::Sender<Traffic>,
    all: Arc<AtomicUsize>,
}

impl InFlight {
    pub(super) fn begin(connection: watch::Sender<Traffic>, all: Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        connection.send_modify(|traffic| {
            traffic.used = true;
            traffic.in_flight += 1;
        });
        Self { connection, all }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.connection
            .send_modify(|traffic| traffic.in_flight -= 1);
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}
