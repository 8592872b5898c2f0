//! Where the value of a sensitive name ends.
//!
//! Whatever is looked at here is replaced, which keeps the work linear: a doubt about the end makes
//! the value longer, never the scan repeat.

use std::{borrow::Cow, ops::Range};

use memchr::memchr;

use super::pair::{Key, MOST_ESCAPES, Quote};
use crate::{
    REDACTED,
    scan::{at, before, is_quote, part, run_end, spend, starts_with, starts_with_any_case},
};

/// A value and what takes its place.
pub(super) struct Value {
    pub(super) range: Range<usize>,
    pub(super) marker: Cow<'static, str>,
}

/// The value after a separator; `None` if there is none.
pub(super) fn after(bytes: &[u8], separator_end: usize, key: &Key<'_>) -> Option<Value> {
    let mut start = separator_end;
    while start - separator_end < MOST_SPACES && matches!(at(bytes, start), b' ' | b'\t') {
        start += 1;
    }
    let follows_colon = before(bytes, separator_end) == b':';
    let (range, marker) = if let Some((quote, inner)) = opening_quote(bytes, start) {
        (
            inner..quoted_end(bytes, inner, quote),
            Cow::Borrowed(REDACTED),
        )
    } else if let Some(quote) = key.quote_around(bytes).filter(|_| follows_colon) {
        (
            start..quoted_end(bytes, start, quote),
            Cow::Borrowed(REDACTED),
        )
    } else if key.is_parameter(bytes) {
        let end = bare_end(bytes, start, Ends::Parameter);
        (start..end, Cow::Borrowed(REDACTED))
    } else {
        let end = unquoted_end(bytes, start, key.name, follows_colon);
        (start..end, bare_marker(key.quote.filter(|_| follows_colon)))
    };
    (!range.is_empty()).then_some(Value { range, marker })
}

/// JSON stays JSON: after a quoted name a number becomes a quoted marker.
fn bare_marker(quote: Option<Quote>) -> Cow<'static, str> {
    match quote {
        Some(Quote { mark, escapes }) => {
            let mark = format!("{}{}", "\\".repeat(escapes), char::from(mark));
            Cow::Owned(format!("{mark}{REDACTED}{mark}"))
        }
        None => Cow::Borrowed(REDACTED),
    }
}

/// The quotation mark at `start`, after backslashes or a letter such as that of `b"…"`.
fn opening_quote(bytes: &[u8], start: usize) -> Option<(Quote, usize)> {
    let prefixed = matches!(at(bytes, start), b'b' | b'r' | b'u' | b'f' | b'N');
    let first = start + usize::from(prefixed);
    let mut index = first;
    while at(bytes, index) == b'\\' && index - first < MOST_ESCAPES {
        index += 1;
    }
    let mark = at(bytes, index);
    is_quote(mark).then_some((
        Quote {
            mark,
            escapes: index - first,
        },
        index + 1,
    ))
}

/// The end of the text inside of quotation marks; of unclosed ones the end of all text.
fn quoted_end(bytes: &[u8], start: usize, quote: Quote) -> usize {
    let Quote { mark, escapes } = quote;
    let mut from = start;
    while let Some(offset) = memchr(mark, part(bytes, from..bytes.len())) {
        spend(offset + 1);
        let found = from + offset;
        let mut run = 0;
        while found - run > start && before(bytes, found - run) == b'\\' {
            run += 1;
        }
        // Inside of text that was escaped n times, a mark that closes has escapes = 2^n - 1
        // backslashes of its own, one in the text has 2 (escapes + 1) more with each level.
        let closes = run % (2 * (escapes + 1)) == escapes;
        let is_doubled = mark == b'\'' && found > start && at(bytes, found + 1) == mark;
        if run < escapes {
            return found - run;
        }
        if closes && !is_doubled {
            return found - escapes;
        }
        from = found + 1 + usize::from(closes && is_doubled);
    }
    bytes.len()
}

