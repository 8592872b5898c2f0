//! Stopping: what is still answered, what is waited for, and for how long.

use std::convert::Infallible;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get as route_get;
use obs_tower::{Check, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore};

use crate::support::{Running, code, get, get_until, receive, send, silent_telemetry};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// An application whose `/slow` answers when it is let go, and tells when it was entered.
#[derive(Clone)]
struct Slow {
    entered: Arc<Semaphore>,
    release: Arc<Notify>,
}

impl Slow {
    fn new() -> (Self, Router) {
        let slow = Self {
            entered: Arc::new(Semaphore::new(0)),
            release: Arc::new(Notify::new()),
        };
        let state = slow.clone();
        let handler = move || {
            let state = state.clone();
            async move {
                let release = state.release.notified();
                state.entered.add_permits(1);
                release.await;
                "finished"
            }
        };
        (
            slow,
            Router::new()
                .route("/slow", route_get(handler))
                .route("/", route_get(async || "up")),
        )
    }

    async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: it\r\n\r\n";

#[tokio::test]
async fn lame_duck_is_unready_but_serves_and_closes_connections() {
    let (_, app) = Slow::new();
    let server = Running::start(app, |server| {
        server.health_at("/health").shutdown_delay(LONG)
    })
    .await;
    assert_eq!(get(server.address, "/health/ready").await.status, 200);
    let stopping = server.stop();
    get_until(stopping.address, "/health/ready", |answer| {
        answer.status == 503
    })
    .await;
    assert_eq!(get(stopping.address, "/health").await.status, 503);
    assert_eq!(get(stopping.address, "/health/live").await.status, 200);
    assert_eq!(get(stopping.address, "/health/startup").await.status, 200);
    // This client asks to keep the connection; that it ends shows that the server closed it.
    let answer = receive(send(stopping.address, "GET / HTTP/1.1\r\nHost: it\r\n\r\n").await).await;
    assert_eq!(
        (
            answer.status,
            answer.body.as_str(),
            answer.header("connection")
        ),
        (200, "up", Some("close"))
    );
}

#[tokio::test]
async fn requests_in_flight_finish_and_hooks_run_in_order_after_them() {
    let (slow, app) = Slow::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let hook = |name: &'static str| {
        let order = order.clone();
        async move { order.lock().unwrap().push(name) }
    };
    let server = Running::start(app, |server| {
        server
            .shutdown_delay(Duration::ZERO)
            .on_shutdown("first", LONG, hook("first"))
            .on_shutdown("second", LONG, hook("second"))
    })
    .await;
    let idle = send(server.address, "GET / HTTP/1.1\r\nHost: it\r\n\r\n").await;
    let in_flight = send(server.address, SLOW).await;
    slow.entered().await;
    let stopping = server.stop();
    // The drain closes idle connections first of all, so when this one ends it has begun.
    receive(idle).await;
    assert!(order.lock().unwrap().is_empty(), "hooks wait for requests");
    slow.release.notify_one();
    assert!(receive(in_flight).await.body.ends_with("finished"));
    assert_eq!(stopping.exit_code().await, 0);
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_exit() {
    let server = Running::start(Slow::new().1, |server| {
        server.shutdown_delay(Duration::ZERO)
    })
    .await;
    let mut idle = send(server.address, "GET / HTTP/1.1\r\nHost: it\r\n\r\n").await;
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let untouched = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(server.stop().exit_code().await, 0);
    drop((idle, untouched));
}

#[tokio::test]
async fn what_does_not_finish_is_cut_off_at_the_deadline() {
    let endless = async || Body::new(EndlessBody);
    let (slow, app) = Slow::new();
    let app = app.route("/endless", route_get(endless));
    let server = Running::start(app, |server| {
        server
            .shutdown_delay(Duration::ZERO)
            .shutdown_timeout(SHORT)
    })
    .await;
    let half_sent_head = send(server.address, "GET / HTTP/1.1\r\nHost:").await;
    let never_reads = send(server.address, "GET /endless HTTP/1.1\r\nHost: it\r\n\r\n").await;
    let never_answered = send(server.address, SLOW).await;
    slow.entered().await;
    let mut http2 = TcpStream::connect(server.address).await.unwrap();
    http2
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    assert_eq!(server.stop().exit_code().await, 3);
    drop((half_sent_head, never_reads, never_answered, http2));
}

/// Sends for ever.
struct EndlessBody;

impl http_body::Body for EndlessBody {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(bytes::Bytes::from_static(
            &[b'x'; 16 * 1024],
        )))))
    }
}

