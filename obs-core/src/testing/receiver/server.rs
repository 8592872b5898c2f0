//! The server itself: accepts, notes what arrives, and answers.

use std::collections::VecDeque;
use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use tokio::runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tracing::dispatcher::{self, Dispatch};

use super::doors::{Doors, Order};
use super::reply::{Ending, Held, Reply, Standing};
use super::request::{Outcome, Payload, ReceivedRequest};

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    pub(super) held: watch::Sender<Held>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) requests: Vec<Arc<ReceivedRequest>>,
    pub(super) script: VecDeque<Reply>,
    pub(super) standing: Standing,
    pub(super) delay: Duration,
    pub(super) connections: usize,
    pub(super) changes: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            requests: Vec::new(),
            script: VecDeque::new(),
            standing: Standing {
                reply: Reply::status(200),
                rule: None,
            },
            delay: Duration::ZERO,
            connections: 0,
            changes: 0,
        }
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connected(&self) {
        let mut state = self.lock();
        state.connections += 1;
        state.changes += 1;
        self.changed.notify_all();
    }

    /// Notes a request and takes what the script has for it.
    fn arrived(&self, request: &Arc<ReceivedRequest>) -> Option<Reply> {
        let mut state = self.lock();
        state.requests.push(Arc::clone(request));
        state.changes += 1;
        self.changed.notify_all();
        state.script.pop_front()
    }

    fn settled(&self, request: &ReceivedRequest, outcome: Outcome) {
        let _first = request.outcome.set(outcome);
        self.lock().changes += 1;
        self.changed.notify_all();
    }

    /// Reads a request and does with it what the test says.
    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
        let Arrival { request, problem } = read(request).await?;
        let request = Arc::new(request);
        let scripted = self.arrived(&request);
        // An error means that the receiver is being dropped; then nobody hears the answer anyway.
        let mut held = self.held.subscribe();
        drop(held.wait_for(|held| !held.holds(&request)).await);
        let delay = self.lock().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let reply = problem.or(scripted).unwrap_or_else(|| {
            let standing = self.lock().standing.clone();
            standing.reply_to(&request)
        });
        let (outcome, ending) = match reply {
            Reply::Answer {
                status,
                headers,
                body,
            } => {
                self.settled(&request, Outcome::Answered(status));
                return Ok(response(status, &headers, body));
            }
            Reply::ResetUntaken => (Outcome::Untaken, Ending::Reset),
            Reply::ResetTaken => (Outcome::Taken, Ending::Reset),
            Reply::Close => (Outcome::Untaken, Ending::Close),
            Reply::Raw(bytes) => (Outcome::Untaken, Ending::Raw(bytes)),
        };
        self.settled(&request, outcome);
        Err(ending.into())
    }
}

/// A request, and what to reply to one that is no export whatever the test says.
struct Arrival {
    request: ReceivedRequest,
    problem: Option<Reply>,
}

async fn read(request: Request<Incoming>) -> Result<Arrival, hyper::Error> {
    let (head, body) = request.into_parts();
    let wire = body.collect().await?.to_bytes();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    let headers: Vec<_> = head.headers.iter().map(header).collect();
    let is_gzip = headers
        .iter()
        .any(|(name, value)| name == "content-encoding" && value == "gzip");
    let body = if is_gzip {
        gunzip(&wire)
    } else {
        Some(wire.to_vec())
    };
    let is_corrupt = body.is_none();
    let request = ReceivedRequest {
        path: head.uri.to_string(),
        headers,
        body: body.unwrap_or_default(),
        wire_len: wire.len(),
        outcome: OnceLock::new(),
        payload: OnceLock::new(),
    };
    // Decoded here, once, before anybody looks: no test does it under a lock.
    let problem = match request.payload() {
        Payload::Undecodable(_) if !request.path.contains("/v1/") => Some(Reply::status(404)),
        Payload::Undecodable(why) => Some(Reply::answer(400, &[], why.as_bytes())),
        _ if is_corrupt => Some(Reply::status(400)),
        _ => None,
    };
    Ok(Arrival { request, problem })
}

#[expect(
    clippy::expect_used,
    reason = "a test that scripts no valid answer has failed"
)]
fn response(status: u16, headers: &[(String, String)], body: Vec<u8>) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(status).expect("a valid status");
    let mut response = Response::builder().status(status);
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        response = response.header("content-type", "application/x-protobuf");
    }
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(body.into()))
        .expect("valid headers")
}

/// Serves until the orders end.
#[expect(
    clippy::expect_used,
    reason = "a test without its receiver cannot go on"
)]
pub(super) fn serve(
    address: SocketAddr,
    shared: Arc<Shared>,
    mut orders: UnboundedReceiver<Order>,
) {
    // The receiver's own activity is not part of what a test observes.
    let _no_tracing = dispatcher::set_default(&Dispatch::none());
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = runtime.expect("the system gives an event queue");
    runtime.block_on(async {
        let mut doors = Doors::new(shared, address);
        while let Some((door, done)) = orders.recv().await {
            doors
                .set(door)
                .await
                .expect("the receiver's port is its own");
            // Whoever gave the order waits for this.
            let _gone = done.send(());
        }
    });
}

fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .ok()?;
    Some(plain)
}
