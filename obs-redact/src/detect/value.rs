//! Where the value of a sensitive name ends.
//!
//! Whatever is looked at here is replaced, which keeps the work linear: a doubt about the end makes
//! the value longer, never the scan repeat.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memrchr};

use super::{
    group,
    pair::Key,
    quote::{Quote, opening_quote, quoted_end},
};
use crate::{
    REDACTED,
    scan::{at, before, gap_end, is_quote, part, run_end, starts_with, starts_with_any_case},
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
    start = start_below(bytes, start, key).unwrap_or(start);
    let follows_colon = before(bytes, separator_end) == b':';
    let (range, marker) = if key.is_columns {
        let line = part(bytes, start..line_end(bytes, start));
        let end = match memrchr(b')', line) {
            Some(offset) => start + offset,
            None => word_end(bytes, start + 1),
        };
        (start + 1..end, Cow::Borrowed(REDACTED))
    } else if let Some((quote, inner)) = opening_quote(bytes, start) {
        (
            inner..quoted_end(bytes, inner, quote),
            Cow::Borrowed(REDACTED),
        )
    } else if let Some(end) = block_end(bytes, start) {
        (start..end, Cow::Borrowed(REDACTED))
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

/// Where a value starts that stands on a line below its name.
///
/// After a quoted name any value of JSON does, else a quoted one that is indented.
fn start_below(bytes: &[u8], start: usize, key: &Key<'_>) -> Option<usize> {
    let below = gap_end(bytes, start);
    let first = at(bytes, below);
    let is_value = if opening_quote(bytes, below).is_some() {
        key.quote.is_some() || matches!(before(bytes, below), b' ' | b'\t')
    } else {
        key.quote.is_some() && (first.is_ascii_digit() || matches!(first, b'-' | b'[' | b'{'))
    };
    (below > start && is_value).then_some(below)
}

/// The end of a block of YAML: `|` or `>` and the indented lines below, but at least one.
fn block_end(bytes: &[u8], start: usize) -> Option<usize> {
    if !matches!(at(bytes, start), b'|' | b'>') {
        return None;
    }
    let header = run_end(bytes, start + 1, |byte| {
        byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b' ' | b'\r')
    });
    if at(bytes, header) == b'\\' && at(bytes, header + 1) == b'n' {
        return Some(run_end(bytes, header, |byte| {
            byte != b'\n' && !is_quote(byte)
        }));
    }
    if at(bytes, header) != b'\n' {
        return None;
    }
    let first = run_end(bytes, header + 1, |byte| byte == b' ');
    let indent = first - header - 1;
    let mut end = line_end(bytes, first);
    if indent == 0 {
        return Some(end);
    }
    loop {
        let line = run_end(bytes, end, |byte| matches!(byte, b'\r' | b'\n'));
        if line == end || run_end(bytes, line, |byte| byte == b' ') < line + indent {
            return Some(end);
        }
        end = line_end(bytes, line);
    }
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

fn unquoted_end(bytes: &[u8], start: usize, name: &[u8], follows_colon: bool) -> usize {
    if let Some(end) = group::end(bytes, start) {
        return end;
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

/// The end of a word that stands for itself.
pub(super) fn word_end(bytes: &[u8], start: usize) -> usize {
    bare_end(bytes, start, Ends::Word)
}

/// The end of a value that neither quotation marks nor brackets enclose.
///
/// What separates ends it only if something follows that fits: a password may hold a comma.
fn bare_end(bytes: &[u8], start: usize, ends: Ends) -> usize {
    let mut index = start;
    while index < bytes.len() {
        if starts_with(bytes, index, REDACTED.as_bytes()) {
            index += REDACTED.len();
            // The next parameter, whatever it looks like.
            if at(bytes, index) == b'&' {
                break;
            }
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
pub(super) fn separates(bytes: &[u8], start: usize) -> bool {
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

/// Whether a name ends with a word, in any case.
pub(super) fn ends_with_word(name: &[u8], word: &[u8]) -> bool {
    let from = name.len().saturating_sub(word.len());
    starts_with_any_case(name, from, word)
}

/// In tables, names are followed by many.
const MOST_SPACES: usize = 64;
/// Schemes with one credential, from the registry of RFC 9110 section 16.4.1 and from practice.
const ONE_CREDENTIAL: &str =
    "basic bearer token negotiate ntlm apikey api-key dpop privatetoken key jwt";
/// Schemes with parameters.
const PARAMETERS: &str = "digest oauth hawk signature mutual hoba vapid gnap scram-sha-1 \
                          scram-sha-256 aws4-hmac-sha256";
