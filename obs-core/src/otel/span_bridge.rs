//! Spans made with the OpenTelemetry API, on their way to the exporter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceId,
    TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as proto;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    IdGenerator, SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};
use prost::Message as _;

use super::redact;
use crate::pipeline::{Ending, Pipeline, Place};
use crate::propagation::TraceContext;
use crate::sampling::{EndedSpan, Keeper, LocalTrace, TraceMember};

/// Redacts finished spans and hands them to the same local traces and exporter that ours go to.
#[derive(Debug)]
pub(super) struct SpanBridge {
    pipeline: Arc<Pipeline>,
    /// Tells the providers of a pipeline apart.
    id: u64,
}

impl SpanBridge {
    pub(super) fn new(pipeline: Arc<Pipeline>) -> Self {
        static BRIDGES: AtomicU64 = AtomicU64::new(0);

        Self {
            pipeline,
            id: BRIDGES.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl SpanProcessor for SpanBridge {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        let Some(keeper) = &self.pipeline.keeper else {
            return;
        };
        let context = span.span_context();
        let trace = trace_of(keeper, parent).unwrap_or_else(|| {
            let above = parent.span().span_context().clone();
            let sampler = self.pipeline.sampler();
            let head = sampler.head(context.is_sampled(), above.is_valid());
            let root = TraceContext::from(context);
            let now = self.pipeline.clock.now();
            if above.is_valid() && !above.is_remote() {
                keeper.begin_part(&root, head, now)
            } else {
                keeper.begin(&root, head, now)
            }
        });
        let member = TraceMember::new(trace);
        keeper
            .open_spans()
            .insert(context.span_id().into(), self.id, member);
    }

    fn on_end(&self, span: SpanData) {
        let id = span.span_context.span_id().into();
        let keeper = self.pipeline.keeper.as_ref();
        let member = keeper.and_then(|keeper| keeper.open_spans().remove(id));
        let scope = span.instrumentation_scope.name().to_owned();
        let ended = EndedSpan {
            id,
            scope: &scope,
            failed: matches!(span.status, Status::Error { .. }),
            latency: span
                .end_time
                .duration_since(span.start_time)
                .unwrap_or_default(),
        };
        let head = span
            .span_context
            .is_sampled()
            .then_some(match span.parent_span_id {
                SpanId::INVALID => Place::Root,
                _ if span.parent_span_is_remote => Place::BelowRemote,
                _ => Place::Below,
            });
        let redactor = self.pipeline.rules.redactor();
        let encode = |wire: &mut Vec<u8>| {
            let mut span = proto::Span::from(span);
            redact::span(redactor, &mut span);
            span.encode_raw(wire);
        };
        let (member, wire) = (member.as_ref(), &mut Vec::new());
        self.pipeline
            .ended_span(&ended, member, Ending::Closed, head, wire, encode);
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.pipeline)
    }

    /// The pipeline's own shutdown sends what is left. Spans of this provider that are open never
    /// end for us.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        if let Some(keeper) = &self.pipeline.keeper {
            keeper.open_spans().give_up(self.id);
        }
        Ok(())
    }
}

pub(super) fn flush(pipeline: &Pipeline) -> OTelSdkResult {
    let timeout = Duration::from_secs(5);
    if pipeline.flush_export(timeout) {
        Ok(())
    } else {
        Err(OTelSdkError::Timeout(timeout))
    }
}

/// The local trace of the parent, if that is a span of this process.
fn trace_of(keeper: &Arc<Keeper>, parent: &Context) -> Option<Arc<LocalTrace>> {
    let span = parent.span();
    let context = span.span_context();
    if !context.is_valid() || context.is_remote() {
        return None;
    }
    keeper.find(&TraceContext::from(context), parent)
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
        let active = parent.filter(|parent| parent.has_active_span());
        let context = active
            .map(|active| active.span().span_context().clone())
            .filter(SpanContext::is_valid);
        let sampler = self.pipeline.sampler();
        let keeper = self.pipeline.keeper.as_ref();
        let (sampled, trace_state) = match context {
            Some(parent) if parent.is_remote() => (
                sampler.samples_child(trace_id.into(), parent.is_sampled()),
                parent.trace_state().clone(),
            ),
            Some(parent) => {
                // What is passed on may have changed since the context was made.
                let is_passed_on = || {
                    let trace = trace_of(keeper?, active?)?;
                    Some(trace.is_passed_on())
                };
                let sampled = parent.is_sampled() || is_passed_on().unwrap_or(false);
                (sampled, parent.trace_state().clone())
            }
            None => (sampler.samples_root(trace_id.into()), TraceState::default()),
        };
        let decision = match keeper {
            _ if sampled => SamplingDecision::RecordAndSample,
            // It may be kept for what will happen in it.
            Some(_) => SamplingDecision::RecordOnly,
            None => SamplingDecision::Drop,
        };
        SamplingResult {
            decision,
            attributes: Vec::new(),
            trace_state,
        }
    }
}

/// Takes ids from where the pipeline takes them.
#[derive(Debug)]
pub(super) struct IdBridge {
    pub(super) pipeline: Arc<Pipeline>,
}

impl IdGenerator for IdBridge {
    fn new_trace_id(&self) -> TraceId {
        self.pipeline.ids.trace_id().into()
    }

    fn new_span_id(&self) -> SpanId {
        self.pipeline.ids.span_id().into()
    }
}
