//! Undoes base64 of both alphabets, to look at what a credential says.

use crate::scan::spend;

/// The decoded bytes, up to the first character that does not belong.
pub(super) fn decode(base64: &[u8]) -> impl Iterator<Item = u8> {
    let mut bits = 0_u32;
    let mut held = 0;
    base64
        .iter()
        .map_while(|&byte| value(byte))
        .filter_map(move |value| {
            spend(1);
            bits = bits << 6 | value;
            held += 6;
            if held < 8 {
                return None;
            }
            held -= 8;
            u8::try_from(bits >> held & 0xff).ok()
        })
}

/// Whether the byte is a digit of base64.
pub(super) fn is_base64(byte: u8) -> bool {
    value(byte).is_some()
}

fn value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
