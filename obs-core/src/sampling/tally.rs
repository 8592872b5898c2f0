//! What keeping has done so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::reason::Reason;
use crate::report::SamplingReport;

/// Why something was not kept although there was a reason to, or might have been one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// `OBS_KEEP_RATE`, for the first error of a trace.
    RateErrors,
    /// `OBS_KEEP_RATE`, for all else.
    Rate,
    /// The bytes of one trace.
    TraceBytes,
    /// The bytes of all traces together.
    TotalBytes,
    /// The number of open spans of the API.
    OpenSpans,
}

impl Bound {
    pub(super) const COUNT: usize = 5;
    const ALL: [Self; Self::COUNT] = [
        Self::RateErrors,
        Self::Rate,
        Self::TraceBytes,
        Self::TotalBytes,
        Self::OpenSpans,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::RateErrors => "rate_errors",
            Self::Rate => "rate",
            Self::TraceBytes => "trace_bytes",
            Self::TotalBytes => "total_bytes",
            Self::OpenSpans => "open_spans",
        }
    }
}

/// Counters that any thread adds to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kept: [AtomicU64; Reason::KEPT.len()],
    forgotten: AtomicU64,
    over: [AtomicU64; Bound::COUNT],
    held: AtomicU64,
    peak: AtomicU64,
}

impl Tally {
    pub(super) fn kept(&self, reason: Reason) {
        let counters = Reason::KEPT.iter().zip(&self.kept);
        for (_, counter) in counters.filter(|(known, _)| **known == reason) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn forgot(&self, spans: usize) {
        self.forgotten.fetch_add(spans as u64, Ordering::Relaxed);
    }

    pub(super) fn over(&self, bound: Bound) {
        if let Some(counter) = self.over.get(bound as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes note of so many bytes more, unless that would be over the limit.
    pub(super) fn hold(&self, bytes: usize, limit: usize) -> bool {
        let bytes = bytes as u64;
        let now = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = now <= limit as u64;
        if !fits {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        } else if now > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
        fits
    }

    /// How many bytes wait.
    pub(super) fn held(&self) -> usize {
        usize::try_from(self.held.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    pub(super) fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn report(&self) -> SamplingReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SamplingReport {
            kept: Reason::KEPT
                .iter()
                .zip(&self.kept)
                .map(|(reason, count)| (reason.name(), read(count)))
                .collect(),
            forgotten_spans: read(&self.forgotten),
            over_bound: Bound::ALL
                .iter()
                .zip(&self.over)
                .map(|(bound, count)| (bound.name(), read(count)))
                .collect(),
            held_bytes: read(&self.held),
            peak_held_bytes: read(&self.peak),
        }
    }
}
