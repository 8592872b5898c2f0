//! The OpenTelemetry API of the version that this pipeline serves.
//!
//! Code that uses the API directly should import it from here: a second version of `opentelemetry`
//! in the dependency graph has globals of its own, and what it records goes nowhere.
//!
//! Spans of the API nest inside spans of [`tracing`] and the other way round; spans, log records
//! and metrics are redacted and leave through the same exporter.

#[cfg(feature = "otlp")]
mod log_bridge;
#[cfg(feature = "otlp")]
mod provider;
#[cfg(feature = "otlp")]
pub(crate) mod redact;
#[cfg(feature = "otlp")]
mod span_bridge;

pub use opentelemetry::{
    Array, Context, ContextGuard, InstrumentationScope, Key, KeyValue, StringValue, Value, baggage,
    global, logs, metrics, trace,
};

#[cfg(feature = "otlp")]
pub(crate) use self::provider::install_global;
#[cfg(feature = "otlp")]
pub use self::provider::{SdkLoggerProvider, SdkTracerProvider, logger_provider, tracer_provider};
