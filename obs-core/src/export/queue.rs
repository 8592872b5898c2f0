//! The bounded queue of one signal: where records wait, in memory, to be sent.
//!
//! A push takes a lock for the time of a copy, allocates only when a buffer has to grow, and never
//! waits for room. Records of a scope keep their order.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at};

use super::account::{Ledger, Reason, SignalReport};
use super::limits::Limits;
use super::segment::{OpenSegments, Segment, framed_len};
use super::{Priority, Signal};

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server took it, but for this many records.
    Exported { rejected: u64 },
    /// The server refused all of it.
    Rejected,
    /// It was given up here.
    Dropped(Reason),
}

/// The records of one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) segments: Vec<Segment>,
    pub(super) items: usize,
}

/// The bounded queue of one signal.
#[derive(Debug)]
pub(super) struct Queue {
    signal: Signal,
    limits: Limits,
    state: Mutex<State>,
    /// Wakes who waits for records to leave.
    left: Condvar,
    /// Wakes the sender; there is one.
    wake: Notify,
}

#[derive(Debug)]
struct State {
    open: OpenSegments,
    /// Segments in the order in which they will be sent.
    sealed: VecDeque<Segment>,
    /// Buffers to fill again: their memory is warm.
    spare: Vec<Vec<u8>>,
    queued: Amount,
    in_flight: Amount,
    ledger: Ledger,
    /// Records that were ever let in, and of these the ones that left for good.
    entered: u64,
    left: u64,
    /// Everything that entered up to this count is wanted out now.
    wanted: u64,
    /// How often somebody was in a hurry.
    hurries: u64,
    /// When the first waiting record came.
    since: Option<Instant>,
    closed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    items: usize,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(signal: Signal, limits: Limits) -> Self {
        let state = State {
            open: OpenSegments::new(),
            sealed: VecDeque::new(),
            spare: Vec::new(),
            queued: Amount::default(),
            in_flight: Amount::default(),
            ledger: Ledger::default(),
            entered: 0,
            left: 0,
            wanted: 0,
            hurries: 0,
            since: None,
            closed: false,
        };
        Self {
            signal,
            limits,
            state: Mutex::new(state),
            left: Condvar::new(),
            wake: Notify::new(),
        }
    }

