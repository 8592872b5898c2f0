//! The `tracing` layer: turns spans and events into records and hands them to the pipeline.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use opentelemetry::trace::TraceContextExt as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::record::{LogRecord, SpanRecord, TraceIds};
use super::span::{End, Origin, Span, Started, State};
use crate::pipeline::{Ending, Pipeline, Scratch};
use crate::propagation::{self, SpanId, TraceContext, TraceFlags};
use crate::sampling::{LocalTrace, TraceMember};

/// Captures spans and events of the subscriber it is part of.
#[derive(Debug)]
pub(crate) struct CaptureLayer {
    pipeline: Arc<Pipeline>,
    /// Tells the layers of a subscriber apart: they share its spans, and each exports them.
    id: u64,
    /// Finds the open span of an id; knows the subscriber's type, which this layer forgets.
    find: fn(&Dispatch, &Id) -> Option<Arc<Span>>,
}

impl CaptureLayer {
    pub(crate) fn new<S>(pipeline: Arc<Pipeline>) -> Self
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        static LAYERS: AtomicU64 = AtomicU64::new(0);

        Self {
            pipeline,
            id: LAYERS.fetch_add(1, Ordering::Relaxed),
            find: find::<S>,
        }
    }

    pub(super) fn find(&self, dispatch: &Dispatch, id: &Id) -> Option<Arc<Span>> {
        (self.find)(dispatch, id)
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Ends a span that may still be held, unless that was done before.
    pub(super) fn end(&self, span: &Span) {
        let mut state = span.state();
        if state.end.is_some() {
            return;
        }
        state.end = Some(End {
            unix_nanos: span.now_unix_nanos(&self.pipeline.clock),
            status: state.status(),
            layer: self.id,
        });
        self.hand_on(span, &state, Ending::Told);
    }

    /// Hands a span on that nobody holds any more.
    fn close(&self, span: &Span) {
        let state = span.state();
        let was_told = state.end.is_some_and(|end| end.layer == self.id);
        let ending = if was_told {
            Ending::ClosedAfter
        } else {
            Ending::Closed
        };
        self.hand_on(span, &state, ending);
    }

    fn hand_on(&self, span: &Span, state: &State, ending: Ending) {
        if state.context.is_sampled() || state.member.is_some() {
            let record = SpanRecord::of(span, state, &self.pipeline.clock);
            let member = state.member.as_ref();
            with_scratch(|scratch| {
                self.pipeline
                    .span(&record, member, ending, &mut scratch.outputs);
            });
        }
    }

    /// What a new span continues, and its place in a trace.
    fn place<S>(
        &self,
        attributes: &Attributes<'_>,
        started: Instant,
        cx: &Context<'_, S>,
    ) -> (Origin, TraceContext)
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let enclosing = match attributes.parent() {
            Some(id) => span_of(cx, id),
            None if attributes.is_contextual() => {
                cx.current_span().id().and_then(|id| span_of(cx, id))
            }
            None => None,
        };
        let ours = enclosing.as_ref().map(|span| span.context());
        let parent = if attributes.is_contextual() {
            active_parent(ours)
        } else {
            ours.map(local)
        };
        let parent = parent.or_else(|| {
            let remote = if attributes.is_root() {
                propagation::remote_parent()
            } else {
                None
            };
            remote.map(|context| (context, true))
        });
        let Some((parent, parent_is_remote)) = parent else {
            let context = self.new_trace();
            let origin = Origin {
                enclosing,
                member: self.begin_trace(&context, false, started),
                ..Origin::default()
            };
            return (origin, context);
        };
        let context = self.child_of(&parent, parent_is_remote);
        let known = if parent_is_remote {
            None
        } else {
            self.trace_below(&parent, enclosing.as_deref())
        };
        let member = match known {
            Some(trace) => Some(TraceMember::new(trace)),
            None if parent_is_remote => self.begin_trace(&context, true, started),
            None => self.begin_part(&context, started),
        };
        let origin = Origin {
            enclosing,
            parent_id: Some(parent.span_id),
            parent_is_remote,
            member,
        };
        (origin, context)
    }

    fn new_trace(&self) -> TraceContext {
        let ids = &self.pipeline.ids;
        let trace_id = ids.trace_id();
        let sampled = self.pipeline.sampler().samples_root(trace_id);
        TraceContext::new(trace_id, ids.span_id(), TraceFlags::RANDOM.sampled(sampled))
    }

    /// Makes a span the root of a local trace, where traces that the head refused may be kept.
    pub(super) fn begin_trace(
        &self,
        root: &TraceContext,
        has_parent: bool,
        started: Instant,
    ) -> Option<TraceMember> {
        let keeper = self.pipeline.keeper.as_ref()?;
        let head = self.pipeline.sampler().head(root.is_sampled(), has_parent);
        Some(TraceMember::new(keeper.begin(root, head, started)))
    }

    /// The same for a span below one of this process whose local trace is not known.
    fn begin_part(&self, top: &TraceContext, started: Instant) -> Option<TraceMember> {
        let keeper = self.pipeline.keeper.as_ref()?;
        let head = self.pipeline.sampler().head(top.is_sampled(), true);
        Some(TraceMember::new(keeper.begin_part(top, head, started)))
    }

    /// The local trace of a parent in this process, if it is one of ours.
    fn trace_below(
        &self,
        parent: &TraceContext,
        enclosing: Option<&Span>,
    ) -> Option<Arc<LocalTrace>> {
        let keeper = self.pipeline.keeper.as_ref()?;
        enclosing
            .filter(|span| span.context_id() == parent.span_id)
            .and_then(Span::trace)
            .filter(|trace| keeper.owns(trace))
            .or_else(|| opentelemetry::Context::map_current(|active| keeper.find(parent, active)))
    }

    /// An ERROR event: the enclosing span has failed, and the local trace it happened in, which is
    /// another where a context was attached inside.
    fn saw_error(&self, span: Option<&Span>, parent: Option<&(TraceContext, bool)>) {
        if let Some(span) = span {
            span.fail();
        }
        let (Some(keeper), Some((parent, false))) = (&self.pipeline.keeper, parent) else {
            return;
        };
        if span.is_some_and(|span| span.context_id() == parent.span_id) {
            return;
        }
        let found = opentelemetry::Context::map_current(|active| keeper.find(parent, active));
        if let Some(trace) = found {
            trace.failed();
        }
    }

    /// The identity of a child; a local parent's decision is final, a remote one's is asked about.
    pub(super) fn child_of(&self, parent: &TraceContext, is_remote: bool) -> TraceContext {
        let sampled = if is_remote {
            self.pipeline
                .sampler()
                .samples_child(parent.trace_id, parent.is_sampled())
        } else {
            parent.is_sampled()
        };
        TraceContext::new(
            parent.trace_id,
            self.pipeline.ids.span_id(),
            parent.flags.sampled(sampled),
        )
        .with_state(parent.state().clone())
    }
}

