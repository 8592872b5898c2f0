//! Runs the callbacks of observable instruments, which may panic or never return.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use opentelemetry::metrics::{AsyncInstrument, Callback};
use opentelemetry::{Context, KeyValue};
use tracing::Level;

use super::left_out::LeftOut;
use crate::export::reporter::Reporter;

/// How a round of calling every callback went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Every callback returned.
    Complete,
    /// A callback panicked; the others returned.
    Panicked,
    /// A callback did not return.
    Late,
}

/// The callbacks of a pipeline's observable instruments.
#[derive(Debug)]
pub(super) struct Observers {
    reporter: Arc<Reporter>,
    left_out: Arc<LeftOut>,
    /// None once the pipeline has ended.
    observers: Mutex<Option<Vec<Arc<Observer>>>>,
    /// Rounds begun so far. A thread that finds a newer one leaves the rest to it.
    round: AtomicU64,
    /// Threads that run callbacks: one, and those that a callback never gave back.
    threads: AtomicUsize,
}

impl Observers {
    pub(super) fn new(reporter: Arc<Reporter>, left_out: Arc<LeftOut>) -> Self {
        Self {
            reporter,
            left_out,
            observers: Mutex::new(Some(Vec::new())),
            round: AtomicU64::new(0),
            threads: AtomicUsize::new(0),
        }
    }

    /// Takes the callbacks of an instrument; what they observe will be in the slot.
    pub(super) fn add<M: Measurement>(
        &self,
        metric: Cow<'static, str>,
        callbacks: Vec<Callback<M>>,
    ) -> Arc<Slot<M>> {
        let slot = Arc::new(Slot(Mutex::new(Vec::new())));
        let (name, filled, left_out) = (
            metric.clone(),
            Arc::clone(&slot),
            Arc::clone(&self.left_out),
        );
        let observe = move || {
            let recorder = Recorder::default();
            callbacks.iter().for_each(|callback| callback(&recorder));
            filled.fill(recorder.into_points(&name, &left_out));
        };
        if let Some(observers) = &mut *self.lock() {
            observers.push(Arc::new(Observer {
                metric,
                observe: Box::new(observe),
                running: Mutex::new(None),
            }));
        }
        slot
    }

    /// Calls every callback that is not still running, on a thread of its own; `done` is told how
    /// it went, unless one does not return.
    pub(super) fn observe(self: &Arc<Self>, done: impl FnOnce(Outcome) + Send + 'static) {
        let observers = self.lock().clone().unwrap_or_default();
        let late: Vec<_> = observers
            .iter()
            .filter(|observer| observer.is_running())
            .collect();
        for observer in &late {
            observer.tell_once(&self.reporter);
        }
        if observers.is_empty() {
            return done(Outcome::Complete);
        }
        if late.len() == observers.len() {
            return done(Outcome::Late);
        }
        if self.threads.load(Ordering::Acquire) >= MAX_THREADS {
            self.tell_stands_still(&format!("{MAX_THREADS} of them have not returned"));
            return done(Outcome::Late);
        }
        let round = self.round.fetch_add(1, Ordering::AcqRel) + 1;
        let thread = ThreadCount::begin(self);
        let run = move || {
            // What callbacks do is no telemetry of the service.
            let _quiet = Context::enter_telemetry_suppressed_scope();
            let outcome = thread.0.run(round, &observers);
            drop(thread);
            done(outcome);
        };
        let started = thread::Builder::new()
            .name("obs-observe".to_owned())
            .spawn(run);
        if let Err(error) = started {
            self.tell_stands_still(&format!("there is no thread to call them: {error}"));
        }
    }

    fn tell_stands_still(&self, reason: &str) {
        self.reporter.tell(Level::WARN, "callbacks", || {
            format!("metrics that come from callbacks stand still, others go on: {reason}")
        });
    }

    /// Forgets all callbacks and takes no new ones.
    pub(super) fn close(&self) {
        // What the program moved into its callbacks is dropped here, after the lock is given back.
        let observers = self.lock().take();
        drop(observers);
    }

