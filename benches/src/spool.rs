//! The disk spool: how fast records reach the disk in an outage, and how much room they take there.

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use obs_core::{SignalReport, Telemetry};
use serde::{Deserialize, Serialize};
use tracing::{Dispatch, dispatcher};

use crate::{cpu, ours, processes::Processes, work};

/// What to measure.
#[derive(Debug)]
pub(crate) struct Options {
    /// Requests whose records are spooled.
    pub(crate) requests: u64,
}

/// One signal, in a process of its own.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) signal: Signal,
    pub(crate) requests: u64,
    pub(crate) folder: PathBuf,
    /// Takes everything: shows how large the records are.
    pub(crate) endpoint: String,
}

/// What is spooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Access log and one event of the program for each request.
    Logs,
    /// Server span and one child for each request.
    Traces,
}

impl Signal {
    const ALL: [Self; 2] = [Self::Logs, Self::Traces];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }

    /// The variable that turns off the other one.
    const fn exporter_of_the_other(self) -> &'static str {
        match self {
            Self::Logs => "OTEL_TRACES_EXPORTER",
            Self::Traces => "OTEL_LOGS_EXPORTER",
        }
    }
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|signal| signal.name() == name)
            .ok_or_else(|| format!("unknown signal {name:?}: logs or traces"))
    }
}

/// What the process tells of its run.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// Records that reached the disk.
    spooled: u64,
    /// Those of them that did after the first were there, and how long that took.
    timed: u64,
    seconds: f64,
    /// How long all were being recorded.
    recording_seconds: f64,
    bytes_on_disk: u64,
    /// Processor time of the thread that recorded, and of all others, per record.
    recording_us: f64,
    spooling_us: f64,
}

/// Measures both signals and prints a line for each.
///
/// The exit code is 1 if a figure is not reached.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let processes = Processes::new()?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{} requests, two records each, no server\n\n{:<7} {:>9} {:>14} {:>10} {:>10} {:>8} {:>9} {:>11} {:>12}",
        options.requests,
        "",
        "records",
        "bytes/record",
        "on disk",
        "records/s",
        "MB/s",
        "MB/cpu s",
        "recorded s",
        "recording us"
    )?;
    let mut code = ExitCode::SUCCESS;
    for signal in Signal::ALL {
        let (figures, delivered) = processes.measure::<Figures>(&[
            "spooling".to_owned(),
            signal.name().to_owned(),
            options.requests.to_string(),
        ])?;
        let encoded = ratio(delivered.bytes, delivered.spans + delivered.log_records);
        let speed = float(figures.timed) / figures.seconds;
        let megabytes = speed * encoded / 1_000_000.0;
        let of_one_core = encoded / figures.spooling_us;
        if megabytes.max(of_one_core) < WANTED_MEGABYTES {
            code = ExitCode::FAILURE;
        }
        writeln!(
            out,
            "{:<7} {:>9} {encoded:>14.1} {:>10.1} {speed:>10.0} {megabytes:>8.1} {of_one_core:>9.1} {:>11.2} {:>12.2}",
            signal.name(),
            figures.spooled,
            ratio(figures.bytes_on_disk, figures.spooled),
            figures.recording_seconds,
            figures.recording_us,
        )?;
    }
    Ok(code)
}

/// Sends some records, spools many, and prints the figures as one line of JSON.
pub(crate) fn spooling(job: &Job) -> Result<(), Box<dyn Error>> {
    send_samples(job)?;
    let figures = fill_spool(job)?;
    writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?;
    Ok(())
}

fn send_samples(job: &Job) -> Result<(), Box<dyn Error>> {
    let (telemetry, dispatch) = pipeline(job.signal, &job.endpoint, &[])?;
    record(&telemetry, &dispatch, SAMPLES)?;
    let report = telemetry.shutdown(PATIENCE);
    if report.is_complete() {
        Ok(())
    } else {
        Err(report.to_string().into())
    }
}

