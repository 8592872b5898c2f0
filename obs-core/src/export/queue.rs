//! The bounded queue of one signal: where records wait, in memory, to be sent.
//!
//! A push takes a lock for the time of a copy, allocates only when a buffer has to grow, and never
//! waits for room. Records of a scope and a priority keep their order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::sync::Notify;

use super::account::{Held, Ledger, Reason, SignalReport};
use super::backlog::{Amount, Backlog};
use super::batch::Batch;
use super::generations::Generations;
use super::limits::Limits;
use super::segment::{Segment, framed_len};
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
    /// It waits on disk; `own` if this process recorded it.
    Spooled { own: bool },
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The records are sent, or given up.
    Sent,
    /// They need this process no more: sent, given up, or on disk.
    Safe,
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
    backlog: Backlog,
    in_flight: Amount,
    requests: Vec<Request>,
    next_request: u64,
    /// Records in flight that were sent before without an answer.
    doubted: usize,
    /// Records on disk that this process recorded.
    own_spooled: u64,
    ledger: Ledger,
    generations: Generations,
    /// What is in the queue up to this generation is wanted out now.
    wanted: Option<u64>,
    /// How often somebody was in a hurry.
    hurries: u64,
    /// How many wait for records to leave.
    waiting: usize,
    /// When the first waiting record came.
    since: Option<Instant>,
    /// Nothing is let in any more, for this reason.
    closed: Option<Reason>,
    /// When those who wait for the end will wait no longer.
    closed_by: Option<Instant>,
    abandoned: bool,
}

/// A request under way.
#[derive(Debug)]
struct Request {
    id: u64,
    items: usize,
    /// The records may have arrived before.
    again: bool,
    /// There is a copy on disk.
    on_disk: bool,
    /// Set once the whole body was sent.
    sent: Arc<AtomicBool>,
}

