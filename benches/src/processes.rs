//! The processes of a measurement: this program again, as a side or as a receiver.

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde::de::DeserializeOwned;

use crate::{cpu, figures::Delivered};

/// This program, the cores to use, and a folder for log files that goes when this value goes.
#[derive(Debug)]
pub(crate) struct Processes {
    program: PathBuf,
    pub(crate) measured_core: usize,
    receiver_core: usize,
    folder: PathBuf,
}

impl Processes {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
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

    /// Runs a side with these arguments, a folder for its log files and a receiver of its own.
    pub(crate) fn measure<T: DeserializeOwned>(
        &self,
        arguments: &[String],
    ) -> Result<(T, Delivered), Box<dyn Error>> {
        let receiver = Receiver::start(&self.program, self.receiver_core)?;
        let logs = self.folder.join("logs");
        fs::create_dir(&logs)?;
        let figures = self.run(arguments, &logs, &receiver.endpoint);
        fs::remove_dir_all(&logs)?;
        let delivered = receiver.stop()?;
        Ok((figures?, delivered))
    }

    fn run<T: DeserializeOwned>(
        &self,
        arguments: &[String],
        logs: &Path,
        endpoint: &str,
    ) -> Result<T, Box<dyn Error>> {
        let output = Command::new(&self.program)
            .args(arguments)
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

impl Drop for Processes {
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
