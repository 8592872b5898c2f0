//! Questions to what came out of a pipeline; an answer that is not the expected one fails the test
//! and shows what there is.

use std::fmt::Debug;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, Metric, NumberDataPoint, metric::Data,
};
use opentelemetry_proto::tonic::trace::v1 as trace;

use super::receiver::{Received, attribute};
use crate::propagation::{SpanId, TraceId};

/// Finished spans, in the order of their end.
#[derive(Clone, Debug)]
pub struct Spans(Vec<Span>);

/// One finished span.
#[derive(Clone, Debug)]
pub struct Span {
    received: Received<trace::Span>,
    /// All spans of the pipeline, to find relatives among.
    all: std::sync::Arc<[Received<trace::Span>]>,
}

impl Spans {
    pub(super) fn of(received: Vec<Received<trace::Span>>) -> Self {
        let all: std::sync::Arc<[_]> = received.into();
        Self(
            all.iter()
                .map(|span| Span {
                    received: span.clone(),
                    all: all.clone(),
                })
                .collect(),
        )
    }

    /// The only span of this name.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[must_use]
    pub fn one(&self, name: &str) -> Span {
        let named = self
            .0
            .iter()
            .filter(|span| span.name == name)
            .cloned()
            .collect();
        only(named, name, &self.names())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|span| span.name.as_str()).collect()
    }
}

impl Span {
    /// The only child of this name.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let children = self
            .all
            .iter()
            .filter(|span| span.parent_span_id == self.span_id);
        let names: Vec<&str> = children.clone().map(|span| span.name.as_str()).collect();
        let named = children.filter(|span| span.name == name);
        let named = named
            .map(|span| Self {
                received: span.clone(),
                all: self.all.clone(),
            })
            .collect();
        only(named, name, &names)
    }

    /// Asserts the value of an attribute, in its text form.
    ///
    /// # Panics
    /// If it is missing or another.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests pass literals of many types"
    )]
    pub fn has(&self, key: &str, value: impl ToString) -> &Self {
        assert_eq!(
            self.attribute(key),
            Some(value.to_string()),
            "{key} of {:?}",
            self.received.record
        );
        self
    }

    /// Asserts that there is no such attribute.
    ///
    /// # Panics
    /// If there is.
    pub fn has_no(&self, key: &str) -> &Self {
        assert_eq!(
            self.attribute(key),
            None,
            "{key} of {:?}",
            self.received.record
        );
        self
    }

    /// An attribute in its text form.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.attributes, key)
    }

    /// The trace that it belongs to.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(
            self.received
                .trace_id
                .as_slice()
                .try_into()
                .unwrap_or_default(),
        )
    }

    /// Its own id.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        SpanId::from_bytes(
            self.received
                .span_id
                .as_slice()
                .try_into()
                .unwrap_or_default(),
        )
    }

    /// The id of its parent; invalid for a root.
    #[must_use]
    pub fn parent_span_id(&self) -> SpanId {
        SpanId::from_bytes(
            self.received
                .parent_span_id
                .as_slice()
                .try_into()
                .unwrap_or_default(),
        )
    }

    /// The status code as the protocol numbers it: 0 unset, 1 ok, 2 error.
    #[must_use]
    pub fn status_code(&self) -> i32 {
        self.status.as_ref().map_or(0, |status| status.code)
    }
}

impl std::ops::Deref for Span {
    type Target = Received<trace::Span>;

    fn deref(&self) -> &Self::Target {
        &self.received
    }
}

/// Log records, in the order of arrival.
#[derive(Clone, Debug)]
pub struct Logs(Vec<Log>);

/// One log record.
#[derive(Clone, Debug)]
pub struct Log(Received<LogRecord>);

impl Logs {
    pub(super) fn of(received: Vec<Received<LogRecord>>) -> Self {
        Self(received.into_iter().map(Log).collect())
    }

