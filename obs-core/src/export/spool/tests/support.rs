//! A spool in a folder of its own, what it told, and records to store.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use obs_redact::Redactor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::clock::unix_nanos;
use crate::export::Signal;
use crate::export::account::Reason;
use crate::export::backlog::Amount;
use crate::export::batch::Batch;
use crate::export::reporter::Reporter;
use crate::export::spool::disk::{Disk, System};
use crate::export::spool::gate::Pauses;
use crate::export::spool::{Body, Settings, Shelf, ShelfSpec, Spool, Ticket, Told};
use crate::propagation::random_u64;

/// Longer than anything takes that works.
pub(super) const LONG: Duration = Duration::from_secs(30);
pub(super) const HERE: &str = "http://here:4318/v1/logs";

/// Pauses long enough that they are not over before the test is.
pub(super) const PAUSES: Pauses = Pauses {
    first: Duration::from_mins(10),
    longest: Duration::from_mins(10),
};

/// A spool directory that is removed at the end of the test.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        let name = format!("obs-spool-{}-{:016x}", std::process::id(), random_u64());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The paths of the folders of processes.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        paths(&self.0)
    }

    /// The paths of all files of records.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let is_record = |path: &PathBuf| path.extension().is_some_and(|name| name == "spool");
        let found = self.folders().into_iter().flat_map(|path| paths(&path));
        found.filter(is_record).collect()
    }

    /// Puts a folder there as a process leaves it that was killed.
    pub(super) fn plant(&self, name: &str, file: &[u8]) {
        let folder = self.0.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("lock"), "").unwrap();
        fs::write(folder.join("logs-00000001.spool"), file).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// How a spool under test differs from the usual.
pub(super) struct Setup {
    pub(super) disk: Box<dyn Disk>,
    pub(super) pauses: Pauses,
    pub(super) bytes: u64,
    pub(super) max_age: Duration,
    pub(super) redactor: Redactor,
    pub(super) destination: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            disk: Box::new(System),
            // A pause that no test waits for.
            pauses: Pauses {
                first: Duration::ZERO,
                longest: Duration::ZERO,
            },
            bytes: 64 << 20,
            max_age: Duration::from_hours(4),
            redactor: Redactor::new(),
            destination: HERE,
        }
    }
}

/// A spool with one shelf, for log records.
pub(super) struct Running {
    pub(super) spool: Option<Spool>,
    pub(super) shelf: Arc<Shelf>,
    bell: Arc<Bell>,
    heard: RefCell<VecDeque<Told>>,
    messages: Arc<Mutex<Vec<String>>>,
}

/// Rings when there is something to hear.
#[derive(Default)]
struct Bell {
    has_rung: Mutex<bool>,
    rang: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.has_rung.lock().unwrap() = true;
        self.rang.notify_all();
    }

    fn wait(&self) {
        let guard = self.has_rung.lock().unwrap();
        let waited = self
            .rang
            .wait_timeout_while(guard, LONG, |has_rung| !*has_rung);
        let (mut guard, result) = waited.unwrap();
        assert!(!result.timed_out(), "nothing was told");
        *guard = false;
    }
}

/// A record that was leased.
pub(super) struct Leased {
    pub(super) ticket: Ticket,
    pub(super) batch: Batch,
    pub(super) may_have_arrived: bool,
    pub(super) own: bool,
}

impl Leased {
    pub(super) fn texts(&self) -> Vec<String> {
        let segments = self.batch.segments.iter();
        let records = segments.flat_map(|segment| segment.records());
        records.map(text_of).collect()
    }
}

/// What was told beside answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) recovered: u64,
    pub(super) full: u64,
    pub(super) expired: u64,
    pub(super) corrupt: u64,
}

impl Running {
    pub(super) fn start(dir: &Path) -> Self {
        Self::start_as(dir, Setup::default())
    }

    pub(super) fn start_as(dir: &Path, setup: Setup) -> Self {
        let bell = Arc::new(Bell::default());
        let rung = Arc::clone(&bell);
        let spec = ShelfSpec {
            signal: Signal::Logs,
            destination: setup.destination.to_owned(),
            wake: Arc::new(move || rung.ring()),
        };
        let settings = Settings {
            dir: dir.to_owned(),
            bytes: setup.bytes,
            max_age: setup.max_age,
        };
        let messages: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = Arc::clone(&messages);
        let report = move |level, message: &str| {
            let mut told = told.lock().unwrap();
            told.push(format!("{level} {message}"));
        };
        let reporter = Arc::new(Reporter::new(Arc::new(report)));
        let (disk, redactor) = (setup.disk, setup.redactor);
        let (spool, mut shelves) =
            Spool::start_on(disk, setup.pauses, settings, vec![spec], redactor, reporter);
        Self {
            spool: Some(spool),
            shelf: shelves.remove(0),
            bell,
            heard: RefCell::default(),
            messages,
        }
    }

