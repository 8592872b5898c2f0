//! Every variable, right and wrong.

use std::time::Duration;

use super::support::read;
use crate::config::Problem;
use crate::export::settings::Target;
use crate::export::{Settings, Signal};

const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn target(pairs: &[(&str, &str)], signal: Signal) -> Target {
    let (settings, problems) = read(pairs);
    assert_eq!(problems, []);
    settings.signal(signal).expect("the signal is sent").clone()
}

fn endpoints(settings: &Settings) -> [Option<&str>; 3] {
    Signal::ALL.map(|signal| settings.signal(signal).map(Target::endpoint))
}

fn one(problems: &[Problem]) -> String {
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].to_string()
}

#[test]
fn nothing_is_sent_without_an_address() {
    let (settings, problems) = read(&[("OPENOBSERVE_ORG", "a"), ("OTEL_LOGS_EXPORTER", "otlp")]);
    assert_eq!(endpoints(&settings), [None; 3]);
    assert_eq!(problems, []);
}

fn check_endpoints(pairs: &[(&str, &str)], expected: [Option<&str>; 3]) {
    let (settings, problems) = read(pairs);
    assert_eq!(endpoints(&settings), expected, "{pairs:?}");
    assert_eq!(problems, []);
}

#[test]
fn addresses_follow_the_specification() {
    let base = [
        Some("http://collector:4318/v1/traces"),
        Some("http://collector:4318/v1/metrics"),
        Some("http://collector:4318/v1/logs"),
    ];
    let check = check_endpoints;
    check(&[BASE], base);
    check(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")],
        base,
    );
    check(&[BASE, ("OPENOBSERVE_URL", "http://o2:5080")], base);
    check(&[BASE, ("OTEL_SDK_DISABLED", "true")], [None; 3]);
    check(
        &[BASE, ("OTEL_TRACES_EXPORTER", "none")],
        [None, base[1], base[2]],
    );
    let none = [
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ];
    check(&[BASE, none[0], none[1]], [base[0], None, None]);
    let own = (
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "https://metrics.example.com",
    );
    check(&[own], [None, Some("https://metrics.example.com"), None]);
    check(
        &[BASE, own],
        [base[0], Some("https://metrics.example.com"), base[2]],
    );
}

#[test]
fn openobserve_has_a_path_for_each_organisation() {
    let check = |pairs: &[(&str, &str)], organisation: &str| {
        let url = |signal| format!("http://o2:5080/api/{organisation}/v1/{signal}");
        let expected = ["traces", "metrics", "logs"].map(url);
        check_endpoints(pairs, expected.each_ref().map(|url| Some(url.as_str())));
    };
    let url = |url| ("OPENOBSERVE_URL", url);
    let organisation = ("OPENOBSERVE_ORG", "my org");
    check(&[url("http://o2:5080")], "default");
    check(&[url("http://o2:5080/"), organisation], "my%20org");
    check(&[url("http://o2:5080/api/acme"), organisation], "acme");
}

#[test]
fn an_address_that_cannot_be_used_is_told_once_and_without_secrets() {
    let check = |variable: &str, value: &str, expected: [Option<&str>; 3]| {
        let (settings, problems) =
            read(&[(variable, value), ("OPENOBSERVE_URL", "http://o2/api/a")]);
        assert_eq!(endpoints(&settings), expected);
        let problem = one(&problems);
        assert!(
            problem.starts_with(variable) && problem.contains("http://127.0.0.1:4318"),
            "{problem}"
        );
        assert!(!problem.contains("hunter2"), "{problem}");
    };
    check("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", [None; 3]);
    check(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "htp://me:hunter2@collector",
        [None; 3],
    );
    let rest = [
        Some("http://o2/api/a/v1/traces"),
        Some("http://o2/api/a/v1/metrics"),
        None,
    ];
    check(
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "me:hunter2@collector",
        rest,
    );
}

