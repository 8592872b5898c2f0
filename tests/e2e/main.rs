//! The whole way, from a client's request to files, traces, logs and metrics: one file a subject.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod abort;
mod canary;
mod child;
mod corpus;
mod doctor;
mod ending;
mod failure;
mod faults;
mod hello;
mod journey;
mod neighbours;
mod planted;
mod readme;
mod refusals;
mod secure;
mod settings;
mod shutdown;
mod spool;
mod steps;
mod unwelcome;
