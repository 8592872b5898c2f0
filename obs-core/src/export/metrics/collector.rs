//! Collects by the interval and on demand, on a thread of its own that nothing can hold up.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use obs_redact::Redactor;
use opentelemetry::metrics::{MeterProvider, NoopMeterProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};
use tracing::Level;

use super::divide;
use super::left_out::LeftOut;
use super::meters::Meters;
use super::observers::{Observers, Outcome};
use super::request;
use super::self_observation::{OperationDuration, SelfObservation};
use crate::clock;
use crate::export::queue::{MAX_BATCH_BYTES, Queue};
use crate::export::reporter::Reporter;
use crate::export::settings::Target;
use crate::sampling::Tally;

/// Collects metrics into a queue.
#[derive(Debug)]
pub(in crate::export) struct Collector {
    meters: Meters,
    observed: Arc<SelfObservation>,
    events: Sender<Event>,
}

impl Collector {
    /// Starts the thread that collects.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(in crate::export) fn start(
        queue: Arc<Queue>,
        resource: &[(String, String)],
        redactor: Redactor,
        (interval, observes_itself): (Duration, bool),
        reporter: Arc<Reporter>,
    ) -> io::Result<Self> {
        let reader = Reader::default();
        let provider = SdkMeterProvider::builder()
            .with_resource(sdk_resource(resource))
            .with_reader(reader.clone())
            .build();
        let left_out = Arc::new(LeftOut::new(Arc::clone(&reporter)));
        let scope = InstrumentationScope::builder("obs_core")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let meter = if observes_itself {
            provider.meter_with_scope(scope)
        } else {
            NoopMeterProvider::new().meter_with_scope(scope)
        };
        let observed = Arc::new(SelfObservation::new(meter, &left_out));
        let observers = Arc::new(Observers::new(Arc::clone(&reporter), Arc::clone(&left_out)));
        let meters = Meters {
            provider,
            observers,
        };
        let (events, received) = mpsc::channel();
        let worker = Worker {
            queue,
            redactor,
            reporter,
            left_out,
            observed: Arc::clone(&observed),
            meters: meters.clone(),
            reader,
            collected: ResourceMetrics::default(),
            events: events.clone(),
            round: None,
            rounds: 0,
            asked: Vec::new(),
            interval,
            next: clock::deadline(interval),
        };
        thread::Builder::new()
            .name("obs-metrics".to_owned())
            .spawn(move || worker.run(&received))?;
        Ok(Self {
            meters,
            observed,
            events,
        })
    }

    pub(in crate::export) fn meters(&self) -> Meters {
        self.meters.clone()
    }

    /// Makes metrics of what becomes of a signal; the result takes the duration of its requests.
    pub(in crate::export) fn watch(
        &self,
        target: &Target,
        queue: &Arc<Queue>,
    ) -> OperationDuration {
        self.observed.watch(target, queue)
    }

    /// Makes metrics of what sampling does.
    pub(in crate::export) fn watch_sampling(&self, tally: &Arc<Tally>) {
        self.observed.watch_sampling(tally);
    }

    /// Collects now; false if a callback did not return in half of the time, or 10 s.
    pub(in crate::export) fn flush(&self, deadline: Instant) -> bool {
        let patience = MAX_PATIENCE.min(left(deadline) / 2);
        self.ask(patience, deadline, false)
    }

    /// Collects a last time; false if a callback did not return in a quarter of the time, or 2 s.
    pub(in crate::export) fn shutdown(&self, deadline: Instant) -> bool {
        let patience = MAX_LAST_PATIENCE.min(left(deadline) / 4);
        self.ask(patience, deadline, true)
    }

    fn ask(&self, patience: Duration, deadline: Instant, is_last: bool) -> bool {
        let (answer, answered) = mpsc::sync_channel(1);
        let ask = Ask {
            until: clock::deadline(patience),
            answer,
            is_last,
        };
        // After the last collection nobody is there to answer.
        self.events.send(Event::Asked(ask)).is_ok()
            && answered.recv_timeout(left(deadline)).unwrap_or(false)
    }
}

/// The thread ends by itself; nobody waits for it.
impl Drop for Collector {
    fn drop(&mut self) {
        let _ended = self.events.send(Event::Abandoned);
    }
}

enum Event {
    Asked(Ask),
    /// The callbacks of a round returned.
    Observed {
        round: u64,
        outcome: Outcome,
    },
    /// The pipeline was dropped.
    Abandoned,
}

