//! Pipelines whose head sampling takes nothing.

use std::time::Duration;

use obs_core::SamplingReport;
use obs_core::otel::Context;
use obs_core::testing::{self, ManualClock, TestPipeline};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A pipeline whose head takes nothing, and the clock that it runs by.
pub(super) fn refusing(vars: &[(&str, &str)]) -> (TestPipeline, ManualClock) {
    let clock = ManualClock::new();
    let t = testing::builder()
        .env(&[("OTEL_TRACES_SAMPLER_ARG", "0")])
        .env(vars)
        .clock(&clock)
        .seed(1)
        .start();
    (t, clock)
}

/// A pipeline whose head takes everything.
pub(super) fn taking() -> (TestPipeline, ManualClock) {
    refusing(&[("OTEL_TRACES_SAMPLER_ARG", "1")])
}

pub(super) fn report(t: &TestPipeline) -> SamplingReport {
    t.telemetry().status().sampling.unwrap()
}

/// An open span of a trace whose root has ended.
///
/// The OpenTelemetry context leads to the trace: below a span of `tracing` the root would stay open.
pub(super) fn outlived(t: &TestPipeline) -> tracing::Span {
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        let context = root.in_scope(|| {
            drop(tracing::info_span!("work"));
            Context::current()
        });
        let _active = context.attach();
        tracing::info_span!("late")
    })
}

/// The names of all spans that arrived, sorted.
pub(super) fn names(t: &TestPipeline) -> Vec<String> {
    let mut names: Vec<String> = t.spans().iter().map(|span| span.name.clone()).collect();
    names.sort();
    names
}
