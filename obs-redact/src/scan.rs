//! Reads bytes of hostile text without a panic: past the end everything is a zero byte.

use std::ops::Range;

/// The byte at `index`, or zero past the end.
#[inline]
pub(crate) fn at(bytes: &[u8], index: usize) -> u8 {
    spend(1);
    bytes.get(index).copied().unwrap_or(0)
}

/// The byte before `index`, or zero at the start.
#[inline]
pub(crate) fn before(bytes: &[u8], index: usize) -> u8 {
    index.checked_sub(1).map_or(0, |index| at(bytes, index))
}

/// The bytes of `range`, or nothing if it does not lie within.
#[inline]
pub(crate) fn part(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// The end of the run of bytes from `start` on that `belongs` accepts.
#[inline]
pub(crate) fn run_end(bytes: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|&byte| !belongs(byte))
        .unwrap_or(rest.len());
    spend(length);
    start + length
}

/// Whether the bytes from `start` on are `literal`.
#[inline]
pub(crate) fn starts_with(bytes: &[u8], start: usize, literal: &[u8]) -> bool {
    spend(literal.len());
    bytes
        .get(start..)
        .is_some_and(|rest| rest.starts_with(literal))
}

/// Whether the bytes from `start` on are `literal` in any ASCII case.
#[inline]
pub(crate) fn starts_with_any_case(bytes: &[u8], start: usize, literal: &[u8]) -> bool {
    spend(literal.len());
    bytes
        .get(start..start.saturating_add(literal.len()))
        .is_some_and(|part| part.eq_ignore_ascii_case(literal))
}

/// Whether a token that starts at `index` does not continue a longer word.
///
/// A letter that belongs to an escape sequence (`\n`, `\r`, `\t`) is no part of a word: text is
/// often seen after it went through a JSON or debug formatter.
#[inline]
pub(crate) fn starts_token(bytes: &[u8], index: usize) -> bool {
    let previous = before(bytes, index);
    if !previous.is_ascii_alphanumeric() {
        return true;
    }
    matches!(previous, b'n' | b'r' | b't') && index >= 2 && at(bytes, index - 2) == b'\\'
}

/// The end of the white space from `start` on, also of such as is escaped: `\n`, `\r`, `\t`.
#[inline]
pub(crate) fn gap_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    loop {
        end = run_end(bytes, end, |byte| byte.is_ascii_whitespace());
        let escape = run_end(bytes, end, |byte| byte == b'\\');
        if escape == end || !matches!(at(bytes, escape), b'n' | b'r' | b't') {
            return end;
        }
        end = escape + 1;
    }
}

/// The start of the white space that ends at `end`, of long one only the last part.
#[inline]
pub(crate) fn gap_start(bytes: &[u8], end: usize) -> usize {
    let mut start = end;
    while end - start < LONGEST_GAP {
        let previous = before(bytes, start);
        if previous.is_ascii_whitespace() {
            start -= 1;
        } else if matches!(previous, b'n' | b'r' | b't') && before(bytes, start - 1) == b'\\' {
            start -= 2;
            while end - start < LONGEST_GAP && before(bytes, start) == b'\\' {
                start -= 1;
            }
        } else {
            break;
        }
    }
    start
}

/// Whether the byte is one of the three quotation marks.
#[inline]
pub(crate) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

const LONGEST_GAP: usize = 64;

/// Counts work in tests, so that linear time is asserted without a clock.
#[cfg(not(test))]
#[inline]
pub(crate) fn spend(_bytes: usize) {}

#[cfg(test)]
pub(crate) use crate::linear::spend;
