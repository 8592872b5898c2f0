//! A pipeline of its own for one test.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::layer::SubscriberExt as _;

use super::builder::TestBuilder;
use super::query::{Logs, Metrics, Spans};
use super::receiver::Receiver;
use crate::config::Env;
use crate::telemetry::Telemetry;

/// A pipeline that sends to a receiver in this process and writes files to a folder of its own.
#[derive(Debug)]
pub struct TestPipeline {
    telemetry: Telemetry,
    dispatch: Dispatch,
    receiver: Receiver,
    folder: PathBuf,
}

/// A pipeline in development settings: everything is sampled.
///
/// # Panics
/// If the system gives no port, thread or folder.
#[must_use]
pub fn pipeline() -> TestPipeline {
    pipeline_with(&[])
}

/// A pipeline with further variables, which win over those of [`pipeline`].
///
/// # Panics
/// If the variables are refused, or the system gives no port, thread or folder.
#[must_use]
pub fn pipeline_with(vars: &[(&str, &str)]) -> TestPipeline {
    super::builder().env(vars).start()
}

/// With a single subscriber alive, `tracing` asks the current thread's subscriber about a new call
/// site, and a thread without one would close it for all. A second one, interested in everything,
/// makes it ask each of them.
fn keep_callsites_open() {
    static INTERESTED: OnceLock<Dispatch> = OnceLock::new();
    INTERESTED.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
}

impl TestPipeline {
    #[expect(
        clippy::expect_used,
        reason = "a test without its pipeline cannot go on"
    )]
    pub(super) fn start(choices: TestBuilder) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        keep_callsites_open();
        let TestBuilder { vars, clock, ids } = choices;
        let receiver = Receiver::start();
        let unique = format!(
            "obs-testing-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(unique);
        let endpoint = receiver.endpoint();
        let own = [
            ("APP_ENV", "development"),
            ("LOG_FORMAT", "off"),
            (
                "LOG_FILE_PATH",
                folder
                    .to_str()
                    .expect("the temporary folder has a UTF-8 name"),
            ),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ];
        let vars = vars
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let env = Env::from_pairs(own.into_iter().chain(vars));
        let (telemetry, layer) = crate::builder("test")
            .env(env)
            .quiet()
            .clock(clock)
            .ids(ids)
            .build()
            .expect("the settings are right");
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        Self {
            telemetry,
            dispatch,
            receiver,
            folder,
        }
    }

    /// Runs a future inside the pipeline. Tasks that it spawns are outside, unless they are given
    /// the subscriber with `tracing::instrument::WithSubscriber`.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        future.with_subscriber(self.dispatch.clone()).await
    }

    /// Runs a closure inside the pipeline.
    pub fn run_sync<R>(&self, work: impl FnOnce() -> R) -> R {
        dispatcher::with_default(&self.dispatch, work)
    }

    /// The pipeline under test.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The subscriber, for threads and tasks of the test.
    #[must_use]
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// What the pipeline sends to.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// The finished spans so far.
    #[must_use]
    pub fn spans(&self) -> Spans {
        self.flush();
        Spans::of(self.receiver.spans())
    }

    /// The log records so far.
    #[must_use]
    pub fn logs(&self) -> Logs {
        self.flush();
        Logs::of(self.receiver.logs())
    }

    /// The metrics so far, as of the last collection.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.flush();
        Metrics::of(self.receiver.metrics())
    }

    /// The lines of the combined file so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.flush();
        self.files("combined")
            .concat()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Asserts that a text is in no file and nothing that was sent.
    ///
    /// # Panics
    /// If it is found.
    #[expect(clippy::panic, reason = "this is an assertion")]
    pub fn assert_absent(&self, needle: &str) {
        self.flush();
        if self.receiver.raw_bytes_contain(needle) {
            panic!("{needle:?} was sent");
        }
        if let Some(text) = self.files("").iter().find(|text| text.contains(needle)) {
            let line = text
                .lines()
                .find(|line| line.contains(needle))
                .unwrap_or_default();
            panic!("{needle:?} stands in a log file: {line}");
        }
    }

    /// Waits until everything recorded so far has come out.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub fn flush(&self) {
        assert!(
            self.telemetry.flush(Duration::from_secs(30)),
            "the pipeline was not flushed in time"
        );
    }

    fn files(&self, prefix: &str) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| has_prefix(path, prefix));
        paths.sort();
        paths
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect()
    }
}

impl Drop for TestPipeline {
    fn drop(&mut self) {
        // The folder may never have been made.
        let _missing = std::fs::remove_dir_all(&self.folder);
    }
}

fn has_prefix(path: &Path, prefix: &str) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(prefix))
}
