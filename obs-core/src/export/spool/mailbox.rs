//! Between the sender and the thread that waits for disks: neither ever waits for the other.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::gate::{Gate, Pauses};
use super::shelf::{Body, ShelfSpec, Ticket, Told};
use crate::export::backlog::Amount;

/// What passes between the shelves and the spool's thread.
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
    slots: Vec<Slot>,
    next_ticket: AtomicU64,
}

/// What belongs to one shelf and is asked without the lock.
struct Slot {
    wake: Arc<dyn Fn() + Send + Sync>,
    has_waiting: AtomicBool,
}

#[derive(Debug)]
struct State {
    commands: VecDeque<Command>,
    /// Bodies that are handed over and not answered.
    bodies: usize,
    body_bytes: usize,
    gate: Gate,
    answers: Vec<Answers>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// What was handed over before is brought to an end.
    Closing,
    /// Nobody waits for anything any more.
    Abandoned,
    /// The thread has ended.
    Stopped,
}

/// What one shelf is told, and what it is still owed.
#[derive(Debug, Default)]
struct Answers {
    told: Vec<Told>,
    /// Tickets of bodies without an answer, each with the bytes that it holds.
    stores: VecDeque<(Ticket, usize)>,
    leases: usize,
}

/// What a shelf asks for.
#[derive(Debug)]
pub(super) enum Command {
    Store {
        shelf: usize,
        ticket: Ticket,
        /// None where nothing is tried.
        body: Option<Body>,
    },
    Lease {
        shelf: usize,
        most: Amount,
    },
    Done(Ticket),
    Sending(Ticket),
    Release {
        ticket: Ticket,
        may_have_arrived: bool,
    },
    Close,
    /// Look around now, and say when that is done.
    #[cfg(test)]
    Sweep(std::sync::mpsc::Sender<()>),
}

/// What the thread does next.
#[derive(Debug)]
pub(super) enum Next {
    Command(Command),
    /// The time has come that was given.
    Due,
    Abandoned,
}

/// What became of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Yes,
    /// The disk or the bound did not allow it.
    Failed,
    /// The body itself was at fault.
    Refused,
    NotTried,
}

impl Mailbox {
    pub(super) fn new(specs: &[ShelfSpec], pauses: Pauses) -> Self {
        let slot = |spec: &ShelfSpec| Slot {
            wake: Arc::clone(&spec.wake),
            has_waiting: AtomicBool::new(false),
        };
        Self {
            state: Mutex::new(State {
                commands: VecDeque::new(),
                bodies: 0,
                body_bytes: 0,
                gate: Gate::new(pauses),
                answers: specs.iter().map(|_| Answers::default()).collect(),
                phase: Phase::Running,
            }),
            changed: Condvar::new(),
            slots: specs.iter().map(slot).collect(),
            next_ticket: AtomicU64::new(0),
        }
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn is_open(&self) -> bool {
        let state = self.lock();
        state.has_room() && state.gate.is_open(Instant::now())
    }

    pub(super) fn store(&self, shelf: usize, body: Body) -> Ticket {
        let ticket = self.ticket();
        let mut state = self.lock();
        // Answered in its turn, and without its bytes meanwhile.
        let enters = state.has_room() && state.gate.enter(Instant::now());
        let body = enters.then_some(body);
        let bytes = body.as_ref().map_or(0, Body::len);
        state.bodies += 1;
        state.body_bytes += bytes;
        if let Some(answers) = state.answers.get_mut(shelf) {
            answers.stores.push_back((ticket, bytes));
        }
        let command = Command::Store {
            shelf,
            ticket,
            body,
        };
        self.push(state, command);
        ticket
    }

    pub(super) fn lease(&self, shelf: usize, most: Amount) {
        let mut state = self.lock();
        if let Some(answers) = state.answers.get_mut(shelf) {
            answers.leases += 1;
        }
        self.push(state, Command::Lease { shelf, most });
    }

    pub(super) fn send(&self, command: Command) {
        self.push(self.lock(), command);
    }

    fn push(&self, mut state: MutexGuard<'_, State>, command: Command) {
        let is_stopped = state.phase == Phase::Stopped;
        if !is_stopped {
            state.commands.push_back(command);
        }
        drop(state);
        if is_stopped {
            self.answer_all();
        } else {
            self.changed.notify_all();
        }
    }

    pub(super) fn heard(&self, shelf: usize) -> Vec<Told> {
        let mut state = self.lock();
        let answers = state.answers.get_mut(shelf);
        answers.map_or_else(Vec::new, |answers| std::mem::take(&mut answers.told))
    }

    pub(super) fn has_waiting(&self, shelf: usize) -> bool {
        let slot = self.slots.get(shelf);
        slot.is_some_and(|slot| slot.has_waiting.load(Ordering::Acquire))
    }

    /// Has everything that was handed over brought to an end; false if that takes too long.
    pub(super) fn close(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Running {
            state.phase = Phase::Closing;
            state.commands.push_back(Command::Close);
            self.changed.notify_all();
        }
        while state.phase != Phase::Stopped {
            let Some(time) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self.wait(state, time);
        }
        true
    }

    /// Lets the thread end without another look at the disk.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        if state.phase != Phase::Stopped {
            state.phase = Phase::Abandoned;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The next thing to do, as soon as there is one.
    pub(super) fn next(&self, due: Instant) -> Next {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Abandoned {
                return Next::Abandoned;
            }
            let Some(time) = due.checked_duration_since(Instant::now()) else {
                return Next::Due;
            };
            if let Some(command) = state.commands.pop_front() {
                return Next::Command(command);
            }
            state = self.wait(state, time);
        }
    }

