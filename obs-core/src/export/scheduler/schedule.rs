//! Which batch is sent when, and what an answer means for it.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use hyper::StatusCode;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::attempt::Attempt;
use super::detour::{Detour, MAX_REPLAYS};
use crate::export::Signal;
use crate::export::account::Reason;
use crate::export::queue::{MAX_BATCH_BYTES, Outcome};
use crate::export::retry::{Backoff, MAX_ASKED};
use crate::export::sender::Sender;
use crate::export::transport::{Answer, Failure, Transport};

/// Decides which batch is sent when.
pub(in crate::export) struct Scheduler {
    pub(super) sender: Arc<Sender>,
    transport: Transport,
    requests: JoinSet<Answer>,
    /// What was sent and not answered yet, with its number in the queue.
    pub(super) under_way: HashMap<Id, (Attempt, u64)>,
    /// Batches that failed or were divided.
    pub(super) again: VecDeque<Attempt>,
    /// Batches that fail while others succeed, and when they are tried again.
    pub(super) aside: VecDeque<(Instant, Attempt)>,
    /// The way by the disk, if there is one.
    pub(super) detour: Option<Detour>,
    /// The server failed: nothing is tried before this.
    pub(super) pause: Option<Instant>,
    /// When a request failed last.
    failed_at: Option<Instant>,
    /// The server asked for nothing before this.
    asked: Option<Instant>,
    /// Since when the server has failed, if somebody was told.
    told_since: Option<Instant>,
    backoff: Backoff,
    /// How long the slower answers have taken lately.
    pub(super) answers_in: Duration,
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
    pub(in crate::export) fn new(sender: Arc<Sender>, transport: Transport) -> Self {
        Self {
            detour: sender.shelf.clone().map(Detour::new),
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
            answers_in: Duration::ZERO,
            taken: 0,
            tries: 0,
            taken_since_large: 0,
            most_bytes: MAX_BATCH_BYTES,
            hurries: 0,
        }
    }

