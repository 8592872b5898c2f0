//! Which traces are exported: decided once by head sampling, by the trace's id, and once more for
//! those that it refused, by what happened in them.
//!
//! ```text
//! root begins ──► sampler ──► taken ────────────────────────────► spans go out as they end
//!                        └──► refused ──► spans wait, encoded ──► error, slow or forced: all go out
//!                                                            └──► nothing of that: forgotten
//! ```
//!
//! A local trace is what one root and the spans below it do in this process. Each span holds it
//! through a [`TraceMember`]; the [`Keeper`] holds what all of them share.

mod active_trace;
mod buffers;
mod keeper;
mod limiter;
mod local_trace;
mod member;
mod open_spans;
mod policy;
mod reason;
mod sampler;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use self::active_trace::ActiveTrace;
pub(crate) use self::keeper::{Keeper, Outlet};
pub(crate) use self::local_trace::{EndedSpan, LocalTrace};
pub(crate) use self::member::TraceMember;
pub(crate) use self::policy::Policy;
pub(crate) use self::reason::Mark;
pub(crate) use self::sampler::Sampler;
pub(crate) use self::tally::Tally;
