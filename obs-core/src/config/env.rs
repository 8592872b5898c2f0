//! The source of settings: a snapshot of the process environment, or pairs that a test gives.

use std::collections::BTreeMap;
use std::fmt;

/// A snapshot of environment variables.
///
/// Read once at start, so that a running service does not depend on a process-wide variable that
/// another thread may change, and so that tests can run side by side with different settings.
/// Empty values count as unset, as the OpenTelemetry specification asks.
///
/// # Examples
/// ```
/// use obs_core::config::Env;
///
/// let env = Env::from_pairs([("LOG_LEVEL", "debug"), ("LOG_FORMAT", "")]);
/// assert_eq!(env.var("LOG_LEVEL"), Some("debug"));
/// assert_eq!(env.var("LOG_FORMAT"), None);
/// ```
#[derive(Clone, Default)]
pub struct Env {
    /// `None` where the value is not UTF-8: it is set, and cannot be used.
    vars: BTreeMap<String, Option<String>>,
}

impl Env {
    /// The environment of this process.
    #[must_use]
    pub fn process() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())));
        Self {
            vars: vars.collect(),
        }
    }

    /// Exactly these variables.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let vars = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), Some(value.into())));
        Self {
            vars: vars.collect(),
        }
    }

    /// The trimmed value of a variable, if it is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(name)?.as_deref()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Whether a variable is set to something that is not UTF-8.
    pub(super) fn is_undecodable(&self, name: &str) -> bool {
        self.vars.get(name).is_some_and(Option::is_none)
    }

    #[cfg(test)]
    pub(super) fn with_undecodable(name: &str) -> Self {
        Self {
            vars: BTreeMap::from([(name.to_owned(), None)]),
        }
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}
