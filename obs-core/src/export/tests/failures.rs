//! What happens to records when the server is gone, slow, or says no.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message;

use super::support::{LONG, account, log, log_record, span, start, start_with};
use crate::export::Priority;
use crate::testing::Receiver;

/// An address that refuses connections: it is that of a client, so nobody can listen there.
struct Refusing {
    client: TcpStream,
    _server: TcpListener,
}

impl Refusing {
    fn new() -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        Self {
            client,
            _server: server,
        }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.client.local_addr().unwrap())
    }
}

#[test]
fn an_unreachable_server_stops_nothing_and_is_told_once() {
    let refusing = Refusing::new();
    let endpoint = refusing.endpoint();
    let (exporter, reports) = start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)], LONG);
    for _ in 0..1_000 {
        log(&exporter, "x");
        exporter.span("s", Priority::Info, &span("y"));
    }
    assert!(!exporter.flush(Duration::from_millis(200)));
    let begin = Instant::now();
    let signals = exporter.shutdown(Duration::from_millis(500));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    let logs = account(&signals, "logs");
    assert_eq!((logs.exported, logs.dropped["shutdown"]), (0, 1_000));
    assert_eq!(account(&signals, "traces").dropped["shutdown"], 1_000);
    let message = reports.one();
    assert!(
        message.starts_with("WARN telemetry cannot be sent to http://127.0.0.1:"),
        "{message}"
    );
    assert!(message.contains("refused"), "{message}");
}

#[test]
fn a_hanging_server_stops_nothing_and_shutdown_ends_in_time() {
    let receiver = Receiver::start();
    receiver.hold();
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_BLRP_SCHEDULE_DELAY", "1h")]);
    log(&exporter, "first");
    assert!(!exporter.flush(Duration::from_millis(50)));
    receiver.wait_until(|receiver| receiver.requests().len() == 1);
    // The request hangs; records still go in without waiting.
    (0..1_000).for_each(|_| log(&exporter, "later"));
    let report = account(&exporter.status(), "logs");
    assert_eq!((report.in_flight, report.queued), (1, 1_000));
    let begin = Instant::now();
    let report = account(&exporter.shutdown(Duration::from_millis(400)), "logs");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    // The server may have the first one, and some of the rest, which shutdown sent at once.
    let (unanswered, unsent) = (report.dropped["unanswered"], report.dropped.get("shutdown"));
    assert!(unanswered >= 1, "{report}");
    assert_eq!(unanswered + unsent.unwrap_or(&0), 1_001, "{report}");
    // A second shutdown does nothing; what comes too late is counted.
    log(&exporter, "too late");
    let report = account(&exporter.shutdown(LONG), "logs");
    assert_eq!(report.dropped["after_shutdown"], 1);
}

#[test]
fn a_hanging_signal_does_not_hold_up_another() {
    let (slow, quick) = (Receiver::start(), Receiver::start());
    slow.hold();
    let traces = format!("{}/v1/traces", slow.endpoint());
    let (exporter, _reports) =
        start_with(&quick, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &traces)]);
    exporter.span("s", Priority::Info, &span("y"));
    assert!(!exporter.flush(Duration::from_millis(50)));
    slow.wait_until(|slow| slow.requests().len() == 1);
    log(&exporter, "x");
    assert!(!exporter.flush(Duration::from_millis(50)));
    quick.wait_until(|quick| quick.log_count() == 1);
    slow.release();
    assert!(exporter.flush(LONG));
    assert_eq!(slow.span_count(), 1);
}

#[test]
fn temporary_failures_are_tried_again_until_they_pass() {
    let receiver = Receiver::start();
    for status in [429, 502, 503, 504] {
        receiver.answer_next(status, &[("retry-after", "0")], b"");
    }
    let (exporter, reports) = start_with(&receiver, &[]);
    log(&exporter, "patience");
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.requests().len(), 5);
    assert_eq!(receiver.log_count(), 1);
    assert!(account(&exporter.status(), "logs").is_lossless());
    assert!(reports.one().contains("429"), "{:?}", reports.messages());
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let receiver = Receiver::start();
    let asks = [("retry-after", "1")];
    receiver.answer_next(429, &asks, b"");
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_BLRP_SCHEDULE_DELAY", "1ms")]);
    log(&exporter, "x");
    let begin = Instant::now();
    receiver.wait_until(|receiver| receiver.log_count() == 1);
    // Nobody waits, so that nobody is in a hurry; the usual pause is a few milliseconds here.
    assert!(
        begin.elapsed() > Duration::from_millis(900),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(receiver.requests().len(), 2);
}

