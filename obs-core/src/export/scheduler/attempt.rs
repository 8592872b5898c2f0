//! A batch on its way to the server, and what happened to it so far.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hyper::StatusCode;
use tokio::time::Instant;

use super::copy::DiskCopy;
use crate::export::batch::Batch;
use crate::export::sender::Sender;

/// A batch, and what happened to it so far.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) batch: Batch,
    /// How often the server answered that it failed at it.
    pub(super) server_errors: u32,
    /// How many batches had been taken when this one failed last.
    pub(super) taken_before: Option<u64>,
    /// How often it failed after others had been taken.
    pub(super) strikes: u32,
    /// Whether it was sent completely without an answer, by this process or an earlier one.
    pub(super) may_have_arrived: bool,
    /// Whether the queue counts it as sent without an answer.
    pub(super) is_doubted: bool,
    pub(super) is_aside: bool,
    /// The copy on disk, shared with the other parts of a batch that was divided.
    pub(super) copy: Option<Arc<DiskCopy>>,
    /// When it was sent last.
    pub(super) sent_at: Instant,
    /// Set once the whole body of the last request was sent.
    pub(super) sent: Arc<AtomicBool>,
    /// When it was sent first.
    pub(super) begun: Option<Instant>,
    /// What the server answered last, if it did.
    pub(super) status: Option<StatusCode>,
}

impl Attempt {
    pub(super) fn new(batch: Batch) -> Self {
        Self {
            batch,
            server_errors: 0,
            taken_before: None,
            strikes: 0,
            may_have_arrived: false,
            is_doubted: false,
            is_aside: false,
            copy: None,
            sent_at: Instant::now(),
            sent: Arc::default(),
            begun: None,
            status: None,
        }
    }

    /// Whether it would survive this process.
    pub(super) fn is_on_disk(&self) -> bool {
        self.copy.as_ref().is_some_and(|copy| copy.is_stored())
    }

    /// Whether the copy on disk holds these records and no others: of a batch that was divided, the
    /// copy holds all parts, and would bring back those that were taken.
    pub(super) fn is_whole_on_disk(&self) -> bool {
        let copy = self.copy.as_ref();
        self.is_on_disk() && copy.is_some_and(|copy| Arc::strong_count(copy) == 1)
    }

    /// Whether it is no live data any more: it comes from disk, or the server failed at it or left
    /// it unanswered for so long that it was copied there.
    pub(super) fn is_replay(&self) -> bool {
        self.copy.is_some()
    }

    /// Two attempts with half of the records each, of which nothing is known but what must not be
    /// forgotten; a single record stays as it is.
    pub(super) fn divide(self, sender: &Sender) -> (Self, Option<Self>) {
        match sender.halves(self.batch) {
            Ok(halves) => {
                let [front, back] = halves.map(|half| Self {
                    may_have_arrived: self.may_have_arrived,
                    is_doubted: self.is_doubted,
                    copy: self.copy.clone(),
                    ..Self::new(half)
                });
                (front, Some(back))
            }
            Err(batch) => (Self { batch, ..self }, None),
        }
    }
}
