//! An exporter under test, what it reports, and records to send.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use obs_redact::Redactor;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::config::{Env, Problem, Reader};
use crate::export::account::SignalReport;
use crate::export::reporter::Report;
use crate::export::retry::RetryLimits;
use crate::export::{Exporter, Priority, Settings};
use crate::propagation::{SpanId, TraceId};
use crate::testing::Receiver;

/// Longer than anything takes that works.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// What the sender reported.
#[derive(Clone, Default)]
pub(super) struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    pub(super) fn report(&self) -> Report {
        let messages = Arc::clone(&self.0);
        Arc::new(move |level, message| messages.lock().unwrap().push(format!("{level} {message}")))
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Whether anybody can still report.
    pub(super) fn is_held_elsewhere(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The only message that is no good news.
    pub(super) fn one(&self) -> String {
        let mut messages = self.messages();
        messages.retain(|message| !message.starts_with("INFO"));
        assert_eq!(messages.len(), 1, "{messages:#?}");
        messages[0].clone()
    }
}

pub(super) fn read(pairs: &[(&str, &str)]) -> (Settings, Vec<Problem>) {
    let env = Env::from_pairs(pairs.iter().copied());
    let reader = Reader::new(&env);
    let settings = Settings::read(&reader, None);
    (settings, reader.into_problems())
}

/// An exporter with these settings that retries without long pauses.
pub(super) fn start(pairs: &[(&str, &str)], max_age: Duration) -> (Exporter, Reports) {
    start_observed(pairs, max_age, false)
}

/// As `start`, with or without the metrics of the exporter itself.
pub(super) fn start_observed(
    pairs: &[(&str, &str)],
    max_age: Duration,
    observes_itself: bool,
) -> (Exporter, Reports) {
    let (mut settings, problems) = read(pairs);
    assert_eq!(problems, []);
    settings.retry = RetryLimits {
        first: Duration::from_millis(5),
        longest: Duration::from_millis(20),
        max_age,
    };
    settings.observes_itself = observes_itself;
    let reports = Reports::default();
    let resource = [("service.name".to_owned(), "kitchen".to_owned())];
    let exporter = Exporter::start(
        settings,
        &resource,
        &Redactor::new(),
        reports.report(),
        Arc::new(|| {}),
    );
    (exporter, reports)
}

/// An exporter of all signals to a receiver.
pub(super) fn start_with(receiver: &Receiver, pairs: &[(&str, &str)]) -> (Exporter, Reports) {
    let endpoint = receiver.endpoint();
    let mut all = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    all.extend(pairs);
    start(&all, LONG)
}

pub(super) fn log_record(text: &str) -> Vec<u8> {
    let body = AnyValue {
        value: Some(Value::StringValue(text.to_owned())),
    };
    LogRecord {
        body: Some(body),
        ..LogRecord::default()
    }
    .encode_to_vec()
}

pub(super) fn span(name: &str) -> Vec<u8> {
    let trace_id = TraceId::random().to_bytes().to_vec();
    let span_id = SpanId::random().to_bytes().to_vec();
    Span {
        trace_id,
        span_id,
        name: name.to_owned(),
        ..Span::default()
    }
    .encode_to_vec()
}

pub(super) fn log(exporter: &Exporter, text: &str) {
    exporter.log("kitchen::stove", Priority::Info, &log_record(text));
}

/// The report of a signal, after the check that everything is accounted for.
pub(super) fn account(reports: &[SignalReport], signal: &str) -> SignalReport {
    for report in reports {
        let settled = report.exported + report.rejected + report.dropped_total();
        let held = report.spooled + report.queued + report.in_flight;
        let given = report.accepted + report.recovered;
        assert_eq!(given, settled + held, "{report:?}");
    }
    reports
        .iter()
        .find(|report| report.signal == signal)
        .expect("the signal is sent")
        .clone()
}
