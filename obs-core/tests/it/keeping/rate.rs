//! What the rate leaves for errors, whatever else asks for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use obs_core::SpanExt as _;

use super::support::{SECOND, names, outlived, refusing, report};

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn errors_arrive_though_everything_is_slow() {
    let (t, clock) = refusing(&[]);
    t.run_sync(|| {
        let mut open = VecDeque::new();
        // A thousand a second, each of which takes longer than a second, and 1 % of them fails.
        for number in 0..11_000 {
            let status = (number % 100 == 50).then_some("error");
            let root = tracing::info_span!("slow", otel.status_code = status);
            open.push_back(root);
            clock.advance(MILLISECOND);
            if open.len() > 1_001 {
                open.pop_front();
            }
        }
        clock.advance(10 * SECOND);
    });
    let report = report(&t);
    assert_eq!(report.kept["error"], 110);
    assert_eq!(report.over_bound["rate_errors"], 0);
    assert!(report.over_bound["rate"] > 9_000, "{report:?}");
    let kept = report.kept["error"] + report.kept["slow"];
    assert!((500..=50 + 11 * 50 + 50).contains(&kept), "{kept} kept");
}

#[test]
fn one_noisy_trace_leaves_the_rate_to_others() {
    let (t, clock) = refusing(&[("OBS_KEEP_RATE", "50")]);
    let item = outlived(&t);
    clock.advance(5 * SECOND);
    t.run_sync(|| {
        for number in 0..10_000 {
            clock.advance(MILLISECOND);
            item.in_scope(|| drop(tracing::info_span!("item", otel.status_code = "error")));
            if number % 50 == 25 {
                drop(tracing::info_span!(parent: None, "other", otel.status_code = "error"));
            }
        }
    });
    drop(item);
    let arrived = names(&t);
    let count = |name: &str| arrived.iter().filter(|n| *n == name).count();
    assert_eq!(count("other"), 200);
    assert_eq!(count("item"), 10, "one a second");
    let report = report(&t);
    assert_eq!((report.kept["error"], report.kept["late_error"]), (200, 10));
    assert_eq!(report.over_bound["rate_errors"], 0);
    assert_eq!(report.over_bound["rate"], 1, "once for the trace");
}

#[test]
fn what_is_slow_or_forced_and_then_fails_is_kept_as_an_error() {
    let (t, _clock) = refusing(&[("OBS_KEEP_RATE", "2")]);
    t.run_sync(|| {
        tracing::info_span!("forced").in_scope(|| tracing::Span::current().keep());
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            drop(tracing::info_span!("work"));
            root.keep();
            assert_eq!(report(&t).over_bound["rate"], 0, "it goes on waiting");
            tracing::error!("boom");
        });
        drop(root);
        let refused = tracing::info_span!("refused");
        refused.keep();
        drop(refused);
    });
    assert_eq!(names(&t), ["forced", "root", "work"]);
    t.spans().one("root").has("sampling.reason", "error");
    let over = report(&t).over_bound;
    assert_eq!((over["rate"], over["rate_errors"]), (1, 0));
}

#[test]
fn a_trace_that_was_refused_does_not_ask_again_for_its_root() {
    let (t, clock) = refusing(&[("OBS_KEEP_RATE", "1")]);
    t.run_sync(|| {
        tracing::info_span!("first").in_scope(|| tracing::error!("boom"));
        let root = tracing::info_span!("second");
        root.in_scope(|| {
            tracing::info_span!("part").in_scope(|| tracing::error!("boom"));
            clock.advance(SECOND / 2);
            drop(tracing::info_span!("early", otel.status_code = "error"));
            clock.advance(SECOND / 2);
            drop(tracing::info_span!("late", otel.status_code = "error"));
        });
        clock.advance(SECOND);
        drop(root);
        tracing::info_span!("third").in_scope(|| tracing::error!("boom"));
    });
    assert_eq!(names(&t), ["first", "late", "third"]);
    t.spans()
        .one("late")
        .has("sampling.reason", "late_error")
        .has_no("sampling.weight");
    let report = report(&t);
    assert_eq!((report.kept["error"], report.kept["late_error"]), (2, 1));
    let over = report.over_bound;
    assert_eq!((over["rate"], over["rate_errors"]), (0, 1));
}

#[test]
fn missing_errors_are_told() {
    let (t, _clock) = refusing(&[("OBS_KEEP_RATE", "2")]);
    t.run_sync(|| {
        for _ in 0..5 {
            drop(tracing::info_span!("root", otel.status_code = "error"));
        }
    });
    // The sender looks once a second, by the system's time.
    let patience = Instant::now() + Duration::from_secs(30);
    let told = |line: &String| line.contains("\"warn\"") && line.contains("OBS_KEEP_RATE=2 ");
    let line = loop {
        if let Some(line) = t.lines().into_iter().find(told) {
            break line;
        }
        assert!(Instant::now() < patience, "nobody said it");
        std::thread::yield_now();
    };
    assert!(line.contains("3 more local traces"), "{line}");
    assert!(!t.receiver().raw_bytes_contain("OBS_KEEP_RATE"));
}
