//! Callbacks that panic or never return cost their own metrics, and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::metrics::{Meter, MeterProvider};

use tracing_subscriber::Registry;

use super::super::support::{LONG, account, log, span, start_with};
use crate::config::Env;
use crate::export::Priority;
use crate::testing::Receiver;

/// Holds callbacks up until it is dropped or opened.
#[derive(Clone, Default)]
struct Barrier(Arc<(Mutex<BarrierState>, Condvar)>);

#[derive(Default)]
struct BarrierState {
    is_open: bool,
    waiting: usize,
}

impl Barrier {
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.waiting += 1;
        changed.notify_all();
        while !state.is_open {
            state = changed.wait(state).unwrap();
        }
    }

    fn wait_for(&self, waiting: usize) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        let wait = changed.wait_timeout_while(state, LONG, |state| state.waiting < waiting);
        assert!(!wait.unwrap().1.timed_out());
    }

    fn open(&self) {
        self.0.0.lock().unwrap().is_open = true;
        self.0.1.notify_all();
    }
}

/// A gauge whose callback stops at the barrier.
fn stuck(meter: &Meter, name: &'static str) -> Barrier {
    let barrier = Barrier::default();
    let passed = barrier.clone();
    let _gauge = meter
        .u64_observable_gauge(name)
        .with_callback(move |gauge| {
            passed.pass();
            gauge.observe(1, &[]);
        })
        .build();
    barrier
}

fn count(receiver: &Receiver, name: &str) -> usize {
    let metrics = receiver.metrics();
    metrics.iter().filter(|metric| metric.name == name).count()
}

#[test]
fn a_callback_that_panics_costs_its_own_points_this_time() {
    let receiver = Receiver::start();
    let (exporter, reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let panics = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&panics);
    let _fragile = meter
        .u64_observable_gauge("fragile")
        .with_callback(move |gauge| {
            gauge.observe(1, &[]);
            assert!(!asked.load(Ordering::Relaxed), "a panic of this test");
        })
        .build();
    let _sound = meter
        .u64_observable_gauge("sound")
        .with_callback(|gauge| gauge.observe(1, &[]))
        .build();
    for _ in 0..2 {
        meter.u64_counter("counter").build().add(1, &[]);
        assert!(exporter.flush(LONG));
    }
    let counts = || ["fragile", "sound", "counter"].map(|name| count(&receiver, name));
    assert_eq!(counts(), [0, 2, 2]);
    let told = reports.one();
    assert!(
        told.starts_with("WARN a callback of the metric fragile panicked"),
        "{told}"
    );
    panics.store(false, Ordering::Relaxed);
    exporter.shutdown(LONG);
    assert_eq!(counts(), [1, 3, 3]);
}

#[test]
fn a_callback_that_does_not_return_stands_still_alone() {
    let receiver = Receiver::start();
    let (exporter, reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let barrier = stuck(&meter, "stuck");
    let _sound = meter
        .u64_observable_gauge("sound")
        .with_callback(|gauge| gauge.observe(1, &[]))
        .build();
    // The first one waits half of its time for the callback, the others find it late.
    assert!(!exporter.flush(Duration::from_millis(100)));
    barrier.wait_for(1);
    for _ in 0..3 {
        // The SDK would block here, and in the instrument's own callback.
        meter.u64_counter("counter").build().add(1, &[]);
        assert!(!exporter.flush(LONG));
    }
    let counts = || ["stuck", "counter"].map(|name| count(&receiver, name));
    assert_eq!(counts(), [0, 3]);
    assert!(count(&receiver, "sound") >= 3);
    let told = reports.one();
    assert!(
        told.starts_with("WARN a callback of the metric stuck has not returned for "),
        "{told}"
    );
    barrier.open();
    // It may still be on its way out of the first call.
    while !exporter.flush(LONG) {}
    assert!(count(&receiver, "stuck") >= 1);
}

#[test]
fn intervals_go_on_without_a_callback_that_does_not_return() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_METRIC_EXPORT_INTERVAL", "10")]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let barrier = stuck(&meter, "stuck");
    meter.u64_counter("counter").build().add(1, &[]);
    receiver.wait_until(|receiver| count(receiver, "counter") >= 3);
    assert_eq!(count(&receiver, "stuck"), 0);
    barrier.open();
    receiver.wait_until(|receiver| count(receiver, "stuck") >= 3);
}

#[test]
fn a_callback_that_never_returns_leaves_the_others_their_time_at_the_end() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let barrier = stuck(&meter, "stuck");
    meter.u64_counter("counter").build().add(1, &[]);
    log(&exporter, "last words");
    let begin = Instant::now();
    let reports = exporter.shutdown(LONG);
    // Two seconds of the thirty are for the callback.
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    barrier.wait_for(1);
    assert_eq!(account(&reports, "logs").exported, 1);
    assert_eq!(account(&reports, "metrics").exported, 1);
    assert_eq!(count(&receiver, "counter"), 1);
}

#[test]
fn a_callback_that_never_returns_takes_a_quarter_of_a_short_end() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    let meter = exporter.meter_provider().unwrap().meter("m");
    let _barrier = stuck(&meter, "stuck");
    log(&exporter, "last words");
    let begin = Instant::now();
    let reports = exporter.shutdown(Duration::from_secs(2));
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(account(&reports, "logs").exported, 1);
}

#[test]
fn dropping_telemetry_does_not_wait_for_a_callback_that_never_returns() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let env = Env::from_pairs([
        ("LOG_FORMAT", "off"),
        ("LOG_FILE_PATH", "off"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
    ]);
    let (telemetry, _layer) = crate::builder("test")
        .env(env)
        .quiet()
        .build::<Registry>()
        .unwrap();
    let meter = telemetry.handle().meter("m");
    let barrier = stuck(&meter, "stuck");
    meter.u64_counter("counter").build().add(1, &[]);
    let exporter = telemetry.pipeline().exporter.as_ref().unwrap();
    log(exporter, "last words");
    exporter.span("s", Priority::Info, &span("last span"));
    let begin = Instant::now();
    drop(telemetry);
    // Two seconds are promised; a busy machine may add to them.
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
    barrier.wait_for(1);
    assert_eq!(receiver.logs().len(), 1);
    assert_eq!(receiver.spans().len(), 1);
    assert_eq!(count(&receiver, "counter"), 1);
}
