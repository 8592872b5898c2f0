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
    /// Its copy on disk.
    pub(super) copy: Option<Arc<DiskCopy>>,
    /// The copy of the batch that it is a part of, until it has one of its own.
    pub(super) whole: Option<Arc<DiskCopy>>,
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
            whole: None,
            sent_at: Instant::now(),
            sent: Arc::default(),
            begun: None,
            status: None,
        }
    }

    /// Whether it would survive this process.
    pub(super) fn is_on_disk(&self) -> bool {
        let mut copies = self.copy.iter().chain(&self.whole);
        copies.any(|copy| copy.is_stored())
    }

    /// Whether the copy on disk holds these records and no others. That of a batch that was divided
    /// would bring back the parts that were taken.
    pub(super) fn has_own_copy(&self) -> bool {
        self.copy.as_ref().is_some_and(|copy| copy.is_stored())
    }

    /// Whether this process recorded it.
    pub(super) fn is_own(&self) -> bool {
        self.batch.resource.is_none() || {
            let mut copies = self.whole.iter().chain(&self.copy);
            copies.next().is_some_and(|copy| copy.is_own())
        }
    }

    /// Whether it is no live data any more: it comes from disk, or failed and has a copy there.
    pub(super) fn is_replay(&self) -> bool {
        let mut copies = self.copy.iter().chain(&self.whole);
        copies.any(|copy| copy.came_back() || self.taken_before.is_some())
    }

    /// It has a copy of its own on disk now.
    pub(super) fn stored(&mut self) {
        if let Some(copy) = &self.copy {
            copy.stored();
        }
        if let Some(whole) = self.whole.take() {
            whole.settle();
        }
    }

    /// Lets go of the copies, or leaves the records to them.
    pub(super) fn settle_copies(&mut self, is_left: bool) {
        let has_own = self.has_own_copy();
        let keep = |copy: Arc<DiskCopy>, is_kept: bool| match is_kept {
            true => copy.keep(self.may_have_arrived),
            false => copy.settle(),
        };
        if let Some(copy) = self.copy.take() {
            keep(copy, is_left && has_own);
        }
        if let Some(whole) = self.whole.take() {
            keep(whole, is_left && !has_own);
        }
    }

    /// Two attempts with half of the records each, of which nothing is known but what must not be
    /// forgotten; a single record stays as it is.
    pub(super) fn divide(mut self, sender: &Sender) -> (Self, Option<Self>) {
        match sender.halves(self.batch) {
            Ok(halves) => {
                let whole = match (self.copy.take(), self.whole.take()) {
                    (Some(copy), older) if copy.is_stored() => {
                        older.into_iter().for_each(DiskCopy::settle);
                        Some(copy)
                    }
                    (copy, older) => {
                        // One that is still being written would come back beside the parts.
                        copy.into_iter().for_each(DiskCopy::settle);
                        older
                    }
                };
                let [front, back] = halves.map(|half| Self {
                    may_have_arrived: self.may_have_arrived,
                    is_doubted: self.is_doubted,
                    whole: whole.clone(),
                    ..Self::new(half)
                });
                (front, Some(back))
            }
            Err(batch) => (Self { batch, ..self }, None),
        }
    }
}
