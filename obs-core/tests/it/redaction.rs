//! What is sensitive leaves through no output, wherever in a record it stands.

use obs_core::SpanExt as _;
use obs_core::testing;

#[test]
fn secrets_leave_through_no_output() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "read by its `Debug` form")]
    struct Login {
        user: &'static str,
        password: String,
    }

    let canary = |place: &str| format!("canary{place}{}", std::process::id());
    let places = [
        "field",
        "message",
        "debug",
        "span",
        "late",
        "attribute",
        "header",
        "url",
        "query",
    ];
    let t = testing::pipeline();
    t.run_sync(|| {
        let span = tracing::info_span!(
            "login",
            session_token = canary("span"),
            client_secret = tracing::field::Empty
        );
        span.record("client_secret", canary("late"));
        span.set_attribute("x-api-key", canary("attribute"));
        let _entered = span.enter();
        tracing::info!(password = canary("field"), "field");
        tracing::info!("signed in with password={} today", canary("message"));
        tracing::info!(login = ?Login { user: "ann", password: canary("debug") }, "debug");
        tracing::info!(header = %format!("Authorization: Bearer {}", canary("header")), "header");
        tracing::info!(target_url = %format!("https://ann:{}@example.com/", canary("url")), "url");
        tracing::info!(path = %format!("/reset?token={}", canary("query")), "query");
        tracing::info!(
            pin_code = 7,
            cvv = 12345,
            card = 4_111_111_111_111_111_i64,
            at = 1_771_185_600_000_i64,
            "number"
        );
    });
    for place in places {
        t.assert_absent(&canary(place));
    }
    assert_eq!(t.logs().len(), 7, "nothing was lost on the way");
    t.spans()
        .one("login")
        .has("session_token", "[REDACTED]")
        .has("x-api-key", "[REDACTED]");
    t.logs()
        .one("number")
        .has("cvv", "[REDACTED]")
        .has("card", "[REDACTED]")
        .has("at", 1_771_185_600_000_i64);
    let shown = t.logs().one("debug");
    assert!(
        shown.attribute("login").unwrap().contains("ann"),
        "the rest stays readable"
    );
}

#[test]
fn what_is_not_sensitive_stays() {
    let t = testing::pipeline();
    t.run_sync(|| {
        tracing::info!(
            token_count = 17,
            author = "ann",
            session_duration = 2.5,
            order = "4111-2222",
            "plain"
        );
    });
    let log = t.logs().one("plain");
    log.has("token_count", 17)
        .has("author", "ann")
        .has("session_duration", 2.5)
        .has("order", "4111-2222");
}

#[test]
fn names_and_patterns_of_ones_own_are_honoured() {
    let t = testing::pipeline_with(&[
        ("REDACT_FIELDS", "badge_number, shoeSize"),
        ("REDACT_ALLOW", "session_token"),
        ("REDACT_PATTERNS", "EMP-[0-9]{4}"),
    ]);
    t.run_sync(|| {
        tracing::info!(
            badge_number = 7,
            shoe_size = 42,
            session_token = "shown",
            "by EMP-1234"
        )
    });
    t.logs()
        .one("by [REDACTED]")
        .has("badge_number", "[REDACTED]")
        .has("shoe_size", "[REDACTED]")
        .has("session_token", "shown");
}

#[test]
fn urls_are_read_behind_their_encoding() {
    let t = testing::pipeline();
    t.run_sync(|| {
        tracing::info!(
            url.full = "https://example.com/go/https%3A%2F%2Fann%3Acanary1%40host%2F",
            url.query = "a=1&pass%77ord=canary2",
            "url"
        );
    });
    t.assert_absent("canary");
    assert_eq!(t.logs().len(), 1);
}

#[test]
fn bytes_of_the_opentelemetry_api_are_redacted() {
    use obs_core::otel::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};

    let t = testing::pipeline();
    let logger = obs_core::otel::logger_provider(&t.telemetry().handle()).logger("library");
    let mut record = logger.create_log_record();
    record.set_body(AnyValue::from("x"));
    record.add_attribute(
        "raw",
        AnyValue::Bytes(Box::new(b"password=canary3".to_vec())),
    );
    logger.emit(record);
    t.assert_absent("canary3");
    assert_eq!(t.logs().len(), 1);
}
