//! Passwords in SQL that is part of a text: `WITH PASSWORD 'x'`, `IDENTIFIED BY 'x'`.

use std::ops::Range;

use super::{
    anchor::Place,
    quote::{opening_quote, quoted_end},
};
use crate::scan::{at, before, gap_end, gap_start, starts_with_any_case};

/// The string after the word `password`, maybe in parentheses; the literal starts with its mark.
pub(super) fn verify_password(place: &Place<'_>) -> Option<Range<usize>> {
    let bytes = place.bytes;
    let mark = place.literal.start;
    let string_start = mark - usize::from(matches!(before(bytes, mark), b'E' | b'e' | b'N'));
    let mut word_end = gap_start(bytes, string_start);
    if before(bytes, word_end) == b'(' {
        word_end = gap_start(bytes, word_end - 1);
    }
    let start = word_end.checked_sub(b"password".len())?;
    if start < place.done || !starts_with_any_case(bytes, start, b"password") {
        return None;
    }
    string(bytes, word_end)
}

/// The string after `BY`, with which the literal begins one byte later.
pub(super) fn verify_by(place: &Place<'_>) -> Option<Range<usize>> {
    let bytes = place.bytes;
    let word_end = place.literal.start + 1;
    let follows = |word: &[u8]| {
        word_end
            .checked_sub(word.len())
            .is_some_and(|start| starts_with_any_case(bytes, start, word))
    };
    // After `IDENTIFIED`, or after the name of an authentication plugin.
    if !matches!(at(bytes, place.literal.end), b'y' | b'Y')
        || !follows(b"identified") && !follows(b"_password")
    {
        return None;
    }
    string(bytes, place.literal.end + 1)
}

/// The text of the string after a space or in parentheses.
fn string(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let gap = gap_end(bytes, start);
    let parenthesis = usize::from(at(bytes, gap) == b'(');
    let mark = gap_end(bytes, gap + parenthesis);
    let (quote, inner) = opening_quote(bytes, mark).filter(|_| mark > start)?;
    // The end of quoted prose has a mark after a space too.
    let opens = !matches!(
        at(bytes, inner),
        0..=b' ' | b',' | b':' | b';' | b')' | b']' | b'}' | b'.'
    );
    opens.then(|| inner..quoted_end(bytes, inner, quote))
}
