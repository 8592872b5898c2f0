//! What one root and the spans below it do in this process, and what becomes of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::buffers::{Buffer, TRACE_BYTES};
use super::keeper::Keeper;
use super::limiter::{Answer, Claim};
use super::reason::{Head, Mark, Reason};
use super::tally::Bound;
use crate::propagation::{SpanId, TraceId};

/// The spans of this process below one root, and the root.
#[derive(Debug)]
pub(crate) struct LocalTrace {
    keeper: Arc<Keeper>,
    trace_id: TraceId,
    root: SpanId,
    head: Head,
    /// The root has a parent in this process whose local trace is not known: it counts for both.
    is_part: bool,
    started: Instant,
    /// How many of its spans have not ended.
    open: AtomicUsize,
    /// Whether callees are told that the trace is sampled although the head refused it.
    is_passed_on: AtomicBool,
    /// Never held while code of the program runs; a span may be locked around it, not inside.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// The greatest reason to keep it so far.
    merit: Option<Reason>,
    latency: Latency,
    /// What waits.
    buffer: Option<Buffer>,
    /// Where the root lies in the buffer.
    root_at: Option<usize>,
    root_ended: Option<Instant>,
    /// What was exported on merit, in bytes: one trace may only bring so many, whatever its merit.
    passed: usize,
    /// Bounds that were counted: each counts once for a trace.
    counted: [bool; Bound::COUNT],
    /// Whether the rate was asked for an error: the first of a trace comes before all others.
    has_asked_for_error: bool,
    /// What the rate refused; the trace may still wait for a better reason.
    refused: Option<Bound>,
    /// Until when the rate is not asked again.
    quiet_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Refused by the head: spans wait for a reason.
    Waiting,
    /// Taken by the head: spans go out as they end, the root when its reason is known.
    Sampled,
    /// Refused by the head and exported all the same.
    Kept,
    /// What ended is gone; only errors are exported, each alone.
    Forgotten,
}

/// The time from the start of the root that decides whether the trace is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latency {
    /// Lasts until the root ends, unless the program says earlier.
    Running,
    Over,
    /// The trace is never slow.
    Exempt,
}

/// A span that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedSpan<'s> {
    pub(crate) id: SpanId,
    pub(crate) scope: &'s str,
    pub(crate) failed: bool,
    pub(crate) latency: Duration,
}

/// What becomes of a span that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Forget,
    Hold,
    /// With its trace.
    Send,
    /// Its trace is gone.
    SendAlone,
}

/// For what the rate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// The whole trace.
    Trace(Reason),
    /// The root, whose trace is gone.
    LoneRoot,
    /// A span that failed, whose trace is gone.
    LateError,
}

/// Which traces are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settle {
    /// Those whose root ended long enough ago.
    Due,
    /// Those, and old ones, because there is little room left.
    Crowded,
    /// Those that will be exported in any case.
    Sampled,
    All,
}

impl LocalTrace {
    /// A trace whose root begins; nobody is part of it yet.
    pub(super) fn new(
        keeper: Arc<Keeper>,
        trace_id: TraceId,
        root: SpanId,
        head: Head,
        is_part: bool,
        started: Instant,
    ) -> Self {
        let stage = if head.sampled {
            Stage::Sampled
        } else {
            Stage::Waiting
        };
        Self {
            keeper,
            trace_id,
            root,
            head,
            is_part,
            started,
            open: AtomicUsize::new(0),
            is_passed_on: AtomicBool::new(false),
            state: Mutex::new(State {
                stage,
                merit: None,
                latency: Latency::Running,
                buffer: None,
                root_at: None,
                root_ended: None,
                passed: 0,
                counted: [false; Bound::COUNT],
                has_asked_for_error: false,
                refused: None,
                quiet_until: None,
            }),
        }
    }

    pub(super) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Whether callees and new spans are told that the trace is sampled although the head refused it.
    pub(crate) fn is_passed_on(&self) -> bool {
        self.is_passed_on.load(Ordering::Relaxed)
    }

    /// A span that is still open has failed.
    pub(crate) fn failed(&self) {
        self.notice(&mut self.lock(), Reason::Error);
    }

    /// The program asks for the trace.
    pub(crate) fn force(&self) {
        self.notice(&mut self.lock(), Reason::Forced);
    }

