//! Outages of one kind, one after the other, and what came of them.

use std::{
    thread,
    time::{Duration, Instant},
};

use obs_core::testing::Receiver;
use obs_tests::{
    emitter::{self, Emitter},
    fault::Fault,
    spool::SpoolFolder,
};

use crate::{
    arrivals::{Arrivals, Counts},
    options::Options,
};

/// What came of all outages of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) logs: Signal,
    pub(crate) spans: Signal,
    /// The most memory that the emitter had, in bytes.
    pub(crate) memory: u64,
    /// The most bytes on disk.
    pub(crate) spool: u64,
    /// From the end of each outage until nothing was left on disk.
    pub(crate) replays: Vec<Duration>,
}

/// What came of the records of a signal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signal {
    pub(crate) sent: u64,
    pub(crate) arrived: u64,
    pub(crate) lost: u64,
    /// Records that arrived more than once.
    pub(crate) doubled: u64,
    /// Records of which the sender says that this may have happened.
    pub(crate) perhaps_doubled: u64,
}

/// Lets the backend go away as often and as long as the options say.
pub(crate) fn run(kind: Fault, options: &Options) -> Outcome {
    let mut soak = Soak::start(options);
    for _ in 0..options.times {
        soak.pass(options.health);
        kind.begin(&soak.receiver);
        soak.pass(options.outage);
        kind.end(&soak.receiver);
        soak.replay();
    }
    soak.end()
}

struct Soak {
    receiver: Receiver,
    spool: SpoolFolder,
    emitter: Emitter,
    arrivals: Arrivals,
    outcome: Outcome,
}

impl Soak {
    fn start(options: &Options) -> Self {
        let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
        let setup = spool
            .used_by(emitter::sends_to(&receiver))
            .var("OBS_QUEUE_SIZE", &*options.queue)
            .var("LOG_FILE_PATH", "off")
            .var("OTEL_METRIC_EXPORT_INTERVAL", "10000")
            // As they are by default.
            .without("OTEL_BSP_SCHEDULE_DELAY")
            .without("OTEL_BLRP_SCHEDULE_DELAY");
        let mut emitter = Emitter::start(&setup);
        emitter.tell(&format!("load {rate} {rate}", rate = options.rate));
        Self {
            receiver,
            spool,
            emitter,
            arrivals: Arrivals::default(),
            outcome: Outcome::default(),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.look();
            thread::sleep(left.min(BETWEEN_LOOKS));
        }
    }

    /// Waits until nothing is on disk any more.
    fn replay(&mut self) {
        let begin = Instant::now();
        while self.spooled() > 0 && begin.elapsed() < PATIENCE {
            self.look();
            thread::sleep(BETWEEN_LOOKS);
        }
        self.outcome.replays.push(begin.elapsed());
    }

    fn look(&mut self) {
        self.arrivals.count(&self.receiver);
        self.outcome.spool = self.outcome.spool.max(self.spool.size());
    }

    fn spooled(&mut self) -> u64 {
        let status = self.emitter.status();
        status.of("logs").spooled + status.of("traces").spooled
    }

    fn end(mut self) -> Outcome {
        // The answer says how long the longest call took, which is not of interest here.
        let _done = self.emitter.ask("load 0");
        let begin = Instant::now();
        while !self.emitter.flush(Duration::from_secs(5)) && begin.elapsed() < PATIENCE {
            self.look();
        }
        self.look();
        let (_, memory) = self.emitter.memory();
        let status = self.emitter.status();
        let signal = |name: &str, counts: &Counts| {
            let account = status.of(name);
            let arrived = counts.arrived();
            Signal {
                sent: account.emitted,
                arrived,
                lost: account.emitted.saturating_sub(arrived),
                doubled: counts.doubled(),
                perhaps_doubled: account.resent_unknown,
            }
        };
        Outcome {
            logs: signal("logs", &self.arrivals.logs),
            spans: signal("traces", &self.arrivals.spans),
            memory,
            ..self.outcome
        }
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// What is not sent after this long is lost.
const PATIENCE: Duration = Duration::from_secs(120);
