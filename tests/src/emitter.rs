//! Drives the `emitter` program: tells it what to emit, and asks what became of it.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use obs_core::testing::Receiver;
use serde_json::Value;

use crate::{
    folder::Folder,
    logs,
    service::{Ended, Output, Setup, wait_for_end},
    wait::PATIENCE,
};

/// A running emitter; dropping it kills it.
#[derive(Debug)]
pub struct Emitter {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: mpsc::Receiver<String>,
    stderr: Output,
    folder: Arc<Folder>,
}

/// An emitter that is not started yet: it says nothing on the terminal, and sends to a receiver
/// only when it is told to flush or has much to send, so that what is on the way is what a test
/// says.
#[must_use]
pub fn sends_to(receiver: &Receiver) -> Setup {
    sends_to_url(&receiver.endpoint())
}

/// The same for any address.
#[must_use]
pub fn sends_to_url(url: &str) -> Setup {
    sends_from(Setup::new(), url)
}

/// The same in a folder of the test's choice.
#[must_use]
pub fn sends_from(setup: Setup, url: &str) -> Setup {
    setup
        .program("obs-emitter", "emitter")
        .var("LOG_FORMAT", "off")
        // A release build samples otherwise.
        .var("OTEL_TRACES_SAMPLER", "always_on")
        .endpoint(url)
        .var("OTEL_BSP_SCHEDULE_DELAY", "1h")
        .var("OTEL_BLRP_SCHEDULE_DELAY", "1h")
        .var("OTEL_METRIC_EXPORT_INTERVAL", "1h")
}

impl Emitter {
    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        let mut child = setup
            .command()
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = child.stderr.take().expect("piped");
        let (line, answers) = mpsc::channel();
        thread::spawn(move || {
            // It ends when the program does, or nobody wants to know any more.
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|text| line.send(text))
        });
        Self {
            stdin: child.stdin.take(),
            stderr: Output::capture(stderr),
            answers,
            child,
            folder: setup.shared_folder(),
        }
    }

    /// Gives a command and waits for the answer.
    ///
    /// # Panics
    /// If there is none, or it is an error.
    #[must_use]
    pub fn ask(&mut self, command: &str) -> Value {
        self.give(command);
        self.answer()
    }

    /// Gives a command that is answered with nothing but how long the longest call took.
    pub fn tell(&mut self, command: &str) {
        let answer = self.ask(command);
        assert!(answer.is_object(), "{command}: {answer}");
    }

    /// Gives a command without waiting for the answer.
    ///
    /// # Panics
    /// If the program has ended.
    pub fn give(&mut self, command: &str) {
        let stdin = self.stdin.as_mut().expect("open until the end");
        let given = writeln!(stdin, "{command}").and_then(|()| stdin.flush());
        given.unwrap_or_else(|error| panic!("{command}: {error}: {}", self.stderr.text()));
    }

    /// The answer to the oldest command that has none.
    ///
    /// # Panics
    /// As [`ask`](Self::ask).
    #[must_use]
    pub fn answer(&mut self) -> Value {
        let answer = self.answers.recv_timeout(PATIENCE);
        let answer =
            answer.unwrap_or_else(|error| panic!("no answer, {error}: {}", self.stderr.text()));
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("not JSON, {error}: {answer}"));
        assert!(answer.get("error").is_none(), "{answer}");
        answer
    }

    /// Whether everything was sent or given up within the time.
    #[must_use]
    pub fn flush(&mut self, timeout: Duration) -> bool {
        let answer = self.ask(&format!("flush {}", timeout.as_millis()));
        answer["flushed"].as_bool().expect("true or false")
    }

    /// Fails unless everything is sent or given up in the end.
    pub fn flush_all(&mut self) {
        assert!(self.flush(PATIENCE / 2), "flushed: {:#?}", self.status());
    }

    /// What became of everything so far.
    #[must_use]
    pub fn status(&mut self) -> Accounts {
        Accounts::read(&self.ask("status"))
    }

    /// The account of a signal.
    #[must_use]
    pub fn account(&mut self, signal: &str) -> Account {
        self.status().of(signal)
    }

    /// What it has in memory, in bytes: now, and at most so far.
    #[must_use]
    pub fn memory(&mut self) -> (u64, u64) {
        let answer = self.ask("memory");
        let bytes = |name: &str| answer[name].as_u64().expect("a number of bytes");
        (bytes("bytes"), bytes("peak"))
    }

    /// Ends its telemetry within a time; what became of everything, and how long it took.
    #[must_use]
    pub fn shutdown(&mut self, timeout: Duration) -> (Accounts, Duration) {
        self.end_telemetry("shutdown", timeout)
    }

    /// The same by the command for it.
    #[must_use]
    pub fn end_telemetry(&mut self, command: &str, timeout: Duration) -> (Accounts, Duration) {
        let answer = self.ask(&format!("{command} {}", timeout.as_millis()));
        let took = answer["took_ms"].as_u64().expect("milliseconds");
        (Accounts::read(&answer), Duration::from_millis(took))
    }

    /// Warnings and errors in its log file so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let lines = logs::combined(&self.folder.path().join("logs"));
        let is_warning =
            |line: &&Value| ["warn", "error"].contains(&line["level"].as_str().unwrap_or_default());
        let message = |line: &Value| line["message"].as_str().unwrap_or_default().to_owned();
        lines.iter().filter(is_warning).map(message).collect()
    }

    /// Changes a limit of the running process, as `prlimit` of util-linux writes it.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn set_limit(&self, limit: &str) {
        let pid = self.child.id().to_string();
        let set = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--{limit}")])
            .status();
        assert!(set.is_ok_and(|status| status.success()), "prlimit {limit}");
    }

    /// Ends it in the way that leaves it no time for anything: SIGKILL.
    pub fn kill(self) {
        // Dropping does it, and waits until it is done.
    }

    /// Closes its input and waits for its end.
    #[must_use]
    pub fn end(mut self) -> Ended {
        self.stdin = None;
        wait_for_end(
            &mut self.child,
            None,
            &mut self.stderr,
            Arc::clone(&self.folder),
        )
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and need not be.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The accounts of all signals at one moment.
#[derive(Clone, Debug)]
pub struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    fn read(answer: &Value) -> Self {
        let emitted = &answer["emitted"];
        let signals = answer["signals"].as_object().expect("an object");
        let account = |(signal, account): (&String, &Value)| {
            let name = if signal == "traces" { "spans" } else { signal };
            let account = Account {
                emitted: emitted[name].as_u64().unwrap_or_default(),
                ..Account::read(account)
            };
            account.assert_adds_up();
            (signal.clone(), account)
        };
        Self(signals.iter().map(account).collect())
    }

    /// The account of a signal.
    ///
    /// # Panics
    /// If the signal is not sent.
    #[must_use]
    pub fn of(&self, signal: &str) -> Account {
        self.0
            .get(signal)
            .unwrap_or_else(|| panic!("no {signal}: {self:?}"))
            .clone()
    }
}

