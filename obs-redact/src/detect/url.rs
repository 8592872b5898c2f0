//! Credentials in URLs: `scheme://user:password@host`.

use std::ops::Range;

use memchr::{memchr, memrchr};

use super::anchor::Place;
use crate::scan::{at, is_quote, part, run_end, spend, starts_with};

/// The userinfo after a `://`.
pub(super) fn verify(place: &Place<'_>) -> Option<Range<usize>> {
    userinfo(place.bytes, place.literal.end)
}

/// The credentials before the literal, as in `user:password@tcp(host)/name` of Go's drivers.
pub(super) fn verify_driver(place: &Place<'_>) -> Option<Range<usize>> {
    let end = place.literal.start;
    let from = place.done.max(end.saturating_sub(LONGEST_USERINFO));
    let window = part(place.bytes, from..end);
    spend(window.len());
    let offset = window
        .iter()
        .rposition(|&byte| ends_text(byte))
        .map_or(0, |offset| offset + 1);
    let userinfo = part(window, offset..window.len());
    let colon = memchr(b':', userinfo)?;
    // A name may stand before, but the password may hold the same sign.
    let name = memrchr(b'=', part(userinfo, 0..colon)).map_or(0, |offset| offset + 1);
    (!userinfo.ends_with(b":")).then_some(from + offset + name..end)
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
const LONGEST_USERINFO: usize = 128;