fn unquoted_end(bytes: &[u8], start: usize, name: &[u8], follows_colon: bool) -> usize {
    if matches!(at(bytes, start), b'[' | b'{') && !starts_with(bytes, start, REDACTED.as_bytes()) {
        return group_end(bytes, start, Reach::Text);
    }
    let word_end = run_end(bytes, start, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b':' | b'_')
    });
    if word_end > start && at(bytes, word_end) == b'(' {
        return group_end(bytes, word_end, Reach::Line);
    }
    let mut end = bare_end(bytes, start, Ends::Word);
    let is_marker = part(bytes, start..end) == REDACTED.as_bytes();
    if ends_with_word(name, b"cookie") || ends_with_word(name, b"cookies") {
        if follows_colon && !is_marker && memchr(b'=', part(bytes, start..end)).is_some() {
            return line_end(bytes, end);
        }
        end = cookies_end(bytes, start, end);
    }
    let is_header = follows_colon && ends_with_word(name, b"authorization");
    if at(bytes, end) != b' ' || is_marker || matches!(at(bytes, end + 1), b'=' | b':') {
        end
    } else if is_scheme(bytes, start..end, ONE_CREDENTIAL) {
        bare_end(bytes, end + 1, Ends::Word)
    } else if is_header || is_scheme(bytes, start..end, PARAMETERS) {
        line_end(bytes, end)
    } else {
        end
    }
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    run_end(bytes, start, |byte| !matches!(byte, b'\r' | b'\n'))
}

/// What ends a bare value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Space, brackets, separators.
    Word,
    /// Also what ends a parameter in a URL.
    Parameter,
}

/// How far a group is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Line,
    Text,
}

/// The end of the bracket that opens at `start`, with everything nested in it.
fn group_end(bytes: &[u8], start: usize, reach: Reach) -> usize {
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
                let end = quoted_end(bytes, index, mark);
                index = bytes.len().min(end + escapes + 1);
            }
            b'\n' if reach == Reach::Line => return index - 1,
            _ => {}
        }
        escapes = if byte == b'\\' { escapes + 1 } else { 0 };
    }
    bytes.len()
}

/// The end of a value that neither quotation marks nor brackets enclose.
///
/// What separates ends it only if something follows that fits: a password may hold a comma.
fn bare_end(bytes: &[u8], start: usize, ends: Ends) -> usize {
    let mut index = start;
    while index < bytes.len() {
        if starts_with(bytes, index, REDACTED.as_bytes()) {
            index += REDACTED.len();
            continue;
        }
        let byte = at(bytes, index);
        let is_end = match byte {
            0..=b' ' | 0x7f => true,
            b'"' | b'\'' | b'`' | b')' | b']' | b'}' => !continues_value(at(bytes, index + 1)),
            b'\\' if is_quote(at(bytes, index + 1)) => !continues_value(at(bytes, index + 2)),
            b'<' => at(bytes, index + 1) == b'/',
            b'&' | b'#' if ends == Ends::Parameter => true,
            b',' | b';' | b'&' => separates(bytes, index + 1),
            _ => false,
        };
        if is_end {
            break;
        }
        index += 1;
    }
    index
}

/// Whether a byte after a closing one belongs to a value all the same.
fn continues_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"!@#$%^*_-+~/|".contains(&byte)
}

/// Whether what follows a `,`, `;` or `&` is not the rest of the value.
fn separates(bytes: &[u8], start: usize) -> bool {
    let end = run_end(bytes, start, |byte| {
        byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_-.%[]$ ".contains(&byte)
    });
    let first = at(bytes, start + usize::from(at(bytes, start) == b'\\'));
    first <= b' ' || is_quote(first) || b")]}&".contains(&first) || b"=:".contains(&at(bytes, end))
}

/// Goes on over the cookies that follow after `; `.
fn cookies_end(bytes: &[u8], start: usize, first_end: usize) -> usize {
    let mut end = first_end;
    while end > start && at(bytes, end) == b';' {
        let next = end + 1 + usize::from(at(bytes, end + 1) == b' ');
        let next_end = bare_end(bytes, next, Ends::Word);
        if next_end <= next {
            break;
        }
        end = next_end;
    }
    end
}

/// Whether the value so far is only the name of a scheme, with the credential still to come.
fn is_scheme(bytes: &[u8], word: Range<usize>, schemes: &str) -> bool {
    schemes.split(' ').any(|scheme| {
        scheme.len() == word.len() && starts_with_any_case(bytes, word.start, scheme.as_bytes())
    })
}

fn ends_with_word(name: &[u8], word: &[u8]) -> bool {
    let from = name.len().saturating_sub(word.len());
    starts_with_any_case(name, from, word)
}

const MOST_SPACES: usize = 8;
/// Schemes with one credential, from the registry of RFC 9110 section 16.4.1 and from practice.
const ONE_CREDENTIAL: &str =
    "basic bearer token negotiate ntlm apikey api-key dpop privatetoken key jwt";
/// Schemes with parameters.
const PARAMETERS: &str = "digest oauth hawk signature mutual hoba vapid gnap scram-sha-1 \
                          scram-sha-256 aws4-hmac-sha256";
