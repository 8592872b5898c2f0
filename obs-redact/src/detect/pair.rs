//! Names with their values in text: `key=value`, `key: value`, `"key":"value"`, `key => value`.

use std::ops::Range;

use memchr::{memchr2, memrchr};

use super::{anchor::Place, value};
use crate::{
    field::{FieldRules, completes_pair},
    findings::Findings,
    percent,
    query::is_sensitive_parameter,
    scan::{at, before, is_quote, part, run_end, spend, starts_with},
};

/// Finds the values of sensitive names.
pub(crate) fn find_pairs(findings: &mut Findings<'_>, rules: &FieldRules) {
    let bytes = findings.bytes();
    let mut from = 0;
    while let Some(offset) = memchr2(b'=', b':', part(bytes, from..bytes.len())) {
        let separator = from + offset;
        let after = after_separator(bytes, separator);
        from = after.unwrap_or(separator + 2);
        let Some(after) = after else { continue };
        let Some(key) = Key::before(bytes, separator) else {
            continue;
        };
        if !key.is_sensitive(bytes, rules) {
            continue;
        }
        let Some(value) = value::after(bytes, after, &key) else {
            continue;
        };
        // What was taken for a value may be the next name: `password: token: abc`.
        let is_name = matches!(before(bytes, value.range.end), b'=' | b':');
        from = value.range.end - usize::from(is_name);
        findings.add_with(value.range, value.marker);
    }
}

/// The value after an encoded `=` or `:`, as in an address inside an address.
pub(super) fn verify_encoded(place: &Place<'_>, rules: &FieldRules) -> Option<Range<usize>> {
    let bytes = place.bytes;
    let start = plain_name_start(bytes, place.literal.start);
    let mut buffer = [0; LONGEST_NAME];
    let decoded = percent::decode_into(part(bytes, start..place.literal.start), &mut buffer)?;
    let name = decoded
        .rsplit(|byte| b"?&;#/{,=:".contains(byte))
        .next()
        .unwrap_or_default();
    if !rules.is_sensitive(name) && !is_sensitive_parameter(name) {
        return None;
    }
    let value = place.literal.end;
    let mut end = value;
    loop {
        end = run_end(bytes, end, |byte| {
            byte > b' ' && !is_quote(byte) && !matches!(byte, b'&' | b'#' | b'%' | b'<' | b'>')
        });
        if at(bytes, end) != b'%' || starts_with(bytes, end, b"%26") {
            break;
        }
        end += 1;
    }
    (end > value).then_some(value..end)
}

/// The start of the value's side, or `None` if this is the `::` of a path or the `://` of a URL.
fn after_separator(bytes: &[u8], separator: usize) -> Option<usize> {
    let after = separator + 1;
    match (at(bytes, separator), at(bytes, after)) {
        (b':', b':') => None,
        (b':', b'/') if at(bytes, after + 1) == b'/' => None,
        (b':', b'=') | (b'=', b'=' | b'>') => Some(after + 1),
        _ => Some(after),
    }
}

/// The name before a separator.
pub(super) struct Key<'t> {
    pub(super) name: &'t [u8],
    start: usize,
    /// The marks round the name, if it is quoted.
    pub(super) quote: Option<Quote>,
}

/// A quotation mark with the backslashes before it, as inside of another quoted text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) mark: u8,
    pub(super) escapes: usize,
}

impl<'t> Key<'t> {
    fn before(bytes: &'t [u8], separator: usize) -> Option<Self> {
        let mut end = separator;
        while separator - end < MOST_SPACES && is_space(before(bytes, end)) {
            end -= 1;
        }
        let mark = before(bytes, end);
        if !is_quote(mark) {
            let start = plain_name_start(bytes, end);
            return (start < end).then(|| Self {
                name: part(bytes, start..end),
                start,
                quote: None,
            });
        }
        let mut name_end = end - 1;
        while end - 1 - name_end < MOST_ESCAPES && before(bytes, name_end) == b'\\' {
            name_end -= 1;
        }
        let quote = Quote {
            mark,
            escapes: end - 1 - name_end,
        };
        let from = name_end.saturating_sub(LONGEST_NAME);
        let window = part(bytes, from..name_end);
        spend(window.len());
        let start = match memrchr(mark, window) {
            Some(offset) => from + offset + 1,
            None => plain_name_start(bytes, name_end),
        };
        (start < name_end).then(|| Self {
            name: part(bytes, start..name_end),
            start,
            quote: Some(quote),
        })
    }

    /// The mark before a name that has none behind it: `-H "X-Api-Key: abc"`.
    pub(super) fn quote_around(&self, bytes: &[u8]) -> Option<Quote> {
        let mark = before(bytes, self.start);
        (self.quote.is_none() && is_quote(mark)).then(|| {
            let mut escapes = 0;
            while escapes < MOST_ESCAPES
                && self.start > escapes + 1
                && before(bytes, self.start - 1 - escapes) == b'\\'
            {
                escapes += 1;
            }
            Quote { mark, escapes }
        })
    }

    fn is_sensitive(&self, bytes: &[u8], rules: &FieldRules) -> bool {
        if self.name.contains(&b'%') {
            let mut buffer = [0; LONGEST_NAME];
            return percent::decode_into(self.name, &mut buffer)
                .is_some_and(|name| rules.is_sensitive(name) || is_sensitive_parameter(name));
        }
        if rules.is_sensitive(self.name) {
            // `crate::session: message` is a path in the source.
            let end = self.start + self.name.len();
            return !(at(bytes, end) == b':'
                && before(bytes, self.start) == b':'
                && before(bytes, self.start.saturating_sub(1)) == b':');
        }
        if self.quote.is_some() {
            return false;
        }
        if self.is_parameter(bytes) {
            return is_sensitive_parameter(self.name);
        }
        if before(bytes, self.start) != b' ' || !completes_pair(self.name) {
            return false;
        }
        let end = self.start - 1;
        let first = plain_name_start(bytes, end);
        rules.is_sensitive(part(bytes, first..self.start + self.name.len()))
    }

    /// Whether this is the name of a parameter in a URL.
    pub(super) fn is_parameter(&self, bytes: &[u8]) -> bool {
        self.quote.is_none() && matches!(before(bytes, self.start), b'?' | b'&' | b'#')
    }
}

/// The start of the name without quotation marks that ends at `end`.
fn plain_name_start(bytes: &[u8], end: usize) -> usize {
    let from = end.saturating_sub(LONGEST_NAME);
    let window = part(bytes, from..end);
    let length = window
        .iter()
        .rev()
        .position(|&byte| !is_name_byte(byte))
        .unwrap_or(window.len());
    spend(length);
    end - length
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || !byte.is_ascii()
        || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%' | b'$')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

const LONGEST_NAME: usize = 64;
pub(super) const MOST_ESCAPES: usize = 15;
const MOST_SPACES: usize = 2;
