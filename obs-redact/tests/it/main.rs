//! The promises of the crate, one file per subject.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may stop a test, and only tests have them"
)]

mod allocation;
mod fields;
mod forms;
#[cfg(feature = "http")]
mod headers;
#[cfg(feature = "json")]
mod json;
mod policy;
mod properties;
mod prose;
mod secrets;
mod sensitive;
mod sql;
mod text;
mod urls;
