//! OTLP records as protobuf bytes, written straight from captured fields.
//!
//! Written by hand because the record is encoded on the thread that produced it: filling the
//! generated structures first would copy every text twice. What comes out is checked in tests
//! against the official definitions.
//!
//! # Source
//! opentelemetry-proto 1.x, `logs/v1/logs.proto`, `trace/v1/trace.proto`, `common/v1/common.proto`.

use obs_redact::Redactor;
use tracing::Level;

use crate::capture::{ContextKey, LogRecord, SpanRecord, Status, Value};
use crate::propagation::TraceContext;

/// Appends a `LogRecord` message.
pub(crate) fn log_record(out: &mut Vec<u8>, record: &LogRecord<'_>, reserved: Reserved) {
    fixed64(out, 1, record.unix_nanos);
    fixed64(out, 11, record.unix_nanos);
    let (number, text) = severity(record.level);
    uint(out, 2, number);
    bytes(out, 3, text.as_bytes());
    text_value(out, 5, record.message());
    for (entry, value) in record.fields().iter() {
        attribute(out, 6, entry.name, &value, reserved);
    }
    // A trace may be sampled out while its logs are kept: they must tell their request alone.
    let context = record.context();
    for key in ON_EVERY_LOG {
        if let Some(Some((name, value))) = context.get(key.index())
            && !record.fields().has(key)
        {
            attribute(out, 6, name, value, reserved);
        }
    }
    if let Some(trace) = record.trace() {
        fixed32(out, 8, u32::from(trace.sampled));
        bytes(out, 9, &trace.trace_id.to_bytes());
        bytes(out, 10, &trace.span_id.to_bytes());
    }
}

/// What log records take over from the request's span.
const ON_EVERY_LOG: [ContextKey; 4] = [
    ContextKey::RequestId,
    ContextKey::UserId,
    ContextKey::Method,
    ContextKey::Route,
];

/// Appends a `Span` message.
pub(crate) fn span(
    out: &mut Vec<u8>,
    span: &SpanRecord<'_>,
    redactor: &Redactor,
    reserved: Reserved,
) {
    bytes(out, 1, &span.context.trace_id.to_bytes());
    bytes(out, 2, &span.context.span_id.to_bytes());
    trace_state(out, 3, span.context, redactor);
    if let Some(parent) = span.parent_id {
        bytes(out, 4, &parent.to_bytes());
    }
    bytes(out, 5, span.name.as_bytes());
    uint(out, 6, span.kind as u64);
    fixed64(out, 7, span.start_unix_nanos);
    fixed64(out, 8, span.end_unix_nanos);
    for (entry, value) in span.fields().iter() {
        attribute(out, 9, entry.name, &value, reserved);
    }
    for link in span.links {
        let mut message = Vec::with_capacity(48);
        bytes(&mut message, 1, &link.trace_id.to_bytes());
        bytes(&mut message, 2, &link.span_id.to_bytes());
        trace_state(&mut message, 3, link, redactor);
        fixed32(&mut message, 6, link.flags.to_bits().into());
        bytes(out, 13, &message);
    }
    if span.status != Status::Unset {
        let code = 2;
        let description = span.status_description.as_bytes();
        key(out, 15, LENGTH);
        let described = if description.is_empty() {
            0
        } else {
            bytes_size(description.len())
        };
        varint(out, (described + code) as u64);
        if !description.is_empty() {
            bytes(out, 2, description);
        }
        uint(out, 3, span.status as u64);
    }
    fixed32(out, 16, flags(span));
}

/// Appends to a `Span` message why it was exported, and for how many it stands.
pub(crate) fn sampling(out: &mut Vec<u8>, reason: &str, weight: Option<f64>) {
    let mut append = |name, value: Value<'_>| attribute(out, 9, name, &value, Reserved::Keep);
    append("sampling.reason", Value::Text(reason));
    if let Some(weight) = weight {
        append("sampling.weight", Value::Double(weight));
    }
}

/// W3C flags, and whether the parent is known to be of another process.
fn flags(span: &SpanRecord<'_>) -> u32 {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    let remote = if span.parent_is_remote { IS_REMOTE } else { 0 };
    u32::from(span.context.flags.to_bits()) | HAS_IS_REMOTE | remote
}

/// What a caller put into its trace state is redacted here, and passed on to callees as it came.
fn trace_state(out: &mut Vec<u8>, field: u32, context: &TraceContext, redactor: &Redactor) {
    let header = context.state().as_str();
    if !header.is_empty() {
        bytes(out, field, redactor.redact_text(header).as_bytes());
    }
}

/// Number and text of a level. The text is always sent: OpenObserve reads a bare number as a
/// syslog severity.
fn severity(level: Level) -> (u64, &'static str) {
    match level {
        Level::TRACE => (1, "TRACE"),
        Level::DEBUG => (5, "DEBUG"),
        Level::INFO => (9, "INFO"),
        Level::WARN => (13, "WARN"),
        Level::ERROR => (17, "ERROR"),
    }
}

/// What happens to attributes whose names a backend keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// Names are sent as they are.
    Keep,
    /// OpenObserve would overwrite a column of its own: `name` is sent as `attr_name`.
    Rename,
}

/// Columns of OpenObserve that an attribute of the same name would overwrite.
const RESERVED: [&str; 18] = [
    "_timestamp",
    "body",
    "duration",
    "end_time",
    "events",
    "flags",
    "links",
    "operation_name",
    "reference_parent_span_id",
    "reference_parent_trace_id",
    "service_name",
    "severity",
    "span_id",
    "span_kind",
    "span_status",
    "start_time",
    "status_code",
    "trace_id",
];

/// Appends a `KeyValue` message as field `field`.
fn attribute(out: &mut Vec<u8>, field: u32, name: &str, value: &Value<'_>, reserved: Reserved) {
    let prefix = if reserved == Reserved::Rename && RESERVED.contains(&name) {
        "attr_"
    } else {
        ""
    };
    let value_size = match value {
        Value::Bool(_) => 2,
        Value::Int(value) => 1 + varint_size(value.cast_unsigned()),
        Value::Double(_) => 9,
        Value::Text(text) => bytes_size(text.len()),
    };
    let name_size = prefix.len() + name.len();
    key(out, field, LENGTH);
    varint(out, (bytes_size(name_size) + bytes_size(value_size)) as u64);
    key(out, 1, LENGTH);
    varint(out, name_size as u64);
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(name.as_bytes());
    key(out, 2, LENGTH);
    varint(out, value_size as u64);
    match value {
        Value::Bool(value) => uint(out, 2, u64::from(*value)),
        Value::Int(value) => uint(out, 3, value.cast_unsigned()),
        Value::Double(value) => fixed64(out, 4, value.to_bits()),
        Value::Text(text) => bytes(out, 1, text.as_bytes()),
    }
}

/// Appends an `AnyValue` message that holds text.
fn text_value(out: &mut Vec<u8>, field: u32, text: &str) {
    key(out, field, LENGTH);
    varint(out, bytes_size(text.len()) as u64);
    bytes(out, 1, text.as_bytes());
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

fn key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

fn uint(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, VARINT);
    varint(out, value);
}

fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    key(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a length-delimited field.
fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    key(out, field, LENGTH);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// The size of a length-delimited field with a one-byte key.
fn bytes_size(length: usize) -> usize {
    1 + varint_size(length as u64) + length
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7F) as u8);
}

fn varint_size(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}
