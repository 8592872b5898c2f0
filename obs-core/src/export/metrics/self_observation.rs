//! Metrics of the pipeline itself: the accounting under the names of OpenTelemetry's conventions
//! for SDKs, and ours where they have none.
//!
//! The number of data points is the same in every collection, so that sending them does not make
//! more of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hyper::Uri;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

use super::left_out::LeftOut;
use super::observers::Outcome;
use super::sampling_metrics;
use super::signal_metrics::SignalMetrics;
use crate::export::account::SignalReport;
use crate::export::queue::{self, Queue};
use crate::export::settings::Target;
use crate::sampling::Tally;

/// The instruments of one pipeline that measure the pipeline.
#[derive(Debug)]
pub(super) struct SelfObservation {
    meter: Meter,
    /// Tells the pipelines of a process apart.
    instance: u64,
    collection: Histogram<f64>,
    operation: Histogram<f64>,
    watched: Mutex<Vec<Arc<Watched>>>,
}

impl SelfObservation {
    pub(super) fn new(meter: Meter, left_out: &Arc<LeftOut>) -> Self {
        let left_out = Arc::clone(left_out);
        let _registered = meter
            .u64_observable_counter("obs.export.left_out")
            .with_unit("{data_point}")
            .with_description(
                "Data points that were not handed over, since no backend could use them.",
            )
            .with_callback(move |counter| counter.observe(left_out.total(), &[]))
            .build();
        let duration = |name, description| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(DURATIONS.to_vec())
                .build()
        };
        Self {
            collection: duration(
                "otel.sdk.metric_reader.collection.duration",
                "The duration of the collect operation of the metric reader.",
            ),
            operation: duration(
                "otel.sdk.exporter.operation.duration",
                "The duration of exporting a batch of telemetry records.",
            ),
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
            meter,
            watched: Mutex::default(),
        }
    }

    /// Makes metrics of what becomes of a signal.
    pub(super) fn watch(&self, target: &Target, queue: &Arc<Queue>) -> OperationDuration {
        let watched = Arc::new(Watched {
            queue: Arc::downgrade(queue),
            report: Mutex::new(queue.report()),
        });
        let metrics = SignalMetrics::new(&self.meter, &watched, target.signal);
        let exporter = self.component(metrics.exporter_type());
        metrics.register_queue(&exporter);
        if let Some(processor) = metrics.processor_type() {
            metrics.register_processor(&self.component(processor));
        }
        let exporter = [exporter, server(&target.uri)].concat();
        metrics.register_exporter(&exporter);
        self.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(watched);
        OperationDuration(Some((self.operation.clone(), exporter)))
    }

    /// Makes metrics of what sampling does.
    pub(super) fn watch_sampling(&self, tally: &Arc<Tally>) {
        sampling_metrics::register(&self.meter, tally);
    }

    /// Takes the snapshots that the next collection shows.
    pub(super) fn look(&self) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().for_each(|watched| watched.look());
    }

    pub(super) fn collected(&self, took: Duration, outcome: Outcome) {
        let mut attributes = self.component("periodic_metric_reader");
        match outcome {
            Outcome::Complete => {}
            Outcome::Panicked => attributes.push(KeyValue::new(ERROR_TYPE, "panic")),
            Outcome::Late => attributes.push(KeyValue::new(ERROR_TYPE, "timeout")),
        }
        self.collection.record(took.as_secs_f64(), &attributes);
    }

    fn component(&self, kind: &'static str) -> Vec<KeyValue> {
        vec![
            KeyValue::new("otel.component.type", kind),
            KeyValue::new("otel.component.name", format!("{kind}/{}", self.instance)),
        ]
    }
}

/// Takes how long it took to deliver a batch, or to give it up.
#[derive(Clone, Debug, Default)]
pub(in crate::export) struct OperationDuration(Option<(Histogram<f64>, Vec<KeyValue>)>);

impl OperationDuration {
    /// From the first try to the end of the last one, with the status that was answered last.
    pub(in crate::export) fn record(
        &self,
        took: Duration,
        status: Option<u16>,
        outcome: queue::Outcome,
    ) {
        let Some((histogram, component)) = &self.0 else {
            return;
        };
        let mut attributes = component.clone();
        if let Some(status) = status {
            attributes.push(KeyValue::new(
                "http.response.status_code",
                i64::from(status),
            ));
        }
        let error = match outcome {
            queue::Outcome::Exported { rejected: 0 } | queue::Outcome::Suspect => None,
            queue::Outcome::Exported { .. } | queue::Outcome::Rejected => Some("rejected"),
            queue::Outcome::Dropped(reason) => Some(reason.name()),
            // It has not come to its end.
            queue::Outcome::Spooled { .. } => return,
        };
        if let Some(error) = error {
            attributes.push(KeyValue::new(ERROR_TYPE, error));
        }
        histogram.record(took.as_secs_f64(), &attributes);
    }
}

/// One signal as it is shown.
#[derive(Debug)]
pub(super) struct Watched {
    /// Weak, since the SDK's provider may outlive the pipeline.
    queue: Weak<Queue>,
    /// The snapshot that all metrics of one collection come from.
    report: Mutex<SignalReport>,
}

impl Watched {
    fn look(&self) {
        if let Some(queue) = self.queue.upgrade() {
            *self.report.lock().unwrap_or_else(PoisonError::into_inner) = queue.report();
        }
    }

    /// Reads the snapshot.
    pub(super) fn with<T>(&self, read: impl FnOnce(&SignalReport) -> T) -> T {
        read(&self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where requests go to.
fn server(uri: &Uri) -> Vec<KeyValue> {
    let default = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    let host = uri.host().unwrap_or_default().to_owned();
    let port = i64::from(uri.port_u16().unwrap_or(default));
    vec![
        KeyValue::new("server.address", host),
        KeyValue::new("server.port", port),
    ]
}

pub(super) const ERROR_TYPE: &str = "error.type";
static INSTANCES: AtomicU64 = AtomicU64::new(0);
/// Seconds; the conventions advise none for these, so they are those of HTTP and a longer one, as
/// a batch may be tried for minutes.
const DURATIONS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 60.0, 300.0,
];