#[test]
fn other_protocols_are_told_once_with_the_address_to_use() {
    let check = |pairs: &[(&str, &str)], expected: &str| {
        let (settings, problems) = read(pairs);
        let problem = one(&problems);
        assert!(problem.contains(expected), "{problem}");
        assert!(endpoints(&settings).iter().all(Option::is_some));
    };
    let protocol = |value| ("OTEL_EXPORTER_OTLP_PROTOCOL", value);
    let grpc_port = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    check(&[BASE, protocol("grpc")], "http://collector:4318");
    check(&[BASE, protocol("http/json")], "http://collector:4318");
    check(&[grpc_port], "http://collector:4318");
    check(&[grpc_port, protocol("grpc")], "http://collector:4318");
    check(
        &[grpc_port, protocol("http/protobuf")],
        "http://collector:4318",
    );
    check(
        &[BASE, ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")],
        "http/protobuf",
    );
    assert_eq!(read(&[BASE, protocol("http/protobuf")]).1, []);
}

#[test]
fn credentials_come_from_one_place_and_go_to_their_server() {
    let authorization = |pairs: &[(&str, &str)]| {
        let target = target(pairs, Signal::Logs);
        let value = target
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned());
        assert!(!format!("{target:?} {target}").contains("Basic"));
        (value, target.credentials_from)
    };
    let openobserve = [("OPENOBSERVE_USERNAME", "u"), ("OPENOBSERVE_PASSWORD", "p")];
    let from = |value: &str, variable: &str| (Some(value.to_owned()), Some(variable.to_owned()));
    let ours = from(
        "Basic dTpw",
        "OPENOBSERVE_USERNAME and OPENOBSERVE_PASSWORD",
    );
    let check = |more: &[(&str, &str)], expected: &(Option<String>, Option<String>)| {
        assert_eq!(
            &authorization(&[&openobserve, more].concat()),
            expected,
            "{more:?}"
        );
    };
    check(&[("OPENOBSERVE_URL", "http://o2")], &ours);
    check(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://o2/api/default")],
        &ours,
    );
    // Another server does not get them.
    check(&[BASE, ("OPENOBSERVE_URL", "http://o2")], &(None, None));
    check(&[BASE], &(None, None));
    check(
        &[
            ("OPENOBSERVE_URL", "http://o2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20x"),
        ],
        &from("Basic x", "OTEL_EXPORTER_OTLP_HEADERS"),
    );
    check(
        &[("OPENOBSERVE_URL", "http://a:b@o2")],
        &from("Basic YTpi", "OPENOBSERVE_URL"),
    );
}

#[test]
fn half_of_the_credentials_is_a_problem() {
    let url = ("OPENOBSERVE_URL", "http://o2");
    assert!(
        one(&read(&[url, ("OPENOBSERVE_USERNAME", "u")]).1).starts_with("OPENOBSERVE_PASSWORD")
    );
    assert!(
        one(&read(&[url, ("OPENOBSERVE_PASSWORD", "hunter2")]).1)
            .starts_with("OPENOBSERVE_USERNAME")
    );
}

