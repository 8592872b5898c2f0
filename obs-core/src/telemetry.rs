//! The owner of a pipeline, and the handle that layers and tasks hold.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use obs_redact::Redactor;
use opentelemetry::metrics::Meter;
use tracing::Level;

use crate::config::Env;
use crate::pipeline::Pipeline;
use crate::report::{ShutdownReport, Status};
use crate::resource::Environment;

/// Owns the pipeline. Keep it in `main` until the service stops, then [`shutdown`](Self::shutdown).
///
/// Dropping it flushes for at most two seconds; binding it to `_` drops it at once.
#[must_use = "telemetry ends when this is dropped: keep it until the service stops"]
#[derive(Debug)]
pub struct Telemetry {
    handle: TelemetryHandle,
}

/// A cheap reference to a pipeline. It does not keep telemetry going: after
/// [`Telemetry::shutdown`] it does nothing.
#[derive(Clone)]
pub struct TelemetryHandle {
    pipeline: Arc<Pipeline>,
}

impl Telemetry {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self {
            handle: TelemetryHandle { pipeline },
        }
    }

    pub(crate) fn pipeline(&self) -> &Arc<Pipeline> {
        self.handle.pipeline()
    }

    /// A reference for layers, servers and tasks.
    #[must_use]
    pub fn handle(&self) -> TelemetryHandle {
        self.handle.clone()
    }

    /// Waits until everything recorded so far is written and sent; false if time ran out.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.handle.pipeline.flush(timeout)
    }

    /// What became of everything recorded so far.
    #[must_use]
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// Writes and sends what is left and ends the pipeline, within `timeout`.
    ///
    /// Blocks the calling thread; needs no runtime and cannot deadlock with one. Records that come
    /// later go to the terminal only. From async code use [`shutdown_async`](Self::shutdown_async).
    pub fn shutdown(self, timeout: Duration) -> ShutdownReport {
        self.handle.pipeline.shutdown(timeout)
    }

    /// As [`shutdown`](Self::shutdown), without blocking the calling task.
    ///
    /// # Cancel safety
    /// Shutdown goes on if the future is dropped; only the report is lost.
    pub fn shutdown_async(self, timeout: Duration) -> impl Future<Output = ShutdownReport> + Send {
        let shared = Arc::new(Mutex::new(Completion::default()));
        let completion = Arc::clone(&shared);
        let pipeline = Arc::clone(&self.handle.pipeline);
        // Marked here, so that dropping the future finds the end begun and does not wait for it.
        let first = pipeline.end();
        let shut_down = move || {
            let report = pipeline.finish(first, timeout);
            let mut completion = completion.lock().unwrap_or_else(PoisonError::into_inner);
            completion.report = Some(report);
            if let Some(waker) = completion.waker.take() {
                waker.wake();
            }
        };
        // Where no thread is to be had, blocking for a moment loses less than not flushing.
        if let Err(_no_thread) = std::thread::Builder::new()
            .name("obs-shutdown".to_owned())
            .spawn(shut_down)
        {
            let report = self.handle.pipeline.finish(first, timeout);
            shared.lock().unwrap_or_else(PoisonError::into_inner).report = Some(report);
        }
        Shutdown {
            shared,
            _owner: self,
        }
    }

    /// What is in force, secrets masked, a line per subject.
    #[must_use]
    pub fn describe(&self) -> String {
        self.pipeline().summary().join("\n")
    }
}

/// Flushes for at most two seconds.
impl Drop for Telemetry {
    fn drop(&mut self) {
        self.handle.pipeline.shutdown(Duration::from_secs(2));
    }
}

impl TelemetryHandle {
    /// The rules by which this pipeline redacts.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.pipeline.rules.redactor().clone()
    }

    /// A meter whose instruments are exported by this pipeline; it measures nothing where metrics
    /// are off.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.pipeline.meter(name)
    }

    /// What became of everything recorded so far; also after the end.
    #[must_use]
    pub fn status(&self) -> Status {
        self.pipeline.status()
    }

    /// The value of `service.name`.
    #[must_use]
    pub fn service_name(&self) -> &str {
        &self.pipeline.identity.service
    }

    /// The value of `service.version`.
    #[must_use]
    pub fn service_version(&self) -> &str {
        &self.pipeline.identity.version
    }

    /// The kind of deployment.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.pipeline.environment
    }

    /// The settings that the pipeline was started with.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.pipeline.env
    }

    pub(crate) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }
}

impl fmt::Debug for TelemetryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryHandle")
            .field("service_name", &self.service_name())
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// One line per signal: what is on, and how to turn on what is not.
    pub(crate) fn summary(&self) -> Vec<String> {
        let identity = &self.identity;
        let mut lines = vec![format!(
            "service {} {} in {} (APP_ENV)",
            identity.service, identity.version, identity.environment
        )];
        let level = self.filter.default_level();
        lines.extend(self.signal_lines(&format!(
            "{} at level {level} (LOG_LEVEL)",
            self.outputs.describe()
        )));
        lines
    }

    fn flush(&self, timeout: Duration) -> bool {
        let deadline = crate::clock::deadline(timeout);
        let written = self.outputs.flush(timeout);
        let sent = self.flush_export(deadline.saturating_duration_since(Instant::now()));
        written && sent
    }

    fn status(&self) -> Status {
        Status {
            log_lines: self.outputs.counts(),
            #[cfg(feature = "otlp")]
            signals: self
                .exporter
                .as_ref()
                .map(crate::export::Exporter::status)
                .unwrap_or_default(),
            sampling: self.keeper.as_ref().map(|keeper| keeper.tally().report()),
        }
    }

    fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.finish(self.end(), timeout)
    }

    /// Writes and sends what is left, if the end was not begun by somebody else.
    fn finish(&self, first: bool, timeout: Duration) -> ShutdownReport {
        if !first {
            return ShutdownReport::default();
        }
        let started = Instant::now();
        // Files first: they take milliseconds, and are what remains if the network takes the rest.
        let lines_written = self.outputs.flush(timeout / 2);
        #[cfg(feature = "otlp")]
        let signals = self.shutdown_export(timeout.saturating_sub(started.elapsed()));
        let mut report = ShutdownReport {
            log_lines: self.outputs.counts(),
            lines_written,
            #[cfg(feature = "otlp")]
            signals,
            took: started.elapsed(),
        };
        if report.is_complete() {
            if self.announces {
                self.say_here(Level::INFO, &format!("telemetry ended: {report}"));
            }
        } else {
            let (level, how) = if report.is_lossless() {
                (Level::INFO, "; the next start sends what is on disk")
            } else {
                (Level::WARN, " with losses")
            };
            self.say_here(level, &format!("telemetry ended{how}: {report}"));
        }
        // The line above and what came meanwhile is little; it is not worth losing.
        let left = timeout.saturating_sub(started.elapsed()).max(MIN_CLOSE);
        report.lines_written &= self.outputs.close(left);
        report
    }
}

const MIN_CLOSE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Completion {
    report: Option<ShutdownReport>,
    waker: Option<Waker>,
}

struct Shutdown {
    shared: Arc<Mutex<Completion>>,
    /// Its drop finds the pipeline ended already.
    _owner: Telemetry,
}

impl Future for Shutdown {
    type Output = ShutdownReport;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ShutdownReport> {
        let mut completion = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match completion.report.take() {
            Some(report) => Poll::Ready(report),
            None => {
                completion.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