    /// The records of one target.
    #[must_use]
    pub fn target(&self, target: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|log| log.0.scope.name == target)
                .cloned()
                .collect(),
        )
    }

    /// The records of one level as it is printed: `error`, `warn`, `info`, `http`, `debug`, `trace`.
    #[must_use]
    pub fn level(&self, level: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|log| log.level() == level)
                .cloned()
                .collect(),
        )
    }

    /// The only record with this message.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[must_use]
    pub fn one(&self, message: &str) -> Log {
        let messages: Vec<String> = self.0.iter().map(Log::message).collect();
        let found = self
            .0
            .iter()
            .filter(|log| log.message() == message)
            .cloned()
            .collect();
        only(found, message, &messages)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Log> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Log {
    /// The body as text.
    #[must_use]
    pub fn message(&self) -> String {
        self.0.message().unwrap_or_default()
    }

    /// The level as it is printed.
    #[must_use]
    pub fn level(&self) -> String {
        if self.0.scope.name == "obs::access" && self.0.severity_text == "INFO" {
            return "http".to_owned();
        }
        self.0.severity_text.to_ascii_lowercase()
    }

    /// Asserts the value of an attribute, in its text form.
    ///
    /// # Panics
    /// If it is missing or another.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests pass literals of many types"
    )]
    pub fn has(&self, key: &str, value: impl ToString) -> &Self {
        assert_eq!(
            self.0.attribute(key),
            Some(value.to_string()),
            "{key} of {:?}",
            self.0.record
        );
        self
    }

    /// The trace that it belongs to; invalid if none.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.0.trace_id.as_slice().try_into().unwrap_or_default())
    }

    /// The span that it was recorded in; invalid if none.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        SpanId::from_bytes(self.0.span_id.as_slice().try_into().unwrap_or_default())
    }
}

impl std::ops::Deref for Log {
    type Target = Received<LogRecord>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Metrics, as of the last collection that had them.
#[derive(Clone, Debug)]
pub struct Metrics(Vec<Received<Metric>>);

impl Metrics {
    pub(super) fn of(received: Vec<Received<Metric>>) -> Self {
        Self(received)
    }

    /// The latest state of a metric.
    ///
    /// # Panics
    /// If there is none of this name.
    #[must_use]
    #[expect(clippy::panic, reason = "this is an assertion")]
    pub fn one(&self, name: &str) -> &Received<Metric> {
        self.0
            .iter()
            .rev()
            .find(|metric| metric.name == name)
            .unwrap_or_else(|| {
                let names: Vec<&str> = self.0.iter().map(|metric| metric.name.as_str()).collect();
                panic!("no metric {name:?}; there are {names:?}")
            })
    }

    /// The latest points of a histogram.
    ///
    /// # Panics
    /// If there is no histogram of this name.
    #[must_use]
    #[expect(clippy::panic, reason = "this is an assertion")]
    pub fn histogram(&self, name: &str) -> &[HistogramDataPoint] {
        match &self.one(name).data {
            Some(Data::Histogram(histogram)) => &histogram.data_points,
            other => panic!("{name:?} is no histogram: {other:?}"),
        }
    }

    /// The latest points of a counter.
    ///
    /// # Panics
    /// If there is no counter of this name.
    #[must_use]
    #[expect(clippy::panic, reason = "this is an assertion")]
    pub fn counter(&self, name: &str) -> &[NumberDataPoint] {
        match &self.one(name).data {
            Some(Data::Sum(sum)) => &sum.data_points,
            other => panic!("{name:?} is no counter: {other:?}"),
        }
    }
}

#[expect(clippy::panic, reason = "this is an assertion")]
fn only<T: Debug>(mut found: Vec<T>, wanted: &str, there_are: &[impl Debug]) -> T {
    match (found.pop(), found.len()) {
        (Some(only), 0) => only,
        (None, _) => panic!("no {wanted:?}; there are {there_are:?}"),
        (Some(_), more) => panic!("{} times {wanted:?}", more + 1),
    }
}
