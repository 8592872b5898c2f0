//! A calendar day.

use std::fmt;

use serde::{Serialize, Serializer};

/// A day of the Gregorian calendar, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads the day at the start of a date or of an RFC 3339 instant.
    ///
    /// `None` if there is none, or if the calendar has no such day.
    ///
    /// # Examples
    /// ```
    /// use recipe_api::domain::Date;
    ///
    /// assert!(Date::parse("2024-02-29").is_some());
    /// assert!(Date::parse("2023-02-29").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        if !(rest.is_empty() || rest.starts_with(['T', 't', ' '])) {
            return None;
        }
        let mut parts = date.split('-');
        let year = number(parts.next()?, 4)?;
        let month = number(parts.next()?, 2)?;
        let day = number(parts.next()?, 2)?;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => return None,
        };
        (parts.next().is_none() && (1..=days).contains(&day)).then_some(())?;
        Some(Self {
            year,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
        })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn number(text: &str, digits: usize) -> Option<u16> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn reads_days_that_exist() {
        fn check(text: &str, expected: Option<&str>) {
            let date = Date::parse(text).map(|date| date.to_string());
            assert_eq!(date.as_deref(), expected, "{text}");
        }
        check("2021-03-11", Some("2021-03-11"));
        check("2024-02-24T15:40:05+01:00", Some("2024-02-24"));
        check("2000-02-29", Some("2000-02-29"));
        check("1900-02-29", None);
        check("2021-04-31", None);
        check("2021-00-10", None);
        check("2021-3-11", None);
        check("11.03.2021", None);
        check("2021-03-111", None);
        check("2021-03-1é", None);
        check("+021-03-11", None);
        check("", None);
    }
}
