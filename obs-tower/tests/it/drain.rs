//! Draining: requests in flight are waited for, connections without one are not.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get as route_get;
use bytes::Bytes;
use http_body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{Running, get, receive};

/// No test lasts so long: what ends was not waited for up to the deadline.
const HOUR: Duration = Duration::from_hours(1);

/// Far longer than a connection is kept without a request.
const BEYOND_GRACE: Duration = Duration::from_secs(10);

const KEPT: &str = "GET / HTTP/1.1\r\nHost: it\r\n\r\n";

/// An HTTP/2 client's first words: preface and empty settings.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// `GET /` on stream 1.
const HTTP2_REQUEST: &[u8] = b"\0\0\x07\x01\x05\0\0\0\x01\x82\x84\x86\x41\x02it";

async fn start(app: Router) -> Running {
    Running::start(app, |server| {
        server.shutdown_delay(Duration::ZERO).shutdown_timeout(HOUR)
    })
    .await
}

fn up() -> Router {
    Router::new().route("/", route_get(async || "up"))
}

/// Opens a connection with these first bytes, and waits until the server has seen it.
async fn open(server: &Running, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(first).await.unwrap();
    // Connections are accepted in their order.
    get(server.address, "/").await;
    stream
}

/// Time that passes only when told to.
struct StoppedClock {
    _until: std::sync::mpsc::Sender<Infallible>,
}

impl StoppedClock {
    fn new() -> Self {
        tokio::time::pause();
        let (until, dropped) = std::sync::mpsc::channel();
        // While blocking work runs, the runtime does not move a paused clock by itself.
        tokio::task::spawn_blocking(move || dropped.recv().is_ok());
        Self { _until: until }
    }

    /// Lets time pass until the server has closed this connection without a response.
    async fn pass_until_closed(&self, mut stream: TcpStream) {
        let mut first = [0];
        let mut closed = std::pin::pin!(stream.read(&mut first));
        loop {
            tokio::select! {
                read = &mut closed => return assert_eq!(read.unwrap(), 0),
                () = tokio::time::advance(Duration::from_millis(10)) => {}
            }
        }
    }

