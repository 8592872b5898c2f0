//! The task of one signal: takes batches from its queue and sends them until they are settled.
//!
//! Several requests are under way while the server answers. Once one fails for a reason that may
//! pass, the others stop and a single one tries, after pauses that grow: a server that comes back
//! is not met by everything at once. Each try takes another batch than the last, so that one batch
//! that a server cannot bear does not pass for an outage; a batch that keeps failing while others
//! succeed is set aside.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::StatusCode;
use obs_redact::Redactor;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::Signal;
use super::account::Reason;
use super::batch::Batch;
use super::body::{Envelope, gzip};
use super::divide;
use super::metrics::OperationDuration;
use super::queue::{MAX_BATCH_BYTES, Outcome, Queue};
use super::reporter::Reporter;
use super::retry::{Backoff, RetryLimits};
use super::settings::Target;
use super::transport::{Answer, Failure, Payload, Transport};

/// What does not change while the records of one queue are sent.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) target: Target,
    pub(super) queue: Arc<Queue>,
    pub(super) duration: OperationDuration,
    pub(super) envelope: Envelope,
    pub(super) retry: RetryLimits,
    pub(super) reporter: Arc<Reporter>,
    pub(super) redactor: Redactor,
}

impl Sender {
    /// Sends batch after batch until it is dropped.
    pub(super) async fn run(self: Arc<Self>, transport: Transport) {
        Scheduler::new(self, transport).run().await;
    }

    /// The body of a request; the records stay with the batch.
    fn payload(&self, batch: &Batch) -> Payload {
        let pieces = if self.target.signal == Signal::Metrics {
            // Already a request.
            let bodies = batch.segments.iter().map(|segment| segment.bytes.clone());
            bodies.collect()
        } else {
            self.envelope.wrap(&batch.segments)
        };
        if !self.target.gzip {
            return Payload::new(pieces);
        }
        // Writing to memory does not fail.
        Payload::new(vec![gzip(&pieces).unwrap_or_default()])
    }

    /// Two batches with half of the records each, if there are two records.
    fn halves(&self, batch: Batch) -> Result<[Batch; 2], Batch> {
        if self.target.signal == Signal::Metrics {
            divide::metrics(batch)
        } else {
            batch.halves()
        }
    }
}

/// A batch, and what happened to it so far.
#[derive(Debug)]
struct Attempt {
    batch: Batch,
    /// How often the server answered that it failed at it.
    server_errors: u32,
    /// How many batches had been taken when this one failed last.
    taken_before: Option<u64>,
    /// How often it failed after others had been taken.
    strikes: u32,
    /// Whether it was sent completely without an answer.
    may_have_arrived: bool,
    is_aside: bool,
    /// When it was sent last.
    sent_at: Instant,
    /// When it was sent first.
    begun: Option<Instant>,
    /// What the server answered last, if it did.
    status: Option<StatusCode>,
}

impl Attempt {
    fn new(batch: Batch) -> Self {
        Self {
            batch,
            server_errors: 0,
            taken_before: None,
            strikes: 0,
            may_have_arrived: false,
            is_aside: false,
            sent_at: Instant::now(),
            begun: None,
            status: None,
        }
    }
}

/// Decides which batch is sent when.
struct Scheduler {
    sender: Arc<Sender>,
    transport: Transport,
    requests: JoinSet<Answer>,
    under_way: HashMap<Id, (Attempt, u64)>,
    /// Batches that failed or were divided.
    again: VecDeque<Attempt>,
    /// Batches that fail while others succeed, and when they are tried again.
    aside: VecDeque<(Instant, Attempt)>,
    /// The server failed: nothing is tried before this.
    pause: Option<Instant>,
    /// Since when the server has failed, if somebody was told.
    told_since: Option<Instant>,
    backoff: Backoff,
    /// How many batches were taken.
    taken: u64,
    /// The most bytes that the server has not found too large.
    most_bytes: usize,
    /// How many hurries were heeded.
    hurries: u64,
}

