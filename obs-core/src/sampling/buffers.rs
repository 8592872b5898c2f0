//! Where encoded spans wait: buffers that are lent to local traces, bounded by the memory they take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::local_trace::LocalTrace;
use super::tally::{Bound, Tally};

/// Lends buffers, and knows who has one.
#[derive(Debug)]
pub(super) struct Buffers {
    shelf: Mutex<Shelf>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Whom each lent buffer was lent to.
    lent: Vec<Weak<LocalTrace>>,
    /// Places in `lent` that nobody has.
    vacant: Vec<usize>,
    /// Nothing is lent any more.
    closed: bool,
}

impl Buffers {
    pub(super) fn new(tally: Arc<Tally>) -> Self {
        Self {
            shelf: Mutex::default(),
            tally,
        }
    }

    /// A buffer for a trace; none after the end.
    pub(super) fn lend(self: &Arc<Self>, to: Weak<LocalTrace>) -> Option<Buffer> {
        let mut shelf = self.lock();
        if shelf.closed {
            return None;
        }
        let place = match shelf.vacant.pop() {
            Some(place) => place,
            None => {
                shelf.lent.push(Weak::new());
                shelf.lent.len() - 1
            }
        };
        if let Some(lent) = shelf.lent.get_mut(place) {
            *lent = to;
        }
        Some(Buffer {
            bytes: Vec::new(),
            taken: 0,
            spans: 0,
            place,
            buffers: Arc::clone(self),
        })
    }

    /// The traces that have a buffer.
    pub(super) fn holders(&self) -> Vec<Arc<LocalTrace>> {
        self.lock().lent.iter().filter_map(Weak::upgrade).collect()
    }

    /// Lends nothing any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    fn give_back(&self, place: usize, taken: usize) {
        self.tally.let_go(taken);
        let mut shelf = self.lock();
        // What the weak reference keeps alive may only be freed outside of the lock.
        let holder = shelf.lent.get_mut(place).map(std::mem::take);
        shelf.vacant.push(place);
        drop(shelf);
        drop(holder);
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encoded spans of one local trace. Goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// The memory of `bytes`, as it was counted.
    taken: usize,
    spans: usize,
    place: usize,
    buffers: Arc<Buffers>,
}

/// A span in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'b> {
    /// Where it begins.
    pub(super) at: usize,
    pub(super) scope: &'b str,
    pub(super) failed: bool,
    pub(super) record: &'b [u8],
}

impl Buffer {
    /// Appends a span and tells where it begins.
    pub(super) fn push(
        &mut self,
        scope: &str,
        failed: bool,
        record: &[u8],
    ) -> Result<usize, Bound> {
        self.make_room(HEAD + scope.len() + record.len())?;
        let at = self.bytes.len();
        // Both are below the bound of a trace.
        for length in [scope.len(), record.len()] {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        self.bytes.push(u8::from(failed));
        self.bytes.extend_from_slice(scope.as_bytes());
        self.bytes.extend_from_slice(record);
        self.spans += 1;
        Ok(at)
    }

    /// Takes memory for so many bytes more: no more than they need at first, then doubled, so that
    /// never less than half of it is used.
    fn make_room(&mut self, size: usize) -> Result<(), Bound> {
        let needed = self.bytes.len() + size;
        if needed > TRACE_BYTES {
            return Err(Bound::TraceBytes);
        }
        if needed > self.taken {
            let wanted = needed.max((2 * self.taken).min(TRACE_BYTES));
            if !self.buffers.tally.hold(wanted - self.taken, TOTAL_BYTES) {
                return Err(Bound::TotalBytes);
            }
            self.taken = wanted;
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        Ok(())
    }

    /// How many spans there are.
    pub(super) fn spans(&self) -> usize {
        self.spans
    }

    /// How many bytes they take.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The spans in the order of their end.
    pub(super) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (frame, size) = frame(&self.bytes, at)?;
            at += size;
            Some(frame)
        })
    }
}

