//! The front of the sender: takes records from any thread, flushes and shuts down in time.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use obs_redact::Redactor;
use opentelemetry::Context;
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;
use tracing::Level;

use super::account::SignalReport;
use super::body::Envelope;
use super::metrics::{Collector, Meters, OperationDuration};
use super::queue::{Queue, Until};
use super::reporter::{Report, Reporter};
use super::sender::Sender;
use super::settings::{Settings, Target};
use super::storage::Storage;
use super::transport::Transport;
use super::{Priority, Signal};
use crate::sampling::Tally;

/// Takes records from any thread and has them sent.
///
/// A thread of its own with a runtime of its own does the sending, so that it works the same
/// whatever runtime the program has, or none.
#[derive(Clone, Debug)]
pub(crate) struct Exporter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    logs: Option<Arc<Queue>>,
    traces: Option<Arc<Queue>>,
    metrics: Option<(Arc<Queue>, Collector)>,
    /// For start-up lines.
    endpoints: Vec<(Signal, String)>,
    /// The same for the spool.
    spool: Option<String>,
    thread: Arc<SenderThread>,
    /// Where what cannot be sent waits on disk.
    storage: Option<Storage>,
    /// Whether shutdown is complete; held while it runs, so that a second caller waits for it.
    is_shut_down: Mutex<bool>,
}

/// How the sender thread is told to stop, and tells that it did.
#[derive(Debug, Default)]
struct SenderThread {
    stop: Notify,
    has_stopped: Mutex<bool>,
    stopped: Condvar,
}

impl Exporter {
    /// Starts the sender thread, if there is anything to send.
    ///
    /// Where the system gives no thread or no event queue, nothing is sent: that is told, and what
    /// is handed over is counted as dropped. A service starts without its telemetry.
    pub(crate) fn start(
        settings: Settings,
        resource: &[(String, String)],
        redactor: &Redactor,
        report: Report,
        chore: Chore,
    ) -> Self {
        let retry = settings.retry;
        let spool = settings.spool.clone();
        let collection = (settings.metric_interval, settings.observes_itself);
        let redact = |(key, value): &(String, String)| {
            (key.clone(), redactor.redact_field(key, value).into_owned())
        };
        let resource: Vec<(String, String)> = resource.iter().map(redact).collect();
        let envelope = Envelope::new(&resource);
        let reporter = Arc::new(Reporter::new(report));
        let (mut logs, mut traces, mut metrics) = (None, None, None);
        let (mut senders, mut endpoints) = (Vec::new(), Vec::new());
        let queued = settings.into_targets().into_iter().map(|target| {
            let queue = Queue::new(target.signal, target.limits.clone());
            (target, Arc::new(queue))
        });
        let queued: Vec<_> = queued.collect();
        let collector = start_collector(&queued, &resource, redactor, collection, &reporter);
        let described = spool.as_ref().map(ToString::to_string);
        let storage = spool.and_then(|spool| Storage::open(spool, &queued, redactor, &reporter));
        for (target, queue) in queued {
            endpoints.push((target.signal, target.to_string()));
            let duration = match &collector {
                Some(collector) => collector.watch(&target, &queue),
                None => OperationDuration::default(),
            };
            match target.signal {
                Signal::Logs => logs = Some(Arc::clone(&queue)),
                Signal::Traces => traces = Some(Arc::clone(&queue)),
                Signal::Metrics => metrics = Some(Arc::clone(&queue)),
            }
            let (envelope, reporter, redactor) =
                (envelope.clone(), Arc::clone(&reporter), redactor.clone());
            senders.push(Arc::new(Sender {
                shelf: storage
                    .as_ref()
                    .and_then(|storage| storage.shelf(target.signal)),
                target,
                queue,
                duration,
                envelope,
                retry,
                reporter,
                redactor,
            }));
        }
        Self {
            inner: Arc::new(Inner {
                logs,
                traces,
                metrics: metrics.zip(collector),
                endpoints,
                spool: described.filter(|_| storage.is_some()),
                thread: SenderThread::start(senders, &reporter, chore),
                storage,
                is_shut_down: Mutex::new(false),
            }),
        }
    }

    /// One that takes nothing and sends nothing, and knows where another would send.
    pub(crate) fn idle(settings: Settings) -> Self {
        let spool = settings.spool.as_ref().map(ToString::to_string);
        let targets = settings.into_targets().into_iter();
        let endpoints: Vec<_> = targets.map(|to| (to.signal, to.to_string())).collect();
        let is_spooled = endpoints.iter().any(|(signal, _)| signal.is_spooled());
        Self {
            inner: Arc::new(Inner {
                logs: None,
                traces: None,
                metrics: None,
                endpoints,
                spool: spool.filter(|_| is_spooled),
                thread: Arc::default(),
                storage: None,
                is_shut_down: Mutex::new(true),
            }),
        }
    }

    /// Whether log records are sent.
    pub(crate) fn sends_logs(&self) -> bool {
        self.inner.logs.is_some()
    }

