//! A clock that only a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;

/// A clock that stands still until it is [advanced](Self::advance); for
/// [`TestBuilder::clock`](super::TestBuilder::clock).
#[derive(Clone, Debug)]
pub struct ManualClock {
    /// The time at which it was made.
    base: Instant,
    base_unix_nanos: u64,
    advanced_nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows the time of now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            base: Instant::now(),
            base_unix_nanos: clock::unix_nanos(),
            advanced_nanos: Arc::default(),
        }
    }

    /// Moves the time on, for every clone.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.advanced_nanos.fetch_add(nanos, Ordering::AcqRel);
    }

    fn advanced(&self) -> u64 {
        self.advanced_nanos.load(Ordering::Acquire)
    }

    pub(crate) fn now(&self) -> Instant {
        self.base + Duration::from_nanos(self.advanced())
    }

    pub(crate) fn unix_nanos(&self) -> u64 {
        self.base_unix_nanos.saturating_add(self.advanced())
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
