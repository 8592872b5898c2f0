//! One log record for human readers.

use tracing::Level;

use super::json::level_name;
use crate::capture::{ContextKey, LogRecord, Value};
use crate::clock;

/// Appends `20:00:00.123  INFO shop::cart: message key=value … request.id=…`.
///
/// Control characters of values are written as escapes: text that a client chose must not act on
/// the terminal, nor look like a line of its own.
pub(super) fn push(out: &mut Vec<u8>, record: &LogRecord<'_>, colour: bool) {
    let (hour, minute, second, milli) = clock::time_of_day(record.unix_nanos);
    dim(out, colour, |out| {
        for (part, end) in [(hour, b':'), (minute, b':'), (second, b'.')] {
            clock::push_padded(out, part, 2);
            out.push(end);
        }
        clock::push_padded(out, milli, 3);
    });
    out.push(b' ');
    paint(out, colour, level_colour(record.level), |out| {
        let name = level_name(record).to_ascii_uppercase();
        out.extend(std::iter::repeat_n(
            b' ',
            5_usize.saturating_sub(name.len()),
        ));
        out.extend_from_slice(name.as_bytes());
    });
    out.push(b' ');
    dim(out, colour, |out| {
        push_visible(out, record.target, false);
        out.push(b':');
    });
    out.push(b' ');
    push_visible(out, record.message(), true);
    let context = record.context();
    let known = |key: ContextKey| {
        let (_, value) = context.get(key.index())?.as_ref()?;
        Some(value)
    };
    if record.is_access() {
        if let Some(status) = known(ContextKey::StatusCode) {
            out.push(b' ');
            push_value(out, status);
        }
        if let Some(Value::Double(seconds)) = known(ContextKey::Duration) {
            push_display(out, format_args!(" in {:.3} ms", seconds * 1_000.0));
        }
    }
    for (entry, value) in record.fields().iter() {
        // The line of a request says these in its own words.
        if !(record.is_access() && entry.context.is_some()) {
            push_field(out, entry.name, &value, colour);
        }
    }
    // Of the enclosing spans only what ties lines together: the rest is in the files.
    if let Some(id) = known(ContextKey::RequestId) {
        push_field(out, "request.id", id, colour);
    }
    out.push(b'\n');
}

fn push_field(out: &mut Vec<u8>, name: &str, value: &Value<'_>, colour: bool) {
    out.push(b' ');
    dim(out, colour, |out| {
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
    });
    push_value(out, value);
}

fn push_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Bool(value) => push_display(out, value),
        Value::Int(value) => push_display(out, value),
        Value::Double(value) => push_display(out, value),
        Value::Text(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
            out.push(b'"');
            push_visible(out, &text.replace('"', "\\\""), false);
            out.push(b'"');
        }
        Value::Text(text) => push_visible(out, text, false),
    }
}

/// Appends text with control characters as escapes; line breaks of a message stay, indented, so
/// that a list reads as a list.
fn push_visible(out: &mut Vec<u8>, text: &str, keep_lines: bool) {
    for part in text.split_inclusive(char::is_control) {
        let control = part.chars().next_back().filter(|last| last.is_control());
        let clean = control.map_or(part, |control| part.strip_suffix(control).unwrap_or(part));
        out.extend_from_slice(clean.as_bytes());
        match control {
            Some('\n') if keep_lines => out.extend_from_slice(b"\n    "),
            Some(control) => push_display(out, control.escape_default()),
            None => {}
        }
    }
}

fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    use std::io::Write as _;

    // Writing to a vector cannot fail.
    let _always = write!(out, "{value}");
}

fn level_colour(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"\x1b[31m",
        Level::WARN => b"\x1b[33m",
        Level::INFO => b"\x1b[32m",
        Level::DEBUG => b"\x1b[34m",
        Level::TRACE => b"\x1b[35m",
    }
}

fn dim(out: &mut Vec<u8>, colour: bool, write: impl FnOnce(&mut Vec<u8>)) {
    paint(out, colour, b"\x1b[2m", write);
}

fn paint(out: &mut Vec<u8>, colour: bool, code: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    if colour {
        out.extend_from_slice(code);
    }
    write(out);
    if colour {
        out.extend_from_slice(b"\x1b[0m");
    }
}
