//! Objects that hold a name and its value side by side: `{"name": "password", "value": "x"}`.

use super::{
    pair::is_sensitive,
    quote::{opening_quote, quoted_end},
    value::ends_with_word,
};
use crate::{
    field::FieldRules,
    scan::{at, gap_end, is_quote, part, run_end},
};

/// Whether a name is followed by another one.
#[inline]
pub(super) fn introduces(name: &[u8]) -> bool {
    match name {
        [.., b'm' | b'M', b'e' | b'E'] => ends_with_word(name, b"name"),
        [.., b'e' | b'E', b'y' | b'Y'] => ends_with_word(name, b"key"),
        _ => false,
    }
}

/// Where the separator before the value stands, if the value after `separator_end` is a sensitive
/// name.
///
/// It may be wrapped as debug output does: `Static("…")`.
pub(super) fn value_separator(
    bytes: &[u8],
    separator_end: usize,
    rules: &FieldRules,
) -> Option<usize> {
    let start = gap_end(bytes, separator_end);
    let wrapper = run_end(bytes, start, |byte| byte.is_ascii_alphabetic());
    let start = if at(bytes, wrapper) == b'(' {
        wrapper + 1
    } else {
        start
    };
    let (quote, name) = opening_quote(bytes, start)?;
    let window = part(bytes, 0..bytes.len().min(name + LONGEST_NAME));
    let name_end = quoted_end(window, name, quote);
    if !is_sensitive(part(bytes, name..name_end), rules) {
        return None;
    }
    let closed = run_end(bytes, quote.closed_end(name_end), |byte| byte == b')');
    let gap = gap_end(bytes, closed);
    let comma = usize::from(at(bytes, gap) == b',');
    let next = gap_end(bytes, gap + comma);
    if next == closed {
        return None;
    }
    let word = marks_end(bytes, next);
    let word_end = run_end(bytes, word, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
    });
    let label = part(bytes, word..word_end);
    if !ends_with_word(label, b"value") && !ends_with_word(label, b"val") {
        return None;
    }
    let separator = gap_end(bytes, marks_end(bytes, word_end));
    matches!(at(bytes, separator), b'=' | b':').then_some(separator)
}

/// The end of a quotation mark and of the backslashes before it.
fn marks_end(bytes: &[u8], start: usize) -> usize {
    run_end(bytes, start, |byte| byte == b'\\' || is_quote(byte))
}

const LONGEST_NAME: usize = 64;
