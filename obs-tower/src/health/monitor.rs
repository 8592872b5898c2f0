//! Runs the checks in the background and keeps what they found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::check::{Check, Weight};
use crate::isolated::{Failure, Isolated};

/// What is known about the service's health; probes read it, the monitor writes it.
#[derive(Debug)]
pub(crate) struct Health {
    checks: Vec<Watched>,
    started: AtomicBool,
    stopping: AtomicBool,
    since: Instant,
}

#[derive(Debug)]
struct Watched {
    check: Check,
    state: AtomicU8,
}

/// The last verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unknown = 0,
    Passing = 1,
    Failing = 2,
}

impl Health {
    pub(crate) fn new(checks: Vec<Check>) -> Self {
        let watched = |check| Watched {
            check,
            state: AtomicU8::new(State::Unknown as u8),
        };
        let checks: Vec<_> = checks.into_iter().map(watched).collect();
        let nothing_to_wait_for = checks
            .iter()
            .all(|watched| watched.check.weight == Weight::Optional);
        Self {
            checks,
            started: AtomicBool::new(nothing_to_wait_for),
            stopping: AtomicBool::new(false),
            since: Instant::now(),
        }
    }

    /// Makes the service unready for good.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether shutdown has begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn is_ready(&self) -> bool {
        let critical = |watched: &&Watched| watched.check.weight == Weight::Critical;
        !self.is_stopping()
            && self
                .checks
                .iter()
                .filter(critical)
                .all(|watched| watched.state() == State::Passing)
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    pub(super) fn uptime(&self) -> Duration {
        self.since.elapsed()
    }

    /// The checks by name, each with the word for its state.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.checks.iter().map(|watched| {
            let word = match (watched.state(), watched.check.weight) {
                (State::Passing, _) => "ok",
                (_, Weight::Optional) => "degraded",
                (_, Weight::Critical) => "unhealthy",
            };
            (watched.check.name, word)
        })
    }

    /// Notes a verdict, and tells the log if it is a new one.
    fn note(&self, watched: &Watched, verdict: Result<(), String>) {
        let state = if verdict.is_ok() {
            State::Passing
        } else {
            State::Failing
        };
        let before = watched.state.swap(state as u8, Ordering::AcqRel);
        let (check, critical) = (watched.check.name, watched.check.weight == Weight::Critical);
        match verdict {
            Err(error) if before != State::Failing as u8 => {
                tracing::warn!(target: "obs::health", check, critical, error, "health check failed");
            }
            Ok(()) if before == State::Failing as u8 => {
                tracing::info!(target: "obs::health", check, critical, "health check passes again");
            }
            Ok(()) | Err(_) => {}
        }
        if !self.is_started() && self.is_ready() {
            self.started.store(true, Ordering::Release);
        }
    }
}

impl Watched {
    fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            1 => State::Passing,
            2 => State::Failing,
            _ => State::Unknown,
        }
    }
}

/// Runs the checks; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Monitor {
    _tasks: JoinSet<()>,
}

impl Monitor {
    /// Starts to ask every check at once, and then at its interval.
    pub(crate) fn start(health: &Arc<Health>, default_timeout: Duration) -> Self {
        let mut tasks = JoinSet::new();
        for index in 0..health.checks.len() {
            tasks.spawn(watch(health.clone(), index, default_timeout));
        }
        Self { _tasks: tasks }
    }
}

/// Beyond any use, and not too long to be counted from now.
const LONGEST: Duration = Duration::from_hours(24 * 365);

async fn watch(health: Arc<Health>, index: usize, default_timeout: Duration) {
    let Some(watched) = health.checks.get(index) else {
        return;
    };
    let limit = watched
        .check
        .timeout
        .unwrap_or(default_timeout)
        .min(LONGEST);
    loop {
        let ask = watched.check.ask.clone();
        match Isolated::start("obs-check", move || ask()) {
            Ok(mut run) => {
                let verdict = run
                    .result(Instant::now() + limit)
                    .await
                    .unwrap_or_else(|failure| {
                        Err(match failure {
                            Failure::Panicked => "the check panicked".to_owned(),
                            Failure::TooLate => format!("no answer within {limit:?}"),
                        })
                    });
                health.note(watched, verdict);
                // One run at a time: a check that cannot be stopped is waited for.
                run.end().await;
            }
            Err(error) => health.note(watched, Err(format!("no thread for the check: {error}"))),
        }
        tokio::time::sleep(watched.check.interval).await;
    }
}