impl Queue {
    pub(super) fn new(signal: Signal, limits: Limits) -> Self {
        Self {
            signal,
            state: Mutex::new(State::new(&limits)),
            limits,
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

    /// Replaces what waits by requests that say the same and more; for metrics.
    pub(super) fn replace(&self, requests: Vec<(Vec<u8>, usize)>) {
        self.lock().replace(&self.limits, requests);
        self.wake.notify_one();
    }

    /// Waits until there is something new to look at: records, or somebody in a hurry.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Makes the sender look around.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// How long the next batch may still wait for company, and no longer than `most`; none if there
    /// is nothing to send.
    pub(super) fn due_in(&self, most: Duration) -> Option<Duration> {
        self.lock().due_in(&self.limits, most)
    }

    /// Whether what waits takes half of the room that is left by what is under way.
    pub(super) fn is_crowded(&self) -> bool {
        let state = self.lock();
        let (held, in_flight) = (state.backlog.held(), state.in_flight);
        held.bytes > self.limits.bytes.saturating_sub(in_flight.bytes) / 2
            || held.items > self.limits.items.saturating_sub(in_flight.items) / 2
    }

    /// Whether there is room for what comes back from disk: half of it is for what is new.
    pub(super) fn has_room_for_more(&self) -> bool {
        let state = self.lock();
        let mut held = state.backlog.held();
        held += state.in_flight;
        held.bytes < self.limits.bytes / 2 && held.items < self.limits.items / 2
    }

    /// How much is worth a request of its own.
    pub(super) fn full_batch(&self) -> Amount {
        Amount {
            items: self.limits.batch_items,
            bytes: full_batch(&self.limits),
        }
    }

    /// Until when those who wait for the end do so, once it has begun.
    pub(super) fn closed_by(&self) -> Option<Instant> {
        self.lock().closed_by
    }

    /// How often somebody was in a hurry so far.
    pub(super) fn hurries(&self) -> u64 {
        self.lock().hurries
    }

    /// Whether somebody waits right now for records to leave.
    pub(super) fn is_awaited(&self) -> bool {
        let state = self.lock();
        state.waiting > 0 || state.closed.is_some()
    }

    /// Takes the oldest records, as many as one request of so many bytes may carry.
    pub(super) fn take(&self, most_bytes: usize) -> Option<Batch> {
        let Limits {
            bytes,
            items,
            batch_items,
            ..
        } = self.limits;
        // Four requests take half of the queue at most: what is in flight cannot make room.
        let most = Amount {
            items: batch_items.min(items / REQUEST_SHARE).max(1),
            bytes: most_bytes.min(MAX_BATCH_BYTES).min(bytes / REQUEST_SHARE),
        };
        match self.signal {
            // Each is a request already.
            Signal::Metrics => self.lock().take(UNBOUNDED, 1),
            Signal::Traces | Signal::Logs => self.lock().take(most, usize::MAX),
        }
    }

    /// Notes that a request is about to carry these records, and where it says that all was sent.
    pub(super) fn begin_request(
        &self,
        items: usize,
        again: bool,
        on_disk: bool,
        sent: Arc<AtomicBool>,
    ) -> u64 {
        let mut state = self.lock();
        let id = state.next_request;
        state.next_request += 1;
        state.requests.push(Request {
            id,
            items,
            again,
            on_disk,
            sent,
        });
        id
    }

    /// Notes that there is a copy on disk of what a request carries.
    pub(super) fn insure_request(&self, id: u64) {
        let mut state = self.lock();
        let mut requests = state.requests.iter_mut();
        if let Some(request) = requests.find(|request| request.id == id) {
            request.on_disk = true;
        }
    }

    /// Notes that a request has ended, however it did.
    pub(super) fn end_request(&self, id: u64) {
        self.lock().requests.retain(|request| request.id != id);
    }

    /// Notes that so many more records in flight were sent without an answer, or fewer.
    pub(super) fn doubt(&self, items: isize) {
        let mut state = self.lock();
        state.doubted = state.doubted.saturating_add_signed(items);
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

    /// Takes a batch over that comes back from disk.
    pub(super) fn unspool(&self, batch: &mut Batch, own: bool) {
        self.lock().unspool(batch, own);
    }

    /// Counts records of earlier processes that wait on disk from now on.
    pub(super) fn recover(&self, items: u64) {
        let mut state = self.lock();
        state.ledger.recovered += items;
        state.ledger.spooled += items;
    }

    /// Counts records that are on disk no more.
    pub(super) fn lose_spooled(&self, items: u64, reason: Reason, own: bool) {
        let mut state = self.lock();
        state.leave_disk(items, own);
        state.ledger.drop_records(reason, items);
        drop(state);
        self.left.notify_all();
    }

    /// Counts as lost what the sender held when it failed.
    pub(super) fn lose_in_flight(&self) {
        self.lock().lose_in_flight(Reason::Internal);
        self.left.notify_all();
    }

    /// When the newest of the complete segments that wait was begun.
    pub(super) fn newest(&self) -> Option<Instant> {
        let state = self.lock();
        state.backlog.segments().map(|segment| segment.since).max()
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

    /// Notes that somebody waits for records to leave, for as long as the result lives.
    pub(super) fn awaited(&self) -> Awaited<'_> {
        self.lock().waiting += 1;
        Awaited(self)
    }

    /// Blocks until everything up to this generation has left; false if that takes too long.
    pub(super) fn wait(&self, wanted: u64, until: Until, deadline: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let is_sent = until == Until::Safe || state.own_spooled == 0;
            if is_sent && state.generations.has_left(wanted) {
                return true;
            }
            let Some(time) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self
                .left
                .wait_timeout(state, time)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Lets nothing in any more and hurries what is there, for somebody who waits until then.
    pub(super) fn close(&self, deadline: Instant) -> u64 {
        let mut state = self.lock();
        state.closed.get_or_insert(Reason::AfterShutdown);
        state.closed_by = Some(deadline);
        drop(state);
        self.hurry()
    }

    /// Lets nothing in, because nobody will send it.
    pub(super) fn disable(&self) {
        self.lock().closed = Some(Reason::Internal);
    }

    /// Gives up what is still there.
    pub(super) fn abandon(&self) {
        self.lock().abandon();
        self.left.notify_all();
    }

    pub(super) fn report(&self) -> SignalReport {
        let state = self.lock();
        let held = Held {
            queued: state.backlog.held().items,
            in_flight: state.in_flight.items,
            bytes: state.backlog.held().bytes + state.in_flight.bytes,
        };
        state.ledger.report(self.signal, held, &self.limits)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits.
pub(super) struct Awaited<'q>(&'q Queue);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl State {
    fn new(limits: &Limits) -> Self {
        Self {
            backlog: Backlog::new(SEGMENT_BYTES.min(limits.bytes / SEGMENT_SHARE)),
            in_flight: Amount::default(),
            requests: Vec::new(),
            next_request: 0,
            doubted: 0,
            own_spooled: 0,
            ledger: Ledger::default(),
            generations: Generations::default(),
            wanted: None,
            hurries: 0,
            waiting: 0,
            since: None,
            closed: None,
            closed_by: None,
            abandoned: false,
        }
    }

    /// Appends a record; true if the sender has to know.
    fn push(&mut self, limits: &Limits, scope: &str, priority: Priority, record: &[u8]) -> bool {
        self.ledger.accepted += 1;
        let length = framed_len(record);
        let refused = if self.closed.is_some() {
            self.closed
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
        let before = self.backlog.held();
        let generation = self.generations.current();
        self.backlog.push(scope, priority, record, generation);
        self.generations.enter(1);
        if before.items == 0 {
            self.since = Some(Instant::now());
            return true;
        }
        is_full(self.backlog.held(), limits) && !is_full(before, limits)
    }

    /// Whether there is room, if need be in the place of older records that matter less.
    fn make_room(&mut self, limits: &Limits, priority: Priority, length: usize) -> bool {
        let most = Amount {
            items: Limits::share(limits.items, priority),
            bytes: Limits::share(limits.bytes, priority),
        };
        let in_flight = self.in_flight;
        let fits = |mut held: Amount| {
            held += in_flight;
            held.items < most.items && held.bytes + length <= most.bytes
        };
        if fits(self.backlog.held()) {
            return true;
        }
        // What cannot fit even so must not drive out anything.
        if !fits(self.backlog.held_from(priority)) {
            return false;
        }
        while !fits(self.backlog.held()) {
            let generation = self.generations.current();
            let Some(evicted) = self.backlog.evict_below(priority, generation) else {
                return false;
            };
            let lost = evicted.items as u64;
            self.ledger.drop_records(Reason::QueueFull, lost);
            self.generations.leave(&evicted);
            self.backlog.recycle(evicted.bytes);
        }
        true
    }

    fn replace(&mut self, limits: &Limits, requests: Vec<(Vec<u8>, usize)>) {
        let items: usize = requests.iter().map(|(_, items)| items).sum();
        let bytes: usize = requests.iter().map(|(body, _)| body.len()).sum();
        self.ledger.accepted += items as u64;
        let full = bytes + self.in_flight.bytes > limits.bytes;
        let refused = self.closed.or(full.then_some(Reason::QueueFull));
        if let Some(reason) = refused {
            self.ledger.drop_records(reason, items as u64);
            return;
        }
        self.drop_queued(Reason::Superseded);
        self.generations.enter(items as u64);
        let now = Instant::now();
        self.since = Some(now);
        for (body, items) in requests {
            let segment = Segment {
                scope: Arc::from(""),
                bytes: Bytes::from(body),
                items,
                since: now,
                generation: self.generations.current(),
            };
            self.backlog.put(Priority::Info, segment);
        }
    }

    fn due_in(&self, limits: &Limits, most: Duration) -> Option<Duration> {
        let held = self.backlog.held();
        let since = self.since.filter(|_| held.items > 0)?;
        let is_hurried = self
            .wanted
            .is_some_and(|wanted| self.backlog.has_of(wanted));
        if is_hurried || is_full(held, limits) {
            return Some(Duration::ZERO);
        }
        Some(limits.delay.min(most).saturating_sub(since.elapsed()))
    }

    fn take(&mut self, most: Amount, most_segments: usize) -> Option<Batch> {
        self.backlog.seal(self.generations.current());
        let segments = self.backlog.take(most, most_segments);
        if segments.is_empty() {
            return None;
        }
        let batch = Batch::new(segments);
        self.in_flight += batch.amount();
        Some(batch)
    }

    /// Enters what became of a batch; gives back the buffers that are of no more use.
    fn settle(&mut self, batch: Batch, outcome: Outcome) -> Vec<Bytes> {
        // What was abandoned while it was on the way is accounted for already.
        if self.abandoned {
            return Vec::new();
        }
        let items = batch.items as u64;
        self.in_flight -= batch.amount();
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
            Outcome::Spooled { own } => {
                self.ledger.spooled += items;
                self.own_spooled += if own { items } else { 0 };
            }
        }
        let mut rest = Vec::new();
        for segment in batch.segments {
            self.generations.leave(&segment);
            if self.backlog.wants_buffers() {
                self.backlog.recycle(segment.bytes);
            } else {
                rest.push(segment.bytes);
            }
        }
        rest
    }

    fn unspool(&mut self, batch: &mut Batch, own: bool) {
        let items = batch.items as u64;
        // What a failed sender held was counted as lost; its copy on disk was not.
        self.ledger
            .undrop(Reason::Internal, items.saturating_sub(self.ledger.spooled));
        self.leave_disk(items, own);
        // A flush waits for what was recorded before it, wherever that has been since.
        let generation = if own { 0 } else { self.generations.current() };
        for segment in &mut batch.segments {
            segment.generation = generation;
        }
        self.generations.enter_at(generation, batch.items as u64);
        self.in_flight += batch.amount();
    }

    fn leave_disk(&mut self, items: u64, own: bool) {
        self.ledger.spooled = self.ledger.spooled.saturating_sub(items);
        if own {
            self.own_spooled = self.own_spooled.saturating_sub(items);
        }
    }

    fn hurry(&mut self) -> u64 {
        self.backlog.seal(self.generations.current());
        let wanted = self.generations.end();
        self.wanted = Some(wanted);
        self.hurries += 1;
        wanted
    }

    fn abandon(&mut self) {
        self.closed.get_or_insert(Reason::AfterShutdown);
        self.drop_queued(Reason::Shutdown);
        let mut unanswered = std::mem::take(&mut self.doubted);
        for request in std::mem::take(&mut self.requests) {
            if request.on_disk {
                let items = request.items.min(self.in_flight.items);
                self.in_flight.items -= items;
                self.ledger.spooled += items as u64;
                continue;
            }
            match (request.sent.load(Ordering::Acquire), request.again) {
                (true, true) => self.ledger.resent_unknown += request.items as u64,
                (true, false) => unanswered += request.items,
                (false, _) => {}
            }
        }
        let unanswered = unanswered.min(self.in_flight.items);
        self.ledger
            .drop_records(Reason::Unanswered, unanswered as u64);
        self.in_flight.items -= unanswered;
        self.lose_in_flight(Reason::Shutdown);
        self.abandoned = true;
    }

    /// Counts everything in flight as dropped. Whoever still holds it must not settle it.
    fn lose_in_flight(&mut self, reason: Reason) {
        let lost = std::mem::take(&mut self.in_flight);
        self.doubted = 0;
        self.requests.clear();
        self.ledger.drop_records(reason, lost.items as u64);
        // Nothing but what is queued is outstanding now.
        self.backlog.seal(self.generations.current());
        self.generations.keep_only(self.backlog.segments());
    }

    fn drop_queued(&mut self, reason: Reason) {
        let mut lost = 0;
        for segment in self.backlog.drain(self.generations.current()) {
            lost += segment.items as u64;
            self.generations.leave(&segment);
        }
        self.ledger.drop_records(reason, lost);
    }
}

/// Whether this is worth a request of its own.
fn is_full(held: Amount, limits: &Limits) -> bool {
    held.items >= limits.batch_items || held.bytes >= full_batch(limits)
}

fn full_batch(limits: &Limits) -> usize {
    FULL_BATCH_BYTES.min(limits.bytes / REQUEST_SHARE)
}

const UNBOUNDED: Amount = Amount {
    items: usize::MAX,
    bytes: usize::MAX,
};
/// A batch of this size is sent without waiting for the delay: larger ones save little.
const FULL_BATCH_BYTES: usize = 1024 * 1024;
/// The largest body before compression; servers commonly take 4 MiB and more.
pub(super) const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The part of the queue that one request may carry.
const REQUEST_SHARE: usize = 8;
/// A buffer that is full is set aside and a new one begun, so that no push ever pays for moving
/// more than this.
const SEGMENT_BYTES: usize = 256 * 1024;
/// The part of the queue that one buffer may hold: it is what one error drives out, at most.
const SEGMENT_SHARE: usize = 64;
