//! Redaction of the protocol's own structures, for what did not come through the capture layer.

use std::borrow::Cow;

use obs_redact::{REDACTED, Redactor};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

/// Redacts everything in a span that a program may have filled.
pub(crate) fn span(redactor: &Redactor, span: &mut Span) {
    text(redactor, &mut span.name);
    text(redactor, &mut span.trace_state);
    attributes(redactor, &mut span.attributes);
    for event in &mut span.events {
        text(redactor, &mut event.name);
        attributes(redactor, &mut event.attributes);
    }
    for link in &mut span.links {
        text(redactor, &mut link.trace_state);
        attributes(redactor, &mut link.attributes);
    }
    if let Some(status) = &mut span.status {
        text(redactor, &mut status.message);
    }
}

/// Redacts everything in a log record that a program may have filled.
pub(crate) fn log_record(redactor: &Redactor, record: &mut LogRecord) {
    if let Some(body) = &mut record.body {
        any(redactor, body, DEPTH);
    }
    attributes(redactor, &mut record.attributes);
}

/// Redacts attributes by name and by value.
pub(crate) fn attributes(redactor: &Redactor, attributes: &mut [KeyValue]) {
    for KeyValue { key, value, .. } in attributes {
        let Some(value) = value else { continue };
        if redactor.is_sensitive_field(key) {
            value.value = Some(Value::StringValue(REDACTED.to_owned()));
        } else {
            any(redactor, value, DEPTH);
        }
    }
}

/// Redacts text in place.
fn text(redactor: &Redactor, text: &mut String) {
    if let Cow::Owned(redacted) = redactor.redact_text(text) {
        *text = redacted;
    }
}

fn any(redactor: &Redactor, value: &mut AnyValue, depth: u32) {
    let Some(depth) = depth.checked_sub(1) else {
        // Deeper than anyone reads: what cannot be looked at is not let out.
        value.value = Some(Value::StringValue(REDACTED.to_owned()));
        return;
    };
    match &mut value.value {
        Some(Value::StringValue(string)) => text(redactor, string),
        Some(Value::BytesValue(bytes)) => {
            if let Ok(text) = std::str::from_utf8(bytes)
                && let Cow::Owned(redacted) = redactor.redact_text(text)
            {
                *bytes = redacted.into_bytes();
            }
        }
        Some(Value::ArrayValue(array)) => {
            array
                .values
                .iter_mut()
                .for_each(|item| any(redactor, item, depth));
        }
        Some(Value::KvlistValue(list)) => {
            for KeyValue { key, value, .. } in &mut list.values {
                let Some(value) = value else { continue };
                if redactor.is_sensitive_field(key) {
                    value.value = Some(Value::StringValue(REDACTED.to_owned()));
                } else {
                    any(redactor, value, depth);
                }
            }
        }
        Some(_) | None => {}
    }
}

const DEPTH: u32 = 32;
