//! Metrics: collected, redacted, replaced by newer ones, and never in the way of shutdown.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use opentelemetry::metrics::MeterProvider;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data};

use super::support::{LONG, account, start, start_with};
use crate::testing::{Receiver, attribute};

#[test]
fn metrics_arrive_cumulative() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("kitchen");
    let counter = meter
        .u64_counter("recipes.created")
        .with_unit("{recipe}")
        .build();
    counter.add(2, &[]);
    meter
        .f64_histogram("cook.duration")
        .with_unit("s")
        .build()
        .record(0.2, &[]);
    assert!(exporter.flush(LONG));
    counter.add(1, &[]);
    let report = account(&exporter.shutdown(LONG), "metrics");
    assert_eq!((report.accepted, report.exported), (4, 4));
    let metrics = receiver.metrics();
    let counters: Vec<_> = metrics
        .iter()
        .filter(|metric| metric.name == "recipes.created")
        .collect();
    assert_eq!(counters[0].unit, "{recipe}");
    assert_eq!(counters[0].scope.name, "kitchen");
    assert_eq!(
        counters[0].resource_attribute("service.name").as_deref(),
        Some("kitchen")
    );
    let Some(Data::Sum(sum)) = &counters[1].data else {
        panic!("a sum")
    };
    assert_eq!(
        sum.aggregation_temporality(),
        AggregationTemporality::Cumulative
    );
    assert_eq!(sum.data_points[0].value, Some(3_i64.into()));
    let histogram = metrics
        .iter()
        .find(|metric| metric.name == "cook.duration")
        .unwrap();
    assert!(
        matches!(&histogram.data, Some(Data::Histogram(data)) if data.data_points[0].count == 1)
    );
}

#[test]
fn metric_attributes_are_redacted() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("kitchen");
    let secrets = ["hunter2-canary".into(), "hunter3-canary".into()].to_vec();
    let attributes = [
        KeyValue::new("password", "hunter2-canary"),
        KeyValue::new("passwords", Value::Array(Array::String(secrets))),
        KeyValue::new("cuisine", "thai"),
    ];
    meter.u64_counter("counter").build().add(1, &attributes);
    meter.i64_up_down_counter("sum").build().add(1, &attributes);
    meter.f64_gauge("gauge").build().record(1.0, &attributes);
    meter
        .f64_histogram("histogram")
        .build()
        .record(1.0, &attributes);
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.metrics().len(), 4);
    assert!(!receiver.raw_bytes_contain("hunter2-canary"));
    assert!(!receiver.raw_bytes_contain("hunter3-canary"));
    let metrics = receiver.metrics();
    let Some(Data::Gauge(gauge)) = &metrics
        .iter()
        .find(|metric| metric.name == "gauge")
        .unwrap()
        .data
    else {
        panic!("a gauge")
    };
    let attributes = &gauge.data_points[0].attributes;
    assert_eq!(attribute(attributes, "cuisine").as_deref(), Some("thai"));
    assert_eq!(
        attribute(attributes, "password").as_deref(),
        Some("[REDACTED]")
    );
}

#[test]
fn metrics_are_collected_by_the_interval() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_METRIC_EXPORT_INTERVAL", "10")]);
    exporter
        .meter_provider()
        .unwrap()
        .meter("m")
        .u64_counter("c")
        .build()
        .add(1, &[]);
    receiver.wait_until(|receiver| receiver.metrics().len() >= 3);
}

#[test]
fn newer_metrics_replace_those_that_could_not_be_sent() {
    let receiver = Receiver::start();
    receiver.answer_all(503);
    let endpoint = receiver.endpoint();
    let (exporter, _reports) = start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)], LONG);
    let counter = exporter
        .meter_provider()
        .unwrap()
        .meter("m")
        .u64_counter("c")
        .build();
    for _ in 0..3 {
        counter.add(1, &[]);
        assert!(!exporter.flush(Duration::from_millis(50)));
    }
    receiver.answer_all(200);
    let report = account(&exporter.shutdown(LONG), "metrics");
    assert_eq!(report.exported + report.dropped["superseded"], 4);
    let metrics = receiver.metrics();
    let Some(Data::Sum(sum)) = &metrics.last().unwrap().data else {
        panic!("a sum")
    };
    assert_eq!(sum.data_points[0].value, Some(3_i64.into()));
}

#[test]
fn a_collection_that_never_returns_does_not_hold_up_the_end() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    let (hang, never) = mpsc::channel::<()>();
    let never = std::sync::Mutex::new(never);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let _gauge = meter
        .u64_observable_gauge("stuck")
        .with_callback(move |_| {
            let _closed = never.lock().unwrap().recv();
        })
        .build();
    let begin = Instant::now();
    assert!(!exporter.flush(Duration::from_millis(50)));
    // The second flush waits for the first one, which still waits.
    assert!(!exporter.flush(Duration::from_millis(50)));
    exporter.shutdown(Duration::from_millis(200));
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    drop(hang);
}
