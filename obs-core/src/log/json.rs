//! One log record as one flat JSON object on one line.

use crate::capture::{ContextKey, LogRecord, Value};
use crate::clock;
use crate::log::FieldStyle;
use crate::resource::Identity;

/// Writes JSON lines; holds what is the same on every line of a process.
#[derive(Debug)]
pub(crate) struct JsonLines {
    /// `,"service":"…","environment":"…","version":"…","target":"`
    identity: Vec<u8>,
    style: FieldStyle,
}

impl JsonLines {
    pub(crate) fn new(identity: &Identity, style: FieldStyle) -> Self {
        let mut text = Vec::new();
        for (key, value) in [
            ("service", &identity.service),
            ("environment", &identity.environment),
            ("version", &identity.version),
        ] {
            push_key(&mut text, key);
            push_string(&mut text, value);
        }
        push_key(&mut text, "target");
        Self {
            identity: text,
            style,
        }
    }

    /// Appends the line of a record, with its newline.
    ///
    /// Order: core, context, the record's own fields, the fields of enclosing spans, inner first.
    /// No key comes twice: an own field that collides becomes `field.<name>`, a span's is left out.
    pub(crate) fn push(&self, out: &mut Vec<u8>, record: &LogRecord<'_>) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        clock::push_rfc3339(out, record.unix_nanos);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(level_name(record).as_bytes());
        out.extend_from_slice(b"\",\"message\":");
        push_string(out, record.message());
        out.extend_from_slice(&self.identity);
        push_string(out, record.target);
        let mut keys = Keys::new();
        self.push_context(out, record, &mut keys);
        for (entry, value) in record.fields().iter() {
            if entry.context.is_some() {
                continue;
            }
            if keys.insert(entry.name) {
                push_key(out, entry.name);
            } else {
                push_prefixed_key(out, entry.name, record);
            }
            push_value(out, &value);
        }
        for fields in record.spans() {
            for (entry, value) in fields.iter() {
                if entry.context.is_none() && keys.insert(entry.name) {
                    push_key(out, entry.name);
                    push_value(out, &value);
                }
            }
        }
        out.extend_from_slice(b"}\n");
    }

    /// What ties the line to a request and a trace.
    fn push_context(&self, out: &mut Vec<u8>, record: &LogRecord<'_>, keys: &mut Keys) {
        for (key, value) in ContextKey::ALL.into_iter().zip(record.context()) {
            let Some((_, value)) = value else { continue };
            let name = self.context_name(key);
            keys.insert(name);
            push_key(out, name);
            match (key, value) {
                (ContextKey::Duration, Value::Double(seconds)) => push_millis(out, *seconds),
                _ => push_value(out, value),
            }
        }
        if let Some(trace) = record.trace() {
            let (trace_id, span_id) = (trace.trace_id.hex(), trace.span_id.hex());
            for (camel, snake, id) in [
                ("traceId", "trace_id", trace_id.as_str()),
                ("spanId", "span_id", span_id.as_str()),
            ] {
                let key = self.style.pick(camel, snake);
                keys.insert(key);
                push_key(out, key);
                push_string(out, id);
            }
        }
    }

    fn context_name(&self, key: ContextKey) -> &'static str {
        match key {
            ContextKey::RequestId => self.style.pick("requestId", "request_id"),
            ContextKey::UserId => self.style.pick("userId", "user_id"),
            ContextKey::Ip => "ip",
            ContextKey::Method => "method",
            ContextKey::Path => "path",
            ContextKey::Route => "route",
            ContextKey::StatusCode => self.style.pick("statusCode", "status_code"),
            ContextKey::Duration => "duration",
        }
    }
}

