//! Private keys in PEM blocks, up to their end line or to the end of the text.

use std::ops::Range;

use memchr::memmem;

use super::anchor::Place;
use crate::scan::{part, spend};

/// The whole block, also where line ends are written as `\n` or spaces as `%20`.
pub(super) fn verify(place: &Place<'_>) -> Option<Range<usize>> {
    let bytes = place.bytes;
    let label_start = place.literal.end;
    let window = part(
        bytes,
        label_start..bytes.len().min(label_start + LONGEST_LABEL + DASHES.len()),
    );
    spend(window.len());
    let label_end = memmem::find(window, DASHES)?;
    let label = part(window, 0..label_end);
    if memmem::find(label, b"PRIVATE").is_none() || memmem::find(label, b"KEY").is_none() {
        return None;
    }
    let body = label_start + label_end + DASHES.len();
    let rest = part(bytes, body..bytes.len());
    let Some(offset) = memmem::find(rest, END) else {
        spend(rest.len());
        return Some(place.literal.start..bytes.len());
    };
    spend(offset);
    let end = body + offset + END.len();
    let closing = part(
        bytes,
        end..bytes.len().min(end + LONGEST_LABEL + DASHES.len()),
    );
    let end = memmem::find(closing, DASHES).map_or(end, |offset| end + offset + DASHES.len());
    Some(place.literal.start..end)
}

const DASHES: &[u8] = b"-----";
const END: &[u8] = b"-----END";
const LONGEST_LABEL: usize = 64;
