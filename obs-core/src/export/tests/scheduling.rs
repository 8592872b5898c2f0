//! Which batch is sent when: one bad batch harms no other, and nothing is lost while memory holds.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message as _;

use super::support::{LONG, account, log, log_record, start, start_with};
use crate::export::Priority;
use crate::testing::{Payload, ReceivedRequest, Receiver, Reply};

/// Whether a request carries a record whose message contains this.
fn carries(request: &ReceivedRequest, text: &str) -> bool {
    let Payload::Logs(logs) = request.payload() else {
        return false;
    };
    let scopes = logs
        .resource_logs
        .iter()
        .flat_map(|entry| &entry.scope_logs);
    let mut records = scopes.flat_map(|scope| &scope.log_records);
    records.any(|record| format!("{:?}", record.body).contains(text))
}

/// How often each message was taken.
fn taken(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut taken = BTreeMap::new();
    for log in receiver.logs() {
        *taken.entry(log.message().unwrap()).or_default() += 1;
    }
    taken
}

const ONE_BY_ONE: (&str, &str) = ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1");

#[test]
fn a_batch_that_fails_while_others_succeed_is_set_aside() {
    let receiver = Receiver::start();
    let is_bad = |request: &ReceivedRequest| carries(request, "bad").then(|| Reply::status(503));
    receiver.reply_when(is_bad);
    let (exporter, reports) = start_with(&receiver, &[ONE_BY_ONE]);
    log(&exporter, "bad");
    for number in 0..50 {
        log(&exporter, &number.to_string());
        exporter.flush(Duration::from_millis(5));
    }
    receiver.wait_until(|receiver| receiver.log_count() == 50);
    assert!(!exporter.flush(Duration::from_millis(50)));
    let report = account(&exporter.status(), "logs");
    assert_eq!((report.exported, report.in_flight), (50, 1));
    let told = |text: &str| reports.messages().iter().any(|told| told.contains(text));
    assert!(
        told("1 log records are set aside"),
        "{:?}",
        reports.messages()
    );
    // It has not been given up.
    receiver.answer_all(200);
    assert!(exporter.flush(LONG));
    assert_eq!(taken(&receiver)["bad"], 1);
    assert!(account(&exporter.shutdown(LONG), "logs").is_lossless());
}

