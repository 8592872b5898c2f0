//! Serves an application from start to drained stop.
//!
//! [`Server`] owns the accept loop, answers health probes, and on SIGTERM or SIGINT goes through
//! these phases, each told in the log (target `obs::server`):
//!
//! 1. **Lame duck**, for `SHUTDOWN_DELAY`: readiness is 503, but connections are still accepted and
//!    requests answered, over HTTP/1 with `Connection: close`. Load balancers need this time to
//!    notice. 5 s in production, none elsewhere or on SIGINT from a terminal.
//! 2. **Drain**: nothing new is accepted, requests in flight finish, idle connections close. A
//!    request is in flight from the end of its head to the last byte of its response. A connection
//!    without one, be it new, silent or in the midst of a head, is kept for 250 ms, for a request
//!    that was on its way, and then closed; that is a clean end.
//! 3. **Force**: requests still in flight near the end of `SHUTDOWN_TIMEOUT` (30 s from the end of
//!    the lame duck) are cut off, so a client that never reads cannot hold up the exit. Their number
//!    is told in the log.
//! 4. **Hooks**, in the order in which they were added, each with its own deadline.
//! 5. **Flush** of telemetry, so that everything before it was recorded.
//!
//! A sixth of the timeout, at most 5 s, is kept for hooks and flush. A second signal forces at once,
//! a third exits.
//!
//! Signals are handled from serving on. A program that has something slow to do before can have them
//! handled earlier: [`Server::shutdown_on_signals`].
//!
//! # What it does not do
//! TLS: put a proxy in front. Connections that were upgraded (WebSocket) are not waited for.
//!
//! # Examples
//! ```no_run
//! use std::time::Duration;
//! use obs_tower::{Check, Server};
//!
//! # struct Pool; impl Pool {
//! #     async fn ping(&self) -> Result<(), std::io::Error> { Ok(()) }
//! #     async fn close(&self) {}
//! # }
//! # static POOL: Pool = Pool;
//! # async fn serve(app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = obs_core::init!()?;
//! let app = app.layer(obs_tower::observe(&telemetry));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! Server::new(telemetry)
//!     .health_at("/health")
//!     .check(Check::critical("database", || POOL.ping()))
//!     .on_shutdown("database", Duration::from_secs(5), POOL.close())
//!     .serve(listener, app)
//!     .await?;
//! # Ok(()) }
//! ```

mod accept;
mod app;
mod builder;
mod connection;
mod front;
mod front_body;
mod hooks;
mod run;
mod settings;
mod stop;
mod traffic;

pub use self::app::App;
pub use self::builder::Server;
