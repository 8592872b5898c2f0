//! Payment card numbers: 13 to 19 digits of a known issuer with a right check digit.

use std::ops::Range;

use crate::{
    findings::Findings,
    scan::{at, before, part, spend, starts_token},
};

/// Finds card numbers written in one piece or in the usual groups.
pub(crate) fn find_cards(findings: &mut Findings<'_>) {
    let bytes = findings.bytes();
    let mut tried = 0;
    for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
        let digits = chunk.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits < FEWEST_IN_CHUNK {
            continue;
        }
        let chunk_start = index * CHUNK;
        let mut start = tried.max(chunk_start.saturating_sub(LONGEST));
        while start < chunk_start + chunk.len() {
            if let Some(card) = card_at(bytes, start) {
                start = card.end;
                if !is_measure(bytes, &card) {
                    findings.add(card);
                }
            } else {
                start += 1;
            }
        }
        tried = start;
    }
}

/// Whether a number in one piece stands after a name that says what it measures: `elapsed_ns`.
fn is_measure(bytes: &[u8], number: &Range<usize>) -> bool {
    let in_one_piece = part(bytes, number.clone()).iter().all(u8::is_ascii_digit);
    let Some(key) = value_key(bytes, number.start).filter(|_| in_one_piece) else {
        return false;
    };
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    let ends_with = |word: &str| {
        let from = key.len().saturating_sub(word.len());
        part(key, from..key.len())
            .iter()
            .map(lower)
            .eq(word.bytes())
    };
    UNITS.iter().chain(MEASURES).any(|word| ends_with(word))
}

