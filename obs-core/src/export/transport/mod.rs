//! Requests over HTTP: connections, TLS, proxies, and what an answer or a failure means.
//!
//! ```text
//! Transport ──► hyper client (keeps connections) ──► Connector: look up, connect, TLS, tunnel
//!     └── Answer: taken, a status, or a Failure that names its cause and its remedy
//! ```
//!
//! One connector instead of the ready-made ones for TLS and for tunnels, because it knows at which
//! step a connection failed, and because certificates are replaced under a running service.

mod answer;
mod client;
mod connection;
mod connector;
mod failure;
mod no_proxy;
mod payload;
mod pem;
mod proxy;
mod resolver;
mod security;
mod tls;
mod tls_failure;
mod tunnel;

pub(super) use self::answer::Answer;
pub(super) use self::client::Transport;
pub(super) use self::failure::Failure;
pub(super) use self::payload::Payload;
pub(super) use self::proxy::{Proxies, Proxy};
pub(super) use self::resolver::Resolver;
pub(super) use self::security::Security;
