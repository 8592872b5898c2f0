//! Tells what goes wrong, at most once a minute for each kind.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;

/// Where warnings of the sender go: outputs that do not depend on it.
///
/// It is called on the sender thread, must not block, and must not keep the exporter alive.
pub(crate) type Report = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Tells what goes wrong, at most once a minute for each kind.
pub(super) struct Reporter {
    report: Report,
    told: Mutex<HashMap<String, Instant>>,
}

impl Reporter {
    pub(super) fn new(report: Report) -> Self {
        Self {
            report,
            told: Mutex::new(HashMap::new()),
        }
    }

    /// Tells a message, unless one of the same kind was told within the last minute; true if told.
    pub(super) fn tell(&self, level: Level, kind: &str, message: impl FnOnce() -> String) -> bool {
        let now = Instant::now();
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|_, at| now.duration_since(*at) < EVERY);
            if told.contains_key(kind) || told.len() >= MAX_KINDS {
                return false;
            }
            told.insert(kind.to_owned(), now);
        }
        (self.report)(level, &message());
        true
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}

const EVERY: Duration = Duration::from_secs(60);
const MAX_KINDS: usize = 64;
