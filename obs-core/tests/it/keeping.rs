//! Traces that head sampling refused and that are exported all the same, with everything in them.

use std::collections::BTreeMap;
use std::time::Duration;

use obs_core::SamplingReport;
use obs_core::SpanExt as _;
use obs_core::testing::{self, ManualClock, TestPipeline};

/// Nothing is taken by the head.
const REFUSED: (&str, &str) = ("OTEL_TRACES_SAMPLER_ARG", "0");
const SECOND: Duration = Duration::from_secs(1);

fn refusing(vars: &[(&str, &str)]) -> (TestPipeline, ManualClock) {
    let clock = ManualClock::new();
    let t = testing::builder()
        .env(&[REFUSED])
        .env(vars)
        .clock(&clock)
        .seed(1)
        .start();
    (t, clock)
}

fn report(t: &TestPipeline) -> SamplingReport {
    t.telemetry().status().sampling.unwrap()
}

fn names(t: &TestPipeline) -> Vec<String> {
    let mut names: Vec<String> = t.spans().iter().map(|span| span.name.clone()).collect();
    names.sort();
    names
}

#[test]
fn an_error_keeps_its_whole_local_trace() {
    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            tracing::info_span!("before").in_scope(|| drop(tracing::info_span!("inner")));
            tracing::info_span!("failing", otel.status_code = "error").in_scope(|| ());
            drop(tracing::info_span!("after"));
        });
        drop(root);
        tracing::info_span!("fine").in_scope(|| drop(tracing::info_span!("fine child")));
    });
    let spans = t.spans();
    let root = spans.one("root");
    root.has("sampling.reason", "error")
        .has("sampling.weight", 1.0);
    let before = root.child("before");
    before.has_no("sampling.reason").has_no("sampling.weight");
    before.child("inner");
    root.child("failing");
    root.child("after");
    assert_eq!(spans.len(), 5);
    let report = report(&t);
    assert_eq!((report.kept["error"], report.forgotten_spans), (1, 2));
    assert_eq!(report.held_bytes, 0);
    assert!(report.peak_held_bytes > 0);
}

#[test]
fn an_error_event_keeps_what_is_there_at_once() {
    let (t, _clock) = refusing(&[]);
    let root = t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            drop(tracing::info_span!("child"));
            tracing::error!("boom");
        });
        root
    });
    assert_eq!(names(&t), ["child"], "the root is still open");
    t.run_sync(|| drop(root));
    t.spans().one("root").has("sampling.reason", "error");
}

#[test]
fn what_takes_long_is_kept() {
    let (t, clock) = refusing(&[]);
    t.run_sync(|| {
        tracing::info_span!("at the limit").in_scope(|| clock.advance(SECOND));
        tracing::info_span!("slow").in_scope(|| {
            tracing::info_span!("query").in_scope(|| clock.advance(2 * SECOND));
        });
        tracing::info_span!("answered").in_scope(|| {
            tracing::Span::current().end_latency();
            clock.advance(2 * SECOND);
        });
        tracing::info_span!("answered late").in_scope(|| {
            clock.advance(2 * SECOND);
            tracing::Span::current().end_latency();
        });
        tracing::info_span!("stream").in_scope(|| {
            tracing::Span::current().exempt_from_slow();
            clock.advance(20 * SECOND);
        });
    });
    assert_eq!(names(&t), ["answered late", "query", "slow"]);
    let slow = t.spans().one("slow");
    slow.has("sampling.reason", "slow")
        .has("sampling.weight", 1.0);
    assert_eq!(
        slow.end_time_unix_nano - slow.start_time_unix_nano,
        2_000_000_000
    );
    assert_eq!(report(&t).kept["slow"], 2);
}

#[test]
fn the_program_may_ask_for_a_trace() {
    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        tracing::info_span!("root").in_scope(|| {
            drop(tracing::info_span!("before"));
            tracing::info_span!("asking").keep();
            drop(tracing::info_span!("after"));
        });
    });
    assert_eq!(names(&t), ["after", "asking", "before", "root"]);
    t.spans()
        .one("root")
        .has("sampling.reason", "forced")
        .has("sampling.weight", 1.0);
    assert_eq!(
        report(&t).kept,
        BTreeMap::from([("error", 0), ("forced", 1), ("late_error", 0), ("slow", 0)])
    );
}
