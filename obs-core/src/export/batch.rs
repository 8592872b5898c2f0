//! The records of one request, kept until it is known what became of them.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use hyper::body::Bytes;

use super::backlog::Amount;
use super::segment::Segment;

/// The records of one request.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The encoded `Resource` of the process that recorded them, where that is not this one.
    pub(super) resource: Option<Bytes>,
    /// In the order of their scopes, and within a scope in the order in which they came.
    pub(super) segments: Vec<Segment>,
    pub(super) items: usize,
    /// What the queue counts for it.
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn new(mut segments: Vec<Segment>) -> Self {
        // The sort is stable: records of a scope keep their order.
        segments.sort_by(|a, b| a.scope.cmp(&b.scope));
        Self {
            resource: None,
            items: segments.iter().map(|segment| segment.items).sum(),
            bytes: segments.iter().map(|segment| segment.amount().bytes).sum(),
            segments,
        }
    }

    /// The same records as those of another process.
    pub(super) fn of(self, resource: Option<Bytes>) -> Self {
        Self { resource, ..self }
    }

    pub(super) fn amount(&self) -> Amount {
        Amount {
            items: self.items,
            bytes: self.bytes,
        }
    }

    /// When its first record came.
    pub(super) fn since(&self) -> Option<Instant> {
        self.segments.iter().map(|segment| segment.since).min()
    }

    /// Two batches with half of the records each; a single record cannot be divided.
    pub(super) fn halves(self) -> Result<[Self; 2], Self> {
        if self.items < 2 {
            return Err(self);
        }
        let mut room = self.items / 2;
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for mut segment in self.segments {
            if room >= segment.items {
                room -= segment.items;
                front.push(segment);
                continue;
            }
            if room > 0 {
                front.push(segment.split_front(room));
                room = 0;
            }
            back.push(segment);
        }
        let mut halves = [front, back].map(|half| Self::new(half).of(self.resource.clone()));
        share_out(self.bytes, &mut halves);
        Ok(halves)
    }

    /// Batches of which none has more than so many distinct attribute keys, unless a single record
    /// has. `field` is the number of the attributes in the record's message.
    pub(super) fn with_few_keys(self, field: u64, most: usize) -> Vec<Self> {
        let hasher = RandomState::new();
        let mut batches = Vec::new();
        let mut segments = Vec::new();
        let part = |segments| Self::new(segments).of(self.resource.clone());
        let mut known: HashSet<u64> = HashSet::new();
        let mut fresh: Vec<u64> = Vec::new();
        for mut segment in self.segments {
            // The records of `segment` that fit to what was gathered before.
            let mut fitting = 0;
            for record in segment.clone().records() {
                fresh.clear();
                let hashes = keys(record, field).map(|key| hasher.hash_one(key));
                fresh.extend(hashes.filter(|hash| !known.contains(hash)));
                if known.len() + fresh.len() > most && (fitting > 0 || !segments.is_empty()) {
                    if fitting > 0 {
                        segments.push(segment.split_front(fitting));
                    }
                    batches.push(part(std::mem::take(&mut segments)));
                    known.clear();
                    fitting = 0;
                    fresh.clear();
                    fresh.extend(keys(record, field).map(|key| hasher.hash_one(key)));
                }
                known.extend(&fresh);
                fitting += 1;
            }
            segments.push(segment);
        }
        batches.push(part(segments));
        share_out(self.bytes, &mut batches);
        batches
    }
}

/// Makes the parts of a batch count for as much as the whole did.
pub(super) fn share_out(whole: usize, parts: &mut [Batch]) {
    let mut left = whole;
    if let Some((last, others)) = parts.split_last_mut() {
        for part in others {
            part.bytes = part.bytes.min(left);
            left -= part.bytes;
        }
        last.bytes = left;
    }
}

/// The keys of the attributes of an encoded `LogRecord` or `Span`.
fn keys(record: &[u8], field: u64) -> impl Iterator<Item = &[u8]> {
    let attributes = fields(record).filter(move |(number, _)| *number == field);
    // The key is field 1 of `KeyValue`.
    attributes.filter_map(|(_, attribute)| {
        fields(attribute)
            .find(|(number, _)| *number == 1)
            .map(|(_, key)| key)
    })
}

/// The length-delimited fields of a message; what is none is skipped, and what is no message ends
/// the list.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = message;
    std::iter::from_fn(move || {
        loop {
            let (key, after) = split_varint(rest)?;
            let length = match key & 7 {
                0 => after.len() - split_varint(after)?.1.len(),
                1 => 8,
                5 => 4,
                2 => {
                    let (length, after) = split_varint(after)?;
                    let (value, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
                    rest = after;
                    return Some((key >> 3, value));
                }
                _ => return None,
            };
            rest = after.get(length..)?;
        }
    })
}

fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}
