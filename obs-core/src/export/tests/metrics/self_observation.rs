//! What the pipeline tells about itself is what its reports say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, NumberDataPoint, metric::Data};

use super::super::support::{LONG, Reports, account, log, log_record, span, start_observed};
use crate::export::{Exporter, Priority};
use crate::testing::{Receiver, attribute};

fn start(receiver: &Receiver, pairs: &[(&str, &str)]) -> (Exporter, Reports) {
    let endpoint = receiver.endpoint();
    let mut all = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    all.extend(pairs);
    start_observed(&all, LONG, true)
}

/// The values of the newest collection: `name{error.type}` for the signal of the component.
fn values(receiver: &Receiver, component: &str) -> BTreeMap<String, i64> {
    let mut values = BTreeMap::new();
    for metric in receiver.metrics() {
        let Some(Data::Sum(sum)) = &metric.data else {
            continue;
        };
        for point in &sum.data_points {
            let of = attribute(&point.attributes, "otel.component.type");
            if of.is_some_and(|of| of != component) {
                continue;
            }
            let error = attribute(&point.attributes, "error.type");
            let error = error.map_or_else(String::new, |error| format!("{{{error}}}"));
            let Some(Value::AsInt(value)) = point.value else {
                panic!("a whole number")
            };
            values.insert(format!("{}{error}", metric.name), value);
        }
    }
    values
}

fn expected<const N: usize>(pairs: [(&str, i64); N]) -> BTreeMap<String, i64> {
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

#[test]
fn metrics_of_the_pipeline_are_what_the_report_says() {
    let receiver = Receiver::start();
    receiver.hold();
    let (exporter, _reports) = start(&receiver, &[("OTEL_BLRP_MAX_QUEUE_SIZE", "20")]);
    (0..30).for_each(|_| exporter.log("s", Priority::Error, &log_record("x")));
    receiver.release();
    assert!(exporter.flush(LONG));
    let report = account(&exporter.status(), "logs");
    assert_eq!((report.exported, report.dropped["queue_full"]), (20, 10));
    // Collected once more, now that all is settled.
    assert!(exporter.flush(LONG));
    assert_eq!(
        values(&receiver, "batching_log_processor"),
        expected([
            ("obs.export.left_out", 0),
            ("otel.sdk.log.created", 30),
            ("otel.sdk.processor.log.processed", 20),
            ("otel.sdk.processor.log.processed{queue_full}", 10),
            ("otel.sdk.processor.log.queue.capacity", 20),
            ("otel.sdk.processor.log.queue.size", 0),
        ])
    );
    let limit = i64::try_from(report.capacity_bytes).unwrap();
    assert_eq!(
        values(&receiver, "otlp_http_log_exporter"),
        expected([
            ("obs.export.left_out", 0),
            ("obs.export.queue.limit", limit),
            ("obs.export.queue.usage", 0),
            ("obs.export.recovered", 0),
            ("obs.export.resent_unknown", 0),
            ("obs.export.spooled", 0),
            ("obs.export.suspected_lost", 0),
            ("otel.sdk.exporter.log.exported", 20),
            ("otel.sdk.exporter.log.exported{corrupt}", 0),
            ("otel.sdk.exporter.log.exported{expired}", 0),
            ("otel.sdk.exporter.log.exported{internal}", 0),
            ("otel.sdk.exporter.log.exported{rejected}", 0),
            ("otel.sdk.exporter.log.exported{spool_full}", 0),
            ("otel.sdk.exporter.log.exported{too_large}", 0),
            ("otel.sdk.exporter.log.exported{undeliverable}", 0),
            ("otel.sdk.exporter.log.inflight", 0),
            ("otel.sdk.log.created", 30),
        ])
    );
}

#[test]
fn what_waits_and_what_is_rejected_is_shown() {
    let (receiver, traces) = (Receiver::start(), Receiver::start());
    let endpoint = format!("{}/v1/traces", traces.endpoint());
    let pairs = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint)];
    let (exporter, _reports) = start(&receiver, &pairs);
    traces.answer_next(400, &[], b"");
    exporter.span("s", Priority::Info, &span("refused"));
    assert!(exporter.flush(LONG));
    traces.hold();
    exporter.span("s", Priority::Info, &span("waits"));
    assert!(!exporter.flush(Duration::from_millis(100)));
    let sent = |receiver: &Receiver| {
        let values = values(receiver, "otlp_http_span_exporter");
        values.contains_key("obs.export.queue.usage") && values["obs.export.queue.usage"] > 0
    };
    receiver.wait_until(sent);
    let exported = values(&receiver, "otlp_http_span_exporter");
    assert_eq!(exported["otel.sdk.exporter.span.exported"], 0);
    assert_eq!(exported["otel.sdk.exporter.span.exported{rejected}"], 1);
    let processed = values(&receiver, "batching_span_processor");
    let in_flight = exported["otel.sdk.exporter.span.inflight"];
    assert_eq!(
        processed["otel.sdk.processor.span.queue.size"] + in_flight,
        1
    );
    assert_eq!(
        processed["otel.sdk.processor.span.processed"],
        1 + in_flight
    );
    traces.release();
}

