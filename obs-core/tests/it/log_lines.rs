//! The JSON log line is a contract: keys, order of precedence, types, files.

use std::collections::BTreeSet;

use obs_core::SpanExt as _;
use serde_json::json;

use crate::support::Files;

#[test]
fn a_line_has_the_documented_keys_with_typed_values() {
    let files = Files::with(&[("APP_ENV", "production")]);
    files.run(|| {
        tracing::info!(target: "shop::cart", items = 3, total = 9.5, paid = true, note = "a \"b\"\n", big = u64::MAX, "sold");
    });
    let line = files.line();
    assert_eq!(line["level"], "info");
    assert_eq!(line["message"], "sold");
    assert_eq!(line["service"], "shop");
    assert_eq!(line["environment"], "production");
    assert_eq!(line["version"], "1.2.3");
    assert_eq!(line["target"], "shop::cart");
    assert_eq!(line["items"], 3);
    assert_eq!(line["total"], 9.5);
    assert_eq!(line["paid"], true);
    assert_eq!(line["note"], "a \"b\"\n");
    assert_eq!(line["big"], u64::MAX.to_string());
    let timestamp = line["timestamp"].as_str().unwrap();
    assert_eq!(timestamp.len(), "2026-02-15T20:00:00.000Z".len());
    assert!(timestamp.ends_with('Z'));
    let keys: Vec<&str> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys.len(), 12, "nothing else: {keys:?}");
}

#[test]
fn attributes_of_the_request_become_context_keys() {
    let files = Files::with(&[]);
    files.run(|| {
        let request = tracing::info_span!(
            "request",
            request.id = "r-1",
            user.id = tracing::field::Empty,
            client.address = "192.168.1.1",
            http.request.method = "POST",
            url.path = "/api/auth/login",
            http.route = "/api/auth/{action}",
            other = 1,
        );
        request.record("user.id", "user123");
        let _entered = request.enter();
        tracing::info!(
            http.response.status_code = 200,
            http.server.request.duration = 0.045,
            "User logged in"
        );
    });
    let line = files.line();
    let expected = [
        ("requestId", json!("r-1")),
        ("userId", json!("user123")),
        ("ip", json!("192.168.1.1")),
        ("method", json!("POST")),
        ("path", json!("/api/auth/login")),
        ("route", json!("/api/auth/{action}")),
        ("statusCode", json!(200)),
        ("duration", json!(45)),
        ("other", json!(1)),
    ];
    for (key, value) in expected {
        assert_eq!(line[key], value, "{key}");
    }
    assert_eq!(line["traceId"].as_str().unwrap().len(), 32);
    assert_eq!(line["spanId"].as_str().unwrap().len(), 16);
    assert!(
        line.get("request.id").is_none(),
        "context keys are not repeated: {line}"
    );
}

#[test]
fn no_key_comes_twice_and_core_keys_win() {
    let files = Files::with(&[]);
    files.run(|| {
        let outer = tracing::info_span!("outer", color = "outer", level = "span", depth = 1);
        let _outer = outer.enter();
        let inner = tracing::info_span!("inner", color = "inner", request.id = "r-1");
        let _inner = inner.enter();
        tracing::info!(
            level = "mine",
            target = "mine",
            requestId = "mine",
            traceId = "mine",
            depth = 3,
            "field.level" = 6,
            "collide"
        );
    });
    let line = files.line();
    let text = files.folder.text("combined");
    assert_eq!(line["level"], "info");
    assert_eq!(
        line["field.field.level"], "mine",
        "unlike the field of that name"
    );
    assert_eq!(line["field.level"], 6);
    assert_eq!(line["field.target"], "mine");
    assert_eq!(line["requestId"], "r-1");
    assert_eq!(line["field.requestId"], "mine");
    assert_eq!(line["field.traceId"], "mine");
    assert_eq!(line["color"], "inner", "the inner span wins");
    assert_eq!(line["depth"], 3, "the event wins over its spans");
    let keys: Vec<&str> = text
        .split("\":")
        .filter_map(|part| part.rsplit('"').next())
        .collect();
    let unique: BTreeSet<&str> = keys.iter().copied().collect();
    assert_eq!(keys.len(), unique.len(), "{text}");
}

#[test]
fn snake_case_is_a_setting() {
    let files = Files::with(&[("LOG_FIELD_STYLE", "snake")]);
    files.run(|| {
        let _span = tracing::info_span!("request", request.id = "r-1").entered();
        tracing::info!(user.id = "u", http.response.status_code = 200, "x");
    });
    let line = files.line();
    for key in [
        "request_id",
        "user_id",
        "status_code",
        "trace_id",
        "span_id",
    ] {
        assert!(line.get(key).is_some(), "{key} in {line}");
    }
}

#[test]
fn errors_stand_in_both_files() {
    let files = Files::with(&[]);
    files.run(|| {
        tracing::warn!("only combined");
        let cause = std::io::Error::other("disk gone");
        tracing::error!(error = &cause as &dyn std::error::Error, "both");
    });
    assert_eq!(files.lines().len(), 2);
    let errors = files.folder.text("error");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains(r#""level":"error","message":"both""#) && errors.contains("disk gone"),
        "{errors}"
    );
}

#[test]
fn access_events_print_as_http() {
    let files = Files::with(&[]);
    files.run(|| tracing::info!(target: "obs::access", "GET /"));
    assert_eq!(files.line()["level"], "http");
    let off = Files::with(&[("RUST_LOG", "obs::access=off")]);
    off.run(|| {
        tracing::info!(target: "obs::access", "GET /");
        tracing::info!("kept");
    });
    assert_eq!(off.line()["message"], "kept");
}

#[test]
fn a_late_record_replaces_the_value() {
    let files = Files::with(&[]);
    files.run(|| {
        let span = tracing::info_span!("job", state = "new");
        span.record("state", "done");
        span.set_attribute("attempts", 2);
        let _entered = span.enter();
        tracing::info!("x");
    });
    let line = files.line();
    assert_eq!(line["state"], "done");
    assert_eq!(line["attempts"], 2);
}

#[test]
fn a_debug_implementation_that_logs_does_no_harm() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!("inner");
            f.write_str("chatty")
        }
    }
    let files = Files::with(&[]);
    files.run(|| {
        let span = tracing::info_span!("job", late = tracing::field::Empty);
        span.record("late", tracing::field::debug(Chatty));
        let _entered = span.enter();
        tracing::info!(value = ?Chatty, "outer");
    });
    let lines = files.lines();
    let messages: Vec<&str> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    // `tracing` itself drops an event inside an event where a subscriber is set for a scope only.
    assert_eq!(messages, ["inner", "outer"]);
    assert_eq!(lines[1]["value"], "chatty");
    assert_eq!(lines[1]["late"], "chatty");
}

#[test]
fn spans_carry_context_whatever_the_log_level() {
    let files = Files::with(&[("LOG_LEVEL", "error")]);
    files.run(|| {
        let _span = tracing::info_span!("request", request.id = "r-1").entered();
        tracing::info!("hidden");
        tracing::error!("shown");
    });
    assert_eq!(files.line()["requestId"], "r-1");
}
