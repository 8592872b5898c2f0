//! The capture layer: every field is visited once, redacted once, kept typed, and written out as
//! often as needed.

mod bridge;
mod fields;
mod filter;
mod foreign;
mod layer;
mod name;
mod record;
mod span;
mod span_ext;

pub(crate) use self::bridge::install_log_bridge;
#[cfg(feature = "otlp")]
pub(crate) use self::fields::Status;
pub(crate) use self::fields::{Fields, Value};
pub(crate) use self::filter::CaptureFilter;
pub(crate) use self::layer::CaptureLayer;
pub(crate) use self::name::{ContextKey, NameRules};
pub(crate) use self::record::{LogRecord, SpanRecord, own_record, record_with};
pub use self::span_ext::SpanExt;
