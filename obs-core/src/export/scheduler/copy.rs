//! A batch's copy on disk, which outlives the process and must not outlive the batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::export::spool::{Shelf, Ticket};

/// The copy of a batch, shared by the parts that it was divided into.
///
/// Nothing is deleted unless all parts are settled: whatever else happens to them, the copy stays
/// for this process or the next one.
#[derive(Debug)]
pub(super) struct DiskCopy {
    ticket: Ticket,
    shelf: Arc<Shelf>,
    /// Whether this process recorded it.
    own: bool,
    /// Whether the batch was read from it.
    came_back: bool,
    is_stored: AtomicBool,
    /// A part of it is left to the disk.
    is_wanted: AtomicBool,
    /// The server may have a part that is left to the disk.
    may_have_arrived: AtomicBool,
    is_over: bool,
}

impl DiskCopy {
    /// A copy that is being written.
    pub(super) fn begun(shelf: &Arc<Shelf>, ticket: Ticket) -> Arc<Self> {
        Arc::new(Self::new(shelf, ticket, true, false))
    }

    /// A copy that came back from disk.
    pub(super) fn leased(shelf: &Arc<Shelf>, ticket: Ticket, own: bool) -> Arc<Self> {
        Arc::new(Self::new(shelf, ticket, own, true))
    }

    fn new(shelf: &Arc<Shelf>, ticket: Ticket, own: bool, came_back: bool) -> Self {
        Self {
            ticket,
            shelf: Arc::clone(shelf),
            own,
            came_back,
            is_stored: AtomicBool::new(came_back),
            is_wanted: AtomicBool::new(false),
            may_have_arrived: AtomicBool::new(false),
            is_over: false,
        }
    }

    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    pub(super) fn came_back(&self) -> bool {
        self.came_back
    }

    pub(super) fn is_stored(&self) -> bool {
        self.is_stored.load(Ordering::Relaxed)
    }

    pub(super) fn stored(&self) {
        self.is_stored.store(true, Ordering::Relaxed);
    }

    /// Notes that a part of it is about to be sent.
    pub(super) fn sending(&self) {
        self.shelf.sending(self.ticket);
    }

    /// Leaves a part to the disk.
    pub(super) fn keep(self: Arc<Self>, may_have_arrived: bool) {
        self.is_wanted.store(true, Ordering::Relaxed);
        self.may_have_arrived
            .fetch_or(may_have_arrived, Ordering::Relaxed);
    }

    /// Notes that a part needs the copy no more; with the last one it is deleted.
    pub(super) fn settle(self: Arc<Self>) {
        if let Some(mut last) = Arc::into_inner(self)
            && !last.is_wanted.load(Ordering::Relaxed)
        {
            last.is_over = true;
        }
    }
}

impl Drop for DiskCopy {
    fn drop(&mut self) {
        if self.is_over {
            self.shelf.done(self.ticket);
        } else {
            let may_have_arrived = *self.may_have_arrived.get_mut();
            self.shelf.release(self.ticket, may_have_arrived);
        }
    }
}
