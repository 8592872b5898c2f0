//! Quotation marks: where quoted text begins and ends, on any level of escaping.

use memchr::memchr;

use crate::scan::{at, before, is_quote, part, spend};

/// A quotation mark with the backslashes before it, as inside of another quoted text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) mark: u8,
    pub(super) escapes: usize,
}

impl Quote {
    /// The end of the mark that closes at `end`, with its backslashes.
    pub(super) fn closed_end(self, end: usize) -> usize {
        end + self.escapes + 1
    }
}

/// The quotation mark at `start` and where its text begins.
///
/// A `&` may stand before, and a letter such as that of `b"…"` or `r#"…"#`.
pub(super) fn opening_quote(bytes: &[u8], start: usize) -> Option<(Quote, usize)> {
    let referred = start + usize::from(at(bytes, start) == b'&');
    let prefixed = matches!(
        at(bytes, referred),
        b'b' | b'r' | b'u' | b'f' | b'N' | b'E' | b'e'
    );
    let mut first = referred + usize::from(prefixed);
    while prefixed && at(bytes, first) == b'#' && first - referred < MOST_ESCAPES {
        first += 1;
    }
    let mut index = first;
    while at(bytes, index) == b'\\' && index - first < MOST_ESCAPES {
        index += 1;
    }
    let mark = at(bytes, index);
    is_quote(mark).then_some((
        Quote {
            mark,
            escapes: index - first,
        },
        index + 1,
    ))
}

/// The end of the text inside of quotation marks; of unclosed ones the end of all text.
pub(super) fn quoted_end(bytes: &[u8], start: usize, quote: Quote) -> usize {
    let Quote { mark, escapes } = quote;
    let mut from = start;
    while let Some(offset) = memchr(mark, part(bytes, from..bytes.len())) {
        spend(offset + 1);
        let found = from + offset;
        let mut run = 0;
        while found - run > start && before(bytes, found - run) == b'\\' {
            run += 1;
        }
        // Inside of text that was escaped n times, a mark that closes has escapes = 2^n - 1
        // backslashes of its own, one in the text has 2 (escapes + 1) more with each level.
        let closes = run % (2 * (escapes + 1)) == escapes;
        let is_doubled = mark == b'\'' && found > start && at(bytes, found + 1) == mark;
        if run < escapes {
            return found - run;
        }
        if closes && !is_doubled {
            return found - escapes;
        }
        from = found + 1 + usize::from(closes && is_doubled);
    }
    bytes.len()
}

pub(super) const MOST_ESCAPES: usize = 15;
