//! What is kept although head sampling refused it, as `OBS_KEEP` and its like say.

use std::fmt;
use std::time::Duration;

use super::reason::Reason;
use crate::config::Reader;

/// What is kept although head sampling refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(super) errors: bool,
    /// The latency above which a trace is slow.
    pub(super) slow: Option<Duration>,
    /// How many traces a second.
    pub(super) rate: u32,
    /// Whether callees are told.
    pub(super) propagates: bool,
}

impl Policy {
    /// Reads `OBS_KEEP`, `OBS_KEEP_SLOW`, `OBS_KEEP_RATE` and `OBS_KEEP_PROPAGATE`; none if nothing
    /// is to be kept.
    pub(crate) fn read(reader: &Reader<'_>) -> Option<Self> {
        let default = Merits {
            errors: true,
            slow: true,
        };
        let merits = reader.parse(
            "OBS_KEEP",
            "errors, slow, errors,slow or off",
            default,
            merits,
        );
        let slow = reader.duration("OBS_KEEP_SLOW", Duration::from_secs(1));
        let rate = reader.parse("OBS_KEEP_RATE", "a number of traces a second", 50, |text| {
            text.parse().ok()
        });
        let propagates = reader.switch("OBS_KEEP_PROPAGATE", false);
        let policy = Self {
            errors: merits.errors,
            slow: merits.slow.then_some(slow),
            rate,
            propagates,
        };
        (merits.errors || merits.slow).then_some(policy)
    }

    /// Whether something is kept for this reason.
    pub(super) fn honours(&self, reason: Reason) -> bool {
        match reason {
            Reason::Error | Reason::LateError => self.errors,
            Reason::Slow => self.slow.is_some(),
            Reason::Forced => true,
            Reason::Head | Reason::Parent => false,
        }
    }

    pub(super) fn is_slow(&self, latency: Duration) -> bool {
        self.slow.is_some_and(|slow| latency > slow)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slow = self.slow.map(|slow| format!("what takes over {slow:?}"));
        let merits: Vec<String> = self
            .errors
            .then(|| "errors".to_owned())
            .into_iter()
            .chain(slow)
            .collect();
        write!(f, "{} in any case (OBS_KEEP)", merits.join(" and "))
    }
}

/// The parts of `OBS_KEEP`.
#[derive(Clone, Copy, Debug)]
struct Merits {
    errors: bool,
    slow: bool,
}

impl fmt::Display for Merits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.errors, self.slow) {
            (true, true) => "errors,slow",
            (true, false) => "errors",
            (false, true) => "slow",
            (false, false) => "off",
        })
    }
}

fn merits(text: &str) -> Option<Merits> {
    let mut merits = Merits {
        errors: false,
        slow: false,
    };
    if text == "off" {
        return Some(merits);
    }
    for merit in text.split(',').map(str::trim) {
        match merit {
            "errors" => merits.errors = true,
            "slow" => merits.slow = true,
            _ => return None,
        }
    }
    Some(merits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    fn read(pairs: &[(&str, &str)]) -> (Option<Policy>, Vec<String>) {
        let env = Env::from_pairs(pairs.iter().copied());
        let reader = Reader::new(&env);
        let policy = Policy::read(&reader);
        let problems = reader.into_problems();
        (policy, problems.into_iter().map(|p| p.name).collect())
    }

    #[test]
    fn errors_and_slow_traces_are_kept_unless_the_variable_says_otherwise() {
        let default = Policy {
            errors: true,
            slow: Some(Duration::from_secs(1)),
            rate: 50,
            propagates: false,
        };
        let of = |keep: &str| read(&[("OBS_KEEP", keep)]);
        assert_eq!(read(&[]), (Some(default), Vec::new()));
        assert_eq!(of("slow, errors").0, Some(default));
        let errors = Policy {
            slow: None,
            ..default
        };
        assert_eq!(of("errors"), (Some(errors), Vec::new()));
        let slow = Policy {
            errors: false,
            ..default
        };
        assert_eq!(of("slow"), (Some(slow), Vec::new()));
        assert_eq!(of("off"), (None, Vec::new()));
    }

    #[test]
    fn mistakes_are_told_and_the_default_is_used() {
        let (policy, problems) = read(&[
            ("OBS_KEEP", "errors,warnings"),
            ("OBS_KEEP_SLOW", "long"),
            ("OBS_KEEP_RATE", "-1"),
            ("OBS_KEEP_PROPAGATE", "perhaps"),
        ]);
        assert_eq!(policy, read(&[]).0);
        assert_eq!(
            problems,
            [
                "OBS_KEEP",
                "OBS_KEEP_SLOW",
                "OBS_KEEP_RATE",
                "OBS_KEEP_PROPAGATE"
            ]
        );
    }

    #[test]
    fn the_other_variables_are_honoured() {
        let (policy, problems) = read(&[
            ("OBS_KEEP_SLOW", "250ms"),
            ("OBS_KEEP_RATE", "0"),
            ("OBS_KEEP_PROPAGATE", "true"),
        ]);
        let policy = policy.unwrap();
        assert_eq!(problems, [""; 0]);
        assert_eq!((policy.rate, policy.propagates), (0, true));
        assert!(policy.is_slow(Duration::from_millis(251)));
        assert!(!policy.is_slow(Duration::from_millis(250)));
        assert_eq!(
            policy.to_string(),
            "errors and what takes over 250ms in any case (OBS_KEEP)"
        );
    }
}
