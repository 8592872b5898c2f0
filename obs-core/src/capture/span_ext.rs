//! What programs and layers may do with a span beyond what `tracing` offers.

use std::sync::Arc;

use super::Fields;
use super::layer::CaptureLayer;
use super::span::Span;
use crate::propagation::TraceContext;

/// Trace context and attributes of a [`tracing::Span`].
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
    /// not entered. True if the span took it over.
    fn set_parent(&self, parent: &TraceContext) -> bool;

    /// Points to another span that caused this one without being its parent. True if recorded; a
    /// span takes 128 links.
    fn add_link(&self, to: &TraceContext) -> bool;

    /// Sets an attribute that was not declared when the span was made; redacted like any other.
    fn set_attribute(&self, key: &'static str, value: impl Into<opentelemetry::Value>);
}

impl SpanExt for tracing::Span {
    fn trace_context(&self) -> Option<TraceContext> {
        on_span(self, |_, span| span.context())
    }

    fn set_parent(&self, parent: &TraceContext) -> bool {
        on_span(self, |layer, span| {
            let context = layer.child_of(parent, true);
            span.state().reparent(context, parent.span_id, true);
        })
        .is_some()
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
}

fn on_span<R>(span: &tracing::Span, act: impl FnOnce(&CaptureLayer, &Arc<Span>) -> R) -> Option<R> {
    span.with_subscriber(|(id, dispatch)| {
        let layer = dispatch.downcast_ref::<CaptureLayer>()?;
        let span = layer.find(dispatch, id)?;
        Some(act(layer, &span))
    })
    .flatten()
}
