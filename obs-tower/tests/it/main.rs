//! What the crate promises, through its public API.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod observed;
mod service;
mod support;

mod attributes;
mod drain;
mod endings;
mod health;
mod kept;
mod request_id;
mod sampled_traffic;
mod shutdown;