impl Scheduler {
    fn new(sender: Arc<Sender>, transport: Transport) -> Self {
        Self {
            backoff: Backoff::new(sender.retry),
            sender,
            transport,
            requests: JoinSet::new(),
            under_way: HashMap::new(),
            again: VecDeque::new(),
            aside: VecDeque::new(),
            pause: None,
            told_since: None,
            taken: 0,
            most_bytes: MAX_BATCH_BYTES,
            hurries: 0,
        }
    }

    async fn run(mut self) {
        loop {
            self.heed_hurries();
            while let Some(attempt) = self.next() {
                self.start(attempt);
            }
            if let Some(ended) = self.wait().await {
                self.end(ended);
                self.sender.tell_drops();
            }
        }
    }

    /// Waits until a request ends, the queue changes, or it is time for something.
    async fn wait(&mut self) -> Option<Result<(Id, Answer), JoinError>> {
        let until = self.wakes_at();
        let sender = Arc::clone(&self.sender);
        let mut changed = pin!(sender.queue.changed());
        let wait = poll_fn(|context| {
            if let Poll::Ready(Some(ended)) = self.requests.poll_join_next_with_id(context) {
                return Poll::Ready(Some(ended));
            }
            changed.as_mut().poll(context).map(|()| None)
        });
        match until {
            Some(until) => timeout_at(until, wait).await.ok().flatten(),
            None => wait.await,
        }
    }

    /// When something is to be done even if nothing happens.
    fn wakes_at(&self) -> Option<Instant> {
        let under_way = self.under_way.len();
        if under_way >= self.most_requests() || (self.pause.is_some() && under_way > 0) {
            return None;
        }
        let now = Instant::now();
        let due = self.sender.queue.due_in().map(|delay| now + delay);
        let again = self.again.front().map(|_| now);
        let aside = self.aside.iter().map(|(until, _)| *until).min();
        let next = due.into_iter().chain(again).chain(aside).min()?;
        Some(self.pause.map_or(next, |pause| pause.max(next)))
    }

    /// Somebody waits: what pauses is tried at once.
    fn heed_hurries(&mut self) {
        let hurries = self.sender.queue.hurries();
        if hurries == self.hurries {
            return;
        }
        self.hurries = hurries;
        let now = Instant::now();
        self.pause = self.pause.map(|pause| pause.min(now));
        self.aside.iter_mut().for_each(|(until, _)| *until = now);
    }

    /// The batch to send now, if any.
    fn next(&mut self) -> Option<Attempt> {
        if let Some(pause) = self.pause {
            if !self.under_way.is_empty() || Instant::now() < pause {
                return None;
            }
            self.drop_superseded();
            let another = if self.again.len() < self.most_requests() {
                self.fresh()
            } else {
                None
            };
            return another
                .or_else(|| self.again.pop_front())
                .or_else(|| self.due_aside());
        }
        if self.under_way.len() >= self.most_requests() {
            return None;
        }
        self.again
            .pop_front()
            .or_else(|| self.fresh())
            .or_else(|| self.due_aside())
    }

    /// Data points are of no use once newer ones of the same metrics wait.
    fn drop_superseded(&mut self) {
        if self.sender.target.signal == Signal::Metrics && self.sender.queue.has_waiting() {
            for attempt in std::mem::take(&mut self.again) {
                let superseded = Outcome::Dropped(Reason::Superseded);
                self.settle(attempt, superseded);
            }
        }
    }

    fn fresh(&mut self) -> Option<Attempt> {
        let queue = &self.sender.queue;
        if queue.due_in()? > Duration::ZERO {
            return None;
        }
        let batch = queue.take(self.most_bytes)?;
        let batches = match self.sender.target.most_keys() {
            Some((field, most)) => batch.with_few_keys(field, most),
            None => vec![batch],
        };
        self.again.extend(batches.into_iter().map(Attempt::new));
        self.again.pop_front()
    }

    fn due_aside(&mut self) -> Option<Attempt> {
        let now = Instant::now();
        let due = self.aside.iter().position(|(until, _)| *until <= now)?;
        self.aside.remove(due).map(|(_, attempt)| attempt)
    }