    pub(in crate::export) async fn run(mut self) {
        loop {
            self.heed_hurries();
            self.use_disk();
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
        self.sends_at().into_iter().chain(self.stores_at()).min()
    }

    /// When a request may begin.
    fn sends_at(&self) -> Option<Instant> {
        if !self.has_slot() {
            return None;
        }
        let now = Instant::now();
        let due = self.fresh_in().map(|delay| now + delay);
        let most_replays = match due {
            Some(due) if due <= now => 1,
            _ if self.pause.is_some() => 1,
            _ => MAX_REPLAYS,
        };
        let waits = self.has_newest() || self.can_replay(most_replays);
        let replays = waits.then_some(now);
        let untried = due.into_iter().chain(replays);
        let next = if self.pause.is_some() && !self.under_way.is_empty() {
            untried.min().filter(|_| self.again.len() < MAX_AGAIN)?
        } else {
            let again = (self.pause.is_some() && !self.again.is_empty())
                || self.can_retry(most_replays).is_some();
            let again = again.then_some(now);
            let aside = self.aside.iter().map(|(until, _)| *until).min();
            untried.chain(again).chain(aside).min()?
        };
        Some(self.pause.map_or(next, |pause| pause.max(next)))
    }

    /// How long the next batch of the queue may still wait for company; none if there is nothing to
    /// send.
    fn fresh_in(&self) -> Option<Duration> {
        self.sender.queue.due_in(self.patience())
    }

    /// Whether a request may begin. While the server fails it is one; and another beside it that
    /// has not failed before, if all that is under way has: that may be at fault itself.
    pub(super) fn has_slot(&self) -> bool {
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
            return self
                .retry(1)
                .or_else(|| self.newest())
                .or_else(|| self.replay(1))
                .or_else(|| self.fresh(self.most_bytes))
                .or_else(|| self.due_aside())
                .or_else(|| self.retry(MAX_REPLAYS))
                .or_else(|| self.replay(MAX_REPLAYS));
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
        let most_bytes = if again < self.most_requests() {
            self.most_bytes
        } else if again < MAX_AGAIN && has_turn {
            self.most_bytes.min(PROBE_BYTES)
        } else {
            return None;
        };
        if !self.sender.stores() {
            return self.replay(1).or_else(|| self.fresh(most_bytes));
        }
        // The queue is on its way to disk. What has just come has every other turn, so that a bad
        // batch among the oldest does not keep live data waiting.
        let most_bytes = most_bytes.min(PROBE_BYTES);
        let replay = self.tries.is_multiple_of(2).then(|| self.replay(1));
        replay
            .flatten()
            .or_else(|| self.newest())
            .or_else(|| self.fresh(most_bytes))
            .or_else(|| self.replay(1))
    }

    /// A batch that failed, unless it waited on disk and so many of those are under way: what comes
    /// back from disk must leave room for live data.
    fn retry(&mut self, most_replays: usize) -> Option<Attempt> {
        let allowed = self.can_retry(most_replays)?;
        self.again.remove(allowed)
    }

    fn can_retry(&self, most_replays: usize) -> Option<usize> {
        let has_turn = self.replays() < most_replays;
        let mut again = self.again.iter();
        again.position(|attempt| has_turn || !attempt.is_replay())
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
        if self.fresh_in()? > Duration::ZERO {
            return None;
        }
        let batch = self.sender.queue.take(most_bytes)?;
        let mut fresh = self.sender.sendable(batch).into_iter().map(Attempt::new);
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
        for copy in attempt.copy.iter().chain(&attempt.whole) {
            copy.sending();
        }
        let payload = self.sender.payload(&attempt.batch);
        attempt.sent = payload.sent();
        let (again, sent) = (attempt.may_have_arrived, Arc::clone(&attempt.sent));
        let queue = &self.sender.queue;
        let request = queue.begin_request(items, again, attempt.is_on_disk(), sent);
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
            attempt.is_doubted = true;
            self.sender.queue.doubt(items.cast_signed());
        }
    }

    fn take(&mut self, mut attempt: Attempt, rejected: u64, message: &str, is_suspect: bool) {
        self.arrived(&mut attempt);
        let answered_in = attempt.sent_at.elapsed();
        self.answers_in = answered_in.max((3 * self.answers_in + answered_in) / 4);
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
        match attempt.divide(&self.sender) {
            (front, Some(back)) => {
                let larger = front.batch.bytes.max(back.batch.bytes);
                self.most_bytes = self.most_bytes.min(larger).max(LEAST_BYTES);
                self.taken_since_large = 0;
                self.resume();
                self.again.push_front(back);
                self.again.push_front(front);
            }
            (single, None) => {
                self.refuse(single, StatusCode::PAYLOAD_TOO_LARGE, message);
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
        let server_errors = attempt.server_errors;
        match attempt.divide(&self.sender) {
            // One record may be at fault, or the size: the halves will show.
            (front, Some(back)) => self.again.extend([front, back].map(|half| Attempt {
                server_errors,
                strikes: MAX_STRIKES - 1,
                taken_before: Some(self.taken),
                ..half
            })),
            (single, None) => {
                self.sender.tell_aside(single.batch.items, failure);
                self.set_aside(Attempt {
                    is_aside: true,
                    ..single
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
    pub(super) fn settle(&self, mut attempt: Attempt, outcome: Outcome) {
        attempt.settle_copies(matches!(outcome, Outcome::Spooled { .. }));
        if let Some(begun) = attempt.begun {
            let (took, status) = (begun.elapsed(), attempt.status);
            let status = status.map(|status| status.as_u16());
            self.sender.duration.record(took, status, outcome);
        }
        if attempt.is_doubted {
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
pub(super) const MAX_AGAIN: usize = 16;
/// How much a batch may hold that is taken to see whether others are at fault.
pub(super) const PROBE_BYTES: usize = 64 * 1024;
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
