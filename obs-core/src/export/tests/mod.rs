//! The sender against an in-process receiver.

mod delivery;
mod failures;
mod metrics;
mod queue;
mod scheduling;
mod settings;
mod support;
mod transport;
