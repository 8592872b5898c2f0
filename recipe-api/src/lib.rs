//! The reference service: a book of recipes over HTTP.
//!
//! A tour, in the order in which a request or a file meets the modules:
//!
//! - [`config`]: the settings of the service, read once at start.
//! - [`telemetry`]: the few lines that make all of it observable.
//! - [`app`]: puts the parts together and runs them.
//! - [`http`]: routes, limits, and what a problem looks like on the wire.
//! - [`error`]: the one error that becomes a response.
//! - [`domain`]: what a recipe is; values that cannot be invalid.
//! - [`import`]: Markdown files become recipes.
//! - [`store`]: recipes in SQLite, and the search over them.
//! - [`cli`] and [`commands`]: what the program offers at the command line.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod import;
pub mod store;
pub mod telemetry;
