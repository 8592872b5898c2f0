//! The only reader of wall-clock time, and its RFC 3339 form.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the spans of a pipeline, and what sampling does with them, take the time from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    #[cfg(feature = "testing")]
    Manual(crate::testing::ManualClock),
}

impl Clock {
    /// Monotonic: a step of the wall clock does not change it.
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            #[cfg(feature = "testing")]
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Nanoseconds since the Unix epoch, UTC.
    pub(crate) fn unix_nanos(&self) -> u64 {
        match self {
            Self::System => unix_nanos(),
            #[cfg(feature = "testing")]
            Self::Manual(clock) => clock.unix_nanos(),
        }
    }
}

/// When a wait that may last so long is over. A wait for ever lasts a year.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + YEAR)
}

const YEAR: Duration = Duration::from_hours(365 * 24);

/// Nanoseconds since the Unix epoch, UTC.
pub(crate) fn unix_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A day of the UTC calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(u32);

impl Day {
    /// The day of an instant.
    pub(crate) fn of(unix_nanos: u64) -> Self {
        Self(u32::try_from(unix_nanos / NANOS_PER_DAY).unwrap_or(u32::MAX))
    }

    /// Year, month and day of the month.
    ///
    /// The algorithm is Howard Hinnant's `civil_from_days`, for days that are not negative.
    pub(crate) fn civil(self) -> (u32, u32, u32) {
        let z = u64::from(self.0) + 719_468;
        let era = z / 146_097;
        let day_of_era = z % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        (narrow(year), narrow(month), narrow(day))
    }
}

/// Hours, minutes, seconds and milliseconds of the day.
pub(crate) fn time_of_day(unix_nanos: u64) -> (u64, u64, u64, u64) {
    let millis = unix_nanos % NANOS_PER_DAY / 1_000_000;
    (
        millis / 3_600_000,
        millis / 60_000 % 60,
        millis / 1_000 % 60,
        millis % 1_000,
    )
}

/// Appends `2026-02-15T20:00:00.000Z`.
pub(crate) fn push_rfc3339(out: &mut Vec<u8>, unix_nanos: u64) {
    let (year, month, day) = Day::of(unix_nanos).civil();
    let (hour, minute, second, milli) = time_of_day(unix_nanos);
    push_padded(out, u64::from(year), 4);
    out.push(b'-');
    push_padded(out, u64::from(month), 2);
    out.push(b'-');
    push_padded(out, u64::from(day), 2);
    out.push(b'T');
    push_padded(out, hour, 2);
    out.push(b':');
    push_padded(out, minute, 2);
    out.push(b':');
    push_padded(out, second, 2);
    out.push(b'.');
    push_padded(out, milli, 3);
    out.push(b'Z');
}

/// Appends a number with leading zeros; higher digits are cut off.
pub(crate) fn push_padded(out: &mut Vec<u8>, value: u64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

const NANOS_PER_DAY: u64 = 86_400 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_rfc3339_in_milliseconds() {
        let check = |secs: u64, nanos: u64, expected: &str| {
            let mut out = Vec::new();
            push_rfc3339(&mut out, secs * 1_000_000_000 + nanos);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(0, 0, "1970-01-01T00:00:00.000Z");
        check(951_782_400, 999_999_999, "2000-02-29T00:00:00.999Z");
        check(1_771_185_600, 1_000_000, "2026-02-15T20:00:00.001Z");
        check(1_798_761_599, 0, "2026-12-31T23:59:59.000Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00.000Z");
    }
}