    /// The next thing that is told.
    pub(super) fn next(&self) -> Told {
        loop {
            self.heard.borrow_mut().extend(self.shelf.heard());
            if let Some(told) = self.heard.borrow_mut().pop_front() {
                return told;
            }
            self.bell.wait();
        }
    }

    /// Has the spool do what was asked for, and look around.
    pub(super) fn sweep(&self) {
        self.spool.as_ref().unwrap().sweep();
    }

    /// What was told up to now, beside answers, which must not be among it.
    pub(super) fn account(&self) -> Account {
        self.sweep();
        let mut account = Account::default();
        self.heard.borrow_mut().extend(self.shelf.heard());
        for told in self.heard.borrow_mut().drain(..) {
            match told {
                Told::Recovered { items } => account.recovered += items,
                Told::Lost { items, reason, .. } => match reason {
                    Reason::SpoolFull => account.full += items,
                    Reason::Expired => account.expired += items,
                    Reason::Corrupt => account.corrupt += items,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
        account
    }

    /// Hands a body over, and says whether it was stored.
    pub(super) fn try_store(&self, body: Body) -> Result<Ticket, Ticket> {
        let ticket = self.shelf.store(body);
        let mut others = Vec::new();
        let stored = loop {
            match self.next() {
                Told::Stored(stored) if stored == ticket => break Ok(ticket),
                Told::NotStored(refused) if refused == ticket => break Err(ticket),
                other => others.push(other),
            }
        };
        self.put_back(others);
        stored
    }

    /// Stores a body, which stays with the caller.
    pub(super) fn store(&self, body: Body) -> Ticket {
        self.try_store(body).unwrap()
    }

    /// Stores a record, and leaves it there.
    pub(super) fn leave(&self, text: &str) {
        let ticket = self.store(body(&[text]));
        self.shelf.release(ticket, false);
    }

    /// A single record.
    pub(super) fn lease(&self) -> Option<Leased> {
        self.lease_within(0)
    }

    pub(super) fn lease_within(&self, most_bytes: usize) -> Option<Leased> {
        self.shelf.lease(Amount {
            items: usize::MAX,
            bytes: most_bytes,
        });
        let mut others = Vec::new();
        let leased = loop {
            match self.next() {
                Told::Leased {
                    ticket,
                    batch,
                    may_have_arrived,
                    own,
                } => {
                    break Some(Leased {
                        ticket,
                        batch,
                        may_have_arrived,
                        own,
                    });
                }
                Told::Empty => break None,
                other => others.push(other),
            }
        };
        self.put_back(others);
        leased
    }

    fn put_back(&self, others: Vec<Told>) {
        for other in others.into_iter().rev() {
            self.heard.borrow_mut().push_front(other);
        }
    }

    /// Leases everything, in the order in which it comes, and settles it.
    pub(super) fn send_all(&self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(leased) = self.lease() {
            texts.extend(leased.texts());
            self.shelf.done(leased.ticket);
        }
        texts
    }

    pub(super) fn kill(mut self) {
        self.spool.take().unwrap().kill();
    }

    /// Ends in order, and says what was told.
    pub(super) fn close(mut self) -> Vec<String> {
        assert!(self.spool.take().unwrap().close(Instant::now() + LONG));
        self.messages()
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// The only message that is no good news.
    pub(super) fn message(&self) -> String {
        let mut messages = self.messages();
        messages.retain(|message| !message.starts_with("INFO the spool can use"));
        assert_eq!(messages.len(), 1, "{messages:#?}");
        messages[0].clone()
    }
}

/// A body with these log records, made now.
pub(super) fn body(texts: &[&str]) -> Body {
    body_of(&request(texts), texts.len())
}

pub(super) fn body_of(request: &ExportLogsServiceRequest, items: usize) -> Body {
    Body {
        pieces: vec![request.encode_to_vec().into()],
        items,
        oldest_unix_nanos: unix_nanos(),
        may_have_arrived: false,
    }
}

pub(super) fn request(texts: &[&str]) -> ExportLogsServiceRequest {
    let record = |text: &&str| LogRecord {
        body: Some(value(text)),
        severity_number: 9,
        ..LogRecord::default()
    };
    let scope = InstrumentationScope {
        name: "kitchen::oven".to_owned(),
        ..InstrumentationScope::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![KeyValue {
                    key: "service.name".to_owned(),
                    value: Some(value("kitchen")),
                    ..KeyValue::default()
                }],
                ..Resource::default()
            }),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope),
                log_records: texts.iter().map(record).collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// Text of this length that gzip cannot make much smaller.
pub(super) fn noise(length: usize) -> String {
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        text.push_str(&format!("{:016x}", random_u64()));
    }
    text.truncate(length);
    text
}

pub(super) fn value(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(text.to_owned())),
    }
}

fn text_of(record: &[u8]) -> String {
    let record = LogRecord::decode(record).unwrap();
    match record.body.unwrap().value.unwrap() {
        Value::StringValue(text) => text,
        other => panic!("{other:?}"),
    }
}
