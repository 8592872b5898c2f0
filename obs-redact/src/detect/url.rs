//! Credentials in URLs: `scheme://user:password@host`.

use std::ops::Range;

use memchr::{memchr, memrchr};

use super::anchor::Place;
use crate::scan::{at, is_quote, part, run_end, spend, starts_with};

/// The userinfo after a `://`.
pub(super) fn verify(place: &Place<'_>) -> Option<Range<usize>> {
    userinfo(place.bytes, place.literal.end)
}

/// What stands before the last `@` of the authority that starts at `start`.
pub(crate) fn userinfo(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let end = run_end(bytes, start, |byte| {
        !ends_text(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'\\')
    });
    let authority = part(bytes, start..end);
    spend(authority.len());
    let at_sign = match memrchr(b'@', authority) {
        Some(offset) => start + offset,
        None if has_unlikely_port(authority) => late_at_sign(bytes, end)?,
        None => return None,
    };
    (at_sign > start).then_some(start..at_sign)
}

/// Whether what would be the port is none: the start of a password that was not encoded.
fn has_unlikely_port(authority: &[u8]) -> bool {
    memchr(b':', authority).is_some_and(|colon| {
        let port = part(authority, colon + 1..authority.len());
        !port.is_empty() && !authority.starts_with(b"[") && !port.iter().all(u8::is_ascii_digit)
    })
}

/// Looks for the `@` behind a password with `/`, `?` or `#` in it.
fn late_at_sign(bytes: &[u8], start: usize) -> Option<usize> {
    let limit = bytes.len().min(start + LATEST);
    let mut found = None;
    for index in start..limit {
        let byte = at(bytes, index);
        // The next URL looks for itself, which also keeps the work linear.
        if ends_text(byte) || starts_with(bytes, index, b"://") {
            break;
        }
        if byte == b'@' {
            found = Some(index);
        }
    }
    found
}

fn ends_text(byte: u8) -> bool {
    byte <= b' ' || is_quote(byte) || matches!(byte, b'<' | b'>' | 0x7f)
}

const LATEST: usize = 256;
