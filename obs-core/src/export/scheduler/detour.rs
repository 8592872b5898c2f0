//! The way by the disk: what cannot be sent now is stored, and comes back when it can.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Attempt;
use super::copy::DiskCopy;
use super::schedule::{MAX_AGAIN, PROBE_BYTES, Scheduler};
use crate::export::batch::Batch;
use crate::export::queue::{MAX_BATCH_BYTES, Outcome};
use crate::export::spool::{Shelf, Ticket, Told};

/// What is between memory and disk.
pub(super) struct Detour {
    shelf: Arc<Shelf>,
    /// Batches of the queue that are being written.
    storing: HashMap<Ticket, Batch>,
    /// Batches that came back to be sent.
    leased: VecDeque<Attempt>,
    /// The newest small batch that went to disk, for a try.
    newest: Option<Attempt>,
    /// Another one was asked for.
    has_asked: bool,
}

impl Detour {
    pub(super) fn new(shelf: Arc<Shelf>) -> Self {
        Self {
            shelf,
            storing: HashMap::new(),
            leased: VecDeque::new(),
            newest: None,
            has_asked: false,
        }
    }
}

impl Scheduler {
    /// Moves what should be on disk there, and asks for what should come back.
    pub(super) fn use_disk(&mut self) {
        if self.detour.is_none() {
            return;
        }
        self.hear();
        if self.sender.stores() {
            self.copy_failed();
            self.copy_unanswered();
            self.empty_queue();
        }
        self.leave_to_disk();
        self.leave_at_the_end();
        self.ask_for_more();
    }

    /// A batch that waited on disk, unless so many of them are under way.
    pub(super) fn replay(&mut self, most: usize) -> Option<Attempt> {
        if !self.can_replay(most) {
            return None;
        }
        self.detour.as_mut()?.leased.pop_front()
    }

    /// The newest batch that went to disk.
    pub(super) fn newest(&mut self) -> Option<Attempt> {
        self.detour.as_mut()?.newest.take()
    }

    pub(super) fn has_newest(&self) -> bool {
        let detour = self.detour.as_ref();
        detour.is_some_and(|detour| detour.newest.is_some())
    }

    pub(super) fn can_replay(&self, most: usize) -> bool {
        let detour = self.detour.as_ref();
        detour.is_some_and(|detour| !detour.leased.is_empty()) && self.replays() < most
    }

    pub(super) fn replays(&self) -> usize {
        let attempts = self.under_way.values();
        attempts.filter(|(attempt, _)| attempt.is_replay()).count()
    }

    /// When something is to be moved to disk even if nothing happens.
    pub(super) fn stores_at(&self) -> Option<Instant> {
        let detour = self.detour.as_ref()?;
        let now = Instant::now();
        if !detour.shelf.is_open() {
            // Nobody tells when the disk can be written again.
            return self.is_in_trouble().then(|| now + LOOK_AGAIN);
        }
        let uncopied = self
            .under_way
            .values()
            .filter(|(attempt, _)| attempt.copy.is_none());
        let unanswered = uncopied.map(|(attempt, _)| self.copied_at(attempt)).min();
        let due = (self.must_store() && self.has_room_to_store())
            .then(|| self.sender.queue.due_in(STORED_WITHIN))
            .flatten();
        let last_call = self.last_call().filter(|last_call| *last_call > now);
        unanswered
            .into_iter()
            .chain(due.map(|delay| now + delay))
            .chain(last_call)
            .min()
    }

    /// The server fails, or may be about to.
    fn is_in_trouble(&self) -> bool {
        self.pause.is_some() || self.is_unanswered()
    }

    /// Whether what is in the queue cannot be sent soon.
    fn must_store(&self) -> bool {
        self.pause.is_some()
            || (self.is_unanswered() && !self.has_slot())
            || self
                .last_call()
                .is_some_and(|last_call| last_call <= Instant::now())
    }