#[test]
fn credentials_that_a_server_repeats_are_not_told() {
    let receiver = Receiver::start();
    receiver.answer_next(
        401,
        &[("content-type", "text/plain")],
        b"bad cm9vdDpodW50ZXIyaHVudGVyMg== (root:hunter2hunter2), x-thing=plain-old-key",
    );
    let headers = (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=Basic%20cm9vdDpodW50ZXIyaHVudGVyMg==,x-thing=plain-old-key",
    );
    let (exporter, reports) = start_with(&receiver, &[headers]);
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    let told = reports.one();
    for secret in ["cm9vdDpodW50", "hunter2", "plain-old-key"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn a_server_error_is_tried_again_three_times_at_most() {
    for status in [408, 500] {
        let receiver = Receiver::start();
        (0..3).for_each(|_| receiver.answer_next(status, &[], b""));
        let (exporter, _reports) = start_with(&receiver, &[]);
        log(&exporter, "x");
        assert!(exporter.flush(LONG));
        assert_eq!(account(&exporter.status(), "logs").exported, 1);
        receiver.answer_all(status);
        log(&exporter, "y");
        assert!(exporter.flush(LONG));
        assert_eq!(receiver.requests().len(), 4 + 4);
        let report = account(&exporter.status(), "logs");
        assert_eq!((report.exported, report.rejected), (1, 1), "{status}");
    }
}

#[test]
fn what_is_too_large_is_divided_until_it_fits() {
    let receiver = Receiver::start();
    (0..3).for_each(|_| receiver.answer_next(413, &[], b""));
    let (exporter, reports) = start_with(&receiver, &[]);
    (0..10).for_each(|number| log(&exporter, &number.to_string()));
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), 10);
    // Ten, then halves of it and so on until the third refusal.
    assert_eq!(receiver.requests().len(), 3 + 4);
    let report = account(&exporter.status(), "logs");
    assert!(
        report.exported == 10 && report.resent_unknown == 0,
        "{report}"
    );
    assert_eq!(reports.messages(), Vec::<String>::new());
}

#[test]
fn several_requests_are_under_way_and_few_while_the_server_fails() {
    let receiver = Receiver::start();
    receiver.hold();
    receiver.answer_all(503);
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1")]);
    (0..20).for_each(|number| log(&exporter, &number.to_string()));
    exporter.flush(Duration::ZERO);
    receiver.wait_until(|receiver| receiver.requests().len() == 4);
    let report = account(&exporter.status(), "logs");
    assert_eq!((report.in_flight, report.queued), (4, 16));
    receiver.release();
    receiver.wait_until(|receiver| receiver.requests().len() > 8);
    receiver.hold();
    let unanswered = |receiver: &Receiver| {
        let requests = receiver.requests();
        let unanswered = requests.iter().filter(|request| request.status().is_none());
        unanswered.count()
    };
    receiver.wait_until(|receiver| unanswered(receiver) > 0);
    // Somebody in a hurry ends a pause, and still only one request tries, with another beside it
    // that has not failed yet.
    assert!(!exporter.flush(Duration::from_millis(100)));
    assert!(unanswered(&receiver) <= 2);
    receiver.answer_all(200);
    receiver.release();
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), 20);
}

#[test]
fn a_server_that_comes_back_gets_everything() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    log(&exporter, "before");
    assert!(exporter.flush(LONG));
    let address = receiver.address();
    drop(receiver);
    (0..10).for_each(|_| log(&exporter, "meanwhile"));
    assert!(!exporter.flush(Duration::from_millis(50)));
    let receiver = Receiver::start_at(address);
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), 10);
    assert_eq!(account(&exporter.status(), "logs").exported, 11);
}

#[test]
fn an_answer_that_takes_too_long_is_no_answer() {
    let receiver = Receiver::start();
    receiver.hold();
    let (exporter, reports) = start_with(&receiver, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "20")]);
    log(&exporter, "x");
    exporter.flush(Duration::ZERO);
    // The second failure is told: the first may be chance.
    receiver.wait_until(|receiver| receiver.requests().len() >= 3);
    receiver.release();
    assert!(exporter.flush(LONG));
    assert!(
        reports.one().contains("no answer within 20ms"),
        "{:?}",
        reports.messages()
    );
}

#[test]
fn a_success_whose_body_does_not_come_is_a_success() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    let (exporter, _reports) = start(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &endpoint)], LONG);
    log(&exporter, "x");
    let mut held = server.accept().unwrap().0;
    let mut first = [0; 1];
    held.read_exact(&mut first).unwrap();
    held.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        .unwrap();
    assert!(exporter.flush(LONG));
    let reports = exporter.shutdown(LONG);
    let logs = account(&reports, "logs");
    assert_eq!((logs.accepted, logs.exported), (1, 1), "{logs}");
}

#[test]
fn a_permanent_error_is_counted_and_told_once() {
    let receiver = Receiver::start();
    receiver.answer_all(400);
    let (exporter, reports) = start_with(&receiver, &[]);
    for _ in 0..3 {
        log(&exporter, "x");
        assert!(exporter.flush(LONG));
    }
    let report = account(&exporter.shutdown(LONG), "logs");
    assert_eq!((report.rejected, report.exported), (3, 0));
    assert_eq!(receiver.requests().len(), 3);
    let message = reports.one();
    assert!(
        message.contains("refuses logs with 400 Bad Request"),
        "{message}"
    );
    assert!(
        message.contains("OTEL_EXPORTER_OTLP_ENDPOINT is an OTLP endpoint"),
        "{message}"
    );
}