#[test]
fn many_bad_batches_stop_no_others_and_the_good_in_them_arrive() {
    let receiver = Receiver::start();
    receiver.reply_when(|request| carries(request, "bad").then(|| Reply::status(503)));
    let settings = [("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "4")];
    let (exporter, _reports) = start_with(&receiver, &settings);
    for number in 0..32 {
        let text = if number % 4 == 0 { "bad" } else { "good" };
        log(&exporter, text);
    }
    let mut good = 24;
    while receiver.log_count() < good {
        assert!(good < 10_000, "{}", account(&exporter.status(), "logs"));
        good += 1;
        log(&exporter, "good");
        exporter.flush(Duration::from_millis(20));
    }
    receiver.answer_all(200);
    assert!(exporter.flush(LONG));
    assert_eq!(taken(&receiver)["bad"], 8);
    assert!(account(&exporter.shutdown(LONG), "logs").is_lossless());
}

#[test]
fn what_was_sent_without_an_answer_is_not_called_unsent() {
    let receiver = Receiver::start();
    receiver.reply_all(Reply::ResetTaken);
    let (exporter, _reports) = start_with(&receiver, &[]);
    (0..10).for_each(|number| log(&exporter, &number.to_string()));
    assert!(!exporter.flush(Duration::from_millis(100)));
    let report = account(&exporter.shutdown(Duration::ZERO), "logs");
    assert_eq!(
        report.dropped,
        BTreeMap::from([("unanswered", 10)]),
        "{report}"
    );
    let times = taken(&receiver).into_values().max().unwrap() as u64;
    assert!(report.resent_unknown >= (times - 1) * 10, "{report}");
}

#[test]
fn a_batch_that_is_always_a_server_error_is_given_up_alone() {
    for status in [400, 500] {
        let receiver = Receiver::start();
        receiver.reply_when(move |request| carries(request, "bad").then(|| Reply::status(status)));
        let (exporter, reports) = start_with(&receiver, &[ONE_BY_ONE]);
        for number in 0..20 {
            log(
                &exporter,
                &if number == 7 {
                    "bad".to_owned()
                } else {
                    number.to_string()
                },
            );
        }
        assert!(exporter.flush(LONG));
        let report = account(&exporter.status(), "logs");
        assert_eq!((report.exported, report.rejected), (19, 1), "{status}");
        assert!(taken(&receiver).values().all(|times| *times == 1));
        let told = reports.messages().join("\n");
        assert!(
            told.contains(&format!("refuses logs with {status}")),
            "{told}"
        );
    }
}

#[test]
fn what_is_set_aside_leaves_room() {
    let receiver = Receiver::start();
    receiver.reply_when(|request| carries(request, "bad").then(|| Reply::status(503)));
    let settings = [ONE_BY_ONE, ("OBS_QUEUE_SIZE", "64k")];
    let (exporter, _reports) = start_with(&receiver, &settings);
    let bad = log_record(&"bad ".repeat(1_500));
    let mut good = 0;
    for _ in 0..8 {
        exporter.log("s", Priority::Error, &bad);
        for _ in 0..10 {
            good += 1;
            log(&exporter, "good");
            exporter.flush(Duration::from_millis(5));
        }
    }
    // Others have to be taken for a batch to be at fault.
    let undeliverable = || {
        account(&exporter.status(), "logs")
            .dropped
            .get("undeliverable")
            .copied()
    };
    while undeliverable() < Some(6) {
        assert!(good < 10_000, "{}", account(&exporter.status(), "logs"));
        good += 1;
        log(&exporter, "good");
        exporter.flush(Duration::from_millis(5));
    }
    receiver.wait_until(|receiver| receiver.log_count() == good);
    // Two of six kilobytes each are what a quarter of the queue holds.
    let report = account(&exporter.shutdown(Duration::ZERO), "logs");
    assert_eq!(report.dropped["undeliverable"], 6);
    assert_eq!(report.dropped_total(), 8);
    assert_eq!(report.exported, good as u64);
}

#[test]
fn an_answer_that_is_lost_makes_doubles_that_are_counted() {
    let receiver = Receiver::start();
    receiver.reply_next(Reply::ResetTaken);
    receiver.reply_next(Reply::ResetUntaken);
    let (exporter, _reports) = start_with(&receiver, &[]);
    (0..10).for_each(|number| log(&exporter, &number.to_string()));
    assert!(exporter.flush(LONG));
    let times: Vec<usize> = taken(&receiver).into_values().collect();
    assert_eq!(times, [2; 10]);
    let report = account(&exporter.status(), "logs");
    assert_eq!((report.exported, report.resent_unknown), (10, 20));
}

#[test]
fn refused_connections_make_no_doubles() {
    let receiver = Receiver::start();
    receiver.refuse();
    let (exporter, _reports) = start_with(&receiver, &[]);
    (0..10).for_each(|number| log(&exporter, &number.to_string()));
    assert!(!exporter.flush(Duration::from_millis(50)));
    receiver.listen();
    assert!(exporter.flush(LONG));
    assert_eq!(taken(&receiver).len(), 10);
    assert!(taken(&receiver).values().all(|times| *times == 1));
    let report = account(&exporter.status(), "logs");
    assert_eq!((report.exported, report.resent_unknown), (10, 0));
}

#[test]
fn an_empty_partial_success_is_suspect_at_openobserve_only() {
    let empty = [0x0a, 0x00];
    assert!(
        ExportLogsServiceResponse::decode(&empty[..])
            .unwrap()
            .partial_success
            .is_some()
    );
    let check = |variable: &str, suspected: u64| {
        let receiver = Receiver::start();
        receiver.reply_all(Reply::answer(200, &[], &empty));
        let url = receiver.endpoint();
        let (exporter, reports) = start(&[(variable, &url)], LONG);
        (0..3).for_each(|_| log(&exporter, "x"));
        exporter.span("s", Priority::Info, &super::support::span("y"));
        assert!(exporter.flush(LONG));
        let report = account(&exporter.status(), "logs");
        assert_eq!((report.exported, report.suspected_lost), (3, suspected));
        assert_eq!(account(&exporter.status(), "traces").suspected_lost, 0);
        assert_eq!(reports.messages().len(), usize::from(suspected > 0));
    };
    check("OPENOBSERVE_URL", 3);
    check("OTEL_EXPORTER_OTLP_ENDPOINT", 0);
}

#[test]
fn openobserve_gets_few_columns_in_a_request() {
    let receiver = Receiver::start();
    let url = receiver.endpoint();
    let (exporter, _reports) = start(&[("OPENOBSERVE_URL", &url)], LONG);
    for number in 0..2_000 {
        exporter.log(
            "s",
            Priority::Info,
            &record_with_key(&format!("key{number}")),
        );
    }
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), 2_000);
    assert_eq!(receiver.requests().len(), 2_000_usize.div_ceil(160));
}

fn record_with_key(key: &str) -> Vec<u8> {
    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    let attribute = KeyValue {
        key: key.to_owned(),
        ..KeyValue::default()
    };
    LogRecord {
        attributes: vec![attribute],
        ..LogRecord::default()
    }
    .encode_to_vec()
}

#[test]
fn metrics_that_are_too_large_are_divided() {
    let receiver = Receiver::start();
    receiver.reply_when(|request| {
        let Payload::Metrics(metrics) = request.payload() else {
            return None;
        };
        (points(metrics) > 3).then(|| Reply::status(413))
    });
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_METRIC_EXPORT_INTERVAL", "1h")]);
    let meter = {
        use opentelemetry::metrics::MeterProvider as _;
        exporter.meter_provider().unwrap().meter("kitchen")
    };
    let counter = meter.u64_counter("dishes").build();
    (0..7).for_each(|number| counter.add(1, &[opentelemetry::KeyValue::new("n", number)]));
    meter.u64_counter("guests").build().add(5, &[]);
    assert!(exporter.flush(LONG));
    let names = |name: &str| {
        let metrics = receiver.metrics();
        let named = metrics.iter().filter(|metric| metric.name == name);
        named.count()
    };
    assert!(names("dishes") >= 3 && names("guests") == 1);
    let metrics = account(&exporter.status(), "metrics");
    assert!(metrics.is_lossless() && metrics.exported >= 8, "{metrics}");
}

fn points(metrics: &ExportMetricsServiceRequest) -> usize {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let scopes = metrics
        .resource_metrics
        .iter()
        .flat_map(|entry| &entry.scope_metrics);
    let all = scopes.flat_map(|scope| &scope.metrics);
    all.map(|metric| match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        _ => 0,
    })
    .sum()
}
