//! Spans, log records and metrics with the resource and scope that they came with.

use std::ops::Deref;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

/// A span, log record or metric with the resource and scope that it came with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received<T> {
    /// Who sent it.
    pub resource: Resource,
    /// Which part of the program recorded it.
    pub scope: InstrumentationScope,
    /// The record itself.
    pub record: T,
}

impl<T> Received<T> {
    /// A resource attribute as text.
    #[must_use]
    pub fn resource_attribute(&self, key: &str) -> Option<String> {
        attribute(&self.resource.attributes, key)
    }
}

impl Received<Span> {
    /// An attribute as text.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.record.attributes, key)
    }
}

impl Received<LogRecord> {
    /// An attribute as text.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.record.attributes, key)
    }

    /// The body as text.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        self.record.body.as_ref()?.value.as_ref().map(text_of)
    }
}

impl<T> Deref for Received<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.record
    }
}

/// The value of an attribute as text; arrays and maps in their debug form.
#[must_use]
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.as_ref().map(text_of)
}

/// The whole numbers that a list of attributes each has under a name.
pub(super) fn numbers<'a>(records: impl Iterator<Item = &'a [KeyValue]>, key: &str) -> Vec<i64> {
    let number = |attributes: &[KeyValue]| {
        let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
        match attribute.value.as_ref()?.value {
            Some(Value::IntValue(number)) => Some(number),
            _ => None,
        }
    };
    records.filter_map(number).collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// Brings the two levels of an export request into one list.
pub(super) fn flatten<E, S, T: Clone>(
    entries: &[E],
    resource: impl Fn(&E) -> (&Option<Resource>, &Vec<S>),
    scope: impl Fn(&S) -> (&Option<InstrumentationScope>, &Vec<T>),
) -> Vec<Received<T>> {
    let mut all = Vec::new();
    for entry in entries {
        let (resource, scopes) = resource(entry);
        for (scope, records) in scopes.iter().map(&scope) {
            all.extend(records.iter().map(|record| Received {
                resource: resource.clone().unwrap_or_default(),
                scope: scope.clone().unwrap_or_default(),
                record: record.clone(),
            }));
        }
    }
    all
}
