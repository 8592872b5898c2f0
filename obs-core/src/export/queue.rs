//! The bounded queue of one signal: where records wait, in memory, to be sent.
//!
//! A push takes a lock for the time of a copy, allocates only when a buffer has to grow, and never
//! waits for room. Records of a scope and a priority keep their order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::sync::Notify;

use super::account::{Held, Ledger, Reason, SignalReport};
use super::batch::Batch;
use super::limits::Limits;
use super::segment::{OpenSegments, SEGMENT_BYTES, Segment, framed_len};
use super::{Priority, Signal};

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server took it, but for this many records.
    Exported { rejected: u64 },
    /// The server answered success in a way that may mean that it threw all away.
    Suspect,
    /// The server refused all of it.
    Rejected,
    /// It was given up here.
    Dropped(Reason),
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
    /// Complete segments by priority, each with its place in the order of sending.
    sealed: [VecDeque<(u64, Segment)>; Priority::COUNT],
    next_place: u64,
    /// Buffers to fill again: their memory is warm.
    spare: Vec<Vec<u8>>,
    queued: Amount,
    in_flight: Amount,
    /// Requests under way: how many records, and whether the whole body was sent.
    requests: Vec<(u64, usize, Arc<AtomicBool>)>,
    next_request: u64,
    ledger: Ledger,
    /// What was pushed since the last hurry belongs to this one.
    generation: u64,
    /// Records that have not left yet, by generation; none is zero.
    outstanding: BTreeMap<u64, u64>,
    /// The same of the current generation.
    outstanding_now: u64,
    /// What is in the queue up to this generation is wanted out now.
    wanted: Option<u64>,
    /// How often somebody was in a hurry.
    hurries: u64,
    /// How many wait for records to leave.
    waiting: usize,
    /// When the first waiting record came.
    since: Option<Instant>,
    closed: bool,
    abandoned: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    items: usize,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(signal: Signal, limits: Limits) -> Self {
        Self {
            signal,
            limits,
            state: Mutex::new(State::new()),
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
        self.lock().replace(&self.limits, body, items);
        self.wake.notify_one();
    }

    /// Waits until there is something new to look at: records, or somebody in a hurry.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// How long the next batch may still wait for company; none if there is nothing to send.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.lock().due_in(&self.limits)
    }

    /// How often somebody was in a hurry so far.
    pub(super) fn hurries(&self) -> u64 {
        self.lock().hurries
    }

    /// Whether somebody waits right now for records to leave.
    pub(super) fn is_awaited(&self) -> bool {
        let state = self.lock();
        state.waiting > 0 || state.closed
    }

    /// Takes the oldest records, as many as one request of so many bytes may carry.
    pub(super) fn take(&self, most_bytes: usize) -> Option<Batch> {
        self.lock().take(&self.limits, most_bytes)
    }

    /// Notes that a request is about to carry these records, and where it says that all was sent.
    pub(super) fn begin_request(&self, items: usize, sent: Arc<AtomicBool>) -> u64 {
        let mut state = self.lock();
        let id = state.next_request;
        state.next_request += 1;
        state.requests.push((id, items, sent));
        id
    }

    /// Notes that a request has ended, however it did.
    pub(super) fn end_request(&self, id: u64) {
        self.lock().requests.retain(|(other, ..)| *other != id);
    }

    /// Notes that records are sent again which the server may have taken already.
    pub(super) fn resent(&self, items: usize) {
        self.lock().ledger.resent_unknown += items as u64;
    }

    /// Enters what became of a batch, and takes its buffers back.
    pub(super) fn settle(&self, batch: Batch, outcome: Outcome) {
        let rest = self.lock().settle(batch, outcome);
        // Memory is given back outside of the lock: that takes longer than a push.
        drop(rest);
        self.left.notify_all();
    }

    /// Counts as lost what the sender held when it failed.
    pub(super) fn lose_in_flight(&self) {
        self.lock().lose_in_flight(Reason::Internal);
        self.left.notify_all();
    }

    /// Whether records wait behind the batches in flight.
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

    /// Blocks until everything up to this generation has left; false if that takes too long.
    pub(super) fn wait(&self, wanted: u64, deadline: Instant) -> bool {
        let mut state = self.lock();
        state.waiting += 1;
        let left = loop {
            if state.has_left(wanted) {
                break true;
            }
            let Some(time) = deadline.checked_duration_since(Instant::now()) else {
                break false;
            };
            state = self
                .left
                .wait_timeout(state, time)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        state.waiting -= 1;
        left
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
        let held = Held {
            queued: state.queued.items,
            in_flight: state.in_flight.items,
            bytes: state.queued.bytes + state.in_flight.bytes,
        };
        state.ledger.report(self.signal, held, &self.limits)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new() -> Self {
        Self {
            open: OpenSegments::new(),
            sealed: Default::default(),
            next_place: 0,
            spare: Vec::new(),
            queued: Amount::default(),
            in_flight: Amount::default(),
            requests: Vec::new(),
            next_request: 0,
            ledger: Ledger::default(),
            generation: 0,
            outstanding: BTreeMap::new(),
            outstanding_now: 0,
            wanted: None,
            hurries: 0,
            waiting: 0,
            since: None,
            closed: false,
            abandoned: false,
        }
    }

    /// Appends a record; true if the sender has to know.
    fn push(&mut self, limits: &Limits, scope: &str, priority: Priority, record: &[u8]) -> bool {
        self.ledger.accepted += 1;
        let length = framed_len(record);
        let refused = if self.closed {
            Some(Reason::AfterShutdown)
        } else if length > MAX_BATCH_BYTES {
            Some(Reason::TooLarge)
        } else if !self.make_room(limits, priority, length) {
            Some(Reason::QueueFull)
        } else {
            None
        };
        if let Some(reason) = refused {
            self.ledger.drop_records(reason, 1);
            return false;
        }
        self.append(scope, priority, record);
        let before = self.queued;
        self.queued.items += 1;
        self.queued.bytes += length;
        self.outstanding_now += 1;
        if before.items == 0 {
            self.since = Some(Instant::now());
            return true;
        }
        let full = |amount: Amount| amount.is_full(limits);
        full(self.queued) && !full(before)
    }

    /// Whether there is room, if need be in the place of older records that matter less.
    fn make_room(&mut self, limits: &Limits, priority: Priority, length: usize) -> bool {
        let (most_items, most_bytes) = (
            Limits::share(limits.items, priority),
            Limits::share(limits.bytes, priority),
        );
        // What can never fit must not drive out anything.
        if length > most_bytes {
            return false;
        }
        loop {
            let items = self.queued.items + self.in_flight.items;
            let bytes = self.queued.bytes + self.in_flight.bytes;
            if items < most_items && bytes + length <= most_bytes {
                return true;
            }
            if !self.evict_below(priority) {
                return false;
            }
        }
    }

    /// Drops the oldest segment of the least priority, if that is lower than this one.
    fn evict_below(&mut self, priority: Priority) -> bool {
        if priority == Priority::Debug {
            return false;
        }
        if !self.has_sealed_below(priority) {
            self.seal_open();
        }
        let lower = Priority::ALL
            .iter()
            .zip(&mut self.sealed)
            .take_while(|(lower, _)| **lower < priority);
        let Some((_, evicted)) = lower
            .filter_map(|(_, segments)| segments.pop_front())
            .next()
        else {
            return false;
        };
        self.queued.items -= evicted.items;
        self.queued.bytes -= evicted.bytes.len();
        self.ledger
            .drop_records(Reason::QueueFull, evicted.items as u64);
        self.leave(&evicted);
        self.recycle(evicted.bytes);
        true
    }

    fn has_sealed_below(&self, priority: Priority) -> bool {
        Priority::ALL
            .iter()
            .zip(&self.sealed)
            .any(|(lower, segments)| *lower < priority && !segments.is_empty())
    }

    fn append(&mut self, scope: &str, priority: Priority, record: &[u8]) {
        let generation = self.generation;
        let Some(open) = self.open.scope(scope) else {
            return;
        };
        let sealed = open
            .of(priority)
            .is_full_for(record)
            .then(|| open.seal(priority, generation))
            .flatten();
        open.of(priority).push(record, &mut self.spare);
        if let Some(segment) = sealed {
            self.enqueue(priority, segment);
        }
    }

    fn enqueue(&mut self, priority: Priority, segment: Segment) {
        let place = self.next_place;
        self.next_place += 1;
        if let Some(segments) = self.sealed.get_mut(priority as usize) {
            segments.push_back((place, segment));
        }
    }

    /// Completes what is being filled: from here on the queue is strictly first in, first out.
    fn seal_open(&mut self) {
        let sealed: Vec<_> = self.open.seal(self.generation).collect();
        for (priority, segment) in sealed {
            self.enqueue(priority, segment);
        }
    }

    fn replace(&mut self, limits: &Limits, body: Vec<u8>, items: usize) {
        self.ledger.accepted += items as u64;
        let refused = if self.closed {
            Some(Reason::AfterShutdown)
        } else if body.len() + self.in_flight.bytes > limits.bytes {
            Some(Reason::QueueFull)
        } else {
            None
        };
        if let Some(reason) = refused {
            self.ledger.drop_records(reason, items as u64);
            return;
        }
        self.drop_queued(Reason::Superseded);
        self.outstanding_now += items as u64;
        self.queued = Amount {
            items,
            bytes: body.len(),
        };
        let now = Instant::now();
        self.since = Some(now);
        let segment = Segment {
            scope: Arc::from(""),
            bytes: Bytes::from(body),
            items,
            since: now,
            generation: self.generation,
        };
        self.enqueue(Priority::Info, segment);
    }

    fn due_in(&self, limits: &Limits) -> Option<Duration> {
        let since = self.since.filter(|_| self.queued.items > 0)?;
        if self.is_hurried() || self.queued.is_full(limits) {
            return Some(Duration::ZERO);
        }
        Some(limits.delay.saturating_sub(since.elapsed()))
    }

    /// Whether records are queued that somebody waits for. A hurry completes all open segments, so
    /// that those are the oldest of their priority.
    fn is_hurried(&self) -> bool {
        let Some(wanted) = self.wanted else {
            return false;
        };
        self.sealed
            .iter()
            .filter_map(VecDeque::front)
            .any(|(_, segment)| segment.generation <= wanted)
    }

    fn take(&mut self, limits: &Limits, most_bytes: usize) -> Option<Batch> {
        self.seal_open();
        let most_bytes = most_bytes.min(MAX_BATCH_BYTES);
        let mut segments = Vec::new();
        let mut taken = Amount::default();
        while let Some(next) = self.oldest() {
            let Some((_, segment)) = next.front_mut() else {
                break;
            };
            let room = limits.batch_items - taken.items;
            if room == 0 || (taken.items > 0 && taken.bytes + segment.bytes.len() > most_bytes) {
                break;
            }
            let part = if segment.items > room {
                Some(segment.split_front(room))
            } else {
                next.pop_front().map(|(_, segment)| segment)
            };
            let Some(part) = part else { break };
            taken.items += part.items;
            taken.bytes += part.bytes.len();
            segments.push(part);
        }
        if segments.is_empty() {
            return None;
        }
        self.queued.items -= taken.items;
        self.queued.bytes -= taken.bytes;
        self.in_flight.items += taken.items;
        self.in_flight.bytes += taken.bytes;
        Some(Batch::new(segments))
    }

    /// The segments of the priority whose turn it is.
    fn oldest(&mut self) -> Option<&mut VecDeque<(u64, Segment)>> {
        self.sealed
            .iter_mut()
            .filter(|segments| !segments.is_empty())
            .min_by_key(|segments| segments.front().map(|(place, _)| *place))
    }

    /// Enters what became of a batch; gives back the buffers that are of no more use.
    fn settle(&mut self, batch: Batch, outcome: Outcome) -> Vec<Bytes> {
        // What was abandoned while it was on the way is accounted for already.
        if self.abandoned {
            return Vec::new();
        }
        let items = batch.items as u64;
        self.in_flight.items = self.in_flight.items.saturating_sub(batch.items);
        self.in_flight.bytes = self.in_flight.bytes.saturating_sub(batch.bytes);
        match outcome {
            Outcome::Exported { rejected } => {
                let rejected = rejected.min(items);
                self.ledger.rejected += rejected;
                self.ledger.exported += items - rejected;
            }
            Outcome::Suspect => {
                self.ledger.exported += items;
                self.ledger.suspected_lost += items;
            }
            Outcome::Rejected => self.ledger.rejected += items,
            Outcome::Dropped(reason) => self.ledger.drop_records(reason, items),
        }
        let mut rest = Vec::new();
        for segment in batch.segments {
            self.leave(&segment);
            if self.spare.len() < MAX_SPARE {
                self.recycle(segment.bytes);
            } else {
                rest.push(segment.bytes);
            }
        }
        rest
    }

    /// Notes that the records of a segment have left, one way or another.
    fn leave(&mut self, segment: &Segment) {
        let items = segment.items as u64;
        if segment.generation == self.generation {
            self.outstanding_now = self.outstanding_now.saturating_sub(items);
        } else if let Some(count) = self.outstanding.get_mut(&segment.generation) {
            *count = count.saturating_sub(items);
            if *count == 0 {
                self.outstanding.remove(&segment.generation);
            }
        }
    }

    /// Whether everything of this generation and those before it has left.
    fn has_left(&self, generation: u64) -> bool {
        self.outstanding
            .first_key_value()
            .is_none_or(|(oldest, _)| *oldest > generation)
    }

    /// Keeps a buffer for the next segment, unless somebody still reads it.
    fn recycle(&mut self, bytes: Bytes) {
        if let Ok(buffer) = bytes.try_into_mut() {
            let mut buffer = Vec::from(buffer);
            if self.spare.len() < MAX_SPARE && buffer.capacity() <= SEGMENT_BYTES {
                buffer.clear();
                self.spare.push(buffer);
            }
        }
    }

    fn hurry(&mut self) -> u64 {
        self.seal_open();
        let wanted = self.generation;
        if self.outstanding_now > 0 {
            self.outstanding.insert(wanted, self.outstanding_now);
            self.outstanding_now = 0;
        }
        self.generation += 1;
        self.wanted = Some(wanted);
        self.hurries += 1;
        wanted
    }

    fn abandon(&mut self) {
        self.closed = true;
        self.drop_queued(Reason::Shutdown);
        let requests = std::mem::take(&mut self.requests).into_iter();
        let unanswered = requests.filter(|(.., sent)| sent.load(Ordering::Relaxed));
        let unanswered: usize = unanswered.map(|(_, items, _)| items).sum();
        let in_flight = self.in_flight.items;
        self.ledger
            .drop_records(Reason::Unanswered, unanswered.min(in_flight) as u64);
        self.in_flight.items = in_flight.saturating_sub(unanswered);
        self.lose_in_flight(Reason::Shutdown);
        self.abandoned = true;
    }

    /// Counts everything in flight as dropped. Whoever still holds it must not settle it.
    fn lose_in_flight(&mut self, reason: Reason) {
        let lost = std::mem::take(&mut self.in_flight);
        self.requests.clear();
        self.ledger.drop_records(reason, lost.items as u64);
        // Nothing but what is queued is outstanding now.
        self.outstanding.clear();
        self.outstanding_now = 0;
        self.seal_open();
        for (_, segment) in self.sealed.iter().flatten() {
            if segment.generation == self.generation {
                self.outstanding_now += segment.items as u64;
            } else {
                *self.outstanding.entry(segment.generation).or_default() += segment.items as u64;
            }
        }
    }

    fn drop_queued(&mut self, reason: Reason) {
        self.seal_open();
        for (_, segment) in self
            .sealed
            .iter_mut()
            .flat_map(std::mem::take)
            .collect::<Vec<_>>()
        {
            self.leave(&segment);
        }
        let items = std::mem::take(&mut self.queued).items as u64;
        self.ledger.drop_records(reason, items);
    }
}

impl Amount {
    /// Whether this is worth a request of its own.
    fn is_full(self, limits: &Limits) -> bool {
        self.items >= limits.batch_items || self.bytes >= FULL_BATCH_BYTES
    }
}

/// A batch of this size is sent without waiting for the delay: larger ones save little.
const FULL_BATCH_BYTES: usize = 1024 * 1024;
/// The largest body before compression; servers commonly take 4 MiB and more.
pub(super) const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Two MiB of warm buffers for each signal at most.
const MAX_SPARE: usize = 8;