fn frame(bytes: &[u8], at: usize) -> Option<(Frame<'_>, usize)> {
    let (scope_len, rest) = bytes.get(at..)?.split_first_chunk()?;
    let (record_len, rest) = rest.split_first_chunk()?;
    let (failed, rest) = rest.split_first()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let (scope, rest) = rest.split_at_checked(length(scope_len)?)?;
    let record = rest.get(..length(record_len)?)?;
    let frame = Frame {
        at,
        scope: str::from_utf8(scope).unwrap_or_default(),
        failed: *failed != 0,
        record,
    };
    Some((frame, HEAD + scope.len() + record.len()))
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // The memory is gone before it counts as free.
        drop(std::mem::take(&mut self.bytes));
        self.buffers.give_back(self.place, self.taken);
    }
}

/// Two lengths, and whether the span failed.
const HEAD: usize = 9;
/// What one trace may hold.
pub(super) const TRACE_BYTES: usize = 256 * 1024;
/// The memory that all traces may take together.
pub(super) const TOTAL_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_went_in() {
        let tally = Arc::new(Tally::default());
        let buffers = Arc::new(Buffers::new(Arc::clone(&tally)));
        let mut buffer = buffers.lend(Weak::new()).unwrap();
        buffer.push("shop", false, b"one").unwrap();
        let at = buffer.push("", true, b"").unwrap();
        buffer.push("größe", false, &[7; 300]).unwrap();
        let frames: Vec<_> = buffer.frames().collect();
        let texts: Vec<_> = frames.iter().map(|f| (f.scope, f.failed)).collect();
        assert_eq!(texts, [("shop", false), ("", true), ("größe", false)]);
        assert_eq!((frames[0].record, frames[1].at), (b"one".as_slice(), at));
        assert_eq!(frames[2].record, [7; 300]);
        assert_eq!(buffer.bytes.capacity(), buffer.taken);
        assert_eq!(tally.report().held_bytes, buffer.taken as u64);
        drop(buffer);
        assert_eq!(tally.report().held_bytes, 0);
    }

    #[test]
    fn one_buffer_and_all_together_are_bounded() {
        let tally = Arc::new(Tally::default());
        let buffers = Arc::new(Buffers::new(Arc::clone(&tally)));
        let record = vec![0; TRACE_BYTES - HEAD];
        let mut full: Vec<Buffer> = Vec::new();
        let refused = loop {
            let mut buffer = buffers.lend(Weak::new()).unwrap();
            match buffer.push("", false, &record) {
                Ok(_) => full.push(buffer),
                Err(bound) => break bound,
            }
        };
        assert_eq!(full.len(), TOTAL_BYTES / TRACE_BYTES);
        assert_eq!(refused, Bound::TotalBytes);
        assert_eq!(full[0].push("", false, b""), Err(Bound::TraceBytes));
        drop(full);
        let report = tally.report();
        assert_eq!((report.held_bytes, report.peak_held_bytes), (0, 16 << 20));
        let shelf = buffers.lock();
        assert_eq!(shelf.vacant.len(), shelf.lent.len());
    }

    #[test]
    fn what_many_small_traces_take_is_near_what_they_need() {
        let tally = Arc::new(Tally::default());
        let buffers = Arc::new(Buffers::new(Arc::clone(&tally)));
        let mut waiting = Vec::new();
        for number in 0..20_000 {
            let mut large = buffers.lend(Weak::new()).unwrap();
            for _ in 0..60 {
                large.push("shop", false, &[0; 250]).unwrap();
            }
            let mut small = buffers.lend(Weak::new()).unwrap();
            for _ in 0..=number % 5 {
                small.push("shop", false, &[0; 90]).unwrap();
            }
            drop(large);
            waiting.push(small);
        }
        let taken: usize = waiting.iter().map(|small| small.bytes.capacity()).sum();
        let needed: usize = waiting.iter().map(Buffer::len).sum();
        assert_eq!(tally.held(), taken);
        assert!(taken <= TOTAL_BYTES);
        assert!(taken < 2 * needed, "{taken} bytes for {needed}");
    }

    #[test]
    fn nothing_is_lent_after_the_end() {
        let buffers = Arc::new(Buffers::new(Arc::default()));
        buffers.close();
        assert!(buffers.lend(Weak::new()).is_none());
    }
}
