//! The instruments that show what becomes of one signal.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::self_observation::{ERROR_TYPE, Watched};
use crate::export::account::SignalReport;
use crate::export::signal::Signal;

/// Registers the instruments of one signal.
pub(super) struct SignalMetrics<'a> {
    meter: &'a Meter,
    watched: &'a Arc<Watched>,
    signal: Signal,
}

impl<'a> SignalMetrics<'a> {
    pub(super) fn new(meter: &'a Meter, watched: &'a Arc<Watched>, signal: Signal) -> Self {
        Self {
            meter,
            watched,
            signal,
        }
    }

    pub(super) const fn exporter_type(&self) -> &'static str {
        match self.signal {
            Signal::Traces => "otlp_http_span_exporter",
            Signal::Metrics => "otlp_http_metric_exporter",
            Signal::Logs => "otlp_http_log_exporter",
        }
    }

    /// Metrics have a reader instead.
    pub(super) const fn processor_type(&self) -> Option<&'static str> {
        match self.signal {
            Signal::Traces => Some("batching_span_processor"),
            Signal::Metrics => None,
            Signal::Logs => Some("batching_log_processor"),
        }
    }

    /// What the conventions have no names for.
    pub(super) fn register_queue(&self, component: &[KeyValue]) {
        let name = |what| format!("obs.export.{what}");
        self.state(name("queue.usage"), "By", component, |report| {
            report.held_bytes
        });
        self.state(name("queue.limit"), "By", component, |report| {
            report.capacity_bytes
        });
        let unit = "{record}";
        self.count(name("resent_unknown"), unit, component, |report| {
            report.resent_unknown
        });
        self.count(name("suspected_lost"), unit, component, |report| {
            report.suspected_lost
        });
        if self.signal != Signal::Metrics {
            self.state(name("spooled"), unit, component, |report| report.spooled);
            self.count(name("recovered"), unit, component, |report| {
                report.recovered
            });
        }
    }

    pub(super) fn register_processor(&self, component: &[KeyValue]) {
        let name = |what| format!("otel.sdk.processor.{}.{what}", self.item());
        let unit = self.unit();
        self.state(name("queue.size"), unit, component, |report| report.queued);
        self.state(name("queue.capacity"), unit, component, |report| {
            report.capacity
        });
        let most = AtomicU64::new(0);
        let handed_on = move |report: &SignalReport| {
            let refused: u64 = failures(report, Stage::Processor).values().sum();
            let now = report.accepted.saturating_sub(report.queued + refused);
            // What was handed on once stays so, whatever becomes of it: counters never go down.
            most.fetch_max(now, Ordering::Relaxed).max(now)
        };
        self.outcomes(name("processed"), component, Stage::Processor, handed_on);
        if self.signal == Signal::Logs {
            self.count("otel.sdk.log.created", unit, &[], |report| report.accepted);
        }
    }

    pub(super) fn register_exporter(&self, component: &[KeyValue]) {
        let name = |what| format!("otel.sdk.exporter.{}.{what}", self.item());
        let stage = if self.processor_type().is_some() {
            Stage::Exporter
        } else {
            Stage::Both
        };
        let in_flight = move |report: &SignalReport| match stage {
            Stage::Both => report.in_flight + report.queued,
            Stage::Processor | Stage::Exporter => report.in_flight,
        };
        self.state(name("inflight"), self.unit(), component, in_flight);
        self.outcomes(name("exported"), component, stage, |report| report.exported);
    }

    /// A number that goes up and down.
    fn state(
        &self,
        name: String,
        unit: &'static str,
        attributes: &[KeyValue],
        read: impl Fn(&SignalReport) -> u64 + Send + Sync + 'static,
    ) {
        let (watched, attributes) = (Arc::clone(self.watched), attributes.to_vec());
        let _registered = self
            .meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_callback(move |state| {
                let now = i64::try_from(watched.with(&read)).unwrap_or(i64::MAX);
                state.observe(now, &attributes);
            })
            .build();
    }

    /// A number that only goes up.
    fn count(
        &self,
        name: impl Into<Cow<'static, str>>,
        unit: &'static str,
        attributes: &[KeyValue],
        read: impl Fn(&SignalReport) -> u64 + Send + Sync + 'static,
    ) {
        let (watched, attributes) = (Arc::clone(self.watched), attributes.to_vec());
        let _registered = self
            .meter
            .u64_observable_counter(name)
            .with_unit(unit)
            .with_callback(move |count| count.observe(watched.with(&read), &attributes))
            .build();
    }

    /// How many records came through a stage, and how many did not, by reason.
    fn outcomes(
        &self,
        name: String,
        component: &[KeyValue],
        stage: Stage,
        came_through: impl Fn(&SignalReport) -> u64 + Send + Sync + 'static,
    ) {
        let (watched, component) = (Arc::clone(self.watched), component.to_vec());
        let observe = move |report: &SignalReport| {
            let failed = failures(report, stage).into_iter().map(|(reason, count)| {
                let error = KeyValue::new(ERROR_TYPE, conventional(reason));
                (count, [component.clone(), vec![error]].concat())
            });
            std::iter::once((came_through(report), component.clone()))
                .chain(failed)
                .collect::<Vec<_>>()
        };
        let _registered = self
            .meter
            .u64_observable_counter(name)
            .with_unit(self.unit())
            .with_callback(move |count| {
                for (records, attributes) in watched.with(&observe) {
                    count.observe(records, &attributes);
                }
            })
            .build();
    }

    const fn item(&self) -> &'static str {
        match self.signal {
            Signal::Traces => "span",
            Signal::Metrics => "metric_data_point",
            Signal::Logs => "log",
        }
    }

    const fn unit(&self) -> &'static str {
        match self.signal {
            Signal::Traces => "{span}",
            Signal::Metrics => "{data_point}",
            Signal::Logs => "{log_record}",
        }
    }
}

/// Where the conventions count a record as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It never left the queue.
    Processor,
    /// It was tried.
    Exporter,
    /// There is no processor.
    Both,
}

impl Stage {
    /// Reasons that are shown from the start: a counter that appears with its first loss has no
    /// rate for it.
    const fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Processor => &["queue_full"],
            Self::Exporter => &[
                "corrupt",
                "expired",
                "internal",
                "rejected",
                "spool_full",
                "too_large",
                "undeliverable",
            ],
            Self::Both => &[
                "expired",
                "internal",
                "queue_full",
                "rejected",
                "superseded",
                "too_large",
                "undeliverable",
            ],
        }
    }

    fn has(self, reason: &str) -> bool {
        let in_processor = matches!(reason, "queue_full" | "shutdown" | "after_shutdown");
        match self {
            Self::Processor => in_processor,
            Self::Exporter => !in_processor,
            Self::Both => true,
        }
    }
}

/// The records that failed at a stage, by reason.
fn failures(report: &SignalReport, stage: Stage) -> BTreeMap<&'static str, u64> {
    let usual = stage.usual().iter().map(|reason| (*reason, 0));
    let rejected = ("rejected", report.rejected);
    let dropped = report
        .dropped
        .iter()
        .map(|(reason, count)| (*reason, *count));
    usual
        .chain(
            dropped
                .chain([rejected])
                .filter(|(reason, _)| stage.has(reason)),
        )
        .collect()
}

/// Our name of a reason, where the conventions do not demand another.
fn conventional(reason: &'static str) -> &'static str {
    match reason {
        "after_shutdown" => "already_shutdown",
        other => other,
    }
}
