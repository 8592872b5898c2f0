//! Providers of the OpenTelemetry API that lead into a pipeline.

use std::sync::Arc;

use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::log_bridge::LogBridge;
use super::span_bridge::{SamplerBridge, SpanBridge};
use crate::pipeline::Pipeline;

/// A tracer provider whose spans nest inside ours and leave through the same exporter.
pub(crate) fn tracer_provider(pipeline: &Arc<Pipeline>) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_sampler(SamplerBridge { pipeline: Arc::clone(pipeline) })
        .with_span_processor(SpanBridge { pipeline: Arc::clone(pipeline) })
        .build()
}

/// A logger provider whose records leave through the same exporter.
pub(crate) fn logger_provider(pipeline: &Arc<Pipeline>) -> SdkLoggerProvider {
    SdkLoggerProvider::builder().with_log_processor(LogBridge { pipeline: Arc::clone(pipeline) }).build()
}

/// Makes the API's process-wide providers lead into this pipeline.
pub(crate) fn install_global(pipeline: &Arc<Pipeline>) {
    opentelemetry::global::set_tracer_provider(tracer_provider(pipeline));
    if let Some(meters) = pipeline.exporter.as_ref().and_then(crate::export::Exporter::meter_provider) {
        opentelemetry::global::set_meter_provider(meters);
    }
}