    /// What decides whether the trace is slow ends now.
    pub(crate) fn end_latency(&self) {
        let mut state = self.lock();
        if state.latency == Latency::Running {
            state.latency = Latency::Over;
            let latency = self.keeper.now().saturating_duration_since(self.started);
            if self.keeper.policy().is_slow(latency) {
                self.notice(&mut state, Reason::Slow);
            }
        }
    }

    /// The trace is never slow.
    pub(crate) fn exempt_from_slow(&self) {
        self.lock().latency = Latency::Exempt;
    }

    pub(super) fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A span ended that is still part of the trace, because somebody holds it; true if its record
    /// is not asked for again.
    pub(super) fn end_early(
        self: &Arc<Self>,
        span: &EndedSpan<'_>,
        wire: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let mut state = self.lock();
        let is_root = span.id == self.root;
        if self.judge(&mut state, span, is_root) {
            self.forget(&mut state, 1);
            return true;
        }
        if is_root {
            state.root_ended = Some(self.keeper.now());
        }
        let fate = match state.stage {
            Stage::Sampled if is_root && state.merit.is_none() => Fate::Hold,
            Stage::Kept if is_root || state.passed < TRACE_BYTES => Fate::Send,
            Stage::Sampled => Fate::Send,
            // What happens until it is gone decides.
            Stage::Waiting | Stage::Kept | Stage::Forgotten => return false,
        };
        wire.clear();
        encode(wire);
        self.dispose(&mut state, span, is_root, fate, wire);
        true
    }

    /// A span ended; `encode` is asked for its record if that is needed.
    pub(super) fn end(
        self: &Arc<Self>,
        span: &EndedSpan<'_>,
        wire: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut state = self.lock();
        let is_root = span.id == self.root;
        let was_refused = self.judge(&mut state, span, is_root);
        let is_last = self.open.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_root && state.root_ended.is_none() {
            state.root_ended = Some(self.keeper.now());
        }
        let is_error = span.failed && self.keeper.policy().honours(Reason::Error);
        let fate = match state.stage {
            _ if was_refused => Fate::Forget,
            // Nothing was encoded for a trace of one span.
            Stage::Waiting if is_last => Fate::Forget,
            Stage::Waiting => Fate::Hold,
            Stage::Sampled if is_root && !is_last && state.merit.is_none() => Fate::Hold,
            Stage::Kept if is_root || state.passed < TRACE_BYTES => Fate::Send,
            Stage::Sampled => Fate::Send,
            Stage::Kept | Stage::Forgotten => {
                if state.stage == Stage::Kept {
                    self.count(&mut state, Bound::TraceBytes);
                }
                self.fate_alone(&mut state, is_root, is_error)
            }
        };
        if fate == Fate::Forget {
            self.forget(&mut state, 1);
        } else {
            wire.clear();
            encode(wire);
            self.dispose(&mut state, span, is_root, fate, wire);
        }
        if is_last {
            self.settle_sampled(&mut state);
        }
    }

    /// A span of it cannot be followed to its end, because there are too many.
    pub(super) fn loses_sight(&self) {
        self.count(&mut self.lock(), Bound::OpenSpans);
    }

