//! Decides which batch is sent when, until what became of it is settled.
//!
//! Several requests are under way while the server answers. Once one fails for a reason that may
//! pass, the others stop and a single one tries, after pauses that grow: a server that comes back
//! is not met by everything at once. Tries give other batches their turn, so that one that a server
//! cannot bear does not pass for an outage; a batch that keeps failing while others succeed is
//! halved until the record at fault is alone, and that is set aside.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::StatusCode;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::Signal;
use super::account::Reason;
use super::batch::Batch;
use super::queue::{MAX_BATCH_BYTES, Outcome};
use super::retry::{Backoff, MAX_ASKED};
use super::sender::Sender;
use super::transport::{Answer, Failure, Transport};

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
    /// Set once the whole body of the last request was sent.
    sent: Arc<AtomicBool>,
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
            sent: Arc::default(),
            begun: None,
            status: None,
        }
    }
}

/// Decides which batch is sent when.
pub(super) struct Scheduler {
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
    /// When a request failed last.
    failed_at: Option<Instant>,
    /// The server asked for nothing before this.
    asked: Option<Instant>,
    /// Since when the server has failed, if somebody was told.
    told_since: Option<Instant>,
    backoff: Backoff,
    /// How many batches were taken.
    taken: u64,
    /// How many tries ended a pause.
    tries: u64,
    /// How many batches were taken since one was too large.
    taken_since_large: u32,
    /// The most bytes that the server has not found too large.
    most_bytes: usize,
    /// How many hurries were heeded.
    hurries: u64,
}

