//! What became of the data.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::config::Problem;
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

/// What became of traces that head sampling refused; see [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplingReport {
    /// Local traces that were exported all the same, by the reason that decided: `error`, `slow` or
    /// `forced`. `late_error`: spans that failed after their trace was forgotten and were exported
    /// alone.
    pub kept: BTreeMap<&'static str, u64>,
    /// Spans that were not exported.
    pub forgotten_spans: u64,
    /// Local traces that were forgotten, or exported in part, because a bound was reached.
    ///
    /// `rate_errors`: something in them failed, but `OBS_KEEP_RATE` was used up; `rate`: the same for
    /// slow and forced ones, and for errors after the first of a trace; `trace_bytes`: they were too
    /// large; `total_bytes`: all that waited was too much; `open_spans`: too many spans of the
    /// OpenTelemetry API were open.
    pub over_bound: BTreeMap<&'static str, u64>,
    /// Bytes of memory taken by spans that wait for the end of their trace.
    pub held_bytes: u64,
    /// The most that this was at once.
    pub peak_held_bytes: u64,
}

/// What would be in force; see [`Builder::describe`](crate::Builder::describe).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// A line per subject, secrets masked, as [`Telemetry::describe`](crate::Telemetry::describe)
    /// has them.
    pub lines: Vec<String>,
    /// The settings that cannot be used as written.
    pub problems: Vec<Problem>,
}

/// How telemetry is doing; see [`Telemetry::status`](crate::Telemetry::status).
///
/// Prints as a line for the log outputs and one for each signal that is sent.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// Lines written to the combined file, or to the terminal where there is no file; losses of all
    /// outputs.
    pub log_lines: LineCounts,
    /// What became of the records so far, by signal; each entry is one consistent snapshot.
    #[cfg(feature = "otlp")]
    pub signals: Vec<SignalReport>,
    /// What became of traces that head sampling refused; none where they are not kept at all.
    pub sampling: Option<SamplingReport>,
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
        #[cfg(feature = "otlp")]
        let sent = self.signals.iter().all(SignalReport::is_complete);
        #[cfg(not(feature = "otlp"))]
        let sent = true;
        self.has_all_lines() && sent
    }

    /// Whether everything that was recorded has been written, and accepted by the backend or left
    /// on disk for the next start.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        #[cfg(feature = "otlp")]
        let kept = self.signals.iter().all(SignalReport::is_lossless);
        #[cfg(not(feature = "otlp"))]
        let kept = true;
        self.has_all_lines() && kept
    }

    fn has_all_lines(&self) -> bool {
        let LineCounts {
            dropped_full,
            dropped_failed,
            ..
        } = self.log_lines;
        self.lines_written && dropped_full == 0 && dropped_failed == 0
    }
}

impl fmt::Display for LineCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.dropped_full + self.dropped_failed;
        write!(f, "log lines: {} written, {lost} lost", self.written)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.log_lines)?;
        #[cfg(feature = "otlp")]
        for signal in &self.signals {
            write!(f, "\n{signal}")?;
        }
        if let Some(sampling) = &self.sampling {
            write!(f, "\n{sampling}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SamplingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sampling: kept")?;
        for (index, (reason, count)) in self.kept.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator} {count} {reason}")?;
        }
        write!(f, "; {} spans forgotten", self.forgotten_spans)?;
        for (bound, count) in self.over_bound.iter().filter(|(_, count)| **count > 0) {
            write!(f, ", {count} traces over the bound ({bound})")?;
        }
        write!(f, "; {} bytes wait", self.held_bytes)
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.log_lines)?;
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

#[cfg(all(test, feature = "testing"))]
mod tests {
    use crate::testing;

    #[test]
    fn status_tells_of_every_signal_and_still_does_after_the_end() {
        let t = testing::pipeline_with(&[("OTEL_METRICS_EXPORTER", "none")]);
        t.run_sync(|| tracing::info!("hello"));
        t.flush();
        let handle = t.telemetry().handle();
        let status = t.telemetry().status();
        assert_eq!(
            status.to_string(),
            "log lines: 1 written, 0 lost\n\
             traces: 0 of 0 exported\n\
             logs: 1 of 1 exported\n\
             sampling: kept 0 error, 0 forced, 0 late_error, 0 slow; 0 spans forgotten; \
             0 bytes wait"
        );
        assert_eq!(handle.status().to_string(), status.to_string());
        drop(t);
        assert_eq!(handle.status().signals, status.signals);
    }
}
