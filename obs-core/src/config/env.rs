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
    vars: BTreeMap<String, String>,
}

impl Env {
    /// The environment of this process; variables that are not UTF-8 are left out.
    #[must_use]
    pub fn process() -> Self {
        Self::from_pairs(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Exactly these variables.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        Self {
            vars: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// The trimmed value of a variable, if it is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}