    /// Whether spans are sent.
    pub(crate) fn sends_traces(&self) -> bool {
        self.inner.traces.is_some()
    }

    /// Where a signal is sent to, if it is sent: the URL without credentials, and the compression.
    pub(crate) fn endpoint(&self, signal: Signal) -> Option<&str> {
        self.inner
            .endpoints
            .iter()
            .find(|(sent, _)| *sent == signal)
            .map(|(_, endpoint)| &**endpoint)
    }

    /// Where what cannot be sent waits on disk, how much and how long.
    pub(crate) fn spool(&self) -> Option<&str> {
        self.inner.spool.as_deref()
    }

    /// Hands over an encoded `opentelemetry.proto.logs.v1.LogRecord`; never waits.
    pub(crate) fn log(&self, scope: &str, priority: Priority, record: &[u8]) {
        if let Some(queue) = &self.inner.logs {
            queue.push(scope, priority, record);
        }
    }

    /// Hands over an encoded `opentelemetry.proto.trace.v1.Span`; never waits.
    pub(crate) fn span(&self, scope: &str, priority: Priority, record: &[u8]) {
        if let Some(queue) = &self.inner.traces {
            queue.push(scope, priority, record);
        }
    }

    /// Makes metrics of what sampling does, if metrics are sent.
    pub(crate) fn watch_sampling(&self, tally: &Arc<Tally>) {
        if let Some((_, collector)) = &self.inner.metrics {
            collector.watch_sampling(tally);
        }
    }

    /// Where instruments come from, if metrics are sent.
    pub(crate) fn meter_provider(&self) -> Option<Meters> {
        self.inner
            .metrics
            .as_ref()
            .map(|(_, collector)| collector.meters())
    }

    /// Blocks until everything handed over so far is sent or finally given up; needs no runtime.
    /// False if that takes longer than `timeout`.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let deadline = crate::clock::deadline(timeout);
        // Before the hurry: what fails at once must not begin a long pause.
        let _awaited: Vec<_> = self.inner.queues().map(|queue| queue.awaited()).collect();
        let records = [&self.inner.logs, &self.inner.traces]
            .map(|queue| queue.as_ref().map(|queue| (queue, queue.hurry())));
        let collected = self
            .inner
            .metrics
            .as_ref()
            .is_none_or(|(_, collector)| collector.flush(deadline));
        let metrics = self
            .inner
            .metrics
            .as_ref()
            .map(|(queue, _)| (queue, queue.hurry()));
        let wait = |(queue, wanted): (&Arc<Queue>, u64)| queue.wait(wanted, Until::Sent, deadline);
        // Every queue is asked, also after one was too slow: it may be done.
        let late = records
            .into_iter()
            .chain([metrics])
            .flatten()
            .filter(|asked| !wait(*asked))
            .count();
        collected && late == 0
    }

    /// Collects metrics a last time, sends what waits, and stops the thread, all within `timeout`.
    /// What is left then is counted as dropped. A second call only reports.
    pub(crate) fn shutdown(&self, timeout: Duration) -> Vec<SignalReport> {
        let mut is_shut_down = self
            .inner
            .is_shut_down
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*is_shut_down {
            let deadline = crate::clock::deadline(timeout);
            self.inner.drain(deadline - STOP_SHARE.min(timeout / 4));
            self.inner.abandon();
            self.inner.thread.wait(deadline);
            if let Some(storage) = &self.inner.storage {
                storage.close(deadline);
            }
            *is_shut_down = true;
        }
        self.status()
    }

    /// What became of the records so far, for each signal that is sent.
    pub(crate) fn status(&self) -> Vec<SignalReport> {
        Signal::ALL
            .iter()
            .filter_map(|signal| Some(self.inner.queue(*signal)?.report()))
            .collect()
    }
}

impl Inner {
    fn queue(&self, signal: Signal) -> Option<&Arc<Queue>> {
        match signal {
            Signal::Logs => self.logs.as_ref(),
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref().map(|(queue, _)| queue),
        }
    }

    fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        Signal::ALL.iter().filter_map(|signal| self.queue(*signal))
    }

    /// Lets nothing in any more and waits for what is there to leave.
    fn drain(&self, deadline: Instant) {
        let close = |queue: &Option<Arc<Queue>>| {
            queue
                .as_ref()
                .map(|queue| (Arc::clone(queue), queue.close(deadline)))
        };
        let records: Vec<_> = [&self.logs, &self.traces]
            .into_iter()
            .filter_map(close)
            .collect();
        let points = self.metrics.as_ref().map(|(queue, collector)| {
            collector.shutdown(deadline);
            (queue, queue.close(deadline))
        });
        let mut is_left = false;
        for (queue, wanted) in records {
            queue.wait(wanted, Until::Safe, deadline);
            is_left |= queue.report().spooled > 0;
        }
        if let Some((queue, wanted)) = points {
            let soon = Instant::now() + LAST_POINTS;
            // What could not be sent will be by the next process: data points alone must not make
            // everybody wait for a server that is away.
            let deadline = if is_left {
                deadline.min(soon)
            } else {
                deadline
            };
            queue.wait(wanted, Until::Safe, deadline);
        }
    }

    /// Counts what is left as dropped and tells the thread to stop.
    fn abandon(&self) {
        self.queues().for_each(|queue| queue.abandon());
        self.thread.stop.notify_one();
    }
}

