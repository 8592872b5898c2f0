//! Metrics: collected, redacted, finite, replaced by newer ones, and none after the end.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data};

use super::super::support::{LONG, account, start, start_with};
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
fn no_value_leaves_that_is_no_finite_number() {
    let receiver = Receiver::start();
    let (exporter, reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let gauge = meter.f64_gauge("gauge").build();
    gauge.record(f64::NAN, &[]);
    let seen = [KeyValue::new("seen", true)];
    gauge.record(1.5, &seen);
    let sum = meter.f64_counter("sum").build();
    let histogram = meter.f64_histogram("histogram").build();
    for _ in 0..2 {
        // Each is finite, but not both together.
        sum.add(f64::MAX, &[]);
        histogram.record(f64::MAX, &[]);
        histogram.record(f64::INFINITY, &[]);
    }
    let _observed = meter
        .f64_observable_gauge("observed")
        .with_callback(|gauge| {
            gauge.observe(f64::NEG_INFINITY, &[]);
            gauge.observe(f64::NAN, &[]);
            gauge.observe(2.5, &[KeyValue::new("seen", true)]);
        })
        .build();
    assert!(exporter.flush(LONG));
    let report = account(&exporter.status(), "metrics");
    assert_eq!((report.accepted, report.exported), (3, 3));
    let metrics = receiver.metrics();
    let data = |name| metrics.iter().find(|metric| metric.name == name);
    for (name, value) in [("gauge", 1.5), ("observed", 2.5)] {
        let Some(Data::Gauge(gauge)) = &data(name).unwrap().data else {
            panic!("a gauge")
        };
        let values: Vec<_> = gauge.data_points.iter().map(|point| point.value).collect();
        assert_eq!(values, [Some(value.into())], "{name}");
    }
    assert!(data("sum").is_none());
    let Some(Data::Histogram(histogram)) = &data("histogram").unwrap().data else {
        panic!("a histogram")
    };
    let point = &histogram.data_points[0];
    assert_eq!((point.count, point.sum), (2, None));
    assert_eq!((point.min, point.max), (Some(f64::MAX), Some(f64::MAX)));
    let mut messages = reports.messages();
    messages.sort();
    assert_eq!(
        messages,
        [
            "WARN the metric observed loses data points, 2 this time: their values are no finite numbers",
            "WARN the metric sum loses data points, 1 this time: their values are no finite numbers",
        ]
    );
}

#[test]
fn buckets_are_explicit_and_everything_counts_from_the_start() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let histogram = meter
        .u64_histogram("histogram")
        .with_boundaries(vec![1.0, 2.0])
        .build();
    let counter = meter.u64_counter("counter").build();
    let changes = meter.i64_up_down_counter("changes").build();
    let _observed = meter
        .u64_observable_counter("observed")
        .with_callback(|counter| counter.observe(7, &[]))
        .build();
    for _ in 0..2 {
        histogram.record(2, &[]);
        counter.add(3, &[]);
        changes.add(-1, &[]);
        assert!(exporter.flush(LONG));
    }
    let metrics = receiver.metrics();
    let last = |name| {
        let found = metrics.iter().rfind(|metric| metric.name == name);
        found.unwrap().data.clone().unwrap()
    };
    let Data::Histogram(histogram) = last("histogram") else {
        panic!("a histogram with explicit buckets")
    };
    assert_eq!(histogram.data_points[0].bucket_counts, [0, 2, 0]);
    let cumulative = AggregationTemporality::Cumulative;
    assert_eq!(histogram.aggregation_temporality(), cumulative);
    for (name, value) in [("counter", 6_i64), ("changes", -2), ("observed", 7)] {
        let Data::Sum(sum) = last(name) else {
            panic!("a sum")
        };
        assert_eq!(sum.aggregation_temporality(), cumulative, "{name}");
        assert_eq!(sum.data_points[0].value, Some(value.into()), "{name}");
    }
}

#[test]
fn two_pipelines_in_one_process_do_not_mix() {
    let receivers = [Receiver::start(), Receiver::start()];
    let exporters = receivers
        .each_ref()
        .map(|receiver| start_with(receiver, &[]).0);
    for (exporter, value) in exporters.iter().zip([1_u64, 2]) {
        let meter = exporter.meter_provider().unwrap().meter("m");
        meter.u64_counter("same").build().add(value, &[]);
        let _observed = meter
            .u64_observable_gauge("observed")
            .with_callback(move |gauge| gauge.observe(value, &[]))
            .build();
    }
    // The end of one is not the end of the other.
    for ((exporter, receiver), value) in exporters.iter().zip(&receivers).zip([1_i64, 2]) {
        let report = account(&exporter.shutdown(LONG), "metrics");
        assert_eq!((report.accepted, report.exported), (2, 2));
        for metric in receiver.metrics() {
            let points = match metric.data.as_ref().unwrap() {
                Data::Sum(sum) => &sum.data_points,
                Data::Gauge(gauge) => &gauge.data_points,
                other => panic!("{other:?}"),
            };
            assert_eq!(points[0].value, Some(value.into()), "{}", metric.name);
        }
    }
}

#[test]
fn nothing_is_collected_and_nothing_kept_after_the_end() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_METRIC_EXPORT_INTERVAL", "10")]);
    let provider = exporter.meter_provider().unwrap();
    let meter = provider.meter("m");
    let counter = meter.u64_counter("counter").build();
    let captured = Arc::new(());
    let weak = Arc::downgrade(&captured);
    let (calls, called) = mpsc::channel();
    let observe = move |meter: &Meter| {
        let (captured, calls) = (Arc::clone(&captured), calls.clone());
        let _observed = meter
            .u64_observable_gauge("observed")
            .with_callback(move |gauge| {
                gauge.observe(Arc::strong_count(&captured) as u64, &[]);
                let _nobody_listens = calls.send(());
            })
            .build();
    };
    observe(&meter);
    counter.add(1, &[]);
    let report = account(&exporter.shutdown(LONG), "metrics");
    let requests = receiver.requests().len();
    // The provider is alive, as it is where it was made the global one.
    counter.add(1, &[]);
    observe(&provider.meter("later"));
    provider.meter("later").u64_counter("c").build().add(1, &[]);
    assert!(!exporter.flush(LONG));
    drop(observe);
    // The channel ends when the last callback is dropped.
    while called.recv().is_ok() {}
    assert!(weak.upgrade().is_none());
    assert_eq!(receiver.requests().len(), requests);
    assert_eq!(account(&exporter.status(), "metrics"), report);
}
