//! `PolicyError`: everything that is wrong with a policy, at once.

use std::{error::Error, fmt};

/// Says why a [`Redactor`](crate::Redactor) could not be built.
///
/// All problems are listed, so that one look is enough to mend them. Patterns are named by their
/// place and not by their text: a pattern may spell out the secret that it is meant to catch.
///
/// # Examples
/// ```
/// use obs_redact::Redactor;
///
/// let error = Redactor::builder().field("--").pattern("a*").build().unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// assert_eq!(
///     error.to_string(),
///     "field 1 has no letter or digit; pattern 1 can match nothing at all, make it need at least one character",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    problems: Vec<String>,
}

impl PolicyError {
    /// Fails if there is a problem.
    pub(crate) fn check(problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }

    /// The problems, in the order of the builder's calls within each kind of rule.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problems.join("; "))
    }
}

impl Error for PolicyError {}
