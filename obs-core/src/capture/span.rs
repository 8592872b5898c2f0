//! A span while it is open: its identity, its fields, and the way to its ancestors.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceState};

use super::fields::{Fields, Status};
use crate::clock::Clock;
use crate::propagation::{SpanId, TraceContext};
use crate::sampling::{ActiveTrace, LocalTrace, TraceMember};

/// An open span, shared by its children and by the events inside it.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    parent: Option<Arc<Self>>,
    started_unix_nanos: u64,
    /// Durations come from the monotonic clock: a step of the wall clock must not stretch a span.
    pub(super) started: Instant,
    state: Mutex<State>,
}

/// The part of a span that changes while it is open.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) context: TraceContext,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
    pub(crate) fields: Fields,
    pub(crate) links: Vec<TraceContext>,
    /// Its part in the local trace, where traces that the head refused may be kept.
    pub(crate) member: Option<TraceMember>,
    /// An event of level ERROR was recorded in this span, or a panic went through it.
    saw_error: bool,
    /// Set when the program says that it ends, though it may still be held.
    pub(super) end: Option<End>,
    /// What `opentelemetry::Context::current()` is while the span is entered, and whether it says
    /// that the trace is sampled.
    active: Option<Active>,
}

type Active = (opentelemetry::Context, bool);

/// The end of a span that may still be held: what its record says, whatever comes after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(super) unix_nanos: u64,
    pub(super) status: Status,
    /// The layer that handed the span on then.
    pub(super) layer: u64,
}

/// What a new span continues.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The enclosing span of this process, whose fields log lines show.
    pub(crate) enclosing: Option<Arc<Span>>,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
    pub(crate) member: Option<TraceMember>,
}

impl Span {
    pub(crate) fn open(
        metadata: &'static tracing::Metadata<'static>,
        origin: Origin,
        context: TraceContext,
        fields: Fields,
        started: Started,
    ) -> Self {
        let Origin {
            enclosing,
            parent_id,
            parent_is_remote,
            member,
        } = origin;
        Self {
            name: metadata.name(),
            target: metadata.target(),
            parent: enclosing,
            started_unix_nanos: started.unix_nanos,
            started: started.at,
            state: Mutex::new(State {
                context,
                parent_id,
                parent_is_remote,
                fields,
                links: Vec::new(),
                member,
                saw_error: false,
                end: None,
                active: None,
            }),
        }
    }

    /// The changing part. Never held while code of the program runs.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity that children, log lines and outgoing requests carry.
    pub(crate) fn context(&self) -> TraceContext {
        self.state().context()
    }

    /// The id that children name as their parent's.
    pub(crate) fn context_id(&self) -> SpanId {
        self.state().context.span_id
    }

    /// The local trace that it is part of.
    pub(crate) fn trace(&self) -> Option<Arc<LocalTrace>> {
        let state = self.state();
        state
            .member
            .as_ref()
            .map(|member| Arc::clone(member.trace()))
    }

    /// Takes note of an error inside the span, at once: it may not end for long.
    pub(crate) fn fail(&self) {
        let mut state = self.state();
        state.saw_error = true;
        if let Some(member) = &state.member {
            member.trace().failed();
        }
    }

    /// The changing parts of this span and its ancestors, inner first. Always locked in this
    /// direction, so that two threads never wait for each other.
    pub(crate) fn scope(&self) -> Vec<MutexGuard<'_, State>> {
        std::iter::successors(Some(self), |span| span.parent.as_deref())
            .map(Self::state)
            .collect()
    }

    /// When it began, in nanoseconds since the Unix epoch.
    pub(super) fn start_unix_nanos(&self) -> u64 {
        self.started_unix_nanos
    }

    /// Now, by the clock that measures its duration, in nanoseconds since the Unix epoch.
    pub(super) fn now_unix_nanos(&self, clock: &Clock) -> u64 {
        let elapsed = clock.now().saturating_duration_since(self.started);
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.started_unix_nanos.saturating_add(elapsed)
    }

    /// Takes over a parent that was found after it was made; false if it has ended.
    pub(super) fn reparent(
        &self,
        context: TraceContext,
        parent: SpanId,
        mut member: Option<TraceMember>,
    ) -> bool {
        let (is_taken, active) = self.state().reparent(context, parent, &mut member);
        // Whichever is not needed. What the context holds may run code of the program when dropped.
        if let Some(left) = member {
            left.leave();
        }
        drop(active);
        is_taken
    }

    /// The context of the OpenTelemetry API in which code inside this span runs.
    pub(crate) fn active_context(&self) -> opentelemetry::Context {
        let mut state = self.state();
        let context = state.context();
        if let Some((active, is_sampled)) = &state.active
            && *is_sampled == context.is_sampled()
        {
            return active.clone();
        }
        let outer = opentelemetry::Context::current();
        let around = match &state.member {
            Some(member) => ActiveTrace::put(member.trace(), outer),
            None => outer,
        };
        let active = around.with_remote_span_context(SpanContext::new(
            context.trace_id.into(),
            context.span_id.into(),
            context.flags.into(),
            false,
            TraceState::from_str(context.state().as_str()).unwrap_or_default(),
        ));
        let replaced = state.active.replace((active.clone(), context.is_sampled()));
        // What it holds may be the last of spans that are not ours.
        drop(state);
        drop(replaced);
        active
    }
}

/// When a span began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) at: Instant,
    pub(crate) unix_nanos: u64,
}

impl Started {
    pub(crate) fn now(clock: &Clock) -> Self {
        Self {
            at: clock.now(),
            unix_nanos: clock.unix_nanos(),
        }
    }
}

impl State {
    /// The identity to pass on. It says sampled if the head did, or if a trace that was kept is to
    /// tell so.
    pub(crate) fn context(&self) -> TraceContext {
        let mut context = self.context.clone();
        if let Some(member) = &self.member
            && member.trace().is_passed_on()
        {
            context.flags = context.flags.sampled(true);
        }
        context
    }

    /// Adds a link; false if there are as many already as the specification allows by default.
    pub(crate) fn link(&mut self, to: TraceContext) -> bool {
        let room = self.links.len() < MAX_LINKS;
        if room {
            self.links.push(to);
        }
        room
    }

    /// Takes over a parent that was found after the span was made, unless the span has ended.
    fn reparent(
        &mut self,
        context: TraceContext,
        parent: SpanId,
        member: &mut Option<TraceMember>,
    ) -> (bool, Option<Active>) {
        if self.end.is_some() {
            return (false, None);
        }
        self.context = context;
        self.parent_id = Some(parent);
        self.parent_is_remote = true;
        std::mem::swap(&mut self.member, member);
        (true, self.active.take())
    }

    /// The status that the program set, or Error where an ERROR event or a panic was the only sign.
    pub(super) fn status(&self) -> Status {
        match self.fields.status() {
            Status::Unset if self.saw_error => Status::Error,
            set => set,
        }
    }
}

/// `OTEL_SPAN_LINK_COUNT_LIMIT` of the specification, by default.
const MAX_LINKS: usize = 128;
