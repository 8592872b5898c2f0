//! What a test holds: starts and stops the server, scripts its answers, asks for what arrived.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::record::{Received, flatten};
use super::request::{Payload, ReceivedRequest};
use super::server::{Answer, Shared, serve};

/// An OTLP/HTTP server on a free port of the loopback interface; dropping it stops it.
///
/// Bodies are decoded with the protobuf definitions of the OpenTelemetry project. Requests are kept
/// as they arrive; [`spans`](Self::spans), [`logs`](Self::logs) and [`metrics`](Self::metrics) give
/// what was answered with success.
///
/// # Examples
/// ```
/// use obs_core::testing::Receiver;
///
/// let receiver = Receiver::start();
/// receiver.answer_next(503, &[("retry-after", "1")], b"");
/// // Point OTEL_EXPORTER_OTLP_ENDPOINT to `receiver.endpoint()`, do what is to be observed, then:
/// assert!(receiver.logs().is_empty());
/// ```
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts a server that answers every request with success.
    ///
    /// # Panics
    /// If no port or thread can be had.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts a server at an address, such as that of a receiver that was dropped before.
    ///
    /// # Panics
    /// If the address or a thread cannot be had.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a test without its receiver cannot go on"
    )]
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the receiver's address is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("obs-receiver".to_owned())
            .spawn(move || serve(listener, &serving))
            .expect("the system gives a thread");
        Self {
            shared,
            address,
            thread: Some(thread),
        }
    }

    /// The base URL, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the next request that has no answer yet with this; further calls queue up.
    pub fn answer_next(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.shared.lock().script.push_back(Answer {
            status,
            headers,
            body: body.to_vec(),
        });
    }

    /// Answers every request that the script has nothing for with this status.
    pub fn answer_all(&self, status: u16) {
        self.shared.lock().standing = status;
    }

    /// Keeps answers back: requests arrive, and nobody hears anything.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Sends the answers that were kept back.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Every request that arrived, answered or not, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<ReceivedRequest>> {
        self.shared.lock().requests.clone()
    }

    /// All spans of requests that were answered with success.
    #[must_use]
    pub fn spans(&self) -> Vec<Received<Span>> {
        self.payloads(|payload| match payload {
            Payload::Traces(request) => flatten(
                &request.resource_spans,
                |entry| (&entry.resource, &entry.scope_spans),
                |entry| (&entry.scope, &entry.spans),
            ),
            _ => Vec::new(),
        })
    }

    /// All log records of requests that were answered with success.
    #[must_use]
    pub fn logs(&self) -> Vec<Received<LogRecord>> {
        self.payloads(|payload| match payload {
            Payload::Logs(request) => flatten(
                &request.resource_logs,
                |entry| (&entry.resource, &entry.scope_logs),
                |entry| (&entry.scope, &entry.log_records),
            ),
            _ => Vec::new(),
        })
    }

    /// All metrics of requests that were answered with success, the oldest collection first.
    #[must_use]
    pub fn metrics(&self) -> Vec<Received<Metric>> {
        self.payloads(|payload| match payload {
            Payload::Metrics(request) => flatten(
                &request.resource_metrics,
                |entry| (&entry.resource, &entry.scope_metrics),
                |entry| (&entry.scope, &entry.metrics),
            ),
            _ => Vec::new(),
        })
    }

    /// How many log records came in requests that were answered with success.
    #[must_use]
    pub fn log_count(&self) -> usize {
        self.count(|payload| match payload {
            Payload::Logs(request) => {
                let scopes = request
                    .resource_logs
                    .iter()
                    .flat_map(|entry| &entry.scope_logs);
                scopes.map(|scope| scope.log_records.len()).sum()
            }
            _ => 0,
        })
    }

    /// How many spans came in requests that were answered with success.
    #[must_use]
    pub fn span_count(&self) -> usize {
        self.count(|payload| match payload {
            Payload::Traces(request) => {
                let scopes = request
                    .resource_spans
                    .iter()
                    .flat_map(|entry| &entry.scope_spans);
                scopes.map(|scope| scope.spans.len()).sum()
            }
            _ => 0,
        })
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Blocks until the condition holds; it is looked at again whenever a request arrives or is
    /// answered.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    #[expect(clippy::panic, reason = "a test that waits in vain has failed")]
    pub fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The count is read before the condition, so that no change falls in between.
            let seen = self.shared.lock().changes;
            if condition(self) {
                return;
            }
            let mut state = self.shared.lock();
            while state.changes == seen {
                let Some(time) = deadline.checked_duration_since(Instant::now()) else {
                    let requests: Vec<_> = state
                        .requests
                        .iter()
                        .map(|request| request.summary())
                        .collect();
                    drop(state);
                    panic!("the receiver waited {PATIENCE:?} in vain; requests: {requests:?}");
                };
                let waited = self.shared.changed.wait_timeout(state, time);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Whether these bytes are anywhere in what arrived: paths, headers or decompressed bodies,
    /// whatever was answered.
    #[must_use]
    pub fn raw_bytes_contain(&self, needle: impl AsRef<[u8]>) -> bool {
        let needle = needle.as_ref();
        let found = |bytes: &[u8]| {
            !needle.is_empty() && bytes.windows(needle.len()).any(|window| window == needle)
        };
        self.requests().iter().any(|request| {
            found(request.path.as_bytes())
                || found(&request.body)
                || request
                    .headers
                    .iter()
                    .any(|(name, value)| found(name.as_bytes()) || found(value.as_bytes()))
        })
    }

    fn accepted(&self) -> Vec<Arc<ReceivedRequest>> {
        let mut requests = self.requests();
        requests.retain(|request| {
            request
                .status()
                .is_some_and(|status| (200..300).contains(&status))
        });
        requests
    }

    fn payloads<T>(&self, flatten: impl Fn(&Payload) -> Vec<T>) -> Vec<T> {
        self.accepted()
            .iter()
            .flat_map(|request| flatten(request.payload()))
            .collect()
    }

    fn count(&self, count: impl Fn(&Payload) -> usize) -> usize {
        self.accepted()
            .iter()
            .map(|request| count(request.payload()))
            .sum()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has failed the test already.
            let _ = thread.join();
        }
    }
}

/// Long enough for the slowest machine: nothing waits this long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(30);
