//! A steady stream of log records: how many arrive, and how much memory it takes meanwhile.

use std::{
    error::Error,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    cpu, ours,
    processes::Processes,
    side::Side,
    standard::{self, Bridge},
};

/// What to measure.
#[derive(Debug)]
pub(crate) struct Options {
    /// Log records a second.
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    pub(crate) sides: Vec<Side>,
}

/// One run of one side, in a process of its own.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) side: Side,
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    pub(crate) log_dir: std::path::PathBuf,
    pub(crate) endpoint: String,
}

/// What a side tells of its run.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    emitted: u64,
    /// Resident memory at the end of each second.
    rss_kib: Vec<u64>,
    /// The longest time that one call to log took.
    longest_call_us: u64,
    /// Processor time of the whole process per record.
    process_us: f64,
    /// What the side says became of its records.
    said: String,
}

/// Measures every side and prints a line for each.
///
/// The exit code is 1 if ours loses a record.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let processes = Processes::new()?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{} log records a second for {} s\n\n{:<9} {:>10} {:>10} {:>8} {:>30} {:>12} {:>12}",
        options.rate,
        options.seconds,
        "",
        "emitted",
        "arrived",
        "lost %",
        "MiB at 1/6 | middle | end",
        "longest us",
        "us/record"
    )?;
    let mut complete = true;
    for side in &options.sides {
        let (figures, delivered) = processes.measure::<Figures>(&[
            "pace".to_owned(),
            side.name().to_owned(),
            options.rate.to_string(),
            options.seconds.to_string(),
        ])?;
        let arrived = delivered.log_records;
        let lost = figures.emitted.saturating_sub(arrived);
        complete &= *side != Side::Ours || lost == 0;
        let memory = |share: usize| {
            let last = figures.rss_kib.len().saturating_sub(1);
            figures.rss_kib.get(last * share / 6).copied().unwrap_or(0) / 1024
        };
        writeln!(
            out,
            "{side:<9} {:>10} {arrived:>10} {:>8.2} {:>30} {:>12} {:>12.2}",
            figures.emitted,
            percent(lost, figures.emitted),
            format!("{} | {} | {}", memory(1), memory(3), memory(6)),
            figures.longest_call_us,
            figures.process_us,
        )?;
        if !figures.said.is_empty() {
            writeln!(out, "          {}", figures.said)?;
        }
    }
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Emits at the rate, ends, and prints its figures as one line of JSON.
pub(crate) fn pace(job: &Job) -> Result<(), Box<dyn Error>> {
    let ending = install(job.side, &job.log_dir, &job.endpoint)?;
    let mut figures = Figures::default();
    let begin = Instant::now();
    for second in 0..job.seconds {
        for tick in 0..TICKS {
            let due = begin + Duration::from_secs(second) + EVERY * tick;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let wanted = job.rate * u64::from(tick + 1) / u64::from(TICKS) + job.rate * second;
            while figures.emitted < wanted {
                emit(&mut figures);
            }
        }
        figures.rss_kib.push(cpu::rss_kib()?);
    }
    figures.said = ending()?;
    let micros = u32::try_from(figures.emitted).map_or(0.0, f64::from);
    figures.process_us = cpu::process_time()?.as_secs_f64() * 1_000_000.0 / micros;
    writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?;
    Ok(())
}

fn emit(figures: &mut Figures) {
    let begin = Instant::now();
    tracing::info!(
        recipe.id = figures.emitted,
        recipe.title = "lemon tart",
        ingredients = 9,
        "recipe cooked"
    );
    let took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
    figures.longest_call_us = figures.longest_call_us.max(took);
    figures.emitted += 1;
}

/// Ends a side and says what it says of its records.
type Ending = Box<dyn FnOnce() -> Result<String, Box<dyn Error>>>;

fn install(side: Side, log_dir: &Path, endpoint: &str) -> Result<Ending, Box<dyn Error>> {
    let standard = |bridge| -> Result<Ending, Box<dyn Error>> {
        let guard = standard::install(log_dir, endpoint, bridge)?;
        Ok(Box::new(|| guard.shutdown().map(|()| String::new())))
    };
    match side {
        Side::Bare => Err("the bare side has no log records".into()),
        Side::Standard => standard(Bridge::Stock),
        Side::Tuned => standard(Bridge::Lean),
        Side::KeepOff => Err("log records are never sampled".into()),
        Side::Ours => {
            let guard = ours::install(log_dir, endpoint, &[])?;
            Ok(Box::new(|| Ok(guard.end())))
        }
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    let share = |count| u32::try_from(count).map_or(f64::NAN, f64::from);
    100.0 * share(part) / share(whole)
}

const TICKS: u32 = 100;
const EVERY: Duration = Duration::from_millis(10);
