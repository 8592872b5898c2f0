//! What programs and layers may do with a span beyond what `tracing` offers.

use std::sync::Arc;

use super::Fields;
use super::layer::CaptureLayer;
use super::span::Span;
use crate::propagation::TraceContext;
use crate::sampling::LocalTrace;

/// Trace context, attributes and sampling of a [`tracing::Span`].
///
/// Does nothing, and says so by `None` or `false`, where no capture layer is part of the span's
/// subscriber or the span is disabled.
///
/// # Examples
/// ```
/// use obs_core::SpanExt;
///
/// let span = tracing::info_span!("checkout");
/// span.set_attribute("cart.items", 3_i64);
/// if let Some(context) = span.trace_context() {
///     println!("traceparent: {}", context.traceparent());
/// }
/// ```
pub trait SpanExt {
    /// The identity to pass on: in a header, a message, a job.
    fn trace_context(&self) -> Option<TraceContext>;

    /// Continues a trace that was started elsewhere; for spans that have no children yet and were
    /// not entered. True if the span took it over; false after [`end`](Self::end).
    fn set_parent(&self, parent: &TraceContext) -> bool;

    /// Points to another span that caused this one without being its parent. True if recorded; a
    /// span takes 128 links.
    fn add_link(&self, to: &TraceContext) -> bool;

    /// Sets an attribute that was not declared when the span was made; redacted like any other.
    fn set_attribute(&self, key: &'static str, value: impl Into<opentelemetry::Value>);

    /// Exports the local trace of this span, whatever head sampling said of it: what the process
    /// does below the same root, as far as it has not been forgotten yet.
    ///
    /// For what matters although it is neither slow nor an error: a payment, a debug header of a
    /// trusted caller. Bounded by `OBS_KEEP_RATE`, and of no effect where `OBS_KEEP` is `off`.
    ///
    /// # Examples
    /// ```
    /// use obs_core::SpanExt;
    ///
    /// let refund = tracing::info_span!("refund", amount = 9_900);
    /// refund.keep();
    /// ```
    fn keep(&self);

    /// Says that the caller has been served: time from here on does not make the trace slow.
    ///
    /// A local trace is slow if its root takes longer than `OBS_KEEP_SLOW`, unless this was called
    /// before. HTTP layers call it at the response head: how long the body takes is up to the client.
    ///
    /// # Examples
    /// ```
    /// use obs_core::SpanExt;
    ///
    /// let job = tracing::info_span!("import");
    /// job.in_scope(|| tracing::info!("accepted"));
    /// job.end_latency();
    /// // What follows may take its time.
    /// ```
    fn end_latency(&self);

    /// Ends the span now: its duration and status stay as they are; without this, a span ends when
    /// the last handle to it is gone and the last span inside it has ended.
    ///
    /// For roots that leave work behind: a task that was spawned inside a request, in a span of its
    /// own or in the request's, belongs to its trace and does not make the request longer. What
    /// fails in it keeps the trace for 5 more seconds. Fields that are set later may be missing.
    ///
    /// # Examples
    /// ```
    /// use obs_core::SpanExt;
    ///
    /// let request = tracing::info_span!("request");
    /// let rest = request.in_scope(|| tracing::info_span!("send mail"));
    /// request.end();
    /// rest.in_scope(|| tracing::info!("sent"));
    /// ```
    fn end(&self);

    /// Says that the local trace of this span is never slow, however long it takes: for streams,
    /// subscriptions and waiting.
    ///
    /// # Examples
    /// ```
    /// use obs_core::SpanExt;
    ///
    /// let subscription = tracing::info_span!("subscription");
    /// subscription.exempt_from_slow();
    /// ```
    fn exempt_from_slow(&self);
}

impl SpanExt for tracing::Span {
    fn trace_context(&self) -> Option<TraceContext> {
        on_span(self, |_, span| span.context())
    }

    fn set_parent(&self, parent: &TraceContext) -> bool {
        on_span(self, |layer, span| {
            let context = layer.child_of(parent, true);
            let member = layer.begin_trace(&context, true, span.started);
            span.reparent(context, parent.span_id, member)
        }) == Some(true)
    }

    fn add_link(&self, to: &TraceContext) -> bool {
        on_span(self, |_, span| span.state().link(to.clone())) == Some(true)
    }

    fn set_attribute(&self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        let value = value.into();
        on_span(self, |layer, span| {
            let mut fields = Fields::default();
            fields
                .recorder(layer.pipeline().rules())
                .attribute(key, &value);
            span.state().fields.merge(&fields);
        });
    }

    fn keep(&self) {
        on_trace(self, LocalTrace::force);
    }

    fn end_latency(&self) {
        on_trace(self, LocalTrace::end_latency);
    }

    fn end(&self) {
        on_span(self, |layer, span| layer.end(span));
    }

    fn exempt_from_slow(&self) {
        on_trace(self, LocalTrace::exempt_from_slow);
    }
}

fn on_trace(span: &tracing::Span, act: impl FnOnce(&LocalTrace)) {
    on_span(span, |_, span| {
        if let Some(trace) = span.trace() {
            act(&trace);
        }
    });
}

fn on_span<R>(span: &tracing::Span, act: impl FnOnce(&CaptureLayer, &Arc<Span>) -> R) -> Option<R> {
    span.with_subscriber(|(id, dispatch)| {
        let layer = dispatch.downcast_ref::<CaptureLayer>()?;
        let span = layer.find(dispatch, id)?;
        Some(act(layer, &span))
    })
    .flatten()
}
