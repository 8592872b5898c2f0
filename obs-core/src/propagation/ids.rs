//! Trace and span ids: bytes, hexadecimal text, and where new ones come from.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

/// The id of a trace: 16 bytes, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// The id with these bytes, which may be the invalid one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A new id, never the invalid one.
    ///
    /// From a fast generator that each thread seeds with random keys of the operating system: all
    /// 16 bytes are uniformly distributed, as the random flag of W3C Trace Context Level 2 asks.
    /// It is not a secret: whoever sees some ids can compute later ones.
    #[must_use]
    pub fn random() -> Self {
        Self::from_numbers(random_nonzero(), random_nonzero())
    }

    /// The id with these halves.
    pub(super) const fn from_numbers(high: u64, low: u64) -> Self {
        let number = (high as u128) << 64 | low as u128;
        Self(number.to_be_bytes())
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Whether it is not all zero, which the standard forbids.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        u128::from_ne_bytes(self.0) != 0
    }

    /// Its hexadecimal digits, without allocating.
    #[must_use]
    pub fn hex(self) -> Hex<32> {
        let mut digits = [0; 32];
        write_hex(&self.0, &mut digits);
        Hex(digits)
    }
}

/// The id of a span within its trace: 8 bytes, written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// The id with these bytes, which may be the invalid one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// A new id, never the invalid one, of the quality of [`TraceId::random`].
    #[must_use]
    pub fn random() -> Self {
        Self(random_nonzero().to_be_bytes())
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// Whether it is not all zero, which the standard forbids.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        u64::from_ne_bytes(self.0) != 0
    }

    /// Its hexadecimal digits, without allocating.
    #[must_use]
    pub fn hex(self) -> Hex<16> {
        let mut digits = [0; 16];
        write_hex(&self.0, &mut digits);
        Hex(digits)
    }
}

/// `N` lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Hex<N> {
    /// The digits as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits as ASCII bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex().as_str())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.hex().as_str())
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex().as_str())
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.hex().as_str())
    }
}

/// Reads exactly `2 * N` lower-case hexadecimal digits.
pub(super) fn parse_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + (nibble - 10)
        }
    };
    for (byte, pair) in bytes.iter().zip(digits.as_chunks_mut::<2>().0) {
        *pair = [digit(byte >> 4), digit(byte & 0x0f)];
    }
}

/// A number for ids, samplers and jitter, of the quality of [`TraceId::random`].
pub(crate) fn random_u64() -> u64 {
    GENERATOR.with(|state| {
        let (next, number) = xoshiro256_plus_plus(state.get());
        state.set(next);
        number
    })
}

pub(super) fn random_nonzero() -> u64 {
    loop {
        let number = random_u64();
        if number != 0 {
            return number;
        }
    }
}

thread_local! {
    static GENERATOR: Cell<[u64; 4]> = Cell::new(seed());
}

/// `RandomState` takes its keys from the operating system; time and address keep two threads apart
/// even where those keys should be poor.
fn seed() -> [u64; 4] {
    let keys = RandomState::new();
    let time = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let address = std::ptr::from_ref(&keys).addr();
    let mut state = [1_u8, 2, 3, 4].map(|lane| keys.hash_one((lane, time, address)));
    // The all-zero state is the one from which the generator never leaves.
    if state == [0; 4] {
        state = [1, 2, 3, 4];
    }
    state
}

/// The generator of Blackman and Vigna (2019): period 2^256 - 1, passes the usual test batteries.
pub(super) const fn xoshiro256_plus_plus([a, b, c, d]: [u64; 4]) -> ([u64; 4], u64) {
    let number = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
    let (c2, d2) = (c ^ a, d ^ b);
    ([a ^ d2, b ^ c2, c2 ^ (b << 17), d2.rotate_left(45)], number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn generator_gives_the_published_numbers() {
        // First outputs of the reference implementation for the state 1, 2, 3, 4.
        let mut state = [1, 2, 3, 4];
        let numbers = [(); 4].map(|()| {
            let (next, number) = xoshiro256_plus_plus(state);
            state = next;
            number
        });
        assert_eq!(
            numbers,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn ids_of_many_threads_are_distinct() {
        let ids: Vec<Vec<SpanId>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..5_000).map(|_| SpanId::random()).collect()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let distinct: HashSet<SpanId> = ids.iter().flatten().copied().collect();
        assert_eq!(distinct.len(), 40_000);
        assert!(distinct.iter().all(|id| id.is_valid()));
    }

    #[test]
    fn every_bit_of_an_id_is_as_often_set_as_not() {
        let mut counts = [0_u32; 128];
        for _ in 0..4_096 {
            let id = u128::from_be_bytes(TraceId::random().to_bytes());
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += u32::from((id >> bit) & 1 == 1);
            }
        }
        // Ten standard deviations (of 32) to both sides of the mean.
        assert!(
            counts.iter().all(|count| (1_728..=2_368).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn hex_round_trips() {
        let id = TraceId::from_bytes(
            *b"\x00\x09\x0a\x0f\x10\x90\xa0\xff\x01\x23\x45\x67\x89\xab\xcd\xef",
        );
        assert_eq!(id.to_string(), "00090a0f1090a0ff0123456789abcdef");
        assert_eq!(format!("{id:?}"), id.to_string());
        assert_eq!(parse_hex(id.hex().as_bytes()), Some(id.to_bytes()));
        assert_eq!(parse_hex::<2>(b"ABCD"), None);
        assert_eq!(parse_hex::<2>(b"abc"), None);
        assert_eq!(parse_hex::<2>(b"abcde"), None);
        assert_eq!(parse_hex::<2>(b"abcdef"), None);
        assert_eq!(parse_hex::<1>(b"\xc3\xa9"), None);
    }
}
