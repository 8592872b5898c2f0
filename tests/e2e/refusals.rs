//! Backends that will never take what is sent: whoever is on call reads one line that says what to
//! do, and the service is untouched.

use std::time::Duration;

use obs_core::testing::{Receiver, Reply};
use obs_tests::{
    emitter::{self, Emitter},
    front::Front,
    logs,
    service::Setup,
    tls::{Authority, TlsFront},
    wait,
};
use serde_json::Value;

#[test]
fn a_refusal_is_one_line_that_says_what_to_do() {
    for (status, remedy) in [
        (
            401,
            "set the credentials that it wants in OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (404, "check the path in OTEL_EXPORTER_OTLP_ENDPOINT"),
        (415, "set OTEL_EXPORTER_OTLP_COMPRESSION=none"),
    ] {
        let receiver = Receiver::start();
        receiver.answer_all(status);
        let setup = emitter::sends_to(&receiver).var("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
        let line = only_line(setup);
        assert!(line.contains(&status.to_string()), "{line}");
        assert!(line.contains(remedy), "{line}");
    }
}

#[test]
fn http_to_a_server_of_https_is_one_line_that_says_what_to_do() {
    let receiver = Receiver::start();
    let identity = Authority::new().server(&["127.0.0.1"]);
    let front = TlsFront::start(receiver.address(), &identity, None);
    let line = only_line(emitter::sends_to_url(&format!(
        "http://{}",
        front.address()
    )));
    assert!(line.contains("https://"), "{line}");
}

#[test]
fn https_to_a_server_of_http_is_one_line_that_says_what_to_do() {
    let receiver = Receiver::start();
    let line = only_line(emitter::sends_to_url(&format!(
        "https://{}",
        receiver.address()
    )));
    assert!(line.contains("http://"), "{line}");
}

#[test]
fn a_certificate_that_is_not_trusted_is_one_line_that_says_what_to_do() {
    let receiver = Receiver::start();
    let identity = Authority::new().server(&["127.0.0.1"]);
    let front = TlsFront::start(receiver.address(), &identity, None);
    let line = only_line(emitter::sends_to_url(&format!(
        "https://{}",
        front.address()
    )));
    assert!(line.contains("OTEL_EXPORTER_OTLP_CERTIFICATE"), "{line}");
    assert_eq!(front.handshakes(), 0);
}

#[test]
fn a_certificate_for_another_name_is_one_line_that_says_so() {
    let receiver = Receiver::start();
    let authority = Authority::new();
    let identity = authority.server(&["another.test"]);
    let front = TlsFront::start(receiver.address(), &identity, None);
    let setup = emitter::sends_to_url(&format!("https://{}", front.address()));
    let certificate = authority.write(setup.folder(), "authority.pem");
    let line = only_line(setup.var("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate));
    assert!(line.contains("another.test"), "{line}");
    assert_eq!(front.handshakes(), 0);
}

#[test]
fn a_server_of_grpc_is_one_line_that_says_what_to_do() {
    let front = Front::grpc();
    let line = only_line(emitter::sends_to_url(&format!(
        "http://{}",
        front.address()
    )));
    assert!(line.contains("4318"), "{line}");
}

/// The only warning of an emitter that sends log records several times.
fn only_line(setup: Setup) -> String {
    let setup = setup
        .var("OTEL_TRACES_EXPORTER", "none")
        .var("OTEL_METRICS_EXPORTER", "none");
    let mut emitter = Emitter::start(&setup);
    for _ in 0..3 {
        emitter.tell("logs 10");
        // Refused for good, or not at all within this time.
        let _is_flushed = emitter.flush(Duration::from_millis(200));
    }
    let account = emitter.account("logs");
    assert_eq!(account.exported, 0, "{account:?}");
    let (_, took) = emitter.shutdown(Duration::from_millis(200));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let mut warnings = emitter.warnings();
    // What telemetry says at its end is another matter.
    warnings.retain(|warning| !warning.starts_with("telemetry ended"));
    let [warning] = &warnings[..] else {
        panic!("one line: {warnings:#?}");
    };
    warning.clone()
}

#[test]
fn the_port_of_grpc_is_one_line_at_the_start_that_says_what_to_do() {
    // No server of names is asked for it: its first part is longer than they understand.
    let host = format!("{}.test", "x".repeat(64));
    let emitter = Emitter::start(&emitter::sends_to_url(&format!("http://{host}:4317")));
    let ended = emitter.end();
    let lines = ended.log_lines();
    let messages = lines.iter().filter_map(|line| line["message"].as_str());
    let advice = format!("http://{host}:4318");
    let about_the_port: Vec<_> = messages.filter(|line| line.contains(&advice)).collect();
    assert_eq!(about_the_port.len(), 1, "{lines:#?}");
}

#[test]
fn a_service_whose_credentials_are_refused_is_untouched() {
    let receiver = Receiver::start();
    receiver.reply_all(Reply::status(401));
    let setup = Setup::new().sends_to(&receiver);
    assert_untouched(setup, &["logs", "traces", "metrics"].map(refused));
}

fn refused(signal: &str) -> String {
    format!("refuses {signal} with 401")
}

#[test]
fn a_service_whose_backend_is_not_trusted_is_untouched() {
    let receiver = Receiver::start();
    let identity = Authority::new().server(&["127.0.0.1"]);
    let front = TlsFront::start(receiver.address(), &identity, None);
    let setup = Setup::new()
        .endpoint(&format!("https://{}", front.address()))
        .var("SHUTDOWN_TIMEOUT", "1s");
    assert_untouched(setup, &["OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned()]);
    assert_eq!(receiver.connections(), 0);
}

/// Requests are answered as ever, and there is one warning with each of these texts.
fn assert_untouched(setup: Setup, said: &[String]) {
    let times = |lines: &[Value], text: &str| {
        let warnings = logs::with(lines, "level", "warn");
        let messages = warnings.iter().filter_map(|line| line["message"].as_str());
        messages.filter(|message| message.contains(text)).count()
    };
    let service = setup.start();
    for _ in 0..50 {
        assert_eq!(service.get("/api/v1/recipes?limit=1").status, 200);
    }
    for text in said {
        wait::until(text, || {
            (times(&service.log_lines(), text) > 0).then_some(())
        });
    }
    for _ in 0..50 {
        assert_eq!(service.get("/api/v1/recipes?q=lemon").status, 200);
    }
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    let lines = ended.log_lines();
    for text in said {
        assert_eq!(times(&lines, text), 1, "{text}, in the first minute");
    }
    assert_eq!(logs::with(&lines, "level", "http").len(), 100);
}
