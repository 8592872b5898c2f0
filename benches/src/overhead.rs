//! The main figure: what observing costs per request, ours against the standard stack.

use std::{error::Error, process::ExitCode};

use crate::{arguments::Options, figures::Figures, processes::Processes, side::Side, table, work};

/// The figures of one side: one set per round, and why it stopped if it did.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) side: Side,
    pub(crate) rounds: Vec<Figures>,
    pub(crate) allocations: Option<f64>,
    pub(crate) failure: Option<String>,
}

/// Measures every side in interleaved rounds and prints the table.
///
/// The exit code is 1 if a side could not be measured.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let columns = measure_all(&Processes::new()?, options, work::USUAL_QUERIES);
    table::print(&columns, options)?;
    Ok(exit_code(&columns))
}

/// Failure if a side could not be measured.
pub(crate) fn exit_code(columns: &[Column]) -> ExitCode {
    if columns.iter().all(|column| column.failure.is_none()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The columns of the options' sides, in their order, for requests with so many child spans.
pub(crate) fn measure_all(processes: &Processes, options: &Options, queries: usize) -> Vec<Column> {
    let mut columns: Vec<Column> = options.sides.iter().copied().map(Column::new).collect();
    for column in &mut columns {
        let requests = options.requests.min(COUNTED_REQUESTS);
        column.take(
            measure(processes, column.side, queries, requests, true),
            |column, figures| {
                column.allocations = figures.allocations;
            },
        );
    }
    for round in 0..options.rounds {
        // Another side begins each round, so that none always runs on the warmest machine.
        columns.rotate_left(usize::from(round > 0));
        for column in &mut columns {
            if column.failure.is_none() {
                column.take(
                    measure(processes, column.side, queries, options.requests, false),
                    |column, figures| column.rounds.push(figures),
                );
            }
        }
    }
    columns.sort_by_key(|column| options.sides.iter().position(|side| *side == column.side));
    columns
}

impl Column {
    const fn new(side: Side) -> Self {
        Self {
            side,
            rounds: Vec::new(),
            allocations: None,
            failure: None,
        }
    }

    fn take(
        &mut self,
        outcome: Result<Figures, Box<dyn Error>>,
        keep: impl FnOnce(&mut Self, Figures),
    ) {
        match outcome {
            Ok(figures) => keep(self, figures),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }
}

/// One run of one side.
fn measure(
    processes: &Processes,
    side: Side,
    queries: usize,
    requests: u64,
    count: bool,
) -> Result<Figures, Box<dyn Error>> {
    let (figures, delivered) = processes.measure(&[
        "side".to_owned(),
        side.name().to_owned(),
        queries.to_string(),
        requests.to_string(),
        processes.measured_core.to_string(),
        if count { "count" } else { "time" }.to_owned(),
    ])?;
    Ok(Figures {
        delivered,
        ..figures
    })
}

/// Allocations per request hardly vary, so that fewer requests are enough to count them.
const COUNTED_REQUESTS: u64 = 20_000;
