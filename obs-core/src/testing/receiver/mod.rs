//! An in-process OTLP/HTTP server that keeps what it is sent and answers as a test tells it to.

mod handle;
mod record;
mod request;
mod server;

pub use self::handle::Receiver;
pub use self::record::{Received, attribute};
pub use self::request::{Payload, ReceivedRequest};
