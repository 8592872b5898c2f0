//! The end comes in time and counts everything: on every runtime, whatever the server does.

use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use obs_core::testing::Receiver;
use obs_core::{ShutdownReport, SignalReport};

use crate::endings::{Place, RECORDS, Server, Service, Way};

#[test]
fn a_healthy_server_gets_everything() {
    let receiver = || Server::Answering(Receiver::start());
    everywhere(receiver, LONG, |cell, service, report| {
        let Server::Answering(receiver) = &service.server else {
            unreachable!("it answers")
        };
        let arrived = (receiver.log_count(), receiver.span_count());
        assert_eq!(arrived, (RECORDS, RECORDS), "{cell}");
        assert!(!receiver.metrics().is_empty(), "{cell}");
        if let Some(report) = report {
            assert!(report.is_complete(), "{cell}: {report}");
        }
    });
}

#[test]
fn a_server_that_refuses_connections_costs_the_deadline_at_most() {
    everywhere(Server::refusing, SHORT, all_lost);
}

#[test]
fn a_server_that_never_answers_costs_the_deadline_at_most() {
    let server = || {
        let receiver = Receiver::start();
        receiver.hold();
        Server::Silent(receiver)
    };
    everywhere(server, SHORT, all_lost);
}

#[test]
fn a_server_that_never_reads_costs_the_deadline_at_most() {
    everywhere(Server::half_open, SHORT, all_lost);
}

#[test]
fn the_others_may_go_on_logging() {
    for (server, deadline) in [
        (Server::Answering(Receiver::start()), LONG),
        (Server::half_open(), SHORT),
    ] {
        let service = Service::start(server);
        let (Service { dispatch, .. }, stop) = (&service, AtomicBool::new(false));
        let (logged, runtime) = (AtomicU64::new(0), Place::OneWorker.runtime().unwrap());
        let log = || {
            tracing::dispatcher::with_default(dispatch, || tracing::info!("and on"));
            logged.fetch_add(1, Ordering::Relaxed);
        };
        let at_least = |count| {
            while logged.load(Ordering::Relaxed) < count {
                thread::yield_now();
            }
        };
        let (report, before) = thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    log();
                    thread::sleep(Duration::from_micros(100));
                }
            });
            at_least(100);
            let before = logged.load(Ordering::Relaxed);
            let telemetry = service.telemetry.lock().unwrap().take().unwrap();
            let begin = Instant::now();
            let report = runtime.block_on(async {
                let mut ended = pin!(telemetry.shutdown_async(deadline));
                loop {
                    tokio::select! {
                        biased;
                        report = &mut ended => return report,
                        () = tokio::task::yield_now() => log(),
                    }
                }
            });
            assert!(begin.elapsed() < deadline + MARGIN);
            // Whoever logs after the end finds nobody, and no harm.
            at_least(logged.load(Ordering::Relaxed) + 100);
            stop.store(true, Ordering::Relaxed);
            (report, before)
        });
        let logs = signal(&report, "logs");
        assert_adds_up(&report, "while others log");
        assert!(logs.accepted >= before, "{before} before the end: {report}");
        if let Server::Answering(receiver) = &service.server {
            assert!(logs.exported >= before, "{before} before the end: {report}");
            assert_eq!(logs.exported, receiver.log_count() as u64, "{report}");
        }
    }
}

#[test]
fn shutdown_async_leaves_the_thread_to_other_tasks() {
    let service = Service::start(Server::half_open());
    service.work();
    let telemetry = service.telemetry.lock().unwrap().take().unwrap();
    Place::CurrentThread.runtime().unwrap().block_on(async {
        let ended = tokio::spawn(telemetry.shutdown_async(SHORT));
        let mut turns = 0;
        while !ended.is_finished() {
            tokio::task::yield_now().await;
            turns += 1;
        }
        assert!(turns > 10, "other tasks had {turns} turns in {SHORT:?}");
        assert_adds_up(&ended.await.unwrap(), "shared thread");
    });
}

#[test]
fn a_future_that_is_dropped_half_way_loses_the_report_only() {
    let receiver = Receiver::start();
    receiver.hold();
    let service = Service::start(Server::Answering(receiver));
    service.work();
    let telemetry = service.telemetry.lock().unwrap().take().unwrap();
    {
        let mut ended = pin!(telemetry.shutdown_async(LONG));
        let polled = ended.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "nobody was answered yet");
    }
    // Whoever drops it does not wait for answers: they are still held back.
    let Server::Answering(receiver) = &service.server else {
        unreachable!("it answers")
    };
    assert_eq!(receiver.log_count(), 0);
    receiver.release();
    receiver.wait_until(|receiver| receiver.log_count() == RECORDS);
    receiver.wait_until(|receiver| receiver.span_count() == RECORDS);
}

#[test]
fn a_deadline_may_be_nothing_or_for_ever() {
    for server in [
        Server::Answering(Receiver::start()),
        Server::refusing(),
        Server::half_open(),
    ] {
        let service = Service::start(server);
        service.work();
        let begin = Instant::now();
        let report = service.shutdown(Duration::ZERO);
        assert!(begin.elapsed() < MARGIN, "{:?}", begin.elapsed());
        assert_adds_up(&report, "no time");
        for name in ["logs", "traces"] {
            let signal = signal(&report, name);
            assert_eq!(signal.accepted, RECORDS as u64, "{report}");
            assert_eq!(signal.queued + signal.in_flight, 0, "{report}");
        }
    }
    let service = Service::start(Server::Answering(Receiver::start()));
    service.work();
    let report = service.shutdown(Duration::MAX);
    assert!(report.is_complete(), "{report}");
}

