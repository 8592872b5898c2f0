//! Decides which batch is sent when, until what became of it is settled.
//!
//! Several requests are under way while the server answers. Once one fails for a reason that may
//! pass, the others stop and a single one tries, after pauses that grow: a server that comes back
//! is not met by everything at once. Tries give other batches their turn, so that one that a server
//! cannot bear does not pass for an outage; a batch that keeps failing while others succeed is
//! halved until the record at fault is alone, and that is set aside.
//!
//! With a spool, what cannot be sent goes by way of the disk: while the server fails or does not
//! answer, the queue is emptied to disk and what is under way or failed is copied there. Tries carry
//! the oldest that comes back from disk and the newest in turn. Once the server answers, one request
//! in four carries what had waited there, beside live data.

mod attempt;
mod copy;
mod detour;
mod schedule;

pub(super) use self::schedule::Scheduler;
