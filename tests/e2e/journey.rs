//! A reader's journey with errors in it, followed through files, traces, logs and metrics.

use std::collections::{BTreeMap, BTreeSet};

use obs_core::testing::{Received, Receiver, attribute};
use obs_tests::{
    http::Answer,
    logs, otlp,
    service::{Ended, Service, Setup},
};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::steps::{Step, Taken, UNSAMPLED_CALLER, USER_AGENT, travel};

#[test]
fn every_request_of_a_journey_can_be_followed_in_every_signal() {
    let receiver = Receiver::start();
    let service = Setup::new()
        .sends_to(&receiver)
        .var("RUST_LOG", "recipe_api=debug")
        .start();
    assert_probes_answer(&service);

    let journey = travel(&service);
    receiver.wait_until(|receiver| receiver.span_count() > 0 && receiver.log_count() > 0);
    assert_probes_answer(&service);
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());

    assert_answers(&journey);
    assert_log_file(&journey, &ended);
    assert_traces(&journey, &receiver);
    assert_log_records(&journey, &receiver);
    assert_metrics(&journey, &receiver);
    assert_resources(&receiver);
    assert!(logs::errors(&ended.logs_folder()).is_empty(), "no error");
}

fn assert_probes_answer(service: &Service) {
    for (path, status) in [
        ("/health/live", "ok"),
        ("/health/ready", "ok"),
        ("/health/startup", "started"),
        ("/health", "ok"),
    ] {
        let answer = service.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["status"], status, "{path}");
        assert!(answer.json()["timestamp"].is_string(), "{path}");
    }
    let ready = service.get("/health/ready").json();
    assert_eq!(ready["checks"]["database"], "ok", "{ready}");
    let live = service.get("/health/live").json();
    assert!(live["uptime"].is_number() && live["version"].is_string());
}

fn assert_answers(journey: &[Taken]) {
    let mut ids = BTreeSet::new();
    for Taken { step, answer } in journey {
        let name = step.name;
        assert_eq!(answer.status, step.status, "{name}: {answer:?}");
        assert!(ids.insert(answer.request_id()), "{name}: its own id");
        if let Some(id) = step.request_id {
            assert_eq!(answer.request_id(), id, "{name}");
        }
        if step.status >= 400 {
            assert_problem(name, answer);
        }
    }
    let by_name = |name| {
        let taken = journey.iter().find(|taken| taken.step.name == name);
        taken.unwrap().answer.json()
    };
    let list = by_name("list");
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    assert_eq!(list["pagination"]["limit"], 3);
    assert!(list["pagination"]["total"].as_u64().unwrap() > 3);
    let found = by_name("search");
    assert!(found["pagination"]["total"].as_u64().unwrap() >= 1);
    let recipe = by_name("open, for a caller that samples");
    for key in ["id", "title", "visibility"] {
        assert!(recipe[key].is_string(), "{key} in {recipe}");
    }
    for key in ["tags", "ingredients", "steps"] {
        assert!(recipe[key].is_array(), "{key} in {recipe}");
    }
    for key in [
        "description",
        "servings",
        "prepMinutes",
        "cookMinutes",
        "cuisine",
    ] {
        assert!(recipe.get(key).is_some(), "{key} in {recipe}");
    }
}

/// The documented body: RFC 9457 with the ids and the coded error.
fn assert_problem(name: &str, answer: &Answer) {
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{name}");
    let body = answer.json();
    let code = match answer.status {
        400 => "VALIDATION_ERROR",
        404 => "NOT_FOUND",
        413 => "PAYLOAD_TOO_LARGE",
        other => panic!("{name}: {other}"),
    };
    assert_eq!(body["status"], answer.status, "{name}: {body}");
    assert_eq!(body["error"]["code"], code, "{name}: {body}");
    assert!(body["error"]["message"].is_string(), "{name}: {body}");
    assert!(body["error"]["details"].is_object(), "{name}: {body}");
    for key in ["type", "title", "detail", "traceId"] {
        assert!(body[key].is_string(), "{name}: {key} in {body}");
    }
    let id = answer.request_id();
    assert_eq!(body["requestId"], id, "{name}");
    assert_eq!(body["instance"], format!("urn:request:{id}"), "{name}");
    if answer.status == 400 {
        assert!(body["error"]["details"]["limit"].is_string(), "{body}");
    }
}