#[test]
fn what_the_api_shuts_down_or_flushes_ends_nothing_and_hangs_nothing() {
    use obs_core::otel::trace::{Span as _, Tracer as _, TracerProvider as _};

    let service = Service::start(Server::Answering(Receiver::start()));
    let handle = service.telemetry.lock().unwrap().as_ref().unwrap().handle();
    let provider = obs_core::otel::tracer_provider(&handle);
    provider.tracer("api").start("first").end();
    provider.force_flush().unwrap();
    provider.shutdown().unwrap();
    let _told_that_it_is_over = provider.shutdown();
    service.work();
    let report = service.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    let Server::Answering(receiver) = &service.server else {
        unreachable!("it answers")
    };
    assert_eq!(receiver.span_count(), 1 + RECORDS);
    // What holds on to the handle finds nobody, and no harm.
    let late = obs_core::otel::tracer_provider(&handle);
    late.tracer("api").start("late").end();
    let begin = Instant::now();
    let _flushed_or_not = late.force_flush();
    handle.meter("late").u64_counter("late").build().add(1, &[]);
    service.work();
    assert!(begin.elapsed() < MARGIN, "{:?}", begin.elapsed());
    assert_eq!(receiver.span_count(), 1 + RECORDS);
}

#[test]
fn flushes_from_everywhere_end_in_time() {
    let service = Service::start(Server::half_open());
    let telemetry = service.telemetry.lock().unwrap().take().unwrap();
    service.work();
    let begin = Instant::now();
    thread::scope(|scope| {
        for place in Place::ALL {
            let telemetry = &telemetry;
            scope.spawn(move || {
                let flush = || telemetry.flush(SHORT);
                let flushed = match place.runtime() {
                    Some(runtime) => runtime.block_on(async { flush() }),
                    None => flush(),
                };
                assert!(!flushed, "nobody reads");
            });
        }
    });
    let report = telemetry.shutdown(SHORT);
    assert!(
        begin.elapsed() < 2 * SHORT + MARGIN,
        "{:?}",
        begin.elapsed()
    );
    assert_adds_up(&report, "after flushes");
    assert_eq!(signal(&report, "logs").dropped_total(), RECORDS as u64);
}

/// Ends a pipeline in every way on every runtime, each against a server of its own, and looks at
/// what became of the records.
fn everywhere(
    server: impl Fn() -> Server + Sync,
    deadline: Duration,
    check: impl Fn(&str, &Service, Option<&ShutdownReport>) + Sync,
) {
    let cell = |place: Place, way: Way| {
        let service = Service::start(server());
        service.work();
        if let Server::Silent(receiver) = &service.server {
            // Something is under way when the end begins, and something else waits behind it.
            receiver.wait_until(|receiver| !receiver.requests().is_empty());
        }
        let telemetry = service.telemetry.lock().unwrap().take().unwrap();
        let allowed = match way {
            Way::Drop => Duration::from_secs(2),
            _ => deadline,
        };
        let name = format!("{way:?} on {place:?}");
        let begin = Instant::now();
        let report = way.end(place, telemetry, deadline);
        let took = begin.elapsed();
        assert!(took < allowed + MARGIN, "{name}: {took:?}");
        if let Some(report) = &report {
            assert_adds_up(report, &name);
        }
        check(&name, &service, report.as_ref());
    };
    thread::scope(|scope| {
        for place in Place::ALL {
            for way in Way::ALL {
                let cell = &cell;
                scope.spawn(move || cell(place, way));
            }
        }
    });
}

/// Nothing arrived, and everything is counted.
fn all_lost(cell: &str, _: &Service, report: Option<&ShutdownReport>) {
    let Some(report) = report else { return };
    for name in ["logs", "traces"] {
        let signal = signal(report, name);
        assert_eq!(signal.accepted, RECORDS as u64, "{cell}: {report}");
        assert_eq!(signal.dropped_total(), RECORDS as u64, "{cell}: {report}");
    }
    assert!(signal(report, "metrics").accepted > 0, "{cell}: {report}");
    assert!(!report.is_complete(), "{cell}: {report}");
}

fn assert_adds_up(report: &ShutdownReport, cell: &str) {
    for signal in &report.signals {
        let settled = signal.exported + signal.rejected + signal.dropped_total();
        let held = signal.queued + signal.in_flight;
        assert_eq!(signal.accepted, settled + held, "{cell}: {report}");
        assert_eq!(held, 0, "{cell}: {report}");
    }
}

fn signal<'r>(report: &'r ShutdownReport, name: &str) -> &'r SignalReport {
    let mut signals = report.signals.iter();
    signals.find(|signal| signal.signal == name).unwrap()
}

/// For what must succeed.
const LONG: Duration = Duration::from_secs(30);
/// For what cannot.
const SHORT: Duration = Duration::from_millis(500);
/// What a busy machine may add.
const MARGIN: Duration = Duration::from_millis(2_500);
