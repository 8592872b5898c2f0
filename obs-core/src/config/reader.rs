//! Reads typed settings and collects every mistake instead of stopping at the first.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use obs_redact::Redactor;

use super::{Env, units};

/// A setting that could not be used as written, and what is used instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// Its value, `[REDACTED]` where the name or the value is sensitive.
    pub value: String,
    /// What would be right.
    pub expected: String,
    /// What is used instead.
    pub used: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}={:?}: expected {}; using {}",
            self.name, self.value, self.expected, self.used
        )
    }
}

/// Reads typed settings from an [`Env`].
///
/// A value that does not parse is noted as a [`Problem`] and the default is used; nothing stops at
/// the first mistake. What to do with the problems is the caller's choice: telemetry warns and goes
/// on, a program's own settings are start-up errors.
///
/// # Examples
/// ```
/// use obs_core::config::{Env, Reader};
///
/// let env = Env::from_pairs([("PORT", "99999")]);
/// let reader = Reader::new(&env);
/// let port = reader.parse("PORT", "a number from 0 to 65535", 3001, |text| text.parse::<u16>().ok());
/// assert_eq!(port, 3001);
/// assert_eq!(
///     reader.into_problems()[0].to_string(),
///     r#"PORT="99999": expected a number from 0 to 65535; using 3001"#
/// );
/// ```
#[derive(Debug)]
pub struct Reader<'e> {
    env: &'e Env,
    problems: RefCell<Vec<Problem>>,
    redactor: Redactor,
}

impl<'e> Reader<'e> {
    /// A reader of these variables.
    #[must_use]
    pub fn new(env: &'e Env) -> Self {
        Self {
            env,
            problems: RefCell::new(Vec::new()),
            redactor: Redactor::new(),
        }
    }

    /// The text of a variable, if it is set.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'e str> {
        if self.env.is_undecodable(name) {
            self.problem_once(name, "(not UTF-8)", "text in UTF-8", "the default");
        }
        self.env.var(name)
    }

    /// Notes variables that this version knows and does not honour, each with the reason.
    pub(crate) fn refuse(&self, variables: &[(&str, &str)]) {
        for (name, reason) in variables {
            if let Some(value) = self.text(name) {
                let expected = format!("no value: {reason}");
                self.problem(name, value, &expected, "what holds without it");
            }
        }
    }

    fn problem_once(&self, name: &str, value: &str, expected: &str, used: &str) {
        let known = self
            .problems
            .borrow()
            .iter()
            .any(|problem| problem.name == name);
        if !known {
            self.problem(name, value, expected, used);
        }
    }

    /// A value that `parse` understands; `expected` says what that is.
    pub fn parse<T: fmt::Display>(
        &self,
        name: &str,
        expected: &str,
        default: T,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        parse(text).unwrap_or_else(|| {
            self.problem(name, text, expected, &default.to_string());
            default
        })
    }

    /// A duration: `250ms`, `30s`, `15min`, `2h`, `14d`; a bare number is milliseconds.
    #[must_use]
    pub fn duration(&self, name: &str, default: Duration) -> Duration {
        let Some(text) = self.text(name) else {
            return default;
        };
        units::duration(text).unwrap_or_else(|| {
            self.problem(
                name,
                text,
                "a duration such as 250ms, 30s or 15min",
                &shown(default),
            );
            default
        })
    }

    /// A size in bytes: `512k`, `20m`, `1g`.
    #[must_use]
    pub fn bytes(&self, name: &str, default: u64) -> u64 {
        self.parse(name, "a size such as 512k or 20m", default, units::bytes)
    }

    /// A switch: `true`/`false`, `1`/`0`, `on`/`off`, `yes`/`no`.
    #[must_use]
    pub fn switch(&self, name: &str, default: bool) -> bool {
        self.parse(name, "true or false", default, |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "on" | "yes" => Some(true),
                "false" | "0" | "off" | "no" => Some(false),
                _ => None,
            }
        })
    }

    /// Notes a mistake that the typed methods cannot see; the value is masked if it is sensitive.
    pub fn problem(&self, name: &str, value: &str, expected: &str, used: &str) {
        let value = self
            .redactor
            .redact_field(name, value)
            .chars()
            .take(MAX_SHOWN)
            .collect();
        let problem = Problem {
            name: name.to_owned(),
            value,
            expected: expected.to_owned(),
            used: used.to_owned(),
        };
        let mut problems = self.problems.borrow_mut();
        // A setting that holds for several signals is read for each.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// All mistakes, in the order in which the settings were read.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A mistaken value is shown to be recognised, not to be archived.
const MAX_SHOWN: usize = 120;

fn shown(duration: Duration) -> String {
    if duration.is_zero() {
        "0s".to_owned()
    } else {
        format!("{duration:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_utf_8_is_a_mistake() {
        let env = Env::with_undecodable("REDACT_FIELDS");
        let reader = Reader::new(&env);
        assert_eq!(reader.text("REDACT_FIELDS"), None);
        assert_eq!(reader.text("REDACT_FIELDS"), None);
        assert_eq!(reader.into_problems().len(), 1);
    }
}
