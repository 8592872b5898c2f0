//! What arrives of a million traces at ten per cent still says how many of each kind there were.

use std::collections::BTreeMap;
use std::time::Duration;

use obs_core::testing::{self, ManualClock};

#[test]
fn weights_tell_how_many_there_were_of_each_kind() {
    let clock = ManualClock::new();
    let t = testing::builder()
        .env(&[
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("LOG_FILE_PATH", "off"),
        ])
        .clock(&clock)
        .seed(1_000_000)
        .start();
    let mut truth = BTreeMap::<String, f64>::new();
    t.run_sync(|| {
        for number in 0..1_000_000_u32 {
            let kind = match number % 100 {
                33 | 66 => "error",
                99 => "slow",
                _ => "fine",
            };
            *truth.entry(kind.to_owned()).or_default() += 1.0;
            let request = tracing::info_span!(
                "request",
                otel.name = kind,
                otel.status_code = (kind == "error").then_some("error")
            );
            if kind == "slow" {
                clock.advance(Duration::from_millis(1_001));
            }
            drop(request);
        }
    });

    let mut told = BTreeMap::<String, f64>::new();
    for span in t.spans().iter() {
        let weight = span.attribute("sampling.weight").unwrap();
        *told.entry(span.name.clone()).or_default() += weight.parse::<f64>().unwrap();
    }
    for (kind, count) in &truth {
        let estimate = told.get(kind).copied().unwrap_or_default();
        let ratio = estimate / count;
        assert!(
            (0.98..=1.02).contains(&ratio),
            "{kind}: {estimate} of {count}"
        );
    }
    assert_eq!(told["error"], truth["error"], "each of them arrives");
    assert_eq!(told["slow"], truth["slow"], "each of them arrives");
    let report = t.telemetry().status().sampling.unwrap();
    assert_eq!(report.held_bytes, 0);
    assert_eq!(report.over_bound.values().sum::<u64>(), 0, "{report:?}");
}
