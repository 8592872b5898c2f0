//! The way of metrics: the SDK collects, we redact, encode and queue.

use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use obs_redact::Redactor;
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue as Attribute;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, metric::Data};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use prost::Message;

use super::queue::Queue;
use crate::otel::redact;

/// A meter provider whose metrics end up in a queue, and the means to collect in time.
#[derive(Debug)]
pub(super) struct Collector {
    provider: SdkMeterProvider,
    turns: Arc<Turns>,
}

impl Collector {
    pub(super) fn new(
        queue: Arc<Queue>,
        resource: &[(String, String)],
        redactor: Redactor,
        interval: Duration,
    ) -> Self {
        let attributes = resource
            .iter()
            .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let reader = PeriodicReader::builder(MetricExporter { queue, redactor })
            .with_interval(interval)
            .build();
        let provider = SdkMeterProvider::builder()
            .with_resource(
                Resource::builder_empty()
                    .with_attributes(attributes)
                    .build(),
            )
            .with_reader(reader)
            .build();
        Self {
            provider,
            turns: Arc::default(),
        }
    }

    pub(super) fn provider(&self) -> SdkMeterProvider {
        self.provider.clone()
    }

    /// Collects now; false if that takes too long.
    pub(super) fn flush(&self, deadline: Instant) -> bool {
        let Some(turn) = self.turns.take(deadline) else {
            return false;
        };
        let provider = self.provider.clone();
        let collect = move || {
            let _turn = turn;
            provider.force_flush()
        };
        run_until(deadline, collect).is_some_and(|collected| collected.is_ok())
    }

    /// Collects a last time; false if that takes too long.
    pub(super) fn shutdown(&self, deadline: Instant) -> bool {
        let provider = self.provider.clone();
        run_until(deadline, move || provider.shutdown()).is_some_and(|collected| collected.is_ok())
    }
}

/// Runs what may never return on a thread of its own, since collecting calls code of the program.
fn run_until<T: Send + 'static>(
    deadline: Instant,
    f: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, outcome) = mpsc::sync_channel(1);
    let work = move || {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        // Nobody listens any more when time was up.
        let _ = done.send(f());
    };
    thread::Builder::new()
        .name("obs-collect".to_owned())
        .spawn(work)
        .ok()?;
    outcome
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .ok()
}

/// Lets one flush after the other wait for a collection: where one never returns, the program
/// must not collect waiting threads.
#[derive(Debug, Default)]
struct Turns {
    taken: Mutex<bool>,
    given_back: Condvar,
}

impl Turns {
    fn take(self: &Arc<Self>, deadline: Instant) -> Option<Turn> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            let time = deadline.checked_duration_since(Instant::now())?;
            let waited = self.given_back.wait_timeout(taken, time);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken = true;
        Some(Turn(Arc::clone(self)))
    }
}

/// Gives the turn back when dropped.
struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}

/// Takes what the SDK collected.
#[derive(Debug)]
struct MetricExporter {
    queue: Arc<Queue>,
    redactor: Redactor,
}

impl PushMetricExporter for MetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut request = ExportMetricsServiceRequest::from(metrics);
        let points = self.redact_request(&mut request);
        if points > 0 {
            self.queue.replace(request.encode_to_vec(), points);
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    /// What every backend understands; OpenObserve shows nothing else.
    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

impl MetricExporter {
    /// Redacts every attribute and counts the data points.
    fn redact_request(&self, request: &mut ExportMetricsServiceRequest) -> usize {
        let scopes = request
            .resource_metrics
            .iter_mut()
            .flat_map(|resource| &mut resource.scope_metrics);
        let mut points = 0;
        for scope in scopes {
            if let Some(scope) = &mut scope.scope {
                redact::attributes(&self.redactor, &mut scope.attributes);
            }
            points += scope
                .metrics
                .iter_mut()
                .map(|metric| self.redact_metric(metric))
                .sum::<usize>();
        }
        points
    }

    fn redact_metric(&self, metric: &mut Metric) -> usize {
        let mut points = 0;
        let mut point = |attributes: &mut Vec<Attribute>, exemplars: &mut Vec<Exemplar>| {
            points += 1;
            redact::attributes(&self.redactor, attributes);
            for exemplar in exemplars {
                redact::attributes(&self.redactor, &mut exemplar.filtered_attributes);
            }
        };
        match &mut metric.data {
            Some(Data::Gauge(data)) => {
                data.data_points
                    .iter_mut()
                    .for_each(|p| point(&mut p.attributes, &mut p.exemplars));
            }
            Some(Data::Sum(data)) => {
                data.data_points
                    .iter_mut()
                    .for_each(|p| point(&mut p.attributes, &mut p.exemplars));
            }
            Some(Data::Histogram(data)) => {
                data.data_points
                    .iter_mut()
                    .for_each(|p| point(&mut p.attributes, &mut p.exemplars));
            }
            Some(Data::ExponentialHistogram(data)) => {
                data.data_points
                    .iter_mut()
                    .for_each(|p| point(&mut p.attributes, &mut p.exemplars));
            }
            Some(Data::Summary(data)) => {
                data.data_points
                    .iter_mut()
                    .for_each(|p| point(&mut p.attributes, &mut Vec::new()));
            }
            None => {}
        }
        points
    }
}
