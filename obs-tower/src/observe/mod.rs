//! Request id, server span, duration metric and access log for every request, in one layer.
//!
//! For each request that reaches the service, exactly once:
//! - [`RequestId`](crate::RequestId): accepted or made, in the request's extensions, on request and
//!   response, and on the span.
//! - A server span named `{method} {route}`, child of the caller's W3C trace context. The service
//!   and the response body run inside it.
//! - One point of the histogram `http.server.request.duration`, in seconds, with method, scheme,
//!   route template, status, protocol version and error type.
//! - One event with the target `obs::access`, written when the last frame is out.
//!
//! # Endings
//! | what happened | status | `error.type` | span status |
//! |---|---|---|---|
//! | the body ended, its announced size went out, or there is none | as sent | the status, for 5xx | error for 5xx |
//! | the client went away before that, and no 5xx was sent | 499 | `client_disconnect` | unset |
//! | the service or the body panicked | 500, or as sent | `panic` | error |
//! | the service returned an error instead of a response | 500 | `service_error` | error |
//! | the body failed | as sent | `body_error` | error |
//!
//! # What sampling leaves out and is kept all the same
//! Endings whose span status is error: 5xx, panics, errors of service and body, also after the head
//! went out. 4xx and clients that went away are none.
//!
//! Requests that were slow: the response head took longer than `OBS_KEEP_SLOW`. A body may take as
//! long as it likes after that, and where the exchange as a whole is made to last, the head may
//! too: event streams (`text/event-stream`), upgrades (101) and tunnels (a successful `CONNECT`) are
//! never slow.
//!
//! Such a request comes with all its spans of this process, in spawned tasks too. For more see
//! [`SpanExt::keep`](obs_core::SpanExt::keep).
//!
//! # What stays as it is
//! The outcome itself is never changed: errors are those of the inner service, readiness is passed
//! through, a panic goes on after it was recorded.
//!
//! # Where to put it
//! With axum, add it by `Router::layer` after all routes: it sees the matched route and also what
//! matched none. Around a whole router the template is unknown, and the route label is left out.
//!
//! # Examples
//! ```
//! use axum::{Router, routing::get};
//!
//! fn app(telemetry: &obs_core::Telemetry) -> Router {
//!     Router::new()
//!         .route("/recipes/{id}", get(async || "Chicken Tacos"))
//!         .layer(obs_tower::observe(telemetry))
//! }
//! ```
//!
//! # Source
//! OpenTelemetry semantic conventions: HTTP spans, HTTP metrics (`http.server.request.duration`).

mod body;
mod exchange;
mod future;
mod layer;
mod routes;
mod server_span;
mod service;

pub use self::body::ResponseBody;
pub use self::future::ResponseFuture;
pub use self::layer::{ObserveLayer, observe};
pub use self::service::Observe;
