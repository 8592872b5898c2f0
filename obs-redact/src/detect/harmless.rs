//! Values of sensitive names that tell about the secret and are none: `token: expired`, `tokens: 5`.

use super::{pair::Key, value::separates};
use crate::scan::{at, before, part, run_end, spend};

/// Whether the value after a separator is none that must go.
///
/// Only what stands without quotation marks: a quoted word is data, whatever it says.
pub(super) fn is_harmless(bytes: &[u8], separator_end: usize, key: &Key<'_>) -> bool {
    let start = run_end(bytes, separator_end, |byte| matches!(byte, b' ' | b'\t'));
    is_state(bytes, start)
        || is_count(bytes, start, key)
        || is_line_number(bytes, separator_end, key)
}

/// Whether this is a place in a source file, as panics and backtraces name it: `src/token.rs:42:5`.
fn is_line_number(bytes: &[u8], start: usize, key: &Key<'_>) -> bool {
    let is_source = key.quote.is_none()
        && before(bytes, start) == b':'
        && SOURCES
            .split(' ')
            .any(|extension| key.name.ends_with(extension.as_bytes()));
    let end = run_end(bytes, start, |byte| byte.is_ascii_digit());
    is_source
        && (1..=LONGEST_COUNT).contains(&(end - start))
        && at(bytes, end) != b'.'
        && !at(bytes, end).is_ascii_alphanumeric()
}

const SOURCES: &str =
    ".rs .py .go .js .jsx .ts .tsx .java .kt .rb .php .c .cc .cpp .h .cs .swift .sql";

/// Whether a word that tells a state starts here.
pub(super) fn is_state(bytes: &[u8], start: usize) -> bool {
    is_word_of(bytes, start, STATES)
}

/// Whether one of the words of a sorted list starts here and ends where words of a sentence do.
pub(super) fn is_word_of(bytes: &[u8], start: usize, sorted: &[&str]) -> bool {
    let mut word = [0; LONGEST_WORD];
    let mut length = 0;
    for (lower, &byte) in word.iter_mut().zip(part(bytes, start..bytes.len())) {
        if !byte.is_ascii_alphabetic() {
            break;
        }
        *lower = byte.to_ascii_lowercase();
        length += 1;
    }
    spend(LONGEST_WORD);
    length > 0
        && ends_word(bytes, start + length)
        && sorted
            .binary_search_by_key(&part(&word, 0..length), |word| word.as_bytes())
            .is_ok()
}

/// Whether a short number stands after a name that in a sentence often counts or numbers something.
fn is_count(bytes: &[u8], start: usize, key: &Key<'_>) -> bool {
    let is_named = |name: &str| key.name.eq_ignore_ascii_case(name.as_bytes());
    let is_counted = is_named(COUNTED);
    let longest = if is_counted {
        LONGEST_COUNT
    } else if key.quote.is_none() && NUMBERED.split(' ').any(is_named) {
        LONGEST_NUMBER
    } else {
        return false;
    };
    // `tokens: prompt=3 completion=2`.
    let part_end = run_end(bytes, start, |byte| {
        byte.is_ascii_alphabetic() || byte == b'_'
    });
    let has_name = part_end > start && at(bytes, part_end) == b'=' && is_counted;
    let digits = if has_name { part_end + 1 } else { start };
    let end = run_end(bytes, digits, |byte| byte.is_ascii_digit());
    let is_share = at(bytes, end) == b'/' && at(bytes, end + 1).is_ascii_digit();
    let whole_end = match at(bytes, end) {
        b'/' if is_share => run_end(bytes, end + 1, |byte| byte.is_ascii_digit()),
        b'%' => end + 1,
        _ => end,
    };
    // `123 456` is one code.
    let goes_on = at(bytes, end) == b' ' && at(bytes, end + 1).is_ascii_digit();
    (part_end == start || has_name)
        && (1..=longest).contains(&(end - digits))
        && ends_word(bytes, whole_end)
        && !goes_on
}

/// Whether a word or number that ends here is not the beginning of something else.
fn ends_word(bytes: &[u8], end: usize) -> bool {
    let next = at(bytes, end + 1);
    match at(bytes, end) {
        // A variant with fields, in debug output.
        b' ' => next != b'{',
        0..b' ' => true,
        b')' | b']' | b'}' => !next.is_ascii_alphanumeric(),
        b',' | b';' | b'&' => separates(bytes, end + 1),
        b'.' | b'!' | b'?' | b':' => next <= b' ' || matches!(next, b'"' | b'\'' | b')' | b'\\'),
        b'"' | b'\'' | b'`' => !next.is_ascii_alphanumeric(),
        b'\\' => matches!(next, b'n' | b'r' | b't' | b'"' | b'\''),
        b'<' => next == b'/',
        _ => false,
    }
}

const LONGEST_WORD: usize = 16;
/// Numbers of tokens go up to a context window.
const LONGEST_COUNT: usize = 7;
/// PINs and one-time codes have four digits or more.
const LONGEST_NUMBER: usize = 3;
/// The name whose number is a count.
const COUNTED: &str = "tokens";
/// Names that are as often other things: a pin of a chip, a passed test, a release of OTP.
const NUMBERED: &str = "session pass token secret secrets pin otp";
/// What messages say about a secret instead of the secret.
const STATES: &[&str] = &[
    "absent",
    "are",
    "authenticated",
    "bad",
    "can",
    "cannot",
    "closed",
    "correct",
    "could",
    "created",
    "deleted",
    "denied",
    "did",
    "disabled",
    "does",
    "done",
    "empty",
    "enabled",
    "ended",
    "error",
    "expected",
    "expired",
    "failed",
    "failure",
    "false",
    "forbidden",
    "found",
    "generated",
    "had",
    "has",
    "have",
    "hidden",
    "incorrect",
    "invalid",
    "is",
    "loaded",
    "malformed",
    "may",
    "mismatch",
    "mismatched",
    "missing",
    "must",
    "nan",
    "nil",
    "no",
    "none",
    "not",
    "null",
    "off",
    "ok",
    "okay",
    "omitted",
    "on",
    "opened",
    "optional",
    "passed",
    "present",
    "redacted",
    "refreshed",
    "refused",
    "rejected",
    "removed",
    "renewed",
    "required",
    "revoked",
    "rotated",
    "saved",
    "set",
    "should",
    "skipped",
    "started",
    "starting",
    "stopped",
    "stopping",
    "stored",
    "succeeded",
    "success",
    "too",
    "true",
    "unauthorized",
    "unavailable",
    "undefined",
    "unexpected",
    "unknown",
    "unset",
    "unsupported",
    "updated",
    "valid",
    "validated",
    "verified",
    "was",
    "were",
    "will",
    "wrong",
    "yes",
];

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_sorted() {
        assert!(super::STATES.is_sorted());
    }
}
