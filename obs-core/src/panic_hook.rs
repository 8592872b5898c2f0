//! Where a panic aborts the process: tells of it and brings out what was recorded, before the end.

use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::{Context, Value};
use tracing::Level;

use crate::capture::record_with;
use crate::pipeline::{OutputBuffers, Pipeline};

/// Installs a hook that records each panic as an ERROR event and flushes, for a second at most,
/// before the hook that was there before runs and the process is aborted.
///
/// Only for programs in which every panic is the end: elsewhere a panic may be caught, and code that
/// panics for a living must not wait for the network.
pub(crate) fn install(pipeline: Arc<Pipeline>) {
    if thread::panicking() {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() != Some(THREAD) {
            speak(&pipeline, fields(info));
        }
        previous(info);
    }));
}

type Fields = Vec<(&'static str, Value)>;

fn fields(info: &PanicHookInfo<'_>) -> Fields {
    let what = info.payload_as_str().unwrap_or("a value that is no text");
    let mut fields: Fields = vec![
        ("message", format!("panicked: {what}").into()),
        ("exception.type", "panic".into()),
        ("exception.message", what.to_owned().into()),
    ];
    if let Some(location) = info.location() {
        fields.push(("code.file.path", location.file().to_owned().into()));
        fields.push(("code.line.number", i64::from(location.line()).into()));
    }
    if let Some(name) = thread::current().name() {
        fields.push(("thread.name", name.to_owned().into()));
    }
    fields
}

/// Records and flushes, on a thread of its own: this one may hold any lock, also one of ours, and
/// whoever waits for that must not be the one who has to end.
fn speak(pipeline: &Arc<Pipeline>, fields: Fields) {
    let deadline = Instant::now() + FLUSH;
    PENDING.begin();
    let pipeline = Arc::clone(pipeline);
    let speaker = move || {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        pipeline.tell_of_panic(&fields);
        // Files first: they take milliseconds, and are what remains if the network takes the rest.
        pipeline.outputs.flush(FLUSH / 2);
        pipeline.flush_export(deadline.saturating_duration_since(Instant::now()));
        PENDING.end();
    };
    if thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(speaker)
        .is_err()
    {
        PENDING.end();
    }
    PENDING.wait(deadline);
}

impl Pipeline {
    fn tell_of_panic(&self, fields: &[(&'static str, Value)]) {
        if !self.filter.captures_event(TARGET, Level::ERROR) {
            return;
        }
        record_with(&self.rules, Level::ERROR, TARGET, fields, |record| {
            self.log(record, &mut OutputBuffers::default());
        });
    }
}

/// How many panics are being told of: the first thread that is done would end the others.
static PENDING: Pending = Pending {
    count: Mutex::new(0),
    none_left: Condvar::new(),
};

struct Pending {
    count: Mutex<usize>,
    none_left: Condvar,
}

impl Pending {
    fn begin(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.none_left.notify_all();
    }

    /// Waits until nobody is being told of any more, or time is up.
    fn wait(&self, deadline: Instant) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count > 0 {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return;
            };
            count = self
                .none_left
                .wait_timeout(count, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// How long the end of the process may be put off.
const FLUSH: Duration = Duration::from_secs(1);
const THREAD: &str = "obs-panic";
const TARGET: &str = "obs::panic";
