//! What a test holds: starts and stops the server, scripts its answers, asks for what arrived.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::doors::{Door, Order, bind};
use super::record::{Received, flatten, numbers};
use super::reply::{Held, Reply, Rule, Standing};
use super::request::{Payload, ReceivedRequest};
use super::server::{Shared, serve};

/// An OTLP/HTTP server on a free port of the loopback interface; dropping it stops it.
///
/// Bodies are decoded with the protobuf definitions of the OpenTelemetry project. Requests are kept
/// as they arrive; [`spans`](Self::spans), [`logs`](Self::logs) and [`metrics`](Self::metrics) give
/// what was [taken](ReceivedRequest::is_taken).
///
/// It misbehaves on command: answers what a [`Reply`] says, keeps answers back
/// ([`hold`](Self::hold)), leaves connections unread ([`stall`](Self::stall)) or refuses them
/// ([`refuse`](Self::refuse)). Its port stays its own all the while.
///
/// # Examples
/// ```
/// use obs_core::testing::{Receiver, Reply};
///
/// let receiver = Receiver::start();
/// receiver.answer_next(503, &[("retry-after", "1")], b"");
/// receiver.reply_when(|request| (request.body.len() > 1_000).then_some(Reply::status(413)));
/// // Point OTEL_EXPORTER_OTLP_ENDPOINT to `receiver.endpoint()`, do what is to be observed, then:
/// assert!(receiver.logs().is_empty());
/// ```
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
    /// Bound and never listening: keeps the port while nobody listens on it.
    _anchor: TcpSocket,
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
        let anchor = bind(address).expect("the receiver's address is free");
        let address = anchor.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let (orders, to_obey) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("obs-receiver".to_owned())
            .spawn(move || serve(address, serving, to_obey))
            .expect("the system gives a thread");
        let receiver = Self {
            shared,
            address,
            orders: Some(orders),
            thread: Some(thread),
            _anchor: anchor,
        };
        receiver.listen();
        receiver
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
        self.reply_next(Reply::answer(status, headers, body));
    }

    /// Answers every request that the script has nothing for with this status.
    pub fn answer_all(&self, status: u16) {
        self.reply_all(Reply::status(status));
    }

    /// Does this with the next request that arrives; further calls queue up.
    pub fn reply_next(&self, reply: Reply) {
        self.shared.lock().script.push_back(reply);
    }

    /// Does this with every request that the script has nothing for; ends what
    /// [`reply_when`](Self::reply_when) began.
    pub fn reply_all(&self, reply: Reply) {
        self.shared.lock().standing = Standing { reply, rule: None };
    }

    /// Asks the rule what to do with every request that the script has nothing for; what the rule
    /// says nothing about is answered as before.
    pub fn reply_when(
        &self,
        rule: impl Fn(&ReceivedRequest) -> Option<Reply> + Send + Sync + 'static,
    ) {
        self.shared.lock().standing.rule = Some(Rule(Arc::new(rule)));
    }

    /// Refuses connections, and closes those that are open. Once this returns, it is so.
    pub fn refuse(&self) {
        self.set(Door::Closed);
    }

    /// Reads nothing more, as a machine that is frozen: connections are still made by the system,
    /// and nobody serves them. Those that are open are closed.
    pub fn stall(&self) {
        self.set(Door::Stalled);
    }

    /// Listens again after [`refuse`](Self::refuse); reads again after [`stall`](Self::stall), also
    /// what was sent meanwhile.
    pub fn listen(&self) {
        self.set(Door::Open);
    }

    /// Keeps answers back: requests arrive, and nobody hears anything.
    pub fn hold(&self) {
        self.shared.held.send_replace(Held::All);
    }

    /// Keeps back the answers to requests like these only.
    pub fn hold_when(&self, choose: impl Fn(&ReceivedRequest) -> bool + Send + Sync + 'static) {
        self.shared.held.send_replace(Held::Some(Arc::new(choose)));
    }

    /// Sends the answers that were kept back.
    pub fn release(&self) {
        self.shared.held.send_replace(Held::None);
    }

    /// Answers every request this much later, as a server that is busy.
    pub fn answer_after(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Every request that arrived, answered or not, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<ReceivedRequest>> {
        self.shared.lock().requests.clone()
    }

    /// Every request that was answered, taken or turned away since this was last called; forgets
    /// them, so that what runs for long does not fill memory.
    #[must_use]
    pub fn take_settled(&self) -> Vec<Arc<ReceivedRequest>> {
        let requests = &mut self.shared.lock().requests;
        requests
            .extract_if(.., |request| request.is_settled())
            .collect()
    }

    /// All spans of requests that were taken.
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

    /// All log records of requests that were taken.
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

    /// All metrics of requests that were taken, the oldest collection first.
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

    /// How many log records came in requests that were taken.
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

    /// How many spans came in requests that were taken.
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

    /// The whole numbers under an attribute of log records: a list for each request that was taken,
    /// in the order of arrival, so that what came twice can be told from what came whole.
    #[must_use]
    pub fn log_batches(&self, attribute: &str) -> Vec<Vec<i64>> {
        self.batches(|payload| match payload {
            Payload::Logs(request) => {
                let scopes = request.resource_logs.iter().flat_map(|all| &all.scope_logs);
                let records = scopes.flat_map(|scope| &scope.log_records);
                Some(numbers(
                    records.map(|record| &*record.attributes),
                    attribute,
                ))
            }
            _ => None,
        })
    }

    /// The same of spans.
    #[must_use]
    pub fn span_batches(&self, attribute: &str) -> Vec<Vec<i64>> {
        self.batches(|payload| match payload {
            Payload::Traces(request) => {
                let scopes = request
                    .resource_spans
                    .iter()
                    .flat_map(|all| &all.scope_spans);
                let spans = scopes.flat_map(|scope| &scope.spans);
                Some(numbers(spans.map(|span| &*span.attributes), attribute))
            }
            _ => None,
        })
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Blocks until the condition holds; it is looked at again whenever a connection or a request
    /// arrives, or one is answered.
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

    fn taken(&self) -> Vec<Arc<ReceivedRequest>> {
        let mut requests = self.requests();
        requests.retain(|request| request.is_taken());
        requests
    }

    fn payloads<T>(&self, flatten: impl Fn(&Payload) -> Vec<T>) -> Vec<T> {
        self.taken()
            .iter()
            .flat_map(|request| flatten(request.payload()))
            .collect()
    }

    fn count(&self, count: impl Fn(&Payload) -> usize) -> usize {
        self.taken()
            .iter()
            .map(|request| count(request.payload()))
            .sum()
    }

    fn batches(&self, numbers: impl Fn(&Payload) -> Option<Vec<i64>>) -> Vec<Vec<i64>> {
        self.taken()
            .iter()
            .filter_map(|request| numbers(request.payload()))
            .collect()
    }

    #[expect(
        clippy::expect_used,
        reason = "a test without its receiver cannot go on"
    )]
    fn set(&self, door: Door) {
        let (done, made) = mpsc::sync_channel(1);
        let orders = self.orders.as_ref().expect("taken only when dropped");
        orders.send((door, done)).expect("the receiver runs");
        made.recv().expect("the receiver obeys");
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Without orders to come the server ends.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has failed the test already.
            let _ = thread.join();
        }
    }
}

/// Long enough for the slowest machine: nothing waits this long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(30);
