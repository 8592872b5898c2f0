//! What the program wants done between the last request and the flush.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::isolated::{Failure, Isolated};

/// One thing to do, and how long it may take.
pub(super) struct Hook {
    name: &'static str,
    deadline: Duration,
    action: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Hook {
    pub(super) fn new(
        name: &'static str,
        deadline: Duration,
        action: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            name,
            deadline,
            action: Box::pin(action),
        }
    }

    /// Whether it was done in time.
    async fn run(self, until: Instant) -> bool {
        let Self {
            name: hook,
            deadline,
            action,
        } = self;
        let started = Instant::now();
        let until = started
            .checked_add(deadline)
            .map_or(until, |own| own.min(until));
        let problem = match Isolated::start("obs-hook", move || action) {
            Ok(mut run) => match run.result(until).await {
                Ok(()) => None,
                Err(Failure::Panicked) => Some("it panicked"),
                Err(Failure::TooLate) => Some("it took too long"),
            },
            Err(_) => Some("there is no thread for it"),
        };
        let seconds = started.elapsed().as_secs_f64();
        match problem {
            None => tracing::info!(target: "obs::server", hook, seconds, "shutdown hook done"),
            Some(problem) => {
                tracing::error!(target: "obs::server", hook, seconds, problem, "shutdown hook failed")
            }
        }
        problem.is_none()
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("name", &self.name)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Runs all hooks in order; whether all were done in time.
pub(super) async fn run_all(hooks: Vec<Hook>, until: Instant) -> bool {
    let mut all_done = true;
    for hook in hooks {
        all_done &= hook.run(until).await;
    }
    all_done
}
