//! What one trace, all traces, and a second may bring.

use std::collections::BTreeMap;

use obs_core::testing;

use super::support::{SECOND, names, refusing, report};

/// One span of this is a quarter of what a trace may hold.
const LARGE: usize = 64 * 1024;

#[test]
fn a_trace_over_its_bound_is_forgotten_and_its_errors_are_not() {
    let (t, _clock) = refusing(&[]);
    let text = "x".repeat(LARGE);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            for _ in 0..4 {
                drop(tracing::info_span!("large", text));
            }
            let forgotten = report(&t);
            assert_eq!((forgotten.held_bytes, forgotten.forgotten_spans), (0, 4));
            drop(tracing::info_span!("small"));
            tracing::info_span!("failing").in_scope(|| tracing::error!("boom"));
        });
    });
    assert_eq!(names(&t), ["failing", "root"]);
    let spans = t.spans();
    spans
        .one("failing")
        .has("sampling.reason", "late_error")
        .has_no("sampling.weight");
    spans
        .one("root")
        .has("sampling.reason", "error")
        .has("sampling.weight", 1.0);
    let report = report(&t);
    assert_eq!(
        report.over_bound,
        BTreeMap::from([
            ("open_spans", 0),
            ("rate", 0),
            ("rate_errors", 0),
            ("total_bytes", 0),
            ("trace_bytes", 1)
        ])
    );
    assert_eq!(report.forgotten_spans, 5);
    assert_eq!((report.kept["error"], report.kept["late_error"]), (1, 1));
    assert!(report.peak_held_bytes <= 256 * 1024);
}

#[test]
fn a_trace_that_is_kept_may_not_bring_more_than_its_bound_either() {
    let (t, _clock) = refusing(&[]);
    let text = "x".repeat(LARGE);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            tracing::error!("boom");
            for _ in 0..8 {
                drop(tracing::info_span!("large", text));
            }
            drop(tracing::info_span!("failing", otel.status_code = "error"));
        });
    });
    let expected = [vec!["failing"], vec!["large"; 3], vec!["root"]].concat();
    assert_eq!(names(&t), expected, "the root and errors always may");
    t.spans()
        .one("failing")
        .has("sampling.reason", "late_error");
    let report = report(&t);
    assert_eq!(report.over_bound["trace_bytes"], 1);
    assert_eq!((report.forgotten_spans, report.kept["late_error"]), (5, 1));
}

#[test]
fn all_traces_together_are_bounded() {
    let (t, _clock) = refusing(&[]);
    let text = "x".repeat(3 * LARGE);
    let roots: Vec<_> = t.run_sync(|| {
        let root = || {
            let root = tracing::info_span!("root");
            root.in_scope(|| drop(tracing::info_span!("large", text)));
            root
        };
        (0..100).map(|_| root()).collect()
    });
    let full = report(&t);
    let over = full.over_bound["total_bytes"];
    let most = 16 * 1024 * 1024;
    assert!((10..20).contains(&over), "{over} traces over the bound");
    assert!((most - 4 * LARGE as u64..=most).contains(&full.held_bytes));
    assert_eq!(full.peak_held_bytes, full.held_bytes);
    t.run_sync(|| drop(roots));
    let report = report(&t);
    assert_eq!((report.held_bytes, report.forgotten_spans), (0, 200));
    assert!(t.spans().is_empty());
}

#[test]
fn a_storm_of_errors_brings_no_more_than_the_rate() {
    let (t, clock) = refusing(&[("OBS_KEEP_RATE", "5")]);
    let storm = || {
        t.run_sync(|| {
            for _ in 0..20 {
                let root = tracing::info_span!("root", otel.status_code = "error");
                root.in_scope(|| {
                    drop(tracing::info_span!("child"));
                    tracing::error!("boom");
                });
            }
        });
        (t.spans().len(), report(&t))
    };
    let (arrived, after) = storm();
    assert_eq!((arrived, after.kept["error"]), (10, 5));
    assert_eq!(
        (after.over_bound["rate_errors"], after.forgotten_spans),
        (15, 30)
    );
    clock.advance(2 * SECOND);
    let (arrived, after) = storm();
    assert_eq!((arrived, after.kept["error"]), (20, 10));
    assert_eq!(
        (after.over_bound["rate_errors"], after.forgotten_spans),
        (30, 60)
    );
    assert_eq!(after.held_bytes, 0);
}

#[test]
fn a_rate_of_zero_keeps_nothing() {
    let (t, _clock) = refusing(&[("OBS_KEEP_RATE", "0")]);
    t.run_sync(|| tracing::info_span!("root").in_scope(|| tracing::error!("boom")));
    assert!(t.spans().is_empty());
    assert_eq!(report(&t).over_bound["rate_errors"], 1);
}

#[test]
fn the_numbers_are_metrics_from_the_start() {
    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        drop(tracing::info_span!("fine"));
        tracing::info_span!("root").in_scope(|| tracing::error!("boom"));
    });
    let metrics = t.metrics();
    let points = |name: &str, key: &str| -> BTreeMap<String, String> {
        let points = metrics.counter(name).iter().map(|point| {
            let label = testing::attribute(&point.attributes, key).unwrap_or_default();
            (label, format!("{:?}", point.value.as_ref().unwrap()))
        });
        points.collect()
    };
    let expected = |points: &[(&str, u64)]| -> BTreeMap<String, String> {
        let points = points.iter();
        points
            .map(|(label, value)| ((*label).to_owned(), format!("AsInt({value})")))
            .collect()
    };
    assert_eq!(
        points("obs.sampling.traces.kept", "sampling.reason"),
        expected(&[("error", 1), ("forced", 0), ("late_error", 0), ("slow", 0)])
    );
    assert_eq!(
        points("obs.sampling.traces.over_bound", "bound"),
        expected(&[
            ("open_spans", 0),
            ("rate", 0),
            ("rate_errors", 0),
            ("total_bytes", 0),
            ("trace_bytes", 0)
        ])
    );
    assert_eq!(
        points("obs.sampling.spans.forgotten", ""),
        expected(&[("", 1)])
    );
    assert_eq!(points("obs.sampling.held", ""), expected(&[("", 0)]));
    assert_eq!(metrics.one("obs.sampling.held").unit, "By");
}
