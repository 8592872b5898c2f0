//! The server itself: accepts, notes what arrives, and answers.

use std::collections::VecDeque;
use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tracing::dispatcher::{self, Dispatch};

use super::request::{Payload, ReceivedRequest};

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    pub(super) held: watch::Sender<bool>,
    pub(super) stop: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) requests: Vec<Arc<ReceivedRequest>>,
    pub(super) script: VecDeque<Answer>,
    pub(super) standing: u16,
    pub(super) connections: usize,
    pub(super) changes: u64,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            requests: Vec::new(),
            script: VecDeque::new(),
            standing: 200,
            connections: 0,
            changes: 0,
        }
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request and takes what the script answers to it.
    fn arrived(&self, request: &Arc<ReceivedRequest>) -> Answer {
        let mut state = self.lock();
        state.requests.push(Arc::clone(request));
        state.changes += 1;
        self.changed.notify_all();
        let standing = Answer {
            status: state.standing,
            headers: Vec::new(),
            body: Vec::new(),
        };
        state.script.pop_front().unwrap_or(standing)
    }

    fn answered(&self, request: &ReceivedRequest, status: u16) {
        // Decoded before anybody looks, so that a test does not do it under a lock.
        let _decoded = request.payload();
        let _first = request.status.set(status);
        self.lock().changes += 1;
        self.changed.notify_all();
    }

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
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
        let request = Arc::new(ReceivedRequest {
            path: head.uri.to_string(),
            headers,
            body: body.unwrap_or_default(),
            wire_len: wire.len(),
            status: OnceLock::new(),
            payload: OnceLock::new(),
        });
        let mut answer = self.arrived(&request);
        // An error means that the receiver is being dropped; then nobody hears the answer anyway.
        let mut held = self.held.subscribe();
        drop(held.wait_for(|held| !held).await);
        match request.payload() {
            Payload::Undecodable(_) if !request.path.contains("/v1/") => answer.status = 404,
            Payload::Undecodable(why) => {
                answer = Answer {
                    status: 400,
                    headers: Vec::new(),
                    body: why.clone().into(),
                }
            }
            _ if is_corrupt => answer.status = 400,
            _ => {}
        }
        self.answered(&request, answer.status);
        Ok(answer.into_response())
    }
}

impl Answer {
    #[expect(
        clippy::expect_used,
        reason = "a test that scripts no valid answer has failed"
    )]
    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response =
            Response::builder().status(StatusCode::from_u16(self.status).expect("a valid status"));
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            response = response.header("content-type", "application/x-protobuf");
        }
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response
            .body(Full::new(self.body.into()))
            .expect("valid headers")
    }
}

#[expect(
    clippy::expect_used,
    reason = "a test without its receiver cannot go on"
)]
pub(super) fn serve(listener: TcpListener, shared: &Arc<Shared>) {
    // The receiver's own activity is not part of what a test observes.
    let _no_tracing = dispatcher::set_default(&Dispatch::none());
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = runtime.expect("the system gives an event queue");
    runtime.block_on(async {
        listener
            .set_nonblocking(true)
            .expect("a socket can be non-blocking");
        let listener =
            tokio::net::TcpListener::from_std(listener).expect("a runtime takes a socket");
        let accepting = Arc::clone(shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                shared.lock().connections += 1;
                let service = service_fn(move |request| Arc::clone(&shared).handle(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A client that goes away in the middle is part of what tests do.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        shared.stop.notified().await;
    });
}

fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .ok()?;
    Some(plain)
}
