//! Observes HTTP services, as tower layers, and runs them from start to drained stop.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//!
//! # #[cfg(feature = "server")]
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let telemetry = obs_core::init!()?;
//!     let app = Router::new()
//!         .route("/", get(async || "Hello!"))
//!         .layer(obs_tower::observe(&telemetry));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     obs_tower::Server::new(telemetry).health_at("/health").serve(listener, app).await?;
//!     Ok(())
//! }
//! # #[cfg(not(feature = "server"))]
//! # fn main() {}
//! ```
//!
//! # Concepts
//! - [`mod@observe`]: request id, server span, duration metric and access log, in one layer.
//! - [`RequestId`], [`ClientAddr`], [`RouteTemplate`]: what a request carries in its extensions.
//! - `server` (feature `server`): the accept loop, and how it stops.
//! - `health` (feature `server`): checks, and the endpoints that tell what they found.
//!
//! # What it does not do
//! It never changes the outcome of a request: there is no timeout, no limit and no catching of
//! panics in [`observe()`]. It reads no forwarding headers and ends no TLS.
//!
//! # Features
//! | feature | adds | default |
//! |---|---|---|
//! | `axum` | route templates from axum's `MatchedPath` | yes |
//! | `server` | `Server`, `Check` and the health endpoints | no |
//!
//! Minimum supported Rust version: 1.95.

mod access_log;
mod client_addr;
#[cfg(feature = "server")]
pub mod health;
#[cfg(feature = "server")]
mod isolated;
mod metrics;
pub mod observe;
mod request_id;
mod route;
mod semconv;
#[cfg(feature = "server")]
pub mod server;

pub use self::client_addr::ClientAddr;
#[cfg(feature = "server")]
pub use self::health::Check;
pub use self::observe::{ObserveLayer, observe};
pub use self::request_id::RequestId;
pub use self::route::RouteTemplate;
#[cfg(feature = "server")]
pub use self::server::Server;

#[cfg(all(doctest, feature = "axum", feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}