/// The name before the separator before `start`.
fn value_key(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let from = start.saturating_sub(LONGEST_KEY);
    let mut end = start;
    let mut separators = 0;
    while end > from {
        match before(bytes, end) {
            b' ' | b'"' | b'\'' | b'\\' => {}
            b'=' | b':' => separators += 1,
            _ => break,
        }
        end -= 1;
    }
    let window = part(bytes, from..end);
    let start = window
        .iter()
        .rposition(|&byte| !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-')
        .map_or(0, |offset| offset + 1);
    spend(window.len());
    (separators == 1).then(|| part(window, start..window.len()))
}

/// Whether the number is a card number.
#[cfg(feature = "json")]
pub(crate) fn is_card_number(number: u64) -> bool {
    let mut digits = Digits::default();
    let mut divisor = 10_u64.pow(18);
    while divisor > 0 {
        let digit = u8::try_from(number / divisor % 10).unwrap_or(0);
        if digits.length > 0 || digit > 0 {
            digits.push(digit);
        }
        divisor /= 10;
    }
    number < 10_u64.pow(19) && digits.is_card()
}

fn card_at(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    // What every known issuer's numbers begin with.
    if !matches!(at(bytes, start), b'2'..=b'6') || !starts_number(bytes, start) {
        return None;
    }
    let mut digits = Digits::default();
    let mut groups = Groups::default();
    let mut end = start;
    let mut card = None;
    loop {
        let byte = at(bytes, end);
        if byte.is_ascii_digit() {
            if digits.length == MOST_DIGITS {
                break;
            }
            digits.push(byte - b'0');
            end += 1;
            groups.grow();
            let next = at(bytes, end);
            if !next.is_ascii_digit()
                && ends_number(bytes, end)
                && groups.are_usual()
                && digits.is_card()
            {
                card = Some(start..end);
            }
        } else if groups.split_by(byte) && at(bytes, end + 1).is_ascii_digit() {
            end += 1;
        } else {
            break;
        }
    }
    card
}

/// Whether a number starts here, and not the rest of an identifier or of a fraction.
fn starts_number(bytes: &[u8], start: usize) -> bool {
    match before(bytes, start) {
        b'_' => false,
        b'.' => start < 2 || !at(bytes, start - 2).is_ascii_digit(),
        _ => starts_token(bytes, start),
    }
}

fn ends_number(bytes: &[u8], end: usize) -> bool {
    match at(bytes, end) {
        b'.' => !at(bytes, end + 1).is_ascii_digit(),
        next => !next.is_ascii_alphanumeric() && next != b'_',
    }
}

/// The lengths of the groups so far, one byte each.
#[derive(Default)]
struct Groups {
    lengths: u64,
    separator: Option<u8>,
}

impl Groups {
    /// Adds a digit to the last group.
    fn grow(&mut self) {
        self.lengths += 1;
    }

    /// Starts a group, if the byte separates, is the same each time and ends a group of four or
    /// more: nineteen digits in such groups never fill the integer.
    fn split_by(&mut self, byte: u8) -> bool {
        if !matches!(byte, b' ' | b'-' | b'.')
            || *self.separator.get_or_insert(byte) != byte
            || self.lengths & 0xff < 4
        {
            return false;
        }
        self.lengths <<= 8;
        true
    }

    fn are_usual(&self) -> bool {
        self.separator.is_none()
            || matches!(
                self.lengths,
                0x0404_0404
                    | 0x04_0404_0403
                    | 0x04_0404_0402
                    | 0x04_0404_0401
                    | 0x04_0605
                    | 0x04_0604
            )
    }
}

/// The digits of a possible card number.
#[derive(Default)]
struct Digits {
    length: usize,
    /// The first six, which name the issuer.
    issuer: u32,
    /// Sums of the digits, with those at odd places doubled, and with those at even places doubled.
    sums: [u32; 2],
}

impl Digits {
    fn push(&mut self, digit: u8) {
        spend(1);
        let digit = u32::from(digit);
        if self.length < 6 {
            self.issuer = self.issuer * 10 + digit;
        }
        let doubled = digit * 2 / 10 + digit * 2 % 10;
        let [odd, even] = &mut self.sums;
        let (with, without) = if self.length % 2 == 1 {
            (odd, even)
        } else {
            (even, odd)
        };
        *with += doubled;
        *without += digit;
        self.length += 1;
    }

    /// The check of ISO 7812-1 annex B, and the lengths and ranges of the issuers.
    fn is_card(&self) -> bool {
        let [odd, even] = self.sums;
        // The last digit is never doubled, so the second to last decides.
        let sum = if self.length.is_multiple_of(2) {
            even
        } else {
            odd
        };
        sum.is_multiple_of(10) && self.is_issued()
    }

    fn is_issued(&self) -> bool {
        match self.length {
            13 => matches!(self.issuer, 400_000..=499_999),
            14 => matches!(self.issuer, 300_000..=305_999 | 360_000..=369_999 | 380_000..=399_999),
            15 => matches!(self.issuer, 340_000..=349_999 | 370_000..=379_999),
            16 => {
                matches!(
                    self.issuer,
                    222_100..=272_099 | 400_000..=499_999 | 510_000..=559_999
                ) || self.is_of_long_issuer()
            }
            17..=18 => self.is_of_long_issuer(),
            19 => matches!(self.issuer, 400_000..=499_999) || self.is_of_long_issuer(),
            _ => false,
        }
    }

    /// JCB, Mir, Diners Club, Maestro, Discover and `UnionPay` have 16 to 19 digits.
    fn is_of_long_issuer(&self) -> bool {
        matches!(
            self.issuer,
            352_800..=358_999
                | 220_000..=220_499
                | 300_000..=305_999
                | 360_000..=369_999
                | 380_000..=399_999
                | 501_800..=501_899
                | 502_000..=502_099
                | 503_800..=503_899
                | 589_300..=589_399
                | 601_100..=601_199
                | 630_400..=630_499
                | 644_000..=659_999
                | 620_000..=629_999
                | 675_900..=675_999
                | 676_100..=676_399
        )
    }
}

/// Chunks that the compiler counts with vector instructions.
const CHUNK: usize = 16;
/// Thirteen digits in two chunks leave seven in one of them; groups leave more.
const FEWEST_IN_CHUNK: usize = 7;
pub(super) const FEWEST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;
/// 19 digits in five groups.
const LONGEST: usize = 23;
const LONGEST_KEY: usize = 64;
const UNITS: &[&str] = &[
    "_ns", "_us", "_ms", "_nanos", "_micros", "_millis", "_bytes",
];
const MEASURES: &[&str] = &["elapsed", "duration", "timestamp", "offset"];
