//! Conversions to and from the types of the OpenTelemetry API.

use std::str::FromStr;

use opentelemetry::trace as otel;

use super::{SpanId, TraceContext, TraceFlags, TraceId, TraceState};

impl From<otel::TraceId> for TraceId {
    fn from(id: otel::TraceId) -> Self {
        Self::from_bytes(id.to_bytes())
    }
}

impl From<TraceId> for otel::TraceId {
    fn from(id: TraceId) -> Self {
        Self::from_bytes(id.to_bytes())
    }
}

impl From<otel::SpanId> for SpanId {
    fn from(id: otel::SpanId) -> Self {
        Self::from_bytes(id.to_bytes())
    }
}

impl From<SpanId> for otel::SpanId {
    fn from(id: SpanId) -> Self {
        Self::from_bytes(id.to_bytes())
    }
}

impl From<otel::TraceFlags> for TraceFlags {
    fn from(flags: otel::TraceFlags) -> Self {
        Self::from_bits(flags.to_u8())
    }
}

impl From<TraceFlags> for otel::TraceFlags {
    fn from(flags: TraceFlags) -> Self {
        Self::new(flags.to_bits())
    }
}

/// A trace state that the standard does not allow is left out.
impl From<&otel::SpanContext> for TraceContext {
    fn from(context: &otel::SpanContext) -> Self {
        let ids = Self::new(
            context.trace_id().into(),
            context.span_id().into(),
            context.trace_flags().into(),
        );
        let state = context.trace_state().header();
        ids.with_state(TraceState::parse([state.as_bytes()]).unwrap_or_default())
    }
}

/// The context of a remote span.
impl From<&TraceContext> for otel::SpanContext {
    fn from(context: &TraceContext) -> Self {
        let state = otel::TraceState::from_str(context.state().as_str()).unwrap_or_default();
        Self::new(
            context.trace_id.into(),
            context.span_id.into(),
            context.flags.into(),
            true,
            state,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_survive_the_way_through_the_api_types() {
        let context: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"
            .parse()
            .unwrap();
        let context = context.with_state(TraceState::parse([b"a=1,b=2".as_slice()]).unwrap());
        let api = otel::SpanContext::from(&context);
        assert!(api.is_remote() && api.is_sampled());
        assert_eq!(TraceContext::from(&api), context);
    }

    #[test]
    fn a_context_without_state_stays_without() {
        let context = TraceContext::new(TraceId::random(), SpanId::random(), TraceFlags::default());
        assert_eq!(
            TraceContext::from(&otel::SpanContext::from(&context)),
            context
        );
    }
}
