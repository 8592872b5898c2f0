//! What is handed over arrives: completely, in order, with its resource and scope.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;

use super::support::{LONG, account, log, log_record, span, start, start_with};
use crate::config::Env;
use crate::export::{Priority, Signal};
use crate::testing::Receiver;

#[test]
fn records_arrive_with_resource_and_scope() {
    let receiver = Receiver::start();
    let (exporter, reports) = start_with(&receiver, &[]);
    exporter.log("kitchen::stove", Priority::Info, &log_record("hot"));
    exporter.log("kitchen::sink", Priority::Error, &log_record("cold"));
    exporter.span("kitchen", Priority::Info, &span("cook"));
    assert!(exporter.flush(LONG));
    let logs = receiver.logs();
    let seen: Vec<_> = logs
        .iter()
        .map(|log| (log.scope.name.as_str(), log.message().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("kitchen::sink", "cold".to_owned()),
            ("kitchen::stove", "hot".to_owned())
        ]
    );
    assert_eq!(
        logs[0].resource_attribute("service.name").as_deref(),
        Some("kitchen")
    );
    let spans = receiver.spans();
    assert_eq!(
        (spans[0].name.as_str(), spans[0].scope.name.as_str()),
        ("cook", "kitchen")
    );
    assert_eq!(account(&exporter.status(), "logs").exported, 2);
    assert_eq!(account(&exporter.shutdown(LONG), "traces").exported, 1);
    assert_eq!(reports.messages(), Vec::<String>::new());
}

#[test]
fn a_burst_arrives_completely_and_once() {
    const THREADS: usize = 4;
    const EACH: usize = 50_000;
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let exporter = &exporter;
            scope.spawn(move || {
                let name = format!("burst{thread}");
                for number in 0..EACH {
                    exporter.log(&name, Priority::Info, &log_record(&number.to_string()));
                }
            });
        }
    });
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), THREADS * EACH);
    // Several requests are under way at once: the order of records is not promised.
    let received = receiver.logs();
    let numbers = received
        .iter()
        .map(|log| (&*log.scope.name, log.message().unwrap()));
    assert_eq!(numbers.collect::<BTreeSet<_>>().len(), THREADS * EACH);
    let report = account(&exporter.shutdown(LONG), "logs");
    assert!(
        report.is_lossless() && report.exported == (THREADS * EACH) as u64,
        "{report}"
    );
}

#[test]
fn records_go_out_after_the_delay_without_being_asked() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_BLRP_SCHEDULE_DELAY", "1ms")]);
    log(&exporter, "by itself");
    receiver.wait_until(|receiver| receiver.log_count() == 1);
    log(&exporter, "again");
    receiver.wait_until(|receiver| receiver.log_count() == 2);
}

#[test]
fn a_full_batch_goes_out_before_the_delay() {
    let receiver = Receiver::start();
    let settings = [
        ("OTEL_BLRP_SCHEDULE_DELAY", "1h"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "10"),
    ];
    let (exporter, _reports) = start_with(&receiver, &settings);
    (0..10).for_each(|number| log(&exporter, &number.to_string()));
    receiver.wait_until(|receiver| receiver.log_count() == 10);
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_BLRP_SCHEDULE_DELAY", "1h")]);
    let large = "x".repeat(64 * 1024);
    (0..17).for_each(|_| log(&exporter, &large));
    receiver.wait_until(|receiver| receiver.log_count() > 20);
}

#[test]
fn no_request_is_larger_than_it_may_be() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "7")]);
    (0..100).for_each(|number| {
        exporter.log(
            &format!("s{}", number % 3),
            Priority::Info,
            &log_record("x"),
        )
    });
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), 100);
    assert_eq!(receiver.requests().len(), 100_usize.div_ceil(7));
    receiver.hold();
    let large = log_record(&"y".repeat(100 * 1024));
    let (exporter, _reports) = start_with(&receiver, &[]);
    (0..100).for_each(|_| exporter.log("large", Priority::Info, &large));
    receiver.release();
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.log_count(), 200);
    assert!(
        receiver
            .requests()
            .iter()
            .all(|request| request.body.len() <= 4 * 1024 * 1024 + 1024)
    );
}

#[test]
fn bodies_are_compressed_when_asked() {
    let check = |compression: &str, encoding: Option<&str>| {
        let receiver = Receiver::start();
        let settings = [("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", compression)];
        let (exporter, _reports) = start_with(&receiver, &settings);
        (0..1_000).for_each(|_| log(&exporter, "the same again"));
        assert!(exporter.flush(LONG));
        let requests = receiver.requests();
        assert_eq!(requests[0].header("content-encoding"), encoding);
        assert_eq!(
            requests[0].wire_len < requests[0].body.len() / 10,
            encoding.is_some()
        );
        assert_eq!(receiver.log_count(), 1_000);
    };
    check("gzip", Some("gzip"));
    check("none", None);
    check("", None);
}

