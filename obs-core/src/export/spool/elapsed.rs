//! Durations as people read them.

use std::fmt;
use std::time::Duration;

/// A duration as people read it: `4 h 30 min`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elapsed(pub(super) Duration);

impl Elapsed {
    /// How long ago this was.
    pub(super) fn since(unix_nanos: u64) -> Self {
        let now = crate::clock::unix_nanos();
        Self(Duration::from_nanos(now.saturating_sub(unix_nanos)))
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [
            (seconds / 86_400, "d"),
            (seconds / 3_600 % 24, "h"),
            (seconds / 60 % 60, "min"),
            (seconds % 60, "s"),
        ];
        // Two parts are as exact as anybody wants it.
        let shown = parts.iter().skip_while(|(count, _)| *count == 0).take(2);
        let shown = shown.filter(|(count, _)| *count > 0);
        let shown: Vec<String> = shown
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        match shown.is_empty() {
            true => f.write_str("0 s"),
            false => f.write_str(&shown.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_people_write_it() {
        let check = |seconds, expected| {
            let elapsed = Elapsed(Duration::from_secs(seconds));
            assert_eq!(elapsed.to_string(), expected);
        };
        check(0, "0 s");
        check(59, "59 s");
        check(16_200, "4 h 30 min");
        check(7_205, "2 h");
        check(200_000, "2 d 7 h");
    }
}
