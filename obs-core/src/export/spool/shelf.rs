//! What the sender of one signal sees of the spool: hand over, take back, never wait.

use std::sync::Arc;

use hyper::body::Bytes;

use super::mailbox::{Command, Mailbox};
use crate::export::Signal;
use crate::export::account::Reason;
use crate::export::backlog::Amount;
use crate::export::batch::Batch;

/// What belongs together: the records of one signal for one destination.
pub(in crate::export) struct ShelfSpec {
    pub(in crate::export) signal: Signal,
    /// Where its records go. Records for another are never sent.
    pub(in crate::export) destination: String,
    /// Called after there is something to hear or to lease, mostly on the spool's thread: it must
    /// not wait, and must not keep the shelf alive.
    pub(in crate::export) wake: Arc<dyn Fn() + Send + Sync>,
}

/// A body of a request that was stored, or records that were leased; unique in the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::export) struct Ticket(pub(super) u64);

/// The body of a request that could not be sent.
#[derive(Debug)]
pub(in crate::export) struct Body {
    pub(in crate::export) pieces: Vec<Bytes>,
    /// How many spans or log records it holds.
    pub(in crate::export) items: usize,
    pub(in crate::export) oldest_unix_nanos: u64,
    /// Whether it was sent without an answer.
    pub(in crate::export) may_have_arrived: bool,
}

impl Body {
    /// Its bytes before compression.
    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

/// What the spool has to say.
#[derive(Debug)]
pub(in crate::export) enum Told {
    /// The body is in a file, and still with who handed it over: see [`Shelf::release`].
    Stored(Ticket),
    /// The body is not on disk; whoever handed it over keeps it, and may hand it over again.
    NotStored(Ticket),
    /// The body is not on disk and never will be: it is larger than the spool can take.
    TooLarge(Ticket),
    /// Records to send, one or more of what was stored: settled and given back together.
    Leased {
        ticket: Ticket,
        batch: Batch,
        may_have_arrived: bool,
        /// Whether this process stored it.
        own: bool,
    },
    /// There is nothing to lease now.
    Empty,
    /// Records of earlier processes became ours.
    Recovered { items: u64 },
    /// Records that waited were given up.
    Lost {
        items: u64,
        reason: Reason,
        /// Whether this process stored them.
        own: bool,
    },
}

/// The records of one signal on disk.
#[derive(Debug)]
pub(in crate::export) struct Shelf {
    mailbox: Arc<Mailbox>,
    index: usize,
}

impl Shelf {
    pub(super) fn new(mailbox: Arc<Mailbox>, index: usize) -> Self {
        Self { mailbox, index }
    }

    /// Whether something handed over now has a chance: the disk did not just fail, and not too much
    /// waits for it.
    pub(in crate::export) fn is_open(&self) -> bool {
        self.mailbox.is_open()
    }

    /// Hands over the body of a request. The answer is [`Told::Stored`], [`Told::NotStored`]
    /// or [`Told::TooLarge`], in the order of the calls. Never waits.
    pub(in crate::export) fn store(&self, body: Body) -> Ticket {
        self.mailbox.store(self.index, body)
    }

    /// Asks for the oldest record that waits, and for those behind it that one request can carry,
    /// until the queue would count this many bytes for them: one [`Told::Leased`] or
    /// [`Told::Empty`] for each call. A single record comes however large it is.
    pub(in crate::export) fn lease(&self, most: Amount) {
        self.mailbox.lease(self.index, most);
    }

    /// Whether something waits on disk that nobody has.
    pub(in crate::export) fn has_waiting(&self) -> bool {
        self.mailbox.has_waiting(self.index)
    }

    /// What was stored or leased under this ticket is settled: it is removed. Valid before
    /// [`Told::Stored`] came as well.
    pub(in crate::export) fn done(&self, ticket: Ticket) {
        self.mailbox.send(Command::Done(ticket));
    }

    /// What was stored or leased under this ticket is about to be sent: if this process ends before
    /// it is settled, the next one knows that the server may have it.
    pub(in crate::export) fn sending(&self, ticket: Ticket) {
        self.mailbox.send(Command::Sending(ticket));
    }

    /// Gives back what was stored or leased under this ticket: it may be leased again, under
    /// another ticket. Valid before [`Told::Stored`] came as well.
    pub(in crate::export) fn release(&self, ticket: Ticket, may_have_arrived: bool) {
        self.mailbox.send(Command::Release {
            ticket,
            may_have_arrived,
        });
    }

    /// What was told since the last call.
    pub(in crate::export) fn heard(&self) -> Vec<Told> {
        self.mailbox.heard(self.index)
    }
}