/// Somebody waits for a collection.
struct Ask {
    /// When to collect without the callbacks that have not returned.
    until: Instant,
    answer: SyncSender<bool>,
    is_last: bool,
}

/// Waits for the callbacks that were called for one collection.
struct Round {
    number: u64,
    since: Instant,
    until: Instant,
}

/// What the thread works with.
struct Worker {
    queue: Arc<Queue>,
    redactor: Redactor,
    reporter: Arc<Reporter>,
    left_out: Arc<LeftOut>,
    observed: Arc<SelfObservation>,
    meters: Meters,
    reader: Reader,
    collected: ResourceMetrics,
    /// For the threads that run callbacks.
    events: Sender<Event>,
    round: Option<Round>,
    rounds: u64,
    asked: Vec<Ask>,
    interval: Duration,
    next: Instant,
}

impl Worker {
    fn run(mut self, events: &Receiver<Event>) {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        let mut goes_on = true;
        while goes_on {
            let until = self.round.as_ref().map_or(self.next, |round| round.until);
            goes_on = match events.recv_timeout(left(until)) {
                Ok(Event::Asked(ask)) => {
                    self.begin(ask.until);
                    self.asked.push(ask);
                    true
                }
                Ok(Event::Observed { round, outcome }) => match &self.round {
                    Some(current) if current.number == round => self.finish(outcome),
                    _ => true,
                },
                Err(RecvTimeoutError::Timeout) if self.round.is_some() => {
                    self.finish(Outcome::Late)
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.next = clock::deadline(self.interval);
                    self.begin(clock::deadline(MAX_PATIENCE.min(self.interval / 2)));
                    true
                }
                Ok(Event::Abandoned) | Err(RecvTimeoutError::Disconnected) => false,
            };
        }
        // No instrument works any more, and what the program moved into its callbacks is dropped.
        let _ended = self.meters.provider.shutdown();
        self.meters.observers.close();
    }

    /// Calls the callbacks, or joins the round that is under way and makes it end in time.
    fn begin(&mut self, until: Instant) {
        if let Some(round) = &mut self.round {
            round.until = round.until.min(until);
            return;
        }
        self.rounds += 1;
        let round = self.rounds;
        self.round = Some(Round {
            number: round,
            since: Instant::now(),
            until,
        });
        let events = self.events.clone();
        self.meters.observers.observe(move |outcome| {
            let _ended = events.send(Event::Observed { round, outcome });
        });
    }

    /// Collects and answers; false if it was the last time.
    fn finish(&mut self, outcome: Outcome) -> bool {
        let since = self.round.take().map(|round| round.since);
        // No code of the program runs here, but a defect must not end collection without a word.
        if catch_unwind(AssertUnwindSafe(|| self.collect())).is_err() {
            self.reporter.tell(Level::ERROR, "collect", || {
                "metrics could not be collected this time, because of a defect".to_owned()
            });
        }
        if let Some(since) = since {
            self.observed.collected(since.elapsed(), outcome);
        }
        let mut goes_on = true;
        for ask in self.asked.drain(..) {
            goes_on &= !ask.is_last;
            // Nobody listens any more when time was up.
            let _gone = ask.answer.try_send(outcome != Outcome::Late);
        }
        goes_on
    }

    fn collect(&mut self) {
        self.observed.look();
        if self.reader.collect(&mut self.collected).is_err() {
            return;
        }
        let mut request = ExportMetricsServiceRequest::from(&self.collected);
        let points = request::prepare(&mut request, &self.redactor, &self.left_out);
        if points > 0 {
            self.queue.replace(divide::bodies(request, MAX_BATCH_BYTES));
        }
    }
}

/// The SDK's reader, held by the provider and by us.
#[derive(Clone, Debug, Default)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    /// What every backend understands; OpenObserve shows nothing else.
    fn temporality(&self, _: InstrumentKind) -> Temporality {
        Temporality::Cumulative
    }
}

fn sdk_resource(resource: &[(String, String)]) -> Resource {
    let attributes = resource
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(attributes)
        .build()
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// How long a collection waits for callbacks.
const MAX_PATIENCE: Duration = Duration::from_secs(10);
/// How long the last collection waits for callbacks: spans and log records need the time, too.
const MAX_LAST_PATIENCE: Duration = Duration::from_secs(2);