    /// How long a batch may wait for company: not at all as a try, and not long while it may be on
    /// disk soon.
    pub(super) fn patience(&self) -> Duration {
        if self.detour.is_none() {
            Duration::MAX
        } else if self.pause.is_some() && self.sender.stores() {
            Duration::ZERO
        } else if self.is_unanswered() {
            STORED_WITHIN
        } else {
            Duration::MAX
        }
    }

    fn is_unanswered(&self) -> bool {
        let late = self.answers_within();
        let mut attempts = self.under_way.values();
        attempts.any(|(attempt, _)| attempt.sent_at.elapsed() >= late)
    }

    /// How long an answer may take before the server may be about to fail. One that is always slow
    /// does not fail.
    fn answers_within(&self) -> Duration {
        UNANSWERED.max(2 * self.answers_in)
    }

    /// When a request that is not answered by then is copied.
    fn copied_at(&self, attempt: &Attempt) -> Instant {
        let usual = attempt.sent_at + self.answers_within();
        self.last_call()
            .map_or(usual, |last_call| usual.min(last_call))
    }

    /// When everything has to go to disk, once the end has begun.
    fn last_call(&self) -> Option<Instant> {
        let end = self.sender.queue.closed_by().map(Instant::from_std)?;
        end.checked_sub(BEFORE_THE_END)
    }

    fn has_room_to_store(&self) -> bool {
        let detour = self.detour.as_ref();
        detour.is_some_and(|detour| detour.storing.len() < MAX_STORING)
            && self.again.len() < MAX_AGAIN
    }

    fn hear(&mut self) {
        let Some(detour) = &mut self.detour else {
            return;
        };
        for told in detour.shelf.heard() {
            match told {
                Told::Stored(ticket) => self.stored(ticket),
                Told::NotStored(ticket) => {
                    self.not_stored(ticket);
                    self.forget_copy(ticket);
                }
                // The copy that there is not is remembered, so that none is tried again.
                Told::TooLarge(ticket) => self.not_stored(ticket),
                Told::Leased {
                    ticket,
                    mut batch,
                    may_have_arrived,
                    own,
                } => {
                    let Some(detour) = &mut self.detour else {
                        return;
                    };
                    detour.has_asked = false;
                    self.sender.queue.unspool(&mut batch, own);
                    let copy = DiskCopy::leased(&detour.shelf, ticket, own);
                    let parts = self.sender.sendable(batch);
                    let is_divided = parts.len() > 1;
                    let parts = parts.into_iter().map(|part| {
                        let copy = Some(Arc::clone(&copy));
                        let (copy, whole) = if is_divided {
                            (None, copy)
                        } else {
                            (copy, None)
                        };
                        if may_have_arrived {
                            self.sender.queue.doubt(part.items.cast_signed());
                        }
                        Attempt {
                            may_have_arrived,
                            is_doubted: may_have_arrived,
                            copy,
                            whole,
                            ..Attempt::new(part)
                        }
                    });
                    detour.leased.extend(parts);
                }
                Told::Empty => {
                    if let Some(detour) = &mut self.detour {
                        detour.has_asked = false;
                    }
                }
                Told::Recovered { items } => self.sender.queue.recover(items),
                Told::Lost { items, reason, own } => {
                    self.sender.queue.lose_spooled(items, reason, own);
                }
            }
        }
    }

    fn stored(&mut self, ticket: Ticket) {
        let Some(detour) = &mut self.detour else {
            return;
        };
        if let Some(batch) = detour.storing.remove(&ticket) {
            let spooled = Outcome::Spooled { own: true };
            self.sender.queue.settle(batch, spooled);
            detour.shelf.release(ticket, false);
            return;
        }
        for (attempt, request) in self.under_way.values_mut() {
            if has_copy(attempt, ticket) {
                attempt.stored();
                self.sender.queue.insure_request(*request);
            }
        }
        let aside = self.aside.iter_mut().map(|(_, attempt)| attempt);
        let newest = self.detour.iter_mut().flat_map(|detour| &mut detour.newest);
        let waiting = self.again.iter_mut().chain(aside).chain(newest);
        waiting
            .filter(|attempt| has_copy(attempt, ticket))
            .for_each(Attempt::stored);
    }