/// A pipeline that was never shut down stops its thread without waiting for it.
impl Drop for Inner {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl SenderThread {
    /// Starts the thread, or counts everything as dropped where there is none to be had.
    fn start(senders: Vec<Arc<Sender>>, reporter: &Arc<Reporter>, chore: Chore) -> Arc<Self> {
        let control = Arc::new(Self::default());
        let queues: Vec<_> = senders
            .iter()
            .map(|sender| Arc::clone(&sender.queue))
            .collect();
        let started = match senders.is_empty() {
            true => Ok(()),
            false => control.spawn(senders, Arc::clone(reporter), chore),
        };
        if let Err(error) = &started {
            stands_still(reporter, "nothing is sent", error);
            queues.iter().for_each(|queue| queue.disable());
        }
        if queues.is_empty() || started.is_err() {
            control.has_stopped();
        }
        control
    }

    fn spawn(
        self: &Arc<Self>,
        senders: Vec<Arc<Sender>>,
        reporter: Arc<Reporter>,
        chore: Chore,
    ) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // A server that never stops talking must not keep timers from running.
            .event_interval(8)
            .build()?;
        let shared = Arc::clone(self);
        let run = move || {
            // What the sender does must not become telemetry that the sender has to send. The
            // capture layer looks at this mark; a subscriber of the thread's own would do the same
            // for `tracing`, but then every event of every thread would have to ask which
            // subscriber is its.
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            shared.run(&runtime, senders, &reporter, chore);
            runtime.shutdown_background();
            shared.has_stopped();
        };
        thread::Builder::new()
            .name("obs-export".to_owned())
            .spawn(run)?;
        Ok(())
    }

    fn run(&self, runtime: &Runtime, senders: Vec<Arc<Sender>>, reporter: &Reporter, chore: Chore) {
        runtime.block_on(async {
            let targets = senders.iter().map(|sender| &sender.target);
            let (transports, problems) = Transport::for_targets(targets);
            for problem in problems {
                reporter.tell(Level::WARN, &problem, || problem.clone());
            }
            for (sender, transport) in senders.into_iter().zip(transports) {
                tokio::spawn(supervise(sender, transport));
            }
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(CHORE_INTERVAL).await;
                    chore();
                }
            });
            self.stop.notified().await;
        });
    }

    fn has_stopped(&self) {
        *self
            .has_stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.notify_all();
    }

    fn wait(&self, deadline: Instant) {
        let mut has_stopped = self
            .has_stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !*has_stopped {
            let Some(time) = deadline.checked_duration_since(Instant::now()) else {
                return;
            };
            has_stopped = self
                .stopped
                .wait_timeout(has_stopped, time)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// Starts what collects metrics, if they are sent.
fn start_collector(
    queued: &[(Target, Arc<Queue>)],
    resource: &[(String, String)],
    redactor: &Redactor,
    collection: (Duration, bool),
    reporter: &Arc<Reporter>,
) -> Option<Collector> {
    let is_collected = |(target, _): &&(Target, _)| target.signal == Signal::Metrics;
    let (_, queue) = queued.iter().find(is_collected)?;
    let (queue, told) = (Arc::clone(queue), Arc::clone(reporter));
    Collector::start(queue, resource, redactor.clone(), collection, told)
        .inspect_err(|error| stands_still(reporter, "no metrics are collected", error))
        .ok()
}

fn stands_still(reporter: &Reporter, what: &str, error: &io::Error) {
    reporter.tell(Level::ERROR, what, || {
        format!("{what}, because the system gives no thread: {error}; the service is not affected")
    });
}

/// Runs a sender; one that fails is told, its records are counted, and another takes its place.
async fn supervise(sender: Arc<Sender>, transport: Transport) {
    while let Err(error) = tokio::spawn(Arc::clone(&sender).run(transport.clone())).await {
        // One that fails at once every time must not keep the processor busy.
        tokio::time::sleep(AFTER_DEFECT).await;
        sender.queue.lose_in_flight();
        sender.reporter.tell(Level::ERROR, "defect", || {
            format!("a defect in obs-core: the sender failed and starts again: {error}")
        });
    }
}

/// What is to be done about once a second; it must not block.
pub(crate) type Chore = Arc<dyn Fn() + Send + Sync>;

const CHORE_INTERVAL: Duration = Duration::from_secs(1);
const AFTER_DEFECT: Duration = Duration::from_millis(100);
/// The part of the time for shutdown that is kept for stopping the thread.
const STOP_SHARE: Duration = Duration::from_millis(250);
/// The time for data points at the end while the server is away.
const LAST_POINTS: Duration = Duration::from_secs(1);
