//! The way of metrics: observed, collected, redacted, encoded and queued.
//!
//! ```text
//! thread obs-observe:  callbacks of the program ──► slots
//! thread obs-metrics:  every interval: wait for them, a while ──► SDK collects ──► redact ──► queue
//! ```
//!
//! The SDK's periodic reader calls the callbacks of observable instruments with its locks held: one
//! that panics ends collection for good, and one that never returns also blocks flush, shutdown and
//! whoever makes an instrument. Here callbacks run apart from the SDK, which only collects what they
//! left in their slots. One that panics costs its own points, one that never returns costs them
//! until it does, and everything else goes on.

mod collector;
mod divide;
mod left_out;
mod meters;
mod observers;
mod request;
mod sampling_metrics;
mod self_observation;
mod signal_metrics;

pub(super) use self::collector::Collector;
pub(super) use self::divide::in_two;
pub(crate) use self::meters::Meters;
pub(super) use self::self_observation::OperationDuration;
