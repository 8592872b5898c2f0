//! Records laid end to end in the form in which they will stand in the request.
//!
//! A record costs one copy and no allocation: it is framed as field 2 of `ScopeLogs` or
//! `ScopeSpans` (both have the same layout) right when it arrives.

use std::sync::Arc;

/// Framed records of one instrumentation scope.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) scope: Arc<str>,
    pub(super) bytes: Vec<u8>,
    pub(super) items: usize,
}

impl Segment {
    /// Takes the first `items` records out.
    pub(super) fn split_front(&mut self, items: usize) -> Self {
        let end = front_len(&self.bytes, items).unwrap_or(self.bytes.len());
        let rest = self.bytes.split_off(end);
        let bytes = std::mem::replace(&mut self.bytes, rest);
        let items = items.min(self.items);
        self.items -= items;
        Self {
            scope: Arc::clone(&self.scope),
            bytes,
            items,
        }
    }
}

/// The segments that are being filled, one for each scope that was ever seen.
#[derive(Debug)]
pub(super) struct OpenSegments {
    segments: Vec<Segment>,
    /// Index by a hash of the name's address: a call site hands over the same name every time.
    recent: [u16; RECENT],
}

impl OpenSegments {
    pub(super) fn new() -> Self {
        let overflow = Segment {
            scope: Arc::from(""),
            bytes: Vec::new(),
            items: 0,
        };
        Self {
            segments: vec![overflow],
            recent: [0; RECENT],
        }
    }

    /// The segment of a scope; scopes beyond the limit share the one without a name.
    pub(super) fn segment(&mut self, scope: &str) -> Option<&mut Segment> {
        // The shift leaves the six best mixed bits, which is what `RECENT` has room for.
        let slot = scope
            .as_ptr()
            .addr()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize)
            >> (usize::BITS - RECENT.ilog2());
        let recent = self.recent.get(slot).map_or(0, |index| usize::from(*index));
        // The address is only a hint: the name decides.
        if self
            .segments
            .get(recent)
            .is_some_and(|segment| *segment.scope == *scope)
        {
            return self.segments.get_mut(recent);
        }
        let index = self.find_or_add(scope);
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = u16::try_from(index).unwrap_or(0);
        }
        self.segments.get_mut(index)
    }

    /// Takes all segments that hold records.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Segment> {
        self.segments
            .iter_mut()
            .filter(|segment| segment.items > 0)
            .map(Segment::take)
    }

    #[cold]
    fn find_or_add(&mut self, scope: &str) -> usize {
        if let Some(index) = self
            .segments
            .iter()
            .position(|segment| *segment.scope == *scope)
        {
            return index;
        }
        if self.segments.len() >= MAX_SCOPES || scope.len() > MAX_SCOPE_LEN {
            return 0;
        }
        self.segments.push(Segment {
            scope: Arc::from(scope),
            bytes: Vec::new(),
            items: 0,
        });
        self.segments.len() - 1
    }
}

impl Segment {
    /// The segment as it is, leaving an empty one of the same scope.
    pub(super) fn take(&mut self) -> Self {
        Self {
            scope: Arc::clone(&self.scope),
            bytes: std::mem::take(&mut self.bytes),
            items: std::mem::take(&mut self.items),
        }
    }

    /// Appends a record; `framed_len` is the number of bytes that this takes.
    pub(super) fn push(&mut self, record: &[u8]) {
        self.bytes.push(RECORD_TAG);
        push_varint(&mut self.bytes, record.len());
        self.bytes.extend_from_slice(record);
        self.items += 1;
    }
}

/// The bytes that a record takes with its frame.
pub(super) fn framed_len(record: &[u8]) -> usize {
    1 + varint_len(record.len()) + record.len()
}

/// The bytes that the varint of a length takes.
pub(super) const fn varint_len(length: usize) -> usize {
    // Seven bits to a byte; zero takes one as well.
    ((usize::BITS - (length | 1).leading_zeros()) as usize).div_ceil(7)
}

/// Appends the varint of a length.
pub(super) fn push_varint(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Where the first `items` framed records end.
fn front_len(bytes: &[u8], items: usize) -> Option<usize> {
    let mut rest = bytes;
    for _ in 0..items {
        let (_tag, after_tag) = rest.split_first()?;
        let mut length = 0;
        let mut digits = 0;
        for byte in after_tag {
            length |= usize::from(byte & 0x7f) << (7 * digits);
            digits += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = after_tag.get(digits + length..)?;
    }
    Some(bytes.len() - rest.len())
}

/// Field 2, length-delimited.
const RECORD_TAG: u8 = 2 << 3 | 2;
const RECENT: usize = 64;
/// A program has a scope for each of its modules; more are names made up at run time.
const MAX_SCOPES: usize = 256;
const MAX_SCOPE_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_the_length_that_is_said() {
        for length in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            2_097_151,
            2_097_152,
            usize::MAX,
        ] {
            let mut out = Vec::new();
            push_varint(&mut out, length);
            assert_eq!(out.len(), varint_len(length), "{length}");
        }
    }

    #[test]
    fn segments_split_between_records() {
        let records: Vec<Vec<u8>> = [0, 1, 127, 128, 20_000].map(|len| vec![7_u8; len]).into();
        let mut segment = Segment {
            scope: Arc::from("a"),
            bytes: Vec::new(),
            items: 0,
        };
        records.iter().for_each(|record| segment.push(record));
        let whole = segment.bytes.clone();
        let front = segment.split_front(4);
        assert_eq!((front.items, segment.items), (4, 1));
        assert_eq!(
            front.bytes.len(),
            records[..4]
                .iter()
                .map(|record| framed_len(record))
                .sum::<usize>()
        );
        assert_eq!([front.bytes, segment.bytes].concat(), whole);
    }

    #[test]
    fn scopes_beyond_the_limit_share_one() {
        let mut open = OpenSegments::new();
        for number in 0..1_000 {
            let name = format!("scope{number}");
            open.segment(&name).unwrap().push(b"x");
            // The same address, now under another name, must not be taken for the old scope.
            open.segment(&name.replace("scope", "other"))
                .unwrap()
                .push(b"y");
        }
        open.segment(&"n".repeat(MAX_SCOPE_LEN + 1))
            .unwrap()
            .push(b"z");
        let segments: Vec<Segment> = open.drain().collect();
        assert_eq!(segments.len(), MAX_SCOPES);
        assert_eq!(
            segments.iter().map(|segment| segment.items).sum::<usize>(),
            2_001
        );
        assert!(segments.iter().skip(1).all(|segment| segment.items == 1));
    }
}
