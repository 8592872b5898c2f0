//! Lines that state a fact, such as `⏲️ Prep time: 30 min` or `🍽️ Servings: 2-4`.

/// What a line states, with the value as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// How long preparation takes.
    PrepTime(&'a str),
    /// How long cooking takes.
    CookTime(&'a str),
    /// How much it makes.
    Servings(&'a str),
    /// Something else that is marked like a fact: the whole line without its mark.
    Other(&'a str),
}

impl<'a> Fact<'a> {
    /// Reads the fact that a line states; `None` if it is a line of prose.
    ///
    /// The emoji in front and the colon may be missing, but not both.
    ///
    /// # Examples
    /// ```
    /// use recipe_api::import::facts::Fact;
    ///
    /// assert_eq!(Fact::parse("🍳Cook time: 1 h"), Some(Fact::CookTime("1 h")));
    /// assert_eq!(Fact::parse("Serving it cold is fine."), None);
    /// ```
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let is_marked = line.contains(['⏲', '🍳', '🍽']);
        let line = line
            .trim_start_matches(|c: char| !c.is_alphanumeric())
            .trim_end();
        for (name, fact) in NAMES {
            let Some(rest) = strip_prefix_ignore_case(line, name) else {
                continue;
            };
            if let Some(value) = rest.trim_start().strip_prefix(':') {
                return Some(fact(value.trim()));
            }
            if is_marked && !rest.starts_with(char::is_alphabetic) {
                return Some(fact(rest.trim()));
            }
        }
        (is_marked && !line.is_empty()).then_some(Self::Other(line))
    }
}

/// A duration read from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minutes {
    /// The duration in minutes; of a range the first number.
    pub minutes: u32,
    /// The text says this and no more.
    pub is_exact: bool,
}

/// Reads the first duration of a text; `None` if there is no number with a unit of time.
///
/// # Examples
/// ```
/// use recipe_api::import::facts::parse_minutes;
///
/// let read = parse_minutes("1 h 30 min").ok_or("no duration")?;
/// assert_eq!((read.minutes, read.is_exact), (90, true));
/// let read = parse_minutes("~ 10-15 min").ok_or("no duration")?;
/// assert_eq!((read.minutes, read.is_exact), (10, false));
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn parse_minutes(text: &str) -> Option<Minutes> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let (before, text) = text.split_at_checked(start)?;
    let (first, rest) = number(text)?;
    let (is_range, rest) = match range_end(rest) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (unit, mut rest) = unit(rest)?;
    let mut minutes = first * unit;
    if unit > 1.0
        && !is_range
        && let Some((more, after)) = number(rest.trim_start())
        && let Some((1.0, after)) = self::unit(after)
    {
        minutes += more;
        rest = after;
    }
    let minutes = minutes.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked in the condition"
    )]
    (0.0..=MAX_MINUTES).contains(&minutes).then_some(Minutes {
        minutes: minutes as u32,
        is_exact: before.trim().is_empty() && !is_range && rest.trim_matches(['.', ' ']).is_empty(),
    })
}

/// Reads the first whole number of a text; `None` if there is none, or if it is 0 or absurd.
#[must_use]
pub fn parse_servings(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits = text.get(start..)?;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let servings = digits.get(..end)?.parse().ok()?;
    (1..=MAX_SERVINGS).contains(&servings).then_some(servings)
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    // A full stop at the end belongs to the sentence.
    let number = number.trim_end_matches('.');
    Some((number.parse().ok()?, rest))
}

/// What follows the second number of a range such as `10-15` or `2 to 4`.
fn range_end(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    let second = rest
        .strip_prefix(['-', '–', '~'])
        .or_else(|| rest.strip_prefix("to "))?;
    number(second.trim_start()).map(|(_, rest)| rest)
}

/// Minutes in the unit of time that a text begins with, and what follows it.
fn unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    let minutes = match word.to_ascii_lowercase().as_str() {
        "m" | "min" | "mins" | "minute" | "minutes" => 1.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 60.0,
        _ => return None,
    };
    Some((minutes, rest))
}

type MakeFact = for<'a> fn(&'a str) -> Fact<'a>;

