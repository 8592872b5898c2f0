//! The spool of one exporter: a shelf for each signal whose records must not be lost.

use std::sync::Arc;
use std::time::Instant;

use obs_redact::Redactor;

use super::Signal;
use super::queue::Queue;
use super::reporter::Reporter;
use super::settings::Target;
use super::spool::{Settings, Shelf, ShelfSpec, Spool};

/// The spool of one exporter.
#[derive(Debug)]
pub(super) struct Storage {
    spool: Spool,
    shelves: Vec<(Signal, Arc<Shelf>)>,
}

impl Storage {
    /// Starts it for spans and log records, if they are sent.
    pub(super) fn open(
        settings: Settings,
        queues: &[(Target, Arc<Queue>)],
        redactor: &Redactor,
        reporter: &Arc<Reporter>,
    ) -> Option<Self> {
        let (signals, specs): (Vec<_>, Vec<_>) = queues
            .iter()
            .filter(|(target, _)| target.signal.is_spooled())
            .map(|(target, queue)| {
                let queue = Arc::downgrade(queue);
                let spec = ShelfSpec {
                    signal: target.signal,
                    destination: target.destination(),
                    wake: Arc::new(move || {
                        if let Some(queue) = queue.upgrade() {
                            queue.wake();
                        }
                    }),
                };
                (target.signal, spec)
            })
            .unzip();
        if specs.is_empty() {
            return None;
        }
        let (spool, shelves) =
            Spool::start(settings, specs, redactor.clone(), Arc::clone(reporter));
        Some(Self {
            spool,
            shelves: signals.into_iter().zip(shelves).collect(),
        })
    }

    /// Where the records of a signal wait.
    pub(super) fn shelf(&self, signal: Signal) -> Option<Arc<Shelf>> {
        let mut shelves = self.shelves.iter();
        let (_, shelf) = shelves.find(|(of, _)| *of == signal)?;
        Some(Arc::clone(shelf))
    }

    /// Waits until what was handed over is on disk; false if that takes too long.
    pub(super) fn close(&self, deadline: Instant) -> bool {
        self.spool.close(deadline)
    }
}
