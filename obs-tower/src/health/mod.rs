//! Health: checks that run in the background, and the endpoints that tell what they found.
//!
//! A probe never waits for a dependency: it reads the last verdict of each [`Check`]. The server
//! answers probes itself, before the application, so they are not traced, counted or logged.
//!
//! | path under the mount | 200 | 503 |
//! |---|---|---|
//! | `/live` | always: the process answers | – |
//! | `/ready`, and the mount itself | every critical check passes | one fails, or shutdown began |
//! | `/startup` | every critical check has passed once; stays so | before that |
//!
//! Bodies hold names and states, never what a driver said; that goes to the log, once for each
//! change of state.

mod check;
mod endpoints;
mod monitor;
mod timestamp;

pub use self::check::Check;
pub(crate) use self::endpoints::{Answer, Endpoints};
pub(crate) use self::monitor::{Health, Monitor};
