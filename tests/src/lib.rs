//! The harness of the end-to-end tests: the real program, a client, and what came out of it.
//!
//! # Reading order
//! - [`service`]: starts `recipe-api` as a child process and ends it.
//! - [`emitter`]: drives a program that emits by id what it is told to; [`tally`] counts what
//!   arrived.
//! - [`tls`], [`proxy`], [`names`], [`front`]: what stands between a program and a receiver;
//!   [`fault`]: what is wrong with the receiver.
//! - [`http`]: asks the service over a plain socket, also what no proper client would ask.
//! - [`logs`], [`report`], [`otlp`]: what it wrote to its log files, and what it sent to a
//!   [receiver](obs_core::testing::Receiver).
//! - [`secret`]: values that must not come out anywhere.
//! - [`spool`]: the folder where programs keep what they could not send.
//! - [`guide`]: the commands of a Markdown file.
//! - [`folder`], [`wait`]: a folder for each test, and waiting for a condition.
//!
//! A test whose harness fails has failed, so the functions here panic instead of returning errors.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on has failed"
)]

pub mod emitter;
pub mod fault;
pub mod folder;
pub mod front;
pub mod guide;
pub mod http;
pub mod logs;
pub mod names;
pub mod otlp;
pub mod proxy;
pub mod report;
pub mod secret;
pub mod service;
pub mod spool;
pub mod tally;
pub mod tls;
pub mod wait;