fn fill_spool(job: &Job) -> Result<Figures, Box<dyn Error>> {
    let folder = job.folder.join("spool");
    let settings = [
        (
            "OBS_SPOOL_DIR",
            folder.to_str().ok_or("the folder's name is not UTF-8")?,
        ),
        ("OBS_SPOOL_SIZE", "4g"),
        // Whatever comes faster than it can be written waits in memory.
        ("OBS_QUEUE_SIZE", "2g"),
    ];
    let wanted = job.requests * RECORDS_PER_REQUEST;
    let (telemetry, dispatch) = pipeline(job.signal, &nobody()?, &settings)?;
    let (process, begin) = (cpu::process_time()?, Instant::now());
    let (recording, timed) = thread::scope(|scope| {
        let recording = scope.spawn(|| {
            let time = || cpu::thread_time().map_err(|error| error.to_string());
            let before = time()?;
            record(&telemetry, &dispatch, job.requests).map_err(|error| error.to_string())?;
            Ok::<_, String>((begin.elapsed(), time()? - before))
        });
        let timed = watch(&telemetry, wanted);
        (recording.join(), timed)
    });
    let (timed, took) = timed?;
    let (recorded, recording) = recording.map_err(|_| "recording panicked")??;
    let others = cpu::process_time()? - process - recording;
    let report = telemetry.shutdown(PATIENCE);
    let spooled = report.signals.iter().map(|signal| signal.spooled).sum();
    if spooled != wanted {
        return Err(report.to_string().into());
    }
    let micros_each = |time: Duration| time.as_secs_f64() * 1_000_000.0 / float(spooled);
    Ok(Figures {
        spooled,
        timed,
        seconds: took.as_secs_f64(),
        recording_seconds: recorded.as_secs_f64(),
        bytes_on_disk: size_of(&folder)?,
        recording_us: micros_each(recording),
        spooling_us: micros_each(others),
    })
}

/// Waits until all of so many records are on disk but for those that try whether the server is back.
/// Returns how many came after the first, and how long they took.
fn watch(telemetry: &Telemetry, wanted: u64) -> Result<(u64, Duration), String> {
    let begin = Instant::now();
    let mut first = (begin, 0);
    loop {
        let status = telemetry.status();
        let sum = |count: fn(&SignalReport) -> u64| status.signals.iter().map(count).sum::<u64>();
        let spooled = sum(|signal| signal.spooled);
        let held_bytes = sum(|signal| signal.held_bytes);
        let now = Instant::now();
        let is_over = sum(|signal| signal.accepted) == wanted && held_bytes <= TRIED_BYTES;
        if is_over && spooled > 0 {
            let (since, before) = first;
            return Ok((spooled - before, now - since));
        }
        if first.1 == 0 && spooled > 0 {
            first = (now, spooled);
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("{spooled} of {wanted} records on disk: {status}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn pipeline(
    signal: Signal,
    endpoint: &str,
    settings: &[(&str, &str)],
) -> Result<(Telemetry, Dispatch), Box<dyn Error>> {
    let own = [
        ("OTEL_TRACES_SAMPLER_ARG", "1"),
        (signal.exporter_of_the_other(), "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("LOG_FORMAT", "off"),
    ];
    let settings: Vec<_> = own.iter().chain(settings).copied().collect();
    ours::build(Path::new("off"), endpoint, &settings)
}

fn record(telemetry: &Telemetry, dispatch: &Dispatch, requests: u64) -> Result<(), Box<dyn Error>> {
    let routes = work::routes(work::USUAL_QUERIES).layer(obs_tower::observe(telemetry));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    dispatcher::with_default(dispatch, || runtime.block_on(work::drive(routes, requests)))?;
    Ok(())
}

/// The address of a port that was free a moment ago.
fn nobody() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("http://{}", listener.local_addr()?))
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() {
            size_of(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(size)
}

fn ratio(part: u64, whole: u64) -> f64 {
    float(part) / float(whole)
}

#[expect(clippy::cast_precision_loss, reason = "figures are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// What the spool has to take, before compression.
const WANTED_MEGABYTES: f64 = 50.0;

/// Requests whose records are sent, to know their size.
const SAMPLES: u64 = 5_000;

/// The work of a request is two log records, and two spans.
const RECORDS_PER_REQUEST: u64 = 2;

/// The most that is tried while a server fails: two requests.
const TRIED_BYTES: u64 = 2 * 4 * 1024 * 1024;

const PATIENCE: Duration = Duration::from_secs(120);
