//! A whole pipeline for a test, and what really came out of it. Unstable.
//!
//! Nothing is simulated: records go through capture, redaction, files, sender and a receiver that
//! decodes with the official protobuf definitions. Pipelines do not see each other, so tests run in
//! parallel.
//!
//! ```
//! let t = obs_core::testing::pipeline();
//! t.run_sync(|| {
//!     let _request = tracing::info_span!("request", request.id = "r-1").entered();
//!     tracing::info!(password = "hunter2", "signed in");
//! });
//! t.logs().one("signed in").has("request.id", "r-1");
//! t.spans().one("request").has("request.id", "r-1");
//! t.assert_absent("hunter2");
//! ```

mod builder;
mod clock;
mod pipeline;
mod query;
mod receiver;

pub use self::builder::{TestBuilder, builder};
pub use self::clock::ManualClock;
pub use self::pipeline::{TestPipeline, pipeline, pipeline_with};
pub use self::query::{Log, Logs, Metrics, Span, Spans};
pub use self::receiver::{Payload, Received, ReceivedRequest, Receiver, Reply, attribute};