    /// Appends a record, or counts it as dropped.
    pub(super) fn push(&self, scope: &str, priority: Priority, record: &[u8]) {
        let wake = self.lock().push(&self.limits, scope, priority, record);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Replaces what waits by a body that says the same and more; for metrics.
    pub(super) fn replace(&self, body: Vec<u8>, items: usize) {
        self.lock().replace(body, items);
        self.wake.notify_one();
    }

    /// Waits until a batch is due: it is full, its first record has waited long enough, or
    /// somebody is in a hurry.
    pub(super) async fn ready(&self) {
        loop {
            let wait = self.lock().due_in(&self.limits);
            match wait {
                None => self.wake.notified().await,
                Some(Duration::ZERO) => return,
                Some(delay) => drop(timeout(delay, self.wake.notified()).await),
            }
        }
    }

    /// Waits before another try, shorter if somebody gets into a hurry; `hurries` remembers who
    /// was heard already.
    pub(super) async fn wait_to_retry(&self, delay: Duration, hurries: &mut u64) {
        let until = tokio::time::Instant::now() + delay;
        while timeout_at(until, self.wake.notified()).await.is_ok() {
            let now = self.lock().hurries;
            if now != *hurries {
                *hurries = now;
                return;
            }
        }
    }

    /// How often somebody was in a hurry so far.
    pub(super) fn hurries(&self) -> u64 {
        self.lock().hurries
    }

    /// Takes the oldest records, as many as one request may carry.
    pub(super) fn take(&self) -> Option<Batch> {
        self.lock().take(&self.limits)
    }

    /// Gives the buffers of a batch back once its body is encoded.
    pub(super) fn recycle(&self, batch: Batch) {
        let mut state = self.lock();
        for Segment { mut bytes, .. } in batch.segments {
            if state.spare.len() < MAX_SPARE && bytes.capacity() <= 2 * SEGMENT_BYTES {
                bytes.clear();
                state.spare.push(bytes);
            }
        }
    }

    /// Enters what became of the batch in flight.
    pub(super) fn settle(&self, outcome: Outcome) {
        self.lock().settle(outcome);
        self.left.notify_all();
    }

    /// Whether records wait behind the batch in flight.
    pub(super) fn has_waiting(&self) -> bool {
        self.lock().queued.items > 0
    }

    /// Records dropped while running that nobody was told of; `take` means that they are told now.
    pub(super) fn untold_drops(&self, take: bool) -> u64 {
        self.lock().ledger.untold(take)
    }

    /// Asks for everything that is in the queue now to be sent at once; the answer is for `wait`.
    pub(super) fn hurry(&self) -> u64 {
        let wanted = self.lock().hurry();
        self.wake.notify_one();
        wanted
    }

    /// Blocks until everything up to this count has left; false if that takes too long.
    pub(super) fn wait(&self, wanted: u64, deadline: Instant) -> bool {
        let mut state = self.lock();
        while state.left < wanted {
            let Some(time) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self
                .left
                .wait_timeout(state, time)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Lets nothing in any more and hurries what is there.
    pub(super) fn close(&self) -> u64 {
        self.lock().closed = true;
        self.hurry()
    }

    /// Gives up what is still there.
    pub(super) fn abandon(&self) {
        self.lock().abandon();
        self.left.notify_all();
    }

    pub(super) fn report(&self) -> SignalReport {
        let state = self.lock();
        let (queued, in_flight) = (state.queued.items as u64, state.in_flight.items as u64);
        state.ledger.report(self.signal, queued, in_flight)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Appends a record; true if the sender has to know.
    fn push(&mut self, limits: &Limits, scope: &str, priority: Priority, record: &[u8]) -> bool {
        self.ledger.accepted += 1;
        let length = framed_len(record);
        let items = self.queued.items + self.in_flight.items;
        let bytes = self.queued.bytes + self.in_flight.bytes;
        if self.closed {
            self.ledger.drop_records(Reason::AfterShutdown, 1);
            return false;
        }
        if length > MAX_BATCH_BYTES {
            self.ledger.drop_records(Reason::TooLarge, 1);
            return false;
        }
        if items >= Limits::share(limits.items, priority)
            || bytes + length > Limits::share(limits.bytes, priority)
        {
            self.ledger.drop_records(Reason::QueueFull, 1);
            return false;
        }
        self.append(scope, record, length);
        let before = self.queued;
        self.queued.items += 1;
        self.queued.bytes += length;
        self.entered += 1;
        if before.items == 0 {
            self.since = Some(Instant::now());
            return true;
        }
        let full = |amount: Amount| amount.is_full(limits);
        full(self.queued) && !full(before)
    }

    fn append(&mut self, scope: &str, record: &[u8], length: usize) {
        let Some(segment) = self.open.segment(scope) else {
            return;
        };
        if segment.bytes.len() + length > SEGMENT_BYTES && segment.items > 0 {
            self.sealed.push_back(segment.take());
        }
        if segment.bytes.capacity() == 0 {
            segment.bytes = self.spare.pop().unwrap_or_default();
        }
        segment.push(record);
    }

    fn replace(&mut self, body: Vec<u8>, items: usize) {
        self.ledger.accepted += items as u64;
        if self.closed {
            self.ledger
                .drop_records(Reason::AfterShutdown, items as u64);
            return;
        }
        self.drop_queued(Reason::Superseded);
        self.entered += items as u64;
        self.queued = Amount {
            items,
            bytes: body.len(),
        };
        self.since = Some(Instant::now());
        self.sealed.push_back(Segment {
            scope: Arc::from(""),
            bytes: body,
            items,
        });
    }

    /// How long the next batch may still wait; none if there is nothing to send.
    fn due_in(&self, limits: &Limits) -> Option<Duration> {
        let since = self.since.filter(|_| self.queued.items > 0)?;
        let hurried = self.wanted > self.left + self.in_flight.items as u64;
        if hurried || self.queued.is_full(limits) {
            return Some(Duration::ZERO);
        }
        Some(limits.delay.saturating_sub(since.elapsed()))
    }

    fn take(&mut self, limits: &Limits) -> Option<Batch> {
        // Sealing whatever is open makes the queue strictly first in, first out from here on.
        self.sealed.extend(self.open.drain());
        let mut segments = Vec::new();
        let mut taken = Amount::default();
        while let Some(segment) = self.sealed.front_mut() {
            let room = limits.batch_items - taken.items;
            if room == 0 || (taken.items > 0 && taken.bytes + segment.bytes.len() > MAX_BATCH_BYTES)
            {
                break;
            }
            let next = if segment.items > room {
                Some(segment.split_front(room))
            } else {
                self.sealed.pop_front()
            };
            let Some(next) = next else { break };
            taken.items += next.items;
            taken.bytes += next.bytes.len();
            segments.push(next);
        }
        if segments.is_empty() {
            return None;
        }
        self.queued.items -= taken.items;
        self.queued.bytes -= taken.bytes;
        self.in_flight = taken;
        Some(Batch {
            segments,
            items: taken.items,
        })
    }

    fn settle(&mut self, outcome: Outcome) {
        // Nothing is in flight any more if the batch was abandoned while it was on the way.
        let items = std::mem::take(&mut self.in_flight).items as u64;
        self.left += items;
        match outcome {
            Outcome::Exported { rejected } => {
                let rejected = rejected.min(items);
                self.ledger.rejected += rejected;
                self.ledger.exported += items - rejected;
            }
            Outcome::Rejected => self.ledger.rejected += items,
            Outcome::Dropped(reason) => self.ledger.drop_records(reason, items),
        }
    }

    fn hurry(&mut self) -> u64 {
        self.wanted = self.entered;
        self.hurries += 1;
        self.wanted
    }

    fn abandon(&mut self) {
        self.closed = true;
        self.drop_queued(Reason::Shutdown);
        self.settle(Outcome::Dropped(Reason::Shutdown));
    }

    fn drop_queued(&mut self, reason: Reason) {
        self.open.drain().for_each(drop);
        self.sealed.clear();
        let items = std::mem::take(&mut self.queued).items as u64;
        self.left += items;
        self.ledger.drop_records(reason, items);
    }
}

impl Amount {
    /// Whether this is worth a request of its own.
    fn is_full(self, limits: &Limits) -> bool {
        self.items >= limits.batch_items || self.bytes >= FULL_BATCH_BYTES
    }
}

/// A buffer that is full is set aside and a new one begun, so that no push ever pays for moving
/// more than this.
const SEGMENT_BYTES: usize = 256 * 1024;
/// A batch of this size is sent without waiting for the delay: larger ones save little.
const FULL_BATCH_BYTES: usize = 1024 * 1024;
/// The largest body before compression; servers commonly take 4 MiB and more.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Two MiB of warm buffers for each signal at most.
const MAX_SPARE: usize = 8;
