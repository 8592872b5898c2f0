//! Sends spans, log records and metrics over OTLP/HTTP, at least once, and says what became of them.
//!
//! ```text
//! any thread:     encoded record ──► queue (bounded, one lock, one copy)
//! sender thread:  batch ──► body (copied together, gzip) ──► request ──► settled
//!                                                               └── tried again, with pauses
//! ```
//!
//! Each signal has a queue and a task of its own: one that fails does not hold up another. A task
//! has several requests under way while the server answers, and a single one while it does not.
//! Batches are larger than the 512 records of the specification unless the variables say
//! otherwise: what waits goes out together after the delay, or as soon as there is 1 MiB of it, in
//! requests of at most 4 MiB. Fewer requests cost less, here and at the server.

mod account;
mod backlog;
mod batch;
mod body;
pub(crate) mod encode;
mod endpoint;
mod exporter;
mod generations;
mod headers;
mod limits;
mod metrics;
mod notices;
mod openobserve;
mod queue;
mod reporter;
mod retry;
mod scheduler;
mod segment;
mod sender;
mod settings;
mod signal;
pub(crate) mod spool;
mod storage;
mod transport;

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;

pub use self::account::SignalReport;
pub(crate) use self::encode::Reserved;
pub(crate) use self::exporter::Exporter;
pub(crate) use self::settings::Settings;
pub(crate) use self::signal::{Priority, Signal};
