//! How much a queue holds, and when a batch goes out.

use std::fmt;
use std::time::Duration;

use super::{Priority, Signal};
use crate::config::Reader;

/// How much a queue holds, and when a batch goes out.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Records that wait or are in flight, in bytes as encoded.
    pub(super) bytes: usize,
    /// The same, in records.
    pub(super) items: usize,
    /// Most records in one request.
    pub(super) batch_items: usize,
    /// How long the first record of a batch waits for company.
    pub(super) delay: Duration,
}

impl Limits {
    /// Reads `OTEL_BSP_*` for spans and `OTEL_BLRP_*` for log records.
    pub(super) fn read(reader: &Reader<'_>, signal: Signal) -> Self {
        let (prefix, delay) = match signal {
            Signal::Traces => ("OTEL_BSP", Duration::from_secs(5)),
            Signal::Logs => ("OTEL_BLRP", Duration::from_secs(1)),
            Signal::Metrics => {
                let (items, batch_items) = (usize::MAX, usize::MAX);
                return Self {
                    bytes: QUEUE_BYTES,
                    items,
                    batch_items,
                    delay: Duration::ZERO,
                };
            }
        };
        let count = |suffix: &str| {
            let default = Count(usize::MAX);
            let read = |text: &str| text.parse().ok().filter(|count| *count > 0).map(Count);
            reader
                .parse(
                    &format!("{prefix}_{suffix}"),
                    "a whole number above 0",
                    default,
                    read,
                )
                .0
        };
        Self {
            bytes: QUEUE_BYTES,
            items: count("MAX_QUEUE_SIZE"),
            batch_items: count("MAX_EXPORT_BATCH_SIZE"),
            delay: reader.duration(&format!("{prefix}_SCHEDULE_DELAY"), delay),
        }
    }

    /// The share of the queue that records of a priority may fill: what matters less is refused
    /// first, so that errors still find room.
    pub(super) fn share(limit: usize, priority: Priority) -> usize {
        let percent = match priority {
            Priority::Debug => 80,
            Priority::Info => 90,
            Priority::Warn => 95,
            Priority::Error => 100,
        };
        // Divided first where the product could overflow; a small limit keeps its precision.
        limit
            .checked_mul(percent)
            .map_or(limit / 100 * percent, |product| product / 100)
    }
}

/// A number of records of which the largest means that bytes alone decide.
struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            usize::MAX => f.write_str("no limit but the bytes"),
            count => write!(f, "{count}"),
        }
    }
}

/// What each of the two queues may hold, encoded: some 100,000 records of usual size.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;
