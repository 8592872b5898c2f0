//! Decides what may leave the process: redaction by field name and by value.
//!
//! ```
//! use obs_redact::Redactor;
//!
//! let redactor = Redactor::new();
//! assert_eq!(redactor.redact_field("userPassword", "hunter2"), "[REDACTED]");
//! assert_eq!(
//!     redactor.redact_text("GET /a?access_token=abc with Authorization: Bearer abc"),
//!     "GET /a?access_token=[REDACTED] with Authorization: [REDACTED]",
//! );
//! ```
//!
//! # Concepts
//! - [`Redactor`] applies the rules: to fields, free text, URLs, queries, SQL, headers and JSON.
//! - [`RedactorBuilder`] adds rules of one's own: names, allowed names, patterns.
//! - [`PolicyError`] lists all that is wrong with them.
//! - [`Sensitive`] holds a live value that never prints.
//!
//! # Promises
//! - Linear time in the length of the input, whatever the input is, and no panic.
//! - No allocation where nothing is replaced.
//! - Redacting what was redacted changes nothing. (Patterns of one's own may break this if they
//!   ask for what stands around their match.)
//!
//! # What it does not do
//! It does not find every secret. A secret is replaced because of its name or its shape; a password
//! in a sentence has neither. It knows no personal data such as e-mail addresses or names, does not
//! undo base64 or compression, and does not wipe memory.
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `json` | [`Redactor::redact_json`](Redactor#method.redact_json) for `serde_json` values |
//! | `http` | [`Redactor::redact_headers`](Redactor#method.redact_headers) for header maps |
//!
//! Rust 1.95 or later.

mod error;
mod policy;
mod redactor;
mod sensitive;

mod detect;
mod field;
#[cfg(feature = "http")]
mod headers;
#[cfg(feature = "json")]
mod json;
mod pattern;
mod query;
mod sql;

mod findings;
mod percent;
mod rewrite;
mod scan;

#[cfg(test)]
mod linear;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::{
    error::PolicyError, policy::RedactorBuilder, redactor::Redactor, sensitive::Sensitive,
};

/// What takes the place of everything that is redacted.
pub const REDACTED: &str = "[REDACTED]";