impl Scheduler {
    pub(super) fn new(sender: Arc<Sender>, transport: Transport) -> Self {
        Self {
            backoff: Backoff::new(sender.retry),
            sender,
            transport,
            requests: JoinSet::new(),
            under_way: HashMap::new(),
            again: VecDeque::new(),
            aside: VecDeque::new(),
            pause: None,
            asked: None,
            failed_at: None,
            told_since: None,
            taken: 0,
            tries: 0,
            taken_since_large: 0,
            most_bytes: MAX_BATCH_BYTES,
            hurries: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.heed_hurries();
            while let Some(attempt) = self.next() {
                self.start(attempt);
            }
            let ended = self.wait().await;
            let has_ended = ended.is_some();
            if let Some(ended) = ended {
                self.end(ended);
            }
            // Data points may be dropped without any request.
            if has_ended || self.sender.target.signal == Signal::Metrics {
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
        if !self.has_slot() {
            return None;
        }
        let now = Instant::now();
        let due = self.sender.queue.due_in().map(|delay| now + delay);
        let next = if self.pause.is_some() && !self.under_way.is_empty() {
            due.filter(|_| self.again.len() < MAX_AGAIN)?
        } else {
            let again = self.again.front().map(|_| now);
            let aside = self.aside.iter().map(|(until, _)| *until).min();
            due.into_iter().chain(again).chain(aside).min()?
        };
        Some(self.pause.map_or(next, |pause| pause.max(next)))
    }

    /// Whether a request may begin. While the server fails it is one; and another beside it that
    /// has not failed before, if all that is under way has: that may be at fault itself.
    fn has_slot(&self) -> bool {
        let under_way = self.under_way.len();
        let mut attempts = self.under_way.values().map(|(attempt, _)| attempt);
        under_way < self.most_requests()
            && (self.pause.is_none()
                || under_way == 0
                || (under_way == 1 && attempts.all(|attempt| attempt.taken_before.is_some())))
    }

    /// Somebody waits: what pauses is tried at once.
    fn heed_hurries(&mut self) {
        let hurries = self.sender.queue.hurries();
        if hurries == self.hurries {
            return;
        }
        self.hurries = hurries;
        let now = Instant::now();
        // Who flushes all the time must not ask a server all the time that does not answer.
        let first = self.sender.retry.first;
        let soonest = self.failed_at.map_or(now, |at| now.max(at + first));
        self.pause = self.pause.map(|pause| pause.min(soonest));
        self.asked = self.asked.map(|asked| asked.min(soonest));
        for (until, attempt) in &mut self.aside {
            *until = (*until).min(now.max(attempt.sent_at + first));
        }
    }

    /// The batch to send now, if any.
    fn next(&mut self) -> Option<Attempt> {
        if !self.has_slot() {
            return None;
        }
        let Some(pause) = self.pause else {
            let again = self.again.pop_front();
            return again
                .or_else(|| self.fresh(self.most_bytes))
                .or_else(|| self.due_aside());
        };
        if Instant::now() < pause {
            return None;
        }
        self.drop_superseded();
        let fresh = self.probe();
        if !self.under_way.is_empty() {
            return fresh;
        }
        self.tries += 1;
        fresh
            .or_else(|| self.again.pop_front())
            .or_else(|| self.due_aside())
    }

    /// A batch that has not been tried, while the server fails. Some that failed may be at fault
    /// themselves, so that others must have their turn; small ones, once there are several.
    fn probe(&mut self) -> Option<Attempt> {
        let again = self.again.len();
        // Beside a request of one that failed, it takes no other's turn.
        let has_turn = !self.under_way.is_empty() || self.tries.is_multiple_of(2);
        if again < self.most_requests() {
            self.fresh(self.most_bytes)
        } else if again < MAX_AGAIN && has_turn {
            self.fresh(self.most_bytes.min(PROBE_BYTES))
        } else {
            None
        }
    }

    /// Data points are of no use once newer ones of the same metrics wait.
    fn drop_superseded(&mut self) {
        let newest = match self.sender.target.signal {
            Signal::Metrics => self.sender.queue.newest(),
            Signal::Traces | Signal::Logs => None,
        };
        for attempt in std::mem::take(&mut self.again) {
            if newest > attempt.batch.since() {
                self.settle(attempt, Outcome::Dropped(Reason::Superseded));
            } else {
                self.again.push_back(attempt);
            }
        }
    }

    fn fresh(&mut self, most_bytes: usize) -> Option<Attempt> {
        let queue = &self.sender.queue;
        if queue.due_in()? > Duration::ZERO {
            return None;
        }
        let batch = queue.take(most_bytes)?;
        let batches = match self.sender.target.most_keys() {
            Some((field, most)) => batch.with_few_keys(field, most),
            None => vec![batch],
        };
        let mut fresh = batches.into_iter().map(Attempt::new);
        let first = fresh.next();
        self.again.extend(fresh);
        first
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
        attempt.sent = payload.sent();
        let (again, sent) = (attempt.may_have_arrived, Arc::clone(&attempt.sent));
        let request = self.sender.queue.begin_request(items, again, sent);
        let (sender, transport) = (Arc::clone(&self.sender), self.transport.clone());
        let post = async move { transport.post(&sender.target, payload).await };
        let id = self.requests.spawn(post).id();
        self.under_way.insert(id, (attempt, request));
    }

    fn end(&mut self, ended: Result<(Id, Answer), JoinError>) {
        let (id, answer) = match ended {
            Ok((id, answer)) => (id, Ok(answer)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some((mut attempt, request)) = self.under_way.remove(&id) else {
            return;
        };
        self.sender.queue.end_request(request);
        let answer = answer.unwrap_or_else(|defect| {
            Answer::Failed(Failure {
                cause: format!("a defect in obs-core: {defect}"),
                remedy: None,
                may_have_arrived: attempt.sent.load(Ordering::Acquire),
            })
        });
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
        let items = attempt.batch.items;
        if attempt.may_have_arrived {
            self.sender.queue.resent(items);
        } else {
            attempt.may_have_arrived = true;
            self.sender.queue.doubt(items.cast_signed());
        }
    }

    fn take(&mut self, mut attempt: Attempt, rejected: u64, message: &str, is_suspect: bool) {
        self.arrived(&mut attempt);
        self.taken_since_large += 1;
        if self.taken_since_large >= MANY {
            // What was too large once may fit again: the server may have been set up anew.
            self.taken_since_large = 0;
            self.most_bytes = self.most_bytes.saturating_mul(2).min(MAX_BATCH_BYTES);
        }
        self.taken += 1;
        self.backoff.reset();
        self.resume();
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
        self.resume();
        self.sender
            .tell_refused(status, message, attempt.batch.items);
        self.settle(attempt, Outcome::Rejected);
    }

    /// Sends what was too large in two requests, and no larger ones from now on.
    fn divide(&mut self, attempt: Attempt, message: &str) {
        match self.sender.halves(attempt.batch) {
            Ok(halves) => {
                let larger = halves.iter().map(|half| half.bytes).max();
                self.most_bytes = self.most_bytes.min(larger.unwrap_or(0)).max(LEAST_BYTES);
                self.taken_since_large = 0;
                self.resume();
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
                // A server that finds everything too large is not asked record by record at once.
                self.delay(None);
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
        // Being asked to slow down says nothing about the batch.
        let is_limit = attempt.status == Some(StatusCode::TOO_MANY_REQUESTS);
        attempt.strikes += u32::from(others && !is_limit);
        if attempt.strikes < MAX_STRIKES {
            self.again.push_back(attempt);
            return;
        }
        match self.sender.halves(attempt.batch) {
            // One record may be at fault, or the size: the halves will show.
            Ok(halves) => {
                for half in halves {
                    self.again.push_back(Attempt {
                        server_errors: attempt.server_errors,
                        strikes: MAX_STRIKES - 1,
                        taken_before: Some(self.taken),
                        may_have_arrived: attempt.may_have_arrived,
                        ..Attempt::new(half)
                    });
                }
            }
            Err(batch) => {
                self.sender.tell_aside(batch.items, failure);
                self.set_aside(Attempt {
                    batch,
                    is_aside: true,
                    ..attempt
                });
            }
        }
    }

    /// Keeps a batch for a later try; what is kept so must leave room for what can be sent.
    fn set_aside(&mut self, attempt: Attempt) {
        let pause = if self.sender.queue.is_awaited() {
            AWAITED_PAUSE
        } else {
            self.sender.retry.longest
        };
        let until = Instant::now() + pause;
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

    /// Ends the pause: the server answers. What it asked for holds all the same.
    fn resume(&mut self) {
        let now = Instant::now();
        self.asked = self.asked.filter(|asked| *asked > now);
        self.pause = self.asked;
    }

    /// Begins a pause, unless there is one, and makes it as long as the server asks.
    fn delay(&mut self, retry_after: Option<Duration>) {
        let now = Instant::now();
        self.failed_at = Some(now);
        let longest = if self.sender.queue.is_awaited() {
            AWAITED_PAUSE
        } else {
            MAX_ASKED
        };
        if let Some(asked) = retry_after {
            self.asked = self.asked.max(Some(now + asked.min(longest)));
        }
        if self.pause.is_none_or(|pause| pause <= now) {
            self.pause = Some(now + self.backoff.pause().min(longest));
        }
        self.pause = self.pause.max(self.asked);
    }

    /// Enters what became of a batch, and how long it took.
    fn settle(&self, attempt: Attempt, outcome: Outcome) {
        if let Some(begun) = attempt.begun {
            let (took, status) = (begun.elapsed(), attempt.status);
            let status = status.map(|status| status.as_u16());
            self.sender.duration.record(took, status, outcome);
        }
        if attempt.may_have_arrived {
            self.sender.queue.doubt(-attempt.batch.items.cast_signed());
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
/// Batches that may wait to be tried again before no others are taken.
const MAX_AGAIN: usize = 16;
/// How much a batch may hold that is taken to see whether others are at fault.
const PROBE_BYTES: usize = 64 * 1024;
/// The smallest request that is worth making for a server that finds others too large.
const LEAST_BYTES: usize = 1024;
/// So many batches are taken before larger ones are tried again.
const MANY: u32 = 100;
/// How often a batch is sent again after 408 and 500, which may mean that it is at fault itself.
const MAX_SERVER_ERRORS: u32 = 3;
/// How often a batch may fail while others succeed before it is set aside.
const MAX_STRIKES: u32 = 3;
/// A hang takes longer.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The longest pause while somebody waits for the end of a flush or of the service.
const AWAITED_PAUSE: Duration = Duration::from_millis(500);
