//! Emits records with ids that go on for as long as the process lives, and times every call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tracing::Level;

/// How many records of each kind there were; the next one's id is the number of those before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Emitted {
    logs: Arc<AtomicU64>,
    spans: Arc<AtomicU64>,
}

impl Emitted {
    /// One log record.
    pub(crate) fn log(&self, level: Level, text: &str) {
        let id = self.logs.fetch_add(1, Ordering::Relaxed);
        match level {
            Level::ERROR => tracing::error!(target: TARGET, id, text, "emitted"),
            Level::WARN => tracing::warn!(target: TARGET, id, text, "emitted"),
            Level::INFO => tracing::info!(target: TARGET, id, text, "emitted"),
            Level::DEBUG => tracing::debug!(target: TARGET, id, text, "emitted"),
            Level::TRACE => tracing::trace!(target: TARGET, id, text, "emitted"),
        }
    }

    /// One span.
    pub(crate) fn span(&self) {
        let id = self.spans.fetch_add(1, Ordering::Relaxed);
        tracing::info_span!(target: TARGET, "emitted", id).in_scope(|| ());
    }

    /// The next records have this id.
    pub(crate) fn go_on_from(&self, id: u64) {
        self.logs.store(id, Ordering::Relaxed);
        self.spans.store(id, Ordering::Relaxed);
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "logs": self.logs.load(Ordering::Relaxed),
            "spans": self.spans.load(Ordering::Relaxed),
        })
    }
}

/// Calls so often, and returns the time of the longest call.
pub(crate) fn longest_of(count: u64, mut call: impl FnMut()) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..count {
        longest = longest.max(time_of(&mut call));
    }
    longest
}

pub(crate) fn time_of(call: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    call();
    begin.elapsed()
}

/// A text of this length in which nothing looks like a secret.
pub(crate) fn text(bytes: usize) -> String {
    "so it goes ".chars().cycle().take(bytes).collect()
}

/// What its log records come from.
const TARGET: &str = "emitter";