    fn start(&mut self, mut attempt: Attempt) {
        attempt.sent_at = Instant::now();
        attempt.begun.get_or_insert(attempt.sent_at);
        let items = attempt.batch.items;
        let payload = self.sender.payload(&attempt.batch);
        let request = self.sender.queue.begin_request(items, payload.sent());
        let (sender, transport) = (Arc::clone(&self.sender), self.transport.clone());
        let post = async move { transport.post(&sender.target, payload).await };
        let id = self.requests.spawn(post).id();
        self.under_way.insert(id, (attempt, request));
    }

    fn end(&mut self, ended: Result<(Id, Answer), JoinError>) {
        let (id, answer) = ended.unwrap_or_else(|error| {
            let failure = Failure {
                cause: error.to_string(),
                remedy: None,
                may_have_arrived: true,
            };
            (error.id(), Answer::Failed(failure))
        });
        let Some((mut attempt, request)) = self.under_way.remove(&id) else {
            return;
        };
        self.sender.queue.end_request(request);
        attempt.status = match &answer {
            Answer::Taken { .. } => Some(StatusCode::OK),
            Answer::Status { status, .. } => Some(*status),
            Answer::Failed(_) => None,
        };
        match answer {
            Answer::Taken {
                rejected,
                message,
                is_suspect,
            } => self.take(attempt, rejected, &message, is_suspect),
            Answer::Status {
                status,
                retry_after,
                message,
            } => self.judge(attempt, status, retry_after, &message),
            Answer::Failed(failure) => self.fail(attempt, &failure, None),
        }
    }

    /// Notes that a batch has arrived, or may have; once more is once too often, perhaps.
    fn arrived(&self, attempt: &mut Attempt) {
        if attempt.may_have_arrived {
            self.sender.queue.resent(attempt.batch.items);
        }
        attempt.may_have_arrived = true;
    }

    fn take(&mut self, mut attempt: Attempt, rejected: u64, message: &str, is_suspect: bool) {
        self.arrived(&mut attempt);
        self.taken += 1;
        self.backoff.reset();
        self.pause = None;
        let outcome = if is_suspect && self.sender.target.may_lose_silently() {
            self.sender.tell_suspect(attempt.batch.items);
            Outcome::Suspect
        } else {
            self.sender.tell_rejected(rejected, message);
            Outcome::Exported { rejected }
        };
        self.settle(attempt, outcome);
        if let Some(since) = self.told_since.take() {
            self.sender.tell_recovered(since.elapsed());
        }
    }

