//! The instruments that show what sampling does with traces that the head refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use crate::report::SamplingReport;
use crate::sampling::Tally;

/// Registers the instruments of one pipeline.
pub(super) fn register(meter: &Meter, tally: &Arc<Tally>) {
    let report = |read: fn(&SamplingReport, &dyn AsyncInstrument<u64>)| {
        let tally = Arc::clone(tally);
        move |counter: &dyn AsyncInstrument<u64>| read(&tally.report(), counter)
    };
    let _registered = meter
        .u64_observable_counter("obs.sampling.traces.kept")
        .with_unit("{trace}")
        .with_description("Local traces that head sampling refused and that were exported.")
        .with_callback(report(|report, counter| {
            observe(counter, "sampling.reason", &report.kept);
        }))
        .build();
    let _registered = meter
        .u64_observable_counter("obs.sampling.spans.forgotten")
        .with_unit("{span}")
        .with_description("Spans that were not exported, as their trace was refused.")
        .with_callback(report(|report, counter| {
            counter.observe(report.forgotten_spans, &[]);
        }))
        .build();
    let _registered = meter
        .u64_observable_counter("obs.sampling.traces.over_bound")
        .with_unit("{trace}")
        .with_description("Local traces that were forgotten, at least in part, at a bound.")
        .with_callback(report(|report, counter| {
            observe(counter, "bound", &report.over_bound);
        }))
        .build();
    let tally = Arc::clone(tally);
    let _registered = meter
        .i64_observable_up_down_counter("obs.sampling.held")
        .with_unit("By")
        .with_description("Memory taken by spans that wait for the end of their trace.")
        .with_callback(move |state| {
            let held = i64::try_from(tally.report().held_bytes).unwrap_or(i64::MAX);
            state.observe(held, &[]);
        })
        .build();
}

fn observe(
    counter: &dyn AsyncInstrument<u64>,
    key: &'static str,
    counts: &BTreeMap<&'static str, u64>,
) {
    for (value, count) in counts {
        counter.observe(*count, &[KeyValue::new(key, *value)]);
    }
}