impl<S> Layer<S> for CaptureLayer
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if is_suppressed() {
            return;
        }
        let Some(registered) = cx.span(id) else {
            return;
        };
        // A second pipeline in the same subscriber shares the spans of the first.
        if registered.extensions().get::<Arc<Span>>().is_some() {
            return;
        }
        let fields = with_scratch(|scratch| {
            attributes.record(&mut scratch.fields.recorder(self.pipeline.rules()));
            scratch.fields.for_span()
        });
        let started = Started::now(&self.pipeline.clock);
        let (origin, context) = self.place(attributes, started.at, &cx);
        let span = Span::open(attributes.metadata(), origin, context, fields, started);
        registered.extensions_mut().replace(Arc::new(span));
    }

    /// Values are formatted before the span is locked: a `Debug` implementation may log.
    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let Some(span) = span_of(&cx, id) else { return };
        with_scratch(|scratch| {
            values.record(&mut scratch.fields.recorder(self.pipeline.rules()));
            span.state().fields.merge(&scratch.fields);
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, cx: Context<'_, S>) {
        let (Some(span), Some(before)) = (span_of(&cx, id), span_of(&cx, follows)) else {
            return;
        };
        let link = before.context();
        span.state().link(link);
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if is_suppressed() {
            return;
        }
        let span = cx
            .event_span(event)
            .and_then(|span| span.extensions().get::<Arc<Span>>().cloned());
        let ours = span.as_ref().map(|span| span.context());
        let parent = if event.is_contextual() {
            active_parent(ours)
        } else {
            ours.map(local)
        };
        let trace = parent.as_ref().map(|(parent, _)| TraceIds {
            trace_id: parent.trace_id,
            span_id: parent.span_id,
            sampled: parent.is_sampled(),
        });
        let metadata = event.metadata();
        if *metadata.level() == Level::ERROR {
            self.saw_error(span.as_deref(), parent.as_ref());
        }
        with_scratch(|scratch| {
            let Scratch { fields, outputs } = scratch;
            event.record(&mut fields.recorder(self.pipeline.rules()));
            let target = fields.log_target().unwrap_or(metadata.target());
            let spans = span.as_ref().map(|span| span.scope()).unwrap_or_default();
            let record = LogRecord::new(
                self.pipeline.clock.unix_nanos(),
                *metadata.level(),
                target,
                fields,
                &spans,
                trace,
            );
            self.pipeline.log(&record, outputs);
        });
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        if is_suppressed() {
            return;
        }
        let Some(span) = span_of(&cx, id) else { return };
        let guard = span.active_context().attach();
        let entry = Entry {
            id: id.clone(),
            was_panicking: std::thread::panicking(),
            _guard: guard,
        };
        ENTERED.with_borrow_mut(|entered| entered.push(entry));
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        // The guard is dropped outside of the borrow: what it drops may run code of the program.
        let left = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let last = entered.iter().rposition(|entry| entry.id == *id)?;
            Some(entered.remove(last))
        });
        if let Ok(Some(entry)) = &left
            && !entry.was_panicking
            && std::thread::panicking()
            && let Some(span) = span_of(&cx, id)
        {
            span.fail();
        }
        drop(left);
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        if let Some(span) = span_of(&cx, &id) {
            self.close(&span);
        }
    }
}

