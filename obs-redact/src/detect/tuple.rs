//! A name and its value as two items: `("password", "x")`, `["x-api-key", "x"]`.

use std::ops::Range;

use super::{
    group,
    pair::{Key, is_sensitive},
    quote::{opening_quote, quoted_end},
};
use crate::{
    field::FieldRules,
    scan::{at, before, gap_end, gap_start, is_quote},
};

/// The value after a comma, if a sensitive name in quotation marks stands before it.
pub(super) fn value(bytes: &[u8], comma: usize, rules: &FieldRules) -> Option<Range<usize>> {
    if !is_quote(before(bytes, comma)) {
        return None;
    }
    let key = Key::before(bytes, comma)?;
    let opening = key.opening(bytes)?;
    let bracket = before(bytes, gap_start(bytes, opening));
    if !matches!(bracket, b'(' | b'[' | b'{') || !is_sensitive(key.name, rules) {
        return None;
    }
    let start = gap_end(bytes, comma + 1);
    let Some((quote, inner)) = opening_quote(bytes, start) else {
        if bracket != b'(' {
            return None;
        }
        return group::end(bytes, start).map(|end| start..end);
    };
    let end = quoted_end(bytes, inner, quote);
    // Names alone make longer lists.
    let is_pair = bracket == b'(' || ends_list(bytes, quote.closed_end(end));
    is_pair.then_some(inner..end)
}

/// Whether a bracket or the text ends here, maybe after a last comma.
fn ends_list(bytes: &[u8], start: usize) -> bool {
    let gap = gap_end(bytes, start);
    let end = gap_end(bytes, gap + usize::from(at(bytes, gap) == b','));
    matches!(at(bytes, end), b']' | b'}' | b')' | 0)
}
