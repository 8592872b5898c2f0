//! The end of a service, whatever its backend does and wherever it runs.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use obs_core::testing::{Payload, Receiver};
use obs_tests::{
    emitter::{self, Account, Emitter},
    http::{Connection, Request},
    report,
    service::Setup,
    tally::Tally,
};

#[test]
fn telemetry_ends_in_time_without_a_runtime() {
    assert_ends_in_time("none");
}

#[test]
fn telemetry_ends_in_time_in_a_current_thread_runtime() {
    assert_ends_in_time("current");
}

#[test]
fn telemetry_ends_in_time_in_a_runtime_with_one_worker() {
    assert_ends_in_time("one");
}

#[test]
fn telemetry_ends_in_time_in_a_runtime_with_several_workers() {
    assert_ends_in_time("multi");
}

/// With backends that are healthy, refuse, hang, and accept without reading.
fn assert_ends_in_time(runtime: &str) {
    let receiver = Receiver::start();
    for command in ["shutdown", "shutdown_blocking"] {
        let account = end(runtime, command, &receiver);
        assert_eq!(account.exported, account.accepted, "{runtime} {command}");
        assert_eq!(Tally::of_logs(&receiver).missing(RECORDS), [0; 0]);

        receiver.hold();
        let account = end(runtime, command, &receiver);
        assert_eq!(
            account.dropped["unanswered"], account.accepted,
            "{runtime} {command}: the backend may have them: {account:?}"
        );
        receiver.release();

        receiver.refuse();
        let account = end(runtime, command, &receiver);
        assert_eq!(
            account.dropped["shutdown"], account.accepted,
            "{runtime} {command}: the backend cannot have them: {account:?}"
        );

        receiver.stall();
        let account = end(runtime, command, &receiver);
        assert_eq!(account.dropped_total(), account.accepted, "{account:?}");
        receiver.listen();
    }
}

/// What became of the log records of a program that ends now.
fn end(runtime: &str, command: &str, receiver: &Receiver) -> Account {
    let setup = emitter::sends_to(receiver)
        .argument("--runtime")
        .argument(runtime)
        .var("RUST_LOG", "info,obs=off");
    let mut emitter = Emitter::start(&setup);
    emitter.tell(&format!("logs {RECORDS}"));
    emitter.tell("spans 10");
    emitter.tell("counter 1");
    let (accounts, took) = emitter.end_telemetry(command, DEADLINE);
    assert!(took < DEADLINE + SLACK, "{runtime} {command}: {took:?}");
    let account = accounts.of("logs");
    assert_eq!(account.accepted, RECORDS);
    assert_eq!(account.queued + account.in_flight, 0, "{account:?}");
    let ended = emitter.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.waited < SLACK, "{:?}", ended.waited);
    account
}

#[test]
fn dropped_telemetry_sends_what_it_can_in_two_seconds() {
    let receiver = Receiver::start();
    let mut emitter = Emitter::start(&emitter::sends_to(&receiver));
    emitter.tell(&format!("logs {RECORDS}"));
    emitter.tell("drop");
    Tally::of_logs(&receiver).assert_each_once(RECORDS);

    receiver.hold();
    let mut hung = Emitter::start(&emitter::sends_to(&receiver));
    hung.tell(&format!("logs {RECORDS}"));
    let took = hung.ask("drop")["took_ms"].as_u64().unwrap();
    let limit = (Duration::from_secs(2) + SLACK).as_millis();
    assert!(u128::from(took) < limit, "{took} ms");
    // The end of `main` is a drop as well.
    let mut hung = Emitter::start(&emitter::sends_to(&receiver));
    hung.tell(&format!("logs {RECORDS}"));
    let ended = hung.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.waited.as_millis() < limit, "{:?}", ended.waited);
}

#[test]
fn a_process_that_exits_after_shutdown_has_sent_everything() {
    let receiver = Receiver::start();
    let mut emitter = Emitter::start(&emitter::sends_to(&receiver));
    emitter.tell(&format!("logs {RECORDS}"));
    let (accounts, _) = emitter.shutdown(Duration::from_secs(20));
    let account = accounts.of("logs");
    assert_eq!(account.exported, account.accepted, "{account:?}");
    emitter.give("exit 7");
    let ended = emitter.end();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    Tally::of_logs(&receiver).assert_each_once(RECORDS);
}

