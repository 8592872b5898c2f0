//! The service as clients, operators and cooks meet it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it stands"
)]

mod command_line;
mod config;
mod corpus;
mod import;
mod limits;
mod list;
mod problems;
mod recipe;
mod search;
mod support;
