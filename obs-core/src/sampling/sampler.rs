//! The sampler that `OTEL_TRACES_SAMPLER` names.

use std::fmt;

use super::reason::{Head, Mark, Reason};
use crate::config::Reader;
use crate::propagation::TraceId;

/// Decides whether a trace is exported.
///
/// # Source
/// OpenTelemetry specification, environment variables, general SDK configuration; the ratio
/// decision is that of `TraceIdRatioBased` in the Rust SDK, so both agree on every id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampler {
    ratio: f64,
    /// Ids whose low 63 bits of the second half are below this are sampled.
    threshold: u64,
    trusts_parent: bool,
    /// Whether a trace that it refuses may be kept for what happens in it.
    allows_keeping: bool,
}

impl Sampler {
    pub(crate) fn new(ratio: f64, trusts_parent: bool) -> Self {
        let ratio = ratio.clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the ratio lies in 0..=1, so the product lies in 0..=2^63"
        )]
        let threshold = (ratio * (1_u64 << 63) as f64) as u64;
        Self {
            ratio,
            threshold,
            trusts_parent,
            allows_keeping: true,
        }
    }

    /// Refuses what no caller took, whatever happens.
    const fn off(self) -> Self {
        Self {
            allows_keeping: false,
            ..self
        }
    }

    /// Reads `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    pub(crate) fn read(reader: &Reader<'_>, default_ratio: f64) -> Self {
        let default = Self::new(default_ratio, true);
        let Some(name) = reader.text("OTEL_TRACES_SAMPLER") else {
            return Self::new(argument(reader, default_ratio), true);
        };
        match name {
            "always_on" => Self::new(1.0, false),
            "always_off" => Self::new(0.0, false).off(),
            "traceidratio" => Self::new(argument(reader, 1.0), false),
            "parentbased_always_on" => Self::new(1.0, true),
            "parentbased_always_off" => Self::new(0.0, true).off(),
            "parentbased_traceidratio" => Self::new(argument(reader, 1.0), true),
            other => {
                reader.problem("OTEL_TRACES_SAMPLER", other, NAMES, &default.to_string());
                default
            }
        }
    }

    /// The decision for a trace that starts here.
    pub(crate) fn samples_root(&self, trace_id: TraceId) -> bool {
        let bytes = trace_id.to_bytes();
        let low = bytes
            .iter()
            .skip(8)
            .fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
        low >> 1 < self.threshold
    }

    /// The decision for a trace that a caller started.
    pub(crate) fn samples_child(&self, trace_id: TraceId, parent_sampled: bool) -> bool {
        if self.trusts_parent {
            parent_sampled
        } else {
            self.samples_root(trace_id)
        }
    }

    /// What the root of a local trace says of this decision.
    ///
    /// Behind a caller that is trusted the weight assumes that it samples at the same ratio.
    pub(crate) fn head(&self, sampled: bool, has_parent: bool) -> Head {
        let reason = if has_parent && self.trusts_parent {
            Reason::Parent
        } else {
            Reason::Head
        };
        let weight = (self.ratio > 0.0).then(|| self.ratio.recip());
        Head {
            sampled,
            mark: Mark { reason, weight },
        }
    }

    /// Whether a trace that it refuses may be kept for what happens in it: not with `always_off`,
    /// which asks for none.
    pub(crate) fn allows_keeping(&self) -> bool {
        self.allows_keeping
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let based = if self.trusts_parent {
            "parentbased_"
        } else {
            ""
        };
        write!(f, "{based}traceidratio {}", self.ratio)
    }
}

/// Reads the ratio; the variable alone, without a sampler name, changes the default's ratio.
fn argument(reader: &Reader<'_>, default: f64) -> f64 {
    reader.parse(
        "OTEL_TRACES_SAMPLER_ARG",
        "a ratio from 0 to 1",
        default,
        |text| {
            text.parse()
                .ok()
                .filter(|ratio| (0.0..=1.0).contains(ratio))
        },
    )
}

const NAMES: &str = "always_on, always_off, traceidratio, parentbased_always_on, \
                     parentbased_always_off or parentbased_traceidratio";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    fn read(pairs: &[(&str, &str)]) -> (Sampler, usize) {
        let env = Env::from_pairs(pairs.iter().copied());
        let reader = Reader::new(&env);
        let sampler = Sampler::read(&reader, 0.1);
        (sampler, reader.into_problems().len())
    }

    #[test]
    fn standard_names_are_honoured() {
        let check = |name: &str, arg: &str, expected: Sampler| {
            let pairs = [
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", arg),
            ];
            assert_eq!(read(&pairs), (expected, 0), "{name} {arg}");
        };
        check("always_on", "", Sampler::new(1.0, false));
        check("always_off", "", Sampler::new(0.0, false).off());
        check("traceidratio", "0.25", Sampler::new(0.25, false));
        check("parentbased_always_on", "", Sampler::new(1.0, true));
        check("parentbased_always_off", "", Sampler::new(0.0, true).off());
        check("parentbased_traceidratio", "0.5", Sampler::new(0.5, true));
        check("parentbased_traceidratio", "", Sampler::new(1.0, true));
        check("", "", Sampler::new(0.1, true));
        check("", "0.2", Sampler::new(0.2, true));
    }

    #[test]
    fn only_always_off_forbids_keeping() {
        let allows = |name| read(&[("OTEL_TRACES_SAMPLER", name)]).0.allows_keeping();
        assert!(!allows("always_off") && !allows("parentbased_always_off"));
        assert!(allows("always_on") && allows("traceidratio"));
        assert!(Sampler::new(0.0, true).allows_keeping(), "a ratio of 0");
    }

    #[test]
    fn a_decision_stands_for_the_inverse_of_the_ratio() {
        let mark = |sampler: Sampler, has_parent| sampler.head(true, has_parent).mark;
        let expected = |reason, weight| Mark { reason, weight };
        let [trusts, decides] = [true, false].map(|trusts| Sampler::new(0.25, trusts));
        assert_eq!(mark(trusts, false), expected(Reason::Head, Some(4.0)));
        assert_eq!(mark(trusts, true), expected(Reason::Parent, Some(4.0)));
        assert_eq!(mark(decides, true), expected(Reason::Head, Some(4.0)));
        let none = Sampler::new(0.0, true);
        assert_eq!(mark(none, true), expected(Reason::Parent, None));
    }

    #[test]
    fn mistakes_are_told_and_the_default_is_used() {
        assert_eq!(
            read(&[("OTEL_TRACES_SAMPLER", "jaeger_remote")]),
            (Sampler::new(0.1, true), 1)
        );
        assert_eq!(
            read(&[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "abc")
            ]),
            (Sampler::new(1.0, false), 1)
        );
        assert_eq!(
            read(&[("OTEL_TRACES_SAMPLER_ARG", "1.5")]),
            (Sampler::new(0.1, true), 1)
        );
    }

    #[test]
    fn the_ratio_is_kept_over_random_ids() {
        let sampler = Sampler::new(0.1, true);
        let sampled = (0..100_000)
            .filter(|_| sampler.samples_root(TraceId::random()))
            .count();
        assert!((9_000..11_000).contains(&sampled), "{sampled}");
        assert!(!(0..1_000).any(|_| Sampler::new(0.0, true).samples_root(TraceId::random())));
        assert!((0..1_000).all(|_| Sampler::new(1.0, true).samples_root(TraceId::random())));
    }
}
