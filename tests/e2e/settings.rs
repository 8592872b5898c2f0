//! Settings that are mistaken, missing or turned off, and backends that are not there.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use obs_core::testing::Receiver;
use obs_tests::{
    http::Request,
    logs, otlp,
    secret::Secret,
    service::{Ended, Setup},
    wait,
};
use serde_json::Value;

#[test]
fn mistaken_telemetry_settings_are_one_warning_and_the_service_runs() {
    let receiver = Receiver::start();
    let secret = Secret::unknown();
    let setup = Setup::new();
    fs::write(setup.folder().path().join("file"), "no folder").unwrap();
    let below_a_file = setup.folder().join("file/logs");
    let service = setup
        .sends_to(&receiver)
        .var("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        .var("OTEL_TRACES_SAMPLER_ARG", "abc")
        .var(
            "OTEL_EXPORTER_OTLP_HEADERS",
            format!("Authorization Bearer {}", secret.text()),
        )
        .var("LOG_FILE_PATH", below_a_file.as_str())
        .start();
    assert_eq!(service.get("/api/v1/recipes").status, 200);
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());

    let terminal = ended.terminal();
    let warnings = terminal_records(&terminal, "WARN");
    let [warning] = warnings.as_slice() else {
        panic!("one warning: {warnings:#?}\n{terminal}");
    };
    for part in [
        "OTEL_TRACES_SAMPLER_ARG",
        "abc",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "LOG_FILE_PATH",
        below_a_file.as_str(),
    ] {
        assert!(warning.contains(part), "{part} in {warning}");
    }
    assert!(
        terminal_records(&terminal, "ERROR").is_empty(),
        "{terminal}"
    );
    for telltale in secret.telltales() {
        assert!(!terminal.contains(telltale), "masked: {terminal}");
    }
    assert!(receiver.span_count() > 0, "what is right is used");
}

#[test]
fn a_mistaken_port_is_one_error_and_exit_code_2() {
    let ended = Setup::new().var("PORT", "99999").run();
    assert_eq!(ended.code, Some(2), "{}", ended.terminal());
    let stderr = &ended.stderr;
    assert_eq!(stderr.matches("99999").count(), 1, "{stderr}");
    assert!(
        stderr.contains("PORT") && stderr.contains("65535"),
        "{stderr}"
    );
    assert!(
        !ended.stdout.contains("99999"),
        "said once: {}",
        ended.stdout
    );
}

#[test]
fn a_backend_that_is_not_there_is_reported_once_and_costs_nothing() {
    // Its port is taken, and nobody listens there.
    let receiver = Receiver::start();
    receiver.refuse();
    assert_serves_without_backend(receiver.address(), "is reported");
}

#[test]
fn a_backend_that_hangs_is_reported_at_most_once_and_costs_nothing() {
    // The system accepts the connections, and nobody ever reads.
    let hanging = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    assert_serves_without_backend(hanging.local_addr().unwrap(), "hangs");
}

