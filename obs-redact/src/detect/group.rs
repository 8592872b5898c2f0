//! Values in brackets, with what debug output writes before them: `Some(…)`, `my::Token<Kind> { … }`.

use super::quote::{Quote, quoted_end};
use crate::{
    REDACTED,
    scan::{at, part, run_end, starts_with},
};

/// The end of the value in brackets that starts at `start`, if it is one.
///
/// Of a bracket that is not closed everything goes: what is inside is not known.
pub(super) fn end(bytes: &[u8], start: usize) -> Option<usize> {
    if matches!(at(bytes, start), b'[' | b'{') {
        return (!starts_with(bytes, start, REDACTED.as_bytes()))
            .then(|| closing_end(bytes, start, Reach::Text));
    }
    let path_end = run_end(bytes, start, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_')
    });
    if path_end == start || at(bytes, start).is_ascii_digit() {
        return None;
    }
    let name_end = generics_end(bytes, path_end);
    let is_type = name_end > path_end
        || at(bytes, start).is_ascii_uppercase()
        || part(bytes, start..path_end).ends_with(b":")
        || part(bytes, start..path_end)
            .windows(2)
            .any(|pair| pair == b"::");
    let open = name_end + usize::from(at(bytes, name_end) == b' ');
    let reach = match at(bytes, open) {
        b'{' if is_type => Reach::Text,
        b'(' | b'[' if is_type && open == name_end => Reach::Text,
        b'(' | b'[' if is_type => Reach::Line,
        b'(' | b'[' | b'{' if open == name_end => Reach::Line,
        _ => return None,
    };
    (!starts_with(bytes, open, REDACTED.as_bytes())).then(|| closing_end(bytes, open, reach))
}

/// The end of `<…>` at `start`, or `start` if there is none.
fn generics_end(bytes: &[u8], start: usize) -> usize {
    if at(bytes, start) != b'<' {
        return start;
    }
    let mut depth = 0_usize;
    for index in start..bytes.len().min(start + LONGEST_GENERICS) {
        match at(bytes, index) {
            b'<' => depth += 1,
            b'>' if depth == 1 => return index + 1,
            b'>' => depth -= 1,
            byte if byte.is_ascii_alphanumeric() || b"_:, &'()[];".contains(&byte) => {}
            _ => return start,
        }
    }
    start
}

/// How far a group is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Line,
    Text,
}

/// The end of the bracket that opens at `start`, with everything nested in it.
fn closing_end(bytes: &[u8], start: usize, reach: Reach) -> usize {
    let mut depth = 0_usize;
    let mut index = start;
    let mut escapes = 0;
    while index < bytes.len() {
        let byte = at(bytes, index);
        index += 1;
        match byte {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => {
                depth -= 1;
                if depth == 0 {
                    return index;
                }
            }
            b'"' => {
                let mark = Quote {
                    mark: byte,
                    escapes,
                };
                index = bytes
                    .len()
                    .min(mark.closed_end(quoted_end(bytes, index, mark)));
            }
            b'\n' if reach == Reach::Line => return index - 1,
            _ => {}
        }
        escapes = if byte == b'\\' { escapes + 1 } else { 0 };
    }
    bytes.len()
}

const LONGEST_GENERICS: usize = 128;