    async fn pass(&self, time: Duration) {
        for _ in 0..10 {
            tokio::time::advance(time / 10).await;
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn connections_without_a_request_do_not_hold_up_the_exit() {
    for first in [
        b"".as_slice(),
        b"G",
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"GET / HTTP/1.1\r\nHost:",
        HTTP2_PREFACE,
    ] {
        let name = String::from_utf8_lossy(first);
        let server = start(up()).await;
        let silent = open(&server, first).await;
        tokio::time::pause();
        let asked = Instant::now();
        assert_eq!(server.stop().exit_code().await, 0, "{name}");
        assert!(asked.elapsed() < BEYOND_GRACE, "{name}");
        drop(silent);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn used_connections_without_a_request_do_not_hold_up_the_exit() {
    let server = start(up()).await;
    let mut kept = open(&server, KEPT.as_bytes()).await;
    let mut half_of_the_next = open(&server, KEPT.as_bytes()).await;
    let mut http2 = open(&server, &[HTTP2_PREFACE, HTTP2_REQUEST].concat()).await;
    for stream in [&mut kept, &mut half_of_the_next] {
        stream.read_exact(&mut [0; 15]).await.unwrap();
    }
    half_of_the_next.write_all(b"GE").await.unwrap();
    assert_eq!(data(&mut http2).await, 2);
    tokio::time::pause();
    let asked = Instant::now();
    assert_eq!(server.stop().exit_code().await, 0);
    assert!(asked.elapsed() < BEYOND_GRACE);
    drop((kept, half_of_the_next, http2));
}

#[tokio::test]
async fn request_on_its_way_when_the_drain_begins_is_served() {
    let server = start(up()).await;
    let idle = open(&server, KEPT.as_bytes()).await;
    let mut on_their_way = Vec::new();
    for split in [0, 1, 20] {
        let (first, rest) = KEPT.split_at(split);
        on_their_way.push((open(&server, first.as_bytes()).await, rest));
    }
    let mut http2 = open(&server, HTTP2_PREFACE).await;
    let _clock = StoppedClock::new();
    let stopping = server.stop();
    // The drain closes it first of all, so when it ends the drain has begun.
    receive(idle).await;
    http2.write_all(HTTP2_REQUEST).await.unwrap();
    for (mut stream, rest) in on_their_way {
        stream.write_all(rest.as_bytes()).await.unwrap();
        let answer = receive(stream).await;
        assert_eq!(
            (answer.body.as_str(), answer.header("connection")),
            ("up", Some("close"))
        );
    }
    assert_eq!(data(&mut http2).await, 2);
    drop(http2);
    assert_eq!(stopping.exit_code().await, 0);
}

/// A body that is sent by the test.
struct Sent(mpsc::Receiver<&'static str>);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| Some(Ok(Frame::data(Bytes::from_static(piece?.as_bytes())))))
    }
}

/// An application whose `/stream` sends what the test sends, first of all its head.
fn streaming() -> (mpsc::Sender<&'static str>, Router) {
    let (sender, pieces) = mpsc::channel(1);
    let pieces = std::sync::Arc::new(std::sync::Mutex::new(Some(pieces)));
    let handler = async move || Body::new(Sent(pieces.lock().unwrap().take().unwrap()));
    (sender, up().route("/stream", route_get(handler)))
}

#[tokio::test]
async fn body_that_is_still_produced_is_waited_for() {
    let (pieces, app) = streaming();
    let server = start(app).await;
    let witness = open(&server, b"G").await;
    let mut stream = open(&server, b"GET /stream HTTP/1.1\r\nHost: it\r\n\r\n").await;
    pieces.send("first").await.unwrap();
    stream.read_exact(&mut [0; 15]).await.unwrap();
    let clock = StoppedClock::new();
    let stopping = server.stop();
    clock.pass_until_closed(witness).await;
    clock.pass(HOUR / 2).await;
    pieces.send("second").await.unwrap();
    drop(pieces);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("6\r\nsecond\r\n0\r\n\r\n"), "{rest}");
    assert_eq!(stopping.exit_code().await, 0);
}

/// More than socket buffers hold.
const LARGE: usize = 64 * 1024 * 1024;

fn large(len: usize) -> Router {
    let body = Bytes::from(vec![b'x'; len]);
    up().route("/large", route_get(async move || body))
}

#[tokio::test]
async fn response_that_a_slow_client_still_reads_is_waited_for() {
    let server = start(large(LARGE)).await;
    let witness = open(&server, b"G").await;
    let slow = open(&server, b"GET /large HTTP/1.1\r\nHost: it\r\n\r\n").await;
    let clock = StoppedClock::new();
    let stopping = server.stop();
    clock.pass_until_closed(witness).await;
    clock.pass(BEYOND_GRACE).await;
    assert_eq!(receive(slow).await.body.len(), LARGE);
    assert_eq!(stopping.exit_code().await, 0);
}

#[tokio::test]
async fn http2_response_that_waits_for_the_window_is_waited_for() {
    const LEN: usize = 200_000;
    let body = Bytes::from(vec![b'x'; LEN]);
    let server = start(Router::new().route("/", route_get(async move || body))).await;
    let witness = open(&server, b"G").await;
    let mut http2 = open(&server, &[HTTP2_PREFACE, HTTP2_REQUEST].concat()).await;
    let clock = StoppedClock::new();
    let stopping = server.stop();
    clock.pass_until_closed(witness).await;
    clock.pass(BEYOND_GRACE).await;
    for stream in [0, 1] {
        let update = [0, 0, 4, 8, 0, 0, 0, 0, stream, 0, 16, 0, 0];
        http2.write_all(&update).await.unwrap();
    }
    assert_eq!(data(&mut http2).await, LEN);
    drop((http2, clock));
    assert_eq!(stopping.exit_code().await, 0);
}

/// Reads HTTP/2 frames up to the end of a stream; the length of its data.
async fn data(stream: &mut TcpStream) -> usize {
    let mut len = 0;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let [high, middle, low, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if kind == 0 {
            len += payload.len();
            if flags & 1 == 1 {
                return len;
            }
        }
    }
}

#[tokio::test]
async fn log_speaks_of_the_requests_that_were_cut_off() {
    let t = obs_core::testing::pipeline();
    // While there is one subscriber, `tracing` asks that of the current thread about a new callsite,
    // and other threads have none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _captured = tracing::dispatcher::set_default(t.dispatch());
    let (_pieces, app) = streaming();
    let server = Running::start(app, |server| {
        server
            .shutdown_delay(Duration::ZERO)
            .shutdown_timeout(Duration::from_secs(30))
    })
    .await;
    let half_sent = open(&server, b"G").await;
    let endless = open(&server, b"GET /stream HTTP/1.1\r\nHost: it\r\n\r\n").await;
    tokio::time::pause();
    assert_eq!(server.stop().exit_code().await, 3);
    drop((half_sent, endless));
    let logs = t.logs();
    logs.one("draining")
        .has("connections", 2)
        .has("requests", 1);
    logs.one("cutting off requests that did not finish")
        .has("requests", 1);
}

#[tokio::test]
async fn deadline_without_a_request_in_flight_cuts_nothing_off() {
    let server = Running::start(up(), |server| {
        server
            .shutdown_delay(Duration::ZERO)
            .shutdown_timeout(Duration::ZERO)
    })
    .await;
    let half_sent = open(&server, b"G").await;
    assert_eq!(server.stop().exit_code().await, 0);
    drop(half_sent);
}
