//! Counts and tells the data points that no backend could use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;

use crate::export::reporter::Reporter;

/// Data points that were left out before they were accepted.
#[derive(Debug)]
pub(super) struct LeftOut {
    count: AtomicU64,
    reporter: Arc<Reporter>,
}

impl LeftOut {
    pub(super) fn new(reporter: Arc<Reporter>) -> Self {
        Self {
            count: AtomicU64::new(0),
            reporter,
        }
    }

    /// Counts points, and tells their metric and what is wrong with them once a minute.
    pub(super) fn count(&self, metric: &str, points: usize, reason: &str) {
        if points == 0 {
            return;
        }
        self.count.fetch_add(points as u64, Ordering::Relaxed);
        let kind = format!("left out {metric}");
        self.reporter.tell(Level::WARN, &kind, || {
            format!("the metric {metric} loses data points, {points} this time: {reason}")
        });
    }

    pub(super) fn total(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
