//! What is measured: the figures of one process, what its receiver got, and their statistics.

use serde::{Deserialize, Serialize};

/// The figures of one side in one round.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// CPU microseconds per request of the whole process, until everything was flushed.
    pub(crate) process_us: f64,
    /// CPU microseconds per request of the thread that ran the requests.
    pub(crate) thread_us: f64,
    /// Allocations and reallocations per request, all threads, until everything was flushed;
    /// only from a run that counts them, whose times mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allocations: Option<f64>,
    /// The most memory resident, in KiB.
    pub(crate) peak_rss_kib: u64,
    /// Wall-clock seconds that flush and shutdown took.
    pub(crate) shutdown_s: f64,
    /// Requests sent, those of the warm-up included.
    pub(crate) requests: u64,
    /// Lines in the combined log file.
    pub(crate) log_lines: u64,
    /// Bytes in the combined log file.
    pub(crate) log_bytes: u64,
    /// What the OTLP receiver got.
    pub(crate) delivered: Delivered,
}

/// What an OTLP receiver got, counted after the side was through.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Delivered {
    /// Requests answered.
    pub(crate) posts: u64,
    /// Bytes in their bodies.
    pub(crate) bytes: u64,
    pub(crate) spans: u64,
    pub(crate) log_records: u64,
    pub(crate) metric_points: u64,
    /// Bodies that are no OTLP message of the signal that their path names.
    pub(crate) malformed: u64,
}

/// The middle and the ends of a set of figures.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Sums up `values`; `None` if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn an_even_number_of_values_has_its_median_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 2.0, 10.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (3.0, 1.0, 10.0));
    }

    #[test]
    fn no_values_have_no_spread() {
        assert!(Spread::of([]).is_none());
    }
}
