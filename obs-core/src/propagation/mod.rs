//! W3C trace context: the identity of a trace as it travels between services.
//!
//! A service reads the context of a caller with [`TraceContext::extract`] and hands its own to a
//! callee with [`TraceContext::inject`]. The parser is strict: what does not follow the
//! recommendation to the letter is no context, and a new trace begins.
//!
//! # Examples
//! ```
//! use std::collections::BTreeMap;
//!
//! use obs_core::propagation::TraceContext;
//!
//! let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! let incoming = BTreeMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
//! let caller = TraceContext::extract(&incoming).ok_or("no context")?;
//! assert!(caller.is_sampled());
//!
//! let mut outgoing = BTreeMap::new();
//! caller.inject(&mut outgoing);
//! assert_eq!(outgoing, incoming);
//! # Ok::<(), &str>(())
//! ```
//!
//! # Source
//! W3C Trace Context Level 1 (recommendation of 2021) with the random flag of Level 2.

mod carrier;
mod flags;
mod id_source;
mod ids;
mod interop;
mod remote_parent;
mod trace_context;
mod trace_state;

pub use self::carrier::{Extract, Inject};
pub use self::flags::TraceFlags;
pub(crate) use self::id_source::IdSource;
#[cfg(feature = "otlp")]
pub(crate) use self::ids::random_u64;
pub use self::ids::{Hex, SpanId, TraceId};
pub(crate) use self::remote_parent::remote_parent;
pub use self::trace_context::{ParseTraceparentError, TraceContext};
pub use self::trace_state::TraceState;