    /// What was to leave memory stays there.
    fn not_stored(&mut self, ticket: Ticket) {
        let Some(detour) = &mut self.detour else {
            return;
        };
        if let Some(batch) = detour.storing.remove(&ticket) {
            let parts = self.sender.sendable(batch).into_iter().map(Attempt::new);
            self.again.extend(parts);
        }
    }

    /// There was no room for a copy, or the disk failed: another is made when it can be.
    fn forget_copy(&mut self, ticket: Ticket) {
        let under_way = self.under_way.values_mut().map(|(attempt, _)| attempt);
        let aside = self.aside.iter_mut().map(|(_, attempt)| attempt);
        let newest = self.detour.iter_mut().flat_map(|detour| &mut detour.newest);
        for attempt in under_way.chain(&mut self.again).chain(aside).chain(newest) {
            if has_copy(attempt, ticket) {
                attempt.copy = None;
            }
        }
    }

    /// Copies what has failed and stays in memory to be tried again.
    fn copy_failed(&mut self) {
        let Some(detour) = &self.detour else { return };
        let aside = self.aside.iter_mut().map(|(_, attempt)| attempt);
        for attempt in self.again.iter_mut().chain(aside) {
            if attempt.copy.is_none() && detour.shelf.is_open() {
                let body = self.sender.body(&attempt.batch, attempt.may_have_arrived);
                let ticket = detour.shelf.store(body);
                attempt.copy = Some(DiskCopy::begun(&detour.shelf, ticket));
            }
        }
    }

    /// Copies what the server has had for a while without a word, or will have at the end.
    fn copy_unanswered(&mut self) {
        let now = Instant::now();
        let late: Vec<_> = self
            .under_way
            .iter()
            .filter(|(_, (attempt, _))| attempt.copy.is_none() && self.copied_at(attempt) <= now)
            .map(|(id, _)| *id)
            .collect();
        let Some(detour) = &self.detour else { return };
        for id in late {
            if let Some((attempt, _)) = self.under_way.get_mut(&id)
                && detour.shelf.is_open()
            {
                let body = self.sender.body(&attempt.batch, true);
                let ticket = detour.shelf.store(body);
                attempt.copy = Some(DiskCopy::begun(&detour.shelf, ticket));
            }
        }
    }

    /// Copies a little of what has just come and keeps it for a try: the server may fail at what is
    /// oldest on disk, and take everything else.
    fn keep_newest(&mut self) {
        let Some(detour) = &mut self.detour else {
            return;
        };
        let is_free = detour.newest.as_ref().is_none_or(Attempt::has_own_copy);
        let batch = (is_free && detour.shelf.is_open())
            .then(|| self.sender.queue.take(PROBE_BYTES))
            .flatten();
        let mut parts = batch
            .into_iter()
            .flat_map(|batch| self.sender.sendable(batch));
        let Some(batch) = parts.next() else { return };
        let ticket = detour.shelf.store(self.sender.body(&batch, false));
        let newest = Attempt {
            copy: Some(DiskCopy::begun(&detour.shelf, ticket)),
            ..Attempt::new(batch)
        };
        for rest in parts {
            let ticket = detour.shelf.store(self.sender.body(&rest, false));
            detour.storing.insert(ticket, rest);
        }
        if let Some(older) = detour.newest.replace(newest) {
            self.settle_spooled(older);
        }
    }

    /// Stores what waits in the queue, while the server fails or the queue fills up.
    fn empty_queue(&mut self) {
        let must_store = self.must_store();
        let sender = Arc::clone(&self.sender);
        let is_due = || sender.queue.due_in(STORED_WITHIN) == Some(Duration::ZERO);
        if self.pause.is_some() && is_due() {
            self.keep_newest();
        }
        while sender.stores()
            && self.has_room_to_store()
            && ((must_store && is_due()) || sender.queue.is_crowded())
            && let Some(batch) = sender.queue.take(MAX_BATCH_BYTES)
            && let Some(detour) = &mut self.detour
        {
            let ticket = detour.shelf.store(sender.body(&batch, false));
            detour.storing.insert(ticket, batch);
        }
    }