    fn run(&self, round: u64, observers: &[Arc<Observer>]) -> Outcome {
        let mut worst = Outcome::Complete;
        for observer in observers {
            if self.round.load(Ordering::Acquire) != round {
                return Outcome::Late;
            }
            let outcome = observer.call();
            if outcome == Outcome::Panicked {
                let metric = &*observer.metric;
                let kind = format!("callback panicked {metric}");
                self.reporter.tell(Level::WARN, &kind, || {
                    format!("a callback of the metric {metric} panicked: its data points are missing this time")
                });
            }
            worst = worst.max(outcome);
        }
        worst
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Arc<Observer>>>> {
        self.observers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a thread for as long as it lives.
struct ThreadCount(Arc<Observers>);

impl ThreadCount {
    fn begin(observers: &Arc<Observers>) -> Self {
        observers.threads.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(observers))
    }
}

impl Drop for ThreadCount {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The callbacks of one instrument.
struct Observer {
    metric: Cow<'static, str>,
    /// Calls them and fills the slot.
    observe: Box<dyn Fn() + Send + Sync>,
    running: Mutex<Option<Running>>,
}

struct Running {
    since: Instant,
    is_told: bool,
}

impl Observer {
    fn is_running(&self) -> bool {
        self.running().is_some()
    }

    /// Calls the callbacks, unless another thread is at it.
    fn call(&self) -> Outcome {
        {
            let mut running = self.running();
            if running.is_some() {
                return Outcome::Late;
            }
            *running = Some(Running {
                since: Instant::now(),
                is_told: false,
            });
        }
        let result = catch_unwind(AssertUnwindSafe(&self.observe));
        *self.running() = None;
        match result {
            Ok(()) => Outcome::Complete,
            Err(_panic) => Outcome::Panicked,
        }
    }

    /// Tells that a callback did not return, once until it does.
    fn tell_once(&self, reporter: &Reporter) {
        let mut running = self.running();
        let Some(running) = running.as_mut().filter(|running| !running.is_told) else {
            return;
        };
        running.is_told = true;
        let metric = &*self.metric;
        let kind = format!("callback late {metric}");
        reporter.tell(Level::WARN, &kind, || {
            let seconds = running.since.elapsed().as_secs_f64();
            format!(
                "a callback of the metric {metric} has not returned for {seconds:.1} s: the metric \
                 stands still until it does, others go on"
            )
        });
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("metric", &self.metric)
            .finish_non_exhaustive()
    }
}

/// What the callbacks of one instrument observed last, until it is collected.
pub(super) struct Slot<M>(Mutex<Vec<Point<M>>>);

type Point<M> = (M, Vec<KeyValue>);

impl<M: Copy> Slot<M> {
    fn fill(&self, points: Vec<Point<M>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = points;
    }

    /// Hands over what was observed, once: what was not observed again must not look new.
    pub(super) fn collect(&self, instrument: &dyn AsyncInstrument<M>) {
        let points = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (value, attributes) in points {
            instrument.observe(value, &attributes);
        }
    }
}

/// What a callback sees as the instrument.
struct Recorder<M>(Mutex<Recorded<M>>);

struct Recorded<M> {
    points: Vec<Point<M>>,
    not_finite: usize,
    too_many: usize,
}

impl<M> Default for Recorder<M> {
    fn default() -> Self {
        Self(Mutex::new(Recorded {
            points: Vec::new(),
            not_finite: 0,
            too_many: 0,
        }))
    }
}

impl<M: Measurement> AsyncInstrument<M> for Recorder<M> {
    fn observe(&self, measurement: M, attributes: &[KeyValue]) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !measurement.is_finite() {
            recorded.not_finite += 1;
        } else if recorded.points.len() >= MAX_POINTS {
            recorded.too_many += 1;
        } else {
            recorded.points.push((measurement, attributes.to_vec()));
        }
    }
}

impl<M> Recorder<M> {
    fn into_points(self, metric: &str, left_out: &LeftOut) -> Vec<Point<M>> {
        let recorded = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        left_out.count(metric, recorded.not_finite, super::request::NOT_FINITE);
        let too_many = format!("a callback may observe {MAX_POINTS} at a time");
        left_out.count(metric, recorded.too_many, &too_many);
        recorded.points
    }
}

/// A number that an instrument takes.
pub(super) trait Measurement: Copy + Send + Sync + 'static {
    fn is_finite(self) -> bool {
        true
    }
}

impl Measurement for u64 {}

impl Measurement for i64 {}

impl Measurement for f64 {
    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }
}

/// Callbacks that never return keep one thread each, and not more than these together.
const MAX_THREADS: usize = 4;
/// The SDK tells 2000 attribute sets of an instrument apart; a callback that never stops observing
/// must not fill the memory.
const MAX_POINTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn callbacks_that_never_return_do_not_gather_threads() {
        let (told, messages) = mpsc::channel();
        let report = move |_, message: &str| told.send(message.to_owned()).unwrap();
        let reporter = Arc::new(Reporter::new(Arc::new(report)));
        let left_out = Arc::new(LeftOut::new(Arc::clone(&reporter)));
        let observers = Arc::new(Observers::new(reporter, left_out));
        let (entered, begun) = mpsc::channel();
        let barrier = Arc::new(Mutex::new(()));
        let closed = barrier.lock().unwrap();
        for _ in 0..2 * MAX_THREADS {
            let (entered, barrier) = (entered.clone(), Arc::clone(&barrier));
            let callback = move |_: &dyn AsyncInstrument<u64>| {
                entered.send(()).unwrap();
                drop(barrier.lock());
            };
            observers.add::<u64>("stuck".into(), vec![Box::new(callback)]);
        }
        for _ in 0..MAX_THREADS {
            // The thread of an earlier round keeps its callback; a new one takes the next.
            observers.observe(|_| {});
            begun.recv().unwrap();
        }
        let (done, outcome) = mpsc::channel();
        observers.observe(move |outcome| done.send(outcome).unwrap());
        assert_eq!(outcome.recv().unwrap(), Outcome::Late);
        assert_eq!(observers.threads.load(Ordering::Acquire), MAX_THREADS);
        let last = messages.try_iter().last().unwrap();
        assert!(
            last.ends_with("stand still, others go on: 4 of them have not returned"),
            "{last}"
        );
        drop(closed);
        // Every thread ends.
        while observers.threads.load(Ordering::Acquire) > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn a_callback_that_never_stops_observing_fills_no_memory() {
        let (told, messages) = mpsc::channel();
        let report = move |_, message: &str| told.send(message.to_owned()).unwrap();
        let reporter = Arc::new(Reporter::new(Arc::new(report)));
        let left_out = Arc::new(LeftOut::new(Arc::clone(&reporter)));
        let recorder = Recorder::default();
        for value in 0..MAX_POINTS as u64 + 5 {
            recorder.observe(value, &[]);
        }
        assert_eq!(recorder.into_points("many", &left_out).len(), MAX_POINTS);
        assert_eq!(left_out.total(), 5);
        assert_eq!(
            messages.recv().unwrap(),
            "the metric many loses data points, 5 this time: a callback may observe 10000 at a time"
        );
    }
}
