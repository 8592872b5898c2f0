//! The records that wait in a queue: by scope and priority, in the order in which they came.

use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};

use hyper::body::Bytes;

use super::Priority;
use super::segment::{OpenSegments, Segment, framed_len};

/// A number of records and the bytes that the queue counts for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.items = self.items.saturating_sub(other.items);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// The records that wait.
#[derive(Debug)]
pub(super) struct Backlog {
    open: OpenSegments,
    /// Complete segments by priority, each with its place in the order of sending.
    sealed: [VecDeque<(u64, Segment)>; Priority::COUNT],
    next_place: u64,
    /// Buffers to fill again: their memory is warm.
    spare: Vec<Vec<u8>>,
    /// What waits, by priority.
    held: [Amount; Priority::COUNT],
    /// The largest buffer that records are gathered in.
    segment_bytes: usize,
}

impl Backlog {
    pub(super) fn new(segment_bytes: usize) -> Self {
        Self {
            open: OpenSegments::new(),
            sealed: Default::default(),
            next_place: 0,
            spare: Vec::new(),
            held: Default::default(),
            segment_bytes,
        }
    }

    /// All that waits.
    pub(super) fn held(&self) -> Amount {
        self.held_from(Priority::Debug)
    }

    /// What waits of this priority and those above.
    pub(super) fn held_from(&self, priority: Priority) -> Amount {
        let mut sum = Amount::default();
        for amount in self.held.iter().skip(priority as usize) {
            sum += *amount;
        }
        sum
    }

    /// Appends a record.
    pub(super) fn push(&mut self, scope: &str, priority: Priority, record: &[u8], generation: u64) {
        let Some(open) = self.open.scope(scope) else {
            return;
        };
        let is_full = open.of(priority).is_full_for(record, self.segment_bytes);
        let sealed = is_full.then(|| open.seal(priority, generation)).flatten();
        open.of(priority)
            .push(record, self.segment_bytes, &mut self.spare);
        if let Some(segment) = sealed {
            self.enqueue(priority, segment);
        }
        if let Some(held) = self.held.get_mut(priority as usize) {
            held.items += 1;
            held.bytes += framed_len(record);
        }
    }

    /// Appends a complete segment.
    pub(super) fn put(&mut self, priority: Priority, segment: Segment) {
        if let Some(held) = self.held.get_mut(priority as usize) {
            held.items += segment.items;
            held.bytes += segment.bytes.len();
        }
        self.enqueue(priority, segment);
    }

    /// Completes what is being filled: from here on the backlog is strictly first in, first out.
    pub(super) fn seal(&mut self, generation: u64) {
        let sealed: Vec<_> = self.open.seal(generation).collect();
        for (priority, segment) in sealed {
            self.enqueue(priority, segment);
        }
    }

    /// Whether records of a generation up to this one wait; all of those are in complete segments.
    pub(super) fn has_of(&self, generation: u64) -> bool {
        self.sealed
            .iter()
            .filter_map(VecDeque::front)
            .any(|(_, segment)| segment.generation <= generation)
    }

    /// Takes the oldest segment of the least priority out, if that is lower than this one.
    pub(super) fn evict_below(&mut self, priority: Priority, generation: u64) -> Option<Segment> {
        let has_below = |sealed: &[VecDeque<_>; Priority::COUNT]| {
            let mut below = sealed.iter().take(priority as usize);
            below.any(|segments| !segments.is_empty())
        };
        if !has_below(&self.sealed) {
            self.seal(generation);
        }
        let mut below = self.sealed.iter_mut().zip(&mut self.held);
        let (segments, held) = below
            .by_ref()
            .take(priority as usize)
            .find(|(segments, _)| !segments.is_empty())?;
        let (_, segment) = segments.pop_front()?;
        *held -= segment.amount();
        Some(segment)
    }

    /// Takes the oldest records, no more than these and one at least; in whole segments if it can.
    pub(super) fn take(&mut self, most: Amount, most_segments: usize) -> Vec<Segment> {
        let mut taken = Vec::new();
        let mut sum = Amount::default();
        while taken.len() < most_segments
            && let Some((segments, held)) = self.oldest()
            && let Some((_, segment)) = segments.front_mut()
        {
            let mut room = most.items.saturating_sub(sum.items);
            if sum.bytes + segment.bytes.len() > most.bytes {
                let fitting = segment.items_within(most.bytes.saturating_sub(sum.bytes));
                // A record that is larger goes alone.
                room = room.min(fitting.max(usize::from(taken.is_empty())));
            }
            let part = match room {
                0 => break,
                room if segment.items > room => {
                    held.bytes += Segment::OVERHEAD;
                    segment.split_front(room)
                }
                _ => match segments.pop_front() {
                    Some((_, segment)) => segment,
                    None => break,
                },
            };
            *held -= part.amount();
            sum.items += part.items;
            sum.bytes += part.bytes.len();
            taken.push(part);
        }
        taken
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self, generation: u64) -> Vec<Segment> {
        self.seal(generation);
        self.held = Default::default();
        let all = self.sealed.iter_mut().flat_map(std::mem::take);
        all.map(|(_, segment)| segment).collect()
    }

    /// The complete segments.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.sealed.iter().flatten().map(|(_, segment)| segment)
    }

    /// Whether buffers are wanted back.
    pub(super) fn wants_buffers(&self) -> bool {
        self.spare.len() < MAX_SPARE
    }

    /// Keeps a buffer for the next segment, unless somebody still reads it.
    pub(super) fn recycle(&mut self, bytes: Bytes) {
        if let Ok(buffer) = bytes.try_into_mut() {
            let mut buffer = Vec::from(buffer);
            if self.wants_buffers() && buffer.capacity() <= self.segment_bytes {
                buffer.clear();
                self.spare.push(buffer);
            }
        }
    }

    fn enqueue(&mut self, priority: Priority, segment: Segment) {
        let place = self.next_place;
        self.next_place += 1;
        let held = self.held.get_mut(priority as usize);
        if let Some((segments, held)) = self.sealed.get_mut(priority as usize).zip(held) {
            held.bytes += Segment::OVERHEAD;
            segments.push_back((place, segment));
        }
    }

    /// The segments of the priority whose turn it is.
    fn oldest(&mut self) -> Option<(&mut VecDeque<(u64, Segment)>, &mut Amount)> {
        self.sealed
            .iter_mut()
            .zip(&mut self.held)
            .filter(|(segments, _)| !segments.is_empty())
            .min_by_key(|(segments, _)| segments.front().map(|(place, _)| *place))
    }
}

/// Two MiB of warm buffers for each signal at most.
const MAX_SPARE: usize = 8;