/// Requests are answered, at most one line says that nothing is sent, and the end comes in time.
fn assert_serves_without_backend(backend: SocketAddr, how: &str) {
    let service = Setup::new()
        .endpoint(&format!("http://{backend}"))
        .var("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
        .var("SHUTDOWN_TIMEOUT", "3s")
        .start();
    for _ in 0..50 {
        assert_eq!(service.get("/api/v1/recipes?limit=1").status, 200);
    }
    wait::until("the backend's absence is reported", || {
        (!reports(&service.log_lines(), backend).is_empty()).then_some(())
    });
    for _ in 0..50 {
        assert_eq!(service.get("/api/v1/recipes?q=lemon").status, 200);
    }
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{how}: {}", ended.terminal());
    assert!(
        ended.waited < Duration::from_secs(5),
        "{how}: {:?}",
        ended.waited
    );
    let lines = ended.log_lines();
    assert_eq!(logs::with(&lines, "level", "http").len(), 100, "{how}");
    let reports = reports(&lines, backend);
    assert_eq!(reports.len(), 1, "{how}, in the first minute: {reports:#?}");
}

/// Warnings and errors that name the backend.
fn reports(lines: &[Value], backend: SocketAddr) -> Vec<Value> {
    let backend = backend.to_string();
    let is_report = |line: &&Value| {
        let level = line["level"].as_str().unwrap_or_default();
        let message = line["message"].as_str().unwrap_or_default();
        ["warn", "error"].contains(&level) && message.contains(&backend)
    };
    lines.iter().filter(is_report).cloned().collect()
}

#[test]
fn sending_can_be_turned_off() {
    let receiver = Receiver::start();
    let service = Setup::new()
        .sends_to(&receiver)
        .var("OTEL_SDK_DISABLED", "true")
        .start();
    let answer = service.get("/api/v1/recipes?limit=1");
    assert_eq!(answer.status, 200);
    let id = answer.request_id().to_owned();
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    let lines = ended.log_lines();
    let line = logs::with(&lines, "requestId", &id);
    assert!(
        line.iter().all(|line| line["traceId"].is_string()),
        "{line:?}"
    );
    assert!(!line.is_empty(), "the log file needs no sending");
}

#[test]
fn without_settings_nothing_is_sent_and_a_line_for_each_signal_says_so() {
    // Its folders too are where a newcomer finds them.
    let service = Setup::new()
        .without("LOG_FILE_PATH")
        .without("DATA_DIR")
        .without("HOST")
        .start();
    assert_eq!(service.get("/api/v1/recipes").status, 200);
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    let terminal = ended.terminal();
    for signal in ["logs:", "traces:", "metrics:"] {
        let lines: Vec<_> = terminal
            .lines()
            .filter(|line| line.contains(signal))
            .collect();
        assert_eq!(lines.len(), 1, "{signal} in {terminal}");
    }
    assert!(
        terminal.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "how to turn it on: {terminal}"
    );
    for level in ["WARN", "ERROR"] {
        assert!(terminal_records(&terminal, level).is_empty(), "{terminal}");
    }
    assert!(ended.folder().path().join("data").is_dir(), "./data");
    assert!(!ended.log_lines().is_empty(), "./logs");
}

#[test]
fn production_prints_json_lines_when_asked() {
    let service = Setup::new()
        .var("APP_ENV", "production")
        .var("LOG_FORMAT", "json")
        .var("SHUTDOWN_DELAY", "0")
        .start();
    let answer = service.get("/api/v1/recipes?q=lemon");
    let id = answer.request_id().to_owned();
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    let lines = logs::parse(&ended.stdout);
    for line in &lines {
        for key in ["timestamp", "level", "message", "service", "target"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
        assert_eq!(line["environment"], "production");
    }
    let of_request = logs::with(&lines, "requestId", &id);
    assert!(
        of_request.iter().any(|line| line["level"] == "http"),
        "{lines:?}"
    );
}

#[test]
fn without_samples_logs_still_have_trace_ids() {
    let receiver = Receiver::start();
    let service = Setup::new()
        .sends_to(&receiver)
        .var("OTEL_TRACES_SAMPLER_ARG", "0")
        .start();
    let ids: Vec<String> = ["/api/v1/recipes?q=lemon", "/nowhere"]
        .map(|target| service.get(target).request_id().to_owned())
        .to_vec();
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    assert_eq!(receiver.span_count(), 0);
    let lines = ended.log_lines();
    for id in ids {
        let records = otlp::logs_of_request(&receiver, &id);
        assert!(!records.is_empty(), "{id}");
        let trace_id = otlp::hex(&records[0].trace_id).unwrap();
        assert_eq!(trace_id.len(), 32);
        for line in logs::with(&lines, "requestId", &id) {
            assert_eq!(line["traceId"], trace_id);
        }
    }
}

#[test]
fn a_hostile_request_id_is_replaced() {
    let service = Setup::new().start();
    let (huge, long) = ("a".repeat(200 * 1024), "a".repeat(129));
    let hostile: [&[&[u8]]; 8] = [
        &[huge.as_bytes()],
        &[long.as_bytes()],
        &[b"first", b"second"],
        &[b"same", b"same"],
        &[b"two words"],
        &[b"tab\tinside"],
        &[b"\xff\xfe"],
        &[b""],
    ];
    let mut ids = Vec::new();
    for values in hostile {
        let request = values
            .iter()
            .fold(Request::get("/nowhere"), |request, value| {
                request.header("X-Request-ID", value)
            });
        let answer = service.ask(&request);
        assert_eq!(answer.status, 404);
        let id = answer.request_id().to_owned();
        assert_eq!(id.len(), 36, "a new one: {id}");
        assert_eq!(answer.json()["requestId"], id);
        ids.push(id);
    }
    // These no header may have (RFC 9110, section 5.5): the request does not reach the service.
    for control in [b"a\x01b".as_slice(), b"a\x1b[31mb", b"a\0b"] {
        let request = Request::get("/nowhere").header("X-Request-ID", control);
        assert_eq!(service.ask(&request).status, 400);
    }
    let kept = service.ask(&Request::get("/nowhere").header("X-Request-ID", "a".repeat(128)));
    assert_eq!(kept.request_id(), "a".repeat(128));

    let ended = service.stop();
    assert_no_line_is_long(&ended);
    let lines = ended.log_lines();
    assert_eq!(logs::with(&lines, "level", "http").len(), ids.len() + 1);
    for id in ids {
        assert_eq!(logs::with(&lines, "requestId", &id).len(), 1, "{id}");
    }
}

fn assert_no_line_is_long(ended: &Ended) {
    for line in ended.log_lines() {
        let length = line.to_string().len();
        assert!(length < 4096, "{length} bytes");
    }
    assert!(ended.terminal().lines().all(|line| line.len() < 4096));
}

/// The records of a level in what a terminal shows, each with the indented lines that belong to it.
fn terminal_records(terminal: &str, level: &str) -> Vec<String> {
    let mut records: Vec<String> = Vec::new();
    let mut inside = false;
    for line in terminal.lines() {
        if line.starts_with(' ') && inside {
            if let Some(record) = records.last_mut() {
                record.push('\n');
                record.push_str(line);
            }
            continue;
        }
        inside = line.split_whitespace().nth(1) == Some(level);
        if inside {
            records.push(line.to_owned());
        }
    }
    records
}
