//! Programs with a profile or a workspace of their own: how they are built and run to their end.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use obs_core::testing::Receiver;
use obs_tests::{folder::Folder, logs, wait};
use serde_json::Value;

/// Builds the program of a package in a folder beside this one; returns where it is.
///
/// It is built where the tests were built, so that what they have in common is not built twice.
pub(crate) fn build(folder: &str, program: &str, profile: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    // Tests are in <target>/<profile>/deps.
    let target_folder = test.ancestors().nth(3).unwrap();
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo told this test about its package: some dependencies are built anew when it changes.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    let built = build
        .args(["build", "--locked", "--bin", program, "--profile", profile])
        .arg("--target-dir")
        .arg(target_folder)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{program} does not build\n{said}");
    let profile_folder = if profile == "dev" { "debug" } else { profile };
    target_folder.join(profile_folder).join(program)
}

/// A program that is to be run with nothing of the test's own environment.
pub(crate) struct Run {
    command: Command,
    folder: Folder,
}

impl Run {
    /// Log files in a folder of its own, nothing on the terminal, nothing sent anywhere.
    pub(crate) fn of(binary: &Path) -> Self {
        let folder = Folder::make();
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("LOG_FORMAT", "off")
            .env("LOG_FILE_PATH", folder.join("logs"))
            .current_dir(folder.path());
        Self { command, folder }
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sends all signals to a receiver, but only what it is told to: nothing goes out by itself.
    pub(crate) fn sends_to(self, receiver: &Receiver) -> Self {
        self.var("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint())
            .var("OTEL_BSP_SCHEDULE_DELAY", "3600000")
            .var("OTEL_BLRP_SCHEDULE_DELAY", "3600000")
            .var("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
    }

    /// Runs it to its end, and kills it where there is none.
    pub(crate) fn end(mut self) -> Ended {
        let output = |name| File::create(self.folder.join(name)).unwrap();
        self.command
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"));
        let begin = Instant::now();
        let mut running = Running(self.command.spawn().unwrap());
        let status = wait::until("the program ends", || running.0.try_wait().unwrap());
        Ended {
            status,
            took: begin.elapsed(),
            folder: self.folder,
        }
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and need not be.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// What is left of it.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// How long it ran.
    pub(crate) took: Duration,
    folder: Folder,
}

impl Ended {
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.join("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.join("stderr")).unwrap()
    }

    /// The lines of the combined log.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        logs::combined(&self.folder.path().join("logs"))
    }

    /// The lines of the error log.
    pub(crate) fn error_lines(&self) -> Vec<Value> {
        logs::errors(&self.folder.path().join("logs"))
    }
}