    /// A span is gone without having ended.
    pub(super) fn leave(&self, is_lost: bool) {
        let mut state = self.lock();
        if is_lost && !self.head.sampled {
            self.keeper.tally().forgot(1);
        }
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settle_sampled(&mut state);
            if state.stage == Stage::Waiting {
                self.forget(&mut state, 0);
            }
        }
    }

    /// Lets go of what waits, if it is time.
    pub(super) fn settle(&self, which: Settle) {
        let mut state = self.lock();
        match which {
            Settle::Due => self.expire(&mut state),
            Settle::Crowded => {
                self.expire(&mut state);
                let age = self.keeper.now().saturating_duration_since(self.started);
                if state.stage == Stage::Waiting && age >= OLD {
                    self.count(&mut state, Bound::TotalBytes);
                    self.forget(&mut state, 0);
                }
            }
            Settle::Sampled => self.settle_sampled(&mut state),
            Settle::All => {
                self.settle_sampled(&mut state);
                if state.stage == Stage::Waiting {
                    self.forget(&mut state, 0);
                }
            }
        }
    }

    /// Looks at a span's end for reasons to keep the trace; true if one was found and the rate did
    /// not allow it.
    fn judge(&self, state: &mut State, span: &EndedSpan<'_>, is_root: bool) -> bool {
        self.expire(state);
        let was_waiting = state.stage == Stage::Waiting;
        let is_slow = is_root
            && state.latency == Latency::Running
            && self.keeper.policy().is_slow(span.latency);
        if is_slow {
            // The greater one decides, so that only one is asked for.
            let error = span.failed && self.keeper.policy().honours(Reason::Error);
            self.notice(state, if error { Reason::Error } else { Reason::Slow });
        } else if span.failed {
            self.notice(state, Reason::Error);
        }
        was_waiting && state.stage == Stage::Forgotten
    }

    /// A reason to keep the trace: exports what waits. Where the rate does not allow it, an error
    /// gives the trace up for good; for lesser reasons it goes on waiting for an error.
    fn notice(&self, state: &mut State, reason: Reason) {
        if !self.keeper.policy().honours(reason) {
            return;
        }
        self.expire(state);
        state.merit = state.merit.max(Some(reason));
        let is_granted =
            state.stage == Stage::Waiting && self.is_granted(state, Wish::Trace(reason));
        match state.stage {
            Stage::Waiting if is_granted => {
                state.stage = Stage::Kept;
                self.keeper.tally().kept(reason);
                if self.keeper.policy().propagates {
                    self.is_passed_on.store(true, Ordering::Relaxed);
                }
                self.release(state);
            }
            Stage::Waiting if reason == Reason::Error => self.forget(state, 0),
            Stage::Waiting => {}
            Stage::Sampled => self.release(state),
            Stage::Kept | Stage::Forgotten => {}
        }
    }

    /// Forgets, or exports, what waited long enough after the root.
    fn expire(&self, state: &mut State) {
        let Some(ended) = state.root_ended else {
            return;
        };
        if self.keeper.now().saturating_duration_since(ended) < AFTER_ROOT {
            return;
        }
        self.settle_sampled(state);
        if state.stage == Stage::Waiting {
            self.forget(state, 0);
        }
    }

    fn settle_sampled(&self, state: &mut State) {
        if state.stage == Stage::Sampled {
            self.release(state);
        }
    }

    fn dispose(
        self: &Arc<Self>,
        state: &mut State,
        span: &EndedSpan<'_>,
        is_root: bool,
        fate: Fate,
        wire: &mut Vec<u8>,
    ) {
        let is_held = fate == Fate::Hold && self.hold(state, span, is_root, wire);
        if is_held || (fate == Fate::Hold && state.stage != Stage::Sampled) {
            return;
        }
        let fate = match fate == Fate::Send && !is_root && state.stage == Stage::Kept {
            true => self.fate_within_bound(state, span, wire.len()),
            false => fate,
        };
        if fate == Fate::Forget {
            self.forget(state, 1);
            return;
        }
        // The root of a trace that the rate refused counts there: it has no weight.
        let is_late = fate == Fate::SendAlone && !(is_root && state.refused.is_none());
        let late = Mark {
            reason: Reason::LateError,
            weight: None,
        };
        let mark = match is_late {
            true => Some(late),
            false if is_root => self.mark(state),
            false => None,
        };
        if let Some(mark) = mark {
            if fate == Fate::SendAlone {
                self.keeper.tally().kept(mark.reason);
            }
            self.keeper.outlet().mark(wire, mark);
        }
        if state.stage == Stage::Kept {
            state.passed = state.passed.saturating_add(wire.len());
        }
        self.keeper.outlet().send(span.scope, span.failed, wire);
    }

    /// Puts a record aside; false if there is no room, and then a trace that the head refused is
    /// forgotten.
    fn hold(
        self: &Arc<Self>,
        state: &mut State,
        span: &EndedSpan<'_>,
        is_root: bool,
        record: &[u8],
    ) -> bool {
        if state.buffer.is_none() {
            state.buffer = self.keeper.buffers().lend(Arc::downgrade(self));
        }
        let buffer = state.buffer.as_mut();
        let pushed = buffer.map(|buffer| buffer.push(span.scope, span.failed, record));
        if let Some(Ok(at)) = pushed {
            if is_root {
                state.root_at = Some(at);
            }
            return true;
        }
        if state.stage == Stage::Waiting {
            if let Some(Err(bound)) = pushed {
                self.count(state, bound);
            }
            self.forget(state, 1);
        } else {
            state.buffer = None;
        }
        false
    }

    /// Exports what waits.
    fn release(&self, state: &mut State) {
        let Some(buffer) = state.buffer.take() else {
            return;
        };
        let root_at = state.root_at.take();
        let outlet = self.keeper.outlet();
        for frame in buffer.frames() {
            if root_at == Some(frame.at) {
                let mut record = frame.record.to_vec();
                if let Some(mark) = self.mark(state) {
                    outlet.mark(&mut record, mark);
                }
                outlet.send(frame.scope, frame.failed, &record);
            } else {
                outlet.send(frame.scope, frame.failed, frame.record);
            }
        }
        state.passed += buffer.len();
    }

    /// Drops what waits, and so many spans that did not get so far.
    fn forget(&self, state: &mut State, more: usize) {
        let waited = state.buffer.take().map_or(0, |buffer| buffer.spans());
        state.root_at = None;
        if state.stage == Stage::Waiting {
            state.stage = Stage::Forgotten;
            if let Some(bound) = state.refused {
                self.count(state, bound);
            }
        }
        self.keeper.tally().forgot(waited + more);
    }

    /// What the root says.
    fn mark(&self, state: &State) -> Option<Mark> {
        match state.merit {
            // Whatever head sampling said, such a trace is exported: it stands for itself.
            Some(reason) => Some(Mark {
                reason,
                weight: (!self.is_part).then_some(1.0),
            }),
            None => (!self.is_part).then_some(self.head.mark),
        }
    }

    /// What becomes of a span of a kept trace, now that its size is known. After the first that is
    /// over the bound, none is encoded for nothing.
    fn fate_within_bound(&self, state: &mut State, span: &EndedSpan<'_>, size: usize) -> Fate {
        if state.passed + size <= TRACE_BYTES {
            return Fate::Send;
        }
        state.passed = TRACE_BYTES;
        self.count(state, Bound::TraceBytes);
        let is_error = span.failed && self.keeper.policy().honours(Reason::Error);
        self.fate_alone(state, false, is_error)
    }

    /// What becomes of a span whose trace is gone.
    fn fate_alone(&self, state: &mut State, is_root: bool, is_error: bool) -> Fate {
        let is_lone_root = is_root && state.merit.is_some() && state.refused.is_none();
        let wish = match is_lone_root {
            true => Wish::LoneRoot,
            false if is_error => Wish::LateError,
            false => return Fate::Forget,
        };
        match self.is_granted(state, wish) {
            true => Fate::SendAlone,
            false => Fate::Forget,
        }
    }

    /// Whether the rate allows it. A trace asks at most once a second for late errors, and not at
    /// all for a second after it was refused.
    fn is_granted(&self, state: &mut State, wish: Wish) -> bool {
        let is_error = match wish {
            Wish::Trace(reason) => reason == Reason::Error,
            Wish::LoneRoot => state.merit == Some(Reason::Error),
            Wish::LateError => true,
        };
        let is_first_error = is_error && !state.has_asked_for_error;
        state.has_asked_for_error |= is_error;
        let now = self.keeper.now();
        let is_quiet = state.quiet_until.is_some_and(|until| now < until);
        if is_quiet && !is_first_error && wish != Wish::LoneRoot {
            if state.refused.is_none() {
                self.count(state, Bound::Rate);
            }
            return false;
        }
        let (claim, bound) = match is_first_error {
            true => (Claim::FirstError, Bound::RateErrors),
            false => (Claim::Other, Bound::Rate),
        };
        let answer = self.keeper.grants(claim);
        if answer == Answer::Refused || wish == Wish::LateError {
            state.quiet_until = now.checked_add(QUIET);
        }
        if answer == Answer::Refused {
            state.refused = Some(bound);
            // What still waits counts when it is given up.
            if state.stage != Stage::Waiting {
                self.count(state, bound);
            }
        }
        answer == Answer::Granted
    }

    fn count(&self, state: &mut State, bound: Bound) {
        if let Some(counted) = state.counted.get_mut(bound as usize)
            && !std::mem::replace(counted, true)
        {
            self.keeper.tally().over(bound);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long spans that outlive the root may still bring a reason to keep the trace.
const AFTER_ROOT: Duration = Duration::from_secs(5);
/// How long a trace does not ask the rate again.
const QUIET: Duration = Duration::from_secs(1);
/// A trace of this age gives way to younger ones: tasks that run for days may hold their root open.
const OLD: Duration = Duration::from_secs(60);
