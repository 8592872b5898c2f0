//! Records laid end to end in the form in which they will stand in the request.
//!
//! A record costs one copy and no allocation: it is framed as field 2 of `ScopeLogs` or
//! `ScopeSpans` (both have the same layout) right when it arrives.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Bytes;
use prost::Message;

use super::Priority;
use super::backlog::Amount;

/// Framed records of one instrumentation scope and one priority, complete.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) scope: Arc<str>,
    pub(super) bytes: Bytes,
    pub(super) items: usize,
    /// When its first record came.
    pub(super) since: Instant,
    /// Which flushes wait for it: those from this number on.
    pub(super) generation: u64,
}

impl Segment {
    /// What a segment takes in memory beside its records, about: a program that flushes after each
    /// record makes one for each.
    pub(super) const OVERHEAD: usize = 160;

    /// Records that were decoded, framed again, about so many bytes of them; none if one of them is
    /// none.
    pub(super) fn of_messages<M: Message>(
        scope: &str,
        records: impl Iterator<Item = Option<M>>,
        length: usize,
        since: Instant,
    ) -> Option<Self> {
        let mut bytes = Vec::with_capacity(length);
        let mut items = 0;
        for record in records {
            bytes.push(RECORD_TAG);
            // A vector has room for everything.
            let _always = record?.encode_length_delimited(&mut bytes);
            items += 1;
        }
        Some(Self {
            scope: Arc::from(scope),
            bytes: bytes.into(),
            items,
            since,
            generation: 0,
        })
    }

    /// What the queue counts for it.
    pub(super) fn amount(&self) -> Amount {
        Amount {
            items: self.items,
            bytes: self.bytes.len() + Self::OVERHEAD,
        }
    }

    /// Takes the first `items` records out.
    pub(super) fn split_front(&mut self, items: usize) -> Self {
        let end = front_len(&self.bytes, items).unwrap_or(self.bytes.len());
        let items = items.min(self.items);
        self.items -= items;
        Self {
            bytes: self.bytes.split_to(end),
            items,
            ..self.clone()
        }
    }

    /// How many of the first records take no more than so many bytes.
    pub(super) fn items_within(&self, bytes: usize) -> usize {
        let mut taken = 0;
        let fits = |record: &&[u8]| {
            taken += framed_len(record);
            taken <= bytes
        };
        self.records().take_while(fits).count()
    }

    /// The records one by one, without their frames.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.bytes;
        std::iter::from_fn(move || {
            let (record, after) = split_record(rest)?;
            rest = after;
            Some(record)
        })
    }
}

/// A segment that is being filled.
#[derive(Debug, Default)]
pub(super) struct OpenSegment {
    bytes: Vec<u8>,
    items: usize,
    since: Option<Instant>,
}

impl OpenSegment {
    /// Appends a record into a buffer that grows by doubling up to `most` bytes and not beyond.
    pub(super) fn push(&mut self, record: &[u8], most: usize, spare: &mut Vec<Vec<u8>>) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            if self.bytes.capacity() == 0 {
                self.bytes = spare.pop().unwrap_or_default();
            }
        }
        let needed = self.bytes.len() + framed_len(record);
        if needed > self.bytes.capacity() {
            let capacity = needed.max((2 * self.bytes.capacity()).min(most));
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.push(RECORD_TAG);
        push_varint(&mut self.bytes, record.len());
        self.bytes.extend_from_slice(record);
        self.items += 1;
    }

    /// Whether another record would make it larger than a segment should be.
    pub(super) fn is_full_for(&self, record: &[u8], most: usize) -> bool {
        self.items > 0 && self.bytes.len() + framed_len(record) > most
    }
}

/// The segments of one scope that are being filled.
#[derive(Debug)]
pub(super) struct OpenScope {
    name: Arc<str>,
    by_priority: [OpenSegment; Priority::COUNT],
}

impl OpenScope {
    fn new(name: &str) -> Self {
        Self {
            name: Arc::from(name),
            by_priority: Default::default(),
        }
    }

    pub(super) fn of(&mut self, priority: Priority) -> &mut OpenSegment {
        let [debug, info, warn, error] = &mut self.by_priority;
        match priority {
            Priority::Debug => debug,
            Priority::Info => info,
            Priority::Warn => warn,
            Priority::Error => error,
        }
    }