#[test]
fn refusals_name_the_remedy_and_no_secret() {
    let check = |status: u16, settings: &[(&str, &str)], expected: &str| {
        let receiver = Receiver::start();
        receiver.answer_next(
            status,
            &[("content-type", "text/plain")],
            b"no\r\nfor token=s3cret-value-1234567890",
        );
        let (exporter, reports) = start_with(&receiver, settings);
        log(&exporter, "x");
        assert!(exporter.flush(LONG));
        let message = reports.one();
        assert!(message.contains(expected), "{message}");
        assert!(
            !message.contains("s3cret") && !message.contains('\n'),
            "{message}"
        );
        assert!(!format!("{exporter:?}").contains("s3cret"));
    };
    let headers = [(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=Bearer%20s3cret",
    )];
    let own = [(
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
        "authorization=Bearer%20s3cret",
    )];
    check(
        401,
        &headers,
        "check the credentials in OTEL_EXPORTER_OTLP_HEADERS",
    );
    check(
        403,
        &own,
        "check the credentials in OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    );
    check(
        401,
        &[],
        "set the credentials that it wants in OTEL_EXPORTER_OTLP_HEADERS",
    );
    check(404, &[], "check the path in OTEL_EXPORTER_OTLP_ENDPOINT");
    check(
        415,
        &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
        "OTEL_EXPORTER_OTLP_COMPRESSION=none",
    );
    check(413, &[], "raise the size of requests");
    check(302, &[], "check the path");
}

#[test]
fn a_web_page_is_no_success() {
    let receiver = Receiver::start();
    receiver.answer_next(
        200,
        &[("content-type", "text/html; charset=utf-8")],
        b"<html>",
    );
    let (exporter, reports) = start_with(&receiver, &[]);
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    assert_eq!(account(&exporter.status(), "logs").rejected, 1);
    assert!(
        reports.one().contains("a web page"),
        "{:?}",
        reports.messages()
    );
}

#[test]
fn partial_success_is_counted() {
    let check = |rejected: i64, text: &str, expected: (u64, u64), told: bool| {
        let receiver = Receiver::start();
        let partial = ExportLogsPartialSuccess {
            rejected_log_records: rejected,
            error_message: text.to_owned(),
        };
        let answer = ExportLogsServiceResponse {
            partial_success: Some(partial),
        };
        receiver.answer_next(200, &[], &answer.encode_to_vec());
        let (exporter, reports) = start_with(&receiver, &[]);
        (0..5).for_each(|_| log(&exporter, "x"));
        assert!(exporter.flush(LONG));
        let report = account(&exporter.status(), "logs");
        assert_eq!((report.exported, report.rejected), expected);
        assert_eq!(
            reports
                .messages()
                .iter()
                .any(|message| message.contains(text)),
            told
        );
    };
    check(2, "Too old data", (3, 2), true);
    check(0, "consider more shards", (5, 0), true);
    check(0, "", (5, 0), false);
    // A server that counts wrongly does not break the account.
    check(99, "all", (0, 5), true);
    check(-1, "odd", (5, 0), true);
}

#[test]
fn a_batch_that_cannot_be_sent_in_time_is_given_up() {
    let receiver = Receiver::start();
    receiver.answer_all(503);
    let endpoint = receiver.endpoint();
    let (exporter, reports) = start(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)],
        Duration::ZERO,
    );
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    assert_eq!(account(&exporter.status(), "logs").dropped["expired"], 1);
    receiver.answer_all(200);
    log(&exporter, "y");
    assert!(exporter.flush(LONG));
    assert_eq!(account(&exporter.shutdown(LONG), "logs").exported, 1);
    let told = |message: &String| message.contains("1 log records were dropped");
    assert!(
        reports.messages().iter().any(told),
        "{:?}",
        reports.messages()
    );
}

#[test]
fn a_full_queue_is_told() {
    let receiver = Receiver::start();
    receiver.hold();
    let (exporter, reports) = start_with(&receiver, &[("OTEL_BLRP_MAX_QUEUE_SIZE", "10")]);
    (0..30).for_each(|_| exporter.log("s", Priority::Error, &log_record("x")));
    receiver.release();
    assert!(exporter.flush(LONG));
    let report = account(&exporter.shutdown(LONG), "logs");
    assert_eq!((report.exported, report.dropped["queue_full"]), (10, 20));
    assert!(
        reports.one().contains("20 log records were dropped"),
        "{:?}",
        reports.messages()
    );
}

#[test]
fn a_pipeline_that_is_only_dropped_stops_its_thread() {
    let receiver = Receiver::start();
    let (exporter, reports) = start_with(&receiver, &[]);
    drop(exporter);
    // The thread holds the reporter, and with it the other end of the reports.
    let begin = Instant::now();
    while reports.is_held_elsewhere() {
        assert!(begin.elapsed() < LONG);
        std::thread::yield_now();
    }
}
