//! Prints what was measured, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    arguments::Options,
    figures::{Figures, Spread},
    overhead::Column,
    side::Side,
};

/// Prints the table, or the same as JSON if the options ask for it.
pub(crate) fn print(columns: &[Column], options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if options.json {
        writeln!(out, "{:#}", as_json(columns, options))
    } else {
        write_table(&mut out, columns, options)
    }
}

/// Ratio of two sides' overhead over the bare router, round by round.
fn ratio(
    columns: &[Column],
    of: Side,
    to: Side,
    figure: impl Fn(&Figures) -> f64,
) -> Option<Spread> {
    let rounds = |side| {
        columns
            .iter()
            .find(|column| column.side == side)
            .map(|column| column.rounds.as_slice())
    };
    let (bare, of, to) = (rounds(Side::Bare)?, rounds(of)?, rounds(to)?);
    let ratios = bare
        .iter()
        .zip(of)
        .zip(to)
        .map(|((bare, of), to)| (figure(of) - figure(bare)) / (figure(to) - figure(bare)));
    Spread::of(ratios)
}

/// Prints the heads of what [`write_costs`] prints.
pub(crate) fn write_cost_heads(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<9} {:>24} {:>24} {:>12} {:>10} {:>10}",
        "", "process us/request", "thread us/request", "allocations", "peak MiB", "flush s"
    )
}

fn write_table(out: &mut impl Write, columns: &[Column], options: &Options) -> io::Result<()> {
    writeln!(
        out,
        "{} rounds of {} requests; median (lowest to highest)\n",
        options.rounds, options.requests
    )?;
    write_cost_heads(out)?;
    for column in columns {
        write_costs(out, column)?;
    }
    writeln!(
        out,
        "\nper round, warm-up included\n{:<9} {:>9} {:>9} {:>12} {:>14} {:>10} {:>10} {:>10}",
        "",
        "requests",
        "spans",
        "log records",
        "metric points",
        "log lines",
        "OTLP MiB",
        "file MiB"
    )?;
    for column in columns {
        write_deliveries(out, column)?;
    }
    writeln!(out)?;
    write_ratio(
        out,
        "main figure: ratio",
        ratio(columns, Side::Ours, Side::Standard, process),
    )?;
    write_ratio(
        out,
        "on the request thread",
        ratio(columns, Side::Ours, Side::Standard, thread),
    )?;
    write_ratio(
        out,
        "against the tuned stack",
        ratio(columns, Side::Ours, Side::Tuned, process),
    )?;
    writeln!(out, "(our overhead over the bare router / the other's)")
}

/// Prints what a side costs, as one line.
pub(crate) fn write_costs(out: &mut impl Write, column: &Column) -> io::Result<()> {
    if let Some(failure) = &column.failure {
        return writeln!(out, "{:<9} not measured: {failure}", column.side);
    }
    let all = |figure: fn(&Figures) -> f64| Spread::of(column.rounds.iter().map(figure));
    writeln!(
        out,
        "{:<9} {:>24} {:>24} {:>12.1} {:>10.1} {:>10.2}",
        column.side,
        with_ends(all(process)),
        with_ends(all(thread)),
        column.allocations.unwrap_or_default(),
        median(all(|figures| mebibytes(figures.peak_rss_kib * 1024))),
        median(all(|figures| figures.shutdown_s)),
    )
}

fn write_deliveries(out: &mut impl Write, column: &Column) -> io::Result<()> {
    let all = |figure: fn(&Figures) -> f64| median(Spread::of(column.rounds.iter().map(figure)));
    if column.rounds.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:<9} {:>9} {:>9} {:>12} {:>14} {:>10} {:>10.1} {:>10.1}",
        column.side,
        all(|figures| float(figures.requests)),
        all(|figures| float(figures.delivered.spans)),
        all(|figures| float(figures.delivered.log_records)),
        all(|figures| float(figures.delivered.metric_points)),
        all(|figures| float(figures.log_lines)),
        all(|figures| mebibytes(figures.delivered.bytes)),
        all(|figures| mebibytes(figures.log_bytes)),
    )?;
    let malformed = all(|figures| float(figures.delivered.malformed));
    if malformed > 0.0 {
        writeln!(out, "{:<9} {malformed} bodies were no OTLP messages", "")?;
    }
    Ok(())
}

fn write_ratio(out: &mut impl Write, name: &str, ratio: Option<Spread>) -> io::Result<()> {
    match ratio {
        Some(Spread { median, min, max }) => {
            writeln!(out, "{name} = {median:.3} ({min:.3} to {max:.3})")
        }
        None => writeln!(out, "{name} = not measured"),
    }
}

fn as_json(columns: &[Column], options: &Options) -> Value {
    let sides: Vec<Value> = columns
        .iter()
        .map(|column| {
            json!({
                "side": column.side,
                "failure": column.failure,
                "allocations": column.allocations,
                "process_us": Spread::of(column.rounds.iter().map(process)),
                "thread_us": Spread::of(column.rounds.iter().map(thread)),
                "rounds": column.rounds,
            })
        })
        .collect();
    json!({
        "requests": options.requests,
        "sides": sides,
        "main_figure": ratio(columns, Side::Ours, Side::Standard, process),
        "request_thread": ratio(columns, Side::Ours, Side::Standard, thread),
        "against_tuned": ratio(columns, Side::Ours, Side::Tuned, process),
    })
}

const fn process(figures: &Figures) -> f64 {
    figures.process_us
}

const fn thread(figures: &Figures) -> f64 {
    figures.thread_us
}

fn with_ends(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |Spread { median, min, max }| {
        format!("{median:.2} ({min:.2} to {max:.2})")
    })
}

fn median(spread: Option<Spread>) -> f64 {
    spread.map_or(0.0, |spread| spread.median)
}

fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "figures are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
