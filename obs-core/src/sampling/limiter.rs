//! How many traces a second are kept: a token bucket, half of which is for errors alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Grants so many wishes a second, and as many at once after a quiet second.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    /// When the tokens were counted last.
    at: Instant,
    /// First errors that were refused and not told yet.
    untold: u64,
    told_at: Option<Instant>,
    /// Nothing is granted any more.
    closed: bool,
}

/// What a token is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The first error of a trace: may take the last token.
    FirstError,
    /// Only granted while more than half of the tokens are left.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted,
    Refused,
    /// Keeping is over.
    Ended,
}

impl Limiter {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        Self {
            rate,
            bucket: Mutex::new(Bucket {
                tokens: rate,
                at: now,
                untold: 0,
                told_at: None,
                closed: false,
            }),
        }
    }

    /// Takes a token, if there is one for this claim.
    pub(super) fn take(&self, claim: Claim, now: Instant) -> Answer {
        let mut bucket = self.lock();
        if bucket.closed {
            return Answer::Ended;
        }
        let passed = now.saturating_duration_since(bucket.at);
        bucket.at = bucket.at.max(now);
        bucket.tokens = (bucket.tokens + passed.as_secs_f64() * self.rate).min(self.rate);
        let is_free = claim == Claim::FirstError || bucket.tokens > self.rate / 2.0;
        if is_free && bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Answer::Granted;
        }
        if claim == Claim::FirstError {
            bucket.untold = bucket.untold.saturating_add(1);
        }
        Answer::Refused
    }

    /// How many first errors were refused since this was told last; none within a minute of that.
    pub(super) fn refused_errors(&self, now: Instant) -> Option<u64> {
        let mut bucket = self.lock();
        let is_early = bucket
            .told_at
            .is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY);
        if bucket.untold == 0 || is_early {
            return None;
        }
        bucket.told_at = Some(now);
        Some(std::mem::take(&mut bucket.untold))
    }

    /// Grants nothing any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TELL_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(limiter: &Limiter, claim: Claim, now: Instant) -> usize {
        let answers = (0..100).map(|_| limiter.take(claim, now));
        answers.filter(|answer| *answer == Answer::Granted).count()
    }

    #[test]
    fn tokens_come_back_with_time_and_are_not_saved_up() {
        let start = Instant::now();
        let limiter = Limiter::new(5, start);
        let errors = |now| granted(&limiter, Claim::FirstError, now);
        assert_eq!(errors(start), 5);
        assert_eq!(errors(start + Duration::from_millis(400)), 2);
        assert_eq!(errors(start + Duration::from_hours(1)), 5);
        assert_eq!(errors(start), 0, "a clock seen late gives none");
    }

    #[test]
    fn half_of_the_tokens_is_for_first_errors() {
        let start = Instant::now();
        let limiter = Limiter::new(50, start);
        assert_eq!(granted(&limiter, Claim::Other, start), 25);
        assert_eq!(granted(&limiter, Claim::FirstError, start), 25);
        let later = start + Duration::from_millis(500);
        assert_eq!(granted(&limiter, Claim::Other, later), 0);
        assert_eq!(granted(&limiter, Claim::FirstError, later), 25);
    }

    #[test]
    fn a_rate_of_one_is_enough_for_anything() {
        let start = Instant::now();
        for claim in [Claim::FirstError, Claim::Other] {
            assert_eq!(granted(&Limiter::new(1, start), claim, start), 1);
        }
    }

    #[test]
    fn a_rate_of_zero_grants_nothing() {
        let start = Instant::now();
        let limiter = Limiter::new(0, start);
        let later = start + Duration::from_hours(1);
        assert_eq!(granted(&limiter, Claim::FirstError, later), 0);
    }

    #[test]
    fn refused_errors_are_told_once_a_minute() {
        let start = Instant::now();
        let limiter = Limiter::new(5, start);
        granted(&limiter, Claim::Other, start);
        assert_eq!(limiter.refused_errors(start), None);
        granted(&limiter, Claim::FirstError, start);
        assert_eq!(limiter.refused_errors(start), Some(98));
        limiter.take(Claim::FirstError, start);
        let soon = start + Duration::from_secs(59);
        assert_eq!(limiter.refused_errors(soon), None);
        let minute = start + Duration::from_secs(60);
        assert_eq!(limiter.refused_errors(minute), Some(1));
        assert_eq!(limiter.refused_errors(minute + TELL_EVERY), None);
    }

    #[test]
    fn nothing_is_granted_after_the_end() {
        let start = Instant::now();
        let limiter = Limiter::new(5, start);
        limiter.close();
        assert_eq!(limiter.take(Claim::FirstError, start), Answer::Ended);
    }
}
