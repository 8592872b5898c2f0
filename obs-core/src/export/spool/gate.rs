//! Keeps records away from a disk that failed, for pauses that grow.

use std::time::{Duration, Instant};

/// Keeps records away from a disk that failed; after each pause one tries.
#[derive(Debug)]
pub(super) struct Gate {
    pauses: Pauses,
    /// The disk failed: nothing is tried before this.
    until: Option<Instant>,
    pause: Duration,
    /// Whether the one after the pause is under way.
    is_trying: bool,
}

/// How long nothing is tried after a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    /// After the first failure; each further one doubles it.
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_mins(1),
        }
    }
}

impl Gate {
    pub(super) fn new(pauses: Pauses) -> Self {
        Self {
            pauses,
            until: None,
            pause: Duration::ZERO,
            is_trying: false,
        }
    }

    /// Whether one that came now would be let through.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.until
            .is_none_or(|until| !self.is_trying && now >= until)
    }

    /// Whether one that comes now is let through.
    pub(super) fn enter(&mut self, now: Instant) -> bool {
        let enters = self.is_open(now);
        self.is_trying |= enters && self.until.is_some();
        enters
    }

    /// Whether what was let through before the disk failed must turn back.
    pub(super) fn has_shut(&self) -> bool {
        self.until.is_some() && !self.is_trying
    }

    /// When the pause is over, if there is one that nobody tried to end.
    pub(super) fn opens_at(&self) -> Option<Instant> {
        self.until.filter(|_| !self.is_trying)
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::new(self.pauses);
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.pause = (self.pause * 2).clamp(self.pauses.first, self.pauses.longest);
        self.until = Some(now + self.pause);
        self.is_trying = false;
    }

    /// The one that was let through said nothing about the disk.
    pub(super) fn undecided(&mut self) {
        self.is_trying = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_let_one_through() {
        let mut gate = Gate::new(Pauses::default());
        let mut now = Instant::now();
        assert!(gate.enter(now) && gate.enter(now));
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            gate.failed(now);
            assert!(gate.has_shut());
            let pause = Duration::from_secs(seconds);
            assert!(!gate.enter(now + pause - Duration::from_millis(1)));
            now += pause;
            assert!(gate.is_open(now) && gate.enter(now));
            assert!(!gate.is_open(now) && !gate.enter(now) && !gate.has_shut());
        }
        gate.undecided();
        assert!(gate.enter(now));
        gate.succeeded();
        assert!(gate.enter(now) && gate.enter(now));
        gate.failed(now);
        assert!(gate.is_open(now + Duration::from_secs(1)));
    }
}