#[test]
fn streams_have_a_header_where_openobserve_knows_one() {
    let stream = |signal: Signal, more: &[(&str, &str)]| {
        let streams = [
            ("OPENOBSERVE_STREAM_LOGS", "l"),
            ("OPENOBSERVE_STREAM_TRACES", "t"),
        ];
        let target = target(&[&streams, more].concat(), signal);
        target
            .headers
            .get("stream-name")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let url = ("OPENOBSERVE_URL", "http://o2");
    assert_eq!(stream(Signal::Logs, &[url]).as_deref(), Some("l"));
    assert_eq!(stream(Signal::Traces, &[url]).as_deref(), Some("t"));
    assert_eq!(stream(Signal::Metrics, &[url]), None);
    assert_eq!(stream(Signal::Logs, &[BASE]), None);
    let header = ("OTEL_EXPORTER_OTLP_HEADERS", "stream-name=mine");
    assert_eq!(
        stream(Signal::Logs, &[url, header]).as_deref(),
        Some("mine")
    );
    let problem = one(&read(&[url, ("OPENOBSERVE_STREAM_METRICS", "m")]).1);
    assert!(
        problem.contains("names the stream of a metric after the metric"),
        "{problem}"
    );
}

#[test]
fn openobserve_is_recognised_by_its_variables_or_its_path() {
    let check = |pairs: &[(&str, &str)], expected: bool| {
        assert_eq!(read(pairs).0.is_openobserve(), expected, "{pairs:?}");
    };
    check(&[("OPENOBSERVE_URL", "http://o2")], true);
    check(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://o2/api/default")],
        true,
    );
    check(&[BASE], false);
    check(&[BASE, ("OPENOBSERVE_URL", "http://o2")], false);
}

#[test]
fn malformed_headers_are_told_without_their_text() {
    let headers = (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "x-a=1,Bearer hunter2,x b=hunter2",
    );
    let (settings, problems) = read(&[BASE, headers]);
    assert_eq!(settings.signal(Signal::Logs).unwrap().headers["x-a"], "1");
    let problem = one(&problems);
    assert!(
        problem.starts_with(r#"OTEL_EXPORTER_OTLP_HEADERS="[REDACTED]""#),
        "{problem}"
    );
    assert!(
        problem.contains("entry 2 has no `=`, entry 3 has no valid name"),
        "{problem}"
    );
    assert!(!problem.contains("hunter2"));
}

#[test]
fn compression_depends_on_the_distance_unless_it_is_said() {
    let check = |pairs: &[(&str, &str)], expected: bool| {
        assert_eq!(target(pairs, Signal::Logs).gzip, expected, "{pairs:?}");
    };
    let near = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    let compression = |value| ("OTEL_EXPORTER_OTLP_COMPRESSION", value);
    check(&[BASE], true);
    check(&[near], false);
    check(&[near, compression("gzip")], true);
    check(&[BASE, compression("none")], false);
    check(
        &[
            BASE,
            compression("none"),
            ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "gzip"),
        ],
        true,
    );
    assert_eq!(
        target(&[BASE], Signal::Logs).to_string(),
        "http://collector:4318/v1/logs (gzip)"
    );
    assert!(one(&read(&[BASE, compression("zstd")]).1).contains("gzip or none"));
}

#[test]
fn times_and_sizes_are_read_or_told() {
    let millis = Duration::from_millis;
    let pairs = [
        BASE,
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "200"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "4096"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "15000"),
    ];
    let (logs, traces) = (target(&pairs, Signal::Logs), target(&pairs, Signal::Traces));
    assert_eq!((logs.timeout, traces.timeout), (millis(2_500), millis(300)));
    assert_eq!(
        (logs.limits.delay, traces.limits.delay),
        (millis(200), millis(5_000))
    );
    assert_eq!((logs.limits.items, traces.limits.batch_items), (4_096, 64));
    assert_eq!(read(&pairs).0.metric_interval, millis(15_000));
    let defaults = target(&[BASE], Signal::Logs);
    assert_eq!(
        (defaults.timeout, defaults.limits.delay),
        (millis(10_000), millis(1_000))
    );
    assert_eq!(read(&[]).0.metric_interval, millis(60_000));
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "x"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_LOGS_EXPORTER", "console"),
        ("OTEL_SDK_DISABLED", "maybe"),
    ] {
        let (settings, problems) = read(&[BASE, (variable, value)]);
        assert!(one(&problems).starts_with(variable));
        assert!(endpoints(&settings).iter().all(Option::is_some));
    }
}

#[test]
fn metrics_have_one_form_and_others_are_told() {
    let temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    let aggregation = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    let right = [
        (temporality, "Cumulative"),
        (aggregation, "explicit_bucket_histogram"),
    ];
    assert_eq!(read(&[&[BASE], &right[..]].concat()).1, []);
    for (variable, value) in [
        (temporality, "delta"),
        (temporality, "lowmemory"),
        (aggregation, "base2_exponential_bucket_histogram"),
    ] {
        assert!(one(&read(&[BASE, (variable, value)]).1).starts_with(variable));
    }
}
