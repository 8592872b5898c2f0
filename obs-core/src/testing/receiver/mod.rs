//! An in-process OTLP/HTTP server that keeps what it is sent and answers as a test tells it to.

mod doors;
mod handle;
mod record;
mod reply;
mod request;
mod server;

#[cfg(test)]
mod tests;

pub use self::handle::Receiver;
pub use self::record::{Received, attribute};
pub use self::reply::Reply;
pub use self::request::{Payload, ReceivedRequest};
