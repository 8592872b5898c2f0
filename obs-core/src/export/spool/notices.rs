//! What the spool says to those who run the service.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use super::elapsed::Elapsed;
use crate::export::Signal;
use crate::export::reporter::Reporter;

/// What the spool says to those who run the service.
#[derive(Debug)]
pub(super) struct Notices {
    reporter: Arc<Reporter>,
    /// Destinations of others that were named already.
    named: HashSet<(&'static str, String)>,
    /// Folders whose unclean end was told.
    unclean: HashSet<String>,
    /// Whether trouble was told, and its end was not.
    is_in_trouble: Cell<bool>,
}

impl Notices {
    pub(super) fn new(reporter: Arc<Reporter>) -> Self {
        Self {
            reporter,
            named: HashSet::new(),
            unclean: HashSet::new(),
            is_in_trouble: Cell::new(false),
        }
    }

    /// Something was stored: whoever heard of trouble hears that it is over.
    pub(super) fn works(&self, path: &Path) {
        if self.is_in_trouble.replace(false) {
            self.reporter.tell(Level::INFO, "spool: works", || {
                format!("the spool can use {} again", path.display())
            });
        }
    }

    /// Nothing can be stored.
    pub(super) fn trouble(&self, path: &Path, error: &io::Error) {
        self.is_in_trouble.set(true);
        self.warn("spool: trouble", || {
            format!(
                "the spool cannot use {}: {error}; {}; records stay in memory meanwhile, up to \
                 OBS_QUEUE_SIZE, and the spool is tried again at least once a minute",
                path.display(),
                remedy(error),
            )
        });
    }

    /// A record is too large to be stored.
    pub(super) fn too_large(&self, signal: Signal, bytes: usize) {
        self.warn("spool: too large", || {
            format!(
                "a request body of {bytes} bytes of {} is larger than the spool may be, or than it \
                 can read again: it stays in memory; OBS_SPOOL_SIZE says how much the spool may hold",
                signal.records(),
            )
        });
    }

    /// The oldest records made room.
    pub(super) fn full(&self, signal: Signal, items: u64, bytes: u64) {
        self.warn(&format!("spool: full of {}", signal.name()), || {
            format!(
                "the spool is full ({bytes} bytes): the oldest {items} {} were deleted to make room \
                 for newer records; OBS_SPOOL_SIZE says how much it may hold",
                signal.records(),
            )
        });
    }

    /// There is no room, and nothing that could make room.
    pub(super) fn no_room(&self, bytes: u64) {
        self.warn("spool: no room", || {
            format!(
                "the spool is full ({bytes} bytes) of records that are being sent: newer ones stay \
                 in memory; OBS_SPOOL_SIZE says how much it may hold"
            )
        });
    }

    /// Records cannot be read any more.
    pub(super) fn damaged(&self, path: &Path, items: u64) {
        self.warn("spool: damaged", || {
            format!(
                "{} is damaged: {items} records or more in it are lost (corrupt), the others are \
                 sent; a disk or a program has changed the file, or it was cut off",
                path.display(),
            )
        });
    }

    /// Files were taken away.
    pub(super) fn gone(&self, path: &Path, items: u64) {
        self.warn("spool: gone", || {
            format!(
                "{} was taken away, and with it {items} records that waited there (corrupt); to \
                 throw records away, purge the spool while the service is stopped",
                path.display(),
            )
        });
    }

    /// A record could not be read for now.
    pub(super) fn not_read(&self, path: &Path, error: &io::Error) {
        self.warn("spool: not read", || {
            format!(
                "the spool cannot read {}: {error}; {}; it is tried again after a pause",
                path.display(),
                remedy(error),
            )
        });
    }

    /// What an earlier process left cannot be taken over.
    pub(super) fn not_taken(&self, path: &Path, error: &io::Error) {
        self.warn("spool: not taken", || {
            format!(
                "what an earlier process left in {} cannot be taken over: {error}; see to it that \
                 it belongs to the user of this process, or remove it",
                path.display(),
            )
        });
    }

    /// What was sent could not be noted on disk.
    pub(super) fn not_settled(&self, path: &Path, error: &io::Error) {
        self.warn("spool: not settled", || {
            format!(
                "the spool cannot note in {} what was sent: {error}; {}; records may be sent again \
                 after a restart",
                path.display(),
                remedy(error),
            )
        });
    }

    /// An earlier process left records, or ended without a word.
    pub(super) fn took_over(&mut self, folder: &str, items: u64, was_killed: bool) {
        let kind = format!("spool: took over {folder}");
        let is_news =
            was_killed && self.unclean.len() < MOST_NAMED && self.unclean.insert(folder.to_owned());
        match (is_news, items) {
            (true, 0) => self.warn(&kind, || {
                format!(
                    "an earlier process ended without a shutdown ({folder}): it left nothing on disk \
                     to send here; what it held in memory then is lost"
                )
            }),
            (true, _) => self.warn(&kind, || {
                format!(
                    "an earlier process ended without a shutdown ({folder}): {items} records that it \
                     had spooled are sent now; what it held in memory then is lost"
                )
            }),
            (false, 0) => {}
            (false, _) => {
                self.reporter.tell(Level::INFO, &kind, || {
                    format!("{items} records that an earlier process spooled are sent now ({folder})")
                });
            }
        }
    }

    /// Records wait for a destination that is not ours.
    pub(super) fn for_others(
        &mut self,
        signal: Signal,
        destination: &str,
        items: u64,
        path: &Path,
        max_age: Duration,
    ) {
        let key = (signal.name(), destination.to_owned());
        if self.named.len() >= MOST_NAMED || !self.named.insert(key) {
            return;
        }
        let kind = format!("spool: for {} {destination}", signal.name());
        self.warn(&kind, || {
            format!(
                "{items} {} of an earlier process wait in {} for {}, which is not where this process \
                 sends: they are sent nowhere else, and dropped when they are {} old; set the \
                 endpoint back to have them sent, or purge the spool",
                signal.records(),
                path.display(),
                destination.escape_debug(),
                Elapsed(max_age),
            )
        });
    }

    /// The thread cannot be had, or failed.
    pub(super) fn defect(&self, what: &str) {
        self.reporter.tell(Level::ERROR, "spool: defect", || {
            format!("nothing is spooled: {what}; records stay in memory, and the service is not affected")
        });
    }

    fn warn(&self, kind: &str, message: impl FnOnce() -> String) {
        self.reporter.tell(Level::WARN, kind, message);
    }
}

/// What to look at.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on the disk, or lower OBS_SPOOL_SIZE"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => {
            "set OBS_SPOOL_DIR to a folder of its own"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let the user of this process write there, or set OBS_SPOOL_DIR to a folder where it may"
        }
        _ => "look after the disk, or set OBS_SPOOL_DIR to a folder on another",
    }
}

const MOST_NAMED: usize = 64;