    /// Whether the disk failed after bodies had been handed over: they are not tried.
    pub(super) fn has_shut(&self) -> bool {
        self.lock().gate.has_shut()
    }

    /// Notes that nothing can be stored before anybody tried.
    pub(super) fn shut(&self) {
        self.lock().gate.failed(Instant::now());
    }

    pub(super) fn answer_store(&self, shelf: usize, ticket: Ticket, stored: Stored) {
        let mut state = self.lock();
        match stored {
            Stored::Yes => state.gate.succeeded(),
            Stored::Failed => state.gate.failed(Instant::now()),
            Stored::Refused => state.gate.undecided(),
            Stored::NotTried => {}
        }
        let told = match stored {
            Stored::Yes => Told::Stored(ticket),
            Stored::Refused => Told::TooLarge(ticket),
            Stored::Failed | Stored::NotTried => Told::NotStored(ticket),
        };
        state.answer_store(shelf, told);
        drop(state);
        self.wake(shelf);
    }

    pub(super) fn answer_lease(&self, shelf: usize, told: Told) {
        let mut state = self.lock();
        if let Some(answers) = state.answers.get_mut(shelf) {
            answers.leases = answers.leases.saturating_sub(1);
            answers.told.push(told);
        }
        drop(state);
        self.wake(shelf);
    }

    pub(super) fn tell(&self, shelf: usize, told: Told) {
        if let Some(answers) = self.lock().answers.get_mut(shelf) {
            answers.told.push(told);
        }
        self.wake(shelf);
    }

    /// Says whether there is something to lease.
    pub(super) fn set_waiting(&self, shelf: usize, has_waiting: bool) {
        let Some(slot) = self.slots.get(shelf) else {
            return;
        };
        let had_waiting = slot.has_waiting.swap(has_waiting, Ordering::AcqRel);
        if has_waiting && !had_waiting {
            self.wake(shelf);
        }
    }

    fn wake(&self, shelf: usize) {
        if let Some(slot) = self.slots.get(shelf) {
            (slot.wake)();
        }
    }

    /// The thread has ended, or never began: nobody is left without an answer.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.phase = Phase::Stopped;
        state.commands.clear();
        drop(state);
        (0..self.slots.len()).for_each(|shelf| self.set_waiting(shelf, false));
        self.answer_all();
        self.changed.notify_all();
    }

    /// Answers everything with no.
    fn answer_all(&self) {
        let mut state = self.lock();
        for shelf in 0..self.slots.len() {
            while let Some(ticket) = state.unanswered(shelf) {
                state.answer_store(shelf, Told::NotStored(ticket));
            }
            if let Some(answers) = state.answers.get_mut(shelf) {
                for _ in 0..std::mem::take(&mut answers.leases) {
                    answers.told.push(Told::Empty);
                }
            }
        }
        drop(state);
        (0..self.slots.len()).for_each(|shelf| self.wake(shelf));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        time: std::time::Duration,
    ) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.phase == Phase::Running
            && self.bodies < MOST_BODIES
            && self.body_bytes < MOST_BODY_BYTES
    }

    fn unanswered(&self, shelf: usize) -> Option<Ticket> {
        let (ticket, _) = self.answers.get(shelf)?.stores.front()?;
        Some(*ticket)
    }

    fn answer_store(&mut self, shelf: usize, told: Told) {
        if let Some(answers) = self.answers.get_mut(shelf) {
            if let Some((_, bytes)) = answers.stores.pop_front() {
                self.bodies -= 1;
                self.body_bytes -= bytes;
            }
            answers.told.push(told);
        }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

/// What may wait for the thread: a disk that hangs must not hold more memory than this.
const MOST_BODIES: usize = 8;
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;