#[test]
fn requests_carry_the_headers_of_the_variables() {
    let receiver = Receiver::start();
    let settings = [
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20abc==,x-team=a%2Cb",
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-only=traces"),
    ];
    let (exporter, _reports) = start_with(&receiver, &settings);
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    exporter.span("s", Priority::Info, &span("y"));
    assert!(exporter.flush(LONG));
    let requests = receiver.requests();
    assert_eq!(requests[0].path, "/v1/logs");
    assert_eq!(requests[0].header("authorization"), Some("Bearer abc=="));
    assert_eq!(requests[0].header("x-team"), Some("a,b"));
    assert_eq!(
        requests[0].header("content-type"),
        Some("application/x-protobuf")
    );
    assert!(
        requests[0]
            .header("user-agent")
            .unwrap()
            .starts_with("OTel-OTLP-Exporter-Rust/")
    );
    assert_eq!(requests[1].path, "/v1/traces");
    assert_eq!(requests[1].header("x-only"), Some("traces"));
    assert_eq!(requests[1].header("authorization"), None);
}

#[test]
fn openobserve_gets_its_path_credentials_and_streams() {
    let receiver = Receiver::start();
    let url = receiver.endpoint();
    let settings = [
        ("OPENOBSERVE_URL", url.as_str()),
        ("OPENOBSERVE_ORG", "kitchen"),
        ("OPENOBSERVE_USERNAME", "root@example.com"),
        ("OPENOBSERVE_PASSWORD", "Complex#123"),
        ("OPENOBSERVE_STREAM_LOGS", "recipe_logs"),
    ];
    let (exporter, _reports) = start(&settings, LONG);
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    exporter.span("s", Priority::Info, &span("y"));
    assert!(exporter.flush(LONG));
    let requests = receiver.requests();
    assert_eq!(requests[0].path, "/api/kitchen/v1/logs");
    assert_eq!(
        requests[0].header("authorization"),
        Some("Basic cm9vdEBleGFtcGxlLmNvbTpDb21wbGV4IzEyMw==")
    );
    assert_eq!(requests[0].header("stream-name"), Some("recipe_logs"));
    assert_eq!(requests[1].header("stream-name"), None);
    assert!(!receiver.logs().is_empty() && !receiver.spans().is_empty());
}

#[test]
fn an_address_of_its_own_is_used_as_it_is() {
    let receiver = Receiver::start();
    let url = format!("{}/custom/logs?tenant=a", receiver.endpoint());
    let (exporter, _reports) = start(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &url)], LONG);
    assert!(exporter.sends_logs() && !exporter.sends_traces());
    assert!(exporter.meter_provider().is_none());
    assert_eq!(exporter.endpoint(Signal::Traces), None);
    log(&exporter, "x");
    assert!(exporter.flush(LONG));
    assert_eq!(receiver.requests()[0].path, "/custom/logs?tenant=a");
    assert_eq!(receiver.log_count(), 1);
}

#[test]
fn without_an_address_there_is_nothing_to_do() {
    let (exporter, reports) = start(&[], LONG);
    log(&exporter, "x");
    exporter.span("s", Priority::Info, &span("y"));
    assert!(exporter.flush(Duration::ZERO));
    assert_eq!(exporter.shutdown(Duration::ZERO), []);
    assert_eq!(reports.messages(), Vec::<String>::new());
}

#[test]
fn a_connection_is_kept_for_the_next_batch() {
    let receiver = Receiver::start();
    let (exporter, _reports) = start_with(&receiver, &[]);
    for _ in 0..5 {
        log(&exporter, "x");
        assert!(exporter.flush(LONG));
    }
    assert_eq!(receiver.requests().len(), 5);
    assert_eq!(receiver.connections(), 1);
}

#[test]
fn nothing_of_the_senders_own_activity_is_captured() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let env = Env::from_pairs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", "off"),
        ("LOG_FILE_PATH", "off"),
    ]);
    let (telemetry, layer) = crate::builder("test").env(env).quiet().build().unwrap();
    // Only a global subscriber hears the sender thread; other tests of this binary have none.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .expect("no other unit test installs one");
    for _ in 0..3 {
        tracing::trace!(target: "mine", "x");
        assert!(telemetry.flush(LONG));
    }
    let logs = receiver.logs();
    let foreign: Vec<_> = logs.iter().filter(|log| log.scope.name != "mine").collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert_eq!(logs.len(), 3);
    assert!(receiver.spans().is_empty());
}
