//! How many traces a second are kept: a token bucket.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

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
}

impl Limiter {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        Self {
            rate,
            bucket: Mutex::new(Bucket {
                tokens: rate,
                at: now,
            }),
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.at);
        bucket.at = bucket.at.max(now);
        bucket.tokens = (bucket.tokens + passed.as_secs_f64() * self.rate).min(self.rate);
        let is_granted = bucket.tokens >= 1.0;
        if is_granted {
            bucket.tokens -= 1.0;
        }
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn granted(limiter: &Limiter, now: Instant) -> usize {
        (0..100).filter(|_| limiter.take(now)).count()
    }

    #[test]
    fn tokens_come_back_with_time_and_are_not_saved_up() {
        let start = Instant::now();
        let limiter = Limiter::new(5, start);
        assert_eq!(granted(&limiter, start), 5);
        assert_eq!(granted(&limiter, start + Duration::from_millis(400)), 2);
        assert_eq!(granted(&limiter, start + Duration::from_hours(1)), 5);
        assert_eq!(granted(&limiter, start), 0, "a clock seen late gives none");
    }

    #[test]
    fn a_rate_of_zero_grants_nothing() {
        let start = Instant::now();
        let limiter = Limiter::new(0, start);
        assert_eq!(granted(&limiter, start + Duration::from_hours(1)), 0);
    }
}
