//! Pairs whose quotation marks are written as text: `&quot;password&quot;:&quot;x&quot;`.

use std::borrow::Cow;

use memchr::memmem;

use super::{group, harmless::is_state, pair::is_sensitive, value::Value};
use crate::{
    REDACTED,
    field::FieldRules,
    scan::{before, gap_end, part, run_end, spend},
};

/// Whether a mark ends with the byte; few other names do.
#[inline]
pub(super) fn is_mark_end(byte: u8) -> bool {
    matches!(byte, b';' | b'2' | b'7')
}

/// The value after the separator, if a sensitive name stands before it in such marks.
pub(super) fn value(bytes: &[u8], separator: usize, rules: &FieldRules) -> Option<Value> {
    let head = part(bytes, separator.saturating_sub(LONGEST_PAIR)..separator);
    let mark = MARKS.iter().find(|mark| head.ends_with(mark))?;
    let name_end = head.len() - mark.len();
    let name = part(head, 0..name_end);
    spend(head.len());
    let name_start = memmem::rfind(name, mark).map_or(0, |offset| offset + mark.len());
    if !is_sensitive(part(head, name_start..name_end), rules) {
        return None;
    }
    let start = gap_end(bytes, separator + 1);
    let escapes = run_end(bytes, start, |byte| byte == b'\\') - start;
    let opening = start + escapes;
    if !part(bytes, opening..bytes.len()).starts_with(mark) {
        let end = group::end(bytes, start).unwrap_or_else(|| {
            run_end(bytes, start, |byte| {
                byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-_.".contains(&byte)
            })
        });
        let stays = is_state(bytes, start);
        return (end > start && !stays).then_some(Value {
            range: start..end,
            marker: Cow::Borrowed(REDACTED),
        });
    }
    let inner = opening + mark.len();
    Some(Value {
        range: inner..closing(bytes, inner, mark, escapes),
        marker: Cow::Borrowed(REDACTED),
    })
    .filter(|value| !value.range.is_empty())
}

/// The start of the mark that has as many backslashes before it as the opening one.
fn closing(bytes: &[u8], start: usize, mark: &[u8], escapes: usize) -> usize {
    let mut from = start;
    while let Some(offset) = memmem::find(part(bytes, from..bytes.len()), mark) {
        spend(offset + mark.len());
        let found = from + offset;
        let mut run = 0;
        while found - run > start && before(bytes, found - run) == b'\\' {
            run += 1;
        }
        if run <= escapes {
            return found - run;
        }
        from = found + mark.len();
    }
    bytes.len()
}

const LONGEST_PAIR: usize = 64;
/// HTML and XML, and JSON without the backslash.
const MARKS: &[&[u8]] = &[
    b"&quot;", b"&#34;", b"&#x22;", b"&apos;", b"&#39;", b"&#x27;", b"u0022", b"u0027",
];
