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
    /// Reads `OTEL_BSP_*` for spans, `OTEL_BLRP_*` for log records, and the bytes of both.
    pub(super) fn read(reader: &Reader<'_>, signal: Signal) -> Self {
        let bytes = queue_bytes(reader);
        let (prefix, delay) = match signal {
            Signal::Traces => ("OTEL_BSP", Duration::from_secs(5)),
            Signal::Logs => ("OTEL_BLRP", Duration::from_secs(1)),
            Signal::Metrics => {
                return Self {
                    bytes,
                    items: usize::MAX,
                    batch_items: usize::MAX,
                    delay: Duration::ZERO,
                };
            }
        };
        let count = |suffix: &str, default: usize| {
            let name = format!("{prefix}_{suffix}");
            let read = |text: &str| text.parse().ok().filter(|count| *count > 0).map(Count);
            let count = reader.parse(&name, "a whole number above 0", Count(default), read);
            count.0
        };
        Self {
            bytes,
            items: count("MAX_QUEUE_SIZE", QUEUE_ITEMS),
            batch_items: count("MAX_EXPORT_BATCH_SIZE", usize::MAX),
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

fn queue_bytes(reader: &Reader<'_>) -> usize {
    let bytes = reader.bytes(QUEUE_SIZE, QUEUE_BYTES);
    if bytes >= LEAST_BYTES {
        return usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if reader.text(QUEUE_SIZE).is_some() {
        let expected = format!("at least {}k", LEAST_BYTES / 1024);
        reader.problem(QUEUE_SIZE, &bytes.to_string(), &expected, &expected);
    }
    LEAST_BYTES as usize
}

const QUEUE_SIZE: &str = "OBS_QUEUE_SIZE";
/// What the queue of a signal may hold, encoded: some 100,000 records of usual size.
const QUEUE_BYTES: u64 = 32 * 1024 * 1024;
/// Less holds no second of a busy service.
const LEAST_BYTES: u64 = 64 * 1024;
/// Bytes decide long before, unless records are tiny.
const QUEUE_ITEMS: usize = 1_000_000;
