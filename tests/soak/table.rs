//! What came of it, as a table.

use obs_tests::fault::Fault;

use crate::{options, outages::Outcome};

pub(crate) fn head() -> String {
    let rule = "|---|---|---|---|---|---|---|---|---|";
    format!(
        "| outage | signal | sent | arrived | lost | doubled (known) | peak memory | peak spool \
         | replays |\n{rule}"
    )
}

/// A line for each signal of a kind.
pub(crate) fn line(kind: Fault, outcome: &Outcome) -> String {
    let lines = [("logs", &outcome.logs), ("spans", &outcome.spans)].map(|(name, signal)| {
        let memory = mebibytes(outcome.memory);
        let spool = mebibytes(outcome.spool);
        let replays: Vec<_> = outcome
            .replays
            .iter()
            .map(|time| format!("{:.1} s", time.as_secs_f64()))
            .collect();
        format!(
            "| {} | {name} | {} | {} | {} | {} ({}) | {memory} | {spool} | {} |",
            options::name(kind),
            signal.sent,
            signal.arrived,
            signal.lost,
            signal.doubled,
            signal.perhaps_doubled,
            replays.join(", ")
        )
    });
    lines.join("\n")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
