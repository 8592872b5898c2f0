//! `RedactorBuilder`: the user's rules on top of the defaults.

use std::fmt;

use crate::{error::PolicyError, field::FieldRules, pattern::Patterns, redactor::Redactor};

/// Collects rules for a [`Redactor`].
///
/// Allowed names win over added ones, and both over the defaults.
///
/// # Examples
/// ```
/// use obs_redact::Redactor;
///
/// let redactor = Redactor::builder()
///     .field("nickname")
///     .allow("session_id")
///     .pattern(r"\bCUST-\d{6}\b")
///     .build()?;
///
/// assert_eq!(redactor.redact_field("user.nickname", "ada"), "[REDACTED]");
/// assert_eq!(redactor.redact_field("sessionId", "s1"), "s1");
/// assert_eq!(redactor.redact_text("call CUST-123456"), "call [REDACTED]");
/// # Ok::<(), obs_redact::PolicyError>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RedactorBuilder {
    fields: Vec<String>,
    allowed: Vec<String>,
    patterns: Vec<String>,
}

impl RedactorBuilder {
    /// Adds a name whose values are redacted.
    ///
    /// Compared by letters and digits alone, with the whole name or with its last words: `email`
    /// also covers `user.email` and `userEmail`, but not `email_count`.
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.fields.push(name.into());
        self
    }

    /// Adds names as [`field`](Self::field) does.
    pub fn fields<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.fields.extend(names.into_iter().map(Into::into));
        self
    }

    /// Lets the values of a name pass, whatever else says that the name is sensitive.
    ///
    /// Compared by letters and digits alone, with the whole name only. Rules by value still apply.
    pub fn allow(mut self, name: impl Into<String>) -> Self {
        self.allowed.push(name.into());
        self
    }

    /// Adds a regular expression whose matches are redacted in every text.
    ///
    /// The syntax is that of the `regex` crate; classes such as `\w` are ASCII. At most 64 patterns
    /// of 1,000 bytes each. A text with more than 1,000 matches loses everything after them.
    pub fn pattern(mut self, regex: impl Into<String>) -> Self {
        self.patterns.push(regex.into());
        self
    }

    /// Compiles the rules.
    ///
    /// # Errors
    /// [`PolicyError`] lists every name without a letter or digit or with more than 128 of them,
    /// and every pattern that does not compile, is too large, or can match nothing at all.
    pub fn build(self) -> Result<Redactor, PolicyError> {
        let mut problems = Vec::new();
        let mut rules = FieldRules::default();
        let mut patterns = Patterns::default();
        add_all("field", &self.fields, &mut problems, |name| {
            rules.sensitive.add(name)
        });
        add_all("allowed field", &self.allowed, &mut problems, |name| {
            rules.allowed.add(name)
        });
        add_all("pattern", &self.patterns, &mut problems, |pattern| {
            patterns.add(pattern)
        });
        PolicyError::check(problems)?;
        Ok(Redactor::with_rules(rules, patterns))
    }
}

impl fmt::Debug for RedactorBuilder {
    /// Shows how many rules were added, not what they are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedactorBuilder")
            .field("fields", &self.fields.len())
            .field("allowed", &self.allowed.len())
            .field("patterns", &self.patterns.len())
            .finish()
    }
}

fn add_all(
    kind: &str,
    rules: &[String],
    problems: &mut Vec<String>,
    mut add: impl FnMut(&str) -> Result<(), String>,
) {
    for (index, rule) in rules.iter().enumerate() {
        if let Err(problem) = add(rule) {
            problems.push(format!("{kind} {} {problem}", index + 1));
        }
    }
}
