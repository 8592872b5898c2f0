//! Spans made with the OpenTelemetry API, on their way to the exporter.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry_proto::tonic::trace::v1 as proto;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};
use prost::Message as _;

use super::redact;
use crate::export::{Exporter, Priority};
use crate::pipeline::Pipeline;

/// Redacts finished spans and hands them to the same exporter that ours go to.
#[derive(Debug)]
pub(super) struct SpanBridge {
    pub(super) pipeline: Arc<Pipeline>,
}

impl SpanProcessor for SpanBridge {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let Some(exporter) = self
            .pipeline
            .exporter
            .as_ref()
            .filter(|exporter| exporter.sends_traces())
        else {
            return;
        };
        if !span.span_context.is_sampled() {
            return;
        }
        let scope = span.instrumentation_scope.name().to_owned();
        let failed = matches!(span.status, opentelemetry::trace::Status::Error { .. });
        let mut span = proto::Span::from(span);
        redact::span(self.pipeline.rules.redactor(), &mut span);
        let priority = if failed {
            Priority::Error
        } else {
            Priority::Info
        };
        exporter.span(&scope, priority, &span.encode_to_vec());
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(self.pipeline.exporter.as_ref())
    }

    /// The pipeline's own shutdown sends what is left.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

pub(super) fn flush(exporter: Option<&Exporter>) -> OTelSdkResult {
    let timeout = Duration::from_secs(5);
    match exporter {
        Some(exporter) if !exporter.flush(timeout) => {
            Err(opentelemetry_sdk::error::OTelSdkError::Timeout(timeout))
        }
        _ => Ok(()),
    }
}

/// Asks the pipeline's sampler, so that both APIs decide alike.
#[derive(Clone, Debug)]
pub(super) struct SamplerBridge {
    pub(super) pipeline: Arc<Pipeline>,
}

impl ShouldSample for SamplerBridge {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent
            .filter(|parent| parent.has_active_span())
            .map(|parent| parent.span().span_context().clone());
        let sampler = self.pipeline.sampler();
        let (sampled, trace_state) =
            match parent.filter(opentelemetry::trace::SpanContext::is_valid) {
                Some(parent) if parent.is_remote() => (
                    sampler.samples_child(trace_id.into(), parent.is_sampled()),
                    parent.trace_state().clone(),
                ),
                Some(parent) => (parent.is_sampled(), parent.trace_state().clone()),
                None => (sampler.samples_root(trace_id.into()), TraceState::default()),
            };
        let decision = if sampled {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        };
        SamplingResult {
            decision,
            attributes: Vec::new(),
            trace_state,
        }
    }
}
