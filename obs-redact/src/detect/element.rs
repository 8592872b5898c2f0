//! Elements of XML and HTML: `<password>x</password>`.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr};

use super::anchor::Place;
use crate::{
    field::FieldRules,
    scan::{at, before, part, run_end, spend},
};

/// The text before the closing tag that starts with the literal.
pub(super) fn verify(place: &Place<'_>, rules: &FieldRules) -> Option<Range<usize>> {
    let bytes = place.bytes;
    let name = place.literal.end;
    let name_end = name_end(bytes, name);
    // That it is closed keeps the way back short: no other way goes beyond it.
    if at(bytes, name_end) != b'>' || !rules.is_sensitive(part(bytes, name..name_end)) {
        return None;
    }
    let end = place.literal.start;
    let (start, end) = if part(bytes, end.saturating_sub(3)..end) == b"]]>" {
        let end = end - 3;
        let from = place.done.max(end.saturating_sub(LONGEST_SECTION));
        let window = part(bytes, from..end);
        spend(window.len());
        let section = memmem::rfind(window, SECTION);
        (
            from + section.map_or(0, |offset| offset + SECTION.len()),
            end,
        )
    } else {
        let content = part(bytes, place.done..end);
        let offset = memrchr(b'>', content);
        spend(content.len() - offset.unwrap_or(0));
        (place.done + offset? + 1, end)
    };
    trimmed(bytes, start, end)
}

/// The text after the last opening tag, where the text was cut off before the closing one.
///
/// In a manual `<password>` is a placeholder: what follows it directly tells.
pub(super) fn cut(bytes: &[u8], tag: usize, rules: &FieldRules) -> Option<Range<usize>> {
    let name_end = name_end(bytes, tag + 1);
    if !rules.is_sensitive(part(bytes, tag + 1..name_end)) {
        return None;
    }
    let rest = part(bytes, name_end..bytes.len());
    spend(rest.len());
    let start = name_end + memchr(b'>', rest)? + 1;
    let end = run_end(bytes, start, |byte| {
        !byte.is_ascii_whitespace() && byte != b'<'
    });
    (at(bytes, start).is_ascii_alphanumeric() && end == bytes.len()).then_some(start..end)
}

fn name_end(bytes: &[u8], start: usize) -> usize {
    let window = part(bytes, 0..bytes.len().min(start + LONGEST_NAME));
    run_end(window, start, |byte| {
        byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_-.:".contains(&byte)
    })
}

fn trimmed(bytes: &[u8], start: usize, mut end: usize) -> Option<Range<usize>> {
    let start = run_end(bytes, start, |byte| byte.is_ascii_whitespace());
    while end > start && before(bytes, end).is_ascii_whitespace() {
        end -= 1;
    }
    (end > start).then_some(start..end)
}

const SECTION: &[u8] = b"<![CDATA[";
const LONGEST_NAME: usize = 64;
const LONGEST_SECTION: usize = 256;
