//! Measures one side once: a fresh process on one core, a router driven without sockets.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use axum::Router;
use serde::{Deserialize, Serialize};

use crate::{
    allocations, cpu,
    figures::Figures,
    ours,
    standard::{self, Bridge},
    work,
};

/// What observes the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// Nothing: the router alone.
    Bare,
    /// The stack that services wire by hand.
    Standard,
    /// The same stack with every option that makes it cheaper.
    Tuned,
    /// The SDK.
    Ours,
    /// The SDK without keeping errors and slow traces that were not sampled.
    KeepOff,
}

impl Side {
    /// The sides of the main figure, in the order of the table.
    pub(crate) const MAIN: [Self; 4] = [Self::Bare, Self::Standard, Self::Tuned, Self::Ours];

    /// The name on the command line and in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Standard => "standard",
            Self::Tuned => "tuned",
            Self::Ours => "ours",
            Self::KeepOff => "keep-off",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::MAIN
            .into_iter()
            .chain([Self::KeepOff])
            .find(|side| side.name() == name)
            .ok_or_else(|| {
                format!("unknown side {name:?}: bare, standard, tuned, ours or keep-off")
            })
    }
}

/// One measurement of one side.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) side: Side,
    /// Child spans in each request.
    pub(crate) queries: usize,
    pub(crate) requests: u64,
    pub(crate) core: usize,
    /// Count allocations; the times of such a run are not used.
    pub(crate) count_allocations: bool,
    pub(crate) log_dir: PathBuf,
    pub(crate) endpoint: String,
}

/// What was installed for a side, to be flushed and stopped at the end.
#[derive(Debug)]
enum Installed {
    Nothing,
    Standard(standard::Guard),
    Ours(ours::Guard),
}

impl Installed {
    fn new(job: &Job) -> Result<Self, Box<dyn Error>> {
        let standard = |bridge| standard::install(&job.log_dir, &job.endpoint, bridge);
        Ok(match job.side {
            Side::Bare => Self::Nothing,
            Side::Standard => Self::Standard(standard(Bridge::Stock)?),
            Side::Tuned => Self::Standard(standard(Bridge::Lean)?),
            Side::Ours => Self::Ours(ours::install(&job.log_dir, &job.endpoint, &[])?),
            Side::KeepOff => Self::Ours(ours::install(
                &job.log_dir,
                &job.endpoint,
                &[("OBS_KEEP", "off")],
            )?),
        })
    }

    fn observed(&self, routes: Router) -> Router {
        match self {
            Self::Nothing => routes,
            Self::Standard(_) => standard::observed(routes),
            Self::Ours(guard) => ours::observed(routes, guard),
        }
    }

    fn shutdown(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Nothing => Ok(()),
            Self::Standard(guard) => guard.shutdown(),
            Self::Ours(guard) => guard.shutdown(),
        }
    }
}

/// Runs the job and prints its figures as one line of JSON.
pub(crate) fn run(job: &Job) -> Result<(), Box<dyn Error>> {
    cpu::pin_to(job.core)?;
    let installed = Installed::new(job)?;
    let router = installed.observed(work::routes(job.queries));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work::drive(router.clone(), WARM_UP))?;

    if job.count_allocations {
        allocations::switch_on();
    }
    let (process, thread) = (cpu::process_time()?, cpu::thread_time()?);
    runtime.block_on(work::drive(router, job.requests))?;
    let thread = cpu::thread_time()? - thread;
    let stopping = Instant::now();
    installed.shutdown()?;
    let shutdown = stopping.elapsed();
    let process = cpu::process_time()? - process;
    // Before the log files are read to be counted.
    let peak_rss_kib = cpu::peak_rss_kib()?;

    let (log_lines, log_bytes) = combined_log(&job.log_dir)?;
    let figures = Figures {
        process_us: micros_each(process, job.requests),
        thread_us: micros_each(thread, job.requests),
        allocations: job
            .count_allocations
            .then(|| each(allocations::count(), job.requests)),
        peak_rss_kib,
        shutdown_s: shutdown.as_secs_f64(),
        requests: job.requests + WARM_UP,
        log_lines,
        log_bytes,
        ..Figures::default()
    };
    writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?;
    Ok(())
}

fn micros_each(time: Duration, requests: u64) -> f64 {
    each(
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        requests,
    )
}

#[expect(clippy::cast_precision_loss, reason = "figures are far below 2^53")]
fn each(total: u64, requests: u64) -> f64 {
    total as f64 / requests as f64
}

/// Lines and bytes of the files that hold all levels.
fn combined_log(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut lines, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("combined") {
            let content = fs::read(entry.path())?;
            bytes += content.len() as u64;
            lines += content.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }
    Ok((lines, bytes))
}

/// Requests before the clock starts, so that lazy parts are set up and caches warm.
const WARM_UP: u64 = 2_000;
