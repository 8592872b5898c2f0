//! What sends the records of one signal: where to, from which queue, in what form.

use std::sync::Arc;
use std::time::Duration;

use obs_redact::Redactor;

use super::Signal;
use super::batch::Batch;
use super::body::{Envelope, gzip};
use super::metrics::{self, OperationDuration};
use super::queue::Queue;
use super::reporter::Reporter;
use super::retry::RetryLimits;
use super::scheduler::Scheduler;
use super::settings::Target;
use super::spool::{Body, Shelf};
use super::transport::{Payload, Transport};
use crate::clock;

/// What does not change while the records of one queue are sent.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) target: Target,
    pub(super) queue: Arc<Queue>,
    /// Where what cannot be sent waits on disk, if there is a spool.
    pub(super) shelf: Option<Arc<Shelf>>,
    pub(super) duration: OperationDuration,
    pub(super) envelope: Envelope,
    pub(super) retry: RetryLimits,
    pub(super) reporter: Arc<Reporter>,
    pub(super) redactor: Redactor,
}

impl Sender {
    /// Sends batch after batch until it is dropped.
    pub(super) async fn run(self: Arc<Self>, transport: Transport) {
        Scheduler::new(self, transport).run().await;
    }

    /// The body of a request; the records stay with the batch.
    pub(super) fn payload(&self, batch: &Batch) -> Payload {
        let pieces = if self.target.signal == Signal::Metrics {
            // Already a request.
            let bodies = batch.segments.iter().map(|segment| segment.bytes.clone());
            bodies.collect()
        } else {
            self.envelope.wrap(batch)
        };
        if !self.target.gzip {
            return Payload::new(pieces);
        }
        // Writing to memory does not fail.
        Payload::new(vec![gzip(&pieces).unwrap_or_default()])
    }

    /// What is stored of a batch: the request, as it would be sent.
    pub(super) fn body(&self, batch: &Batch, may_have_arrived: bool) -> Body {
        let age = batch
            .since()
            .map_or(Duration::ZERO, |since| since.elapsed());
        let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        Body {
            pieces: self.envelope.wrap(batch),
            items: batch.items,
            oldest_unix_nanos: clock::unix_nanos().saturating_sub(age),
            may_have_arrived,
        }
    }

    /// Whether what cannot be sent goes to disk.
    pub(super) fn stores(&self) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| shelf.is_open())
    }

    /// Batches that the server can bear.
    pub(super) fn sendable(&self, batch: Batch) -> Vec<Batch> {
        match self.target.most_keys() {
            Some((field, most)) => batch.with_few_keys(field, most),
            None => vec![batch],
        }
    }

    /// Two batches with half of the records each, if there are two records.
    pub(super) fn halves(&self, batch: Batch) -> Result<[Batch; 2], Batch> {
        if self.target.signal == Signal::Metrics {
            metrics::in_two(batch)
        } else {
            batch.halves()
        }
    }
}
