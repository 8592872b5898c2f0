//! Durations and sizes as people write them in environment variables.

use std::time::Duration;

/// Reads `250ms`, `30s`, `15min`, `2h`, `14d`; a bare number is milliseconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis: u64 = match unit {
        "" | "ms" => 1,
        "s" | "sec" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Reads `512`, `512k`, `20m`, `1g` as bytes, in powers of 1024.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_as_people_write_them() {
        let check = |text, expected: Option<u64>| {
            assert_eq!(
                duration(text),
                expected.map(Duration::from_millis),
                "{text}"
            );
        };
        check("5000", Some(5_000));
        check("250ms", Some(250));
        check("30s", Some(30_000));
        check("15min", Some(900_000));
        check("15 min", Some(900_000));
        check("2h", Some(7_200_000));
        check("14d", Some(1_209_600_000));
        check("-1", None);
        check("1.5s", None);
        check("fast", None);
        check("", None);
        check("99999999999999999999s", None);
        check("9999999999999999999d", None);
    }

    #[test]
    fn reads_sizes_in_powers_of_1024() {
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes("512k"), Some(512 * 1024));
        assert_eq!(bytes("20m"), Some(20 * 1024 * 1024));
        assert_eq!(bytes("1GiB"), Some(1 << 30));
        assert_eq!(bytes("20x"), None);
        assert_eq!(bytes("é"), None);
    }
}
