//! Keeps on disk what cannot be sent, bounded in bytes and age, and gives it back later.
//!
//! A thread of its own does all reading and writing, so that neither a thread of the program nor
//! the sender ever waits for a disk. Each process has a folder of its own in the spool directory
//! and holds a lock on it; the folder of a process that is gone is taken over by the next.
//!
//! ```text
//! <spool directory>/<start>-<process id>-<random>/lock                  held while the process lives
//!                                                 logs-00000001.spool   records, one after the other
//!                                                 ended                 there if the end was clean
//! ```
//!
//! # What is promised
//! - A record that is reported as stored survives the end of the process, however that comes, and
//!   is given back once, to this process or a later one, until it is reported as done. A loss of
//!   power may take what was written to a file that was not full yet.
//! - A damaged record costs itself only, and every loss is counted.
//! - What is for one destination is never given to a sender of another.
//! - What is given back was redacted again, by the rules that hold then.
//! - Several processes of a machine may share the directory. Several machines may not, unless its
//!   file system keeps locks for all of them: a process would take the folder of one that lives.
//! - Folders and files are readable by their user only; those of other users, and symbolic links,
//!   are neither followed nor removed. The spool directory itself may be open to others, as volumes
//!   of containers are: who may write there can take folders away, but not read them.
//! - No credentials: a file holds bodies of requests and the address that they are for.

mod adoption;
mod catalog;
mod disk;
mod elapsed;
mod folder;
mod format;
mod gate;
mod identity;
mod inspection;
mod keeper;
mod leasing;
mod mailbox;
mod notices;
mod replay;
mod scan;
mod segment_file;
mod settings;
mod shelf;
mod thread;
mod writing;

#[cfg(test)]
mod tests;

pub use self::inspection::{Inspection, Purged, SpoolContents, SpoolFolder, inspect, purge};
pub(crate) use self::settings::Settings;
pub(super) use self::shelf::{Body, Shelf, ShelfSpec, Ticket, Told};
pub(super) use self::thread::Spool;