    /// What a status means; see the specification of OTLP over HTTP, "Failures".
    fn judge(
        &mut self,
        mut attempt: Attempt,
        status: StatusCode,
        retry_after: Option<Duration>,
        message: &str,
    ) {
        let failure = |may_have_arrived| Failure {
            cause: format!("it answers {status}"),
            remedy: None,
            may_have_arrived,
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                self.fail(attempt, &failure(false), retry_after);
            }
            // A gateway knows as little as we do.
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                self.fail(attempt, &failure(true), retry_after);
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::INTERNAL_SERVER_ERROR
                if attempt.server_errors < MAX_SERVER_ERRORS =>
            {
                attempt.server_errors += 1;
                self.fail(attempt, &failure(false), retry_after);
            }
            StatusCode::PAYLOAD_TOO_LARGE => self.divide(attempt, message),
            _ => self.refuse(attempt, status, message),
        }
    }

    fn refuse(&mut self, attempt: Attempt, status: StatusCode, message: &str) {
        // The server answers, and means it.
        self.backoff.reset();
        self.pause = None;
        self.sender
            .tell_refused(status, message, attempt.batch.items);
        self.settle(attempt, Outcome::Rejected);
    }

    /// Sends what was too large in two requests, and no larger ones from now on.
    fn divide(&mut self, attempt: Attempt, message: &str) {
        match self.sender.halves(attempt.batch) {
            Ok(halves) => {
                let larger = halves.iter().map(|half| half.bytes).max();
                self.most_bytes = self.most_bytes.min(larger.unwrap_or(0));
                self.pause = None;
                for half in halves.into_iter().rev() {
                    let may_have_arrived = attempt.may_have_arrived;
                    self.again.push_front(Attempt {
                        may_have_arrived,
                        ..Attempt::new(half)
                    });
                }
            }
            Err(single) => {
                let attempt = Attempt {
                    batch: single,
                    ..attempt
                };
                self.refuse(attempt, StatusCode::PAYLOAD_TOO_LARGE, message);
            }
        }
    }

    fn fail(&mut self, mut attempt: Attempt, failure: &Failure, retry_after: Option<Duration>) {
        if failure.may_have_arrived {
            self.arrived(&mut attempt);
        }
        let age = attempt.batch.since().map(|since| since.elapsed());
        if age.is_none_or(|age| age >= self.sender.retry.max_age) {
            self.sender.tell_unavailable(failure);
            self.delay(retry_after);
            let expired = Outcome::Dropped(Reason::Expired);
            self.settle(attempt, expired);
        } else if attempt.is_aside {
            self.set_aside(attempt);
        } else {
            // A server may close a connection in the moment in which it is used again. That is no
            // outage: what fails at once, and without a word, is told when it fails twice.
            let at_once = failure.may_have_arrived && attempt.sent_at.elapsed() < AT_ONCE;
            let is_blip = at_once && self.backoff.is_fresh();
            if !is_blip && self.sender.tell_unavailable(failure) {
                self.told_since.get_or_insert_with(Instant::now);
            }
            self.delay(retry_after);
            self.try_again(attempt, failure);
        }
    }

    fn try_again(&mut self, mut attempt: Attempt, failure: &Failure) {
        let others = attempt
            .taken_before
            .replace(self.taken)
            .is_some_and(|before| self.taken > before);
        attempt.strikes += u32::from(others);
        if attempt.strikes < MAX_STRIKES {
            self.again.push_back(attempt);
            return;
        }
        self.sender.tell_aside(attempt.batch.items, failure);
        attempt.is_aside = true;
        self.set_aside(attempt);
    }

    /// Keeps a batch for a later try; what is kept so must leave room for what can be sent.
    fn set_aside(&mut self, attempt: Attempt) {
        let until = Instant::now() + self.sender.retry.longest;
        self.aside.push_back((until, attempt));
        let held = |aside: &VecDeque<(Instant, Attempt)>| -> usize {
            aside.iter().map(|(_, attempt)| attempt.batch.bytes).sum()
        };
        let most = self.sender.target.limits.bytes / 4;
        while self.aside.len() > 1 && held(&self.aside) > most {
            if let Some((_, oldest)) = self.aside.pop_front() {
                let lost = Outcome::Dropped(Reason::Undeliverable);
                self.settle(oldest, lost);
            }
        }
    }

    /// Begins a pause, unless one has begun since the request was sent.
    fn delay(&mut self, retry_after: Option<Duration>) {
        let now = Instant::now();
        if self.pause.is_some_and(|pause| pause > now) {
            return;
        }
        let mut pause = self.backoff.pause(retry_after);
        if self.sender.queue.is_awaited() {
            pause = pause.min(AWAITED_PAUSE);
        }
        self.pause = Some(now + pause);
    }

    /// Enters what became of a batch, and how long it took.
    fn settle(&self, attempt: Attempt, outcome: Outcome) {
        if let Some(begun) = attempt.begun {
            let (took, status) = (begun.elapsed(), attempt.status);
            let status = status.map(|status| status.as_u16());
            self.sender.duration.record(took, status, outcome);
        }
        self.sender.queue.settle(attempt.batch, outcome);
    }

    fn most_requests(&self) -> usize {
        match self.sender.target.signal {
            // The next collection says the same and more.
            Signal::Metrics => 1,
            Signal::Traces | Signal::Logs => MAX_REQUESTS,
        }
    }
}

/// Requests of a signal that may be under way at once.
const MAX_REQUESTS: usize = 4;
/// How often a batch is sent again after 408 and 500, which may mean that it is at fault itself.
const MAX_SERVER_ERRORS: u32 = 3;
/// How often a batch may fail while others succeed before it is set aside.
const MAX_STRIKES: u32 = 3;
/// A hang takes longer.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The longest pause while somebody waits for the end of a flush or of the service.
const AWAITED_PAUSE: Duration = Duration::from_millis(500);
