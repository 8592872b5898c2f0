//! The choices of a test about its pipeline.

use super::clock::ManualClock;
use super::pipeline::TestPipeline;
use crate::clock::Clock;
use crate::propagation::IdSource;

/// A pipeline with further choices.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use obs_core::testing;
///
/// let clock = testing::ManualClock::new();
/// let t = testing::builder()
///     .env(&[("OTEL_TRACES_SAMPLER_ARG", "0")])
///     .clock(&clock)
///     .seed(42)
///     .start();
/// t.run_sync(|| {
///     let _slow = tracing::info_span!("slow").entered();
///     clock.advance(Duration::from_secs(3));
/// });
/// t.spans().one("slow").has("sampling.reason", "slow");
/// ```
pub fn builder() -> TestBuilder {
    TestBuilder::default()
}

/// Choices for a [`TestPipeline`]; made by [`builder`].
#[must_use = "a builder does nothing until `start`"]
#[derive(Debug, Default)]
pub struct TestBuilder {
    pub(super) vars: Vec<(String, String)>,
    pub(super) clock: Clock,
    pub(super) ids: IdSource,
}

impl TestBuilder {
    /// Further variables, which win over those of [`pipeline`](super::pipeline).
    pub fn env(mut self, vars: &[(&str, &str)]) -> Self {
        let owned = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.vars.extend(owned);
        self
    }

    /// Spans, events and sampling take the time from this clock. Sending does not: it goes on by
    /// itself.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Clock::Manual(clock.clone());
        self
    }

    /// The same ids in every run, in the order in which spans begin.
    pub fn seed(mut self, seed: u64) -> Self {
        self.ids = IdSource::seeded(seed);
        self
    }

    /// Starts the pipeline.
    ///
    /// # Panics
    /// If the variables are refused, or the system gives no port, thread or folder.
    #[must_use]
    pub fn start(self) -> TestPipeline {
        TestPipeline::start(self)
    }
}