fn assert_log_file(journey: &[Taken], ended: &Ended) {
    let lines = ended.log_lines();
    let access: Vec<_> = logs::with(&lines, "level", "http");
    assert_eq!(
        access.len(),
        journey.len(),
        "one line a request, none for probes"
    );
    for Taken { step, answer } in journey {
        let name = step.name;
        let of_request = logs::with(&lines, "requestId", answer.request_id());
        let access: Vec<_> = access
            .iter()
            .filter(|line| line["requestId"] == answer.request_id())
            .collect();
        let [line] = access.as_slice() else {
            panic!("{name}: one access line: {access:?}");
        };
        let expected = [
            ("method", json!(step.method)),
            ("path", json!(step.path)),
            ("route", json!(step.route)),
            ("statusCode", json!(step.status)),
            ("ip", json!("127.0.0.1")),
            ("service", json!("recipe-api")),
            ("environment", json!("development")),
            ("target", json!("obs::access")),
        ];
        for (key, value) in expected {
            assert_eq!(line[key], value, "{name}: {key} in {line}");
        }
        let duration = line["duration"].as_f64().unwrap();
        assert!(
            (0.0..30_000.0).contains(&duration),
            "{name}: milliseconds in {line}"
        );
        assert_eq!(line["traceId"].as_str().unwrap().len(), 32, "{name}");
        assert_eq!(line["spanId"].as_str().unwrap().len(), 16, "{name}");
        if let Some(caller) = step.caller {
            assert_eq!(line["traceId"], caller.trace_id, "{name}");
        }
        if step.status >= 400 {
            assert_eq!(
                line["traceId"],
                answer.json()["traceId"],
                "{name}: the client is told"
            );
        }
        for other in of_request {
            assert_eq!(other["traceId"], line["traceId"], "{name}: {other}");
        }
    }
    assert_own_lines(journey, &lines);
}

/// The service's own lines, written deep inside a request, are tied to it too.
fn assert_own_lines(journey: &[Taken], lines: &[Value]) {
    let own: Vec<_> = lines
        .iter()
        .filter(|line| {
            line["target"]
                .as_str()
                .unwrap()
                .starts_with("recipe_api::http")
        })
        .collect();
    assert!(!own.is_empty(), "the service logs a search");
    let ids: BTreeSet<&str> = journey.iter().map(Taken::id).collect();
    for line in own {
        let id = line["requestId"].as_str().unwrap_or_default();
        assert!(ids.contains(id), "of a request: {line}");
        assert!(
            line["traceId"].is_string() && line["spanId"].is_string(),
            "{line}"
        );
    }
}

fn assert_traces(journey: &[Taken], receiver: &Receiver) {
    let spans = otlp::Spans::of(receiver);
    let sampled: Vec<_> = journey
        .iter()
        .filter(|taken| taken.step.is_sampled())
        .collect();
    assert_eq!(
        spans.of_servers().len(),
        sampled.len(),
        "one for each, none for probes"
    );
    for Taken { step, answer } in sampled {
        let name = step.name;
        let span = spans.of_request(answer.request_id());
        let expected_name = match step.route {
            Some(route) => format!("{} {route}", step.method),
            None => step.method.to_owned(),
        };
        assert_eq!(span.name, expected_name, "{name}");
        assert_eq!(status_code(span), 0, "{name}: unset, also for 4xx");
        assert!(
            span.start_time_unix_nano < span.end_time_unix_nano,
            "{name}"
        );
        let (trace_id, parent) = (otlp::hex(&span.trace_id), otlp::hex(&span.parent_span_id));
        match step.caller {
            Some(caller) => {
                assert_eq!(trace_id.as_deref(), Some(caller.trace_id), "{name}");
                assert_eq!(parent.as_deref(), Some(caller.span_id), "{name}");
            }
            None => assert_eq!(parent, None, "{name}"),
        }
        assert_server_attributes(step, span);
        assert_statements(step, span, &spans);
    }
    let unsampled = Some(UNSAMPLED_CALLER.trace_id.to_owned());
    let refused = |span: &Received<Span>| otlp::hex(&span.trace_id) == unsampled;
    assert!(!spans.all().iter().any(refused), "the caller decides");
}

fn status_code(span: &Span) -> i32 {
    span.status.as_ref().map_or(0, |status| status.code)
}

fn assert_server_attributes(step: &Step, span: &Received<Span>) {
    let attributes = otlp::attributes(&span.attributes);
    let expected = [
        ("http.request.method", json!(step.method)),
        ("http.response.status_code", json!(step.status)),
        ("http.route", json!(step.route)),
        ("url.path", json!(step.path)),
        ("url.query", json!(step.query)),
        ("url.scheme", json!("http")),
        ("network.protocol.version", json!("1.1")),
        ("server.address", json!("localhost")),
        ("client.address", json!("127.0.0.1")),
        ("user_agent.original", json!(USER_AGENT)),
        ("error.type", Value::Null),
    ];
    for (key, value) in expected {
        let found = attributes.get(key).unwrap_or(&Value::Null);
        assert_eq!(*found, value, "{}: {key}", step.name);
    }
}

/// Statements are client spans below the request, named after what they do and where.
fn assert_statements(step: &Step, server: &Span, spans: &otlp::Spans) {
    let children = spans.below(server);
    let mut selects = 0;
    for span in children {
        assert_eq!(span.kind, otlp::CLIENT, "{}: {span:?}", step.name);
        let attributes = otlp::attributes(&span.attributes);
        assert_eq!(attributes["db.system.name"], "sqlite", "{}", step.name);
        let operation = attributes["db.operation.name"].as_str().unwrap();
        let collection = attributes["db.collection.name"].as_str().unwrap();
        assert_eq!(span.name, format!("{operation} {collection}"));
        selects += usize::from(operation == "SELECT" && collection == "recipes");
        assert_eq!(status_code(span), 0, "{}", step.name);
        assert!(server.start_time_unix_nano <= span.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= server.end_time_unix_nano);
    }
    assert_eq!(selects > 0, step.reads, "{}: {selects} queries", step.name);
}