/// What became of the records of a signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Log records and spans with ids.
    pub emitted: u64,
    /// Records handed over: those that were emitted, and what telemetry says of itself.
    pub accepted: u64,
    /// Records of earlier processes that were found on disk.
    pub recovered: u64,
    /// Records that the server took.
    pub exported: u64,
    /// Records that the server refused.
    pub rejected: u64,
    /// Records given up, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Records that wait.
    pub queued: u64,
    /// Records on the way.
    pub in_flight: u64,
    /// Records that wait on disk.
    pub spooled: u64,
    /// Records sent again that may have been taken before.
    pub resent_unknown: u64,
    /// Records that were answered in a way that makes one doubt.
    pub suspected_lost: u64,
}

impl Account {
    fn read(account: &Value) -> Self {
        let count = |name: &str| account[name].as_u64().expect("a count");
        let dropped = account["dropped"].as_object().expect("an object");
        let reason =
            |(name, count): (&String, &Value)| (name.clone(), count.as_u64().expect("a count"));
        Self {
            emitted: 0,
            accepted: count("accepted"),
            recovered: count("recovered"),
            exported: count("exported"),
            rejected: count("rejected"),
            dropped: dropped.iter().map(reason).collect(),
            queued: count("queued"),
            in_flight: count("in_flight"),
            spooled: count("spooled"),
            resent_unknown: count("resent_unknown"),
            suspected_lost: count("suspected_lost"),
        }
    }

    /// Records given up for any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Fails unless every record that was handed over or found is somewhere.
    ///
    /// # Panics
    /// As it says.
    pub fn assert_adds_up(&self) {
        let settled = self.exported + self.rejected + self.dropped_total();
        let waiting = self.spooled + self.queued + self.in_flight;
        assert_eq!(
            self.accepted + self.recovered,
            settled + waiting,
            "{self:?}"
        );
    }
}
