//! The main figure: what observing costs per request, ours against the standard stack.

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
};

use crate::{
    arguments::Options,
    cpu,
    figures::{Delivered, Figures},
    side::Side,
    table,
};

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
    let bench = Bench::new()?;
    let mut columns: Vec<Column> = options.sides.iter().copied().map(Column::new).collect();
    for column in &mut columns {
        let requests = options.requests.min(COUNTED_REQUESTS);
        column.take(
            bench.measure(column.side, requests, true),
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
                    bench.measure(column.side, options.requests, false),
                    |column, figures| column.rounds.push(figures),
                );
            }
        }
    }
    columns.sort_by_key(|column| options.sides.iter().position(|side| *side == column.side));
    table::print(&columns, options)?;
    let complete = columns.iter().all(|column| column.failure.is_none());
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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

/// This program, the cores to use, and a folder for log files that goes when this value goes.
#[derive(Debug)]
struct Bench {
    program: PathBuf,
    measured_core: usize,
    receiver_core: usize,
    folder: PathBuf,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let cores = cpu::allowed_cores()?;
        let receiver_core = *cores.first().ok_or("no core to run on")?;
        let measured_core = *cores.last().ok_or("no core to run on")?;
        let folder = std::env::temp_dir().join(format!("obs-benches-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self {
            program: std::env::current_exe()?,
            measured_core,
            receiver_core,
            folder,
        })
    }

    /// One run of one side against a receiver of its own.
    fn measure(&self, side: Side, requests: u64, count: bool) -> Result<Figures, Box<dyn Error>> {
        let receiver = Receiver::start(&self.program, self.receiver_core)?;
        let logs = self.folder.join("logs");
        fs::create_dir(&logs)?;
        let figures = self.run_side(side, requests, count, &logs, &receiver.endpoint);
        fs::remove_dir_all(&logs)?;
        let delivered = receiver.stop()?;
        Ok(Figures {
            delivered,
            ..figures?
        })
    }

    fn run_side(
        &self,
        side: Side,
        requests: u64,
        count: bool,
        logs: &Path,
        endpoint: &str,
    ) -> Result<Figures, Box<dyn Error>> {
        let output = Command::new(&self.program)
            .args([
                "side",
                side.name(),
                &requests.to_string(),
                &self.measured_core.to_string(),
            ])
            .arg(if count { "count" } else { "time" })
            .arg(logs)
            .arg(endpoint)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.trim().trim_start_matches("obs-benches: ").into());
        }
        // A side may write to the terminal too; its figures are its last line.
        let text = String::from_utf8(output.stdout)?;
        Ok(serde_json::from_str(
            text.lines().next_back().unwrap_or_default(),
        )?)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Log files that cannot be removed are no reason to lose the figures.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A receiver process and the address it listens on.
#[derive(Debug)]
struct Receiver {
    child: Child,
    output: BufReader<ChildStdout>,
    endpoint: String,
}

impl Receiver {
    fn start(program: &Path, core: usize) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(program)
            .args(["receiver", &core.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output of the receiver")?);
        let mut port = String::new();
        output.read_line(&mut port)?;
        Ok(Self {
            child,
            output,
            endpoint: format!("http://127.0.0.1:{}", port.trim()),
        })
    }

    /// Ends its input, reads what it counted and waits for its end.
    fn stop(mut self) -> Result<Delivered, Box<dyn Error>> {
        drop(self.child.stdin.take());
        let mut report = String::new();
        self.output.read_to_string(&mut report)?;
        self.child.wait()?;
        Ok(serde_json::from_str(&report)?)
    }
}

/// Allocations per request hardly vary, so that fewer requests are enough to count them.
const COUNTED_REQUESTS: u64 = 20_000;
