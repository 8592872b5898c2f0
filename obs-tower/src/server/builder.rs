//! What a server is told before it runs.

use std::fmt;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use obs_core::{Error, Telemetry};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::app::App;
use super::hooks::Hook;
use super::run::{self, Outcome};
use super::stop::Stop;
use crate::health::Check;

/// Runs an application until it is told to stop, and stops it in order.
///
/// It takes over the telemetry, because flushing it is the last step of stopping. See the
/// [module](crate::server) for the phases.
#[must_use = "a server does nothing until it serves"]
pub struct Server {
    pub(super) telemetry: Telemetry,
    pub(super) health_path: Option<String>,
    pub(super) checks: Vec<Check>,
    pub(super) hooks: Vec<Hook>,
    pub(super) shutdown_delay: Option<Duration>,
    pub(super) shutdown_timeout: Option<Duration>,
    pub(super) shutdown_on: ShutdownOn,
}

/// What stops a server.
pub(super) enum ShutdownOn {
    /// SIGTERM and SIGINT, from serving on.
    Signals,
    /// SIGTERM and SIGINT, already.
    Listening(Stop),
    Future(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Server {
    /// A server with no health endpoints, checks or hooks.
    pub fn new(telemetry: Telemetry) -> Self {
        Self {
            telemetry,
            health_path: None,
            checks: Vec::new(),
            hooks: Vec::new(),
            shutdown_delay: None,
            shutdown_timeout: None,
            shutdown_on: ShutdownOn::Signals,
        }
    }

    /// Answers health probes under this path, before the application; see [`health`](crate::health).
    pub fn health_at(self, path: impl Into<String>) -> Self {
        Self {
            health_path: Some(path.into()),
            ..self
        }
    }

    /// Adds a check, run in the background from the start on.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Adds something to do when all requests are finished, for at most `deadline`.
    ///
    /// Hooks run in the order in which they were added. One that panics or takes too long is given
    /// up and told in the log; the next one runs.
    pub fn on_shutdown(
        mut self,
        name: &'static str,
        deadline: Duration,
        hook: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.hooks.push(Hook::new(name, deadline, hook));
        self
    }

    /// How long to go on serving while unready; instead of `SHUTDOWN_DELAY`.
    pub fn shutdown_delay(self, delay: Duration) -> Self {
        Self {
            shutdown_delay: Some(delay),
            ..self
        }
    }

    /// How long everything after the delay may take; instead of `SHUTDOWN_TIMEOUT`.
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        Self {
            shutdown_timeout: Some(timeout),
            ..self
        }
    }

    /// Stops when this future is done, instead of on SIGTERM and SIGINT, which are then not handled.
    ///
    /// Of this and [`shutdown_on_signals`](Self::shutdown_on_signals), the last one counts.
    pub fn shutdown_on(self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            shutdown_on: ShutdownOn::Future(Box::pin(stop)),
            ..self
        }
    }

    /// Handles SIGTERM and SIGINT from now on, rather than only once it serves.
    ///
    /// For programs that make their server before something slow, such as opening a database: without
    /// it a SIGTERM in between ends the process at once, with whatever telemetry was not sent yet.
    /// With it, [`serve`](Self::serve) finds that it was asked to stop, accepts nothing, and goes
    /// through the rest: hooks, flush, and a clean end. Nothing else is interrupted, so give what is
    /// slow a timeout; a third signal exits, as it does later.
    ///
    /// Call it inside the tokio runtime that will serve; outside of any it has no effect, and
    /// signals are handled from serving on. It is not the default because it cannot be undone: once
    /// handled, a signal never again ends the process by itself, not even when the server was
    /// dropped.
    ///
    /// # Panics
    /// In a runtime that was built without its IO driver, which could not serve either.
    ///
    /// # Examples
    /// ```no_run
    /// # use obs_tower::Server;
    /// # async fn open_database() -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn serve(app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new(obs_core::init!()?).shutdown_on_signals();
    /// let database = open_database().await?;
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// server.serve(listener, app).await?;
    /// # Ok(()) }
    /// ```
    pub fn shutdown_on_signals(self) -> Self {
        let listening = Handle::try_current()
            .ok()
            // Serving tries again, and says what is wrong.
            .and_then(|_runtime| Stop::on_signals().ok());
        Self {
            shutdown_on: listening.map_or(ShutdownOn::Signals, ShutdownOn::Listening),
            ..self
        }
    }

    /// Serves until stopped. A forced drain and a failed hook are told in the log; use
    /// [`run`](Self::run) where the exit code shall tell them too.
    ///
    /// # Errors
    /// If signals cannot be handled.
    ///
    /// # Cancel safety
    /// Dropping the future closes all connections at once and skips the hooks.
    pub async fn serve<A: App>(self, listener: TcpListener, app: A) -> Result<(), Error> {
        Box::pin(run::until_stopped(self, listener, app))
            .await
            .map(|_| ())
    }

    /// Serves until stopped, and says how that went: 0 clean, 2 it could not start, 3 requests had
    /// to be cut off, 4 a hook failed.
    ///
    /// # Cancel safety
    /// As [`serve`](Self::serve).
    pub async fn run<A: App>(self, listener: TcpListener, app: A) -> ExitCode {
        match Box::pin(run::until_stopped(self, listener, app)).await {
            Ok(Outcome { drained: false, .. }) => ExitCode::from(run::EXIT_FORCED),
            Ok(Outcome {
                hooks_done: false, ..
            }) => ExitCode::from(EXIT_HOOK_FAILED),
            Ok(_) => ExitCode::SUCCESS,
            Err(_told) => ExitCode::from(EXIT_CONFIGURATION),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("health_path", &self.health_path)
            .field("checks", &self.checks)
            .field("hooks", &self.hooks)
            .field("shutdown_delay", &self.shutdown_delay)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish_non_exhaustive()
    }
}

const EXIT_CONFIGURATION: u8 = 2;
const EXIT_HOOK_FAILED: u8 = 4;
