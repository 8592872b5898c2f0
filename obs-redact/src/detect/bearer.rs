//! Credentials after their scheme: `Bearer …` and `Basic …`; the scheme stays.

use std::ops::Range;

use super::{
    anchor::Place,
    base64::{decode, is_base64},
};
use crate::scan::{at, part, run_end, starts_token, starts_with, starts_with_any_case};

/// The token of `Bearer …`, unless it is one of the words that prose has there.
pub(super) fn verify_bearer(place: &Place<'_>) -> Option<Range<usize>> {
    let credential = credential(place, b"bearer")?;
    let token = part(place.bytes, credential.clone());
    if is_parameter(token) || token.ends_with(b"=") && at(place.bytes, credential.end) == b'"' {
        return None;
    }
    let is_prose = token.len() <= LONGEST_WORD
        && PROSE.split(' ').any(|word| {
            let token = token.strip_suffix(b".").unwrap_or(token);
            token.eq_ignore_ascii_case(word.as_bytes())
        });
    (!is_prose).then_some(credential)
}

/// The credential of `Basic …`, if it decodes to `user:password`.
pub(super) fn verify_basic(place: &Place<'_>) -> Option<Range<usize>> {
    let credential = credential(place, b"basic")?;
    holds_user_and_password(part(place.bytes, credential.clone())).then_some(credential)
}

/// Checks the scheme around the literal that was found, which is its end.
fn credential(place: &Place<'_>, scheme: &[u8]) -> Option<Range<usize>> {
    let bytes = place.bytes;
    let start = place.literal.end.checked_sub(scheme.len())?;
    if start < place.done
        || !starts_with_any_case(bytes, start, scheme)
        || !starts_token(bytes, start)
    {
        return None;
    }
    let mut token = place.literal.end;
    for _ in 0..MOST_SPACES {
        token += match at(bytes, token) {
            b' ' | b'\t' | b'+' => 1,
            b'%' if starts_with(bytes, token, b"%20") => 3,
            _ => break,
        };
    }
    let end = run_end(bytes, token, is_token68);
    (token > place.literal.end && end > token).then_some(token..end)
}

/// Whether this is `name=value`, which rules by name look after.
fn is_parameter(token: &[u8]) -> bool {
    let name_end = run_end(token, 0, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.')
    });
    name_end <= LONGEST_NAME
        && at(token, name_end) == b'='
        && !matches!(at(token, name_end + 1), b'=' | 0)
}

/// RFC 7235 section 2.1.
fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Whether base64 text decodes to printable characters with a colon among them.
fn holds_user_and_password(base64: &[u8]) -> bool {
    let looked_at = part(base64, 0..base64.len().min(LONGEST_USER));
    for byte in decode(looked_at) {
        match byte {
            b':' => return true,
            0..0x20 | 0x7f => return false,
            _ => {}
        }
    }
    // A user name that long is no reason to let a password pass.
    base64.len() > LONGEST_USER && looked_at.iter().all(|&byte| is_base64(byte))
}

const MOST_SPACES: usize = 4;
const LONGEST_WORD: usize = 16;
const LONGEST_NAME: usize = 32;
const LONGEST_USER: usize = 256;
/// What follows the word in sentences; everything else after it is a token.
const PROSE: &str = "a an and as auth authentication authorization bond bonds but by credential credentials \
                     error expired failed flow for format found from got has header headers in \
                     invalid is missing must not of on or rejected required scheme should that the \
                     to token tokens was with";