fn assert_log_records(journey: &[Taken], receiver: &Receiver) {
    let spans = otlp::Spans::of(receiver);
    for Taken { step, answer } in journey {
        let name = step.name;
        let records = otlp::logs_of_request(receiver, answer.request_id());
        let (access, own): (Vec<_>, Vec<_>) = records
            .iter()
            .partition(|record| record.scope.name == "obs::access");
        let [access] = access.as_slice() else {
            panic!("{name}: one access record: {records:?}");
        };
        assert_eq!(access.severity_number, 9, "{name}");
        assert_eq!(access.severity_text, "INFO", "{name}");
        assert!(
            access.message().is_some_and(|message| !message.is_empty()),
            "{name}"
        );
        let attributes = otlp::attributes(&access.attributes);
        assert_eq!(
            attributes["http.response.status_code"], step.status,
            "{name}"
        );
        assert_eq!(attributes["url.path"], step.path, "{name}");
        assert!(
            attributes.keys().all(|key| !key.contains("requestId")),
            "{name}: not camelCase"
        );
        if step.is_sampled() {
            let server = spans.of_request(answer.request_id());
            let of_trace = |span_id: &[u8]| {
                span_id == server.span_id
                    || spans
                        .all()
                        .iter()
                        .any(|span| span.trace_id == server.trace_id && span.span_id == span_id)
            };
            assert_eq!(access.trace_id, server.trace_id, "{name}");
            assert_eq!(access.span_id, server.span_id, "{name}");
            for record in own {
                assert_eq!(record.trace_id, server.trace_id, "{name}");
                assert!(of_trace(&record.span_id), "{name}: {record:?}");
            }
        } else if let Some(caller) = step.caller {
            assert_eq!(
                otlp::hex(&access.trace_id).as_deref(),
                Some(caller.trace_id),
                "{name}"
            );
            assert!(otlp::hex(&access.span_id).is_some(), "{name}");
        }
    }
    let probes = receiver.logs().into_iter().filter(|record| {
        let path = record.attribute("url.path").unwrap_or_default();
        path.starts_with("/health")
    });
    assert_eq!(probes.count(), 0, "probes are not logged");
}

fn assert_metrics(journey: &[Taken], receiver: &Receiver) {
    let duration = otlp::histogram(receiver, "http.server.request.duration");
    assert_eq!(duration.metric.unit, "s");
    let mut expected = BTreeMap::new();
    for Taken { step, .. } in journey {
        *expected
            .entry((
                step.method.to_owned(),
                step.route.map(str::to_owned),
                step.status,
            ))
            .or_insert(0_u64) += 1;
    }
    let mut counted = BTreeMap::new();
    for point in &duration.points {
        let attributes = otlp::attributes(&point.attributes);
        for key in attributes.keys() {
            assert!(
                METRIC_ATTRIBUTES.contains(&key.as_str()),
                "{key} is of no closed set"
            );
        }
        assert_eq!(attributes["url.scheme"], "http");
        assert_eq!(attributes["network.protocol.version"], "1.1");
        assert_eq!(point.explicit_bounds, BOUNDS);
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
        let status = attributes["http.response.status_code"].as_i64().unwrap();
        let route = attributes
            .get("http.route")
            .map(|route| route.as_str().unwrap().to_owned());
        let method = attributes["http.request.method"]
            .as_str()
            .unwrap()
            .to_owned();
        counted.insert((method, route, u16::try_from(status).unwrap()), point.count);
    }
    assert_eq!(counted, expected, "each request once, no probe");
}

/// Everything that was sent says who sent it.
fn assert_resources(receiver: &Receiver) {
    let spans = receiver.spans().into_iter().map(|record| record.resource);
    let records = receiver.logs().into_iter().map(|record| record.resource);
    let metrics = receiver.metrics().into_iter().map(|record| record.resource);
    let mut instances = BTreeSet::new();
    for resource in spans.chain(records).chain(metrics) {
        let value = |key| attribute(&resource.attributes, key).unwrap_or_default();
        assert_eq!(value("service.name"), "recipe-api");
        assert_eq!(value("service.version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(value("deployment.environment.name"), "development");
        instances.insert(value("service.instance.id"));
    }
    assert_eq!(instances.len(), 1, "one process: {instances:?}");
    assert_eq!(
        instances.first().unwrap().len(),
        36,
        "a UUID: {instances:?}"
    );
}

const METRIC_ATTRIBUTES: [&str; 6] = [
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
    "url.scheme",
    "error.type",
];

const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
