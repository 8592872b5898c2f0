//! The whole way, from a client's request to files, traces, logs and metrics: one file a subject.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod canary;
mod corpus;
mod failure;
mod hello;
mod journey;
mod planted;
mod readme;
mod settings;
mod shutdown;
mod steps;