    /// Frees memory of batches that failed and are safe on disk: a few are enough to try with.
    fn leave_to_disk(&mut self) {
        if self.pause.is_none() {
            return;
        }
        let mut kept = 0;
        let has_room = self.sender.queue.has_room_for_more();
        for attempt in std::mem::take(&mut self.again) {
            // What is known of a bad one would be forgotten.
            let is_free = attempt.has_own_copy() && attempt.strikes == 0;
            kept += usize::from(is_free);
            if is_free && (kept > REPLAYS_THAT_FAIL || (kept > 1 && !has_room)) {
                self.settle_spooled(attempt);
            } else {
                self.again.push_back(attempt);
            }
        }
    }

    fn settle_spooled(&self, attempt: Attempt) {
        let own = attempt.is_own();
        self.settle(attempt, Outcome::Spooled { own });
    }

    /// At the end, what is safe on disk is left there: while the server fails all of it, and what
    /// came back in any case.
    fn leave_at_the_end(&mut self) {
        if self.sender.queue.closed_by().is_none() {
            return;
        }
        let Some(detour) = &mut self.detour else {
            return;
        };
        let mut left: Vec<_> = detour.leased.drain(..).collect();
        let newest = detour.newest.take();
        self.again.extend(newest);
        let is_late = self
            .last_call()
            .is_some_and(|last_call| last_call <= Instant::now());
        let is_safe =
            |attempt: &Attempt| attempt.has_own_copy() || (is_late && attempt.is_on_disk());
        if self.pause.is_some() {
            let again = std::mem::take(&mut self.again).into_iter();
            let (safe, again): (Vec<_>, _) = again.partition(is_safe);
            left.extend(safe);
            self.again = VecDeque::from(again);
        }
        let aside = std::mem::take(&mut self.aside).into_iter();
        let (safe, aside): (Vec<_>, _) = aside.partition(|(_, attempt)| is_safe(attempt));
        left.extend(safe.into_iter().map(|(_, attempt)| attempt));
        self.aside = VecDeque::from(aside);
        for attempt in left {
            self.settle_spooled(attempt);
        }
    }

    /// Asks for a batch that waits on disk, if it could be sent soon and there is room for it.
    fn ask_for_more(&mut self) {
        let has_turn = self.pause.is_none() || self.again.len() < REPLAYS_THAT_FAIL;
        let queue = &self.sender.queue;
        let Some(detour) = &mut self.detour else {
            return;
        };
        if !detour.has_asked
            && detour.leased.is_empty()
            && detour.shelf.has_waiting()
            && has_turn
            && queue.closed_by().is_none()
            && queue.has_room_for_more()
        {
            detour.has_asked = true;
            detour.shelf.lease(queue.full_batch());
        }
    }
}

fn has_copy(attempt: &Attempt, ticket: Ticket) -> bool {
    let copy = attempt.copy.as_ref();
    copy.is_some_and(|copy| copy.ticket() == ticket)
}

/// A server that has not answered after this time may be about to fail.
const UNANSWERED: Duration = Duration::from_secs(1);
/// How long a record stays in memory alone while the server fails.
const STORED_WITHIN: Duration = Duration::from_millis(500);
/// How long before the end what is not answered is copied.
const BEFORE_THE_END: Duration = Duration::from_millis(500);
/// How often is looked whether a disk that failed can be written again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Batches that may be on their way to disk at once.
const MAX_STORING: usize = 4;
/// Requests that may carry what had waited on disk while nothing new is to be sent.
pub(super) const MAX_REPLAYS: usize = 2;
/// Batches that may have failed and stay in memory, before no others come back from disk.
const REPLAYS_THAT_FAIL: usize = 2;
