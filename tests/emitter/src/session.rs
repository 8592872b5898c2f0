//! Obeys the commands and answers each with a line of JSON.

use std::{
    fs,
    io::{self, BufRead as _, Write as _},
    process::{self, ExitCode},
    time::{Duration, Instant},
};

use obs_core::{ShutdownReport, SignalReport, Telemetry};
use serde_json::{Map, Value, json};

use tracing::Level;

use crate::{
    command::Command,
    emission::{Emitted, longest_of, text, time_of},
    load::Load,
};

/// The telemetry of the process, for as long as it has any, and what was emitted.
#[derive(Debug)]
pub(crate) struct Session {
    telemetry: Option<Telemetry>,
    emitted: Emitted,
    loads: Vec<Load>,
}

type Answer = Result<Value, String>;

impl Session {
    pub(crate) fn new(telemetry: Telemetry) -> Self {
        Self {
            telemetry: Some(telemetry),
            emitted: Emitted::default(),
            loads: Vec::new(),
        }
    }

    /// Obeys until the input ends.
    pub(crate) fn run(mut self) -> ExitCode {
        for command in commands() {
            say(command.and_then(|command| self.obey(command)));
        }
        ExitCode::SUCCESS
    }

    /// The same where there is a runtime.
    pub(crate) async fn run_async(mut self) -> ExitCode {
        for command in commands() {
            let answer = match command {
                Ok(Command::Shutdown(timeout)) => self.shutdown_async(timeout).await,
                Ok(command) => self.obey(command),
                Err(problem) => Err(problem),
            };
            say(answer);
        }
        ExitCode::SUCCESS
    }

    fn obey(&mut self, command: Command) -> Answer {
        match command {
            Command::Logs {
                count,
                level,
                bytes,
            } => {
                let text = text(bytes);
                Ok(longest(longest_of(count, || {
                    self.emitted.log(level, &text)
                })))
            }
            Command::Spans(count) => Ok(longest(longest_of(count, || self.emitted.span()))),
            Command::Counter(count) => self.count(count),
            Command::Load { logs, spans } => self.set_load(logs, spans),
            Command::Ids(from) => {
                self.emitted.go_on_from(from);
                Ok(self.emitted.to_json())
            }
            Command::Flush(timeout) => {
                let begin = Instant::now();
                let flushed = self.telemetry()?.flush(timeout);
                Ok(json!({ "flushed": flushed, "took_ms": millis(begin.elapsed()) }))
            }
            Command::Status => self.status(),
            Command::Memory => memory(),
            Command::Shutdown(timeout) | Command::ShutdownBlocking(timeout) => {
                let telemetry = self.telemetry.take().ok_or(GONE)?;
                let begin = Instant::now();
                let report = telemetry.shutdown(timeout);
                Ok(self.report(&report, begin.elapsed()))
            }
            Command::Drop => {
                let telemetry = self.telemetry.take().ok_or(GONE)?;
                Ok(json!({ "took_ms": millis(time_of(|| drop(telemetry))) }))
            }
            Command::Exit(code) => exit(code),
        }
    }

    async fn shutdown_async(&mut self, timeout: Duration) -> Answer {
        let telemetry = self.telemetry.take().ok_or(GONE)?;
        let begin = Instant::now();
        let report = telemetry.shutdown_async(timeout).await;
        Ok(self.report(&report, begin.elapsed()))
    }

    fn count(&self, count: u64) -> Answer {
        let counter = self.telemetry()?.handle().meter("emitter");
        let counter = counter.u64_counter("emitter.count").build();
        Ok(longest(longest_of(count, || counter.add(1, &[]))))
    }

    fn set_load(&mut self, logs: u64, spans: u64) -> Answer {
        let done: Vec<_> = self.loads.drain(..).map(Load::stop).collect();
        if logs > 0 {
            let emitted = self.emitted.clone();
            self.load(logs, move || emitted.log(Level::INFO, ""))?;
        }
        if spans > 0 {
            let emitted = self.emitted.clone();
            self.load(spans, move || emitted.span())?;
        }
        let count: u64 = done.iter().map(|done| done.count).sum();
        let longest = done.iter().map(|done| done.longest).max();
        Ok(json!({ "count": count, "longest_ns": nanos(longest.unwrap_or_default()) }))
    }

    fn load(&mut self, rate: u64, emit: impl Fn() + Send + 'static) -> Result<(), String> {
        let load = Load::start(rate, emit).map_err(|error| error.to_string())?;
        self.loads.push(load);
        Ok(())
    }

    fn status(&self) -> Answer {
        let status = self.telemetry()?.status();
        Ok(json!({ "emitted": self.emitted.to_json(), "signals": signals(&status.signals) }))
    }

    fn report(&self, report: &ShutdownReport, took: Duration) -> Value {
        json!({
            "complete": report.is_complete(),
            "emitted": self.emitted.to_json(),
            "lines_written": report.lines_written,
            "signals": signals(&report.signals),
            "took_ms": millis(took),
        })
    }

    fn telemetry(&self) -> Result<&Telemetry, String> {
        self.telemetry.as_ref().ok_or_else(|| GONE.to_owned())
    }
}

/// Says why there is no session.
pub(crate) fn refuse(problem: &str) -> ExitCode {
    // Nobody may be listening; the exit code says it too.
    let _unheard = writeln!(io::stderr(), "{problem}");
    ExitCode::from(2)
}

fn commands() -> impl Iterator<Item = Result<Command, String>> {
    // Not locked: a future that holds the lock could not move between threads.
    let next = || {
        let mut line = String::new();
        let length = io::stdin().lock().read_line(&mut line).ok()?;
        (length > 0).then_some(line)
    };
    std::iter::from_fn(next).map(|line| line.parse())
}

fn say(answer: Answer) {
    let answer = answer.unwrap_or_else(|problem| json!({ "error": problem }));
    let mut stdout = io::stdout().lock();
    // Who gave the command is gone if this fails, and the input ends as well.
    let _gone = writeln!(stdout, "{answer}").and_then(|()| stdout.flush());
}

#[expect(clippy::exit, reason = "what such an end does is what is tested")]
fn exit(code: i32) -> ! {
    process::exit(code)
}

/// The account of each signal under its name.
fn signals(reports: &[SignalReport]) -> Value {
    let account = |report: &SignalReport| {
        let account = json!({
            "accepted": report.accepted,
            "exported": report.exported,
            "rejected": report.rejected,
            "dropped": report.dropped,
            "queued": report.queued,
            "in_flight": report.in_flight,
            "recovered": report.recovered,
            "spooled": report.spooled,
            "resent_unknown": report.resent_unknown,
            "suspected_lost": report.suspected_lost,
        });
        (report.signal.to_owned(), account)
    };
    Value::Object(reports.iter().map(account).collect::<Map<_, _>>())
}

/// What the system says of this process.
fn memory() -> Answer {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Ok(json!({ "bytes": bytes("VmRSS:"), "peak": bytes("VmHWM:") }))
}

fn longest(call: Duration) -> Value {
    json!({ "longest_ns": nanos(call) })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const GONE: &str = "there is no telemetry any more";