/// Longer names first where one begins with another.
const NAMES: [(&str, MakeFact); 11] = [
    ("preparation time", |value| Fact::PrepTime(value)),
    ("prep time", |value| Fact::PrepTime(value)),
    ("prep", |value| Fact::PrepTime(value)),
    ("cooking time", |value| Fact::CookTime(value)),
    ("cook time", |value| Fact::CookTime(value)),
    ("cook\" time", |value| Fact::CookTime(value)),
    ("cook", |value| Fact::CookTime(value)),
    ("servings", |value| Fact::Servings(value)),
    ("serving", |value| Fact::Servings(value)),
    ("serves", |value| Fact::Servings(value)),
    ("yield", |value| Fact::Servings(value)),
];

/// Ten weeks: longer than the longest cure.
const MAX_MINUTES: f64 = 100_800.0;
const MAX_SERVINGS: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::{Fact, parse_minutes, parse_servings};

    #[test]
    fn reads_facts_in_odd_spellings() {
        fn check(line: &str, expected: Option<Fact<'_>>) {
            assert_eq!(Fact::parse(line), expected, "{line}");
        }
        check("⏲️ Prep time: 10 min", Some(Fact::PrepTime("10 min")));
        check("⏲️Prep Time: ~18 min", Some(Fact::PrepTime("~18 min")));
        check("⏲️ Prep: 30 mins", Some(Fact::PrepTime("30 mins")));
        check("⏲️ Preparation time: 1h", Some(Fact::PrepTime("1h")));
        check("Prep time: 5 min", Some(Fact::PrepTime("5 min")));
        check("🍳Cook Time: 2 hours", Some(Fact::CookTime("2 hours")));
        check("🍳 \"Cook\" time: 1 h", Some(Fact::CookTime("1 h")));
        check("🍽️ Servings : 10.", Some(Fact::Servings("10.")));
        check("🍽️ Servings 4", Some(Fact::Servings("4")));
        check("🍽️ Serving: 1 bowl", Some(Fact::Servings("1 bowl")));
        check("🍽 Serves: 1", Some(Fact::Servings("1")));
        check("🍽️Servings:12", Some(Fact::Servings("12")));
        check("🍽️ Servings:", Some(Fact::Servings("")));
        check("🍽️ Servings Varies", Some(Fact::Servings("Varies")));
        check(
            "⏲️ Wait time: 4 days",
            Some(Fact::Other("Wait time: 4 days")),
        );
        check("Serves around three people.", None);
        check("Prepare the dough: slowly.", None);
        check("🍳", None);
        check("", None);
    }

    #[test]
    fn reads_minutes() {
        fn check(text: &str, expected: Option<(u32, bool)>) {
            let read = parse_minutes(text).map(|read| (read.minutes, read.is_exact));
            assert_eq!(read, expected, "{text}");
        }
        check("10 min", Some((10, true)));
        check("10min", Some((10, true)));
        check("0m", Some((0, true)));
        check("10 minutes.", Some((10, true)));
        check("2h 30min", Some((150, true)));
        check("8 hr 30 min", Some((510, true)));
        check("1.5 hours", Some((90, true)));
        check("1 hr.", Some((60, true)));
        check("~1.5 hrs", Some((90, false)));
        check("≈ 3 hours", Some((180, false)));
        check("at least 4 hours", Some((240, false)));
        check("10-15 min", Some((10, false)));
        check("45 ~ 60 min", Some((45, false)));
        check("2 to 4 hours", Some((120, false)));
        check("2.5 - 3.25 hr", Some((150, false)));
        check("30 min + 15 h", Some((30, false)));
        check("1h 10min or 2h 10min", Some((70, false)));
        check("1 Hour+ in fridge", Some((60, false)));
        check("5 min/day", Some((5, false)));
        check("20", None);
        check("20 days", None);
        check("1/2 hour", None);
        check("Simmer all day", None);
        check("1.2.3 min", None);
        check("99999999999999999999 hours", None);
        check("", None);
    }

    #[test]
    fn reads_servings() {
        fn check(text: &str, expected: Option<u32>) {
            assert_eq!(parse_servings(text), expected, "{text}");
        }
        check("4", Some(4));
        check("2-4", Some(2));
        check("makes 4 large pretzels", Some(4));
        check("1~2, about 1 plate full", Some(1));
        check("10+", Some(10));
        check("Five-dozen individual cookies", None);
        check("0", None);
        check("99999999999999999999", None);
        check("", None);
    }
}