#[test]
fn requests_are_answered_while_the_backend_hangs_and_memory_is_full() {
    let receiver = Receiver::start();
    receiver.hold();
    let service = Setup::new()
        .sends_to(&receiver)
        .var("OBS_QUEUE_SIZE", "64k")
        .var("OBS_SPOOL_DIR", "off")
        .start();
    receiver.wait_until(|receiver| !receiver.requests().is_empty());
    for _ in 0..400 {
        assert_eq!(service.get("/api/v1/recipes?limit=1").status, 200);
    }
    assert_eq!(
        taken_logs(&receiver),
        0,
        "the backend was held all the time"
    );
    receiver.release();
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    let logs = &report::at_the_end(&ended.log_lines())["logs"];
    assert!(logs.accepted >= 400, "{logs:?}");
    assert!(logs.dropped["queue_full"] > 0, "{logs:?}");
    assert_eq!(logs.exported, taken_logs(&receiver), "{logs:?}");
    assert_eq!(logs.accepted, logs.exported + logs.dropped["queue_full"]);
}

#[test]
fn a_service_under_load_ends_in_time_and_says_what_the_backend_did_not_get() {
    let receiver = Receiver::start();
    let service = Setup::new()
        .sends_to(&receiver)
        .var("SHUTDOWN_TIMEOUT", "3s")
        // With a spool there would be nothing to say.
        .var("OBS_SPOOL_DIR", "off")
        .start();
    let address = service.address();
    let is_over = AtomicBool::new(false);
    let (ended, took) = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Until the service ends; then there is nobody to ask.
                    let _gone = ask_on_one_connection(address);
                }
            });
        }
        receiver.wait_until(|receiver| receiver.log_count() > 200);
        receiver.hold();
        receiver.wait_until(|receiver| unanswered_logs(receiver) > 0);
        let signalled = Instant::now();
        service.terminate();
        let ended = service.wait();
        is_over.store(true, Ordering::Relaxed);
        (ended, signalled.elapsed())
    });
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    assert!(took < Duration::from_secs(3) + SLACK, "{took:?}");

    let accounts = report::at_the_end(&ended.log_lines());
    let logs = &accounts["logs"];
    assert!(logs.exported > 200, "{logs:?}");
    assert_eq!(logs.exported, taken_logs(&receiver), "{logs:?}");
    assert_eq!(logs.dropped["unanswered"], unanswered_logs(&receiver));
    assert_eq!(logs.accepted, logs.exported + logs.dropped_total());
    let traces = &accounts["traces"];
    assert_eq!(traces.exported, receiver.span_count() as u64, "{traces:?}");
    assert_eq!(traces.accepted, traces.exported + traces.dropped_total());
}

/// Asks until the connection is closed.
fn ask_on_one_connection(address: std::net::SocketAddr) -> io::Result<()> {
    let mut connection = Connection::open(address)?;
    loop {
        let answer = connection.ask(&Request::get("/api/v1/recipes?limit=1"))?;
        if answer.header("connection") == Some("close") {
            return Ok(());
        }
    }
}

fn taken_logs(receiver: &Receiver) -> u64 {
    receiver.log_count() as u64
}

/// Log records in requests that arrived and were never answered.
fn unanswered_logs(receiver: &Receiver) -> u64 {
    let requests = receiver.requests();
    let unanswered = requests.iter().filter(|request| request.status().is_none());
    let records = unanswered.map(|request| match request.payload() {
        Payload::Logs(logs) => {
            let scopes = logs.resource_logs.iter().flat_map(|all| &all.scope_logs);
            scopes.map(|scope| scope.log_records.len() as u64).sum()
        }
        _ => 0,
    });
    records.sum()
}

const RECORDS: u64 = 200;
const CLIENTS: usize = 4;
const DEADLINE: Duration = Duration::from_millis(500);
/// What a busy machine adds to a deadline.
const SLACK: Duration = Duration::from_millis(1500);