    /// Completes a segment, if it has records.
    pub(super) fn seal(&mut self, priority: Priority, generation: u64) -> Option<Segment> {
        let scope = Arc::clone(&self.name);
        let open = self.of(priority);
        let since = open.since.take()?;
        Some(Segment {
            scope,
            bytes: Bytes::from(std::mem::take(&mut open.bytes)),
            items: std::mem::take(&mut open.items),
            since,
            generation,
        })
    }
}

/// The segments that are being filled, for each scope that was ever seen.
#[derive(Debug)]
pub(super) struct OpenSegments {
    scopes: Vec<OpenScope>,
    /// Index by a hash of the name's address: a call site hands over the same name every time.
    recent: [u16; RECENT],
}

impl OpenSegments {
    pub(super) fn new() -> Self {
        Self {
            scopes: vec![OpenScope::new("")],
            recent: [0; RECENT],
        }
    }

    /// The segments of a scope; scopes beyond the limit share those without a name.
    pub(super) fn scope(&mut self, scope: &str) -> Option<&mut OpenScope> {
        // The shift leaves the six best mixed bits, which is what `RECENT` has room for.
        let slot = scope
            .as_ptr()
            .addr()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize)
            >> (usize::BITS - RECENT.ilog2());
        let recent = self.recent.get(slot).map_or(0, |index| usize::from(*index));
        // The address is only a hint: the name decides.
        if self
            .scopes
            .get(recent)
            .is_some_and(|open| *open.name == *scope)
        {
            return self.scopes.get_mut(recent);
        }
        let index = self.find_or_add(scope);
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = u16::try_from(index).unwrap_or(0);
        }
        self.scopes.get_mut(index)
    }

    /// Completes all segments that have records.
    pub(super) fn seal(&mut self, generation: u64) -> impl Iterator<Item = (Priority, Segment)> {
        self.scopes.iter_mut().flat_map(move |scope| {
            Priority::ALL.into_iter().filter_map(move |priority| {
                let segment = scope.seal(priority, generation)?;
                Some((priority, segment))
            })
        })
    }

    #[cold]
    fn find_or_add(&mut self, scope: &str) -> usize {
        if let Some(index) = self.scopes.iter().position(|open| *open.name == *scope) {
            return index;
        }
        if self.scopes.len() >= MAX_SCOPES || scope.len() > MAX_SCOPE_LEN {
            return 0;
        }
        self.scopes.push(OpenScope::new(scope));
        self.scopes.len() - 1
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
        (_, rest) = split_record(rest)?;
    }
    Some(bytes.len() - rest.len())
}

/// The first framed record, and what follows it.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, after_tag) = bytes.split_first()?;
    let mut length = 0;
    let mut digits = 0;
    for byte in after_tag {
        length |= usize::from(byte & 0x7f) << (7 * digits);
        digits += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    after_tag.get(digits..)?.split_at_checked(length)
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
        let mut scope = OpenScope::new("a");
        for record in &records {
            scope
                .of(Priority::Info)
                .push(record, 1_000, &mut vec![Vec::with_capacity(1)]);
        }
        let mut segment = scope.seal(Priority::Info, 0).unwrap();
        assert!(scope.seal(Priority::Info, 0).is_none());
        assert!(segment.records().eq(&records));
        let whole = segment.bytes.clone();
        let front = segment.split_front(4);
        assert_eq!((front.items, segment.items), (4, 1));
        let expected: usize = records[..4].iter().map(|record| framed_len(record)).sum();
        assert_eq!(front.bytes.len(), expected);
        assert_eq!([front.bytes, segment.bytes].concat(), whole);
    }

    #[test]
    fn scopes_beyond_the_limit_share_one() {
        let mut open = OpenSegments::new();
        let mut push = |name: &str| {
            let scope = open.scope(name).unwrap();
            scope.of(Priority::Info).push(b"x", 1_000, &mut Vec::new());
        };
        for number in 0..1_000 {
            let name = format!("scope{number}");
            push(&name);
            // The same address, now under another name, must not be taken for the old scope.
            push(&name.replace("scope", "other"));
        }
        push(&"n".repeat(MAX_SCOPE_LEN + 1));
        let segments: Vec<Segment> = open.seal(0).map(|(_, segment)| segment).collect();
        assert_eq!(segments.len(), MAX_SCOPES);
        let items = |segments: &[Segment]| segments.iter().map(|segment| segment.items).sum();
        let total: usize = items(&segments);
        assert_eq!(total, 2_001);
        assert!(segments.iter().skip(1).all(|segment| segment.items == 1));
    }
}
