//! The real program as a child process: how it is started, talked to, stopped, and what it said.

use std::{
    collections::BTreeMap,
    env,
    io::Read,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use obs_core::testing::Receiver;
use serde_json::Value;

use crate::{
    folder::Folder,
    http::{self, Answer, Request},
    logs, wait,
};

/// What the program is started with: nothing of the test's own environment but `PATH`.
#[derive(Debug)]
pub struct Setup {
    package: &'static str,
    program: &'static str,
    folder: Arc<Folder>,
    variables: BTreeMap<String, String>,
    arguments: Vec<String>,
    limits: Option<&'static str>,
}

impl Setup {
    /// A free port, and data and logs in a folder of its own. Nothing is sent anywhere.
    #[must_use]
    pub fn new() -> Self {
        Self::in_folder(Arc::new(Folder::make()))
    }

    /// The same in a folder that was used before.
    #[must_use]
    pub fn in_folder(folder: Arc<Folder>) -> Self {
        let setup = Self {
            package: "recipe-api",
            program: "recipe-api",
            variables: BTreeMap::new(),
            arguments: Vec::new(),
            limits: None,
            folder,
        };
        let (data, logs) = (setup.folder.join("data"), setup.folder.join("logs"));
        setup
            .var("HOST", "127.0.0.1")
            .var("PORT", "0")
            .var("DATA_DIR", data)
            .var("LOG_FILE_PATH", logs)
    }

    /// An example instead of the service.
    #[must_use]
    pub fn example(program: &'static str) -> Self {
        Self::new().program("obs-examples", program)
    }

    /// Another program than the service.
    #[must_use]
    pub fn program(self, package: &'static str, program: &'static str) -> Self {
        Self {
            package,
            program,
            ..self
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn var(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Runs a line of the shell in the process first, such as `ulimit -n 64`.
    #[must_use]
    pub fn limits(self, line: &'static str) -> Self {
        Self {
            limits: Some(line),
            ..self
        }
    }

    /// Sends all signals to a receiver, soon and often.
    #[must_use]
    pub fn sends_to(self, receiver: &Receiver) -> Self {
        self.endpoint(&receiver.endpoint())
    }

    /// Sends all signals to an address, soon and often.
    #[must_use]
    pub fn endpoint(self, url: &str) -> Self {
        self.var("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            .var("OTEL_BSP_SCHEDULE_DELAY", "100")
            .var("OTEL_BLRP_SCHEDULE_DELAY", "100")
            .var("OTEL_METRIC_EXPORT_INTERVAL", "500")
    }

    /// The folder it works in.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts the program and waits until it is ready to serve.
    ///
    /// # Panics
    /// If it ends instead.
    #[must_use]
    pub fn start(self) -> Service {
        let mut program = self.spawn();
        let address = wait::until("the program says where it listens", || {
            program.assert_runs();
            program.address()
        });
        let service = Service { address, program };
        service.await_status("/health/ready", 200);
        service
    }

    /// Runs the program to its end.
    #[must_use]
    pub fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// The command that starts it, with both outputs piped.
    pub(crate) fn command(&self) -> Command {
        let binary = binary(self.package, self.program);
        let mut command = match self.limits {
            None => Command::new(binary),
            Some(line) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", &format!("{line} && exec \"$0\" \"$@\"")])
                    .arg(binary);
                shell
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(&self.variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn shared_folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }

    fn spawn(self) -> Program {
        let mut child = self.command().spawn().expect("the program can be started");
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        Program {
            stdout: Output::capture(stdout),
            stderr: Output::capture(stderr),
            child,
            folder: self.folder,
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// The service, ready; dropping it kills it.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    program: Program,
}

impl Service {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks on a connection of its own.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn ask(&self, request: &Request) -> Answer {
        http::ask(self.address, request)
            .unwrap_or_else(|error| panic!("no answer to {}: {error}", request.target()))
    }

    /// `GET` of a path with its query.
    #[must_use]
    pub fn get(&self, target: &str) -> Answer {
        self.ask(&Request::get(target))
    }

    /// Asks until the answer has this status.
    pub fn await_status(&self, target: &str, status: u16) {
        wait::until(&format!("{target} answers {status}"), || {
            let answer = http::ask(self.address, &Request::get(target)).ok()?;
            (answer.status == status).then_some(())
        });
    }

    /// The lines of the combined log so far.
    #[must_use]
    pub fn log_lines(&self) -> Vec<Value> {
        logs::combined(&self.program.folder.path().join("logs"))
    }

    /// What it has printed to the standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.program.stdout.text()
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn terminate(&self) {
        let pid = self.program.child.id();
        let killed = Command::new("sh")
            .args(["-c", &format!("kill -TERM {pid}")])
            .status();
        assert!(killed.is_ok_and(|status| status.success()), "SIGTERM");
    }

    /// Waits for its end.
    #[must_use]
    pub fn wait(self) -> Ended {
        self.program.wait()
    }

    /// Sends SIGTERM and waits for its end.
    #[must_use]
    pub fn stop(self) -> Ended {
        self.terminate();
        self.wait()
    }
}

/// What is left of a program that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// How long the end was waited for.
    pub waited: Duration,
    folder: Arc<Folder>,
}

impl Ended {
    /// The lines of the combined log.
    #[must_use]
    pub fn log_lines(&self) -> Vec<Value> {
        logs::combined(&self.logs_folder())
    }

    /// Where its log files are.
    #[must_use]
    pub fn logs_folder(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// The folder it worked in.
    #[must_use]
    pub fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }

    /// Both standard streams.
    #[must_use]
    pub fn terminal(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// A running process; dropping it kills it.
#[derive(Debug)]
struct Program {
    child: Child,
    stdout: Output,
    stderr: Output,
    folder: Arc<Folder>,
}

impl Program {
    /// The address that it printed: behind `on`, because endpoints for telemetry are printed too.
    fn address(&self) -> Option<SocketAddr> {
        let said = [self.stdout.text(), self.stderr.text()];
        let logged = logs::combined(&self.folder.path().join("logs"));
        let messages = logged.iter().filter_map(|line| line["message"].as_str());
        said.iter()
            .map(String::as_str)
            .chain(messages)
            .find_map(|text| {
                let (_, url) = text.split_once(" on http://")?;
                let is_address = |c: char| c.is_ascii_digit() || ".:".contains(c);
                let end = url.find(|c| !is_address(c)).unwrap_or(url.len());
                url.get(..end)?.parse().ok()
            })
    }

    fn assert_runs(&mut self) {
        let ended = self.child.try_wait().expect("a child can be asked");
        if let Some(status) = ended {
            panic!(
                "the program ended with {status}\n{}\n{}",
                self.stdout.text(),
                self.stderr.text()
            );
        }
    }

    fn wait(mut self) -> Ended {
        wait_for_end(
            &mut self.child,
            Some(&mut self.stdout),
            &mut self.stderr,
            Arc::clone(&self.folder),
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and need not be.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

pub(crate) fn wait_for_end(
    child: &mut Child,
    stdout: Option<&mut Output>,
    stderr: &mut Output,
    folder: Arc<Folder>,
) -> Ended {
    let started = Instant::now();
    let status: ExitStatus = wait::until("the program ends", || {
        child.try_wait().expect("a child can be asked")
    });
    let waited = started.elapsed();
    Ended {
        code: status.code(),
        stdout: stdout.map(Output::rest).unwrap_or_default(),
        stderr: stderr.rest(),
        waited,
        folder,
    }
}

/// What a process prints, read while it runs so that it never waits for the reader.
#[derive(Debug)]
pub(crate) struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    pub(crate) fn capture(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let read = move || {
            let mut chunk = [0; 16 * 1024];
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.extend_from_slice(chunk.get(..length).unwrap_or_default());
            }
        };
        Self {
            bytes,
            reader: Some(thread::spawn(read)),
        }
    }

    /// What was printed so far.
    pub(crate) fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// All of it, of a process that has ended.
    pub(crate) fn rest(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        self.text()
    }
}

/// A program, built once with its own features: those of the tests must not help it.
///
/// It is built where the tests were built, so that what they have in common is not built twice.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn binary(package: &'static str, program: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry(program)
        .or_insert_with(|| build(package, program))
        .clone()
}

fn build(package: &str, program: &str) -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    let folder = test.parent().expect("a program is in a folder");
    // Tests are in <target>/<profile>/deps, programs above.
    let profile_folder = match folder.parent() {
        Some(profile) if folder.ends_with("deps") => profile,
        _ => folder,
    };
    let target_folder = profile_folder.parent().expect("a profile is in a folder");
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // What cargo told this test about its package: some dependencies are built anew when it changes.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    let built = build
        .args(["build", "--locked", "--package", package])
        .args(["--bin", program, "--profile", profile, "--target-dir"])
        .arg(target_folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be started");
    assert!(
        built.status.success(),
        "{program} does not build\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    profile_folder.join(program)
}
