//! Names with their values in text: `key=value`, `key: value`, `"key":"value"`, `key => value`,
//! `(key)=(value)`, and as items: `("key", "value")`.

use std::ops::Range;

use memchr::{memchr3, memrchr, memrchr2};

use super::{
    anchor::Place,
    harmless::is_harmless,
    named,
    quote::{MOST_ESCAPES, Quote},
    spelled, tuple, value,
};
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
    // The separator before a value whose name was the value before.
    let mut named = None;
    while let Some(offset) = memchr3(b'=', b':', b',', part(bytes, from..bytes.len())) {
        let separator = from + offset;
        if at(bytes, separator) == b',' {
            from = separator + 1;
            if let Some(value) = tuple::value(bytes, separator, rules) {
                from = from.max(value.end);
                findings.add(value);
            }
            continue;
        }
        let after = after_separator(bytes, separator);
        from = after.unwrap_or(separator + 2);
        let Some(after) = after else { continue };
        let value = if spelled::is_mark_end(before(bytes, separator)) {
            spelled::value(bytes, separator, rules)
        } else {
            None
        };
        let value = value.or_else(|| {
            let key = Key::before(bytes, separator)?;
            if key.is_sensitive(bytes, rules) || named == Some(separator) {
                // Of names that were added on purpose every value goes.
                let stays = is_harmless(bytes, after, &key) && !rules.is_added(key.name);
                return if stays {
                    None
                } else {
                    value::after(bytes, after, &key)
                };
            }
            if named::introduces(key.name) {
                named = named::value_separator(bytes, after, rules).or(named);
            }
            None
        });
        let Some(value) = value else { continue };
        from = from.max(next_name(bytes, &value.range));
        findings.add_with(value.range, value.marker);
    }
}

/// Where to go on after a value.
///
/// What was taken for it may end with the next name: `password: token: abc`. Where it ends with its
/// line, the last name in it may have its value on the lines below.
fn next_name(bytes: &[u8], value: &Range<usize>) -> usize {
    let mut end = value.end;
    if matches!(before(bytes, end), b'=' | b':') {
        return end - 1;
    }
    if !matches!(at(bytes, end), b'\r' | b'\n') {
        return end;
    }
    while let Some(offset) = memrchr2(b'=', b':', part(bytes, value.start..end)) {
        let separator = value.start + offset;
        spend(end - separator);
        // The `::` of a path is none.
        if before(bytes, separator) != b':' {
            return separator;
        }
        end = separator - 1;
    }
    value.end
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
    /// The names are columns in parentheses, as in messages of PostgreSQL.
    pub(super) is_columns: bool,
}

impl<'t> Key<'t> {
    pub(super) fn before(bytes: &'t [u8], separator: usize) -> Option<Self> {
        if before(bytes, separator) == b')' && at(bytes, separator + 1) == b'(' {
            return Some(Self::columns(bytes, separator - 1));
        }
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
                is_columns: false,
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
            is_columns: false,
        })
    }

    /// The names in parentheses that close at `end`.
    fn columns(bytes: &'t [u8], end: usize) -> Self {
        let from = end.saturating_sub(LONGEST_NAME);
        let window = part(bytes, from..end);
        spend(window.len());
        let start = from + memrchr(b'(', window).map_or(0, |offset| offset + 1);
        Self {
            name: part(bytes, start..end),
            start,
            quote: None,
            is_columns: true,
        }
    }

    /// Where a quoted name starts, with its mark and what belongs to that.
    pub(super) fn opening(&self, bytes: &[u8]) -> Option<usize> {
        let quote = self.quote?;
        let start = self.start.checked_sub(quote.closed_end(0))?;
        let is_opened = at(bytes, self.start - 1) == quote.mark;
        let is_prefixed = before(bytes, start) == b'b';
        is_opened.then(|| start - usize::from(is_prefixed))
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
        if self.is_columns {
            let mut columns = self.name.split(|&byte| byte == b',');
            // Without the type that a column is cast to.
            return columns.any(|column| {
                let name = column.split(|&byte| byte == b':').next();
                is_sensitive(name.unwrap_or_default(), rules)
            });
        }
        if is_sensitive(self.name, rules) {
            // `crate::session: message` is a path in the source.
            let end = self.start + self.name.len();
            return !(at(bytes, end) == b':'
                && before(bytes, self.start) == b':'
                && before(bytes, self.start.saturating_sub(1)) == b':');
        }
        if self.quote.is_some() || self.name.contains(&b'%') {
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

/// Whether a name is sensitive, or what it says once its percent-encoding is undone.
pub(super) fn is_sensitive(name: &[u8], rules: &FieldRules) -> bool {
    if !name.contains(&b'%') {
        return rules.is_sensitive(name);
    }
    let mut buffer = [0; LONGEST_NAME];
    percent::decode_into(name, &mut buffer)
        .is_some_and(|name| rules.is_sensitive(name) || is_sensitive_parameter(name))
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
/// In tables, names are followed by many.
const MOST_SPACES: usize = 64;
