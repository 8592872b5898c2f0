//! What it costs to keep errors and slow traces that were not sampled: the SDK against itself.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    arguments::Options,
    figures::{Figures, Spread},
    overhead::{self, Column},
    processes::Processes,
    side::Side,
    table,
};

/// Measures requests with few and with many spans, keeping on and off in interleaved rounds.
///
/// The exit code is 1 if a side could not be measured.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let processes = Processes::new()?;
    let mut out = io::stdout();
    let mut code = ExitCode::SUCCESS;
    writeln!(
        out,
        "{} rounds of {} requests; median (lowest to highest)",
        options.rounds, options.requests
    )?;
    for queries in QUERIES {
        let columns = overhead::measure_all(&processes, options, queries);
        if columns.iter().any(|column| column.failure.is_some()) {
            code = ExitCode::FAILURE;
        }
        writeln!(out, "\na server span and {queries} child spans")?;
        table::write_cost_heads(&mut out)?;
        for column in &columns {
            table::write_costs(&mut out, column)?;
        }
        write_ratio(&mut out, "process", &columns, |figures| figures.process_us)?;
        write_ratio(&mut out, "request thread", &columns, |figures| {
            figures.thread_us
        })?;
    }
    Ok(code)
}

/// Prints the ratio of the medians, and the ends of the ratios round by round.
fn write_ratio(
    out: &mut impl Write,
    name: &str,
    columns: &[Column],
    figure: fn(&Figures) -> f64,
) -> io::Result<()> {
    let rounds = |side| -> Vec<f64> {
        let column = columns.iter().find(|column| column.side == side);
        let rounds = column.map_or(&[][..], |column| &column.rounds);
        rounds.iter().map(figure).collect()
    };
    let (on, off) = (rounds(Side::Ours), rounds(Side::KeepOff));
    let by_round = Spread::of(on.iter().zip(&off).map(|(on, off)| on / off));
    let (Some(on), Some(off), Some(by_round)) = (Spread::of(on), Spread::of(off), by_round) else {
        return writeln!(out, "{name}, on / off = not measured");
    };
    writeln!(
        out,
        "{name}, on / off = {:.3} (by round {:.3} to {:.3})",
        on.median / off.median,
        by_round.min,
        by_round.max
    )
}

/// Child spans of the requests: none, those of the main figure, several.
const QUERIES: [usize; 3] = [0, 1, 3];
