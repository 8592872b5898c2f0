//! When a failed request is tried again.

use std::time::Duration;

use crate::clock;
use crate::propagation::random_u64;

/// How long a batch is tried, and how long the pauses between tries are.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryLimits {
    /// The first pause; each further one is twice as long.
    pub(super) first: Duration,
    /// The longest pause.
    pub(super) longest: Duration,
    /// How old the records of a batch may be when it fails: older ones are given up. OpenObserve
    /// throws away what is older than five hours.
    pub(super) max_age: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            max_age: Duration::from_secs(16_200),
        }
    }
}

/// Pauses that grow while a server is unavailable.
#[derive(Debug)]
pub(super) struct Backoff {
    limits: RetryLimits,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(limits: RetryLimits) -> Self {
        Self {
            limits,
            failures: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether nothing has failed since the last success.
    pub(super) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// The next pause: half of it is random, so that the services of a fleet do not come back all
    /// at once. A server can ask for a longer one, up to `MAX_ASKED`, and not for none.
    pub(super) fn pause(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let pause = self
            .limits
            .first
            .saturating_mul(factor)
            .min(self.limits.longest);
        pause / 2 + (pause / 2).mul_f64(random_fraction())
    }
}

/// The value of a `Retry-After` header: seconds, or a date of RFC 9110.
pub(super) fn parse_retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = Duration::from_secs(parse_http_date(value.trim())?);
    Some(until.saturating_sub(Duration::from_nanos(clock::unix_nanos())))
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_http_date(value: &str) -> Option<u64> {
    let mut words = value.split_ascii_whitespace();
    let (_weekday, day, month, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (time, "GMT", None) = (words.next()?, words.next()?, words.next()) else {
        return None;
    };
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let year: u64 = year
        .parse()
        .ok()
        .filter(|year| (1970..=9999).contains(year))?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let mut clock = time
        .split(':')
        .map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Howard Hinnant's `days_from_civil`, with years that begin in March.
    let (march_year, march_month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let days =
        march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year;
    Some((days - DAYS_BEFORE_1970) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn random_fraction() -> f64 {
    // The upper 53 bits: what a double can hold.
    (random_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Asking again every five minutes burdens no server, whatever it asked for.
pub(super) const MAX_ASKED: Duration = Duration::from_secs(300);
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// From 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let limits = RetryLimits::default();
        let mut backoff = Backoff::new(limits);
        for round in 0..100_u32 {
            let full = limits
                .first
                .saturating_mul(1_u32.checked_shl(round).unwrap_or(u32::MAX));
            let full = full.min(limits.longest);
            let pause = backoff.pause();
            assert!(pause >= full / 2 && pause <= full, "{round}: {pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= limits.first);
        backoff.reset();
        for _ in 0..3 {
            let pause = backoff.pause();
            assert!(
                pause >= limits.first / 2,
                "no server can ask for a hot loop"
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(
            parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        assert!(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT") > Some(Duration::from_secs(1)));
        for bad in [
            "",
            "-1",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 99 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse_retry_after(bad), None, "{bad}");
        }
        assert_eq!(
            parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            parse_http_date("Tue, 29 Feb 2000 12:00:00 GMT"),
            Some(951_825_600)
        );
    }
}
