//! The life of a server: serve, lame duck, drain, force, hooks, flush.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use obs_core::{Error, TelemetryHandle};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::app::App;
use super::builder::{Server, ShutdownOn};
use super::connection::{self, Phase};
use super::front::Shared;
use super::settings::{Settings, default_delay};
use super::stop::{Asked, Stop};
use super::{accept, hooks};
use crate::client_addr::ClientAddr;
use crate::health::{Endpoints, Health, Monitor};

/// How stopping went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// Every request was answered.
    pub(super) drained: bool,
    /// Every hook was done in time.
    pub(super) hooks_done: bool,
}

/// Serves until stopped, then stops in order.
pub(super) async fn until_stopped<A: App>(
    server: Server,
    listener: TcpListener,
    app: A,
) -> Result<Outcome, Error> {
    let Server {
        telemetry,
        health_path,
        checks,
        hooks,
        shutdown_delay,
        shutdown_timeout,
        shutdown_on,
    } = server;
    let handle = telemetry.handle();
    let settings = Settings::read(&handle);
    let stop = match listen(shutdown_on) {
        Ok(stop) => stop,
        Err(error) => {
            // Said while there is still somebody to hear it.
            tracing::error!(target: "obs::server", %error, "cannot serve");
            let _report = telemetry.shutdown_async(MAX_FLUSH).await;
            return Err(error);
        }
    };
    let health = Arc::new(Health::new(checks));
    // One that was asked to stop before it began has promised nobody to be there.
    let never_began = stop.is_asked();
    let monitor = (!never_began).then(|| Monitor::start(&health, settings.check_timeout));
    let endpoints =
        health_path.map(|path| Endpoints::new(&path, handle.service_version(), health.clone()));
    let connections = Connections::new(Arc::new(Shared {
        endpoints,
        health: health.clone(),
        redactor: handle.redactor(),
        in_flight: Arc::default(),
    }));

    if !never_began {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(target: "obs::server", "listening on http://{address}");
        }
        let delay = shutdown_delay.or(settings.shutdown_delay);
        let lame_duck = lame_duck(&stop, &health, &handle, delay);
        accept::until(lame_duck, &listener, |stream, peer| {
            connections.spawn(stream, ClientAddr::new(peer), app.clone())
        })
        .await;
    }
    drop(listener);

    let deadlines = Deadlines::from_now(shutdown_timeout.unwrap_or(settings.shutdown_timeout));
    let drained = connections.drain(&stop, deadlines.drain).await;
    drop(monitor);
    let hooks_done = hooks::run_all(hooks, deadlines.hooks).await;
    let left = deadlines.end.saturating_duration_since(Instant::now());
    let limit = left.clamp(MIN_FLUSH, MAX_FLUSH);
    tracing::info!(target: "obs::server", "stopped, flushing telemetry for up to {:.1} s", limit.as_secs_f64());
    // What was lost, the telemetry itself says.
    let _report = telemetry.shutdown_async(limit).await;
    Ok(Outcome {
        drained,
        hooks_done,
    })
}

/// Begins to wait for the request to stop, or goes on waiting for it.
fn listen(shutdown_on: ShutdownOn) -> Result<Stop, Error> {
    match shutdown_on {
        ShutdownOn::Future(stop) => Ok(Stop::on(stop)),
        ShutdownOn::Listening(stop) if stop.is_listening() => Ok(stop),
        ShutdownOn::Listening(_) | ShutdownOn::Signals => Stop::on_signals(),
    }
}

/// Waits for the request to stop, and then for the delay that follows it.
async fn lame_duck(
    stop: &Stop,
    health: &Health,
    handle: &TelemetryHandle,
    delay: Option<Duration>,
) {
    let asked = stop.asked().await;
    health.stop();
    let delay = delay.unwrap_or_else(|| match asked {
        Asked::Stop { at_terminal: true } => Duration::ZERO,
        _ => default_delay(handle),
    });
    if delay.is_zero() {
        return;
    }
    tracing::info!(target: "obs::server", ?delay, "not ready any more, still serving");
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = stop.forced() => {}
    }
}

/// When each part of stopping has to be over.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    drain: Instant,
    hooks: Instant,
    end: Instant,
}

impl Deadlines {
    /// Keeps a sixth, at most 5 s, for hooks and flush, and half of that for the flush alone.
    fn from_now(timeout: Duration) -> Self {
        let timeout = timeout.min(LONGEST);
        let reserve = (timeout / 6).min(Duration::from_secs(5));
        let now = Instant::now();
        Self {
            drain: now + (timeout - reserve),
            hooks: now + (timeout - reserve / 2),
            end: now + timeout,
        }
    }
}

/// Beyond any use, and not too long to be counted from now.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// All open connections.
struct Connections {
    shared: Arc<Shared>,
    protocol: Arc<hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>>,
    phase: watch::Sender<Phase>,
    /// Every connection holds a copy, so the count is theirs plus one, and the channel ends with them.
    open: mpsc::Sender<Infallible>,
    all_closed: mpsc::Receiver<Infallible>,
}

impl Connections {
    fn new(shared: Arc<Shared>) -> Self {
        let (open, all_closed) = mpsc::channel(1);
        let (phase, _) = watch::channel(Phase::Serve);
        Self {
            shared,
            protocol: Arc::new(connection::protocol()),
            phase,
            open,
            all_closed,
        }
    }

    fn spawn<A: App>(&self, stream: tokio::net::TcpStream, peer: ClientAddr, app: A) {
        let open = self.open.clone();
        let serve = connection::serve(
            self.protocol.clone(),
            stream,
            peer,
            app,
            self.shared.clone(),
            self.phase.subscribe(),
        );
        tokio::spawn(async move {
            serve.await;
            drop(open);
        });
    }

    /// Lets requests finish until the deadline, then closes what is open; whether all finished.
    async fn drain(mut self, stop: &Stop, deadline: Instant) -> bool {
        let open = self.open.downgrade();
        let requests = || self.shared.in_flight.load(Ordering::Relaxed);
        tracing::info!(target: "obs::server", connections = open.strong_count() - 1, requests = requests(), "draining");
        drop(self.open);
        self.phase.send_replace(Phase::Drain);
        tokio::select! {
            _ = self.all_closed.recv() => return true,
            () = tokio::time::sleep_until(deadline) => {}
            () = stop.forced() => {}
        }
        let cut_off = requests();
        if cut_off > 0 {
            tracing::warn!(target: "obs::server", requests = cut_off, "cutting off requests that did not finish");
        }
        self.phase.send_replace(Phase::Force);
        // Dropping a request records it; one that blocks its thread cannot be dropped, so not forever.
        let _closed = tokio::time::timeout(FORCE_GRACE, self.all_closed.recv()).await;
        cut_off == 0
    }
}

/// Exit code when requests had to be cut off.
pub(super) const EXIT_FORCED: u8 = 3;

/// Dropping requests is quick; this only bounds those that block.
const FORCE_GRACE: Duration = Duration::from_millis(250);

/// The flush is tried even where hooks have used up the time.
const MIN_FLUSH: Duration = Duration::from_millis(500);

/// A backend that takes nothing for so long will not be there in the rest of the time either, and
/// a restart should not last longer for it.
const MAX_FLUSH: Duration = Duration::from_secs(5);
