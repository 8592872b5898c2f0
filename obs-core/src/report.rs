//! What became of the data.

use std::fmt;
use std::time::Duration;

#[cfg(feature = "otlp")]
use crate::export::SignalReport;

/// What became of the lines of a log output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineCounts {
    /// Lines written.
    pub written: u64,
    /// Lines refused because the queue was full: debug and info first, errors last.
    pub dropped_full: u64,
    /// Lines that the disk or the terminal refused.
    pub dropped_failed: u64,
}

/// What [`Telemetry::shutdown`](crate::Telemetry::shutdown) achieved.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Lines written to the combined file, or to the terminal where there is no file; losses of all
    /// outputs.
    pub log_lines: LineCounts,
    /// Whether all lines that were waiting are written.
    pub lines_written: bool,
    /// What was exported, and what was not, by signal.
    #[cfg(feature = "otlp")]
    pub signals: Vec<SignalReport>,
    /// How long it took.
    pub took: Duration,
}

impl ShutdownReport {
    /// Whether everything that was recorded has been written and accepted by the backend.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let lines = self.lines_written
            && self.log_lines.dropped_full == 0
            && self.log_lines.dropped_failed == 0;
        #[cfg(feature = "otlp")]
        let sent = self
            .signals
            .iter()
            .all(|signal| signal.exported == signal.accepted);
        #[cfg(not(feature = "otlp"))]
        let sent = true;
        lines && sent
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LineCounts {
            written,
            dropped_full,
            dropped_failed,
        } = self.log_lines;
        write!(
            f,
            "log lines: {written} written, {} lost",
            dropped_full + dropped_failed
        )?;
        if !self.lines_written {
            f.write_str(", some not written in time")?;
        }
        #[cfg(feature = "otlp")]
        for signal in &self.signals {
            write!(f, "; {signal}")?;
        }
        write!(f, "; took {:?}", self.took)
    }
}
