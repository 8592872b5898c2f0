//! A span while it is open: its identity, its fields, and the way to its ancestors.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceState};

use super::fields::{Fields, Status};
use crate::clock;
use crate::propagation::{SpanId, TraceContext};

/// An open span, shared by its children and by the events inside it.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    parent: Option<Arc<Self>>,
    started_unix_nanos: u64,
    /// Durations come from the monotonic clock: a step of the wall clock must not stretch a span.
    started: Instant,
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
    /// An event of level ERROR was recorded in this span.
    pub(crate) saw_error: bool,
    /// What `opentelemetry::Context::current()` is while the span is entered.
    active: Option<opentelemetry::Context>,
}

/// What a new span continues.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The enclosing span of this process, whose fields log lines show.
    pub(crate) enclosing: Option<Arc<Span>>,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
}

impl Span {
    pub(crate) fn open(
        metadata: &'static tracing::Metadata<'static>,
        origin: Origin,
        context: TraceContext,
        fields: Fields,
    ) -> Self {
        let Origin {
            enclosing,
            parent_id,
            parent_is_remote,
        } = origin;
        Self {
            name: metadata.name(),
            target: metadata.target(),
            parent: enclosing,
            started_unix_nanos: clock::unix_nanos(),
            started: Instant::now(),
            state: Mutex::new(State {
                context,
                parent_id,
                parent_is_remote,
                fields,
                links: Vec::new(),
                saw_error: false,
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
        self.state().context.clone()
    }

    /// The changing parts of this span and its ancestors, inner first. Always locked in this
    /// direction, so that two threads never wait for each other.
    pub(crate) fn scope(&self) -> Vec<MutexGuard<'_, State>> {
        std::iter::successors(Some(self), |span| span.parent.as_deref())
            .map(Self::state)
            .collect()
    }

    /// Start and now, in nanoseconds since the Unix epoch.
    pub(crate) fn interval(&self) -> (u64, u64) {
        let elapsed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        (
            self.started_unix_nanos,
            self.started_unix_nanos.saturating_add(elapsed),
        )
    }

    /// The context of the OpenTelemetry API in which code inside this span runs.
    pub(crate) fn active_context(&self) -> opentelemetry::Context {
        let mut state = self.state();
        if let Some(active) = &state.active {
            return active.clone();
        }
        let context = &state.context;
        let active = opentelemetry::Context::current().with_remote_span_context(SpanContext::new(
            context.trace_id.into(),
            context.span_id.into(),
            context.flags.into(),
            false,
            TraceState::from_str(context.state().as_str()).unwrap_or_default(),
        ));
        state.active = Some(active.clone());
        active
    }
}

impl State {
    /// Adds a link; false if there are as many already as the specification allows by default.
    pub(crate) fn link(&mut self, to: TraceContext) -> bool {
        let room = self.links.len() < MAX_LINKS;
        if room {
            self.links.push(to);
        }
        room
    }

    /// Takes over a parent that was found after the span was made.
    pub(crate) fn reparent(&mut self, context: TraceContext, parent: SpanId, is_remote: bool) {
        self.context = context;
        self.parent_id = Some(parent);
        self.parent_is_remote = is_remote;
        self.active = None;
    }

    /// The status that the program set, or Error where an ERROR event was the only sign.
    pub(crate) fn status(&self) -> Status {
        match self.fields.status() {
            Status::Unset if self.saw_error => Status::Error,
            set => set,
        }
    }
}

/// `OTEL_SPAN_LINK_COUNT_LIMIT` of the specification, by default.
const MAX_LINKS: usize = 128;
