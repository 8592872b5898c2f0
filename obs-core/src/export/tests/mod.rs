//! The sender against an in-process receiver.

mod delivery;
mod failures;
mod metrics;
mod queue;
mod settings;
mod support;
