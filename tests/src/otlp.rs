//! What a receiver got, in a form that is easy to compare.

use std::collections::BTreeMap;

use obs_core::testing::{Received, Receiver};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value},
    logs::v1::LogRecord,
    metrics::v1::{HistogramDataPoint, Metric, metric::Data},
    trace::v1::Span,
};
use serde_json::{Map, Value};

/// Attributes as JSON: a whole number is not equal to the same number as text or with a fraction,
/// so comparing checks the type too.
#[must_use]
pub fn attributes(attributes: &[KeyValue]) -> Map<String, Value> {
    let mut map = Map::new();
    for KeyValue { key, value, .. } in attributes {
        let value = value.as_ref().and_then(|value| value.value.as_ref());
        let twice = map.insert(key.clone(), json(value)).is_some();
        assert!(!twice, "the attribute {key} comes twice: {attributes:?}");
    }
    map
}

/// An id as lower-case hexadecimal digits; no bytes are no id.
#[must_use]
pub fn hex(id: &[u8]) -> Option<String> {
    (!id.is_empty()).then(|| id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// All spans of one trace and what is under one of them.
#[derive(Debug)]
pub struct Spans(Vec<Received<Span>>);

impl Spans {
    /// What the receiver got so far.
    #[must_use]
    pub fn of(receiver: &Receiver) -> Self {
        Self(receiver.spans())
    }

    /// The server spans.
    #[must_use]
    pub fn of_servers(&self) -> Vec<&Received<Span>> {
        let is_server = |span: &&Received<Span>| span.kind == SERVER;
        self.0.iter().filter(is_server).collect()
    }

    /// The one server span of a request.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[must_use]
    pub fn of_request(&self, request_id: &str) -> &Received<Span> {
        let mut servers = self.of_servers();
        servers.retain(|span| span.attribute("request.id").as_deref() == Some(request_id));
        match servers.as_slice() {
            [span] => span,
            spans => panic!("one server span for {request_id}: {spans:?}"),
        }
    }

    /// The spans whose parent this is.
    #[must_use]
    pub fn below(&self, parent: &Span) -> Vec<&Received<Span>> {
        let is_child = |span: &&Received<Span>| {
            span.trace_id == parent.trace_id && span.parent_span_id == parent.span_id
        };
        self.0.iter().filter(is_child).collect()
    }

    /// Every span.
    #[must_use]
    pub fn all(&self) -> &[Received<Span>] {
        &self.0
    }
}

/// The log records of one request.
#[must_use]
pub fn logs_of_request(receiver: &Receiver, request_id: &str) -> Vec<Received<LogRecord>> {
    let mut logs = receiver.logs();
    logs.retain(|log| log.attribute("request.id").as_deref() == Some(request_id));
    logs
}

/// The newest points of a histogram, by their attributes.
///
/// # Panics
/// If the metric was not received, is no histogram, or does not count from the start.
#[must_use]
pub fn histogram(receiver: &Receiver, name: &str) -> Histogram {
    let mut points = BTreeMap::new();
    let mut newest: Option<Received<Metric>> = None;
    for metric in receiver.metrics() {
        if metric.name != name {
            continue;
        }
        let Some(Data::Histogram(data)) = &metric.data else {
            panic!("{name} is no histogram: {metric:?}");
        };
        assert_eq!(data.aggregation_temporality, CUMULATIVE, "{name}");
        for point in &data.data_points {
            let attributes = Value::Object(attributes(&point.attributes));
            points.insert(attributes.to_string(), point.clone());
        }
        newest = Some(metric);
    }
    Histogram {
        metric: newest.unwrap_or_else(|| panic!("{name} was not received")),
        points: points.into_values().collect(),
    }
}

/// A histogram as it stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Histogram {
    /// Name, unit and resource.
    pub metric: Received<Metric>,
    /// One point for each set of attributes.
    pub points: Vec<HistogramDataPoint>,
}

/// `SPAN_KIND_SERVER`.
pub const SERVER: i32 = 2;

/// `SPAN_KIND_CLIENT`.
pub const CLIENT: i32 = 3;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: i32 = 2;

fn json(value: Option<&any_value::Value>) -> Value {
    match value {
        None => Value::Null,
        Some(any_value::Value::StringValue(text)) => text.clone().into(),
        Some(any_value::Value::BoolValue(flag)) => (*flag).into(),
        Some(any_value::Value::IntValue(number)) => (*number).into(),
        Some(any_value::Value::DoubleValue(number)) => (*number).into(),
        Some(other) => format!("{other:?}").into(),
    }
}
