//! Undoes percent-encoding, to look at what a name or a value really says.

use crate::scan::{at, spend};

/// Decodes into a buffer on the stack; `None` if the text does not fit.
///
/// `+` is a space. Broken escapes stay as they are.
pub(crate) fn decode_into<'b>(text: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut length = 0;
    for byte in decode(text) {
        *buffer.get_mut(length)? = byte;
        length += 1;
    }
    buffer.get(..length)
}

/// The decoded bytes.
pub(crate) fn decode(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut index = 0;
    std::iter::from_fn(move || {
        let byte = *text.get(index)?;
        spend(1);
        index += 1;
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(at(text, index)), hex(at(text, index + 1)))
        {
            index += 2;
            return Some(high << 4 | low);
        }
        Some(if byte == b'+' { b' ' } else { byte })
    })
}

/// Whether decoding would change the text.
pub(crate) fn is_encoded(text: &[u8]) -> bool {
    memchr::memchr2(b'%', b'+', text).is_some()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