/// The printed level: `http` sets access-log events apart from other INFO events.
pub(crate) fn level_name(record: &LogRecord<'_>) -> &'static str {
    match record.level {
        tracing::Level::ERROR => "error",
        tracing::Level::WARN => "warn",
        tracing::Level::INFO if record.is_access() => "http",
        tracing::Level::INFO => "info",
        tracing::Level::DEBUG => "debug",
        tracing::Level::TRACE => "trace",
    }
}

/// The keys of one line so far. A bit per hash answers most questions without comparing names.
#[derive(Debug)]
struct Keys {
    seen: u64,
    names: Vec<&'static str>,
}

impl Keys {
    /// With room for the keys of a usual line: growing step by step would cost more than the line.
    fn new() -> Self {
        Self {
            seen: 0,
            names: Vec::with_capacity(32),
        }
    }

    /// Notes a key; false if the line has it already.
    fn insert(&mut self, name: &'static str) -> bool {
        let bit = bit_of(name);
        if self.seen & bit != 0 && (CORE.contains(&name) || self.names.contains(&name)) {
            return false;
        }
        if CORE_BITS & bit != 0 && CORE.contains(&name) {
            return false;
        }
        self.seen |= bit;
        self.names.push(name);
        true
    }
}

/// Keys that every line has.
const CORE: [&str; 7] = [
    "timestamp",
    "level",
    "message",
    "service",
    "environment",
    "version",
    "target",
];

const CORE_BITS: u64 = {
    let mut bits = 0;
    let mut rest: &[&str] = &CORE;
    while let [name, tail @ ..] = rest {
        bits |= bit_of(name);
        rest = tail;
    }
    bits
};

const fn bit_of(name: &str) -> u64 {
    let (first, last) = match name.as_bytes() {
        [first, .., last] => (*first, *last),
        [only] => (*only, *only),
        [] => (0, 0),
    };
    1 << ((name.len() + first as usize * 7 + last as usize * 13) % 64)
}

fn push_key(out: &mut Vec<u8>, key: &str) {
    out.push(b',');
    push_string(out, key);
    out.push(b':');
}

/// The key of an own field that collides: `field.<name>`, with as many prefixes as it takes to be
/// unlike the record's other fields.
fn push_prefixed_key(out: &mut Vec<u8>, name: &str, record: &LogRecord<'_>) {
    let mut key = format!("field.{name}");
    while record.fields().iter().any(|(entry, _)| entry.name == key) {
        key.insert_str(0, "field.");
    }
    push_key(out, &key);
}

fn push_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(value) => push_int(out, *value),
        Value::Double(value) if value.is_finite() => push_display(out, value),
        // JSON has no word for these; a string keeps them readable.
        Value::Double(value) => {
            out.push(b'"');
            push_display(out, value);
            out.push(b'"');
        }
        Value::Text(text) => push_string(out, text),
    }
}

/// Seconds as milliseconds with three decimals at most.
fn push_millis(out: &mut Vec<u8>, seconds: f64) {
    push_display(out, (seconds * 1_000_000.0).round() / 1_000.0);
}

fn push_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut digits = [0_u8; 20];
    let mut rest = value.unsigned_abs();
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits.iter().skip(digits.len() - used));
}

fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    use std::io::Write as _;

    // Writing to a vector cannot fail.
    let _always = write!(out, "{value}");
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Appends text as the inside of a JSON string (RFC 8259, section 7).
///
/// U+2028 and U+2029 are escaped too, and so is DEL: some readers of lines break at the first two,
/// and terminals act on the last.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut clean = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !NEEDS_CARE.get(usize::from(*byte)).is_some_and(|care| *care) {
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let (escape, length): (&[u8], usize) = match byte {
            b'"' => (b"\\\"", 1),
            b'\\' => (b"\\\\", 1),
            b'\n' => (b"\\n", 1),
            b'\r' => (b"\\r", 1),
            b'\t' => (b"\\t", 1),
            0xE2 if rest.starts_with(&[0xE2, 0x80, 0xA8]) => (b"\\u2028", 3),
            0xE2 if rest.starts_with(&[0xE2, 0x80, 0xA9]) => (b"\\u2029", 3),
            0xE2 => continue,
            _ => (b"", 1),
        };
        out.extend_from_slice(bytes.get(clean..at).unwrap_or_default());
        if escape.is_empty() {
            push_display(out, format_args!("\\u{byte:04x}"));
        } else {
            out.extend_from_slice(escape);
        }
        clean = at + length;
    }
    out.extend_from_slice(bytes.get(clean..).unwrap_or_default());
}

const NEEDS_CARE: [bool; 256] = {
    let mut care = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "checked by the compiler: this is a constant"
        )]
        {
            care[byte] = byte < 0x20 || matches!(byte, 0x22 | 0x5C | 0x7F | 0xE2);
        }
        byte += 1;
    }
    care
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_json_and_line_readers_need() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            push_string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check("plain", r#""plain""#);
        check("a\"b\\c", r#""a\"b\\c""#);
        check(
            "line\nbreak\r\t\0\u{1b}[31m\u{7f}",
            r#""line\nbreak\r\t\u0000\u001b[31m\u007f""#,
        );
        check("é…\u{2028}x\u{2029}", r#""é…\u2028x\u2029""#);
    }

    #[test]
    fn writes_all_integers() {
        for value in [0, 7, -7, 10, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            push_int(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }

    #[test]
    fn milliseconds_keep_three_decimals() {
        let check = |seconds: f64, expected: &str| {
            let mut out = Vec::new();
            push_millis(&mut out, seconds);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(0.045, "45");
        check(0.000_123_456, "0.123");
        check(2.5, "2500");
    }
}
