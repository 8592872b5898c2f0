//! The sender against an in-process receiver.

mod delivery;
mod failures;
mod metrics;
mod queue;
mod scheduling;
mod settings;
mod spool;
mod support;
mod transport;