#[tokio::test]
async fn hook_that_hangs_or_panics_is_given_up_and_the_next_one_runs() {
    for (name, hook) in [
        (
            "hangs",
            Box::pin(std::future::pending()) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
        ),
        ("panics", Box::pin(async { panic!("on purpose") })),
        ("blocks", Box::pin(async { std::thread::park() })),
    ] {
        let ran = Arc::new(Mutex::new(false));
        let last = {
            let ran = ran.clone();
            async move { *ran.lock().unwrap() = true }
        };
        let server = Running::start(Router::new(), |server| {
            server
                .shutdown_delay(Duration::ZERO)
                .on_shutdown(name, Duration::from_millis(20), hook)
                .on_shutdown("last", LONG, last)
        })
        .await;
        assert_eq!(server.stop().exit_code().await, 4, "{name}");
        assert!(*ran.lock().unwrap(), "{name}");
    }
}

#[tokio::test]
async fn hooks_share_what_is_left_of_the_timeout() {
    let server = Running::start(Router::new(), |server| {
        server
            .shutdown_delay(Duration::ZERO)
            .shutdown_timeout(SHORT)
            .on_shutdown("hangs", LONG, std::future::pending())
    })
    .await;
    assert_eq!(server.stop().exit_code().await, 4);
}

#[tokio::test]
async fn mistaken_settings_do_not_keep_a_server_from_serving() {
    let mistaken = [("SHUTDOWN_DELAY", "soon"), ("SHUTDOWN_TIMEOUT", "-1")];
    let lenient =
        Running::start_with(silent_telemetry(&mistaken), Slow::new().1, |server| server).await;
    assert_eq!(get(lenient.address, "/").await.body, "up");
    assert_eq!(lenient.stop().exit_code().await, 0);
}

#[tokio::test]
async fn longest_durations_are_as_good_as_any() {
    let ran = Arc::new(Mutex::new(false));
    let hook = {
        let ran = ran.clone();
        async move { *ran.lock().unwrap() = true }
    };
    let check = Check::critical("always", async || Ok::<_, Infallible>(()))
        .timeout(Duration::MAX)
        .every(Duration::MAX);
    let server = Running::start(Slow::new().1, |server| {
        server
            .health_at("/health")
            .check(check)
            .shutdown_delay(Duration::ZERO)
            .shutdown_timeout(Duration::MAX)
            .on_shutdown("hook", Duration::MAX, hook)
    })
    .await;
    get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;
    assert_eq!(server.stop().exit_code().await, 0);
    assert!(*ran.lock().unwrap());
}

#[tokio::test]
async fn longest_delay_goes_on_serving() {
    let server = Running::start(Slow::new().1, |server| {
        server.health_at("/health").shutdown_delay(Duration::MAX)
    })
    .await;
    let stopping = server.stop();
    get_until(stopping.address, "/health/ready", |answer| {
        answer.status == 503
    })
    .await;
    assert_eq!(get(stopping.address, "/").await.body, "up");
}

#[tokio::test]
async fn signal_before_it_serves_ends_it_in_order() {
    let ran = Arc::new(Mutex::new(false));
    let hook = {
        let ran = ran.clone();
        async move { *ran.lock().unwrap() = true }
    };
    let server = Server::new(silent_telemetry(&[]))
        .shutdown_on_signals()
        .shutdown_delay(Duration::MAX)
        .on_shutdown("hook", LONG, hook);
    let mut arrived = signal(SignalKind::terminate()).unwrap();
    let kill = format!("kill -TERM {}", std::process::id());
    let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(sent.success());
    arrived.recv().await;
    // The server was told together with this test.
    tokio::task::yield_now().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ended = tokio::time::timeout(LONG, server.run(listener, Slow::new().1));
    assert_eq!(code(ended.await.unwrap()), 0);
    assert!(*ran.lock().unwrap());
    TcpStream::connect(address).await.unwrap_err();
}

#[test]
fn signals_need_a_runtime_and_do_without() {
    let _server = Server::new(silent_telemetry(&[])).shutdown_on_signals();
}