/// A span that is entered on this thread.
struct Entry {
    id: Id,
    /// A panic that was under way before is not the span's.
    was_panicking: bool,
    _guard: opentelemetry::ContextGuard,
}

fn find<S>(dispatch: &Dispatch, id: &Id) -> Option<Arc<Span>>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    let registered = dispatch.downcast_ref::<S>()?.span(id)?;
    registered.extensions().get::<Arc<Span>>().cloned()
}

fn span_of<S>(cx: &Context<'_, S>, id: &Id) -> Option<Arc<Span>>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    cx.span(id)?.extensions().get::<Arc<Span>>().cloned()
}

/// The innermost active span: ours, unless a span of the OpenTelemetry API was activated inside it.
fn active_parent(ours: Option<TraceContext>) -> Option<(TraceContext, bool)> {
    opentelemetry::Context::map_current(|active| {
        if !active.has_active_span() {
            return None;
        }
        let span = active.span();
        let context = span.span_context();
        let same = ours
            .as_ref()
            .is_some_and(|ours| ours.span_id == SpanId::from(context.span_id()));
        if same || !context.is_valid() {
            return None;
        }
        Some((TraceContext::from(context), context.is_remote()))
    })
    .or(ours.map(local))
}

/// Whether nothing is captured here: on a thread that is sending telemetry, because what it does
/// must not become telemetry again, and on one that is so far in ending that what capture needs is
/// gone.
fn is_suppressed() -> bool {
    ALIVE.try_with(|_| ()).is_err() || opentelemetry::Context::is_current_telemetry_suppressed()
}

/// Ends before everything that capture keeps on a thread: thread-locals end in the reverse order of
/// their first use, and this one uses the others first.
struct Alive;

impl Alive {
    fn new() -> Self {
        opentelemetry::Context::map_current(|_| ());
        ENTERED.with_borrow(|_| ());
        super::name::touch_cache();
        Self
    }
}

impl Drop for Alive {
    /// Makes the thread remember that it is gone.
    fn drop(&mut self) {}
}

fn local(context: TraceContext) -> (TraceContext, bool) {
    (context, false)
}

thread_local! {
    static ALIVE: Alive = Alive::new();
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Lends buffers that live as long as the thread. A `Debug` implementation that logs while the
/// buffers are lent gets fresh ones.
fn with_scratch<R>(use_scratch: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH
        .try_with(Cell::take)
        .ok()
        .flatten()
        .unwrap_or_default();
    scratch.fields.clear();
    let result = use_scratch(&mut scratch);
    scratch.shrink();
    // On a thread that is ending the buffers go with it.
    let _ending = SCRATCH.try_with(|slot| slot.set(Some(scratch)));
    result
}
