//! Turns what happens in a service into logs, metrics and traces, and gets them out.
//!
//! ```no_run
//! # fn main() -> Result<(), obs_core::Error> {
//! let telemetry = obs_core::init!()?;
//! tracing::info!(recipe = "pancakes", "served");
//! telemetry.shutdown(std::time::Duration::from_secs(5));
//! # Ok(()) }
//! ```
//!
//! Events and spans of [`tracing`], records of the `log` crate and the OpenTelemetry API go one way:
//! captured once, redacted once, written out to the terminal, to daily JSON files and to an OTLP
//! backend. Libraries need nothing but `tracing`; a program has one line in `main`.
//!
//! # Concepts
//! - [`Telemetry`] owns the pipeline, [`TelemetryHandle`] is what layers hold; [`ShutdownReport`]
//!   tells what happened to the data.
//! - [`config`]: settings come from the environment; mistakes are told together and never stop a
//!   service, except where ignoring them could leak.
//! - [`propagation`]: W3C trace context in and out.
//! - `spool`: records that wait on disk, shown and thrown away.
//! - [`SpanExt`]: trace context, links, late attributes and sampling of a span.
//! - [`otel`]: the OpenTelemetry API of the version that this pipeline serves.
//!
//! # What it does not do
//! It knows no HTTP server (that is `obs-tower`), and it does not promise that every secret is
//! found: what is redacted by default is named in `obs-redact`.
//!
//! # Features
//! | feature | default | adds |
//! |---|---|---|
//! | `otlp` | yes | traces, metrics and logs over OTLP/HTTP |
//! | `files` | yes | daily JSON log files |
//! | `console` | yes | terminal output |
//! | `testing` | no | an in-process receiver and assertions for tests; unstable |
//!
//! Minimum Rust version: 1.95. Linux is supported; macOS compiles.

#![cfg_attr(
    not(all(feature = "console", feature = "files", feature = "otlp")),
    allow(
        dead_code,
        unused_imports,
        unused_mut,
        unused_variables,
        reason = "a record carries what the features that are off would write out"
    )
)]

pub mod config;
pub mod otel;
pub mod propagation;
#[cfg(feature = "otlp")]
pub mod spool;
#[cfg(feature = "testing")]
pub mod testing;

mod builder;
mod capture;
mod clock;
mod error;
#[cfg(feature = "otlp")]
mod export;
mod log;
mod panic_hook;
mod pipeline;
mod report;
mod resource;
mod sampling;
mod telemetry;

pub use crate::builder::{Builder, builder};
pub use crate::capture::SpanExt;
pub use crate::error::Error;
#[cfg(feature = "otlp")]
pub use crate::export::SignalReport;
pub use crate::report::{Description, LineCounts, SamplingReport, ShutdownReport, Status};
pub use crate::resource::Environment;
pub use crate::telemetry::{Telemetry, TelemetryHandle};

#[cfg(doctest)]
#[doc = include_str!("../../docs/sampling.md")]
mod sampling_guide {}