#[test]
fn metrics_account_for_themselves() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start(&receiver, &[]);
    assert!(exporter.flush(LONG));
    let before = account(&exporter.status(), "metrics");
    assert!(exporter.flush(LONG));
    let values = values(&receiver, "otlp_http_metric_exporter");
    let exported = values["otel.sdk.exporter.metric_data_point.exported"];
    assert_eq!(u64::try_from(exported).unwrap(), before.exported);
    assert_eq!(values["otel.sdk.exporter.metric_data_point.inflight"], 0);
    assert_eq!(
        values["otel.sdk.exporter.metric_data_point.exported{superseded}"],
        0
    );
}

#[test]
fn collections_do_not_grow() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start(&receiver, &[]);
    let points = || {
        let metrics = receiver.metrics();
        let own = metrics
            .iter()
            .filter(|metric| metric.scope.name == "obs_core");
        own.map(|metric| match &metric.data {
            Some(Data::Sum(sum)) => sum.data_points.len(),
            Some(Data::Histogram(histogram)) => histogram.data_points.len(),
            other => panic!("{other:?}"),
        })
        .sum::<usize>()
    };
    let mut grown = Vec::new();
    for round in 0..6 {
        (0..round).for_each(|_| log(&exporter, "x"));
        let before = points();
        assert!(exporter.flush(LONG));
        grown.push(points() - before);
    }
    // The durations of the first collections and requests are shown by the next ones.
    assert_eq!(grown[3], grown[4]);
    assert_eq!(grown[4], grown[5]);
    let report = account(&exporter.status(), "metrics");
    assert_eq!(report.exported, grown.iter().sum::<usize>() as u64);
}

#[test]
fn durations_name_their_component_and_what_was_answered() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start(&receiver, &[]);
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    assert!(exporter.flush(LONG));
    let metrics = receiver.metrics();
    let points = |name| {
        let metric = metrics.iter().rfind(|metric| metric.name == name).unwrap();
        assert_eq!(metric.unit, "s");
        let Some(Data::Histogram(histogram)) = &metric.data else {
            panic!("a histogram")
        };
        histogram.data_points.clone()
    };
    let kind = |point: &HistogramDataPoint| text(&point.attributes, "otel.component.type");
    let operations = points("otel.sdk.exporter.operation.duration");
    let logs = operations
        .iter()
        .find(|point| kind(point) == "otlp_http_log_exporter")
        .unwrap();
    assert_eq!(logs.count, 1);
    assert_eq!(logs.explicit_bounds.len() + 1, logs.bucket_counts.len());
    assert_eq!(text(&logs.attributes, "server.address"), "127.0.0.1");
    let port = receiver.address().port().to_string();
    assert_eq!(text(&logs.attributes, "server.port"), port);
    assert!(attribute(&logs.attributes, "error.type").is_none());
    let collections = points("otel.sdk.metric_reader.collection.duration");
    assert_eq!(kind(&collections[0]), "periodic_metric_reader");
    assert_eq!((collections.len(), collections[0].count), (1, 1));
}

#[test]
fn components_of_two_pipelines_have_names_of_their_own() {
    let names = [0, 1].map(|_| {
        let receiver = Receiver::start();
        let (exporter, _reports) = start(&receiver, &[]);
        assert!(exporter.flush(LONG));
        let metrics = receiver.metrics();
        let usage = metrics
            .iter()
            .find(|metric| metric.name == "obs.export.queue.usage");
        let Some(Data::Sum(sum)) = &usage.unwrap().data else {
            panic!("a sum")
        };
        let name = |point: &NumberDataPoint| text(&point.attributes, "otel.component.name");
        sum.data_points.iter().map(name).collect::<BTreeSet<_>>()
    });
    assert_eq!(names.each_ref().map(BTreeSet::len), [3, 3]);
    assert!(names[0].is_disjoint(&names[1]), "{names:?}");
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    attribute(attributes, name).unwrap_or_default()
}
