//! Providers of the OpenTelemetry API that lead into a pipeline.

use std::sync::Arc;

pub use opentelemetry_sdk::logs::SdkLoggerProvider;
pub use opentelemetry_sdk::trace::SdkTracerProvider;

use super::log_bridge::LogBridge;
use super::span_bridge::{IdBridge, SamplerBridge, SpanBridge};
use crate::pipeline::Pipeline;
use crate::telemetry::TelemetryHandle;

/// A tracer provider whose spans nest inside spans of `tracing` and leave through the same exporter.
///
/// [`Builder::init`](crate::Builder::init) installs one as the API's global provider.
#[must_use]
pub fn tracer_provider(handle: &TelemetryHandle) -> SdkTracerProvider {
    traces_into(handle.pipeline())
}

/// A logger provider whose records are redacted and leave through the same exporter; for bridges
/// from other logging libraries, as the API has no global one.
#[must_use]
pub fn logger_provider(handle: &TelemetryHandle) -> SdkLoggerProvider {
    let pipeline = Arc::clone(handle.pipeline());
    SdkLoggerProvider::builder()
        .with_log_processor(LogBridge { pipeline })
        .build()
}

/// Makes the API's process-wide providers lead into this pipeline.
pub(crate) fn install_global(pipeline: &Arc<Pipeline>) {
    opentelemetry::global::set_tracer_provider(traces_into(pipeline));
    if let Some(meters) = pipeline
        .exporter
        .as_ref()
        .and_then(crate::export::Exporter::meter_provider)
    {
        opentelemetry::global::set_meter_provider(meters);
    }
}

fn traces_into(pipeline: &Arc<Pipeline>) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_sampler(SamplerBridge {
            pipeline: Arc::clone(pipeline),
        })
        .with_id_generator(IdBridge {
            pipeline: Arc::clone(pipeline),
        })
        .with_span_processor(SpanBridge::new(Arc::clone(pipeline)))
        .build()
}
