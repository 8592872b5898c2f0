//! Options of command lines: `--password x`, `["--password", "x"]`, `-u user:x`.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::{
    anchor::Place,
    harmless::{is_state, is_word_of},
    quote::{opening_quote, quoted_end},
    value::word_end,
};
use crate::{
    field::FieldRules,
    scan::{at, before, gap_end, is_quote, part, run_end, spend},
};

/// The value of a long option, which starts with the literal.
pub(super) fn verify_long(place: &Place<'_>, rules: &FieldRules) -> Option<Range<usize>> {
    let bytes = place.bytes;
    if !starts_option(bytes, place.literal.start) {
        return None;
    }
    let start = place.literal.end;
    let window = part(bytes, 0..bytes.len().min(start + LONGEST_NAME));
    let end = run_end(window, start, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
    });
    let name = part(bytes, start..end);
    if matches!(name, b"user" | b"proxy-user") {
        return password(bytes, value(bytes, end, true)?);
    }
    if !rules.is_sensitive(name) {
        return None;
    }
    let value = value(bytes, end, false)?;
    let is_prose = is_state(bytes, value.start) || is_word_of(bytes, value.start, PROSE);
    (!is_prose || is_quote(before(bytes, value.start))).then_some(value)
}

/// The password after the user in the value of `-u` or `-U`, which is the literal.
pub(super) fn verify_user(place: &Place<'_>) -> Option<Range<usize>> {
    let (bytes, end) = (place.bytes, place.literal.end);
    if !starts_option(bytes, place.literal.start) {
        return None;
    }
    let value = if at(bytes, end).is_ascii_alphanumeric() {
        end..word_end(bytes, end)
    } else {
        value(bytes, end, false)?
    };
    password(bytes, value)
}

fn starts_option(bytes: &[u8], start: usize) -> bool {
    let previous = before(bytes, start);
    previous <= b' '
        || is_quote(previous)
        || b"([,=".contains(&previous)
        || matches!(previous, b'n' | b'r' | b't') && before(bytes, start - 1) == b'\\'
}

/// The value of the option whose name ends at `end`: the next word, or the next item of a list.
fn value(bytes: &[u8], end: usize, may_follow_equals: bool) -> Option<Range<usize>> {
    let start = if may_follow_equals && at(bytes, end) == b'=' {
        end + 1
    } else {
        let closed = run_end(bytes, end, |byte| byte == b'\\' || is_quote(byte));
        if closed > end {
            let gap = gap_end(bytes, closed);
            let comma = usize::from(at(bytes, gap) == b',');
            let next = gap_end(bytes, gap + comma);
            // Not quoted, it is no item.
            opening_quote(bytes, next).filter(|_| next > closed)?;
            next
        } else {
            let gap = run_end(bytes, end, |byte| matches!(byte, b' ' | b'\t'));
            if gap == end {
                return None;
            }
            gap
        }
    };
    if let Some((quote, inner)) = opening_quote(bytes, start) {
        let value_end = quoted_end(bytes, inner, quote);
        return (!matches!(at(bytes, inner), b'-' | b'[')).then_some(inner..value_end);
    }
    // Another option, or a placeholder of a manual.
    if b"-<[{(|&;,.:=)".contains(&at(bytes, start)) {
        return None;
    }
    Some(start..word_end(bytes, start))
}

/// What follows the first colon, unless the whole is a URL or a pair of numbers.
fn password(bytes: &[u8], value: Range<usize>) -> Option<Range<usize>> {
    let text = part(bytes, value.clone());
    spend(text.len());
    let colon = memchr(b':', text)?;
    let is_url = memmem::find(text, b"://").is_some();
    let is_numeric = text
        .iter()
        .all(|&byte| byte.is_ascii_digit() || byte == b':');
    let start = value.start + colon + 1;
    (!is_numeric && !is_url && start < value.end).then_some(start..value.end)
}

const LONGEST_NAME: usize = 48;
/// What follows the name of an option in sentences.
const PROSE: &[&str] = &[
    "a",
    "an",
    "and",
    "as",
    "at",
    "be",
    "by",
    "flag",
    "flags",
    "for",
    "from",
    "given",
    "in",
    "instead",
    "into",
    "it",
    "needs",
    "of",
    "option",
    "options",
    "or",
    "parameter",
    "takes",
    "that",
    "the",
    "then",
    "to",
    "used",
    "when",
    "with",
    "without",
];

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_sorted() {
        assert!(super::PROSE.is_sorted());
    }
}
