//! JSON web tokens: `eyJ….eyJ….signature`, and encrypted ones with five parts.

use std::ops::Range;

use super::{anchor::Place, base64::decode};
use crate::scan::{at, part, run_end};

/// Remembers where a token cannot start any more.
#[derive(Default)]
pub(super) struct Jwt {
    /// No `.` up to here: a later start in the same run would find none either.
    refused_until: usize,
}

impl Jwt {
    pub(super) fn verify(&mut self, place: &Place<'_>) -> Option<Range<usize>> {
        let bytes = place.bytes;
        let start = place.literal.start;
        if start < self.refused_until {
            return None;
        }
        if !is_json(part(
            bytes,
            start..bytes.len().min(start + SHORTEST_PART + 2),
        )) {
            return None;
        }
        let header_end = run_end(bytes, start, is_base64url);
        let mut end = header_end;
        if at(bytes, end) == b'.' {
            end = run_end(bytes, end + 1, is_base64url);
        }
        if header_end - start < SHORTEST_PART || end < header_end + 1 + SHORTEST_PART {
            // What follows the dot may start a token of its own.
            self.refused_until = header_end;
            return None;
        }
        for _ in 0..MOST_PARTS - 2 {
            if at(bytes, end) != b'.' {
                break;
            }
            end = run_end(bytes, end + 1, is_base64url);
        }
        Some(start..end)
    }
}

/// Whether base64url text decodes to the beginning of an object with a name in ASCII.
fn is_json(base64: &[u8]) -> bool {
    decode(base64).all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `{"a":1}` takes ten characters.
const SHORTEST_PART: usize = 10;
const MOST_PARTS: usize = 5;
