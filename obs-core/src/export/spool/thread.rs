//! The thread that waits for disks, from its start to its end.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use obs_redact::Redactor;
use opentelemetry::Context;

use super::disk::{Disk, System};
use super::gate::Pauses;
use super::keeper::Keeper;
use super::mailbox::{Mailbox, Next};
use super::notices::Notices;
use super::settings::Settings;
use super::shelf::{Shelf, ShelfSpec};
use crate::export::reporter::Reporter;

/// Owns the spool's thread. Dropped without [`Spool::close`], it leaves the files to whoever takes
/// over next.
#[derive(Debug)]
pub(in crate::export) struct Spool {
    mailbox: Arc<Mailbox>,
}

impl Spool {
    /// Never fails and never waits for a disk: trouble is told through the reporter. The shelves
    /// come in the order of their specifications.
    pub(in crate::export) fn start(
        settings: Settings,
        specs: Vec<ShelfSpec>,
        redactor: Redactor,
        reporter: Arc<Reporter>,
    ) -> (Self, Vec<Arc<Shelf>>) {
        let (disk, pauses) = (Box::new(System), Pauses::default());
        Self::start_on(disk, pauses, settings, specs, redactor, reporter)
    }

    pub(super) fn start_on(
        disk: Box<dyn Disk>,
        pauses: Pauses,
        settings: Settings,
        specs: Vec<ShelfSpec>,
        redactor: Redactor,
        reporter: Arc<Reporter>,
    ) -> (Self, Vec<Arc<Shelf>>) {
        let mailbox = Arc::new(Mailbox::new(&specs, pauses));
        let shelf = |index| Arc::new(Shelf::new(Arc::clone(&mailbox), index));
        let shelves = (0..specs.len()).map(shelf).collect();
        let kept = specs.into_iter();
        let kept = kept.map(|spec| (spec.signal, spec.destination)).collect();
        let shared = Arc::clone(&mailbox);
        let told = Arc::clone(&reporter);
        let run = move || {
            // What this thread does must not become telemetry that has to be stored.
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            // Dropped after the keeper: whoever waits for the end finds the locks free.
            let _ending = Ending(Arc::clone(&shared), Arc::clone(&reporter));
            let notices = Notices::new(reporter);
            let mailbox = Arc::clone(&shared);
            let keeper = Keeper::new(settings, kept, disk, redactor, notices, mailbox, pauses);
            keep(keeper, &shared);
        };
        let builder = thread::Builder::new().name("obs-spool".to_owned());
        if let Err(error) = builder.spawn(run) {
            let why = format!("the system gives no thread: {error}");
            Notices::new(told).defect(&why);
            mailbox.stop();
        }
        (Self { mailbox }, shelves)
    }

    /// Waits until everything that was handed over is on disk or refused, and stops the thread.
    /// False if that takes too long. A second call waits for the same.
    pub(in crate::export) fn close(&self, deadline: Instant) -> bool {
        self.mailbox.close(deadline)
    }

    /// Stops as if the process were killed, and waits for that.
    #[cfg(test)]
    pub(super) fn kill(self) {
        self.mailbox.abandon();
        assert!(self.mailbox.close(Instant::now() + Duration::from_secs(30)));
    }

    /// Has the thread look around, once it has done what was asked for before, and waits for that.
    #[cfg(test)]
    pub(super) fn sweep(&self) {
        let (done, heard) = std::sync::mpsc::channel();
        self.mailbox.send(super::mailbox::Command::Sweep(done));
        heard.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.mailbox.abandon();
    }
}

/// Answers everybody at the end of the thread, however it comes.
struct Ending(Arc<Mailbox>, Arc<Reporter>);

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            Notices::new(Arc::clone(&self.1))
                .defect("a defect in obs-core ended the spool's thread");
        }
        self.0.stop();
    }
}

fn keep(mut keeper: Keeper, mailbox: &Mailbox) {
    keeper.begin();
    let mut sweep_at = Instant::now() + SWEEP_EVERY;
    loop {
        let resumes_at = keeper.resumes_at();
        let due = resumes_at.map_or(sweep_at, |at| at.min(sweep_at));
        match mailbox.next(due) {
            Next::Command(command) => {
                if !keeper.obey(command) {
                    return;
                }
            }
            Next::Due if resumes_at.is_some_and(|at| at <= Instant::now()) => keeper.resume(),
            Next::Due => {
                keeper.sweep();
                sweep_at = Instant::now() + SWEEP_EVERY;
            }
            Next::Abandoned => return,
        }
    }
}

/// How often old records are dropped and folders of processes that are gone are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
